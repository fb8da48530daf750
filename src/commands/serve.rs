//! Serving: what the program does without a command.

use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, geteuid, getrlimit, setrlimit};
use tokio::signal::unix::Signal;
use tracing::{info, warn};

use super::Failure;
use crate::cli::{Common, Serve};
use crate::http::{self, App};
use crate::logging::{self, Logging};
use crate::metrics::Connections;
use crate::server::{
    self, FileHash, Handlers, ListenAddr, Listener, PassedSockets, Reloader, systemd,
};
use crate::site::Site;

/// Shown where nothing says what to serve.
pub(super) const HOW_TO_USE: &str = "\
govanityurls is a service that allows you to set custom import paths for your go packages

Usage:
  govanityurls -host [HOST_NAME]

HOST_NAME is the domain of your import paths, such as tonybai.com; the file may name it
instead, as `host:`. The paths are read from vanity.yaml, or from -config FILE; without a file,
-repo 'https://github.com/example/*' serves every repository of one owner.
`govanityurls -help` lists every flag.";

/// Connection limit of the admin listener: enough for a scraper, a probe and a person.
const ADMIN_CONNECTIONS: usize = 100;
/// How long clients of the admin listener may delay the exit once all others are done.
const ADMIN_DRAIN: Duration = Duration::from_secs(1);

/// Serves until a signal tells it to stop.
pub fn run(common: &Common, flags: &Serve) -> Result<(), Failure> {
    // First: a service manager may send SIGHUP at any time.
    let handlers = Handlers::install()?;
    // Before any thread starts, because it changes the environment.
    let passed = {
        let _within = handlers.runtime.enter();
        PassedSockets::take()?
    };
    let logging = logging::start(flags.log_level, flags.log_format);
    prepare_and_serve(common, flags, handlers, passed, &logging).map_err(|failure| {
        if logging.log_failure(&failure) {
            return Failure::Logged(failure.status());
        }
        failure
    })
}

fn prepare_and_serve(
    common: &Common,
    flags: &Serve,
    handlers: Handlers,
    passed: PassedSockets,
    logging: &Logging,
) -> Result<(), Failure> {
    let port = std::env::var_os("PORT").map(|port| port.to_string_lossy().into_owned());
    let listen = flags.listen(port.as_deref()).map_err(Failure::usage)?;
    let file = common.file();
    // The file may name the host. With no -host, -config or -repo, and no default file, print how
    // to use the program.
    if common.host.is_none() && common.config.is_none() && common.repo.is_none() && !file.exists() {
        return Err(Failure::NothingToServe);
    }
    if flags.watch && common.repo.is_some() {
        return Err(Failure::usage(
            "-watch has no file to follow with -repo: leave one of them out",
        ));
    }
    raise_descriptor_limit();
    // Before the file is read for the site, so that a change in between is noticed.
    let read = flags.watch.then(|| FileHash::of(file));
    let config = super::read_config(common)?;
    let host = super::require_host(common, &config)?;
    let notes = super::check::notes(&config).len();
    if notes > 0 {
        let noun = if notes == 1 { "note" } else { "notes" };
        let source = super::source(common);
        info!("{source}: {notes} {noun}; `govanityurls check` prints them");
    }
    let mut app = App::new(Site::new(host, config));
    app.access_log = flags.access_log;
    let app = Arc::new(app);

    let Handlers { runtime, reload } = handlers;
    let within = runtime.enter();
    tokio::spawn(logging::report_lost_lines(logging.lost_lines()));
    drop(within);
    let result = runtime.block_on(serve(common, flags, &listen, passed, app, (reload, read)));
    // Do not wait for a reload that is stuck reading its file.
    runtime.shutdown_background();
    result
}

async fn serve(
    common: &Common,
    flags: &Serve,
    listen: &[ListenAddr],
    passed: PassedSockets,
    app: Arc<App>,
    (reload, read): (Signal, Option<FileHash>),
) -> Result<(), Failure> {
    let stop = server::stop_signal()?;
    let PassedSockets {
        serve: listeners,
        admin,
    } = bind(flags, listen, passed)?;
    let status = app.serving().site.summary();
    let source = super::source(common);
    for listener in &admin {
        info!("admin endpoints on {}", listener.description());
    }
    for listener in &listeners {
        let on = listener.description();
        info!("serving {status} from {source} on {on}");
    }
    // On a terminal, people serve files of their own, which needs no warning.
    let user = (!io::stderr().is_terminal()).then(|| geteuid().as_raw());
    if common.repo.is_none()
        && let Some(note) = super::permission_note(common.file(), user)
    {
        warn!("{source}: {note}");
    }
    // The admin listener outlives the others, to report that they are stopping.
    let (admin_stop, admin_stopped) = tokio::sync::oneshot::channel::<()>();
    let admin = tokio::spawn(server::run(
        admin,
        server::admin_router(app.clone()),
        server::Limits {
            max_connections: ADMIN_CONNECTIONS,
            with_peer: false,
            metrics: Connections::default(),
        },
        async { _ = admin_stopped.await },
    ));
    tokio::spawn(systemd::ping_watchdog());
    let reloads = match common.repo {
        Some(_) => tokio::spawn(refuse_reloads(reload)),
        None => {
            let file = common.file().to_owned();
            let reloader = Reloader::new(file, common.host.clone(), app.clone(), read);
            tokio::spawn(reloader.run(reload))
        }
    };
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
        max_connections: flags.max_connections as usize,
        with_peer: flags.access_log,
        metrics: app.metrics.connections.clone(),
    };
    server::run(listeners, router, limits, stop).await;
    drop(admin_stop);
    let _ = tokio::time::timeout(ADMIN_DRAIN, admin).await;
    info!("stopped");
    Ok(())
}

/// Returns the sockets to serve on: those that systemd passed, or else those of the flags.
fn bind(
    flags: &Serve,
    listen: &[ListenAddr],
    mut sockets: PassedSockets,
) -> Result<PassedSockets, Failure> {
    warn_of_unused("-listen", &flags.listen, &sockets.serve);
    warn_of_unused("-admin", flags.admin.as_slice(), &sockets.admin);
    // All at once: whether an IPv6 address takes IPv4 as well depends on the others.
    let mut addresses = Vec::new();
    if sockets.serve.is_empty() {
        addresses.extend_from_slice(listen);
    }
    let admin_from = addresses.len();
    if sockets.admin.is_empty() {
        addresses.extend(flags.admin.clone());
    }
    let mut bound = Listener::bind_all(&addresses, flags.socket_mode)?;
    sockets.admin.extend(bound.split_off(admin_from));
    sockets.serve.extend(bound);
    Ok(sockets)
}

/// Says on SIGHUP that with -repo there is no file to read again.
async fn refuse_reloads(mut reload: Signal) {
    while reload.recv().await.is_some() {
        warn!("SIGHUP: nothing to reload: -repo takes the place of a file");
    }
}

/// Raises the soft limit on file descriptors to the hard one: the soft limit only protects
/// programs that use `select`.
fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        warn!("cannot raise the limit on file descriptors: {error}");
    }
}

/// Warns about addresses that have no effect because systemd passed sockets instead.
fn warn_of_unused(flag: &str, addresses: &[ListenAddr], passed: &[Listener]) {
    let mut unused = Vec::new();
    for address in addresses {
        if !passed.iter().any(|socket| socket.address() == address) {
            unused.push(address.to_string());
        }
    }
    if !passed.is_empty() && !unused.is_empty() {
        warn!(
            "{flag} {} has no effect: systemd passed a socket, which takes precedence; change \
             ListenStream= in the .socket unit instead",
            unused.join(",")
        );
    }
}
