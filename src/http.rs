//! Requests and responses: the HTTP service over a [`Site`].
//!
//! It knows nothing of sockets and files. The site can be replaced at any time; a request that has
//! begun is answered from the site that it began with.

mod access_log;
mod client;
mod host;

use std::convert::Infallible;
use std::future::ready;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use arc_swap::ArcSwap;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    HeaderName, IF_NONE_MATCH, LOCATION, REFERRER_POLICY, USER_AGENT, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use axum::routing::{MethodRouter, any_service};
use bytes::Bytes;
use http_body::Body as _;
use prometheus_client::metrics::counter::Counter;
use tower::service_fn;

use crate::metrics::{Client, Kind, Metrics};
use crate::page::{CONTENT_SECURITY_POLICY as POLICY, LIST_POLICY, Page};
use crate::site::{Answer, FoundModule as Module, Site};
use access_log::log_access;
use host::host;

pub(crate) use access_log::{ACCESS_LOG, AccessLog, log_rejected};
pub(crate) use client::{Network, Peer};

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
/// The go command prints the body of an error only if it is text/plain in UTF-8 or US-ASCII.
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// Short, so that a module that was just added is not cached as missing for a day.
const MISS_CACHE_CONTROL: HeaderValue = HeaderValue::from_static("public, max-age=60");
/// An invalid request must not decide what other clients get from a cache.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// A site, with the headers that its responses share.
#[derive(Debug)]
pub(crate) struct Serving {
    pub(crate) site: Site,
    headers: CommonHeaders,
    /// One counter per module number, created on the first request by the go command.
    go_gets: Box<[OnceLock<Counter>]>,
}

impl Serving {
    fn new(site: Site) -> Self {
        let max_age = format!("public, max-age={}", site.cache_max_age());
        let cache_control =
            HeaderValue::try_from(max_age).unwrap_or(HeaderValue::from_static("no-cache"));
        Self {
            headers: CommonHeaders::new(cache_control, site.hosts().len() > 1),
            go_gets: (0..site.module_count()).map(|_| OnceLock::new()).collect(),
            site,
        }
    }
}

/// The shared headers of each kind of response, ready to be cloned, which costs a fraction of
/// inserting them one by one for each request. They include Content-Length: axum would add a
/// missing one, and make the clone grow.
#[derive(Debug)]
struct CommonHeaders {
    /// Includes an entity tag, to be replaced, as does the next.
    page: HeaderMap,
    list: HeaderMap,
    redirect: HeaderMap,
    miss_page: HeaderMap,
    miss_text: HeaderMap,
    invalid: HeaderMap,
}

