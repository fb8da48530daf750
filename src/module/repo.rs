//! Repository URLs: the third field of go-import.

use std::fmt;

use super::{Problem, is_invisible, nearest, quoted};

/// Longer URLs than browsers and servers agree on help nobody.
const LONGEST: usize = 2048;

/// Whether a printable character of ASCII stands in no URL as it is.
fn is_in_no_url(c: char) -> bool {
    matches!(c, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}')
}

/// An absolute URL that the go command can hand to a version control system.
///
/// It has a known scheme and a host, no spaces, no password and, over http(s), no user. A URL
/// that belongs to a pattern has one `*` in its path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RepoUrl(Box<str>);

impl RepoUrl {
    /// The schemes that a version control system of the go command fetches by.
    pub const SCHEMES: [&'static str; 9] = [
        "https", "http", "ssh", "git", "git+ssh", "svn", "svn+ssh", "bzr", "bzr+ssh",
    ];

    /// Takes a repository's URL, as go-import is to carry it.
    ///
    /// # Errors
    ///
    /// Refuses what `validateRepoRoot` of the go command refuses (no scheme, a `file:` URL),
    /// what would break the tag (white space), and what nobody means to publish (credentials).
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let refused =
            |why: &str| Problem::new(format!("{} is no repository URL: {why}", quoted(text)));
        if text.is_empty() {
            return Err(Problem::new("the repository URL is empty")
                .hint("write one such as `https://github.com/bigwhite/gowechat`"));
        }
        if text.len() > LONGEST {
            return Err(refused(&format!("it is longer than {LONGEST} bytes")));
        }
        // One pass for the many that are as they should be; what is wrong with the others
        // may take longer.
        if !text
            .bytes()
            .all(|b| b.is_ascii_graphic() && !is_in_no_url(b.into()))
        {
            check_characters(text, refused)?;
        }
        if is_local(text) {
            return Err(local(refused));
        }
        if text
            .get(..5)
            .is_some_and(|start| start.eq_ignore_ascii_case("file:"))
        {
            return Err(refused("the go command refuses `file:`")
                .hint("serve the repository over https, or run `git daemon`"));
        }
        let split = text.split_once(':');
        let Some((scheme, rest)) =
            split.and_then(|(scheme, rest)| Some((scheme, rest.strip_prefix("//")?)))
        else {
            return Err(without_scheme(text, refused("it has no scheme")));
        };
        if !RepoUrl::SCHEMES.contains(&scheme) {
            let problem = refused(&format!("unknown scheme {}", quoted(scheme)));
            return Err(
                match nearest(&scheme.to_ascii_lowercase(), RepoUrl::SCHEMES) {
                    Some(near) => problem.hint(format!("did you mean `{near}://`?")),
                    None => problem.hint(format!(
                        "the go command fetches by {}",
                        RepoUrl::SCHEMES.join(", ")
                    )),
                },
            );
        }
        let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(authority_end);
        let host_port = match authority.rsplit_once('@') {
            None => authority,
            Some((user, host_port)) => {
                if user.contains(':') || matches!(scheme, "http" | "https") {
                    let problem = Problem::new("the repository URL has credentials in it").hint(
                        "the page is public; give the URL without them, and the go command a .netrc",
                    );
                    return Err(Problem {
                        secret: Some(user.into()),
                        ..problem
                    });
                }
                host_port
            }
        };
        check_host(host_port).map_err(|why| refused(&why))?;
        if host_port.contains('*') {
            return Err(refused("a `*` can stand in its path only"));
        }
        if path.contains(['?', '#']) {
            return Err(refused("a repository has no query and no fragment"));
        }
        Ok(Self(text.into()))
    }

    /// The URL as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before `://`.
    pub fn scheme(&self) -> &str {
        self.parts().0
    }

    /// The host, without user and port.
    pub fn host(&self) -> &str {
        let (_, authority, _) = self.parts();
        split_port(authority).0
    }

    /// How many `*` the URL has.
    pub fn stars(&self) -> usize {
        self.0.bytes().filter(|&b| b == b'*').count()
    }

    /// The page where a person reads the repository: https, without `.git`.
    ///
    /// An http URL with a port of its own stays http: no https answers on that port. Over ssh
    /// and the like the port says nothing about the web server's, and goes.
    pub fn web(&self) -> WebUrl {
        let (scheme, authority, path) = self.parts();
        let (host, port) = split_port(authority);
        let path = path.trim_end_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path);
        WebUrl(match (scheme, port) {
            ("http" | "https", Some(port)) => format!("{scheme}://{host}:{port}{path}").into(),
            _ => format!("https://{host}{path}").into(),
        })
    }

    /// Scheme, authority without the user, and path.
    fn parts(&self) -> (&str, &str, &str) {
        // Of a valid URL the first colon ends the scheme.
        let (scheme, rest) = self.0.split_once(':').unwrap_or(("", &self.0));
        let rest = rest.trim_start_matches('/');
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let authority = authority
            .rsplit_once('@')
            .map_or(authority, |(_, host)| host);
        (scheme, authority, path)
    }
}

