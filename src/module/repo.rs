//! Repository URLs, the third field of go-import, and addresses for browsers.

use std::borrow::Cow;
use std::fmt;
use std::net::Ipv6Addr;

use super::{Forge, Problem, UrlFault};
use crate::text::{credentials, is_invisible, nearest};

/// The longest URL, in bytes; browsers and servers disagree about longer ones.
const MAX_URL: usize = 2048;

/// Hosts of public module proxies. They fetch modules from repositories, so they cannot be one.
const PUBLIC_PROXIES: [&str; 5] = [
    "proxy.golang.org",
    "sum.golang.org",
    "goproxy.io",
    "goproxy.cn",
    "goproxy.dev",
];

/// What comes after a repository in the address of a page in it, before the branch.
const PAGES: [[&str; 2]; 6] = [
    ["-", "tree"],
    ["-", "blob"],
    ["-", "raw"],
    ["src", "branch"],
    ["src", "tag"],
    ["src", "commit"],
];

/// An absolute URL that the go command can pass to a version control system.
///
/// It has a known scheme and a host, no spaces, no password and, except over ssh, no user name. The
/// URL of a pattern has one `*` in its path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RepoUrl(Box<str>);

impl RepoUrl {
    /// The schemes that the go command's version control systems can fetch from.
    pub const SCHEMES: [&'static str; 9] = [
        "https", "http", "ssh", "git", "git+ssh", "svn", "svn+ssh", "bzr", "bzr+ssh",
    ];

    /// Parses a repository's URL for go-import.
    ///
    /// # Errors
    ///
    /// Rejects what `validateRepoRoot` of the go command and Go's URL parser reject, what would
    /// break the tag (white space), what should not be published (credentials), and what is not a
    /// repository (a page in one, a public module proxy).
    pub fn parse(text: &str) -> Result<Self, Problem> {
        if text.is_empty() {
            return Err(Problem::EmptyRepo);
        }
        match check_repo(text) {
            Ok(()) if !has_credentials(text) => Ok(Self(text.into())),
            Err(why) if credentials(text).is_empty() => Err(Problem::Repo {
                url: text.into(),
                why,
            }),
            _ => Err(Problem::Credentials),
        }
    }

    /// Returns the URL as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the part before `://`.
    pub fn scheme(&self) -> &str {
        parts(&self.0).0
    }

    /// Returns whether the URL is an http or https one.
    pub fn is_http(&self) -> bool {
        matches!(self.scheme(), "http" | "https")
    }

    /// Returns whether it is an http or https URL of the scheme's own port, which the go command
    /// asks for an import path.
    pub(crate) fn is_on_web_port(&self) -> bool {
        let (scheme, authority, _) = parts(&self.0);
        matches!(
            (scheme, split_port(authority).1),
            ("https", None | Some("443")) | ("http", None | Some("80"))
        )
    }

    /// Returns the host as written, without user and port.
    pub fn host(&self) -> &str {
        split_port(parts(&self.0).1).0
    }

    /// Returns the path, with its leading slash; empty if there is none.
    pub fn path(&self) -> &str {
        parts(&self.0).2
    }

    /// Returns the number of `*` in the URL.
    pub fn stars(&self) -> usize {
        self.0.bytes().filter(|&b| b == b'*').count()
    }

    /// Returns the repository's web page: https, without `.git`.
    ///
    /// An http URL with an explicit port stays http: https does not answer on that port. For ssh
    /// and the like the port is dropped, because it is not the web server's.
    pub fn web(&self) -> WebUrl {
        WebUrl(self.web_text().into())
    }

    /// Returns the same as text, without a copy for a usual URL.
    pub(crate) fn web_text(&self) -> Cow<'_, str> {
        let mut web = if self.0.starts_with("https://") {
            Cow::Borrowed(self.0.trim_end_matches('/'))
        } else {
            Cow::Owned(self.web_with_suffix().0.into())
        };
        if let Some(without) = web.strip_suffix(".git") {
            let length = without.len();
            match &mut web {
                Cow::Borrowed(text) => *text = &text[..length],
                Cow::Owned(text) => text.truncate(length),
            }
        }
        web
    }

    /// Returns the repository's web page with `.git` kept, for cgit.
    pub(super) fn web_with_suffix(&self) -> WebUrl {
        let (scheme, authority, path) = parts(&self.0);
        let (host, port) = split_port(authority);
        let path = path.trim_end_matches('/');
        WebUrl(match (scheme, port) {
            ("http" | "https", Some(port)) => format!("{scheme}://{host}:{port}{path}").into(),
            _ => format!("https://{host}{path}").into(),
        })
    }
}

