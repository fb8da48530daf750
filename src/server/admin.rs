//! The admin endpoints, on a separate listener, so that they never clash with a module path:
//!
//! - `/healthz`: the process is up
//! - `/readyz`: it serves a valid site; 503 while stopping
//! - `/metrics`: OpenMetrics text

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, any_service, get};

use crate::http::App;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Returns the router of the admin listener.
pub fn router(app: Arc<App>) -> MethodRouter {
    let router = Router::new()
        .route("/healthz", get("ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics));
    any_service(router.with_state(app))
}

async fn ready(State(app): State<Arc<App>>) -> impl IntoResponse {
    if app.is_closing() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping\n")
    } else {
        (StatusCode::OK, "ready\n")
    }
}

async fn metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    ([(CONTENT_TYPE, OPENMETRICS)], app.metrics.openmetrics())
}
