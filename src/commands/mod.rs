//! The commands, one file each.

mod check;
mod completions;
mod convert;
mod export;
mod man;
mod nginx;
mod schema;
mod serve;
mod verify;

use std::fmt::Display;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::ExitCode;

use crate::cli::{Cli, Command};
use crate::config::ConfigError;
use crate::server::{BindError, Handlers};
use crate::terminal;

/// Why a command failed. Its `Display` text is what the user reads.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command line is wrong or incomplete.
    #[error("{0}")]
    Usage(String),
    /// The configuration was refused.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// `check` found errors, listed here.
    #[error("{0}")]
    Check(String),
    /// The program could not listen on an address.
    #[error("govanityurls: {0}")]
    Bind(#[from] BindError),
    /// Any other error of the operating system.
    #[error("govanityurls: {0}")]
    Io(#[from] std::io::Error),
    /// Any of these, once it is in the log.
    #[error("{0}")]
    Logged(Box<Failure>),
    /// Something failed, and standard output says what.
    #[error("")]
    Reported,
}

impl Failure {
    fn usage(why: impl Display) -> Self {
        Self::Usage(format!("govanityurls: {why}"))
    }

    /// Returns the exit status: 2 for the command line, 1 for everything else.
    pub fn status(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Usage(_) => 2,
            Self::Logged(failure) => return failure.status(),
            _ => 1,
        })
    }

    /// Returns whether the user has already been told.
    pub fn is_logged(&self) -> bool {
        match self {
            Self::Logged(_) | Self::Reported => true,
            // Empty if the errors were printed as JSON.
            Self::Check(errors) => errors.is_empty(),
            _ => false,
        }
    }
}

/// Runs the requested command. `handlers` are the signal handlers, if they are already installed.
///
/// # Errors
///
/// Whatever made the command fail.
pub fn run(cli: &Cli, handlers: Option<io::Result<Handlers>>) -> Result<(), Failure> {
    match &cli.command {
        None | Some(Command::Serve) => serve::run(cli, handlers.unwrap_or_else(Handlers::install)?),
        Some(Command::Check(flags)) => check::run(&cli.common, flags),
        Some(Command::Export(flags)) => export::run(&cli.common, flags),
        Some(Command::Nginx(flags)) => nginx::run(&cli.common, flags),
        Some(Command::Convert { from }) => convert::run(from),
        Some(Command::Schema) => schema::run(),
        Some(Command::Man) => man::run(),
        Some(Command::Completions { shell }) => completions::run(*shell),
        Some(Command::Version) => print(concat!("govanityurls ", env!("CARGO_PKG_VERSION"), "\n")),
        Some(Command::Verify(flags)) => verify::run(&cli.common, flags),
    }
}

/// Writes what a command prints to standard output. A closed pipe (`| head`) is not an error.
fn print(text: &str) -> Result<(), Failure> {
    Ok(terminal::print(text)?)
}

/// Runs a future in this thread. Does not wait for DNS lookups that are unfinished when it ends.
fn block_on<F: Future>(future: F) -> io::Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let output = runtime.block_on(future);
    runtime.shutdown_background();
    Ok(output)
}

/// Returns a note if the wrong users may change `file`, for `check` and at the start. `user` is
/// the server's user, if known.
fn permission_note(file: &Path, user: Option<u32>) -> Option<String> {
    // If this fails, so does reading the file, and that reports the error.
    let file = fs::metadata(file).ok()?;
    writable_note(file.mode(), file.uid(), user).map(str::to_owned)
}

fn writable_note(mode: u32, owner: u32, user: Option<u32>) -> Option<&'static str> {
    const OTHERS_WRITE: u32 = 0o002;
    const ROOT: u32 = 0;
    if mode & OTHERS_WRITE != 0 {
        Some("every user of this machine may change it; run `chmod o-w` on it")
    } else if user == Some(owner) && owner != ROOT {
        Some(
            "it belongs to the user that serves it, who needs only to read it; \
             run `chown root` on it",
        )
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_a_file_that_others_or_the_server_can_write() {
        for (mode, owner, user, words) in [
            (0o100_644, 0, Some(999), None),
            (0o100_644, 1000, Some(999), None),
            (0o100_600, 0, Some(0), None),
            (0o100_644, 999, None, None),
            (0o100_664, 0, Some(0), None),
            (0o100_644, 999, Some(999), Some("`chown root`")),
            (0o100_400, 999, Some(999), Some("`chown root`")),
            (0o100_646, 0, Some(0), Some("`chmod o-w`")),
            (0o100_666, 999, Some(999), Some("`chmod o-w`")),
        ] {
            let note = writable_note(mode, owner, user);
            match words {
                None => assert_eq!(note, None, "{mode:o} {owner} {user:?}"),
                Some(words) => assert!(note.unwrap().contains(words), "{note:?}"),
            }
        }
    }
}
