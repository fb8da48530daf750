//! Serving: what the program does without a command.

use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::geteuid;
use tokio::signal::unix::Signal;
use tracing::{Level, error, info, warn};

use super::Failure;
use crate::cli::{self, ABOUT, Cli, DEFAULT_CONFIG};
use crate::config::Config;
use crate::http::{self, AccessLog, App};
use crate::logging::{self, LogFormat};
use crate::metrics::Connections;
use crate::server::{
    self, FileStamp, Handlers, ListenAddr, Listener, PassedSockets, Reloader, systemd,
};
use crate::site::Site;

/// Connection limit of the admin listener: enough for a scraper, a probe and a person.
const ADMIN_CONNECTIONS: usize = 100;
/// Idle timeout of admin connections; it is short because a scraper reconnects.
const ADMIN_IDLE: Duration = Duration::from_secs(10);
/// How long clients of the admin listener may delay the exit once all others are done.
const ADMIN_DRAIN: Duration = Duration::from_secs(1);

/// Serves until a signal tells it to stop.
pub fn run(cli: &Cli, handlers: Handlers) -> Result<(), Failure> {
    // Before any thread starts, because it changes the environment.
    let passed = {
        let _within = handlers.runtime.enter();
        PassedSockets::take()?
    };
    let format = cli.serve.log_format;
    let _logging = logging::start(&cli.serve.log_level, format);
    for warning in cli::unknown_variables(std::env::vars_os()) {
        warn!("{warning}");
    }
    run_logged(cli, handlers, passed).map_err(|failure| {
        // A program that reads a JSON log gets nothing but JSON.
        if format == LogFormat::Json && tracing::enabled!(Level::ERROR) {
            error!("{failure}");
            return Failure::Logged(Box::new(failure));
        }
        failure
    })
}

fn run_logged(cli: &Cli, handlers: Handlers, passed: PassedSockets) -> Result<(), Failure> {
    if cli.serve.access_log == AccessLog::Combined && cli.serve.log_format == LogFormat::Json {
        return Err(Failure::usage(
            "-access-log combined is not JSON: leave out -log-format json, or use -access-log \
             alone, which writes JSON as well",
        ));
    }
    let port = std::env::var_os("PORT").map(|port| port.to_string_lossy().into_owned());
    let listen = cli.serve.listen(port.as_deref()).map_err(Failure::usage)?;
    if let Some(clash) = clash(cli, &listen, &passed) {
        return Err(Failure::usage(clash));
    }
    let file = &cli.common.config;
    // The file may name the host. With neither -host nor -config, and no default file, print how
    // to use the program.
    if cli.common.host.is_none() && file == Path::new(DEFAULT_CONFIG) && !file.exists() {
        return Err(how_to_use());
    }
    // Record the state before reading the file, which may take seconds, so that a change in
    // between is noticed.
    let stamp = cli.serve.watch.then(|| FileStamp::of(file));
    let config = Config::read(file, cli.common.host.as_ref())?;
    let host = config.require_host(file).map_err(Failure::Usage)?;
    let mut app = App::new(Site::new(host, config));
    app.access_log = cli.serve.access_log;
    app.trusted_proxies = cli.serve.trusted_proxy.clone();
    let app = Arc::new(app);

    let Handlers { runtime, reload } = handlers;
    let result = runtime.block_on(serve(cli, &listen, passed, app, (reload, stamp)));
    // Do not wait for a reload that is stuck reading its file.
    runtime.shutdown_background();
    result
}

