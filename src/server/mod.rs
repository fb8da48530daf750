//! Sockets, connections, signals and systemd: everything around [`http`](crate::http).

mod address;
mod admin;
mod connection;
mod descriptors;
mod listener;
mod reload;
mod signals;
pub mod systemd;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::routing::MethodRouter;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::warn;

pub use address::ListenAddr;
pub use admin::router as admin_router;
pub use connection::IDLE_TIMEOUT;
pub use descriptors::descriptors_left;
pub use listener::{BindError, Listener};
pub use reload::{FileStamp, Reloader};
pub use signals::{Handlers, stop_signal};
pub use systemd::PassedSockets;

use crate::http::{AccessLog, Peer, log_rejected};
use crate::metrics::Connections;
use connection::End;
use listener::Stream;

/// How long requests in progress may take to finish after the stop signal.
const DRAIN: Duration = Duration::from_secs(10);
/// How long an idle connection may send one more request after the stop signal; the response
/// tells the client to close. So a client that is about to send never finds the connection
/// closed.
const LAST_REQUEST: Duration = Duration::from_millis(250);
/// How long connections are still accepted from the backlog after the stop signal: their clients
/// already see them as established.
const LAST_ACCEPT: Duration = Duration::from_millis(100);
/// Connections are crowded once fewer than one in this many is left; then idle ones are closed.
const KEPT_FREE: usize = 16;
/// How often idle connections are asked to close.
const ASK_EVERY: Duration = Duration::from_millis(250);

/// Limits and settings of [`run`].
#[derive(Debug, Clone)]
pub struct Limits {
    /// Maximum number of open connections; others wait.
    pub max_connections: usize,
    /// The idle timeout between requests.
    pub idle: Duration,
    /// Whether requests are logged. If so, each carries its `Peer` as an extension, which costs
    /// an allocation.
    pub access_log: AccessLog,
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
    let permits = limits.max_connections;
    let (orders, order) = watch::channel(Order::Serve);
    let context = ConnectionContext {
        room: Arc::new(Semaphore::new(permits)),
        kept_free: (permits / KEPT_FREE).max(1),
        crowd: Arc::new(Notify::new()),
        order,
        router,
        limits,
    };
    let mut accepting = JoinSet::new();
    for listener in listeners {
        accepting.spawn(accept_all(listener, context.clone()));
    }
    let make_room = async {
        loop {
            context.crowd.notified().await;
            while context.is_crowded() {
                orders.send_replace(Order::MakeRoom);
                tokio::time::sleep(ASK_EVERY).await;
            }
        }
    };
    tokio::select! {
        () = stop => {}
        () = make_room => {}
    }
    orders.send_replace(Order::Stop);
    let drained = async {
        while accepting.join_next().await.is_some() {}
        // Each connection holds a permit, so acquiring all of them waits until none is left.
        let everyone = u32::try_from(permits).unwrap_or(u32::MAX);
        context.room.acquire_many(everyone).await
    };
    if timeout(DRAIN, drained).await.is_err() {
        warn!(
            "{} connections cut: not done {DRAIN:?} after the stop signal",
            permits - context.room.available_permits()
        );
    }
}

/// What all connections are told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Serve,
    /// Idle connections should close while it is crowded.
    MakeRoom,
    Stop,
}

impl Order {
    /// Waits for `Stop`. An error means that the sender is gone, which is a stop as well.
    async fn stop(order: &mut watch::Receiver<Self>) {
        let _ = order.wait_for(|order| *order == Self::Stop).await;
    }
}

/// What all connections share.
#[derive(Clone)]
struct ConnectionContext {
    room: Arc<Semaphore>,
    /// With fewer permits than this, it is crowded.
    kept_free: usize,
    /// Notified when it is crowded.
    crowd: Arc<Notify>,
    order: watch::Receiver<Order>,
    router: MethodRouter,
    limits: Limits,
}

async fn accept_all(mut listener: Listener, context: ConnectionContext) {
    let not_accepted = || context.limits.metrics.refused("accept");
    let mut order = context.order.clone();
    loop {
        let accepted = tokio::select! {
            () = Order::stop(&mut order) => break,
            accepted = listener.accept(not_accepted) => accepted,
        };
        // Acquired only now: a listener that waits for clients holds no permit that others could
        // use. If there is none, this client waits, even after the stop signal.
        let Ok(permit) = context.room.clone().acquire_owned().await else {
            return;
        };
        context.spawn(accepted, permit);
        if context.is_crowded() {
            context.crowd.notify_one();
        }
    }
    // The backlog is empty if no connection comes out of it within this time.
    const AT_ONCE: Duration = Duration::from_millis(2);
    let last = async {
        while let Ok(permit) = context.room.clone().try_acquire_owned()
            && let Ok(accepted) = timeout(AT_ONCE, listener.accept(not_accepted)).await
        {
            context.spawn(accepted, permit);
        }
    };
    let _ = timeout(LAST_ACCEPT, last).await;
}

impl ConnectionContext {
    fn is_crowded(&self) -> bool {
        self.room.available_permits() < self.kept_free
    }

    fn spawn(&self, (stream, peer): (Stream, Peer), permit: OwnedSemaphorePermit) {
        let mut order = self.order.clone();
        let stop = async move {
            Order::stop(&mut order).await;
            tokio::time::sleep(LAST_REQUEST).await;
        };
        let (idle, kept_free) = (self.limits.idle, self.kept_free);
        let router = self.router.clone();
        let access_log = self.limits.access_log;
        let peer = (access_log != AccessLog::Off).then_some(peer);
        let open = self.limits.metrics.opened();
        tokio::spawn(async move {
            let is_crowded = || permit.semaphore().available_permits() < kept_free;
            let end = match stream {
                Stream::Tcp(stream) => {
                    connection::serve(stream, router, peer, idle, is_crowded, stop).await
                }
                Stream::Unix(stream) => {
                    connection::serve(stream, router, peer, idle, is_crowded, stop).await
                }
            };
            let metrics = &open.0;
            match end {
                End::Closed => {}
                End::TimedOut => metrics.refused("timeout"),
                End::BadRequest(status) => {
                    metrics.refused("bad_request");
                    if let Some(status) = status {
                        metrics.rejected(status);
                        log_rejected(access_log, peer, status);
                    }
                }
            }
        });
    }
}
