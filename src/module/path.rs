//! Import paths: which ones Go accepts, and how a request names one.
//!
//! The rules are those of `CheckPath`, `CheckImportPath` and `SplitPathVersion` in
//! golang.org/x/mod/module, which the go command applies before it contacts any server.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use percent_encoding::percent_decode_str;

use super::punycode::to_ascii;
use super::{ElementFault, HostFault, PathFault, Problem};
use crate::text::is_digits;

/// The longest path in the file, in bytes: nginx stores the length of a location in one byte.
pub const MAX_PATH: usize = 255;
/// The longest path element, in bytes: an exported page is a file of that name.
const MAX_ELEMENT: usize = 200;

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
    /// Rejects what `CheckPath` rejects in a first path element: no dot, a leading dash, a
    /// character other than `a-z0-9.-`. Also rejects a port, which no import path can have, and
    /// hosts that the go command never queries (`vcsPaths` of cmd/go/internal/vcs).
    pub fn parse(text: &str) -> Result<Self, Problem> {
        if text.is_empty() {
            return Err(Problem::EmptyHost);
        }
        check_host(text).map_err(|why| Problem::Host {
            host: text.into(),
            why,
        })?;
        Ok(Self(text.into()))
    }

    /// Returns the host as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check_host(text: &str) -> Result<(), HostFault> {
    if let Some((_, rest)) = text.split_once("://") {
        let authority = rest.split('/').next().unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default();
        let host = host.split(':').next().unwrap_or_default();
        return Err(HostFault::Url(host.into()));
    }
    if text.contains(':') {
        return Err(HostFault::Port);
    }
    if text.contains('/') {
        return Err(HostFault::HasPath);
    }
    if text.len() > 253 {
        return Err(HostFault::TooLong);
    }
    if text.chars().any(|c| c.is_alphabetic() && !c.is_ascii()) {
        return Err(HostFault::International(to_ascii(text)));
    }
    let allowed = |c: char| matches!(c, 'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-');
    if let Some(bad) = text.chars().find(|&c| !allowed(c)) {
        return Err(HostFault::Character(bad));
    }
    if text.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(HostFault::UpperCase(text.to_ascii_lowercase()));
    }
    if !text.contains('.') {
        return Err(HostFault::NoDot);
    }
    if text.starts_with('-') {
        return Err(HostFault::LeadingDash);
    }
    if text.split('.').any(str::is_empty) {
        return Err(HostFault::EmptyLabel);
    }
    if KNOWN_TO_GO.contains(&text) {
        return Err(HostFault::KnownToGo);
    }
    Ok(check_element(text)?)
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The part of an import path after the host: empty for the root, else `/a/b`, with a slash
/// before each element and none at the end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ModulePath(Box<str>);

impl ModulePath {
    /// Parses `/`, `/gowechat` or `/x/experiments`; drops a trailing slash.
    ///
    /// # Errors
    ///
    /// Rejects what `CheckPath` rejects after the first element, and what the go command never asks
    /// for or cannot build: an element with the suffix of a version control system, `vendor`,
    /// `...`, a last element that starts with `-` or `~`. A path has at most [`MAX_PATH`] bytes.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let rejected = |why| Problem::Path {
            path: text.into(),
            why,
        };
        let path = Self::below(text).map_err(rejected)?;
        let last = path.0.rsplit('/').next().unwrap_or_default();
        // The rule is that of `load.SafeArg` of the go command.
        match last.chars().next() {
            Some(first @ ('-' | '~')) => Err(rejected(PathFault::LastElement(first))),
            _ => Ok(path),
        }
    }

    /// Parses a path that more elements may follow, as in a pattern.
    fn below(text: &str) -> Result<Self, PathFault> {
        if text.len() > MAX_PATH {
            return Err(PathFault::TooLong(MAX_PATH));
        }
        let Some(rest) = text.strip_prefix('/') else {
            return Err(PathFault::NoSlash(text.into()));
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.is_empty() {
            return match text.len() {
                1 => Ok(Self("".into())),
                _ => Err(PathFault::EmptyRoot),
            };
        }
        if let Some((path, version)) = text.split_once('@') {
            let below = version.find('/').map_or("", |slash| &version[slash..]);
            return Err(PathFault::AtVersion(format!("{path}{below}")));
        }
        for element in rest.split('/') {
            check_path_element(element)?;
        }
        let path = &text[..=rest.len()];
        match bad_version(path) {
            Some(version) => Err(PathFault::Version(version.into())),
            None => Ok(Self(path.into())),
        }
    }

    /// Returns the path as text: empty for the root, else with a leading slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns how many elements the path has; 0 for the root.
    pub fn depth(&self) -> usize {
        self.0.bytes().filter(|&b| b == b'/').count()
    }
}

