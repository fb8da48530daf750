//! The signals that the program listens to.

use std::future::Future;
use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::info;

/// Ready once the process is told to stop: SIGTERM, as systemd and `kill` send it, or SIGINT,
/// as Ctrl-C does.
///
/// # Errors
///
/// The operating system refuses the handlers.
pub fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    // Installed now, not at the first poll: a signal in between must not kill the process.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        info!("{name}: stopping");
    })
}

/// SIGHUP, by which every daemon is told to read its configuration again.
///
/// # Errors
///
/// The operating system refuses the handler.
pub fn reload_signal() -> io::Result<Signal> {
    signal(SignalKind::hangup())
}
