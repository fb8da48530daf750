//! `govanityurls convert`: prints the `vanity.yaml` for another tool's file.

use std::path::Path;

use super::{Failure, print};
use crate::config::{ConfigError, name, read_text};
use crate::convert::convert;

/// Reads the other tool's file and prints ours.
pub fn run(file: &Path) -> Result<(), Failure> {
    // The hint about -config does not apply here.
    let text = read_text(file).map_err(ConfigError::without_hint)?;
    print(&convert(&name(file), &text)?)
}