impl CommonHeaders {
    /// Builds the headers. The host is part of the URI that caches key on (RFC 9111, section 2),
    /// but nginx leaves it out of its default key. With `several_hosts`, Vary tells it that the
    /// answer depends on the host.
    fn new(cache_control: HeaderValue, several_hosts: bool) -> Self {
        let vary = several_hosts.then_some((VARY, HeaderValue::from_static("Host")));
        let common = |content_type, cache_control| {
            let mut headers = HeaderMap::from_iter([
                (CONTENT_LENGTH, HeaderValue::from_static("0")),
                (CONTENT_TYPE, content_type),
                (CACHE_CONTROL, cache_control),
                (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
                (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
                (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            ]);
            headers.extend(vary.clone());
            headers
        };
        let mut page = HeaderMap::from_iter([(ETAG, HeaderValue::from_static(""))]);
        page.extend(common(HTML, cache_control.clone()));
        let mut list = page.clone();
        list.insert(
            CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(LIST_POLICY),
        );
        Self {
            page,
            list,
            redirect: common(TEXT, cache_control),
            miss_page: common(HTML, MISS_CACHE_CONTROL),
            miss_text: common(TEXT, MISS_CACHE_CONTROL),
            invalid: common(TEXT, NO_STORE),
        }
    }
}

/// The current site, and the state that outlives it.
#[derive(Debug)]
pub struct App {
    serving: ArcSwap<Serving>,
    pub(crate) metrics: Metrics,
    pub(crate) access_log: AccessLog,
    /// The networks of the proxies that are trusted to name their clients.
    pub(crate) trusted_proxies: Vec<Network>,
    closing: AtomicBool,
}

impl App {
    /// Creates an app that serves `site` and logs no request.
    pub fn new(site: Site) -> Self {
        Self {
            metrics: Metrics::new(site.module_count()),
            serving: ArcSwap::from_pointee(Serving::new(site)),
            access_log: AccessLog::Off,
            trusted_proxies: Vec::new(),
            closing: AtomicBool::new(false),
        }
    }

    /// Returns the current site.
    pub(crate) fn serving(&self) -> Arc<Serving> {
        self.serving.load_full()
    }

    /// Replaces the site. A request that has begun is answered from the site that it began with.
    pub fn replace_site(&self, site: Site) {
        self.serving.store(Arc::new(Serving::new(site)));
        let site = &self.serving.load().site;
        self.metrics.go_gets.retain(|module| site.lists(module));
    }

    /// Closes each connection after the answer to its next request.
    pub(crate) fn close_connections(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    /// Returns whether [`close_connections`](Self::close_connections) was called: the server is
    /// shutting down.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }
}

/// Returns a router that answers every request from the current site.
///
/// The site routes by path itself. axum's `Router` would look up each path in an empty table and
/// store the result for the handler, at a tenth of the total user-space cost of a request. Nothing
/// is awaited, so this is a plain service: a handler's future would be allocated.
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
            .get_or_init(|| app.metrics.go_gets.counter(module.listed_name()))
            .inc();
    }
    let took = start.elapsed();
    let agent = request.headers().get(USER_AGENT);
    let client = Client::of(agent.map_or(b"", HeaderValue::as_bytes));
    app.metrics.answered(kind, client, response.status(), took);
    match app.access_log {
        AccessLog::Off => {}
        AccessLog::Fields => log_access(app, request, &response, module.as_ref(), took),
    }
    // Bodies are not read, so the connection cannot be reused.
    if app.is_closing() || !request.body().is_end_stream() {
        response.headers_mut().insert(CONNECTION, CLOSE);
    }
    response
}

/// A response, with its kind and module for the metrics.
struct Answered<'s> {
    kind: Kind,
    module: Option<Module<'s>>,
    response: Response<Body>,
}

fn respond<'s>(serving: &'s Serving, request: &Request) -> Answered<'s> {
    let answered = |kind, response| Answered {
        kind,
        module: None,
        response,
    };
    let headers = &serving.headers;
    let Ok(host) = host(request) else {
        let body = Bytes::from_static(b"the request needs one valid Host header\n");
        let mut response = response(StatusCode::BAD_REQUEST, &headers.invalid, body);
        // hyper does the same after a request that it cannot parse.
        response.headers_mut().insert(CONNECTION, CLOSE);
        return answered(Kind::Other, response);
    };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let body = Bytes::from_static(b"only GET and HEAD are answered here\n");
        let mut response = response(StatusCode::METHOD_NOT_ALLOWED, &headers.invalid, body);
        let allowed = HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(ALLOW, allowed);
        return answered(Kind::Other, response);
    }
    let uri = request.uri();
    let go_get = is_go_get(uri.query());
    let found = |common, page| found(common, page, request.headers());
    let site = &serving.site;
    match site.answer_query(host, uri.path(), go_get, uri.query()) {
        Answer::Module(module, body) => Answered {
            kind: if go_get { Kind::GoGetHit } else { Kind::Page },
            module: Some(module),
            response: found(&headers.page, body),
        },
        Answer::List(body) => answered(Kind::List, found(&headers.list, body)),
        Answer::Redirect(url) => {
            let mut response = response(StatusCode::FOUND, &headers.redirect, Bytes::new());
            if let Ok(url) = HeaderValue::from_str(&url) {
                response.headers_mut().insert(LOCATION, url);
            }
            answered(Kind::Other, response)
        }
        Answer::Elsewhere(text) => {
            let response = response(StatusCode::NOT_FOUND, &headers.miss_text, text);
            answered(Kind::Other, response)
        }
        Answer::NotFoundPage(body) => answered(
            Kind::Miss,
            response(StatusCode::NOT_FOUND, &headers.miss_page, body),
        ),
        Answer::NotFoundText { text, folder } => answered(
            if folder {
                Kind::GoGetFolder
            } else {
                Kind::GoGetMiss
            },
            response(StatusCode::NOT_FOUND, &headers.miss_text, text),
        ),
    }
}

fn response(status: StatusCode, headers: &HeaderMap, body: Bytes) -> Response<Body> {
    let mut headers = headers.clone();
    set(&mut headers, CONTENT_LENGTH, body.len().into());
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Returns the page, or 304 if the client already has it.
fn found(common: &HeaderMap, page: Page, asked: &HeaderMap) -> Response<Body> {
    // Cannot fail for quoted hexadecimal digits; the fallback, an empty tag, matches nothing.
    let tag = HeaderValue::from_maybe_shared(page.etag).unwrap_or(HeaderValue::from_static("\"\""));
    if matches(asked, &tag) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        let headers = response.headers_mut();
        headers.insert(ETAG, tag);
        for name in [CACHE_CONTROL, VARY] {
            headers.extend(common.get(&name).map(|value| (name, value.clone())));
        }
        return response;
    }
    let mut response = response(StatusCode::OK, common, page.body);
    set(response.headers_mut(), ETAG, tag);
    response
}

/// Replaces the value of a header by iterating: for the first headers this is faster than hashing.
fn set(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
    let mut headers = headers.iter_mut();
    if let Some((_, place)) = headers.find(|(given, _)| **given == name) {
        *place = value;
    }
}

/// Returns whether the request is from the go command, which adds `go-get=1` to the query.
fn is_go_get(query: Option<&str>) -> bool {
    query.is_some_and(|query| query.split('&').any(|pair| pair == "go-get=1"))
}

/// Returns whether If-None-Match names the tag, by weak comparison (RFC 9110, section 13.1.2): a
/// cache in between may have weakened our strong tag.
fn matches(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .flat_map(|value| value.as_bytes().split(|&b| b == b','))
        .map(<[u8]>::trim_ascii)
        .any(|given| given == b"*" || given.strip_prefix(b"W/").unwrap_or(given) == tag.as_bytes())
}
