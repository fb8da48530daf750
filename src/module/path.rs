//! Import paths: which ones Go accepts, and how a request names one.
//!
//! The rules are those of `CheckPath`, `CheckImportPath` and `SplitPathVersion` in
//! golang.org/x/mod/module, which the go command applies before it asks any server.

use std::borrow::Cow;
use std::fmt;

use percent_encoding::percent_decode_str;

use super::{Problem, quoted};

/// The longest host or path that a file may hold, in bytes. Go sets none; the file system of
/// the module cache does, at 255 a name and 4,096 in all.
pub const MAX_PATH: usize = 1024;

/// The host of an import path: lower-case, with a dot, as Go wants the first path element.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Host(Box<str>);

impl Host {
    /// Takes a host name such as `go.example.org`.
    ///
    /// # Errors
    ///
    /// Refuses what `CheckPath` refuses in a first path element: no dot, a leading dash, a
    /// character other than `a-z0-9.-`; and a port, which no import path can carry.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let refused = |why: &str| Problem::new(format!("{} is no host: {why}", quoted(text)));
        if text.is_empty() {
            return Err(
                Problem::new("the host is empty").hint("write a domain, such as `go.example.org`")
            );
        }
        if let Some((_, rest)) = text.split_once("://") {
            let host = rest.split('/').next().unwrap_or_default();
            return Err(
                refused("it is a URL").hint(format!("write the domain alone: {}", quoted(host)))
            );
        }
        if text.contains(':') {
            return Err(refused("an import path has no port")
                .hint("the go command always asks on port 443 (or 80, with GOINSECURE)"));
        }
        if text.contains('/') {
            return Err(
                refused("it has a path").hint("paths are the keys of the file, not the host")
            );
        }
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(refused("Go wants lower case")
                .hint(format!("write {}", quoted(&text.to_ascii_lowercase()))));
        }
        if let Some(bad) = text
            .chars()
            .find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '.' | '-'))
        {
            return Err(refused(&format!(
                "Go allows only a-z, 0-9, `.` and `-`, not {}",
                quoted(&bad.to_string())
            )));
        }
        if !text.contains('.') {
            return Err(refused("Go wants a dot in it").hint("write the whole domain"));
        }
        if text.len() > 253 {
            return Err(refused("a domain has at most 253 characters"));
        }
        if text.starts_with('-') {
            return Err(refused("Go refuses a leading dash"));
        }
        if text.split('.').any(str::is_empty) {
            return Err(refused("it has an empty label").hint("remove the extra dot"));
        }
        check_element(text).map_err(|why| refused(&why))?;
        Ok(Self(text.into()))
    }

    /// The host as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What of an import path comes after the host: empty for the root, else `/a/b`, with a
/// slash before each element and none at the end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ModulePath(Box<str>);

impl ModulePath {
    /// Takes `/`, `/gowechat` or `/x/experiments`; a trailing slash is dropped.
    ///
    /// # Errors
    ///
    /// Refuses what `CheckPath` refuses behind the first element, and a path of more than
    /// [`MAX_PATH`] bytes.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let refused = |why: &str| Problem::new(format!("{} is no path: {why}", quoted(text)));
        if text.len() > MAX_PATH {
            return Err(refused(&format!("it is longer than {MAX_PATH} bytes")));
        }
        let Some(rest) = text.strip_prefix('/') else {
            return Err(refused("it does not start with a slash"));
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.is_empty() {
            if text.len() > 1 {
                return Err(refused("it has an empty element").hint("the root is a single `/`"));
            }
            return Ok(Self("".into()));
        }
        for element in rest.split('/') {
            if element.is_empty() {
                return Err(refused("it has an empty element").hint("remove the extra slash"));
            }
            if element.starts_with('.') {
                return Err(refused(&format!(
                    "Go refuses a leading dot, in {}",
                    quoted(element)
                )));
            }
            check_element(element).map_err(|why| refused(&why))?;
        }
        let path = &text[..=rest.len()];
        check_version(path).map_err(|why| {
            refused(&why)
                .hint("version 0 and 1 are the module's own path; from 2 on it ends in /v2")
        })?;
        Ok(Self(path.into()))
    }

