//! What the program does: one file a command.

mod check;
mod convert;
mod export;
mod nginx;
mod schema;
mod serve;

use std::process::ExitCode;

use crate::cli::{Cli, Command};
use crate::config::ConfigError;
use crate::server::BindError;
use crate::terminal;

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
    /// Any of these, after the log has told the user.
    #[error("{0}")]
    Logged(Box<Failure>),
}

impl Failure {
    /// The exit status: 2 for the command line, 1 for everything else.
    pub fn status(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Usage(_) => 2,
            Self::Logged(failure) => return failure.status(),
            _ => 1,
        })
    }

    /// Whether the user has read it in the log.
    pub fn is_logged(&self) -> bool {
        matches!(self, Self::Logged(_))
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

/// Writes what a command prints to standard output. A closed pipe (`| head`) is not an error.
fn print(text: &str) -> Result<(), Failure> {
    Ok(terminal::print(text)?)
}
