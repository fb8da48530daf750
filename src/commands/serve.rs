//! Serving: what the program does without a command.

use std::io::{self, IsTerminal as _};

use tracing::info;
use tracing_subscriber::prelude::*;

use super::Failure;
use crate::cli::{ABOUT, Cli, LogFormat, Serve};
use crate::config::Config;
use crate::http;
use crate::server::{self, Listener};
use crate::site::Site;

/// Serves until a signal says stop.
pub fn run(cli: &Cli) -> Result<(), Failure> {
    start_logging(&cli.serve);
    let listen = cli
        .serve
        .listen(std::env::var("PORT").ok().as_deref())
        .map_err(|why| Failure::Usage(format!("govanityurls: {why}")))?;
    let file = &cli.common.config;
    // Without a host on the command line the file may name it; without either there is
    // nothing to report about a file, only how the program is used.
    if cli.common.host.is_none() && !file.exists() {
        return Err(no_host());
    }
    let config = Config::read(file, cli.common.host.as_ref())?;
    let host = config.host.clone().ok_or_else(no_host)?;
    let site = Site::new(host, config);

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let stop = server::stop_signal()?;
        let listener = Listener::bind(&listen).await?;
        info!(
            "serving {} modules of {} from {} on {}",
            site.module_count(),
            site.hosts()[0].name(),
            file.display(),
            listener.address(),
        );
        server::run(listener, http::router(http::current(site)), stop).await;
        info!("stopped");
        Ok(())
    })
}

fn no_host() -> Failure {
    Failure::Usage(format!(
        "{ABOUT}\n\nUsage:\n  govanityurls -host [HOST_NAME]\n\n\
         HOST_NAME is the domain of your import paths, such as tonybai.com; the file may name it\n\
         instead, as `host:`. The paths are read from vanity.yaml, or from -config FILE.\n\
         `govanityurls -help` lists every flag."
    ))
}

fn start_logging(serve: &Serve) {
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_target(false)
        .with_ansi(io::stderr().is_terminal());
    let registry = tracing_subscriber::registry().with(serve.log_level.clone());
    match serve.log_format {
        LogFormat::Text => registry.with(lines).init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).init(),
    }
}
