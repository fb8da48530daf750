//! The signals that the program listens to.

use std::future::Future;
use std::io;

use rustix::process::Signal as Sig;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::info;

/// Signals that would end the process without a word. Daemons are sent SIGUSR1 to open their logs
/// again, for example.
const IGNORED: [Sig; 4] = [Sig::ALARM, Sig::POWER, Sig::USR1, Sig::USR2];

/// Ready once the process is told to stop: SIGTERM, as systemd and `kill` send it, SIGINT, as
/// Ctrl-C does, or SIGQUIT, with which nginx stops gracefully.
///
/// # Errors
///
/// The operating system refuses the handlers.
pub fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    // Installed now, not at the first poll: a signal in between must not kill the process.
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

/// The runtime of the caller's thread, and the signals that are not to kill the process.
#[derive(Debug)]
pub struct Handlers {
    /// The runtime.
    pub runtime: Runtime,
    /// SIGHUP, by which every daemon is told to read its configuration again.
    pub reload: Signal,
}

impl Handlers {
    /// Installs the handlers. Called as early as possible: a service manager may send SIGHUP at
    /// any time. From here on, the ignored signals do nothing.
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
            // The handler stays when the receiver is dropped.
            let _ = signal(SignalKind::from_raw(ignored.as_raw()))?;
        }
        drop(within);
        Ok(Self { runtime, reload })
    }
}
