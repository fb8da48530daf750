//! URLs as Go's net/url reads them, and the redirect rules of the go command: `checkRedirect` and
//! `securityPreservingHTTPClient` of cmd/go/internal/web.

use std::fmt;

use super::answer::Response;
use super::{Code, Finding, Step, plural};

/// Go refuses a redirect once it has sent this many requests.
const MAX_REQUESTS: usize = 10;

/// An absolute URL.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Url {
    /// In lower case.
    pub(super) scheme: String,
    /// The host, with the port if the URL has one; empty for `mailto:x`.
    pub(super) authority: String,
    /// The path and query, with a leading slash if there is an authority.
    pub(super) target: String,
}

impl Url {
    /// Returns the URL that the go command requests for an import path.
    pub(super) fn go_get(path: &str) -> Self {
        let (host, rest) = path.split_at(path.find('/').unwrap_or(path.len()));
        let slash = if rest.is_empty() { "/" } else { "" };
        Self {
            scheme: "https".to_owned(),
            authority: host.to_owned(),
            target: format!("{slash}{rest}?go-get=1"),
        }
    }

    /// Parses an absolute http or https URL, without its fragment.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (scheme, _) = text.split_once("://")?;
        if !["http", "https"].contains(&scheme.to_ascii_lowercase().as_str()) {
            return None;
        }
        let url = Reference::parse(text).ok()?.resolve(None)?;
        (!url.host().is_empty()).then_some(url)
    }

    /// Resolves a `Location` header; fails with Go's words.
    fn join(&self, location: &str) -> Result<Self, String> {
        let reference = Reference::parse(location)?;
        reference
            .resolve(Some(self))
            .ok_or_else(|| "http: no Host in request URL".to_owned())
    }

    pub(super) fn is_https(&self) -> bool {
        self.scheme == "https"
    }

    /// Returns the host without the port.
    pub(super) fn host(&self) -> &str {
        match self.authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
            _ => &self.authority,
        }
    }

    /// Returns the port, or the scheme's default.
    pub(super) fn port(&self) -> u16 {
        let explicit = self.authority[self.host().len()..].strip_prefix(':');
        let default = if self.is_https() { 443 } else { 80 };
        explicit
            .and_then(|port| port.parse().ok())
            .unwrap_or(default)
    }

    fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    fn query(&self) -> Option<&str> {
        self.target.split_once('?').map(|(_, query)| query)
    }

    /// Returns whether the query still has Go's `go-get=1`.
    pub(super) fn has_query(&self) -> bool {
        let query = self.query().unwrap_or_default();
        query.split('&').any(|part| part == "go-get=1")
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slashes = if self.authority.is_empty() { "" } else { "//" };
        write!(
            f,
            "{}:{slashes}{}{}",
            self.scheme, self.authority, self.target
        )
    }
}

/// A URL or a part of one, as `Parse` of net/url reads it.
struct Reference<'a> {
    scheme: String,
    authority: Option<&'a str>,
    /// Escaped; what follows the scheme of `mailto:x`.
    path: String,
    query: Option<&'a str>,
}

impl<'a> Reference<'a> {
    fn parse(text: &'a str) -> Result<Self, String> {
        if text.bytes().any(|b| b.is_ascii_control()) {
            return Err("net/url: invalid control character in URL".to_owned());
        }
        let text = text.split('#').next().unwrap_or_default();
        let (scheme, rest) = split_scheme(text)?;
        let (rest, query) = match rest.split_once('?') {
            Some((rest, query)) => (rest, Some(query)),
            None => (rest, None),
        };
        let scheme = scheme.to_ascii_lowercase();
        if !rest.starts_with('/') && !scheme.is_empty() {
            return Ok(Self {
                scheme,
                authority: None,
                path: rest.to_owned(),
                query,
            });
        }
        if !rest.starts_with('/') && rest.split('/').next().unwrap_or_default().contains(':') {
            return Err("first path segment in URL cannot contain colon".to_owned());
        }
        let (authority, path) = match rest.strip_prefix("//") {
            Some(rest) if !scheme.is_empty() || !rest.starts_with('/') => {
                let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                (Some(host_of(authority)?), path)
            }
            _ => (None, rest),
        };
        Ok(Self {
            scheme,
            authority,
            path: escaped_path(path)?,
            query,
        })
    }

