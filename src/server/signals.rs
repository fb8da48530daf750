//! Signal handling.

use std::future::Future;
use std::io;

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::info;

/// Returns a future that is ready once the process is told to stop: by SIGTERM (systemd, `kill`)
/// or SIGINT (Ctrl-C).
///
/// # Errors
///
/// The operating system refuses the handlers.
pub fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    // Install the handlers now, not at the first poll: a signal in between must not kill the
    // process.
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

/// The runtime of the caller's thread, and the handler of SIGHUP, which must not kill the process.
#[derive(Debug)]
pub struct Handlers {
    /// The runtime that the handler is installed in.
    pub runtime: Runtime,
    /// SIGHUP, which tells a daemon to reload its configuration.
    pub reload: Signal,
}

impl Handlers {
    /// Installs the handler. Call this as early as possible: a service manager may send SIGHUP at
    /// any time.
    ///
    /// # Errors
    ///
    /// The operating system refuses the handler, or the runtime.
    pub fn install() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let within = runtime.enter();
        let reload = signal(SignalKind::hangup())?;
        drop(within);
        Ok(Self { runtime, reload })
    }
}