    /// The path as text: empty for the root, else with a leading slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How many elements the path has; 0 for the root.
    pub fn depth(&self) -> usize {
        self.0.bytes().filter(|&b| b == b'/').count()
    }
}

impl fmt::Display for ModulePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One key of the map: a module, or a pattern for every module directly below a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// The host that the key names; none stands for the default host.
    pub host: Option<Host>,
    /// The module's path, or for a pattern the path before `/*`.
    pub path: ModulePath,
    /// Whether the key ended in `/*`.
    pub pattern: bool,
}

impl Key {
    /// Whether a key of the file is meant as a path, and not as the name of a setting: it
    /// starts with a slash, or its first element has a dot, as the host of an import path has.
    pub fn is_path(text: &str) -> bool {
        text.contains('/') || text.contains('.')
    }

    /// Takes `/path`, `host.example/path`, and either of them with `/*` at the end.
    ///
    /// # Errors
    ///
    /// What [`Host::parse`] and [`ModulePath::parse`] refuse, and a `*` anywhere but as the
    /// whole last element.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        if text.contains(':')
            && let Some((_, rest)) = text.split_once("://")
        {
            return Err(
                Problem::new(format!("{} is no path: it is a URL", quoted(text)))
                    .hint(format!("write {}", quoted(rest))),
            );
        }
        let (host, path) = match text.find('/') {
            Some(0) => (None, text),
            Some(slash) => (Some(&text[..slash]), &text[slash..]),
            None => (Some(text), "/"),
        };
        let host = match host {
            None => None,
            Some(host) if !host.contains('.') => {
                return Err(
                    Problem::new(format!("{} is no path", quoted(text))).hint(format!(
                        "a path starts with a slash: {}",
                        quoted(&format!("/{text}"))
                    )),
                );
            }
            Some(host) => Some(Host::parse(host)?),
        };
        let unpatterned = path.strip_suffix('/').unwrap_or(path).strip_suffix("/*");
        let (path, pattern) = match unpatterned {
            Some("") => ("/", true),
            Some(path) => (path, true),
            None => (path, false),
        };
        if path.contains('*') {
            return Err(Problem::new(format!(
                "{} is no path: a `*` stands for one whole element, the last",
                quoted(text)
            ))
            .hint("write `/x/*`, and the same `*` once in its `repo`"));
        }
        Ok(Self {
            host,
            path: ModulePath::parse(path)?,
            pattern,
        })
    }
}

impl Key {
    /// The bytes that keys of one host are ordered by, so that each path is followed directly
    /// by everything below it. In plain byte order `-` and `.` come before `/`.
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

/// The path of a request that could be an import path: decoded, with a slash before each
/// element, without one at the end, and only characters that need no escape in HTML or a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestPath<'a>(Cow<'a, str>);

impl<'a> RequestPath<'a> {
    /// Reads the path of a request target, percent-decoded once.
    ///
    /// None when it cannot be an import path: an empty element, one of dots only, an encoded
    /// slash, or a character that `CheckImportPath` refuses.
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
        // One pass over the bytes: this runs for every request.
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

    /// The path as text: empty for the root, else `/a/b`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What `importPathOK` accepts: `modPathOK`, and `+`.
fn is_import_path_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'+')
}

/// Whether Go accepts `element` as one element of a module path, which is what the `*` of a
/// pattern may stand for.
pub fn is_path_element(element: &str) -> bool {
    !element.is_empty() && !element.starts_with('.') && check_element(element).is_ok()
}

