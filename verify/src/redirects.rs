//! The redirect rules of the go command: `checkRedirect` and `securityPreservingHTTPClient`
//! of cmd/go/internal/web.

use std::fmt;

use super::{Code, Finding, Step, plural};

/// The number of redirects that Go follows.
const MAX_REDIRECTS: usize = 10;

/// A parsed http or https URL.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Url {
    pub(super) https: bool,
    /// The host, with the port if the URL has one.
    pub(super) authority: String,
    /// The path and query, with a leading slash.
    pub(super) target: String,
}

impl Url {
    /// Returns the URL that the go command requests for an import path.
    pub(super) fn go_get(path: &str) -> Self {
        let (host, rest) = path.split_at(path.find('/').unwrap_or(path.len()));
        let slash = if rest.is_empty() { "/" } else { "" };
        Self {
            https: true,
            authority: host.to_owned(),
            target: format!("{slash}{rest}?go-get=1"),
        }
    }

    /// Parses an absolute URL, without its fragment.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.split('#').next().unwrap_or_default();
        let (scheme, rest) = text.split_once("://")?;
        let https = match &*scheme.to_ascii_lowercase() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let authority = authority
            .rsplit_once('@')
            .map_or(authority, |(_, host)| host);
        let slash = if target.starts_with('/') { "" } else { "/" };
        let url = Self {
            https,
            authority: authority.to_ascii_lowercase(),
            target: format!("{slash}{target}"),
        };
        (!url.host().is_empty() && url.target.bytes().all(|b| b.is_ascii_graphic())).then_some(url)
    }

    /// Resolves a `Location` header.
    fn join(&self, location: &str) -> Option<Self> {
        let scheme = if self.https { "https" } else { "http" };
        let location = location.trim();
        let path = self.target.split('?').next().unwrap_or_default();
        if location.contains("://") && !location.starts_with(['/', '?', '.']) {
            return Self::parse(location);
        }
        if location.starts_with("//") {
            return Self::parse(&format!("{scheme}:{location}"));
        }
        let target = match location.chars().next() {
            Some('/') => location.to_owned(),
            Some('?') => format!("{path}{location}"),
            _ => {
                let folder = &path[..=path.rfind('/')?];
                format!("{folder}{location}")
            }
        };
        Self::parse(&format!("{scheme}://{}{target}", self.authority))
    }

    /// Returns the host without the port.
    pub(super) fn host(&self) -> &str {
        let port = self
            .authority
            .rsplit_once(':')
            .filter(|(_, port)| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()));
        port.map_or(&*self.authority, |(host, _)| host)
    }

    /// Returns the port, or the scheme's default.
    pub(super) fn port(&self) -> u16 {
        let explicit = self.authority[self.host().len()..].strip_prefix(':');
        explicit
            .and_then(|port| port.parse().ok())
            .unwrap_or(if self.https { 443 } else { 80 })
    }

    /// Returns whether the query still has Go's `go-get=1`.
    pub(super) fn has_query(&self) -> bool {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        query.split('&').any(|part| part == "go-get=1")
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.https { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority, self.target)
    }
}

/// Returns the URL that the go command requests next, or `None` if it reads the response. `hops`
/// are the URLs requested so far; the response is to the last one.
pub(super) fn next(hops: &[Url], status: u16, location: &str) -> Result<Option<Url>, Finding> {
    let (Some(first), Some(last)) = (hops.first(), hops.last()) else {
        return Ok(None);
    };
    if !matches!(status, 301 | 302 | 303 | 307 | 308) || location.is_empty() {
        return Ok(None);
    }
    let Some(url) = last.join(location) else {
        return Err(Finding::fail(
            Step::Redirects,
            Code::HttpStatus,
            format!("{last} redirects to {location}, which Go cannot follow"),
        ));
    };
    if first.https && !url.https {
        let host = last.host();
        return Err(
            Finding::fail(
                Step::Redirects,
                Code::RedirectInsecure,
                format!("{last} redirects to {url}: the go command does not follow redirects from https to http"),
            )
            .go(format!(
                "redirected from secure URL {last} to insecure URL {url}"
            ))
            .fix(format!(
                "return 301 https://{host}$request_uri;    # in nginx, instead of http://"
            )),
        );
    }
    if hops.len() > MAX_REDIRECTS || hops.contains(&url) {
        return Err(Finding::fail(
            Step::Redirects,
            Code::RedirectLoop,
            match hops.contains(&url) {
                true => format!("{last} redirects back to {url}"),
                false => format!("more than {MAX_REDIRECTS} redirects, the last to {url}"),
            },
        )
        .go(format!("stopped after {MAX_REDIRECTS} redirects"))
        .look(format!(
            "curl -sIL '{first}'    # shows each redirect; remove the wrong rule"
        )));
    }
    Ok(Some(url))
}