fn check_path_element(element: &str) -> Result<(), PathFault> {
    if element.is_empty() {
        return Err(PathFault::EmptyElement);
    }
    if element.len() > MAX_ELEMENT {
        return Err(PathFault::ElementTooLong(element.into(), MAX_ELEMENT));
    }
    if element.starts_with('.') {
        return Err(PathFault::LeadingDot(element.into()));
    }
    check_element(element)?;
    if element.contains("...") {
        return Err(PathFault::Wildcard);
    }
    if has_vcs_suffix(element) {
        return Err(PathFault::VcsSuffix(element.into()));
    }
    if element == "vendor" {
        return Err(PathFault::Vendor);
    }
    Ok(())
}

/// Returns whether Go reads `element` as a version: `v`, then digits or dots, as in
/// `SplitPathVersion` (golang.org/x/mod/module). Not all of these are valid in a module path.
fn is_version(element: &str) -> bool {
    element.strip_prefix('v').is_some_and(|rest| {
        !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit() || b == b'.')
    })
}

/// Returns whether the go command takes an import path with this element for a repository's own
/// address (the last entry of `vcsPaths` in cmd/go/internal/vcs), and queries no server.
fn has_vcs_suffix(element: &str) -> bool {
    [".git", ".hg", ".svn", ".bzr", ".fossil"]
        .iter()
        .any(|suffix| element.ends_with(suffix))
}

impl fmt::Display for ModulePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One key of the map: a module, or a pattern for all modules directly below a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// The host that the key names; none for the default host.
    pub host: Option<Host>,
    /// The module's path, or for a pattern the path before `/*`.
    pub path: ModulePath,
    /// Whether the key ended in `/*`.
    pub pattern: bool,
}

impl Key {
    /// Returns whether a key of the file is meant as a path rather than a setting: it has a slash,
    /// or a dot as in a host name.
    pub fn is_path(text: &str) -> bool {
        text.contains('/') || text.contains('.')
    }

    /// Parses `/path` or `host.example/path`, optionally followed by `/*`.
    ///
    /// # Errors
    ///
    /// Rejects what [`Host::parse`] and [`ModulePath::parse`] reject, and a `*` other than as the
    /// whole last element.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let rejected = |why| Problem::Path {
            path: text.into(),
            why,
        };
        if text.contains(':')
            && let Some((_, rest)) = text.split_once("://")
        {
            return Err(rejected(PathFault::Url(rest.into())));
        }
        let (host, path) = match text.find('/') {
            Some(0) => (None, text),
            Some(slash) => (Some(&text[..slash]), &text[slash..]),
            None => (Some(text), "/"),
        };
        let host = match host {
            None => None,
            Some(host) if !host.contains('.') => {
                return Err(rejected(PathFault::NoSlash(text.into())));
            }
            Some(host) => Some(Host::parse(host)?),
        };
        let without_star = path.strip_suffix('/').unwrap_or(path).strip_suffix("/*");
        if without_star.unwrap_or(path).contains('*') {
            return Err(rejected(PathFault::Star));
        }
        let (path, pattern) = match without_star {
            Some("") => (ModulePath::parse("/")?, true),
            Some(path) if path.ends_with('/') => return Err(rejected(PathFault::EmptyElement)),
            Some(path) => (ModulePath::below(path).map_err(rejected)?, true),
            None => (ModulePath::parse(path)?, false),
        };
        Ok(Self {
            host,
            path,
            pattern,
        })
    }

    /// Returns why the go command cannot use a key on this host, if so. gopkg.in requires a version
    /// in each path (`splitGopkgIn` of golang.org/x/mod/module) and has built-in rules for some
    /// paths (`vcsPaths` of cmd/go/internal/vcs).
    pub(crate) fn fault_on(&self, host: &Host) -> Option<PathFault> {
        let path = self.path.as_str();
        let is_known = match host.as_str() {
            "hub.jazz.net" => path == "/git" || path.starts_with("/git/"),
            "rsc.io" => path.is_empty() && !self.pattern,
            _ => false,
        };
        if is_known {
            return Some(PathFault::KnownToGo);
        }
        let path = path.strip_suffix("-unstable").unwrap_or(path);
        let versioned = path.rsplit_once(".v").is_some_and(|(_, version)| {
            version == "0" || (!version.starts_with('0') && is_digits(version))
        });
        (host.as_str() == "gopkg.in" && (self.pattern || !path.is_empty() && !versioned))
            .then_some(PathFault::Gopkg)
    }

    /// Returns the bytes by which keys of one host are sorted, so that each path comes right before
    /// everything below it. Plain byte order would not do: `-` and `.` sort before `/`.
    pub fn order(&self) -> impl Iterator<Item = u8> {
        let star: &[u8] = if self.pattern { b"/*" } else { b"" };
        let bytes = self.path.as_str().bytes().chain(star.iter().copied());
        bytes.map(|b| if b == b'/' { 0 } else { b })
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(host) = &self.host {
            f.write_str(host.as_str())?;
        }
        f.write_str(self.path.as_str())?;
        if self.pattern {
            f.write_str("/*")?;
        } else if self.host.is_none() && self.path.as_str().is_empty() {
            f.write_str("/")?;
        }
        Ok(())
    }
}

