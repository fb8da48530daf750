//! `govanityurls schema`: prints a JSON Schema of `vanity.yaml`, for editors.

use super::{Failure, print};

/// Draft 7, which yaml-language-server supports best.
const SCHEMA: &str = include_str!("../../docs/vanity.schema.json");

/// Prints the schema.
pub fn run() -> Result<(), Failure> {
    print(SCHEMA)
}
