//! The content of a configuration, in types that cannot hold an invalid value.

use crate::module::{Forge, Host, Key, ModulePath, Url, Vcs, go_source};

/// The keys of the settings.
pub const SETTINGS: [&str; 8] = [
    "host",
    "cache_max_age",
    "docs",
    "index",
    "redirect",
    "title",
    "description",
    "paths",
];
/// The keys of a module.
pub const MODULE_KEYS: [&str; 11] = [
    "repo",
    "vcs",
    "subdir",
    "display",
    "forge",
    "branch",
    "docs",
    "description",
    "hidden",
    "redirect",
    "proxy",
];

/// A valid configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The default host: the caller's, else the file's `host`, else the host of the first key if
    /// every key names one.
    pub host: Option<Host>,
    /// How long caches may keep a page, in seconds.
    pub cache_max_age: u32,
    /// The documentation site; none for no redirect.
    pub docs: Option<Url>,
    /// Where the list of modules is.
    pub index: Index,
    /// Whether a module's page redirects browsers to its documentation, unless the module says
    /// otherwise.
    pub redirect: bool,
    /// The heading of the lists.
    pub title: Option<Box<str>>,
    /// A line under the heading.
    pub description: Option<Box<str>>,
    /// The modules, in file order; at least one.
    pub modules: Vec<Module>,
}

/// Where the list of modules is, on each host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Index {
    /// At `/`, unless a module has that path.
    List,
    /// At this path.
    At(ModulePath),
    /// Nowhere.
    None,
    /// Elsewhere: `/` redirects to this address.
    Redirect(Url),
}

/// One entry of the file: a module or a pattern, and its repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// The path. Its host is known if the configuration's is.
    pub key: Key,
    /// The repository, or the module proxy's URL if `vcs` is [`Vcs::Mod`].
    pub repo: Url,
    /// How the go command fetches it.
    pub vcs: Vcs,
    /// The module's directory in the repository, relative to its root.
    pub subdir: Option<Box<str>>,
    /// The forge that shows the repository, for go-source.
    pub forge: Option<Forge>,
    /// The branch in go-source links; none for the forge's default branch.
    pub branch: Option<Box<str>>,
    /// The last three fields of go-source; overrides `forge`.
    pub display: Option<Box<str>>,
    /// Its documentation.
    pub docs: ModuleDocs,
    /// One line about it.
    pub description: Option<Box<str>>,
    /// Whether it is left out of lists and suggestions.
    pub hidden: bool,
    /// Whether its page redirects browsers to its documentation; none for what the setting says.
    pub redirect: Option<bool>,
    /// A module proxy that also has the module.
    pub proxy: Option<Url>,
}

/// Where a module's documentation is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModuleDocs {
    /// On the configured documentation site, under the import path.
    OnSite,
    /// At this URL.
    At(Url),
    /// There is none.
    None,
}

impl Module {
    /// Returns the last three fields of go-source, or none if the forge is unknown.
    pub fn source(&self) -> Option<String> {
        match (&self.display, self.forge) {
            (Some(display), _) => Some(display.to_string()),
            (None, Some(forge)) => Some(go_source(&self.repo, forge, self.branch.as_deref())),
            (None, None) => None,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: None,
            cache_max_age: 86400,
            docs: Url::web("https://pkg.go.dev").ok(),
            index: Index::List,
            redirect: true,
            title: None,
            description: None,
            modules: Vec::new(),
        }
    }
}
