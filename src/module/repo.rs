//! URLs: of repositories (the third field of go-import), of module proxies, and for browsers.

use std::borrow::Cow;
use std::fmt;
use std::net::Ipv6Addr;

use super::{Forge, Problem, Vcs};
use crate::text::{is_digits, is_invisible, masked, nearest, quoted, quoted_char};

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

/// How many elements the path of a repository has on a forge. With more, it is a page's address.
const REPOSITORY_ELEMENTS: [(&str, usize); 7] = [
    ("github.com", 2),
    ("www.github.com", 2),
    ("bitbucket.org", 2),
    ("codeberg.org", 2),
    ("gitea.com", 2),
    ("gitee.com", 2),
    ("git.sr.ht", 2),
];

/// The host of GitHub's files, which the hint about one replaces by GitHub's own.
const GITHUB_RAW: &str = "raw.githubusercontent.com";

/// An absolute URL with a known scheme and a host, without spaces and credentials.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Url(Box<str>);

impl Url {
    /// The schemes that the go command's version control systems can fetch from.
    pub const SCHEMES: [&'static str; 9] = [
        "https", "http", "ssh", "git", "git+ssh", "svn", "svn+ssh", "bzr", "bzr+ssh",
    ];

    /// Parses the URL of a repository for go-import. That of a pattern has a `*` in its path.
    ///
    /// # Errors
    ///
    /// Rejects what `validateRepoRoot` of the go command and Go's URL parser reject, what would
    /// break the tag (white space), what should not be published (credentials), and what is not a
    /// repository (a page in one, a public module proxy).
    pub fn repository(text: &str) -> Result<Self, Problem> {
        if text.is_empty() {
            return Err(Problem::new(
                "the repository URL is empty",
                "write one such as `https://github.com/bigwhite/gowechat`",
            ));
        }
        let checked = check_fetchable(text).and_then(|()| check_is_repository(text));
        Self::checked(text, "repository URL", checked)
    }

    /// Parses the address of a module proxy: any place with files, also one of raw files on a forge.
    ///
    /// # Errors
    ///
    /// Rejects what [`Url::repository`] does, except for pages, and schemes other than http(s).
    pub fn proxy(text: &str) -> Result<Self, Problem> {
        let checked = check_fetchable(text).and_then(|()| check_is_proxy(text));
        Self::checked(text, "module proxy", checked)
    }

    /// Parses an http(s) URL for a browser, such as that of a documentation site.
    ///
    /// # Errors
    ///
    /// Rejects any other scheme, a missing host, credentials and white space.
    pub fn web(text: &str) -> Result<Self, Problem> {
        Self::checked(text, "web address", check_web(text))
    }

    fn checked(text: &str, what: &str, checked: Result<(), Problem>) -> Result<Self, Problem> {
        match checked {
            Ok(()) if !has_credentials(text) => Ok(Self(text.into())),
            Err(problem) if masked(text) == text => Err(problem.about(text, what)),
            _ => Err(Problem::credentials()),
        }
    }

    fn parts(&self) -> Parts<'_> {
        Parts::of(&self.0).unwrap_or_default()
    }

    /// Returns the URL as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the part before `://`.
    pub fn scheme(&self) -> &str {
        self.parts().scheme
    }

    /// Returns whether the URL is an http or https one.
    pub fn is_http(&self) -> bool {
        matches!(self.scheme(), "http" | "https")
    }

    /// Returns whether it is an http or https URL of the scheme's own port, which the go command
    /// asks for an import path.
    pub(crate) fn is_on_web_port(&self) -> bool {
        let parts = self.parts();
        matches!(
            (parts.scheme, parts.port),
            ("https", None | Some("443")) | ("http", None | Some("80"))
        )
    }

    /// Returns the host as written, without user and port.
    pub fn host(&self) -> &str {
        self.parts().host
    }

    /// Returns the path, with its leading slash; empty if there is none.
    pub fn path(&self) -> &str {
        self.parts().path
    }

    /// Returns the number of `*` in the URL.
    pub fn stars(&self) -> usize {
        self.0.bytes().filter(|&b| b == b'*').count()
    }

    /// Returns the web page of a repository: https, without `.git`.
    ///
    /// An http URL with an explicit port stays http: https does not answer on that port. For ssh
    /// and the like the port is dropped, because it is not the web server's.
    pub fn web_page(&self) -> Cow<'_, str> {
        let page = self.web_page_with_suffix();
        let end = page.strip_suffix(".git").unwrap_or(&page).len();
        match page {
            Cow::Borrowed(page) => Cow::Borrowed(&page[..end]),
            Cow::Owned(mut page) => {
                page.truncate(end);
                Cow::Owned(page)
            }
        }
    }

    /// Returns the web page of a repository with `.git` kept, for cgit.
    pub(super) fn web_page_with_suffix(&self) -> Cow<'_, str> {
        if self.0.starts_with("https://") {
            return Cow::Borrowed(self.0.trim_end_matches('/'));
        }
        let parts = self.parts();
        let (host, path) = (parts.host, parts.path.trim_end_matches('/'));
        Cow::Owned(match (parts.scheme, parts.port) {
            ("http", Some(port)) => format!("http://{host}:{port}{path}"),
            _ => format!("https://{host}{path}"),
        })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The parts of a URL.
