//! `govanityurls check`: validates the configuration.

use std::io::{self, Write as _};

use super::Failure;
use crate::cli::Common;
use crate::config::Config;

/// Reads the file as serving would, and says what is in it.
pub fn run(common: &Common) -> Result<(), Failure> {
    let config = Config::read(&common.config, common.host.as_ref())?;
    let count = match config.modules.len() {
        1 => "1 module".to_owned(),
        n => format!("{n} modules"),
    };
    let host = match &config.host {
        Some(host) => format!(" at {host}"),
        None => ", no host: serving needs -host".to_owned(),
    };
    // The exit status is the answer, for whoever has closed the other end too.
    let _ = writeln!(
        io::stdout(),
        "{}: ok, {count}{host}",
        common.config.display()
    );
    Ok(())
}
