//! What the program does: one file a command.

mod check;
mod completions;
mod convert;
mod export;
mod man;
mod nginx;
mod schema;
mod serve;
#[cfg(feature = "verify")]
mod verify;

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::ExitCode;

pub use nginx::Upstream;

use crate::cli::{Cli, Command};
use crate::config::ConfigError;
use crate::server::{BindError, Handlers};
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
    /// Something failed, and standard output says what.
    #[error("")]
    Reported,
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
        match self {
            Self::Logged(_) | Self::Reported => true,
            // Printed as JSON.
            Self::Check(errors) => errors.is_empty(),
            _ => false,
        }
    }
}

/// Runs the command that was asked for. `handlers` are those of signals, if they are installed.
///
/// # Errors
///
/// Whatever kept it from its work.
pub fn run(cli: &Cli, handlers: Option<io::Result<Handlers>>) -> Result<(), Failure> {
    match &cli.command {
        None | Some(Command::Serve) => serve::run(cli, handlers.unwrap_or_else(Handlers::install)?),
        Some(Command::Check(flags)) => check::run(&cli.common, flags),
        Some(Command::Export(flags)) => export::run(&cli.common, flags),
        Some(Command::Nginx(flags)) => nginx::run(&cli.common, flags),
        Some(Command::Convert { file }) => convert::run(file),
        Some(Command::Schema) => schema::run(),
        Some(Command::Man) => man::run(),
        Some(Command::Completions { shell }) => completions::run(*shell),
        Some(Command::Version) => print(concat!("govanityurls ", env!("CARGO_PKG_VERSION"), "\n")),
        #[cfg(feature = "verify")]
        Some(Command::Verify(flags)) => verify::run(&cli.common, flags),
    }
}

/// Writes what a command prints to standard output. A closed pipe (`| head`) is not an error.
fn print(text: &str) -> Result<(), Failure> {
    Ok(terminal::print(text)?)
}

/// Returns what to say about who may change `file`, for `check` and at the start. `user` is
/// who serves, where that is known.
pub(crate) fn permission_note(file: &Path, user: Option<u32>) -> Option<String> {
    // A file that cannot be looked at is reported by what reads it.
    let file = fs::metadata(file).ok()?;
    writable_note(file.mode(), file.uid(), user).map(str::to_owned)
}

/// The user that this process runs as.
pub(crate) fn current_user() -> Option<u32> {
    // /proc/self belongs to the effective user.
    Some(fs::metadata("/proc/self").ok()?.uid())
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
    fn files_that_others_or_the_server_may_change_get_a_note() {
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