/// `checkElem` of golang.org/x/mod/module for a module path; the leading dot, which is only
/// forbidden behind the host, is the caller's.
fn check_element(element: &str) -> Result<(), String> {
    if element.bytes().all(|b| b == b'.') {
        return Err(format!("{} is no element", quoted(element)));
    }
    if element.ends_with('.') {
        return Err(format!("Go refuses a trailing dot, in {}", quoted(element)));
    }
    if let Some(bad) = element
        .chars()
        .find(|c| !matches!(c, 'A'..='Z' | 'a'..='z' | '0'..='9' | '-' | '.' | '_' | '~'))
    {
        return Err(format!(
            "Go allows only A-Z, a-z, 0-9 and `-._~`, not {}",
            quoted(&bad.to_string())
        ));
    }
    let short = element.split('.').next().unwrap_or_default();
    if is_windows_device(short) {
        return Err(format!(
            "Go refuses {}, a device name on Windows",
            quoted(short)
        ));
    }
    if let Some((_, tail)) = short.rsplit_once('~')
        && !tail.is_empty()
        && tail.bytes().all(|b| b.is_ascii_digit())
    {
        return Err(format!(
            "Go refuses a tilde and digits at the end, in {}",
            quoted(element)
        ));
    }
    Ok(())
}

fn is_windows_device(name: &str) -> bool {
    let Some((stem, rest)) = name.split_at_checked(3) else {
        return false;
    };
    match rest.as_bytes() {
        [] => ["con", "prn", "aux", "nul"]
            .iter()
            .any(|device| stem.eq_ignore_ascii_case(device)),
        [b'1'..=b'9'] => ["com", "lpt"]
            .iter()
            .any(|device| stem.eq_ignore_ascii_case(device)),
        _ => false,
    }
}

