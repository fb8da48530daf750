//! What one process serves: a [`Config`] compiled for look-up. Immutable.

mod addresses;
mod changes;
mod folders;
mod list;
mod module_page;
mod not_found;
mod page;
mod query;
mod suggest;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::HashMap;
use std::mem;
use std::sync::Arc;

use bytes::Bytes;

use crate::config::{Config, Module};
use crate::module::{Host, RequestPath, is_path_element};
use crate::text::counted_by_host;
use folders::Folders;
use page::{Cached, Pages};
use suggest::Suggestions;

pub(crate) use changes::Changes;
pub(crate) use list::page_file;
pub use page::Page;
pub(crate) use page::{CONTENT_SECURITY_POLICY, LIST_POLICY};

/// Names that browsers and crawlers request from every host; a pattern at the root does not match
/// them.
pub(crate) const WELL_KNOWN: [&str; 2] = ["robots.txt", "favicon.ico"];

/// All hosts of a configuration, with their modules.
#[derive(Debug)]
pub struct Site {
    /// The settings, without the modules.
    config: Arc<Config>,
    /// The default host first.
    hosts: Vec<VirtualHost>,
    by_name: HashMap<String, usize>,
    pages: Pages,
    /// Whether the lists are files of a static host.
    for_files: bool,
}

/// The answer to a request.
#[derive(Debug)]
pub enum Answer<'s> {
    /// A module and its page for the requested subpath.
    Module(FoundModule<'s>, Page),
    /// The list of the modules below a folder.
    List(Page),
    /// A redirect to another address.
    Redirect(Cow<'s, str>),
    /// Not here: a text that says where to find it.
    Elsewhere(Bytes),
    /// Not found: the page for a browser.
    NotFoundPage(Bytes),
    /// Not found: the text for the go command.
    NotFoundText {
        /// The lines that the go command prints.
        text: Bytes,
        /// Whether there are modules below the path. If so, the go command probably tried it on its
        /// way to one of them.
        folder: bool,
    },
}

/// The module that answers a request.
#[derive(Debug, Clone, Copy)]
pub struct FoundModule<'s> {
    host: &'s VirtualHost,
    index: u32,
}

impl FoundModule<'_> {
    /// Returns the module's import path; for a pattern it ends in `/*`.
    pub fn import_path(&self) -> String {
        self.host.import_path(self.module())
    }

    /// Returns the import path, or none if the module is hidden.
    pub fn listed_name(&self) -> Option<String> {
        (!self.module().hidden).then(|| self.import_path())
    }

    /// Returns its index among the site's modules, below [`Site::module_count`].
    pub fn number(&self) -> usize {
        self.host.first_number + self.index as usize
    }

    fn module(&self) -> &Module {
        &self.host.modules[self.index as usize]
    }
}

impl Site {
    /// Compiles a configuration. `host` is the default host.
    pub fn new(host: Host, mut config: Config) -> Self {
        let all = mem::take(&mut config.modules);
        let config = Arc::new(config);
        let mut by_name = HashMap::from([(host.to_string(), 0)]);
        let mut modules = vec![(host.clone(), Vec::new())];
        for module in all {
            let name = module.key.host.clone().unwrap_or_else(|| host.clone());
            let index = *by_name.entry(name.to_string()).or_insert(modules.len());
            if index == modules.len() {
                modules.push((name, Vec::new()));
            }
            modules[index].1.push(module);
        }
        let mut hosts = Vec::new();
        let mut first_number = 0;
        for (name, modules) in modules {
            let count = modules.len();
            hosts.push(VirtualHost::new(
                name,
                modules,
                config.clone(),
                first_number,
            ));
            first_number += count;
        }
        Self {
            hosts,
            config,
            by_name,
            pages: Pages::new(),
            for_files: false,
        }
    }

    /// Compiles a configuration for static files: lists link to files, and have no search.
    pub(crate) fn for_files(host: Host, config: Config) -> Self {
        Self {
            for_files: true,
            ..Self::new(host, config)
        }
    }

