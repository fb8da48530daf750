//! What one process serves: a [`Config`] compiled for look-up. Immutable.

mod addresses;
mod changes;
mod list;
mod pages;
mod query;
mod render;
mod search;
mod suggest;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::HashMap;
use std::mem;
use std::sync::Arc;

use bytes::Bytes;

use crate::config::{Config, Index, Module};
use crate::hash::PathTable;
use crate::module::{Host, Key, RequestPath, is_path_element};
use crate::page::{Near, Page};
use crate::text::counted_by_host;
use list::{Folders, page_count};
use pages::{PageKey, Pages};
use query::ListQuery;
use search::SearchText;
use suggest::Suggestions;

pub(crate) use changes::Changes;
pub(crate) use list::page_file;

/// How many modules a not-found page suggests.
const MOST_SUGGESTED: usize = 3;
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
    module: &'s Module,
    /// Its index among the site's modules, below [`Site::module_count`].
    pub number: usize,
}

impl FoundModule<'_> {
    /// Returns the module's import path; for a pattern it ends in `/*`.
    pub fn import_path(&self) -> String {
        self.host.import_path(self.module)
    }

    /// Returns the import path, or none if the module is hidden.
    pub fn listed_name(&self) -> Option<String> {
        (!self.module.hidden).then(|| self.import_path())
    }
}

impl Site {
    /// Compiles a configuration. `host` is the default host.
    pub fn new(host: Host, mut config: Config) -> Self {
        let all = mem::take(&mut config.modules);
        let config = Arc::new(config);
        let mut modules: Vec<(Host, Vec<Module>)> = vec![(host.clone(), Vec::new())];
        let mut by_name = HashMap::from([(host.to_string(), 0)]);
        for module in all {
            let index = match &module.key.host {
                None => 0,
                Some(name) => *by_name.entry(name.to_string()).or_insert_with(|| {
                    modules.push((name.clone(), Vec::new()));
                    modules.len() - 1
                }),
            };
            modules[index].1.push(module);
        }
        let mut first_number = 0;
        let hosts = modules.into_iter().map(|(name, modules)| {
            let host = VirtualHost::new(name, modules, config.clone(), first_number);
            first_number += host.modules.len();
            host
        });
        Self {
            hosts: hosts.collect(),
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
        let index = match header {
            Some(header) if self.hosts.len() > 1 => {
                // IPv6 literals never match.
                let name = header.split(':').next().unwrap_or_default();
                let name = name.strip_suffix('.').unwrap_or(name);
                let name = name.to_ascii_lowercase();
                let index = self.by_name.get(&name);
                let without_www = || self.by_name.get(name.strip_prefix("www.")?);
                index.or_else(without_www).copied().unwrap_or(0)
            }
            _ => 0,
        };
        &self.hosts[index]
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
        let host = self.host(host_header);
        if !go_get && let Some(answer) = host.elsewhere(path, query) {
            return answer;
        }
        let Some(path) = RequestPath::parse(path) else {
            return host.not_found(None, go_get);
        };
        if let Some(found) = host.look_up(&path) {
            let number = host.number(found.index);
            let below = !found.subpath.is_empty();
            // By windows: a search for a string costs more than it saves on a path.
            let command = path.as_str().as_bytes().windows(5).any(|w| w == b"/cmd/");
            let key = PageKey::Module {
                number,
                below,
                command,
            };
            let page = self
                .pages
                .get(key, || host.module_page(found.module, below, command));
            let module = FoundModule {
                host,
                module: found.module,
                number,
            };
            return Answer::Module(module, page.render(found.element, found.subpath));
        }
        let list = || self.list(host, path.as_str(), query);
        let list = if go_get { None } else { list() };
        list.unwrap_or_else(|| host.not_found(Some(path.as_str()), go_get))
    }

    /// Answers a browser's request for a list, or returns none if there is none at this path.
    fn list<'s>(
        &'s self,
        host: &'s VirtualHost,
        path: &str,
        query: Option<&str>,
    ) -> Option<Answer<'s>> {
        let folder = match &self.config.index {
            Index::None => return None,
            Index::Redirect(url) if path.is_empty() => {
                return Some(Answer::Redirect(url.as_str().into()));
            }
            Index::At(_) if path.is_empty() => return None,
            Index::At(list) if list.as_str() == path => "",
            _ => path,
        };
        let (key, below) = host.folder(folder)?;
        let address = if path.is_empty() { "/" } else { path };
        let no_page = || Answer::NotFoundPage(host.not_found_page(path, None, &[]));
        let Some(query) = ListQuery::parse(query) else {
            return Some(no_page());
        };
        let found = host.search(below, &query);
        if query.page >= page_count(&found) {
            return Some(no_page());
        }
        let all = below.len();
        let list = || host.list(address, folder, all, &found, &query, self.for_files);
        Some(Answer::List(if query == ListQuery::default() {
            self.pages.get(key, || list().into()).render("", "")
        } else {
            list()
        }))
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
    exact: PathTable<u32>,
    patterns: PathTable<u32>,
    /// The number of elements of the deepest possible match. Longer prefixes of a request are not
    /// looked up, which bounds the cost of a very long path.
    max_depth: usize,
    /// Indices of the listed modules.
    folders: Folders,
    search_text: SearchText,
    /// The modules that may be suggested: the listed ones, without patterns.
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
        let key = |index: u32| &modules[index as usize].key;
        let mut exact = PathTable::with_capacity_and_hasher(modules.len(), Default::default());
        let mut patterns = PathTable::default();
        let mut max_depth = 0;
        let indexed = || modules.iter().zip(0u32..);
        for (module, index) in indexed() {
            let key = &module.key;
            let table = if key.pattern {
                &mut patterns
            } else {
                &mut exact
            };
            table.insert(key.path.as_str().into(), index);
            max_depth = max_depth.max(key_depth(key));
        }
        let listed: Vec<u32> = indexed()
            .filter(|(module, _)| !module.hidden)
            .map(|(_, index)| index)
            .collect();
        let suggestible = listed.iter().copied().filter(|&index| !key(index).pattern);
        let suggestions = Suggestions::new(suggestible, |index| key(index).path.as_str());
        let folders = Folders::new(listed, key);
        Self {
            name,
            config,
            first_number,
            exact,
            patterns,
            max_depth,
            folders,
            search_text: SearchText::new(&modules),
            suggestions,
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
        let mut end = first_elements(path, self.max_depth).len();
        loop {
            let prefix = &path[..end];
            let found = |index: u32, element| Match {
                index,
                module: &self.modules[index as usize],
                element,
                subpath: &path[end..],
            };
            if let Some(&index) = self.exact.get(prefix) {
                return Some(found(index, ""));
            }
            // The root has no parent, so there is no shorter prefix to try.
            let (parent, element) = prefix.rsplit_once('/')?;
            if !self.patterns.is_empty()
                && let Some(&index) = self.patterns.get(parent)
                && is_path_element(element)
                && !(parent.is_empty() && WELL_KNOWN.contains(&element))
            {
                return Some(found(index, element));
            }
            end = parent.len();
        }
    }

