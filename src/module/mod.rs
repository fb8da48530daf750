//! The values that a mapping consists of, and the rules that make them valid.
//!
//! Each type is built by a `parse` that rejects what the go command, or the version control
//! system that it runs, would reject. After that nothing is checked again. Nothing here knows
//! YAML, HTTP or the outside world.

mod path;
mod problem;
mod punycode;
mod repo;
mod source;
mod vcs;

pub use path::{Host, Key, MAX_PATH, ModulePath, RequestPath, is_path_element};
pub use problem::{
    ElementFault, HostFault, PathFault, Problem, UrlFault, escaped, masked, nearest, quoted,
    quoted_char,
};
pub(crate) use problem::{credentials, is_invisible};
pub(crate) use punycode::{mixed_scripts, to_ascii};
pub use repo::{RepoUrl, WebUrl};
pub use source::{Forge, go_source};
pub use vcs::Vcs;

/// Returns a number of modules in words.
pub fn counted(modules: usize) -> String {
    match modules {
        1 => "1 module".to_owned(),
        n => format!("{n} modules"),
    }
}
