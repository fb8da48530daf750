//! The page of a module, or of a path below it.

use askama::Template;

use super::page::{Crumb, Page};
use super::{Match, VirtualHost};
use crate::config::{Module, ModuleDocs};
use crate::module::{Url, Vcs};

/// The documentation site that has badges, and addresses by version.
pub(super) const PKG_GO_DEV: &str = "pkg.go.dev";

/// Subpath and element of a request need no escaping in HTML or URLs:
/// [`RequestPath`](crate::module::RequestPath) allows no such character.
#[derive(Template)]
#[template(path = "module.html")]
struct ModulePage<'a> {
    /// The folders above it that have lists.
    crumbs: Vec<Crumb<'a>>,
    /// The import path of the module's root.
    prefix: String,
    /// The path of the module's root on this host.
    root: String,
    /// What the request adds to it: empty, or with a leading slash.
    subpath: &'a str,
    /// The name of the version control system, or `mod`.
    vcs: &'a str,
    repo: String,
    /// The module's directory in the repository.
    subdir: Option<&'a str>,
    /// A module proxy that also has the module.
    proxy: Option<&'a str>,
    /// The last three fields of go-source.
    source: Option<String>,
    /// The address of the documentation.
    docs: Option<String>,
    docs_host: &'a str,
    /// Whether browsers are redirected to the documentation.
    redirect: bool,
    /// Whether pkg.go.dev has the documentation, and a badge for it.
    has_badge: bool,
    /// The repository's web page; none for a repository that is not on the web.
    home: Option<String>,
    /// The directory on the forge, and the forge's host, if they say more than the link to the
    /// repository.
    directory: Option<(String, String)>,
    description: Option<&'a str>,
    /// Whether search engines are to leave it out, as the lists do.
    hidden: bool,
    /// Whether the path is that of a command, below a folder `cmd`, which is installed rather than
    /// imported.
    command: bool,
}

impl VirtualHost {
    /// Renders the page for `path`, which has found a module.
    pub(super) fn module_page(&self, path: &str, found: &Match<'_, '_>) -> Page {
        let (module, subpath) = (found.module, found.subpath);
        let root = &path[..path.len() - subpath.len()];
        let prefix = format!("{}{root}", self.name);
        let documentation = self.documentation(module);
        let docs = match documentation {
            Some((site, true)) => Some(format!("{site}/{prefix}{subpath}")),
            Some((url, false)) => Some(found.filled(&url.to_string())),
            None => None,
        };
        let docs_host = documentation.map_or("", |(url, _)| url.host());
        let on_site = matches!(documentation, Some((_, true)));
        let source = module.source().map(|source| found.filled(&source));
        let home = home(module, source.as_deref()).map(|home| found.filled(&home));
        Page::new(&ModulePage {
            crumbs: self.crumbs(module.key.path.as_str()),
            root: if root.is_empty() { "/" } else { root }.to_owned(),
            prefix,
            subpath,
            vcs: module.vcs.as_str(),
            repo: found.filled(module.repo.as_str()),
            subdir: module.subdir.as_deref(),
            proxy: module.proxy.as_ref().map(|proxy| proxy.as_str()),
            docs,
            docs_host,
            redirect: module.redirect.unwrap_or(self.config.redirect),
            has_badge: on_site && docs_host == PKG_GO_DEV,
            directory: directory(module, source.as_deref(), subpath, home.is_some()),
            source,
            home: home.filter(|_| module.vcs != Vcs::Mod),
            description: module.description.as_deref(),
            hidden: module.hidden,
            command: path.contains("/cmd/"),
        })
    }

    /// Returns the address of a module's documentation, and whether it is that of a site to which
    /// the import path is appended.
    pub(super) fn documentation<'m>(&'m self, module: &'m Module) -> Option<(&'m Url, bool)> {
        match (&module.docs, &self.config.docs) {
            (ModuleDocs::At(url), _) => Some((url, false)),
            (ModuleDocs::OnSite, Some(site)) => Some((site, true)),
            (ModuleDocs::OnSite, None) | (ModuleDocs::None, _) => None,
        }
    }
}

impl Match<'_, '_> {
    /// Returns a value of a pattern with what its `*` matched.
    fn filled(&self, value: &str) -> String {
        if self.module.key.pattern {
            value.replace('*', self.element)
        } else {
            value.to_owned()
        }
    }
}

/// Returns the web page of a module's repository: the first field of go-source, if it is one.
fn home(module: &Module, source: Option<&str>) -> Option<String> {
    if !module.repo.is_http() {
        return None;
    }
    match source.and_then(|source| source.split(' ').next()) {
        Some(home) if home.starts_with("http") => Some(home.to_owned()),
        _ => Some(module.repo.web_page().into_owned()),
    }
}

/// Returns the directory of `subpath` on the forge, and the forge's host.
fn directory(
    module: &Module,
    source: Option<&str>,
    subpath: &str,
    has_home: bool,
) -> Option<(String, String)> {
    let template = source?.split(' ').nth(1)?;
    let host = template.split('/').nth(2)?;
    let is_web = template.starts_with("https://") || template.starts_with("http://");
    if !is_web || subpath.is_empty() && module.subdir.is_none() && has_home {
        return None;
    }
    let mut directory = String::new();
    if let Some(subdir) = &module.subdir {
        directory.extend(["/", subdir]);
    }
    directory.push_str(without_version(subpath));
    let url = template
        .replace("/{dir}", "{/dir}")
        .replace("{/dir}", &directory)
        .replace("{dir}", &directory);
    Some((url, host.to_owned()))
}

/// Returns a subpath without the major version that it starts with, which is in most repositories a
/// branch: `/x` of `/v2/x`.
fn without_version(subpath: &str) -> &str {
    let Some(version) = subpath.strip_prefix("/v") else {
        return subpath;
    };
    let rest = version.trim_start_matches(|c: char| c.is_ascii_digit());
    if rest.is_empty() || rest.starts_with('/') {
        rest
    } else {
        subpath
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directory_has_no_version() {
        for (subpath, directory) in [
            ("", ""),
            ("/v2", ""),
            ("/v12/a", "/a"),
            ("/v2x/a", "/v2x/a"),
            ("/a/v2", "/a/v2"),
            ("/vendor", "/vendor"),
        ] {
            assert_eq!(without_version(subpath), directory);
        }
    }
}
