//! The host that a request is for.

use std::net::Ipv6Addr;

use axum::extract::Request;
use axum::http::Version;
use axum::http::header::HOST;

/// A Host header that is missing, repeated or malformed.
#[derive(Debug)]
pub(super) struct BadHost;

/// Returns the requested host: the Host header, unless the request target names one (RFC 9112,
/// section 3.2.2). Only HTTP/1.0 may omit the header.
pub(super) fn host(request: &Request) -> Result<Option<&str>, BadHost> {
    let mut headers = request.headers().get_all(HOST).iter();
    let header = match (headers.next(), headers.next()) {
        (Some(host), None) => match host.to_str() {
            Ok(host) if is_valid_host(host) => Some(host),
            _ => return Err(BadHost),
        },
        (None, None) if request.version() < Version::HTTP_11 => None,
        _ => return Err(BadHost),
    };
    Ok(request.uri().host().or(header))
}

/// Returns whether a text is a host with an optional port (RFC 3986, section 3.2.2), as that of an
/// http URL: not empty.
fn is_valid_host(text: &str) -> bool {
    let in_name = |b: &u8| {
        matches!(b, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'%'
            | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=')
    };
    let name_length = text.bytes().take_while(in_name).count();
    let port = match text.strip_prefix('[') {
        None if name_length == 0 => return false,
        None => &text[name_length..],
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) if address.parse::<Ipv6Addr>().is_ok() => port,
            _ => return false,
        },
    };
    port.is_empty() || port.starts_with(':') && port[1..].bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_is_a_name_or_an_address_with_an_optional_port() {
        for host in [
            "a.example",
            "a.example:8080",
            "A_b.example.:",
            "192.0.2.1:80",
            "[2001:db8::1]",
            "[::1]:80",
            "a%2db.example",
        ] {
            assert!(is_valid_host(host), "{host}");
        }
        for host in [
            "",
            ":80",
            "a.example:80:80",
            "a.example:http",
            "a.example/m",
            "http://a.example",
            "user@a.example",
            "a.example b.example",
            "<script>",
            "2001:db8::1",
            "[2001:db8::1",
            "[2001:db8::1]80",
            "[a.example]",
            "a\\b",
            "a#b",
            "a?b",
        ] {
            assert!(!is_valid_host(host), "{host}");
        }
    }
}