    /// Resolves the reference like `ResolveReference`; `None` without a host.
    fn resolve(self, base: Option<&Url>) -> Option<Url> {
        let query = self
            .query
            .map(|query| format!("?{query}"))
            .unwrap_or_default();
        if !self.scheme.is_empty() && self.authority.is_none() {
            let is_http = self.scheme.starts_with("http");
            return (!is_http).then(|| Url {
                scheme: self.scheme,
                authority: String::new(),
                target: self.path + &query,
            });
        }
        let scheme = match base {
            Some(base) if self.scheme.is_empty() => base.scheme.clone(),
            _ => self.scheme,
        };
        if let Some(authority) = self.authority {
            return Some(Url {
                scheme,
                authority: authority.to_ascii_lowercase(),
                target: without_dots(&self.path) + &query,
            });
        }
        let base = base?;
        let query = if self.path.is_empty() && self.query.is_none() {
            base.query()
                .map(|query| format!("?{query}"))
                .unwrap_or_default()
        } else {
            query
        };
        let path = if self.path.starts_with('/') {
            self.path
        } else if self.path.is_empty() {
            base.path().to_owned()
        } else {
            let folder = base.path().rfind('/').map_or(0, |slash| slash + 1);
            format!("{}{}", &base.path()[..folder], self.path)
        };
        Some(Url {
            scheme,
            authority: base.authority.clone(),
            target: without_dots(&path) + &query,
        })
    }
}

/// Splits off the scheme; it is empty if there is none.
fn split_scheme(text: &str) -> Result<(&str, &str), String> {
    let is_scheme = |b: u8| b.is_ascii_alphanumeric() || b"+-.".contains(&b);
    let end = text
        .bytes()
        .position(|b| !is_scheme(b))
        .unwrap_or(text.len());
    if !text[end..].starts_with(':') {
        return Ok(("", text));
    }
    if end == 0 {
        return Err("missing protocol scheme".to_owned());
    }
    if !text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Ok(("", text));
    }
    Ok((&text[..end], &text[end + 1..]))
}

/// Returns the host and port of an authority, without the user.
fn host_of(authority: &str) -> Result<&str, String> {
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    if let Some(bad) = host.chars().find(|c| {
        !c.is_ascii_alphanumeric() && !"-._~!$&'()*+,;=:[]<>\"%".contains(*c) && c.is_ascii()
    }) {
        return Err(format!(
            "invalid character {:?} in host name",
            bad.to_string()
        ));
    }
    let after = host.rsplit_once(']').map_or(host, |(_, after)| after);
    if let Some((_, port)) = after.rsplit_once(':')
        && !port.bytes().all(|b| b.is_ascii_digit())
    {
        return Err(format!("invalid port \":{port}\" after host"));
    }
    // An empty port is the default one.
    Ok(host.strip_suffix(':').unwrap_or(host))
}

/// Returns a path as Go sends it: as it is if it is valid, otherwise escaped anew.
fn escaped_path(path: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = path
            .get(path.len() - rest.len()..)
            .and_then(|text| text.get(..2));
        let digits = digits.filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let Some(byte) = byte else {
            let start = path.len() - rest.len() - 1;
            let shown: String = path[start..].chars().take(3).collect();
            return Err(format!("invalid URL escape \"{shown}\""));
        };
        bytes.push(byte);
        rest = &rest[2..];
    }
    let is_valid = |b: u8| b.is_ascii_alphanumeric() || b"-_.~!$&'()*+,;=:@[]%/".contains(&b);
    if path.bytes().all(is_valid) {
        return Ok(path.to_owned());
    }
    let mut escaped = String::with_capacity(path.len());
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped += &format!("%{byte:02X}");
        }
    }
    Ok(escaped)
}

/// Resolves `.` and `..` in a path (RFC 3986, 5.2.4); the result has a leading slash.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let elements: Vec<_> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
    for element in &elements {
        match *element {
            "." => {}
            ".." => {
                kept.pop();
            }
            element => kept.push(element),
        }
    }
    // What ends in a dot segment is a directory.
    if matches!(elements.last(), Some(&("." | ".."))) && !kept.is_empty() {
        kept.push("");
    }
    format!("/{}", kept.join("/"))
}

