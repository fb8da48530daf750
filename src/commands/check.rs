//! `govanityurls check`: validates the configuration.

use std::fmt::Write as _;

use super::Failure;
use crate::cli::Common;
use crate::config::{Config, Module};
use crate::module::{Vcs, counted};

/// Which modules it is about, and what there is to say.
type Note = (fn(&Module) -> bool, &'static str);

/// What is valid, and what not every go command fetches all the same.
const NOTES: [Note; 3] = [
    (
        |module| module.subdir.is_some(),
        "`subdir`: Go before 1.25 ignores it and finds no module; \
         for older go commands put the module at the root of its repository, \
         or name its import path as the repository root's plus the directory",
    ),
    (
        |module| module.vcs == Vcs::Bzr,
        "`vcs: bzr`: Go 1.27 has dropped Bazaar, and older go commands fetch it only where \
         GOVCS allows; move the repository to git",
    ),
    (
        |module| matches!(module.vcs, Vcs::Svn | Vcs::Fossil),
        "`vcs: svn` or `fossil`: the go command fetches these only where GOVCS allows, \
         by default for private modules (GOPRIVATE)",
    ),
];

/// Reads the file as serving would, and says what is in it.
pub fn run(common: &Common) -> Result<(), Failure> {
    let config = Config::read(&common.config, common.host.as_ref())?;
    let host = match &config.host {
        Some(host) => format!(" at {host}"),
        None => ", no host: serving needs -host".to_owned(),
    };
    let file = common.config.display();
    let count = counted(config.modules.len());
    let mut text = format!("{file}: ok, {count}{host}\n");
    for (applies, note) in NOTES {
        match config
            .modules
            .iter()
            .filter(|module| applies(module))
            .count()
        {
            0 => {}
            n => _ = writeln!(text, "{file}: note: {} with {note}", counted(n)),
        }
    }
    super::print(&text)
}
