//! Requests and responses: the axum router over a [`Site`].
//!
//! It knows no sockets and no files. The site can be replaced while requests are answered;
//! each is answered from the site that it started with.

use std::convert::Infallible;
use std::future::ready;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    HOST, IF_NONE_MATCH, LOCATION, REFERER, REFERRER_POLICY, USER_AGENT, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use axum::routing::{MethodRouter, any_service};
use bytes::Bytes;
use http_body::Body as _;
use prometheus_client::metrics::counter::Counter;
use tower::service_fn;
use tracing::info;

use crate::combined;
use crate::metrics::{Kind, Metrics};
use crate::page::{CONTENT_SECURITY_POLICY as POLICY, Page};
use crate::site::{Answer, FoundModule as Module, Site};

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
/// The go command prints the body of an error only as text/plain in UTF-8 or US-ASCII.
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// A module that was just added must not stay missing for a day.
const MISS_CACHE_CONTROL: HeaderValue = HeaderValue::from_static("public, max-age=60");
/// The target of the access log's events.
pub const ACCESS_LOG: &str = "access";
/// The target of events that are a line of the access log as they are.
pub const ACCESS_LINE: &str = "access_line";
/// The most characters of one text of a client that the access log shows.
const LONGEST_LOGGED: usize = 1024;
const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// A site, with what every response from it has in common.
#[derive(Debug)]
pub struct Serving {
    site: Site,
    headers: CommonHeaders,
    /// By the modules' numbers: the counter of each, once the go command has asked for it.
    go_gets: Box<[OnceLock<Counter>]>,
}

impl Serving {
    /// Makes a site ready to answer.
    pub fn new(site: Site) -> Self {
        let max_age = format!("public, max-age={}", site.cache_max_age());
        let cache_control =
            HeaderValue::try_from(max_age).unwrap_or(HeaderValue::from_static("no-cache"));
        Self {
            headers: CommonHeaders::new(cache_control),
            go_gets: (0..site.module_count()).map(|_| OnceLock::new()).collect(),
            site,
        }
    }

    /// The site.
    pub fn site(&self) -> &Site {
        &self.site
    }
}

/// What the responses of a kind have in common, ready to be copied: a copy costs a fraction
/// of what it costs to put the headers in one by one, for each request. A length that was not
/// there would be added by axum, and make the copy grow.
#[derive(Debug)]
struct CommonHeaders {
    /// With a place for the entity tag.
    page: HeaderMap,
    redirect: HeaderMap,
    miss_page: HeaderMap,
    miss_text: HeaderMap,
}

impl CommonHeaders {
    fn new(cache_control: HeaderValue) -> Self {
        let common = |content_type, cache_control| {
            HeaderMap::from_iter([
                (CONTENT_TYPE, content_type),
                (CACHE_CONTROL, cache_control),
                (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
                (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
                (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
                (CONTENT_LENGTH, HeaderValue::from_static("0")),
            ])
        };
        let mut page = common(HTML, cache_control.clone());
        page.insert(ETAG, HeaderValue::from_static(""));
        Self {
            page,
            redirect: common(TEXT, cache_control),
            miss_page: common(HTML, MISS_CACHE_CONTROL),
            miss_text: common(TEXT, MISS_CACHE_CONTROL),
        }
    }
}

/// Who sent a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// A client at this address.
    Tcp(IpAddr),
    /// A process of this machine, over a Unix socket.
    Unix,
}

impl Peer {
    /// Whether the peer is a proxy of this machine, whose word on the client's address counts.
    fn is_local(self) -> bool {
        match self {
            Self::Tcp(address) => address.is_loopback(),
            Self::Unix => true,
        }
    }
}

/// Whether each request is logged, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessLog {
    /// Not at all.
    Off,
    /// As an event with fields.
    Fields,
    /// As a line of nginx's `combined` format.
    Combined,
}

/// The site that is served now, and what lives longer than any one site.
#[derive(Debug)]
pub struct App {
    serving: ArcSwap<Serving>,
    metrics: Metrics,
    access_log: AccessLog,
    closing: AtomicBool,
}

impl App {
    /// An app that serves `site`, and logs each request as `access_log` says.
    pub fn new(site: Site, access_log: AccessLog) -> Self {
        Self {
            metrics: Metrics::new(site.module_count()),
            serving: ArcSwap::from_pointee(Serving::new(site)),
            access_log,
            closing: AtomicBool::new(false),
        }
    }

