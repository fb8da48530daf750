//! `govanityurls convert`: prints the `vanity.yaml` for a file of another tool.

use std::path::Path;

use super::{Failure, print};
use crate::config::{ConfigError, name, read_text};
use crate::convert::convert;

/// Reads the file of the other tool and prints ours.
pub fn run(file: &Path) -> Result<(), Failure> {
    // How to name another file with -config is no help here.
    let text = read_text(file).map_err(ConfigError::without_hint)?;
    print(&convert(&name(file), &text)?)
}