#[derive(Default)]
struct Parts<'u> {
    scheme: &'u str,
    user: Option<&'u str>,
    host: &'u str,
    port: Option<&'u str>,
    /// With the query and the fragment.
    path: &'u str,
}

impl<'u> Parts<'u> {
    /// Splits a URL; returns none if it has no `://`.
    fn of(url: &'u str) -> Option<Self> {
        let (scheme, rest) = url.split_once(':')?;
        let rest = rest.strip_prefix("//")?;
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let (user, host_port) = match authority.rsplit_once('@') {
            Some((user, host_port)) => (Some(user), host_port),
            None => (None, authority),
        };
        // The colons of an IPv6 literal in brackets belong to the host.
        let (host, port) = match host_port.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (host_port, None),
        };
        Some(Self {
            scheme,
            user,
            host,
            port,
            path,
        })
    }
}

/// Returns whether a valid URL has a password, a token, or a user name with a scheme other than
/// ssh.
fn has_credentials(url: &str) -> bool {
    let parts = Parts::of(url).unwrap_or_default();
    parts
        .user
        .is_some_and(|user| user.is_empty() || user.contains(':') || !parts.scheme.contains("ssh"))
}

fn check_length(text: &str) -> Result<(), Problem> {
    if text.len() > MAX_URL {
        return Err(Problem::new(
            format!("it is longer than {MAX_URL} bytes"),
            "is it the right URL?",
        ));
    }
    Ok(())
}

fn check_web(text: &str) -> Result<(), Problem> {
    let Some(parts) = Parts::of(text).filter(|parts| matches!(parts.scheme, "http" | "https"))
    else {
        return Err(Problem::new(
            "it does not start with `https://`",
            "write the whole address, such as `https://pkg.go.dev`",
        ));
    };
    check_length(text)?;
    // It becomes part of a meta refresh and of a Location header, so it must be ASCII that needs no
    // quoting in either.
    let is_bad = |&c: &char| !c.is_ascii_graphic() || is_in_no_url(c) || c == '\'';
    if let Some(bad) = text.chars().find(is_bad) {
        return Err(bad_character(bad));
    }
    check_host(&parts)?;
    check_port(&parts, text)
}

/// Returns whether no URL may contain this printable ASCII character unescaped.
fn is_in_no_url(c: char) -> bool {
    matches!(c, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}')
}

fn bad_character(bad: char) -> Problem {
    Problem::new(
        format!("it has {} in it, which no URL can have", quoted_char(bad)),
        "remove it, or percent-encode it",
    )
}

/// Checks what the go command can fetch from.
fn check_fetchable(text: &str) -> Result<(), Problem> {
    check_length(text)?;
    // One pass for the common valid case; finding the exact fault may take longer.
    let is_plain = |b: u8| b.is_ascii_graphic() && !is_in_no_url(b.into());
    if !text.bytes().all(is_plain) {
        check_characters(text)?;
    }
    check_is_remote(text)?;
    let Some(parts) = Parts::of(text) else {
        return Err(without_scheme(text));
    };
    if !Url::SCHEMES.contains(&parts.scheme) {
        let lower = parts.scheme.to_ascii_lowercase();
        // pip and others write `git+https`.
        let lower = lower.strip_prefix("git+").unwrap_or(&lower);
        let hint = match nearest(lower, Url::SCHEMES) {
            Some(near) => format!("did you mean `{near}://`?"),
            None => format!("the go command fetches by {}", Url::SCHEMES.join(", ")),
        };
        let message = format!("unknown scheme {}", quoted(parts.scheme));
        return Err(Problem::new(message, hint));
    }
    if let Some(user) = parts.user {
        check_user(user)?;
    }
    check_host(&parts)?;
    check_port(&parts, text)?;
    if parts.host.contains('*') || parts.user.is_some_and(|user| user.contains('*')) {
        return Err(Problem::new(
            "a `*` can be in its path only",
            "write the part before the path without it",
        ));
    }
    if let Some(end) = text.find(['?', '#']) {
        return Err(Problem::new(
            "it has a query or a fragment",
            format!("write {}", quoted(&text[..end])),
        ));
    }
    check_escapes(parts.path)
}

