//! Sockets, connections, signals and systemd: everything around [`http`](crate::http).

mod address;
mod admin;
mod connection;
mod listener;
mod reload;
mod signals;
pub mod systemd;

use std::future::Future;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::routing::MethodRouter;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::warn;

pub use address::ListenAddr;
pub use admin::router as admin_router;
pub use listener::{BindError, Listener};
pub use reload::{FileHash, Reloader};
pub use signals::{Handlers, stop_signal};
pub use systemd::PassedSockets;

use crate::metrics::Connections;
use listener::Accepted;

/// How long requests in progress may take to finish after the stop signal.
const DRAIN: Duration = Duration::from_secs(10);
/// How long an idle connection may send one more request before it is closed. So a client that is
/// about to send never finds the connection closed.
const LAST_REQUEST: Duration = Duration::from_millis(250);

/// Limits and settings of [`run`].
#[derive(Debug, Clone)]
pub struct Limits {
    /// Maximum number of open connections; others wait.
    pub max_connections: usize,
    /// Whether each request carries its `Peer` as an extension, which costs an allocation.
    pub with_peer: bool,
    /// Where connections are counted.
    pub metrics: Connections,
}

/// Serves the connections of all listeners until `stop` is ready. Then stops accepting, lets
/// requests in progress finish, for at most ten seconds, and returns.
///
/// All of them are tasks of the caller's runtime, which needs no second thread: a request takes
/// microseconds, less than half of what it takes in the nginx in front.
pub async fn run(
    listeners: Vec<Listener>,
    router: MethodRouter,
    limits: Limits,
    stop: impl Future<Output = ()>,
) {
    let max_connections = limits.max_connections;
    let server = Arc::new(Server {
        room: Arc::new(Semaphore::new(max_connections)),
        open: Mutex::default(),
        router,
        limits,
    });
    let mut accepting = JoinSet::new();
    for listener in listeners {
        accepting.spawn(accept_all(listener, server.clone()));
    }
    stop.await;
    accepting.shutdown().await;
    let drained = async {
        server.finish_open_connections().await;
        // Each connection holds a permit, so acquiring all of them waits until none is left.
        let everyone = u32::try_from(max_connections).unwrap_or(u32::MAX);
        server.room.acquire_many(everyone).await
    };
    if timeout(DRAIN, drained).await.is_err() {
        warn!(
            "{} connections cut: not done {DRAIN:?} after the stop signal",
            max_connections - server.room.available_permits()
        );
    }
}

/// What all connections share.
struct Server {
    /// One permit for each connection that may be open.
    room: Arc<Semaphore>,
    /// The open connections that were not yet told to finish.
    open: Mutex<GracefulShutdown>,
    router: MethodRouter,
    limits: Limits,
}

async fn accept_all(mut listener: Listener, server: Arc<Server>) {
    loop {
        let accepted = listener.accept(&server.limits.metrics).await;
        // Acquired only now: a listener that waits for clients holds no permit that others could
        // use.
        let Ok(permit) = server.room.clone().acquire_owned().await else {
            return;
        };
        if server.room.available_permits() == 0 {
            tokio::spawn(server.finish_open_connections());
        }
        server.spawn(accepted, permit);
    }
}

impl Server {
    /// Tells every open connection to finish: an idle one closes soon, any other after its answer.
    /// Waits until all are closed.
    fn finish_open_connections(&self) -> impl Future<Output = ()> + use<> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let open = mem::take(&mut *open);
        async {
            sleep(LAST_REQUEST).await;
            open.shutdown().await;
        }
    }

    fn watcher(&self) -> Watcher {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.watcher()
    }

    fn spawn(&self, (stream, peer): Accepted, permit: OwnedSemaphorePermit) {
        let watcher = self.watcher();
        let router = self.router.clone();
        let peer = self.limits.with_peer.then_some(peer);
        let open = self.limits.metrics.opened();
        tokio::spawn(async move {
            if let Err(error) = connection::serve(stream, router, peer, watcher).await {
                open.failed(&error);
            }
            drop(permit);
        });
    }
}