/// Returns the URL that the go command requests next, or `None` if it reads the response. `hops`
/// are the URLs requested so far; the response is to the last one.
pub(super) fn next(hops: &[Url], response: &Response) -> Result<Option<Url>, Finding> {
    let (Some(first), Some(last)) = (hops.first(), hops.last()) else {
        return Ok(None);
    };
    let location = response.location();
    let location = location.trim_matches([' ', '\t']);
    if !matches!(response.status, 301 | 302 | 303 | 307 | 308) || location.is_empty() {
        return Ok(None);
    }
    let look =
        format!("curl -si '{last}' | grep -i '^location'    # the redirect; correct its rule");
    let url = match last.join(location) {
        Ok(url) => url,
        Err(why) => {
            let message = format!("{last} redirects to {location}, which Go cannot follow: {why}");
            return Err(Finding::fail(Step::Redirects, Code::HttpStatus, message)
                .go(why)
                .look(look));
        }
    };
    if first.is_https() && !url.is_https() {
        let message = format!(
            "{last} redirects to {url}: the go command does not follow redirects from https to {}",
            url.scheme
        );
        let finding = Finding::fail(Step::Redirects, Code::RedirectInsecure, message).go(format!(
            "redirected from secure URL {last} to insecure URL {url}"
        ));
        return Err(insecure_fix(finding, last, &url, response, &look));
    }
    let is_loop = hops.contains(&url);
    if is_loop || hops.len() >= MAX_REQUESTS {
        let message = if is_loop {
            format!("{last} redirects back to {url}")
        } else {
            format!(
                "more than {} redirects, the last to {url}",
                MAX_REQUESTS - 1
            )
        };
        return Err(Finding::fail(Step::Redirects, Code::RedirectLoop, message)
            .go(format!("stopped after {MAX_REQUESTS} redirects"))
            .look(format!(
                "curl -sIL '{first}'    # shows each redirect; remove the wrong rule"
            )));
    }
    Ok(Some(url))
}

/// Says how to keep https: in the rule of another host's redirect, or, if a server behind a TLS
/// proxy redirects to itself, in what that server writes.
fn insecure_fix(
    finding: Finding,
    last: &Url,
    url: &Url,
    response: &Response,
    look: &str,
) -> Finding {
    if url.scheme != "http" || !response.is_nginx() {
        return finding.look(look);
    }
    let reload = "nginx -t && systemctl reload nginx";
    if url.host() != last.host() {
        let kept = if url.target == last.target {
            "$request_uri"
        } else {
            url.path()
        };
        return finding.fix(format!(
            "return 301 https://{}{kept};    # in nginx, in the server block of {}, instead of http://\n{reload}",
            url.host(),
            last.host(),
        ));
    }
    if url.path() == format!("{}/", last.path()) {
        return finding.fix(format!(
            "absolute_redirect off;    # in nginx, in the server behind the TLS proxy, which adds the slash\n{reload}"
        ));
    }
    finding.look(look)
}

/// Reports the redirects to a correct page; `None` if there were none. `by_nginx` says whether
/// nginx sent the last redirect.
pub(super) fn followed(hops: &[Url], by_nginx: bool) -> Option<Finding> {
    let last = hops.last().filter(|_| hops.len() > 1)?;
    if last.has_query() {
        let count = plural(hops.len() - 1, "redirect");
        return Some(Finding::pass(
            Step::Redirects,
            format!("{count}, to {last}"),
        ));
    }
    let message = format!("the redirect to {last} drops ?go-get=1");
    let finding = Finding::warn(Step::Redirects, Code::RedirectDropsQuery, message);
    Some(dropped_fix(finding, hops, by_nginx))
}

/// Reports a redirect that drops `?go-get=1`, and with it the tag of the page.
pub(super) fn dropped(hops: &[Url], by_nginx: bool) -> Option<Finding> {
    let last = hops
        .last()
        .filter(|last| hops.len() > 1 && !last.has_query())?;
    // A login page, or a front page, is not the same page without its query.
    let first = hops.first()?;
    let is_same = last.path().trim_end_matches('/') == first.path().trim_end_matches('/');
    if !is_same {
        return None;
    }
    let message =
        format!("the redirect to {last} drops ?go-get=1, so the page has no tag for the module");
    let finding = Finding::fail(Step::Redirects, Code::RedirectDropsQuery, message);
    Some(dropped_fix(finding, hops, by_nginx))
}

fn dropped_fix(finding: Finding, hops: &[Url], by_nginx: bool) -> Finding {
    let [.., before, last] = hops else {
        return finding;
    };
    let is_same_path = last.path() == before.path();
    // Redirecting a host to itself, with the query, is a loop.
    if last.host() == before.host() || !is_same_path || !by_nginx {
        return finding.look(format!(
            "curl -si '{before}' | grep -i '^location'    # its rule must keep the query, or leave out requests with go-get=1"
        ));
    }
    finding.fix(format!(
        "return 301 https://{}$request_uri;    # in nginx, in the server block of {}; $uri would drop the query\n\
         nginx -t && systemctl reload nginx",
        last.host(),
        before.host(),
    ))
}

#[cfg(test)]
mod tests;