/// Splits a valid URL into scheme, authority without the user, and path.
fn parts(url: &str) -> (&str, &str, &str) {
    // The first colon ends the scheme.
    let (scheme, rest) = url.split_once(':').unwrap_or(("", url));
    let rest = rest.trim_start_matches('/');
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let authority = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    (scheme, authority, path)
}

impl fmt::Display for RepoUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An http or https URL for a browser.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WebUrl(Box<str>);

impl WebUrl {
    /// Parses an absolute http(s) URL, such as that of a documentation site.
    ///
    /// # Errors
    ///
    /// Rejects any other scheme, a missing host, credentials and white space.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        match check_web(text) {
            Ok(()) if !has_credentials(text) => Ok(Self(text.into())),
            Err(why) if credentials(text).is_empty() => Err(Problem::Web {
                url: text.into(),
                why,
            }),
            _ => Err(Problem::Credentials),
        }
    }

    /// Returns the address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the host, without the port.
    pub fn host(&self) -> &str {
        let rest = self.0.split_once("://").map_or(&*self.0, |(_, rest)| rest);
        split_port(rest.split(['/', '?', '#']).next().unwrap_or_default()).0
    }
}

impl fmt::Display for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns whether a valid URL has a password, a token, or a user name with a scheme other than
/// ssh.
fn has_credentials(url: &str) -> bool {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority
        .rsplit_once('@')
        .is_some_and(|(user, _)| user.is_empty() || user.contains(':') || !scheme.contains("ssh"))
}

fn check_web(text: &str) -> Result<(), UrlFault> {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))
        .ok_or(UrlFault::NotWeb)?;
    if text.len() > MAX_URL {
        return Err(UrlFault::TooLong(MAX_URL));
    }
    // It becomes part of a meta refresh and of a Location header, so it must be ASCII that needs no
    // quoting in either.
    let is_bad = |&c: &char| !c.is_ascii_graphic() || is_in_no_url(c) || c == '\'';
    if let Some(bad) = text.chars().find(is_bad) {
        return Err(UrlFault::Character(bad));
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    check_host_port(
        authority
            .rsplit_once('@')
            .map_or(authority, |(_, host)| host),
    )
}

/// Returns whether no URL may contain this printable ASCII character unescaped.
fn is_in_no_url(c: char) -> bool {
    matches!(c, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}')
}

fn check_repo(text: &str) -> Result<(), UrlFault> {
    if text.len() > MAX_URL {
        return Err(UrlFault::TooLong(MAX_URL));
    }
    // One pass for the common valid case; finding the exact fault may take longer.
    let is_plain = |b: u8| b.is_ascii_graphic() && !is_in_no_url(b.into());
    if !text.bytes().all(is_plain) {
        check_characters(text)?;
    }
    if is_local(text) {
        return Err(UrlFault::Local);
    }
    let starts_file = |start: &str| start.eq_ignore_ascii_case("file:");
    if text.get(..5).is_some_and(starts_file) {
        return Err(UrlFault::File);
    }
    let Some((scheme, rest)) = text
        .split_once(':')
        .and_then(|(scheme, rest)| Some((scheme, rest.strip_prefix("//")?)))
    else {
        return Err(without_scheme(text));
    };
    if !RepoUrl::SCHEMES.contains(&scheme) {
        let lower = scheme.to_ascii_lowercase();
        // pip and others write `git+https`.
        let lower = lower.strip_prefix("git+").unwrap_or(&lower);
        let advice = match nearest(lower, RepoUrl::SCHEMES) {
            Some(near) => format!("did you mean `{near}://`?"),
            None => format!("the go command fetches by {}", RepoUrl::SCHEMES.join(", ")),
        };
        return Err(UrlFault::Scheme(scheme.into(), advice));
    }
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host_port = match authority.rsplit_once('@') {
        None => authority,
        Some((user, host_port)) => {
            check_user(user)?;
            host_port
        }
    };
    check_host_port(host_port)?;
    if authority.contains('*') {
        return Err(UrlFault::Star);
    }
    if let Some(end) = text.find(['?', '#']) {
        return Err(UrlFault::Query(text[..end].into()));
    }
    check_escapes(path)?;
    check_is_repository(text)
}