/// Rejects characters that no URL can have, including white space.
fn check_characters(text: &str) -> Result<(), Problem> {
    if text.contains(['\n', '\r']) {
        return Err(Problem::new(
            "it has a line break in it",
            "write it on one line",
        ));
    }
    if let Some(url) = url_of_command(text) {
        // The scp form and a missing scheme are told by what to write instead.
        let meant = meant_without_scheme(url).unwrap_or_else(|| url.to_owned());
        let meant = quoted(&meant);
        return Err(Problem::new(
            "it is a command",
            format!("write the URL alone: {meant}"),
        ));
    }
    for (open, close) in [("{{", "}}"), ("${", "}")] {
        if let Some(start) = text.find(open) {
            let rest = &text[start..];
            let end = rest.find(close).map_or(rest.len(), |end| end + close.len());
            return Err(Problem::new(
                format!("it has {} in it", quoted(&rest[..end])),
                "is this a template that nothing filled in?",
            ));
        }
    }
    // A Windows path gets its own message, not the one about backslashes.
    check_is_remote(text)?;
    let is_bad =
        |&c: &char| c.is_control() || is_invisible(c) || is_in_no_url(c) || is_lookalike(c);
    if let Some(bad) = text.chars().find(is_bad) {
        return Err(bad_character(bad));
    }
    if text.trim() != text {
        return Err(Problem::new("it has a space around it", "remove the space"));
    }
    if text.contains(char::is_whitespace) {
        return Err(Problem::new(
            "it has a space in it",
            "write a space in a URL as `%20`",
        ));
    }
    Ok(())
}

/// Returns the URL in `git clone URL` or `go get URL`.
fn url_of_command(text: &str) -> Option<&str> {
    let words = text
        .strip_prefix("git ")
        .or_else(|| text.strip_prefix("go get "))?;
    let mut words = words.split_whitespace();
    words.find(|word| word.contains(['/', ':']))
}

/// Returns whether an editor may have substituted this character for an ASCII one.
fn is_lookalike(c: char) -> bool {
    matches!(c, '\u{2018}'..='\u{201e}' | '\u{ff01}'..='\u{ff5e}' | '\u{a0}' | '\u{3000}')
}

/// Rejects a path in a file system.
fn check_is_remote(text: &str) -> Result<(), Problem> {
    let has_drive =
        matches!(text.as_bytes(), [letter, b':', b'\\' | b'/', ..] if letter.is_ascii_alphabetic());
    let is_path = text.starts_with(['/', '\\', '~']) || text.starts_with("./");
    if has_drive || is_path || text.starts_with("../") {
        return Err(Problem::new(
            "it is a path on one machine",
            "write the URL that others fetch it from",
        ));
    }
    let start = text.get(..5).unwrap_or_default();
    if start.eq_ignore_ascii_case("file:") {
        return Err(Problem::new(
            "the go command rejects `file:`",
            "serve the repository over https, or run `git daemon`",
        ));
    }
    Ok(())
}

/// Returns the problem of a URL without a scheme: usually the scp form, or a bare host.
fn without_scheme(text: &str) -> Problem {
    let Some(meant) = meant_without_scheme(text) else {
        return Problem::new(
            "it has no scheme",
            "write one such as `https://github.com/bigwhite/gowechat`",
        );
    };
    let message = if meant.starts_with("ssh://") && text.contains('@') {
        "it is the scp form, which only git reads"
    } else {
        "it has no scheme"
    };
    Problem::new(message, format!("write {}", quoted(&meant)))
}

