//! `govanityurls completions SHELL`: prints the completions of a shell.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{Failure, print};
use crate::cli::Cli;

/// Prints the completions, generated from the definition of the command line.
pub fn run(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "govanityurls", &mut script);
    print(&String::from_utf8_lossy(&script))
}