/// `SplitPathVersion`: a last element that reads as a version must be /v2 or higher, without
/// a dot or a leading zero.
fn check_version(path: &str) -> Result<(), String> {
    let stem = path.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let digits = &path[stem.len()..];
    if !stem.ends_with("/v") || digits.is_empty() {
        return Ok(());
    }
    if digits.contains('.') || digits.starts_with('0') || digits == "1" {
        return Err(format!("Go refuses the version v{digits}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_by_gos_rules() {
        for good in ["tonybai.com", "go.uber.org", "x-y.example", "1.2"] {
            assert!(Host::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "localhost",
            "Example.com",
            "-a.b",
            "a..b",
            "a.b.",
            ".a.b",
            "a_b.c",
            "a.b:80",
            "https://a.b",
            "a.b/c",
            "con.example",
            "a.b ",
            "é.com",
        ] {
            assert!(Host::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn module_paths_by_gos_rules() {
        for (text, path) in [
            ("/", ""),
            ("/a", "/a"),
            ("/a/", "/a"),
            ("/x/experiments", "/x/experiments"),
            ("/a/v2", "/a/v2"),
            ("/A-b._~c", "/A-b._~c"),
            ("/av1", "/av1"),
            ("/-a", "/-a"),
            ("/com10", "/com10"),
        ] {
            assert_eq!(ModulePath::parse(text).unwrap().as_str(), path, "{text}");
        }
        for bad in [
            "", "a", "//", "/a//b", "/a//", "/.", "/..", "/a/../b", "/.git", "/a.", "/a b", "/a+b",
            "/é", "/con", "/NUL.txt", "/lpt9", "/a~1", "/v1", "/a/v0", "/a/v1", "/a/v2.0",
            "/a/v02", "/a?b", "/a%20b",
        ] {
            assert!(ModulePath::parse(bad).is_err(), "{bad}");
        }
        assert!(ModulePath::parse(&format!("/{}", "a".repeat(MAX_PATH))).is_err());
    }

    /// The characters that Go's own tests try in a host and in an element behind it.
    #[test]
    fn every_ascii_character_where_go_allows_it() {
        for c in (0..=127).map(char::from) {
            let in_host = matches!(c, 'a'..='z' | '0'..='9' | '-' | '.');
            assert_eq!(Host::parse(&format!("x{c}x.y")).is_ok(), in_host, "{c:?}");
            // At the end of a path: a slash is dropped, a star makes a pattern of it.
            let in_path = c.is_ascii_alphanumeric() || "-_~/".contains(c);
            assert_eq!(
                ModulePath::parse(&format!("/z{c}")).is_ok(),
                in_path,
                "{c:?}"
            );
            let within = in_path || c == '.';
            assert_eq!(
                ModulePath::parse(&format!("/z{c}z")).is_ok(),
                within,
                "{c:?}"
            );
        }
    }

    #[test]
    fn names_that_windows_would_not_store() {
        for good in [
            "/prn2", "/com", "/lpt", "/com0", "/calm1", "/xcon", "/con-x", "/x.con", "/z~", "/z09",
            "/z09~", "/z~a", "/z09~09z", "/z.a~1",
        ] {
            assert!(ModulePath::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "/prn",
            "/aux.foo",
            "/CON",
            "/com1",
            "/com1.txt",
            "/a/lpt1/b",
            "/z~0",
            "/z~09",
            "/z~1.txt",
            "/z09~09z~09",
        ] {
            assert!(ModulePath::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn major_versions_by_gos_rules() {
        for good in [
            "/v",
            "/z/v",
            "/z/v2",
            "/z/v10",
            "/z/v2/sub",
            "/z/v1/sub",
            "/z/v2x",
            "/yaml.v0",
        ] {
            assert!(ModulePath::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "/v0",
            "/z/v0",
            "/z/v1",
            "/z/v00",
            "/z/v01",
            "/z/v2.0",
            "/z/v2.1.5",
        ] {
            assert!(ModulePath::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn keys_name_hosts_and_patterns() {
        let shown = |text| Key::parse(text).map(|key| (key.to_string(), key.pattern));
        assert_eq!(shown("/a/"), Ok(("/a".into(), false)));
        assert_eq!(shown("/"), Ok(("/".into(), false)));
        assert_eq!(shown("/*"), Ok(("/*".into(), true)));
        assert_eq!(shown("/x/*"), Ok(("/x/*".into(), true)));
        assert_eq!(
            shown("go.example/x/*/"),
            Ok(("go.example/x/*".into(), true))
        );
        assert_eq!(shown("go.example"), Ok(("go.example".into(), false)));
        for bad in ["gowechat/mp", "/x*", "/*/x", "/x/**", "/x/*/*"] {
            assert!(Key::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_path_is_followed_by_what_is_below_it() {
        let mut keys: Vec<_> = ["/x-y", "/x/b", "/x", "/x.z", "/x/*", "/x/a/b", "/"]
            .map(|text| Key::parse(text).unwrap())
            .into();
        keys.sort_by(|a, b| a.order().cmp(b.order()));
        let sorted: Vec<_> = keys.iter().map(Key::to_string).collect();
        assert_eq!(
            sorted,
            ["/", "/x", "/x/*", "/x/a/b", "/x/b", "/x-y", "/x.z"]
        );
    }

    #[test]
    fn request_paths_are_import_paths() {
        for (raw, path) in [
            ("/", ""),
            ("/a", "/a"),
            ("/a/", "/a"),
            ("/a/b.c/v2", "/a/b.c/v2"),
            ("/gowe%63hat", "/gowechat"),
            ("/a/c++", "/a/c++"),
            ("/.git", "/.git"),
        ] {
            assert_eq!(RequestPath::parse(raw).unwrap().as_str(), path, "{raw}");
        }
        for bad in [
            "",
            "*",
            "a",
            "//",
            "/a//",
            "/a//b",
            "/.",
            "/./",
            "/a/../b",
            "/a/...",
            "/%2e%2e/a",
            "/a%2Fb",
            "/a%2fb",
            "/a%00",
            "/%ff",
            "/a%",
            "/a b",
            "/<script>",
            "/%3Cscript%3E",
            "/é",
            "/%C3%A9",
            "/%252e",
            "/a\\b",
        ] {
            assert_eq!(RequestPath::parse(bad), None, "{bad}");
        }
    }
}