impl fmt::Display for RepoUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An http or https URL for a person's browser.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WebUrl(Box<str>);

impl WebUrl {
    /// Takes an absolute http(s) URL, such as a documentation site's.
    ///
    /// # Errors
    ///
    /// Refuses any other scheme, a missing host, credentials and white space.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let refused =
            |why: &str| Problem::new(format!("{} is no web address: {why}", quoted(text)));
        let rest = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"))
            .ok_or_else(|| {
                refused("it does not start with `https://`")
                    .hint("write the whole address, such as `https://pkg.go.dev`")
            })?;
        if text.len() > LONGEST {
            return Err(refused(&format!("it is longer than {LONGEST} bytes")));
        }
        // It becomes part of a refresh and of a Location header: ASCII, and nothing that
        // either would have to quote.
        if text
            .bytes()
            .any(|b| !(b'!'..=b'~').contains(&b) || b"\"'<>\\^`{|}".contains(&b))
        {
            return Err(
                refused("it has a character that no URL can have").hint("percent-encode it")
            );
        }
        let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
        if authority.contains('@') {
            return Err(refused("it has credentials in it"));
        }
        check_host(authority).map_err(|why| refused(&why))?;
        Ok(Self(text.into()))
    }

    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host, without the port.
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

/// Whether a text is a path in a file system, of either kind.
/// Refuses what no URL can have, white space included.
fn check_characters(text: &str, refused: impl Fn(&str) -> Problem) -> Result<(), Problem> {
    if text.contains(['\n', '\r']) {
        return Err(refused("it has a line break in it").hint("write it on one line"));
    }
    // Backslashes are a path's before they are a bad character.
    if is_local(text) {
        return Err(local(refused));
    }
    if let Some(bad) = text
        .chars()
        .find(|&c| c.is_control() || is_invisible(c) || is_in_no_url(c))
    {
        let bad = quoted(&bad.to_string());
        let problem = refused(&format!("it has {bad} in it, which no URL can have"));
        return Err(match text.contains("{{") {
            true => problem.hint("is it a template that nothing filled in?"),
            false => problem,
        });
    }
    if text.trim() != text {
        return Err(refused("it has a space around it").hint("remove the space"));
    }
    if text.contains(char::is_whitespace) {
        return Err(refused("it has a space in it").hint("write a space in a URL as `%20`"));
    }
    Ok(())
}

fn local(refused: impl Fn(&str) -> Problem) -> Problem {
    refused("it is a path of one machine").hint("write the URL that others fetch it from")
}

fn is_local(text: &str) -> bool {
    let has_drive =
        matches!(text.as_bytes(), [letter, b':', b'\\' | b'/', ..] if letter.is_ascii_alphabetic());
    has_drive
        || text.starts_with(['/', '\\', '~'])
        || text.starts_with("./")
        || text.starts_with("../")
}

