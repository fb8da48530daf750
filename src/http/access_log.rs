//! The access log: one event per request.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{HOST, HeaderName, USER_AGENT};
use axum::http::{Method, Response};
use http_body::Body as _;
use tracing::info;

use super::is_go_get;
use crate::site::FoundModule;
use crate::text::is_invisible;

/// The target of the access log's events.
pub(crate) const ACCESS_LOG: &str = "access";
/// How many characters of each text from a client the access log shows. The journal splits lines
/// of more than 48 KiB.
const LONGEST_LOGGED: usize = 1024;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    /// A client at this address.
    Tcp(IpAddr),
    /// A process on this machine, over a Unix socket.
    Unix,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix => f.write_str("unix"),
        }
    }
}

/// Logs a request. Proxies name the client in X-Forwarded-For, which is logged as it was sent:
/// what is true of it depends on the proxies, and only the reader knows them.
///
/// tracing's formatters quote and escape each text, so a client can neither forge a line nor
/// control the terminal.
pub(super) fn log_access(
    request: &Request,
    response: &Response<Body>,
    module: Option<&FoundModule<'_>>,
    took: Duration,
) {
    let peer = request.extensions().get::<Peer>();
    let host = match request.uri().host() {
        Some(host) => host.to_owned(),
        None => header(request, HOST),
    };
    let target = request.uri().path_and_query();
    let bytes = match *request.method() {
        Method::HEAD => 0,
        _ => response.body().size_hint().exact().unwrap_or_default(),
    };
    info!(
        target: ACCESS_LOG,
        peer = peer.map(ToString::to_string).unwrap_or_default(),
        forwarded_for = cut(&header(request, X_FORWARDED_FOR)),
        method = cut(request.method().as_str()),
        host = cut(&host),
        path = cut(target.map_or("", |target| target.as_str())),
        status = response.status().as_u16(),
        bytes,
        micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        agent = cut(&header(request, USER_AGENT)),
        go_get = is_go_get(request.uri().query()),
        module = module.map(FoundModule::import_path).unwrap_or_default(),
        "request"
    );
}

/// Returns a header; several lines of it are one list.
fn header(request: &Request, name: HeaderName) -> String {
    let mut text = String::new();
    for line in request.headers().get_all(name) {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(&String::from_utf8_lossy(line.as_bytes()));
    }
    text
}

/// Cuts a text from a client to what the log shows. Characters that hide, or that control a
/// terminal, are replaced: JSON has them as they are.
fn cut(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars().take(LONGEST_LOGGED) {
        if c.is_control() || is_invisible(c) {
            shown.push(char::REPLACEMENT_CHARACTER);
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_text_at_a_character_boundary() {
        let long = "é".repeat(LONGEST_LOGGED + 1);
        assert_eq!(cut(&long).chars().count(), LONGEST_LOGGED);
        assert_eq!(cut("é"), "é");
    }
}