/// The decoded path of a request, if it could be an import path: a slash before each element, none
/// at the end, and only characters that need no escaping in HTML or a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestPath<'a>(Cow<'a, str>);

impl<'a> RequestPath<'a> {
    /// Parses the path of a request target, percent-decoding it once.
    ///
    /// Returns none if it cannot be an import path: an empty element, one of dots only, an encoded
    /// slash, or a character that `CheckImportPath` rejects.
    pub fn parse(raw: &'a str) -> Option<Self> {
        let path = if raw.contains('%') {
            if raw
                .as_bytes()
                .windows(3)
                .any(|w| w.eq_ignore_ascii_case(b"%2f"))
            {
                return None;
            }
            Cow::Owned(percent_decode_str(raw).decode_utf8().ok()?.into_owned())
        } else {
            Cow::Borrowed(raw)
        };
        if !path.starts_with('/') {
            return None;
        }
        let end = path.strip_suffix('/').map_or(path.len(), str::len);
        // A single pass over the bytes: this runs for every request.
        let mut only_dots = true;
        let mut length = 0;
        for &b in &path.as_bytes()[..end][1.min(end)..] {
            match b {
                b'/' if only_dots => return None,
                b'/' => (only_dots, length) = (true, 0),
                b'.' => length += 1,
                _ if is_import_path_byte(b) => (only_dots, length) = (false, length + 1),
                _ => return None,
            }
        }
        if only_dots && end > 0 {
            return None;
        }
        Some(Self(match path {
            Cow::Borrowed(path) => Cow::Borrowed(&path[..end]),
            Cow::Owned(mut path) => {
                path.truncate(end);
                Cow::Owned(path)
            }
        }))
    }

    /// Returns the path as text: empty for the root, else `/a/b`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Returns whether `importPathOK` accepts a byte: `modPathOK`, and `+`.
fn is_import_path_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'+')
}

/// Returns whether the `*` of a pattern may match `element`: Go accepts it in a module path and
/// queries the server for it. A version belongs to the module above.
pub fn is_path_element(element: &str) -> bool {
    !element.is_empty()
        && !element.starts_with('.')
        && !element.contains("...")
        && !is_version(element)
        && !has_vcs_suffix(element)
        && check_element(element).is_ok()
}

/// Checks an element as `checkElem` of golang.org/x/mod/module does for a module path. The caller
/// rejects a leading dot, which Go allows in no element after the host.
fn check_element(element: &str) -> Result<(), ElementFault> {
    if element.bytes().all(|b| b == b'.') {
        return Err(ElementFault::Dots(element.into()));
    }
    if element.ends_with('.') {
        return Err(ElementFault::TrailingDot(element.into()));
    }
    let allowed = |c: char| matches!(c, 'A'..='Z' | 'a'..='z' | '0'..='9' | '-' | '.' | '_' | '~');
    if let Some(bad) = element.chars().find(|&c| !allowed(c)) {
        return Err(ElementFault::Character(bad));
    }
    let short = element.split('.').next().unwrap_or_default();
    if is_windows_device(short) {
        return Err(ElementFault::Device(short.into()));
    }
    match short.rsplit_once('~') {
        Some((_, tail)) if is_digits(tail) => Err(ElementFault::TildeDigits(element.into())),
        _ => Ok(()),
    }
}

fn is_windows_device(name: &str) -> bool {
    let Some((stem, rest)) = name.split_at_checked(3) else {
        return false;
    };
    let is_one_of = |devices: &[&str]| devices.iter().any(|name| stem.eq_ignore_ascii_case(name));
    match rest.as_bytes() {
        [] => is_one_of(&["con", "prn", "aux", "nul"]),
        [b'1'..=b'9'] => is_one_of(&["com", "lpt"]),
        _ => false,
    }
}

/// Returns the digits of an invalid version by `SplitPathVersion`: a last element that reads as a
/// version must be /v2 or higher, without a dot or a leading zero.
fn bad_version(path: &str) -> Option<&str> {
    let stem = path.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let digits = &path[stem.len()..];
    let bad = digits.contains('.') || digits.starts_with('0') || digits == "1";
    (stem.ends_with("/v") && bad).then_some(digits)
}

#[cfg(test)]
mod tests;
