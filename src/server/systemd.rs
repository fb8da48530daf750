//! The service manager: the sockets it passes, and notifications to it (`sd_notify(3)`). Without
//! one, all of this does nothing.

use std::io;
use std::time::Duration;

use listenfd::ListenFd;
use sd_notify::NotifyState;
use socket2::Socket;
use tracing::warn;

use super::Listener;

/// The name (`FileDescriptorName=`) of a passed socket for the admin listener.
const ADMIN: &str = "admin";

/// The sockets that systemd passed, sorted by purpose.
#[derive(Debug, Default)]
pub struct PassedSockets {
    /// The sockets to serve on; empty if systemd passed none.
    pub serve: Vec<Listener>,
    /// The sockets named `admin`.
    pub admin: Vec<Listener>,
}

fn no_listener(index: usize) -> io::Error {
    let descriptor = 3 + index;
    io::Error::other(format!(
        "file descriptor {descriptor}, passed by systemd, is not a TCP or Unix socket that \
         listens; the .socket unit needs ListenStream= and Accept=no"
    ))
}

impl PassedSockets {
    /// Takes the sockets that `LISTEN_FDS` announces. Call this before any thread starts: it
    /// removes variables from the environment.
    ///
    /// # Errors
    ///
    /// A passed descriptor is not a listening TCP or Unix stream socket.
    pub fn take() -> io::Result<Self> {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':');
        let mut passed = ListenFd::from_env();
        let mut sockets = Self::default();
        for index in 0..passed.len() {
            let socket = match passed.take_tcp_listener(index) {
                Ok(socket) => socket.map(Socket::from),
                Err(_) => passed
                    .take_unix_listener(index)
                    .map_err(|_| no_listener(index))?
                    .map(Socket::from),
            };
            let socket = socket
                .filter(|socket| socket.is_listener().unwrap_or(false))
                .ok_or_else(|| no_listener(index))?;
            let admin = names.next() == Some(ADMIN);
            let list = if admin {
                &mut sockets.admin
            } else {
                &mut sockets.serve
            };
            list.push(Listener::new(socket)?);
        }
        Ok(sockets)
    }
}

/// Reports that the process serves; `status` describes the site.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// Reports that the configuration is being reloaded; [`ready`] follows.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        // Type=notify-reload requires the time, to tell this reload from the one before.
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// Reports that the process is stopping.
pub fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
}

/// Pings the watchdog (`WatchdogSec=`) at half its interval, as long as the runtime runs tasks.
/// Returns at once if there is no watchdog.
pub async fn ping_watchdog() {
    let Some(within) = sd_notify::watchdog_enabled() else {
        return;
    };
    let mut ticks = tokio::time::interval((within / 2).max(Duration::from_millis(1)));
    loop {
        ticks.tick().await;
        tell(&[NotifyState::Watchdog]);
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        warn!("cannot tell the service manager: {error}");
    }
}
