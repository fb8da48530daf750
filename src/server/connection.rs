//! One connection: HTTP/1.1 by hyper.

use std::cell::RefCell;
use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response};
use axum::routing::MethodRouter;
use axum::routing::future::RouteFuture;
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::Watcher;
use tower::Service as _;

use super::listener::Stream;
use crate::http::Peer;

/// Timeout for a request head, and for the time between two requests. It is longer than nginx's
/// 60 s, so that nginx closes first and never writes to a connection that is closing at this end.
pub(super) const HEAD_TIMEOUT: Duration = Duration::from_secs(75);
/// The largest accepted request head, in bytes.
const LARGEST_HEAD: usize = 16 << 10;

/// Serves one connection until it ends, or until `watcher` tells it to finish and the request in
/// progress is answered.
///
/// # Errors
///
/// The client is too slow, sends something other than HTTP/1, or breaks the connection.
pub(super) async fn serve(
    stream: Stream,
    router: MethodRouter,
    peer: Option<Peer>,
    watcher: Watcher,
) -> hyper::Result<()> {
    let service = Service {
        router: RefCell::new(router),
        peer,
    };
    let mut builder = http1::Builder::new();
    builder
        // A client may close its write half after sending its request.
        .half_close(true)
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(LARGEST_HEAD);
    match stream {
        Stream::Tcp(stream) => {
            let connection = builder.serve_connection(TokioIo::new(stream), service);
            watcher.watch(connection).await
        }
        Stream::Unix(stream) => {
            let connection = builder.serve_connection(TokioIo::new(stream), service);
            watcher.watch(connection).await
        }
    }
}

/// The router, wrapped for hyper.
struct Service {
    /// A `RefCell`, because hyper calls the service through a shared reference, and cloning the
    /// router for each request costs more.
    router: RefCell<MethodRouter>,
    peer: Option<Peer>,
}

impl hyper::service::Service<Request<Incoming>> for Service {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = RouteFuture<Infallible>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let mut request = request.map(|body| {
            // An empty body needs no allocation; wrapping an incoming one does.
            if body.is_end_stream() {
                Body::empty()
            } else {
                Body::new(body)
            }
        });
        if let Some(peer) = self.peer {
            request.extensions_mut().insert(peer);
        }
        self.router.borrow_mut().call(request)
    }
}