/// Reports the redirects to a correct page; `None` if there were none.
pub(super) fn followed(hops: &[Url]) -> Option<Finding> {
    let last = hops.last().filter(|_| hops.len() > 1)?;
    Some(match last.has_query() {
        true => {
            let count = plural(hops.len() - 1, "redirect");
            Finding::pass(Step::Redirects, format!("{count}, to {last}"))
        }
        false => dropped(last, false),
    })
}

/// Reports a redirect that drops `?go-get=1`; `fails` if the page is wrong as a result.
pub(super) fn dropped(last: &Url, fails: bool) -> Finding {
    let fix = format!(
        "return 301 https://{}$request_uri;    # in nginx; $uri would drop the query",
        last.host()
    );
    let message = format!("the redirect to {last} drops ?go-get=1");
    match fails {
        true => Finding::fail(
            Step::Redirects,
            Code::RedirectDropsQuery,
            format!("{message}, so the page has no tag for the module"),
        ),
        false => Finding::warn(Step::Redirects, Code::RedirectDropsQuery, message),
    }
    .fix(fix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn requests_the_urls_that_go_requests() {
        for (path, asked) in [
            ("a.example", "https://a.example/?go-get=1"),
            ("a.example/x/y", "https://a.example/x/y?go-get=1"),
        ] {
            assert_eq!(Url::go_get(path).to_string(), asked);
        }
        for bad in [
            "",
            "a.example",
            "ftp://a/",
            "https:///x",
            "https://a/é",
            "https://a/ b",
        ] {
            assert_eq!(Url::parse(bad), None, "{bad}");
        }
        let parsed = url("HTTPS://bob:pw@A.example:8443?x#y");
        assert_eq!(parsed.to_string(), "https://a.example:8443/?x");
        assert_eq!((parsed.host(), parsed.port()), ("a.example", 8443));
    }

    #[test]
    fn locations_are_resolved() {
        let base = url("https://a.example/x/y?go-get=1");
        for (location, to) in [
            ("https://b.example", "https://b.example/"),
            ("//b.example/z", "https://b.example/z"),
            ("/z?q", "https://a.example/z?q"),
            ("?q", "https://a.example/x/y?q"),
            ("z", "https://a.example/x/z"),
            (
                "/login?next=https://a.example/",
                "https://a.example/login?next=https://a.example/",
            ),
        ] {
            assert_eq!(base.join(location).unwrap().to_string(), to, "{location}");
        }
    }

    #[test]
    fn https_is_kept_and_redirects_stop_after_ten() {
        let code = |next: Result<_, Finding>| next.unwrap_err().code;
        let start = url("https://a.example/x?go-get=1");
        let hops = [start.clone()];
        let insecure = next(&hops, 301, "http://a.example/x?go-get=1");
        assert_eq!(code(insecure), Some(Code::RedirectInsecure));
        let itself = next(&hops, 302, "/x?go-get=1");
        assert_eq!(code(itself), Some(Code::RedirectLoop));
        let many: Vec<_> = (0..11)
            .map(|n| url(&format!("https://a.example/{n}")))
            .collect();
        assert_eq!(code(next(&many, 302, "/x")), Some(Code::RedirectLoop));
        assert!(matches!(next(&many[..10], 302, "/x"), Ok(Some(_))));
        assert_eq!(next(&hops, 200, "/y"), Ok(None));
        assert_eq!(next(&hops, 302, ""), Ok(None));
        assert_eq!(next(&hops, 304, "/y"), Ok(None));
    }

    #[test]
    fn dropped_query_is_a_warning_if_the_answer_is_right() {
        let start = url("https://a.example/x?go-get=1");
        let code = |to: &str| followed(&[start.clone(), url(to)]).unwrap().code;
        assert_eq!(code("https://www.a.example/x?go-get=1"), None);
        assert_eq!(
            code("https://www.a.example/x"),
            Some(Code::RedirectDropsQuery)
        );
        assert_eq!(
            code("https://www.a.example/x?q=go-get=1"),
            Some(Code::RedirectDropsQuery)
        );
        assert_eq!(followed(&[start]), None);
    }
}