/// Returns the URL that a text without a scheme stands for: `git@host:path` or `host/path`.
fn meant_without_scheme(text: &str) -> Option<String> {
    if text.contains("://") {
        return None;
    }
    let (host, path) = text.split_at(text.find([':', '/']).unwrap_or(text.len()));
    let path = path.trim_start_matches([':', '/']);
    let first = path.split('/').next().unwrap_or_default();
    let meant = if host.contains('@') {
        return Some(format!("ssh://{host}/{path}"));
    } else if Url::SCHEMES.contains(&host) {
        format!("{host}://{path}")
    } else if !host.contains('.') {
        return None;
    } else if is_digits(first) {
        format!("https://{host}:{path}")
    } else {
        format!("https://{host}/{path}")
    };
    Some(meant.trim_end_matches('/').to_owned())
}

/// Checks the user name as `validUserinfo` of net/url does.
fn check_user(user: &str) -> Result<(), Problem> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=%@:".contains(c);
    match user.chars().find(|&c| !allowed(c)) {
        Some(bad) => Err(Problem::new(
            format!("its user name has {} in it", quoted_char(bad)),
            "write a plain one, such as `git`",
        )),
        None => check_escapes(user),
    }
}

/// Checks that two hexadecimal digits follow each `%`, as `unescape` of net/url does.
fn check_escapes(text: &str) -> Result<(), Problem> {
    for (index, _) in text.match_indices('%') {
        let escape: String = text[index..].chars().take(3).collect();
        if escape.len() != 3 || !escape[1..].bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(Problem::new(
                format!("{} is not a percent escape", quoted(&escape)),
                "write `%25` for a percent sign",
            ));
        }
    }
    Ok(())
}

/// Checks the host as `parseHost` of net/url does, and by the limits of DNS.
fn check_host(parts: &Parts<'_>) -> Result<(), Problem> {
    let host = parts.host;
    if host.is_empty() {
        return Err(Problem::new(
            "it has no host",
            "write the whole URL, such as `https://github.com/bigwhite/gowechat`",
        ));
    }
    if host.contains(['[', ']']) {
        let inner = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        if inner.is_none_or(|address| address.parse::<Ipv6Addr>().is_err()) {
            let port = parts.port.filter(|_| !host.ends_with(']'));
            let port = port.map_or_else(String::new, |port| format!(":{port}"));
            return Err(Problem::new(
                format!(
                    "{} is not an IPv6 address",
                    quoted(&format!("{host}{port}"))
                ),
                "write one such as `[2001:db8::7]`",
            ));
        }
        return Ok(());
    }
    let allowed = |c: char| c.is_alphanumeric() || "-._~*".contains(c);
    let Some(bad) = host.chars().find(|&c| !allowed(c)) else {
        return Ok(());
    };
    let hint = if bad == ':' {
        "an IPv6 address needs brackets, as in `https://[::1]/a`"
    } else {
        "write the host without it"
    };
    Err(Problem::new(
        format!("its host has {} in it", quoted_char(bad)),
        hint,
    ))
}

/// Checks the port as `validOptionalPort` of net/url does, and by the limits of TCP.
fn check_port(parts: &Parts<'_>, url: &str) -> Result<(), Problem> {
    let Some(port) = parts.port else {
        return Ok(());
    };
    // Rust parses `+80` as a number; Go does not.
    if is_digits(port) && matches!(port.parse::<u16>(), Ok(1..)) {
        return Ok(());
    }
    if port.is_empty() {
        return Err(Problem::new(
            "it has a colon without a port",
            "remove the colon",
        ));
    }
    let hint = match meant_by_colon(parts, url) {
        Some(meant) => format!("write {}", quoted(&meant)),
        None => "write a number from 1 to 65535, or none".to_owned(),
    };
    Err(Problem::new(
        format!("{} is not a valid port", quoted(port)),
        hint,
    ))
}

/// Returns what `ssh://git@host:path` stands for: people add a scheme to the scp form.
fn meant_by_colon(parts: &Parts<'_>, url: &str) -> Option<String> {
    let port = parts.port?;
    if !port.starts_with(|c: char| c.is_alphabetic() || c == '~') {
        return None;
    }
    let end = url.len() - parts.path.len() - port.len() - 1;
    let meant = format!("{}/{port}{}", &url[..end], parts.path);
    Url::repository(&meant).is_ok().then_some(meant)
}

