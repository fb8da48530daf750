//! Signal handling.

use std::future::Future;
use std::io;

use rustix::process::Signal as Sig;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::info;

/// Ignored signals: their default action would kill the process. SIGUSR1, for example, tells many
/// daemons to reopen their logs.
const IGNORED: [Sig; 4] = [Sig::ALARM, Sig::POWER, Sig::USR1, Sig::USR2];

/// Returns a future that is ready once the process is told to stop: by SIGTERM (systemd, `kill`),
/// SIGINT (Ctrl-C) or SIGQUIT (which stops nginx gracefully).
///
/// # Errors
///
/// The operating system refuses the handlers.
pub fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    // Install the handlers now, not at the first poll: a signal in between must not kill the
    // process.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut quit = signal(SignalKind::quit())?;
    Ok(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
            _ = quit.recv() => "SIGQUIT",
        };
        info!("{name}: stopping");
    })
}

/// The runtime of the caller's thread, and the handlers of signals that must not kill the
/// process.
#[derive(Debug)]
pub struct Handlers {
    /// The runtime that the handlers are installed in.
    pub runtime: Runtime,
    /// SIGHUP, which tells a daemon to reload its configuration.
    pub reload: Signal,
}

impl Handlers {
    /// Installs the handlers. Call this as early as possible: a service manager may send SIGHUP
    /// at any time. From then on, the ignored signals do nothing.
    ///
    /// # Errors
    ///
    /// The operating system refuses a handler, or the runtime.
    pub fn install() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let within = runtime.enter();
        let reload = signal(SignalKind::hangup())?;
        for ignored in IGNORED {
            // The handler stays installed when the receiver is dropped.
            let _ = signal(SignalKind::from_raw(ignored.as_raw()))?;
        }
        drop(within);
        Ok(Self { runtime, reload })
    }
}