/// Rejects characters that no URL can have, including white space.
fn check_characters(text: &str) -> Result<(), UrlFault> {
    if text.contains(['\n', '\r']) {
        return Err(UrlFault::LineBreak);
    }
    if let Some(url) = text
        .strip_prefix("git ")
        .or_else(|| text.strip_prefix("go get "))
        .and_then(|words| {
            words
                .split_whitespace()
                .find(|word| word.contains(['/', ':']))
        })
    {
        return Err(UrlFault::Command(match check_repo(url) {
            Err(UrlFault::Scp(meant) | UrlFault::NoScheme(Some(meant))) => meant,
            _ => url.into(),
        }));
    }
    for (open, close) in [("{{", "}}"), ("${", "}")] {
        if let Some(start) = text.find(open) {
            let end = text[start..]
                .find(close)
                .map(|end| start + end + close.len());
            return Err(UrlFault::Template(
                text[start..end.unwrap_or(text.len())].into(),
            ));
        }
    }
    // A Windows path gets its own message, not the one about backslashes.
    if is_local(text) {
        return Err(UrlFault::Local);
    }
    let is_bad =
        |&c: &char| c.is_control() || is_invisible(c) || is_in_no_url(c) || is_lookalike(c);
    if let Some(bad) = text.chars().find(is_bad) {
        return Err(UrlFault::Character(bad));
    }
    if text.trim() != text {
        return Err(UrlFault::SpaceAround);
    }
    match text.contains(char::is_whitespace) {
        true => Err(UrlFault::Space),
        false => Ok(()),
    }
}

/// Returns whether an editor may have substituted this character for an ASCII one.
fn is_lookalike(c: char) -> bool {
    matches!(c, '\u{2018}'..='\u{201e}' | '\u{ff01}'..='\u{ff5e}' | '\u{a0}' | '\u{3000}')
}

/// Returns whether a text is a file system path.
fn is_local(text: &str) -> bool {
    let has_drive =
        matches!(text.as_bytes(), [letter, b':', b'\\' | b'/', ..] if letter.is_ascii_alphabetic());
    has_drive
        || text.starts_with(['/', '\\', '~'])
        || text.starts_with("./")
        || text.starts_with("../")
}

/// Returns the fault of a URL without a scheme: usually the scp form, or a bare host.
fn without_scheme(text: &str) -> UrlFault {
    let (host, path) = text.split_at(text.find([':', '/']).unwrap_or(text.len()));
    let path = path.trim_start_matches([':', '/']);
    let port = path.split('/').next().unwrap_or_default();
    if host.contains('@') {
        return UrlFault::Scp(format!("ssh://{host}/{path}"));
    }
    let meant = if RepoUrl::SCHEMES.contains(&host) {
        format!("{host}://{path}")
    } else if !host.contains('.') {
        return UrlFault::NoScheme(None);
    } else if port.parse::<u16>().is_ok() {
        format!("https://{host}:{path}")
    } else {
        format!("https://{host}/{path}")
    };
    UrlFault::NoScheme(Some(meant.trim_end_matches('/').to_owned()))
}

/// Checks the user name as `validUserinfo` of net/url does.
fn check_user(user: &str) -> Result<(), UrlFault> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=%@".contains(c);
    match user.chars().find(|&c| !allowed(c)) {
        Some(bad) => Err(UrlFault::UserCharacter(bad)),
        None => check_escapes(user),
    }
}

/// Checks that two hexadecimal digits follow each `%`, as `unescape` of net/url does.
fn check_escapes(text: &str) -> Result<(), UrlFault> {
    for (index, _) in text.match_indices('%') {
        let escape: String = text[index..].chars().take(3).collect();
        if escape.len() != 3 || !escape[1..].bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(UrlFault::Escape(escape));
        }
    }
    Ok(())
}

