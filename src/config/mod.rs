//! `vanity.yaml`: text in, a valid [`Config`] out, or one error that points at the line.
//!
//! Every value is parsed while serde walks the file, so that an error has the place of the
//! value at fault. What only shows once the whole file is read (a module without `repo`, the
//! same import path under two spellings) is placed by walking the file a second time.

mod error;
mod explain;
mod file;
mod read;
mod scalar;
mod values;
mod visitors;

use std::collections::HashMap;
use std::path::Path;

pub use error::ConfigError;
pub(crate) use explain::explain;
pub use visitors::{MODULE_KEYS, SETTINGS};

use crate::module::{Forge, Host, Key, Problem, RepoUrl, Vcs, WebUrl, go_source, quoted};

/// A valid configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The default host: the caller's, else the file's own, else the first that a key names.
    /// None only where the file leaves it open.
    pub host: Option<Host>,
    /// How long caches may keep a page, in seconds.
    pub cache_max_age: u32,
    /// The documentation site; none: no redirect.
    pub docs: Option<WebUrl>,
    /// What the root of a host shows.
    pub index: Index,
    /// The modules, in the order of the file; at least one.
    pub modules: Vec<Module>,
}

/// What `/` shows where no module has that path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Index {
    /// The list of modules.
    List,
    /// Nothing: 404.
    None,
    /// A redirect to this address.
    Redirect(WebUrl),
}

/// One entry of the file: where a module, or every module of a pattern, has its repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// The path that it answers for.
    pub key: Key,
    /// The repository, or the module proxy's address where `vcs` is [`Vcs::Mod`].
    pub repo: RepoUrl,
    /// How the go command fetches it.
    pub vcs: Vcs,
    /// The module's directory in the repository, relative to its root.
    pub subdir: Option<Box<str>>,
    /// How a browser sees the repository, for go-source.
    pub forge: Option<Forge>,
    /// The branch that go-source links to; none: the forge's alias for the default branch.
    pub branch: Option<Box<str>>,
    /// The last three fields of go-source, in place of what `forge` would make.
    pub display: Option<Box<str>>,
    /// Where its documentation is.
    pub docs: ModuleDocs,
    /// One line about it.
    pub description: Option<Box<str>>,
    /// Whether it stays out of lists and suggestions.
    pub hidden: bool,
}

/// Where a module's documentation is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModuleDocs {
    /// On the documentation site of the whole configuration, under the import path.
    OnSite,
    /// At this address.
    At(WebUrl),
    /// Nowhere.
    None,
}

impl Module {
    /// The last three fields of go-source; none where nothing tells how a browser sees the
    /// repository.
    pub fn source(&self) -> Option<String> {
        match (&self.display, self.forge) {
            (Some(display), _) => Some(display.to_string()),
            (None, Some(forge)) => Some(go_source(&self.repo, forge, self.branch.as_deref())),
            (None, None) => None,
        }
    }
}

impl Config {
    /// The defaults, before the file is read.
    fn empty() -> Self {
        Self {
            host: None,
            cache_max_age: 86400,
            docs: WebUrl::parse("https://pkg.go.dev").ok(),
            index: Index::List,
            modules: Vec::new(),
        }
    }

    /// Reads and validates a file. `host` is the default host, where the caller names one.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, with its place.
    pub fn read(path: &Path, host: Option<&Host>) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        Self::parse(&name, &read_text(path)?, host)
    }

    /// Validates the text of a file that errors call `name`.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, with its place.
    pub fn parse(name: &str, text: &str, host: Option<&Host>) -> Result<Self, ConfigError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let refused = |(problem, at)| ConfigError::new(name, problem, at).with_line_of(text);
        let mut config = read::config(text).map_err(refused)?;
        if let Some(host) = host {
            config.host = Some(host.clone());
        }
        if config.host.is_none()
            && config
                .modules
                .iter()
                .all(|module| module.key.host.is_some())
        {
            config.host = config
                .modules
                .first()
                .and_then(|module| module.key.host.clone());
        }
        if let Some((first, second)) = config.given_twice() {
            let first_at = read::place_of_module(text, first);
            let problem = Problem::new(format!(
                "{} is given twice: it is {} on the default host, {}",
                quoted(&config.modules[second].key.to_string()),
                quoted(&config.modules[first].key.to_string()),
                config.host.as_ref().map_or("", Host::as_str),
            ));
            let at = read::place_of_module(text, second);
            return Err(refused((read::remove_one(problem, first_at), at)));
        }
        Ok(config)
    }

    /// Finds `/a` beside `default.host/a`: equal once the default host is known, which the
    /// reading of a single key cannot tell. Keys of one spelling were compared while they were
    /// read.
    fn given_twice(&self) -> Option<(usize, usize)> {
        let default = self.host.as_ref()?;
        let keys = || self.modules.iter().map(|module| &module.key).enumerate();
        let named: HashMap<_, _> = keys()
            .filter(|(_, key)| key.host.as_ref() == Some(default))
            .map(|(nth, key)| ((&key.path, key.pattern), nth))
            .collect();
        keys()
            .filter(|(_, key)| key.host.is_none())
            .find_map(|(nth, key)| {
                let other = *named.get(&(&key.path, key.pattern))?;
                Some((nth.min(other), nth.max(other)))
            })
    }
}

