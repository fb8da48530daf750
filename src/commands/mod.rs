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

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory as _;

use crate::cli::{Cli, Command, Common};
use crate::config::{Config, ConfigError};
use crate::logging;
use crate::module::Host;
use crate::server::BindError;
use crate::terminal::{self, ERROR};
pub use nginx::Upstream;

/// Why a command failed. Its `Display` text is what the user reads.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// clap refused the command line; or a request for help or the version.
    #[error("{0}")]
    Clap(#[from] clap::Error),
    /// The command line is wrong or incomplete.
    #[error("{0}")]
    Usage(String),
    /// Nothing says what to serve.
    #[error("{}", serve::HOW_TO_USE)]
    NothingToServe,
    /// The configuration was refused.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// `check` found errors, listed here.
    #[error("{0}")]
    Check(String),
    /// The program could not listen on an address.
    #[error("{0}")]
    Bind(#[from] BindError),
    /// Any other error of the operating system.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Something failed, and standard output says what.
    #[error("")]
    Reported,
    /// Something failed, and the log says what.
    #[error("")]
    Logged(ExitCode),
}

impl Failure {
    fn usage(why: impl Into<String>) -> Self {
        Self::Usage(why.into())
    }

    /// Returns the exit status: 2 for the command line, 1 for everything else.
    fn status(&self) -> ExitCode {
        match self {
            Self::Clap(_) | Self::Usage(_) | Self::NothingToServe => ExitCode::from(2),
            Self::Logged(status) => *status,
            _ => ExitCode::FAILURE,
        }
    }

    /// Tells the user, and returns the exit status.
    #[must_use]
    pub fn report(&self) -> ExitCode {
        match self {
            Self::Reported | Self::Logged(_) => {}
            Self::Clap(text) if !text.use_stderr() => {
                return match terminal::explain(text.print()) {
                    Ok(()) => ExitCode::SUCCESS,
                    Err(error) => Self::from(error).report(),
                };
            }
            _ if logging::log_to_journal(self) => {}
            Self::Clap(error) => _ = error.print(),
            Self::Usage(_) | Self::Bind(_) | Self::Io(_) => {
                terminal::print_error(&format!("{ERROR}govanityurls:{ERROR:#} {self}\n"));
            }
            _ => terminal::print_error(&format!("{self:#}\n")),
        }
        self.status()
    }
}

/// Runs the requested command.
///
/// # Errors
///
/// Whatever made the command fail.
pub fn run(cli: &Cli) -> Result<(), Failure> {
    match &cli.command {
        None => serve::run(&cli.common, &cli.serve),
        Some(Command::Serve(flags)) => serve::run(&cli.common, flags),
        Some(Command::Check(flags)) => check::run(&cli.common, flags),
        Some(Command::Export(flags)) => export::run(&cli.common, flags),
        Some(Command::Nginx(flags)) => nginx::run(&cli.common, flags),
        Some(Command::Convert { from }) => convert::run(from),
        Some(Command::Schema) => schema::run(),
        Some(Command::Man { command }) => man::run(command.as_deref()),
        Some(Command::Completions { shell }) => completions::run(*shell),
        Some(Command::Version) => print(&Cli::command().render_version()),
        Some(Command::Verify(flags)) => verify::run(&cli.common, flags),
    }
}

/// Reads the file, or makes the configuration of -repo.
fn read_config(common: &Common) -> Result<Config, Failure> {
    let host = common.host.as_ref();
    let Some(repo) = &common.repo else {
        return Ok(Config::read(common.file(), host)?);
    };
    let path = if repo.contains('*') { "/*" } else { "/" };
    // A JSON string is a YAML string too.
    let text = format!(
        "{path}:\n  repo: {}\n",
        serde_json::Value::from(repo.as_str())
    );
    Config::parse(repo, &text, host).map_err(|error| {
        let hint = error.hint().map(|hint| format!("\n  hint: {hint}"));
        let hint = hint.unwrap_or_default();
        Failure::usage(format!("-repo: {}{hint}", error.message()))
    })
}

/// Returns what [`read_config`] reads, as messages name it.
fn source(common: &Common) -> String {
    match &common.repo {
        Some(repo) => repo.clone(),
        None => crate::config::name(common.file()),
    }
}

/// Returns the default host, which the command needs.
fn require_host(common: &Common, config: &Config) -> Result<Host, Failure> {
    if common.repo.is_some() && config.host.is_none() {
        return Err(Failure::usage("-repo names no host: add -host HOST"));
    }
    config.require_host(common.file()).map_err(Failure::usage)
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
