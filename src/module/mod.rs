//! The values of a mapping, and the rules that make them valid.
//!
//! Each type has a `parse` that rejects what the go command, or the version control system that it
//! runs, would reject. Nothing is checked again after that. This module knows nothing of YAML, HTTP
//! or I/O.

mod path;
mod problem;
mod punycode;
mod repo;
mod source;
mod vcs;

pub use path::{Host, Key, MAX_PATH, ModulePath, RequestPath, is_path_element};
pub use problem::{ElementFault, HostFault, PathFault, Problem, UrlFault};
pub(crate) use punycode::{mixed_scripts, to_ascii};
pub use repo::{RepoUrl, WebUrl};
pub use source::{Forge, go_source};
pub use vcs::Vcs;