/// The text of a file, which may be another than `vanity.yaml`.
pub(crate) fn read_text(path: &Path) -> Result<String, ConfigError> {
    let name = path.display().to_string();
    let bytes = file::bytes(path).map_err(|problem| ConfigError::new(&name, problem, None))?;
    file::text(bytes)
        .map_err(|(problem, at, shown)| ConfigError::new(&name, problem, at).with_line_of(&shown))
}

/// A result whose problem has a place in the file, where one is known.
type Placed<T> = Result<T, (Problem, Option<error::Place>)>;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: [&str; 4] = [
        "/a:\n  repo: https://h.example/a\n/x/*:\n  repo: https://h.example/*\n",
        "host: go.example\ncache_max_age: 60\nindex: none\npaths:\n  /a:\n    repo: &r \
         https://h.example/a.git\n    display: \"https://h.example/a _ _\"\n  b.example/c: {repo: \
         *r, 'hidden': true, vcs: hg}\n",
        "{\"/a\": {\"repo\": \"https://h.example/a\", \"branch\": \"main\"}}",
        "--- # one\n? /a\n: !!map\n  description: >\n    one\n    line\n  repo: !!str \
         https://h.example/a\n...\n",
    ];

    /// What means something to YAML, or has hurt a parser before.
    const PIECES: [&str; 34] = [
        "\n", "\n  ", "\t", " ", ": ", ":", "- ", "? ", "[", "]", "{", "}", ", ", "#", "&a ", "*a",
        "*r", "!", "!!int ", "!<x> ", "|\n", ">-\n", "\"", "'", "\\", "%", "@", "---\n", "...\n",
        "<<: ", "\0", "\u{feff}", "\u{2028}", "\u{1b}",
    ];

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 4096,
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        /// Whatever a file has in it: an error that a terminal can show, and never a panic.
        #[test]
        fn no_file_panics(
            good in 0..GOOD.len(),
            edits in prop::collection::vec((0..200usize, 0..4usize, 0..PIECES.len()), 1..6),
        ) {
            let mut text: Vec<char> = GOOD[good].chars().collect();
            for (at, removed, piece) in edits {
                let at = at % (text.len() + 1);
                let end = (at + removed).min(text.len());
                text.splice(at..end, PIECES[piece].chars());
            }
            let text: String = text.into_iter().collect();
            if let Err(error) = Config::parse("vanity.yaml", &text, None) {
                let shown = error.to_string();
                prop_assert!(
                    !shown.contains(|c: char| c.is_control() && c != '\n'),
                    "{shown:?}"
                );
                prop_assert!(!shown.contains("invalid type"), "{shown}");
                prop_assert!(error.line().is_none_or(|line| line <= text.lines().count() + 1));
            }
        }
    }

    #[test]
    fn the_host_is_the_callers_the_files_or_the_first_keys() {
        let host = |text: &str, given: Option<&str>| {
            let given = given.map(|host| Host::parse(host).unwrap());
            let config = Config::parse("vanity.yaml", text, given.as_ref()).unwrap();
            config.host.map(|host| host.to_string())
        };
        let module = "{repo: https://h.example/a}";
        let keys = format!("b.example/a: {module}\na.example/a: {module}\n");
        assert_eq!(host(&keys, None).as_deref(), Some("b.example"));
        assert_eq!(host(&keys, Some("c.example")).as_deref(), Some("c.example"));
        let set = format!("host: d.example\n{keys}");
        assert_eq!(host(&set, None).as_deref(), Some("d.example"));
        assert_eq!(host(&set, Some("c.example")).as_deref(), Some("c.example"));
        assert_eq!(host(&format!("{keys}/a: {module}\n"), None), None);
    }

    #[test]
    fn a_large_file_is_not_refused_for_what_comes_late() {
        // Each cut of the opening falls within something that is right only as a whole.
        let rest = "  repo: https://h.example/a\n";
        for length in [16 << 10, 512 << 10] {
            for text in [
                format!("/a:\n{}{rest}", " # much to say\n".repeat(length / 10)),
                format!("/a:\n  vcs: git\n{}{rest}", "\n".repeat(length)),
                format!(
                    "/a:\n  repo:{}\n    https://h.example/a\n",
                    "\n".repeat(length)
                ),
                format!("{{/a:{}{{repo: https://h.example/a}}}}", " ".repeat(length)),
            ] {
                Config::parse("vanity.yaml", &text, None).unwrap();
            }
        }
    }
}
