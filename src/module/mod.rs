//! The values of a mapping, and the rules that make them valid.
//!
//! Each type has a `parse` that rejects what the go command, or the version control system that it
//! runs, would reject. Nothing is checked again after that. This module knows nothing of YAML, HTTP
//! or I/O.

mod host;
mod path;
mod problem;
mod repo;
mod source;
mod vcs;

pub use host::Host;
pub use path::{Key, ModulePath, RequestPath, is_path_element};
pub use problem::Problem;
pub use repo::Url;
pub use source::{Forge, go_source};
pub use vcs::Vcs;
