//! Addresses that redirect: `git clone` of an import path, and documentation by version.

use percent_encoding::{CONTROLS, percent_decode_str, utf8_percent_encode};

use super::module_page::PKG_GO_DEV;
use super::{Answer, Match, VirtualHost};
use crate::config::Module;
use crate::module::{RequestPath, Vcs};

/// What git appends to the URL of a repository in its first request (gitprotocol-http).
const REFS: &str = "/info/refs";

impl VirtualHost {
    /// Returns the answer to git's first request for a module's import path, or to a browser's
    /// request for `MODULE@VERSION`; none for every other request.
    pub(super) fn elsewhere(&self, path: &str, query: Option<&str>) -> Option<Answer<'_>> {
        if let Some(service) = query.and_then(|query| query.strip_prefix("service=git-")) {
            let path = parse(path.strip_suffix(REFS)?)?;
            return clone(&self.look_up(&path)?, service);
        }
        let (path, version) = path.split_once('@').or_else(|| path.split_once("%40"))?;
        let (version, subpath) = version.split_at(version.find('/').unwrap_or(version.len()));
        let version = percent_decode_str(version).decode_utf8().ok()?;
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~+".contains(&b);
        // `MODULE/@v/list` asks a module proxy.
        let asks_proxy = path.len() > 1 && path.ends_with('/');
        if version.is_empty() || !version.bytes().all(is_plain) || asks_proxy {
            return None;
        }
        let (path, subpath) = (RequestPath::parse(path)?, parse(subpath)?);
        let module = self.look_up(&path)?.module();
        let url = self.versioned(module, path.as_str(), &version, subpath.as_str());
        Some(Answer::Redirect(url.into()))
    }

    /// Returns the address of the documentation of `path`, in `module`, at a version, and of
    /// `subpath` below it; without documentation, the address of the page here.
    fn versioned(&self, module: &Module, path: &str, version: &str, subpath: &str) -> String {
        let name = self.name();
        match self.documentation(module) {
            Some((site, true)) if site.host() == PKG_GO_DEV => {
                format!("{site}/{name}{path}@{version}{subpath}")
            }
            Some((site, true)) => format!("{site}/{name}{path}{subpath}"),
            Some((url, false)) => url.to_string(),
            None if path.is_empty() && subpath.is_empty() => "/".to_owned(),
            None => [path, subpath].concat(),
        }
    }
}

/// Parses a part of a request's path, which may be empty.
fn parse(path: &str) -> Option<RequestPath<'_>> {
    RequestPath::parse(if path.is_empty() { "/" } else { path })
}

/// Redirects git to the repository; git uses the new address for the rest of the clone, and prints
/// the text of an error.
fn clone(found: &Match<'_, '_>, service: &str) -> Option<Answer<'static>> {
    let Module { repo, vcs, .. } = found.module();
    if *vcs != Vcs::Git || !found.subpath().is_empty() {
        return None;
    }
    let url = repo.as_str().replace('*', found.element());
    let url = url.trim_end_matches('/');
    match service {
        "upload-pack" if repo.is_http() => {
            let url = utf8_percent_encode(url, CONTROLS);
            let url = format!("{url}{REFS}?service=git-{service}");
            Some(Answer::Redirect(url.into()))
        }
        "upload-pack" => Some(text(format!("the repository is at {url}: clone that\n"))),
        "receive-pack" => Some(text(format!("the repository is at {url}: push there\n"))),
        _ => None,
    }
}