    /// The site that is served now.
    pub fn site(&self) -> Arc<Serving> {
        self.serving.load_full()
    }

    /// Serves `site` from now on, and returns what was served until now. A request that has
    /// begun is answered from the site that it began with.
    pub fn replace_site(&self, site: Site) -> Arc<Serving> {
        self.serving.swap(Arc::new(Serving::new(site)))
    }

    /// What is counted.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Asks each client, with the answer to its next request, to close its connection.
    pub fn close_connections(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    /// Whether [`close_connections`](Self::close_connections) was called: the server is
    /// stopping.
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }
}

/// The router that answers every request from the current site.
///
/// No path is the server's own: the site routes by path. axum's `Router` would look each path
/// up in a table that has none, and note for the handler what it found, at a tenth of the
/// whole cost of a request in user space. And nothing is waited for, so the router holds a
/// plain service: a handler's future is allocated.
pub fn router(app: Arc<App>) -> MethodRouter {
    any_service(service_fn(move |request| {
        ready(Ok::<_, Infallible>(answer(&app, &request)))
    }))
}

fn answer(app: &App, request: &Request) -> Response<Body> {
    let start = Instant::now();
    let serving = app.serving.load();
    let Answered {
        kind,
        module,
        mut response,
    } = respond(&serving, request);
    if let (Kind::GoGetHit, Some(module)) = (kind, &module) {
        serving.go_gets[module.number]
            .get_or_init(|| app.metrics.go_gets.counter(module.import_path()))
            .inc();
    }
    let took = start.elapsed();
    app.metrics.answered(kind, response.status(), took);
    match app.access_log {
        AccessLog::Off => {}
        AccessLog::Fields => log_access(request, &response, module.as_ref(), took),
        AccessLog::Combined => log_combined(request, &response),
    }
    // A body is not read: what follows it on the connection is no request.
    if app.is_closing() || !request.body().is_end_stream() {
        response.headers_mut().insert(CONNECTION, CLOSE);
    }
    response
}

/// A response, and what it was about.
struct Answered<'s> {
    kind: Kind,
    module: Option<Module<'s>>,
    response: Response<Body>,
}

fn respond<'s, B>(serving: &'s Serving, request: &axum::http::Request<B>) -> Answered<'s> {
    let answered = |kind, response| Answered {
        kind,
        module: None,
        response,
    };
    let headers = &serving.headers;
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let body = Bytes::from_static(b"only GET and HEAD are answered here\n");
        let mut response = response(StatusCode::METHOD_NOT_ALLOWED, &headers.miss_text, body);
        let allowed = HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(ALLOW, allowed);
        return answered(Kind::Other, response);
    }
    let uri = request.uri();
    let go_get = is_go_get(uri.query());
    let page = |page| found(&headers.page, page, request.headers());
    match serving.site.answer(host(request), uri.path(), go_get) {
        Answer::Module(module, body) => Answered {
            kind: if go_get { Kind::GoGetHit } else { Kind::Page },
            module: Some(module),
            response: page(body),
        },
        Answer::List(body) => answered(Kind::List, page(body)),
        Answer::Redirect(url) => {
            let mut response = response(StatusCode::FOUND, &headers.redirect, Bytes::new());
            if let Ok(url) = HeaderValue::from_str(url.as_str()) {
                response.headers_mut().insert(LOCATION, url);
            }
            answered(Kind::Other, response)
        }
        Answer::NotFoundPage(body) => answered(
            Kind::Miss,
            response(StatusCode::NOT_FOUND, &headers.miss_page, body),
        ),
        Answer::NotFoundText(body) => answered(
            Kind::GoGetMiss,
            response(StatusCode::NOT_FOUND, &headers.miss_text, body),
        ),
    }
}

fn response(status: StatusCode, headers: &HeaderMap, body: Bytes) -> Response<Body> {
    let mut headers = headers.clone();
    // Not by insert, which makes room for one more before it looks.
    if let Some(place) = headers.get_mut(CONTENT_LENGTH) {
        *place = body.len().into();
    }
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// A page, or that the client has it already.
fn found(common: &HeaderMap, page: Page, asked: &HeaderMap) -> Response<Body> {
    // Hexadecimal digits in quotation marks are a value; were they not, "" matches nothing.
    let tag = HeaderValue::from_maybe_shared(page.etag).unwrap_or(HeaderValue::from_static("\"\""));
    if matches(asked, &tag) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        let headers = response.headers_mut();
        headers.insert(ETAG, tag);
        headers.extend(
            common
                .get(CACHE_CONTROL)
                .map(|value| (CACHE_CONTROL, value.clone())),
        );
        return response;
    }
    let mut response = response(StatusCode::OK, common, page.body);
    if let Some(place) = response.headers_mut().get_mut(ETAG) {
        *place = tag;
    }
    response
}

