//! Compares govanityurls with other servers, behind nginx, and as the number of modules grows.
//!
//! `cargo bench --bench side_by_side -- [servers] [front] [growth]`; docs/performance.md explains
//! the measurements and how to read them. Needs nginx, wrk and openssl; uses only loopback.

#![allow(clippy::unwrap_used)]

mod front;
mod growth;
mod http;
mod hyper;
mod nginx;
mod process;
mod servers;
mod table;
mod wrk;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::{Parser, ValueEnum};

use process::Process;

type Error = Box<dyn std::error::Error>;

/// One module, as in the README, and a path that the go command requests.
const VANITY: &str = "/gowechat:\n  repo: https://github.com/bigwhite/gowechat\n";
const TARGET: &str = "/gowechat?go-get=1";
const HOST: &str = "tonybai.com";

#[derive(Parser)]
#[command(about = "Compares govanityurls with other servers")]
struct Args {
    /// What to measure; the default is everything
    parts: Vec<Part>,
    /// Duration of each measurement
    #[arg(long, default_value = "5", value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// Number of rounds
    #[arg(long, default_value = "2", value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Another server to compare: NAME=PORT=COMMAND, which must serve /gowechat on 127.0.0.1:PORT
    #[arg(long)]
    peer: Vec<servers::Peer>,
    /// Passed by cargo
    #[arg(long, hide = true)]
    bench: bool,
    /// Run as the bare hyper server: a port, and the file with its response
    #[arg(long, hide = true, num_args = 2)]
    bare_hyper: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Part {
    Servers,
    Front,
    Growth,
}

/// Shared by all parts.
struct Lab {
    dir: tempfile::TempDir,
    seconds: u32,
    rounds: u32,
}

impl Lab {
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Starts the program with this vanity.yaml, default flags and a free port or a socket.
    fn govanityurls(&self, config: &Path, listen: &str) -> Result<Process, Error> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_govanityurls"));
        command
            .args(["-host", HOST, "-listen", listen])
            .arg("-config")
            .arg(config)
            // Variables set on the machine must not affect the measurements.
            .env_clear();
        Process::start(&mut command, self.path("govanityurls.log"))
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match args.bare_hyper.as_slice() {
        [port, file] => hyper::serve(port, file),
        // `cargo test` runs benches without `--bench`.
        _ if !args.bench => return ExitCode::SUCCESS,
        _ => measure(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("side_by_side: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(args: Args) -> Result<(), Error> {
    for name in ["nginx", "wrk", "openssl"] {
        process::tool(name)?;
    }
    let lab = Lab {
        dir: tempfile::Builder::new().prefix("side_by_side-").tempdir()?,
        seconds: args.seconds,
        rounds: args.rounds,
    };
    process::stop_all_on_signal(lab.dir.path().to_owned())?;
    std::fs::write(lab.path("vanity.yaml"), VANITY)?;
    let wanted = |part| args.parts.is_empty() || args.parts.contains(&part);
    if wanted(Part::Servers) {
        servers::measure(&lab, &args.peer)?;
    }
    if wanted(Part::Front) {
        front::measure(&lab)?;
    }
    if wanted(Part::Growth) {
        growth::measure(&lab)?;
    }
    Ok(())
}
