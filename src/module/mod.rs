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
pub use problem::{
    ElementFault, HostFault, PathFault, Problem, UrlFault, escaped, masked, nearest, quoted,
    quoted_char,
};
pub(crate) use problem::{credentials, is_invisible};
pub(crate) use punycode::{mixed_scripts, to_ascii};
pub use repo::{RepoUrl, WebUrl};
pub use source::{Forge, go_source};
pub use vcs::Vcs;

/// Returns a count of modules with the noun in the right number.
pub fn counted(modules: usize) -> String {
    match modules {
        1 => "1 module".to_owned(),
        n => format!("{n} modules"),
    }
}

/// Returns the module counts of hosts, the default host first, for a message.
pub fn counted_by_host(hosts: &[(&Host, usize)]) -> String {
    let [(default, modules), others @ ..] = hosts else {
        return String::new();
    };
    let on_default = match modules {
        0 => format!("no module on {default}"),
        &modules => format!("{} on {default}", counted(modules)),
    };
    let more: usize = others.iter().map(|(_, modules)| modules).sum();
    match others {
        [] => on_default,
        [(other, _)] => format!("{on_default}, {more} on {other}"),
        others => format!("{on_default}, {more} on {} other hosts", others.len()),
    }
}