/// Whether the go command asks: it adds `go-get=1` to the query.
fn is_go_get(query: Option<&str>) -> bool {
    query.is_some_and(|query| query.split('&').any(|pair| pair == "go-get=1"))
}

/// One line for one request. Each text is written in quotation marks, with escapes, by
/// tracing's formatters: no client can end the line, or speak to the terminal.
fn log_access(
    request: &Request,
    response: &Response<Body>,
    module: Option<&Module<'_>>,
    took: Duration,
) {
    let agent = request.headers().get(USER_AGENT).map(HeaderValue::as_bytes);
    let target = request.uri().path_and_query();
    let bytes = sent(request, response);
    info!(
        target: ACCESS_LOG,
        client = client(request),
        method = cut(request.method().as_str()),
        host = cut(host(request).unwrap_or_default()),
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

/// The same request as nginx logs it.
fn log_combined(request: &Request, response: &Response<Body>) {
    let header = |name| request.headers().get(name).map(HeaderValue::as_bytes);
    let client = client(request);
    let line = format!(
        "{} {} {:?}",
        request.method(),
        request.uri(),
        request.version()
    );
    let entry = combined::Entry {
        // nginx writes `unix:` for the client of a Unix socket.
        client: if client == "unix" { "unix:" } else { &client },
        request: line.as_bytes(),
        status: response.status().as_u16(),
        bytes: sent(request, response),
        referer: header(REFERER),
        agent: header(USER_AGENT),
    };
    info!(target: ACCESS_LINE, "{}", entry.line(SystemTime::now()));
}

/// How many bytes of body the client gets.
fn sent(request: &Request, response: &Response<Body>) -> u64 {
    match *request.method() {
        Method::HEAD => 0,
        _ => response.body().size_hint().exact().unwrap_or_default(),
    }
}

/// As much of what a client sent as a line of the log shows. The journal breaks lines of more
/// than 48 KiB.
fn cut(text: &str) -> &str {
    text.char_indices()
        .nth(LONGEST_LOGGED)
        .map_or(text, |(end, _)| &text[..end])
}

/// The client's address: the peer's or, where the peer is a proxy of this machine, the one
/// that it names. Of X-Forwarded-For the last counts: a proxy appends the address that it saw
/// to whatever the client sent.
fn client(request: &Request) -> String {
    let peer = request.extensions().get::<Peer>().copied();
    let named = peer.filter(|peer| peer.is_local()).and_then(|_| {
        ["x-forwarded-for", "x-real-ip"]
            .into_iter()
            .find_map(|name| {
                let last = request.headers().get_all(name).iter().next_back()?;
                let last = last.to_str().ok()?.rsplit(',').next()?;
                last.trim().parse::<IpAddr>().ok()
            })
    });
    match (named, peer) {
        (Some(address), _) | (None, Some(Peer::Tcp(address))) => address.to_string(),
        (None, Some(Peer::Unix)) => "unix".to_owned(),
        (None, None) => String::new(),
    }
}

/// The host that was asked: the Host header, unless the request target itself names one
/// (RFC 9112, section 3.2.2).
fn host<B>(request: &axum::http::Request<B>) -> Option<&str> {
    request
        .uri()
        .host()
        .or_else(|| request.headers().get(HOST)?.to_str().ok())
}

/// Whether If-None-Match names the tag, by weak comparison (RFC 9110, section 13.1.2): a cache
/// on the way may have made our strong tag a weak one.
fn matches(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .flat_map(|value| value.as_bytes().split(|&b| b == b','))
        .map(<[u8]>::trim_ascii)
        .any(|given| given == b"*" || given.strip_prefix(b"W/").unwrap_or(given) == tag.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn serving(text: &str) -> Serving {
        let config = Config::parse("vanity.yaml", text, None).unwrap();
        Serving::new(Site::new(config.host.clone().unwrap(), config))
    }

    fn get(serving: &Serving, target: &str) -> Response<Body> {
        let request = axum::http::Request::get(target).body(()).unwrap();
        respond(serving, &request).response
    }

    #[test]
    fn if_none_match_is_a_list() {
        let serving = serving("host: a.example\n/m:\n  repo: https://h.example/m\n");
        let tag = get(&serving, "/m").headers()[ETAG].clone();
        let tag = tag.to_str().unwrap();
        for (header, status) in [
            (tag.to_owned(), 304),
            (format!("W/{tag}"), 304),
            (format!("\"x\", {tag}"), 304),
            ("*".to_owned(), 304),
            ("\"x\"".to_owned(), 200),
            (tag.trim_matches('"').to_owned(), 200),
        ] {
            let request = axum::http::Request::get("/m")
                .header(IF_NONE_MATCH, &header)
                .body(())
                .unwrap();
            assert_eq!(
                respond(&serving, &request).response.status(),
                status,
                "{header}"
            );
        }
    }

    #[test]
    fn only_a_proxy_of_this_machine_names_the_client() {
        let loopback = Peer::Tcp([127, 0, 0, 1].into());
        let other = Peer::Tcp([192, 0, 2, 1].into());
        let forwarded = "x-forwarded-for";
        for (peer, headers, expected) in [
            (loopback, &[][..], "127.0.0.1"),
            (Peer::Unix, &[], "unix"),
            (loopback, &[(forwarded, "192.0.2.7")], "192.0.2.7"),
            (Peer::Unix, &[(forwarded, "2001:db8::7")], "2001:db8::7"),
            (other, &[(forwarded, "192.0.2.7")], "192.0.2.1"),
            (other, &[("x-real-ip", "192.0.2.7")], "192.0.2.1"),
            // The client sent the first, the proxy appended the last.
            (loopback, &[(forwarded, "6.6.6.6, 192.0.2.7")], "192.0.2.7"),
            (
                loopback,
                &[(forwarded, "6.6.6.6"), (forwarded, "192.0.2.7")],
                "192.0.2.7",
            ),
            (loopback, &[("x-real-ip", "192.0.2.8")], "192.0.2.8"),
            (
                loopback,
                &[("x-real-ip", "6.6.6.6"), (forwarded, "192.0.2.7")],
                "192.0.2.7",
            ),
            (loopback, &[(forwarded, "192.0.2.7, nonsense")], "127.0.0.1"),
            (loopback, &[(forwarded, "")], "127.0.0.1"),
            (Peer::Unix, &[(forwarded, "\u{1b}[31m")], "unix"),
        ] {
            let mut request = Request::new(Body::empty());
            request.extensions_mut().insert(peer);
            for (name, value) in headers {
                let value = HeaderValue::from_bytes(value.as_bytes());
                let value = value.unwrap_or(HeaderValue::from_static("?"));
                request.headers_mut().append(*name, value);
            }
            assert_eq!(client(&request), expected, "{peer:?} {headers:?}");
        }
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        let long = "é".repeat(LONGEST_LOGGED + 1);
        assert_eq!(cut(&long).chars().count(), LONGEST_LOGGED);
        assert_eq!(cut("é"), "é");
    }

    #[test]
    fn the_go_command_is_known_by_its_query() {
        let serving = serving("host: a.example\n/x/m:\n  repo: https://h.example/m\n");
        for (target, status) in [
            ("/x", 200),
            ("/x?go-get=1", 404),
            ("/x?a=b&go-get=1", 404),
            ("/x?go-get=0", 200),
            ("/x?go-get", 200),
            ("/x?xgo-get=1", 200),
        ] {
            assert_eq!(get(&serving, target).status(), status, "{target}");
        }
    }

    #[test]
    fn the_host_picks_among_those_of_the_file() {
        let serving = serving(
            "a.example/m:\n  repo: https://h.example/a\nb.example/m:\n  repo: https://h.example/b\n",
        );
        let tag_of = |host: &str| {
            let request = axum::http::Request::get("/m")
                .header(HOST, host)
                .body(())
                .unwrap();
            respond(&serving, &request).response.headers()[ETAG].clone()
        };
        assert_ne!(tag_of("a.example"), tag_of("b.example"));
        for host in ["B.Example", "b.example:8080", "b.example."] {
            assert_eq!(tag_of(host), tag_of("b.example"), "{host}");
        }
        for host in ["c.example", "", "[::1]:80"] {
            assert_eq!(tag_of(host), tag_of("a.example"), "{host}");
        }
    }
}