    /// Returns how long caches may keep a page, in seconds.
    pub fn cache_max_age(&self) -> u32 {
        self.config.cache_max_age
    }

    /// Returns the hosts, the default one first.
    pub fn hosts(&self) -> &[VirtualHost] {
        &self.hosts
    }

    /// Returns the number of modules and patterns on all hosts.
    pub fn module_count(&self) -> usize {
        self.hosts.iter().map(|host| host.modules.len()).sum()
    }

    /// Returns a summary of the module counts per host, for a message.
    pub fn summary(&self) -> String {
        let hosts = self.hosts.iter();
        let counts: Vec<_> = hosts
            .map(|host| (host.name(), host.modules.len()))
            .collect();
        counted_by_host(&counts)
    }

    /// Returns the host named by a Host header, with or without `www.`. Any other name gets the
    /// default host, so the header's text never reaches a page.
    ///
    /// X-Forwarded-Host is ignored: caches do not key on it.
    pub fn host(&self, header: Option<&str>) -> &VirtualHost {
        &self.hosts[self.host_index(header)]
    }

    fn host_index(&self, header: Option<&str>) -> usize {
        let Some(header) = header else {
            return 0;
        };
        if self.hosts.len() == 1 {
            return 0;
        }
        // IPv6 literals never match.
        let name = header.split(':').next().unwrap_or_default();
        let name = name.strip_suffix('.').unwrap_or(name);
        let name = name.to_ascii_lowercase();
        let without_www = name.strip_prefix("www.").unwrap_or(&name);
        let index = self.by_name.get(&name);
        let index = index.or_else(|| self.by_name.get(without_www));
        index.copied().unwrap_or(0)
    }

    /// Answers a request for `path` (as in the request target, without the query) on the host of a
    /// Host header. `go_get` tells the go command from a browser.
    pub fn answer(&self, host_header: Option<&str>, path: &str, go_get: bool) -> Answer<'_> {
        self.answer_query(host_header, path, go_get, None)
    }

    /// Answers a request with a query, which only lists and git's requests have.
    pub fn answer_query(
        &self,
        host_header: Option<&str>,
        path: &str,
        go_get: bool,
        query: Option<&str>,
    ) -> Answer<'_> {
        let host_index = self.host_index(host_header);
        let host = &self.hosts[host_index];
        if !go_get && let Some(answer) = host.elsewhere(path, query) {
            return answer;
        }
        match self.pages.get(host_index, path) {
            Some(Cached {
                module: Some(index),
                page,
            }) => return Answer::Module(FoundModule { host, index }, page),
            Some(Cached { module: None, page }) if !go_get && query.is_none() => {
                return Answer::List(page);
            }
            _ => {}
        }
        let Some(request) = RequestPath::parse(path) else {
            return host.not_found(None, go_get);
        };
        let request = request.as_str();
        if let Some(found) = host.find(request) {
            let index = found.index;
            let page = host.module_page(request, &found);
            let cached = Cached {
                module: Some(index),
                page: page.clone(),
            };
            self.pages.insert(host_index, path, cached);
            return Answer::Module(FoundModule { host, index }, page);
        }
        if !go_get && let Some(answer) = self.list(host, request, query) {
            if let Answer::List(page) = &answer
                && query.is_none()
            {
                let cached = Cached {
                    module: None,
                    page: page.clone(),
                };
                self.pages.insert(host_index, path, cached);
            }
            return answer;
        }
        host.not_found(Some(request), go_get)
    }
}

