//! One connection: HTTP/1.1 by hyper, told to finish when the server stops.

use std::pin::pin;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tracing::debug;

/// The largest request head that is read, in bytes.
const LARGEST_HEAD: usize = 16 << 10;

/// Answers the requests of one connection until the client is done, or `stopped` is dropped
/// at the other end and the request under way is answered.
pub(super) async fn serve(stream: TcpStream, router: Router, mut stopped: watch::Receiver<()>) {
    let connection = http1::Builder::new()
        .max_buf_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    let result = tokio::select! {
        result = &mut connection => result,
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        debug!("connection ended: {error}");
    }
}
