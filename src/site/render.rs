//! The input of the pages' templates.

use bytes::Bytes;

use super::{VirtualHost, first_elements};
use crate::config::{Index, Module, ModuleDocs};
use crate::module::{Url, Vcs};
use crate::page::{CompiledPage, Crumb, ModulePage, Near, NotFoundPage};

/// The documentation site that has badges, and addresses by version.
pub(super) const PKG_GO_DEV: &str = "pkg.go.dev";

impl VirtualHost {
    /// Renders the page of a module, or the one for its subpaths if `below`. A `command` is
    /// installed rather than imported.
    pub(super) fn module_page(&self, module: &Module, below: bool, command: bool) -> CompiledPage {
        let prefix = self.import_path(module);
        let documentation = self.documentation(module);
        let on_site = matches!(documentation, Some((_, true)));
        let docs = documentation.map(|(url, on_site)| match on_site {
            true => format!("{url}/{prefix}"),
            false => url.to_string(),
        });
        let docs_host = documentation.map_or("", |(url, _)| url.host());
        let source = module.source();
        let home = module.repo.is_http().then(|| {
            let shown = source
                .as_deref()
                .and_then(|source| source.split(' ').next());
            let shown = shown.filter(|url| url.starts_with("http"));
            shown.map_or_else(|| module.repo.web_page().into_owned(), str::to_owned)
        });
        CompiledPage::new(&ModulePage {
            crumbs: &self.crumbs(module.key.path.as_str()),
            prefix: &prefix,
            vcs: module.vcs.as_str(),
            repo: module.repo.as_str(),
            subdir: module.subdir.as_deref(),
            proxy: module.proxy.as_ref().map(|proxy| proxy.as_str()),
            source: source.as_deref(),
            docs: docs.as_deref(),
            docs_host,
            docs_by_path: on_site,
            redirect: module.redirect.unwrap_or(self.config.redirect),
            has_badge: on_site && docs_host == PKG_GO_DEV,
            home: home.as_deref().filter(|_| module.vcs != Vcs::Mod),
            description: module.description.as_deref(),
            hidden: module.hidden,
            pattern: module.key.pattern,
            below,
            command,
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

    /// Renders the page for an address without a module or a list, below `folder`. `path` is none
    /// if it cannot be an import path; it is then not repeated.
    pub(super) fn not_found_page(&self, folder: &str, path: Option<&str>, near: &[Near]) -> Bytes {
        let page = NotFoundPage {
            crumbs: &self.crumbs(folder),
            host: self.name.as_str(),
            path,
            near,
            list: self.list_address(),
        };
        page.html()
    }

    /// Returns the address of the list of all modules.
    fn list_address(&self) -> Option<&str> {
        let is_empty = self.listed_below("").is_empty() || self.find("").is_some();
        match &self.config.index {
            Index::Redirect(url) => Some(url.as_str()),
            Index::List if !is_empty => Some("/"),
            Index::At(path) if !is_empty => Some(path.as_str()),
            _ => None,
        }
    }

    /// Returns the folders from the top to `path` that have lists.
    pub(super) fn crumbs<'a>(&'a self, path: &'a str) -> Vec<Crumb<'a>> {
        if self.config.index == Index::None {
            return Vec::new();
        }
        let top = self.list_address().map(|href| Crumb {
            href,
            name: self.name.as_str(),
        });
        let path = first_elements(path, self.max_depth);
        let ends = path.match_indices('/').skip(1).map(|(at, _)| at);
        let ends = ends.chain((!path.is_empty()).then_some(path.len()));
        let has_list =
            |folder: &&str| !self.listed_below(folder).is_empty() && self.find(folder).is_none();
        let folders = ends
            .map(|end| &path[..end])
            .filter(has_list)
            .map(|folder| Crumb {
                href: folder,
                name: folder.rsplit('/').next().unwrap_or_default(),
            });
        top.into_iter().chain(folders).collect()
    }
}