fn text(text: String) -> Answer<'static> {
    Answer::Elsewhere(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::Site;
    use crate::testing;

    const FILE: &str = "
host: a.example
/git: {repo: https://h.example/git}
/x/*: {repo: https://h.example/team/*-go.git/}
/ssh: {repo: ssh://git@h.example/ssh}
/hg: {repo: https://h.example/hg, vcs: hg}
/idn: {repo: https://h.example/ä}
/own: {repo: https://h.example/own, docs: https://docs.example/own}
/none: {repo: https://h.example/none, docs: none}
b.example/: {repo: https://h.example/root}
";

    fn site(settings: &str) -> Site {
        testing::site(&[settings, FILE].concat())
    }

    fn answered(site: &Site, host: &str, path: &str, query: Option<&str>) -> String {
        match site.host(Some(host)).elsewhere(path, query) {
            None => "none".to_owned(),
            Some(Answer::Redirect(url)) => url.into_owned(),
            Some(Answer::Elsewhere(text)) => String::from_utf8(text.to_vec()).unwrap(),
            Some(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn redirects_git_to_the_repository() {
        let refs = "/info/refs?service=git-upload-pack";
        let site = site("");
        for (path, service, expected) in [
            ("/git", "upload-pack", "https://h.example/git<refs>"),
            (
                "/x/tool",
                "upload-pack",
                "https://h.example/team/tool-go.git<refs>",
            ),
            ("/idn", "upload-pack", "https://h.example/%C3%A4<refs>"),
            (
                "/ssh",
                "upload-pack",
                "the repository is at ssh://git@h.example/ssh: clone that\n",
            ),
            (
                "/git",
                "receive-pack",
                "the repository is at https://h.example/git: push there\n",
            ),
            ("/git", "upload-archive", "none"),
            ("/git/sub", "upload-pack", "none"),
            ("/hg", "upload-pack", "none"),
            ("/nothing", "upload-pack", "none"),
            ("/git%2F", "upload-pack", "none"),
        ] {
            let query = format!("service=git-{service}");
            let path = format!("{path}/info/refs");
            let answer = answered(&site, "a.example", &path, Some(&query));
            let expected = expected.replace("<refs>", refs);
            assert_eq!(answer, expected, "{path} {service}");
        }
        let query = Some("service=git-upload-pack");
        assert_eq!(
            answered(&site, "b.example", "/info/refs", query),
            format!("https://h.example/root{refs}")
        );
        assert_eq!(answered(&site, "a.example", "/git", query), "none");
        assert_eq!(answered(&site, "a.example", "/git/info/refs", None), "none");
    }

    #[test]
    fn redirects_versions_to_documentation() {
        let (go_dev, own) = (site(""), site("docs: https://docs.example/go/"));
        for (path, expected) in [
            ("/git@v1.2.3", "https://pkg.go.dev/a.example/git@v1.2.3"),
            ("/git@latest/", "https://pkg.go.dev/a.example/git@latest"),
            (
                "/git@v2.0.0+incompatible/sub/dir",
                "https://pkg.go.dev/a.example/git@v2.0.0+incompatible/sub/dir",
            ),
            ("/git/sub@main", "https://pkg.go.dev/a.example/git/sub@main"),
            ("/x/tool@v1", "https://pkg.go.dev/a.example/x/tool@v1"),
            (
                "/git%40v2.0.0%2Bincompatible",
                "https://pkg.go.dev/a.example/git@v2.0.0+incompatible",
            ),
            ("/git%40v1%2Fsub", "none"),
            ("/git@v1%2540", "none"),
            ("/own@v1/sub", "https://docs.example/own"),
            ("/none@v1/sub", "/none/sub"),
            ("/git@", "none"),
            ("/git@v1@v2", "none"),
            ("/git@v1/../x", "none"),
            ("/git/@v/list", "none"),
            ("/git@v1//x", "none"),
            ("/git@%0d%0a", "none"),
            ("/nothing@v1", "none"),
            ("@v1", "none"),
        ] {
            assert_eq!(
                answered(&go_dev, "a.example", path, None),
                expected,
                "{path}"
            );
        }
        for (host, path, expected) in [
            (
                "a.example",
                "/git@v1/sub",
                "https://docs.example/go/a.example/git/sub",
            ),
            ("b.example", "/@v1", "https://docs.example/go/b.example"),
            ("b.example", "@v1", "none"),
        ] {
            assert_eq!(answered(&own, host, path, None), expected, "{path}");
        }
        let none = site("docs: none");
        assert_eq!(answered(&none, "b.example", "/@v1", None), "/");
    }
}
