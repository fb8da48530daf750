//! nginx's `combined` access log format, for tools that read it.

use std::fmt::Write as _;
use std::time::SystemTime;

/// How many bytes of one client-supplied text a line shows. The journal splits lines of more than
/// 48 KiB, and an escape takes four bytes.
const LONGEST: usize = 2048;

/// One request, for one line of the log.
#[derive(Debug, Default)]
pub struct Entry<'a> {
    /// The client's address; empty if unknown.
    pub client: &'a str,
    /// The request line, as it was sent.
    pub request: &'a str,
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
    /// Returns the line, without a newline. The time is now, in UTC.
    pub fn line(&self) -> String {
        let client = match self.client {
            "" => "-",
            // As nginx writes the client of a Unix socket.
            "unix" => "unix:",
            client => client,
        };
        let time = local_time(SystemTime::now());
        let mut line = format!("{client} - - [{time}] \"");
        escape(&mut line, self.request.as_bytes());
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

    #[test]
    fn escapes_as_nginx_does() {
        let mut line = String::new();
        escape(&mut line, b"a\"\\\x1b\n\x7f\xff~ b");
        assert_eq!(line, "a\\x22\\x5C\\x1B\\x0A\\x7F\\xFF~ b");
    }
}
