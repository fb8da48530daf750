//! nginx's `combined` access log format, for tools that read it.

use std::fmt::Write as _;
use std::time::SystemTime;

/// How many bytes of one client-supplied text a line shows. The journal splits lines of more than
/// 48 KiB, and an escape takes four bytes.
const LONGEST: usize = 2048;

/// One request, for one line of the log.
#[derive(Debug)]
pub struct Entry<'a> {
    /// The client's address; empty if unknown.
    pub client: &'a str,
    /// The request line, as it was sent.
    pub request: &'a [u8],
    /// The response's status.
    pub status: u16,
    /// The length of the response's body.
    pub bytes: u64,
    /// The Referer header.
    pub referer: Option<&'a [u8]>,
    /// The User-Agent header.
    pub agent: Option<&'a [u8]>,
}

impl Entry<'_> {
    /// Returns the line, without a newline. The time is in UTC.
    pub fn line(&self, time: SystemTime) -> String {
        let client = if self.client.is_empty() {
            "-"
        } else {
            self.client
        };
        let mut line = format!("{client} - - [{}] \"", local_time(time));
        escape(&mut line, self.request);
        _ = write!(line, "\" {} {} \"", self.status, self.bytes);
        escape(&mut line, self.referer.unwrap_or(b"-"));
        line.push_str("\" \"");
        escape(&mut line, self.agent.unwrap_or(b"-"));
        line.push('"');
        line
    }
}

/// Formats a time as nginx's `$time_local`, such as `06/Nov/1994:08:49:37 +0000`.
fn local_time(time: SystemTime) -> String {
    // `Sun, 06 Nov 1994 08:49:37 GMT`
    let date = httpdate::fmt_http_date(time);
    let parts: Vec<_> = date.split(' ').collect();
    match parts[..] {
        [_, day, month, year, time, _] => format!("{day}/{month}/{year}:{time} +0000"),
        _ => date,
    }
}

/// Escapes text as nginx's `log_format` does by default: quotes, backslashes, and everything that
/// is not printable ASCII.
fn escape(line: &mut String, text: &[u8]) {
    for &byte in text.iter().take(LONGEST) {
        match byte {
            b'"' | b'\\' | ..b' ' | 0x7f.. => _ = write!(line, "\\x{byte:02X}"),
            _ => line.push(char::from(byte)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn matches_the_format_of_nginx() {
        let entry = Entry {
            client: "192.0.2.7",
            request: b"GET /a?go-get=1 HTTP/1.1",
            status: 200,
            bytes: 612,
            referer: None,
            agent: Some(b"Go-http-client/1.1"),
        };
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(
            entry.line(time),
            "192.0.2.7 - - [06/Nov/1994:08:49:37 +0000] \"GET /a?go-get=1 HTTP/1.1\" 200 612 \
             \"-\" \"Go-http-client/1.1\""
        );
    }

    #[test]
    fn escapes_as_nginx_does() {
        let mut line = String::new();
        escape(&mut line, b"a\"\\\x1b\n\x7f\xff~ b");
        assert_eq!(line, "a\\x22\\x5C\\x1B\\x0A\\x7F\\xFF~ b");

        let mut line = String::new();
        escape(&mut line, &[b'"'; 20_000]);
        assert_eq!(line.len(), 4 * LONGEST);
    }
}
