//! Requests and responses: the HTTP service over a [`Site`].
//!
//! It knows nothing of sockets and files. The site can be replaced at any time; a request that has
//! begun is answered from the site that it began with.

mod access_log;
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
    IF_NONE_MATCH, LOCATION, REFERRER_POLICY, USER_AGENT, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use axum::routing::{MethodRouter, any_service};
use bytes::Bytes;
use http_body::Body as _;
use prometheus_client::metrics::counter::Counter;
use tower::service_fn;

use crate::metrics::{Client, Kind, Metrics};
use crate::site::{
    Answer, CONTENT_SECURITY_POLICY as POLICY, FoundModule, LIST_POLICY, Page, Site,
};
use access_log::log_access;
use host::host;

pub(crate) use access_log::{ACCESS_LOG, Peer};

/// The go command prints the body of an error only if it is text/plain in UTF-8 or US-ASCII.
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// Short, so that a module that was just added is not cached as missing for a day.
const MISS_CACHE_CONTROL: HeaderValue = HeaderValue::from_static("public, max-age=60");
/// An invalid request must not decide what other clients get from a cache.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// The current site, and the state that outlives it.
#[derive(Debug)]
pub struct App {
    serving: ArcSwap<Serving>,
    pub(crate) metrics: Metrics,
    pub(crate) access_log: bool,
    closing: AtomicBool,
}

impl App {
    /// Creates an app that serves `site` and logs no request.
    pub fn new(site: Site) -> Self {
        Self {
            metrics: Metrics::new(site.module_count()),
            serving: ArcSwap::from_pointee(Serving::new(site)),
            access_log: false,
            closing: AtomicBool::new(false),
        }
    }

    /// Returns the current site.
    pub(crate) fn serving(&self) -> Arc<Serving> {
        self.serving.load_full()
    }

    /// Replaces the site. A request that has begun is answered from the site that it began with.
    pub fn replace_site(&self, site: Site) {
        self.metrics.clear_go_gets();
        self.serving.store(Arc::new(Serving::new(site)));
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
    let (kind, module, mut response) = serving.respond(request);
    if let (Kind::GoGetHit, Some(module)) = (kind, &module) {
        serving.go_gets[module.number()]
            .get_or_init(|| app.metrics.go_gets(module.listed_name()))
            .inc();
    }
    let took = start.elapsed();
    let agent = request.headers().get(USER_AGENT);
    let client = Client::of(agent.map_or(b"", HeaderValue::as_bytes));
    app.metrics.answered(kind, client, response.status(), took);
    if app.access_log {
        log_access(request, &response, module.as_ref(), took);
    }
    // Bodies are not read, so the connection cannot be reused.
    if app.is_closing() || !request.body().is_end_stream() {
        response.headers_mut().insert(CONNECTION, CLOSE);
    }
    response
}

/// A site, with what answering from it needs.
#[derive(Debug)]
pub(crate) struct Serving {
    pub(crate) site: Site,
    /// The headers of a page and of a text, to be cloned, which costs a fraction of inserting them
    /// one by one. Entity tag and length are placeholders.
    page_headers: HeaderMap,
    text_headers: HeaderMap,
    /// One counter per module number, created on the first request by the go command.
    go_gets: Box<[OnceLock<Counter>]>,
}

/// A response, with its kind and its module for the metrics and the log.
type Answered<'s> = (Kind, Option<FoundModule<'s>>, Response<Body>);

