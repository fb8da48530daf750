//! Import paths: which ones Go accepts, and how a request names one.
//!
//! The rules are those of `CheckPath`, `CheckImportPath` and `SplitPathVersion` in
//! golang.org/x/mod/module, which the go command applies before it contacts any server.

use std::borrow::Cow;
use std::fmt;

use percent_encoding::percent_decode_str;

use super::{Host, Problem};
use crate::text::{is_digits, quoted, quoted_char};

/// The longest path in the file, in bytes: nginx stores the length of a location in one byte.
const MAX_PATH: usize = 255;
/// The longest path element, in bytes: an exported page is a file of that name.
const MAX_ELEMENT: usize = 200;

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
        let path = Self::below(text).and_then(|path| {
            let last = path.0.rsplit('/').next().unwrap_or_default();
            // The rule is that of `load.SafeArg` of the go command.
            match last.chars().next() {
                Some(first @ ('-' | '~')) => Err(Problem::new(
                    format!("`go build` rejects a last element that starts with `{first}`"),
                    "start it with a letter or a digit",
                )),
                _ => Ok(path),
            }
        });
        path.map_err(|problem| problem.about(text, "path"))
    }

    /// Parses a path that more elements may follow, as in a pattern.
    fn below(text: &str) -> Result<Self, Problem> {
        if text.len() > MAX_PATH {
            return Err(Problem::new(
                format!("it is longer than {MAX_PATH} bytes"),
                "nginx keeps the length of a location in one byte",
            ));
        }
        let Some(rest) = text.strip_prefix('/') else {
            return Err(no_slash(text));
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.is_empty() {
            return match text.len() {
                1 => Ok(Self("".into())),
                _ => Err(Problem::new(
                    "it has an empty element",
                    "the root is a single `/`",
                )),
            };
        }
        if let Some((path, version)) = text.split_once('@') {
            let below = version.find('/').map_or("", |slash| &version[slash..]);
            let meant = quoted(&format!("{path}{below}"));
            return Err(Problem::new(
                "it has a version in it",
                format!("write {meant}: the module's tags are its versions"),
            ));
        }
        for element in rest.split('/') {
            check_path_element(element)?;
        }
        let path = &text[..=rest.len()];
        match bad_version(path) {
            Some(version) => Err(Problem::new(
                format!("Go rejects the version v{version}"),
                "versions 0 and 1 are the module's own path; from 2 on it ends in /v2",
            )),
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

fn no_slash(text: &str) -> Problem {
    let meant = quoted(&format!("/{text}"));
    Problem::new("a path starts with a slash", format!("write {meant}"))
}

fn empty_element() -> Problem {
    Problem::new("it has an empty element", "remove the extra slash")
}

fn check_path_element(element: &str) -> Result<(), Problem> {
    if element.is_empty() {
        return Err(empty_element());
    }
    if element.len() > MAX_ELEMENT {
        return Err(Problem::new(
            format!(
                "the element {} is longer than {MAX_ELEMENT} bytes",
                quoted(element)
            ),
            "an exported page is a file of that name",
        ));
    }
    if element.starts_with('.') {
        return Err(Problem::new(
            format!("Go rejects a leading dot, in {}", quoted(element)),
            "write the path without it",
        ));
    }
    check_element(element)?;
    if element.contains("...") {
        return Err(Problem::new(
            "`...` is a wildcard of the go command",
            "write the path without it",
        ));
    }
    if has_vcs_suffix(element) {
        return Err(Problem::new(
            format!(
                "the go command takes {} for a repository's address and never asks for it",
                quoted(element)
            ),
            "leave out the suffix",
        ));
    }
    if element == "vendor" {
        return Err(Problem::new(
            "Go rejects the element `vendor`, which marks copies of other modules",
            "choose another name",
        ));
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
    /// Rejects what [`Host::parse`] and `ModulePath::parse` reject, and a `*` other than as the
    /// whole last element.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        if text.contains(':')
            && let Some((_, rest)) = text.split_once("://")
        {
            let problem = Problem::new("it is a URL", format!("write {}", quoted(rest)));
            return Err(problem.about(text, "path"));
        }
        let (host, path) = match text.find('/') {
            Some(0) => (None, text),
            Some(slash) => (Some(&text[..slash]), &text[slash..]),
            None => (Some(text), "/"),
        };
        let host = match host {
            None => None,
            Some(host) if !host.contains('.') => {
                return Err(no_slash(text).about(text, "path"));
            }
            Some(host) => Some(Host::parse(host)?),
        };
        let without_star = path.strip_suffix('/').unwrap_or(path).strip_suffix("/*");
        if without_star.unwrap_or(path).contains('*') {
            let problem = Problem::new(
                "a `*` stands for one whole element, the last",
                "write `/x/*`, and the same `*` once in its `repo`",
            );
            return Err(problem.about(text, "path"));
        }
        let (path, pattern) = match without_star {
            Some("") => (ModulePath::parse("/")?, true),
            Some(path) if path.ends_with('/') => {
                return Err(empty_element().about(text, "path"));
            }
            Some(path) => match ModulePath::below(path) {
                Ok(path) => (path, true),
                Err(problem) => return Err(problem.about(text, "path")),
            },
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
    pub(crate) fn problem_on(&self, host: &Host) -> Option<Problem> {
        let path = self.path.as_str();
        let is_known = match host.as_str() {
            "hub.jazz.net" => path == "/git" || path.starts_with("/git/"),
            "rsc.io" => path.is_empty() && !self.pattern,
            "gopkg.in" => return self.gopkg_problem(),
            _ => false,
        };
        is_known.then(|| {
            Problem::new(
                "the go command never asks for it: it has built-in rules for its repository",
                "choose another path, or a domain of your own",
            )
        })
    }

    fn gopkg_problem(&self) -> Option<Problem> {
        let path = self.path.as_str();
        let path = path.strip_suffix("-unstable").unwrap_or(path);
        let has_version = path.rsplit_once(".v").is_some_and(|(_, version)| {
            version == "0" || (!version.starts_with('0') && is_digits(version))
        });
        if !self.pattern && (path.is_empty() || has_version) {
            return None;
        }
        Some(Problem::new(
            "on gopkg.in Go requires a version at the end",
            "write it, as in `gopkg.in/yaml.v1`",
        ))
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
pub(super) fn check_element(element: &str) -> Result<(), Problem> {
    if element.bytes().all(|b| b == b'.') {
        return Err(Problem::new(
            format!("{} is not a valid element", quoted(element)),
            "remove it",
        ));
    }
    if element.ends_with('.') {
        return Err(Problem::new(
            format!("Go rejects a trailing dot, in {}", quoted(element)),
            "remove the dot",
        ));
    }
    let allowed = |c: char| matches!(c, 'A'..='Z' | 'a'..='z' | '0'..='9' | '-' | '.' | '_' | '~');
    if let Some(bad) = element.chars().find(|&c| !allowed(c)) {
        return Err(Problem::new(
            format!(
                "Go allows only A-Z, a-z, 0-9 and `-._~`, not {}",
                quoted_char(bad)
            ),
            "write the path without it",
        ));
    }
    let short = element.split('.').next().unwrap_or_default();
    if is_windows_device(short) {
        return Err(Problem::new(
            format!("Go rejects {}, a device name on Windows", quoted(short)),
            "choose another name",
        ));
    }
    match short.rsplit_once('~') {
        Some((_, tail)) if is_digits(tail) => Err(Problem::new(
            format!(
                "Go rejects a tilde and digits at the end, in {}",
                quoted(element)
            ),
            "choose another name",
        )),
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
