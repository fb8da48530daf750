//! Hosts of import paths.

use std::fmt;
use std::sync::Arc;

use super::Problem;
use super::path::check_element;
use crate::text::{quoted, quoted_char};

/// Hosts that the go command never queries, because it has built-in rules for them.
const KNOWN_TO_GO: [&str; 6] = [
    "github.com",
    "bitbucket.org",
    "chiselapp.com",
    "example.net",
    "git.apache.org",
    "git.openstack.org",
];

/// The host of an import path: lower case, with a dot, as Go requires of the first element.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Host(Arc<str>);

impl Host {
    /// Parses a host name such as `go.example.org`.
    ///
    /// # Errors
    ///
    /// Rejects what `CheckPath` of golang.org/x/mod/module rejects in a first path element: no dot,
    /// a leading dash, a character other than `a-z0-9.-`. Also rejects a port, which no import path
    /// can have, and hosts that the go command never queries (`vcsPaths` of cmd/go/internal/vcs).
    pub fn parse(text: &str) -> Result<Self, Problem> {
        if text.is_empty() {
            return Err(Problem::new(
                "the host is empty",
                "write a domain, such as `go.example.org`",
            ));
        }
        match check_host(text) {
            Ok(()) => Ok(Self(text.into())),
            Err(problem) => Err(problem.about(text, "host name")),
        }
    }

    /// Returns the host as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check_host(text: &str) -> Result<(), Problem> {
    if let Some((_, rest)) = text.split_once("://") {
        let authority = rest.split('/').next().unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default();
        let host = host.split(':').next().unwrap_or_default();
        return Err(Problem::new(
            "it is a URL",
            format!("write the domain alone: {}", quoted(host)),
        ));
    }
    if text.contains(':') {
        return Err(Problem::new(
            "an import path has no port",
            "the go command always asks on port 443 (or 80, with GOINSECURE)",
        ));
    }
    if text.contains('/') {
        return Err(Problem::new(
            "it has a path",
            "paths are the keys of the file, not part of the host",
        ));
    }
    if text.len() > 253 {
        return Err(Problem::new(
            "a domain has at most 253 characters",
            "write the domain alone, such as `go.example.org`",
        ));
    }
    if text.chars().any(|c| c.is_alphabetic() && !c.is_ascii()) {
        return Err(Problem::new(
            "Go requires the ASCII form",
            "write its `xn--` form, which `idn2` and whois sites print",
        ));
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    if let Some(bad) = text.chars().find(|&c| !allowed(c)) {
        return Err(Problem::new(
            format!(
                "Go allows only a-z, 0-9, `.` and `-`, not {}",
                quoted_char(bad)
            ),
            "write the domain alone, such as `go.example.org`",
        ));
    }
    if text.bytes().any(|b| b.is_ascii_uppercase()) {
        let lower = quoted(&text.to_ascii_lowercase());
        return Err(Problem::new(
            "Go requires lower case",
            format!("write {lower}"),
        ));
    }
    if !text.contains('.') {
        return Err(Problem::new(
            "Go requires a dot in it",
            "write the whole domain",
        ));
    }
    if text.starts_with('-') {
        return Err(Problem::new("Go rejects a leading dash", "remove it"));
    }
    if text.split('.').any(str::is_empty) {
        return Err(Problem::new(
            "it has an empty label",
            "remove the extra dot",
        ));
    }
    if KNOWN_TO_GO.contains(&text) {
        return Err(Problem::new(
            "the go command never asks this host: it has built-in rules for its repositories",
            "write a domain of your own",
        ));
    }
    check_element(text)
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
