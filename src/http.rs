//! Requests and responses: the axum router over a [`Site`].
//!
//! It knows no sockets and no files. The site can be replaced while requests are answered;
//! each is answered from the site that it started with.

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HOST, IF_NONE_MATCH,
    LOCATION, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use bytes::Bytes;

use crate::page;
use crate::site::{Answer, Site};

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
/// The go command prints the body of an error only as text/plain in UTF-8 or US-ASCII.
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// A module that was just added must not stay missing for a day.
const MISS_CACHE_CONTROL: HeaderValue = HeaderValue::from_static("public, max-age=60");

/// A site, with what every response from it has in common.
#[derive(Debug)]
pub struct Serving {
    site: Site,
    cache_control: HeaderValue,
}

impl Serving {
    /// Makes a site ready to answer.
    pub fn new(site: Site) -> Self {
        let max_age = format!("public, max-age={}", site.cache_max_age());
        Self {
            cache_control: HeaderValue::try_from(max_age)
                .unwrap_or(HeaderValue::from_static("no-cache")),
            site,
        }
    }

    /// The site.
    pub fn site(&self) -> &Site {
        &self.site
    }
}

/// The site that is served now; storing another replaces it in one step.
pub type CurrentSite = Arc<ArcSwap<Serving>>;

/// A handle to a site that can be replaced.
pub fn current(site: Site) -> CurrentSite {
    Arc::new(ArcSwap::from_pointee(Serving::new(site)))
}

/// The router that answers every request from the current site.
///
/// No path is the server's own: it routes by the site alone.
pub fn router(site: CurrentSite) -> Router {
    Router::new().fallback(answer).with_state(site)
}

async fn answer(State(current): State<CurrentSite>, request: Request) -> Response<Body> {
    respond(&current.load(), &request)
}

fn respond<B>(serving: &Serving, request: &axum::http::Request<B>) -> Response<Body> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = page_response(
            StatusCode::METHOD_NOT_ALLOWED,
            TEXT,
            MISS_CACHE_CONTROL,
            Bytes::from_static(b"only GET and HEAD are answered here\n"),
        );
        response
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let uri = request.uri();
    let go_get = uri
        .query()
        .is_some_and(|query| query.split('&').any(|pair| pair == "go-get=1"));
    let cache_control = || serving.cache_control.clone();
    match serving.site.answer(host(request), uri.path(), go_get) {
        Answer::Module { page, .. } | Answer::List(page) => {
            let tag = HeaderValue::from_maybe_shared(page.etag);
            let unchanged = tag
                .as_ref()
                .is_ok_and(|tag| matches(request.headers(), tag));
            let mut response = if unchanged {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::NOT_MODIFIED;
                response
                    .headers_mut()
                    .insert(CACHE_CONTROL, cache_control());
                response
            } else {
                page_response(StatusCode::OK, HTML, cache_control(), page.body)
            };
            if let Ok(tag) = tag {
                response.headers_mut().insert(ETAG, tag);
            }
            response
        }
        Answer::Redirect(url) => {
            let mut response =
                page_response(StatusCode::FOUND, TEXT, cache_control(), Bytes::new());
            if let Ok(url) = HeaderValue::from_str(url.as_str()) {
                response.headers_mut().insert(LOCATION, url);
            }
            response
        }
        Answer::NotFoundPage(body) => {
            page_response(StatusCode::NOT_FOUND, HTML, MISS_CACHE_CONTROL, body)
        }
        Answer::NotFoundText(body) => {
            page_response(StatusCode::NOT_FOUND, TEXT, MISS_CACHE_CONTROL, body)
        }
    }
}

fn page_response(
    status: StatusCode,
    content_type: HeaderValue,
    cache_control: HeaderValue,
    body: Bytes,
) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.reserve(7);
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(CACHE_CONTROL, cache_control);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(page::CONTENT_SECURITY_POLICY),
    );
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
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
        respond(serving, &request)
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
            assert_eq!(respond(&serving, &request).status(), status, "{header}");
        }
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
            respond(&serving, &request).headers()[ETAG].clone()
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