    /// Returns a module's import path; a pattern's ends in `/*`.
    pub fn import_path(&self, module: &Module) -> String {
        let star = if module.key.pattern { "/*" } else { "" };
        [self.name.as_str(), module.key.path.as_str(), star].concat()
    }

    fn key(&self, index: u32) -> &Key {
        &self.modules[index as usize].key
    }

    /// Converts an index on this host to one among all modules of the site.
    fn number(&self, index: u32) -> usize {
        self.first_number + index as usize
    }

    /// Returns the not-found answer. `path` is none if it cannot be an import path; it is then not
    /// repeated in the answer.
    fn not_found(&self, path: Option<&str>, go_get: bool) -> Answer<'_> {
        let path = path.filter(|path| path.len() <= suggest::LONGEST);
        let near = |most| path.map(|path| self.near(path, most));
        if !go_get {
            let near = near(MOST_SUGGESTED).unwrap_or_default();
            let near: Vec<_> = near
                .into_iter()
                .map(|path| Near {
                    name: [self.name.as_str(), path].concat(),
                    href: path.to_owned(),
                })
                .collect();
            let page = self.not_found_page(path.unwrap_or_default(), path, &near);
            return Answer::NotFoundPage(page);
        }
        let name = self.name.as_str();
        let mut text = match path {
            Some(path) => ["no module at ", name, path].concat(),
            None => ["no module of ", name, " has such a path"].concat(),
        };
        let listed = path.is_some_and(|path| !self.listed_below(path).is_empty());
        if listed {
            text.push_str(", only below it");
        } else if let Some(path) = near(1).unwrap_or_default().first() {
            text.extend(["; did you mean ", name, path, "?"]);
        }
        text.push('\n');
        Answer::NotFoundText {
            text: text.into(),
            folder: listed || path.is_some_and(|path| path.is_empty() || self.hides_below(path)),
        }
    }

    /// Returns up to `most` paths that may have been meant by `path`, the closest first.
    fn near(&self, path: &str, most: usize) -> Vec<&str> {
        let path_of = |index| self.key(index).path.as_str();
        self.suggestions.near(path, most, path_of)
    }

    /// Returns whether there are hidden modules below a path that has no list.
    fn hides_below(&self, path: &str) -> bool {
        if self.folders.len() == self.modules.len() {
            return false;
        }
        let below = path.bytes().chain([b'/']);
        let below = below.map(|b| if b == b'/' { 0 } else { b });
        let at = self
            .modules
            .partition_point(|module| module.key.order().lt(below.clone()));
        let next = self.modules.get(at).map(|module| module.key.order());
        next.is_some_and(|next| next.take(path.len() + 1).eq(below))
    }
}

/// Returns the number of elements of the paths that a key matches.
fn key_depth(key: &Key) -> usize {
    key.path.depth() + usize::from(key.pattern)
}

/// Returns the first `most` elements of a path.
fn first_elements(path: &str, most: usize) -> &str {
    let mut slashes = path.bytes().enumerate().filter(|&(_, b)| b == b'/');
    slashes.nth(most).map_or(path, |(at, _)| &path[..at])
}