async fn serve(
    cli: &Cli,
    listen: &[ListenAddr],
    passed: PassedSockets,
    app: Arc<App>,
    (reload, stamp): (Signal, Option<FileStamp>),
) -> Result<(), Failure> {
    let stop = server::stop_signal()?;
    let mode = cli.serve.socket_mode;
    let PassedSockets {
        serve: mut listeners,
        mut admin,
    } = passed;
    warn_of_unused("-listen", &cli.serve.listen, &listeners);
    warn_of_unused("-admin", cli.serve.admin.as_slice(), &admin);
    // Bind all at once: whether an IPv6 address takes IPv4 as well depends on the others.
    let mut addresses = Vec::new();
    if listeners.is_empty() {
        addresses.extend_from_slice(listen);
    }
    let admin_from = addresses.len();
    if admin.is_empty() {
        addresses.extend(cli.serve.admin.clone());
    }
    let mut bound = Listener::bind_all(&addresses, mode)?;
    admin.extend(bound.split_off(admin_from));
    listeners.extend(bound);
    let status = app.serving().site.summary();
    let file = cli.common.config.display();
    for listener in &admin {
        info!("admin endpoints on {}", listener.description());
    }
    for listener in &listeners {
        info!("serving {status} from {file} on {}", listener.description());
    }
    // On a terminal, people serve files of their own, which needs no warning.
    let user = (!io::stderr().is_terminal()).then(|| geteuid().as_raw());
    if let Some(note) = super::permission_note(&cli.common.config, user) {
        warn!("{file}: {note}");
    }
    let asked = cli.serve.max_connections as usize;
    let left = server::descriptors_left();
    let max_admin = (left / 4).clamp(1, ADMIN_CONNECTIONS);
    let max_connections = asked.min(left.saturating_sub(max_admin).max(1));
    if max_connections < asked {
        warn!(
            "the limit on connections is {max_connections} instead of {asked}: there are too few \
             file descriptors; raise LimitNOFILE= of the unit, or lower -max-connections"
        );
    }
    // The admin listener outlives the others, to report that they are stopping.
    let (admin_stop, admin_stopped) = tokio::sync::oneshot::channel::<()>();
    let admin = tokio::spawn(server::run(
        admin,
        server::admin_router(app.clone()),
        server::Limits {
            max_connections: max_admin,
            idle: ADMIN_IDLE,
            access_log: AccessLog::Off,
            metrics: Connections::default(),
        },
        async { _ = admin_stopped.await },
    ));
    tokio::spawn(systemd::ping_watchdog());
    let reloader = Reloader::new(
        cli.common.config.clone(),
        cli.common.host.clone(),
        app.clone(),
        stamp,
    );
    let reloads = tokio::spawn(reloader.run(reload));
    systemd::ready(&status);
    let stop = async {
        stop.await;
        // A reload must not send READY=1 after STOPPING=1.
        reloads.abort();
        systemd::stopping();
        app.close_connections();
    };
    let router = http::router(app.clone());
    let limits = server::Limits {
        max_connections,
        idle: server::IDLE_TIMEOUT,
        access_log: cli.serve.access_log,
        metrics: app.metrics.connections.clone(),
    };
    server::run(listeners, router, limits, stop).await;
    drop(admin_stop);
    let _ = tokio::time::timeout(ADMIN_DRAIN, admin).await;
    info!("stopped");
    Ok(())
}

/// Returns a message if this process cannot listen on two of its own addresses: the kernel would
/// only report that one of them is in use.
fn clash(cli: &Cli, listen: &[ListenAddr], passed: &PassedSockets) -> Option<String> {
    let systemds = passed.serve.iter().chain(&passed.admin);
    let listen = listen.iter().filter(|_| passed.serve.is_empty());
    let admin = cli.serve.admin.iter().filter(|_| passed.admin.is_empty());
    let all: Vec<_> = systemds
        .map(|listener| ("the socket from systemd", listener.address()))
        .chain(listen.map(|address| ("-listen", address)))
        .chain(admin.map(|address| ("-admin", address)))
        .collect();
    all.iter().enumerate().find_map(|(n, (other_flag, other))| {
        let mut before = all[..n].iter();
        let (flag, address) = before.find(|(_, address)| address.overlaps(other))?;
        Some(match flag == other_flag && address == other {
            true => format!("{flag} names {address} twice: leave one out"),
            false => format!(
                "{flag} {address} and {other_flag} {other} are both addresses of this server, \
                 and only one of them can have the port: choose another for one of them"
            ),
        })
    })
}

/// Warns about addresses that have no effect because systemd passed sockets instead.
fn warn_of_unused(flag: &str, addresses: &[ListenAddr], passed: &[Listener]) {
    let is_passed =
        |address: &&ListenAddr| passed.iter().any(|socket| socket.address() == *address);
    let unused: Vec<_> = addresses
        .iter()
        .filter(|address| !is_passed(address))
        .map(ToString::to_string)
        .collect();
    if !passed.is_empty() && !unused.is_empty() {
        warn!(
            "{flag} {} has no effect: systemd passed a socket, which takes precedence; change \
             ListenStream= in the .socket unit instead",
            unused.join(",")
        );
    }
}

fn how_to_use() -> Failure {
    Failure::Usage(format!(
        "{ABOUT}\n\nUsage:\n  govanityurls -host [HOST_NAME]\n\n\
         HOST_NAME is the domain of your import paths, such as tonybai.com; the file may name it\n\
         instead, as `host:`. The paths are read from vanity.yaml, or from -config FILE.\n\
         `govanityurls -help` lists every flag."
    ))
}