/// The advice for a URL without a scheme: people write the scp form, or the host alone.
fn without_scheme(text: &str, problem: Problem) -> Problem {
    let (host, path) = text.split_at(text.find([':', '/']).unwrap_or(text.len()));
    let path = path.trim_start_matches([':', '/']);
    let port = path.split('/').next().unwrap_or_default();
    if host.contains('@') {
        return Problem::new(format!(
            "{} is no repository URL: it is the scp form, which only git reads",
            quoted(text)
        ))
        .hint(format!("write {}", quoted(&format!("ssh://{host}/{path}"))));
    }
    let meant = if RepoUrl::SCHEMES.contains(&host) {
        format!("{host}://{path}")
    } else if !host.contains('.') {
        return problem.hint("write one such as `https://github.com/bigwhite/gowechat`");
    } else if port.parse::<u16>().is_ok() {
        format!("https://{host}:{path}")
    } else {
        format!("https://{host}/{path}")
    };
    problem.hint(format!("write {}", quoted(meant.trim_end_matches('/'))))
}

fn check_host(host_port: &str) -> Result<(), String> {
    let (host, port) = split_port(host_port);
    if host.is_empty() {
        return Err("it has no host".into());
    }
    let is_ipv6 = host.starts_with('[') && host.ends_with(']');
    let known =
        |c: char| c.is_alphanumeric() || "-._~*".contains(c) || (is_ipv6 && "[]:".contains(c));
    if let Some(bad) = host.chars().find(|&c| !known(c)) {
        return Err(format!("its host has {} in it", quoted(&bad.to_string())));
    }
    match port.map(str::parse::<u16>) {
        None | Some(Ok(1..)) => Ok(()),
        _ => Err(format!("{} is no port", quoted(port.unwrap_or_default()))),
    }
}

/// Host and port; the colons within an IPv6 address in brackets are its own.
fn split_port(host_port: &str) -> (&str, Option<&str>) {
    match host_port.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (host_port, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_vcs_can_fetch_is_accepted() {
        for url in [
            "https://github.com/bigwhite/gowechat",
            "http://git.example.com:3000/a/b.git",
            "ssh://git@host.example/a/b",
            "git+ssh://host.example:2222/a",
            "svn+ssh://svn@svn.example/r",
            "https://[::1]:8443/a",
            "https://code.example/team/*-go.git",
            "https://git.sr.ht/~a/b",
            "https://proxy.example",
        ] {
            assert!(RepoUrl::parse(url).is_ok(), "{url}");
        }
    }

    #[test]
    fn what_breaks_a_tag_or_a_fetch_is_refused() {
        for url in [
            "",
            "github.com/a/b",
            "git@github.com:a/b",
            "file:///srv/a",
            "FILE:///a",
            "/srv/a",
            "https://",
            "https:///a",
            "https://u:p@h.example/a",
            "https://token@h.example/a",
            "ssh://git:pw@h.example/a",
            "https://h.example/a b",
            "https://h.example/a\tb",
            "htps://h.example/a",
            "ftp://h.example/a",
            "https://h.example:0/a",
            "https://h.example:x/a",
            "https://h.example/a\"b",
            "https://h.example/a?b=c",
            "https://h.example/a#b",
            "https://*.example/a",
            "C:\\src",
            "mailto:a@b",
        ] {
            assert!(RepoUrl::parse(url).is_err(), "{url}");
        }
        let scp = RepoUrl::parse("git@host:a/b").unwrap_err();
        assert_eq!(scp.hint.unwrap(), "write `ssh://git@host/a/b`");
    }

    #[test]
    fn the_web_address_is_https_without_git() {
        for (url, web) in [
            ("https://github.com/a/b.git", "https://github.com/a/b"),
            ("http://h.example/a/b/", "https://h.example/a/b"),
            ("http://h.example:3000/a", "http://h.example:3000/a"),
            ("https://h.example:3000/a.git/", "https://h.example:3000/a"),
            ("ssh://git@h.example:22/a/b.git", "https://h.example/a/b"),
            ("git://h.example/a", "https://h.example/a"),
        ] {
            assert_eq!(RepoUrl::parse(url).unwrap().web().as_str(), web);
        }
    }

    #[test]
    fn web_addresses_can_stand_in_a_header() {
        assert!(WebUrl::parse("https://pkg.go.dev").is_ok());
        assert!(WebUrl::parse("http://docs.example:8080/a?b#c").is_ok());
        for bad in [
            "pkg.go.dev",
            "javascript:alert(1)",
            "https://",
            "https://u@h/",
            "https://h/\n",
            "https://h/é",
            "https://h/'",
            "",
        ] {
            assert!(WebUrl::parse(bad).is_err(), "{bad}");
        }
    }
}
