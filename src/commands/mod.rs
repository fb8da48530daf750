//! What the program does: one file a command.

mod check;
mod convert;
mod export;
mod nginx;
mod schema;
mod serve;

use std::io::{self, ErrorKind, Write as _};
use std::process::ExitCode;

use crate::cli::{Cli, Command};
use crate::config::ConfigError;
use crate::server::BindError;

/// Why a command ended without doing its work. Displayed, it is what the user reads.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command line is wrong, or says too little.
    #[error("{0}")]
    Usage(String),
    /// The configuration was refused.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// `check` found errors, which are listed here.
    #[error("{0}")]
    Check(String),
    /// A socket could not be listened on.
    #[error("govanityurls: {0}")]
    Bind(#[from] BindError),
    /// The machine refused something else.
    #[error("govanityurls: {0}")]
    Io(#[from] std::io::Error),
}

impl Failure {
    /// The exit status: 2 for the command line, 1 for everything else.
    pub fn status(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Usage(_) => 2,
            _ => 1,
        })
    }
}

/// Runs the command that was asked for.
///
/// # Errors
///
/// Whatever kept it from its work.
pub fn run(cli: &Cli) -> Result<(), Failure> {
    match &cli.command {
        None => serve::run(cli),
        Some(Command::Check(flags)) => check::run(&cli.common, flags),
        Some(Command::Export(flags)) => export::run(&cli.common, flags),
        Some(Command::Nginx(flags)) => nginx::run(&cli.common, flags),
        Some(Command::Convert { file }) => convert::run(file),
        Some(Command::Schema) => schema::run(),
    }
}

/// Writes what a command is to print. Whoever reads it may stop early (`| head`).
fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout();
    let written = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