impl Serving {
    fn new(site: Site) -> Self {
        let max_age = format!("public, max-age={}", site.cache_max_age());
        let cache_control =
            HeaderValue::try_from(max_age).unwrap_or(HeaderValue::from_static("no-cache"));
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        let mut page_headers = HeaderMap::from_iter([
            (ETAG, HeaderValue::from_static("")),
            (CONTENT_LENGTH, HeaderValue::from_static("0")),
            (CONTENT_TYPE, html),
            (CACHE_CONTROL, cache_control),
            (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
            (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        ]);
        // The host is part of the URI that caches key on (RFC 9111, section 2), but nginx leaves it
        // out of its default key. Vary tells it that the answer depends on the host.
        if site.hosts().len() > 1 {
            page_headers.insert(VARY, HeaderValue::from_static("Host"));
        }
        let mut text_headers = page_headers.clone();
        text_headers.remove(ETAG);
        text_headers.insert(CONTENT_TYPE, TEXT);
        text_headers.insert(CACHE_CONTROL, MISS_CACHE_CONTROL);
        Self {
            page_headers,
            text_headers,
            go_gets: (0..site.module_count()).map(|_| OnceLock::new()).collect(),
            site,
        }
    }

    fn respond(&self, request: &Request) -> Answered<'_> {
        let Ok(host) = host(request) else {
            let text = Bytes::from_static(b"the request needs one valid Host header\n");
            let mut response = self.text(StatusCode::BAD_REQUEST, text);
            response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
            // hyper does the same after a request that it cannot parse.
            response.headers_mut().insert(CONNECTION, CLOSE);
            return (Kind::Other, None, response);
        };
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let text = Bytes::from_static(b"only GET and HEAD are answered here\n");
            let mut response = self.text(StatusCode::METHOD_NOT_ALLOWED, text);
            response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
            let allowed = HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(ALLOW, allowed);
            return (Kind::Other, None, response);
        }
        let uri = request.uri();
        let go_get = is_go_get(uri.query());
        match self
            .site
            .answer_query(host, uri.path(), go_get, uri.query())
        {
            Answer::Module(module, page) => {
                let kind = if go_get { Kind::GoGetHit } else { Kind::Page };
                (kind, Some(module), self.page(page, request))
            }
            Answer::List(page) => {
                let mut response = self.page(page, request);
                if response.status() == StatusCode::OK {
                    let policy = HeaderValue::from_static(LIST_POLICY);
                    let headers = response.headers_mut();
                    headers.insert(CONTENT_SECURITY_POLICY, policy);
                }
                (Kind::List, None, response)
            }
            Answer::Redirect(url) => {
                let mut response = self.text(StatusCode::FOUND, Bytes::new());
                let cache_control = self.page_headers[CACHE_CONTROL].clone();
                response.headers_mut().insert(CACHE_CONTROL, cache_control);
                if let Ok(url) = HeaderValue::from_str(&url) {
                    response.headers_mut().insert(LOCATION, url);
                }
                (Kind::Other, None, response)
            }
            Answer::Elsewhere(text) => (Kind::Other, None, self.text(StatusCode::NOT_FOUND, text)),
            Answer::NotFoundPage(body) => {
                let mut response = self.text(StatusCode::NOT_FOUND, body);
                let html = self.page_headers[CONTENT_TYPE].clone();
                response.headers_mut().insert(CONTENT_TYPE, html);
                (Kind::Miss, None, response)
            }
            Answer::NotFoundText { text, folder } => {
                let kind = if folder {
                    Kind::GoGetFolder
                } else {
                    Kind::GoGetMiss
                };
                (kind, None, self.text(StatusCode::NOT_FOUND, text))
            }
        }
    }

    /// Returns the page, or 304 if the client already has it.
    fn page(&self, page: Page, request: &Request) -> Response<Body> {
        // Cannot fail for quoted hexadecimal digits; the fallback, an empty tag, matches nothing.
        let tag =
            HeaderValue::from_maybe_shared(page.etag).unwrap_or(HeaderValue::from_static("\"\""));
        if !is_known(request.headers(), &tag) {
            let mut response = response(StatusCode::OK, &self.page_headers, page.body);
            response.headers_mut().insert(ETAG, tag);
            return response;
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        let headers = response.headers_mut();
        headers.insert(ETAG, tag);
        for name in [CACHE_CONTROL, VARY] {
            if let Some(value) = self.page_headers.get(&name) {
                headers.insert(name, value.clone());
            }
        }
        response
    }

    fn text(&self, status: StatusCode, text: Bytes) -> Response<Body> {
        response(status, &self.text_headers, text)
    }
}

fn response(status: StatusCode, headers: &HeaderMap, body: Bytes) -> Response<Body> {
    let mut headers = headers.clone();
    headers.insert(CONTENT_LENGTH, body.len().into());
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Returns whether the request is from the go command, which adds `go-get=1` to the query.
fn is_go_get(query: Option<&str>) -> bool {
    query.is_some_and(|query| query.split('&').any(|pair| pair == "go-get=1"))
}

/// Returns whether If-None-Match names the tag, by weak comparison (RFC 9110, section 13.1.2): a
/// cache in between may have weakened our strong tag.
fn is_known(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    for line in headers.get_all(IF_NONE_MATCH) {
        for known in line.as_bytes().split(|&b| b == b',') {
            let known = known.trim_ascii();
            let strong = known.strip_prefix(b"W/").unwrap_or(known);
            if known == b"*" || strong == tag.as_bytes() {
                return true;
            }
        }
    }
    false
}
