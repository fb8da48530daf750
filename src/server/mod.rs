//! Sockets, connections and signals: the rim around [`http`](crate::http).

mod connection;
mod listener;
mod shutdown;

use std::future::Future;
use std::time::Duration;

use axum::Router;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::warn;

pub use listener::{BindError, Listener};
pub use shutdown::stop_signal;

/// How long the requests that are under way may take to finish after the stop signal.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves connections of `listener` until `stop` is ready; then accepts no more, lets the
/// requests that are under way finish, for ten seconds at most, and returns.
pub async fn run(listener: Listener, router: Router, stop: impl Future<Output = ()>) {
    // Dropped to tell every connection that the server is stopping.
    let (stopping, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            stream = listener.accept() => {
                let stopped = stopped.clone();
                connections.spawn(connection::serve(stream, router.clone(), stopped));
            }
            // Reap the ended, so that the set holds the living only.
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    drop(stopping);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN, drained).await.is_err() {
        warn!(
            "{} connections cut: not done {DRAIN:?} after the stop signal",
            connections.len()
        );
    }
}
