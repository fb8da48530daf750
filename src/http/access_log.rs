//! The access log: one event or one line per request.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{HOST, USER_AGENT};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use http_body::Body as _;
use tracing::info;

use super::client::{self, Peer};
use super::{App, is_go_get};
use crate::site::FoundModule as Module;
use crate::text::is_invisible;

/// The target of the access log's events.
pub(crate) const ACCESS_LOG: &str = "access";
/// How many characters of each text from a client the access log shows.
const LONGEST_LOGGED: usize = 1024;

/// Whether and how requests are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessLog {
    /// No access log.
    Off,
    /// Each request is an event with fields.
    Fields,
}

/// Logs a request as one event. tracing's formatters quote and escape each text, so a client can
/// neither forge a line nor control the terminal.
pub(super) fn log_access(
    app: &App,
    request: &Request,
    response: &Response<Body>,
    module: Option<&Module<'_>>,
    took: Duration,
) {
    let header = |name| request.headers().get(name);
    let agent = header(USER_AGENT).map(HeaderValue::as_bytes);
    let host = request.uri().host().or_else(|| header(HOST)?.to_str().ok());
    let peer = request.extensions().get::<Peer>().copied();
    let target = request.uri().path_and_query();
    let bytes = sent(request, response);
    info!(
        target: ACCESS_LOG,
        client = client::address(peer, request.headers(), &app.trusted_proxies),
        method = cut(request.method().as_str()),
        host = cut(host.unwrap_or_default()),
        path = cut(target.map_or("", |target| target.as_str())),
        status = response.status().as_u16(),
        bytes,
        micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        agent = cut(&String::from_utf8_lossy(agent.unwrap_or_default())),
        go_get = is_go_get(request.uri().query()),
        module = module.map(Module::import_path).unwrap_or_default(),
        "request"
    );
}

/// Returns the number of body bytes that the client gets.
fn sent(request: &Request, response: &Response<Body>) -> u64 {
    match *request.method() {
        Method::HEAD => 0,
        _ => response.body().size_hint().exact().unwrap_or_default(),
    }
}

/// Logs a request that hyper rejected, with what is known of it.
pub(crate) fn log_rejected(access_log: AccessLog, peer: Option<Peer>, status: StatusCode) {
    let client = client::address(peer, &HeaderMap::new(), &[]);
    let status = status.as_u16();
    match access_log {
        AccessLog::Off => {}
        AccessLog::Fields => info!(
            target: ACCESS_LOG,
            client,
            method = "",
            host = "",
            path = "",
            status,
            bytes = 0u64,
            micros = 0u64,
            agent = "",
            go_get = false,
            module = "",
            "request"
        ),
    }
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
        assert_eq!(
            cut("a\x1b[2J\u{9b}\u{202e}\n"),
            "a\u{fffd}[2J\u{fffd}\u{fffd}\u{fffd}"
        );
    }
}