/// Rejects a page or a release on a forge, and a public module proxy.
fn check_is_repository(url: &str) -> Result<(), Problem> {
    if let Some((repository, version)) = url.rsplit_once('@')
        && repository.len() > url.rfind('/').unwrap_or_default()
        && (version.starts_with('v') && version[1..].starts_with(|c: char| c.is_ascii_digit())
            || matches!(version, "latest" | "main" | "master" | "HEAD"))
    {
        let repository = quoted(repository);
        return Err(Problem::new(
            "it has a version in it",
            format!("write {repository}: the repository's tags are its versions"),
        ));
    }
    let parts = Parts::of(url).unwrap_or_default();
    if is_public_proxy(parts.host) {
        return Err(Problem::new(
            "it is a public module proxy, which gets modules from their repositories",
            "write the URL of the repository itself",
        ));
    }
    let elements: Vec<_> = parts.path.split('/').filter(|e| !e.is_empty()).collect();
    let known = REPOSITORY_ELEMENTS
        .iter()
        .find(|(host, _)| parts.port.is_none() && host.eq_ignore_ascii_case(parts.host));
    if let Some(&(host, count)) = known
        && elements.len() < count
    {
        let owner = elements.first().unwrap_or(&"OWNER");
        let host = host.trim_start_matches("www.");
        let example = quoted(&format!("https://{host}/{owner}/NAME"));
        return Err(Problem::new(
            "it names an owner, not a repository",
            format!("write the repository's URL, such as {example}"),
        ));
    }
    let Some(page) = Page::of(parts.host, &elements, known.map(|&(_, count)| count)) else {
        return Ok(());
    };
    let authority = if parts.host.eq_ignore_ascii_case(GITHUB_RAW) {
        "github.com"
    } else {
        let start = parts.scheme.len() + "://".len();
        &url[start..url.len() - parts.path.len()]
    };
    let repo = format!(
        "`repo: {}://{authority}/{}`",
        parts.scheme,
        page.repository.join("/")
    );
    let meant = match page.directory.join("/").as_str() {
        "" => repo,
        directory => format!("{repo} and `subdir: {directory}`"),
    };
    Err(Problem::new(
        "it is the address of a page in the repository",
        format!("write {meant}"),
    ))
}

/// The path of a page in a repository, split into what matters.
struct Page<'a> {
    repository: &'a [&'a str],
    directory: &'a [&'a str],
}

impl<'a> Page<'a> {
    /// Recognises the address of a page: by how many elements a repository has there, else by what
    /// forges put between a repository and a branch.
    fn of(host: &str, elements: &'a [&'a str], count: Option<usize>) -> Option<Self> {
        let is_raw = host.eq_ignore_ascii_case(GITHUB_RAW);
        let forge = Forge::infer(host);
        let marker = elements.windows(2).position(|pair| {
            matches!(
                pair,
                ["-", "tree" | "blob" | "raw"] | ["src" | "raw", "branch" | "tag" | "commit"]
            )
        });
        let end = count.or(marker.filter(|&at| at > 0)).unwrap_or(2);
        let rest = elements.get(end..)?;
        let before_branch = match rest {
            ["-", "tree" | "blob" | "raw", ..] => 2,
            ["src" | "raw", "branch" | "tag" | "commit", ..] => 2,
            // On GitLab, a group may have the name `tree`.
            ["tree" | "blob" | "raw", _, ..] if forge != Some(Forge::Gitlab) => 1,
            [_, ..] if is_raw => 0,
            ["src", _, ..] if matches!(forge, Some(Forge::Bitbucket | Forge::Gogs)) => 1,
            [_, ..] if count.is_some() => rest.len(),
            _ => return None,
        };
        let mut directory = rest.get(before_branch + 1..).unwrap_or_default();
        // The page of a file: suggest its directory.
        if let [parents @ .., last] = directory
            && last.contains('.')
        {
            directory = parents;
        }
        Some(Self {
            repository: &elements[..end],
            directory,
        })
    }
}

fn is_public_proxy(host: &str) -> bool {
    PUBLIC_PROXIES
        .iter()
        .any(|name| host.eq_ignore_ascii_case(name))
}

fn check_is_proxy(url: &str) -> Result<(), Problem> {
    let parts = Parts::of(url).unwrap_or_default();
    if is_public_proxy(parts.host) {
        return Err(Problem::new(
            "it is a public one, which gets modules from their repositories",
            "write the address of your own proxy",
        ));
    }
    if !Vcs::Mod.schemes().contains(&parts.scheme) {
        return Err(Problem::new(
            "the go command reads proxies by https",
            "write `https://` and its address",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
