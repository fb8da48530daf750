//! The admin endpoints, on a separate listener, so that they never clash with a module path:
//!
//! - `/healthz`: the process is up
//! - `/readyz`: it serves a valid site; 503 while stopping
//! - `/metrics`: OpenMetrics text if the client accepts it, as Prometheus does; otherwise the
//!   older text format

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE, HeaderName};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::routing::{MethodRouter, any_service, get};

use crate::http::App;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Returns the router of the admin listener.
pub fn router(app: Arc<App>) -> MethodRouter {
    let router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics));
    any_service(router.with_state(app))
}

async fn ready(State(app): State<Arc<App>>) -> (StatusCode, &'static str) {
    if app.is_closing() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping\n")
    } else {
        (StatusCode::OK, "ready\n")
    }
}

async fn metrics(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> ([(HeaderName, &'static str); 1], String) {
    let is_openmetrics = |value: &HeaderValue| {
        value
            .to_str()
            .is_ok_and(|value| value.contains("openmetrics"))
    };
    let (content_type, text) = match headers.get_all(ACCEPT).iter().any(is_openmetrics) {
        true => (OPENMETRICS, app.metrics.openmetrics()),
        false => (TEXT, app.metrics.prometheus_text()),
    };
    ([(CONTENT_TYPE, content_type)], text)
}