/// Checks host and port as `parseHost` and `validOptionalPort` of net/url do, and by the limits of
/// DNS and TCP.
fn check_host_port(host_port: &str) -> Result<(), UrlFault> {
    let (host, port) = split_port(host_port);
    if host.is_empty() {
        return Err(UrlFault::NoHost);
    }
    if host.contains(['[', ']']) {
        let address = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        if address.is_none_or(|address| address.parse::<Ipv6Addr>().is_err()) {
            let shown = if host.ends_with(']') { host } else { host_port };
            return Err(UrlFault::Ipv6(shown.into()));
        }
    } else if let Some(bad) = host
        .chars()
        .find(|&c| !c.is_alphanumeric() && !"-._~*".contains(c))
    {
        return Err(UrlFault::HostCharacter(bad));
    }
    match port {
        None => Ok(()),
        // Rust parses `+80` as a number; Go does not.
        Some(port) => match port.parse::<u16>() {
            Ok(1..) if !port.starts_with('+') => Ok(()),
            _ => Err(UrlFault::Port(port.into())),
        },
    }
}

/// Rejects a page or a release on a forge, and a public module proxy.
fn check_is_repository(url: &str) -> Result<(), UrlFault> {
    if let Some((repository, version)) = url.rsplit_once('@')
        && repository.len() > url.rfind('/').unwrap_or_default()
        && (version.starts_with('v') && version[1..].starts_with(|c: char| c.is_ascii_digit())
            || matches!(version, "latest" | "main" | "master" | "HEAD"))
    {
        return Err(UrlFault::AtVersion(repository.into()));
    }
    let (scheme, authority, path) = parts(url);
    let host = split_port(authority).0;
    let is_on = |name: &&str| host.eq_ignore_ascii_case(name);
    if PUBLIC_PROXIES.iter().any(is_on) {
        return Err(UrlFault::PublicProxy);
    }
    let elements: Vec<_> = path
        .split('/')
        .filter(|element| !element.is_empty())
        .collect();
    let is_github = ["github.com", "www.github.com"]
        .iter()
        .any(|name| authority.eq_ignore_ascii_case(name));
    if is_github && elements.len() < 2 {
        let owner = elements.first().unwrap_or(&"OWNER");
        return Err(UrlFault::Owner(format!("https://github.com/{owner}/NAME")));
    }
    // How many elements the repository's name has, and how many after it name a page and a branch.
    let forge = || Forge::infer(host);
    let is_raw = is_on(&"raw.githubusercontent.com");
    let position = |page: &[&str; 2]| {
        let found = elements.windows(2).position(|window| window == page);
        found.filter(|&index| index >= 1)
    };
    let (end, skipped) = if is_raw {
        (2, 1)
    } else if let Some(index) = PAGES.iter().find_map(position) {
        (index, 3)
    } else if elements.len() > 3
        && (matches!(elements[2], "tree" | "blob") && forge() != Some(Forge::Gitlab)
            || elements[2] == "src" && matches!(forge(), Some(Forge::Bitbucket | Forge::Gogs)))
    {
        (2, 2)
    } else if is_github && elements.len() > 2 {
        (2, elements.len())
    } else {
        return Ok(());
    };
    let repository = elements.get(..end).unwrap_or(&elements).join("/");
    let mut directory = elements.get(end + skipped..).unwrap_or_default();
    // The page of a file: suggest its directory.
    if directory.last().is_some_and(|last| last.contains('.')) {
        directory = &directory[..directory.len() - 1];
    }
    let authority = if is_raw { "github.com" } else { authority };
    let repo = format!("`repo: {scheme}://{authority}/{repository}`");
    Err(UrlFault::Page(match directory {
        [] => repo,
        directory => format!("{repo} and `subdir: {}`", directory.join("/")),
    }))
}

/// Splits host and port; the colons of an IPv6 literal in brackets belong to the host.
fn split_port(host_port: &str) -> (&str, Option<&str>) {
    match host_port.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (host_port, None),
    }
}

#[cfg(test)]
mod tests;