/// One host and its modules.
#[derive(Debug)]
pub struct VirtualHost {
    name: Host,
    config: Arc<Config>,
    /// How many modules the hosts before this one have in total.
    first_number: usize,
    /// Sorted by key: each module comes right before everything below it.
    modules: Vec<Module>,
    /// Indices into `modules`, by path; for a pattern, by the path before `/*`.
    exact: HashMap<Box<str>, u32>,
    patterns: HashMap<Box<str>, u32>,
    /// The number of elements of the deepest possible match. Longer prefixes of a request are not
    /// looked up, which bounds the cost of a very long path.
    max_depth: usize,
    folders: Folders,
    suggestions: Suggestions,
}

/// The result of a look-up.
#[derive(Debug)]
pub struct Match<'s, 'p> {
    index: u32,
    module: &'s Module,
    /// What the `*` of a pattern matched; empty for a module.
    element: &'p str,
    /// The rest of the request's path: empty, or with a leading slash.
    subpath: &'p str,
}

impl<'s, 'p> Match<'s, 'p> {
    /// Returns the module or pattern that matched.
    pub fn module(&self) -> &'s Module {
        self.module
    }

    /// Returns what the `*` of a pattern matched; empty for a module.
    pub fn element(&self) -> &'p str {
        self.element
    }

    /// Returns the rest of the request's path: empty, or with a leading slash.
    pub fn subpath(&self) -> &'p str {
        self.subpath
    }
}

impl VirtualHost {
    fn new(name: Host, mut modules: Vec<Module>, config: Arc<Config>, first_number: usize) -> Self {
        modules.sort_by(|a, b| a.key.order().cmp(b.key.order()));
        let mut exact = HashMap::new();
        let mut patterns = HashMap::new();
        let mut max_depth = 0;
        for (module, index) in modules.iter().zip(0..) {
            let path = &module.key.path;
            if module.key.pattern {
                patterns.insert(path.as_str().into(), index);
            } else {
                exact.insert(path.as_str().into(), index);
            }
            max_depth = max_depth.max(path.depth() + usize::from(module.key.pattern));
        }
        Self {
            name,
            config,
            first_number,
            exact,
            patterns,
            max_depth,
            folders: Folders::new(&modules),
            suggestions: Suggestions::new(&modules),
            modules,
        }
    }

    /// Returns the host's name.
    pub fn name(&self) -> &Host {
        &self.name
    }

    /// Returns the modules, each right before everything below it.
    pub fn modules(&self) -> impl ExactSizeIterator<Item = &Module> {
        self.modules.iter()
    }

    /// Returns the module that matches a path. The longest match wins; at equal length, an exact
    /// key beats a pattern.
    pub fn look_up<'p>(&self, path: &'p RequestPath<'_>) -> Option<Match<'_, 'p>> {
        self.find(path.as_str())
    }

    fn find<'p>(&self, path: &'p str) -> Option<Match<'_, 'p>> {
        let mut prefix = first_elements(path, self.max_depth);
        loop {
            if let Some(&index) = self.exact.get(prefix) {
                return Some(self.found(index, "", &path[prefix.len()..]));
            }
            // The root has no parent, so there is no shorter prefix to try.
            let (parent, element) = prefix.rsplit_once('/')?;
            if let Some(&index) = self.patterns.get(parent)
                && is_path_element(element)
                && !(parent.is_empty() && WELL_KNOWN.contains(&element))
            {
                return Some(self.found(index, element, &path[prefix.len()..]));
            }
            prefix = parent;
        }
    }

    fn found<'p>(&self, index: u32, element: &'p str, subpath: &'p str) -> Match<'_, 'p> {
        Match {
            index,
            module: &self.modules[index as usize],
            element,
            subpath,
        }
    }

    /// Returns a module's import path; a pattern's ends in `/*`.
    pub fn import_path(&self, module: &Module) -> String {
        let star = if module.key.pattern { "/*" } else { "" };
        [self.name.as_str(), module.key.path.as_str(), star].concat()
    }
}

/// Returns the first `most` elements of a path.
fn first_elements(path: &str, most: usize) -> &str {
    match path.match_indices('/').nth(most) {
        Some((slash, _)) => &path[..slash],
        None => path,
    }
}
