//! `vanity.yaml`: text in, a valid [`Config`] out, or one error that points at the line.
//!
//! Every value is parsed while serde walks the file, so that an error has the place of the
//! value at fault. What only shows once the whole file is read (a module without `repo`, the
//! same import path under two spellings) is placed by walking the file a second time.

mod error;
mod read;

use std::collections::HashMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

pub use error::ConfigError;

use crate::module::{Forge, Host, Key, Problem, RepoUrl, Vcs, WebUrl, go_source, quoted};

/// The largest file that is read, in bytes: a million modules fit, and a file that is a
/// mistake (a log, a device) ends here and not in memory.
const MAX_FILE: u64 = 64 << 20;

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
    /// Reads and validates a file. `host` is the default host, where the caller names one.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, with its place.
    pub fn read(path: &Path, host: Option<&Host>) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        let text = read_text(path).map_err(|(problem, at)| ConfigError::new(&name, problem, at))?;
        Self::parse(&name, &text, host)
    }

    /// Validates the text of a file that errors call `name`.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, with its place.
    pub fn parse(name: &str, text: &str, host: Option<&Host>) -> Result<Self, ConfigError> {
        let mut config = read::config(text)
            .map_err(|(problem, at)| ConfigError::new(name, problem, at).with_line_of(text))?;
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
        if let Err((nth, problem)) = config.check_unique() {
            let at = read::place_of_module(text, nth);
            return Err(ConfigError::new(name, problem, at).with_line_of(text));
        }
        Ok(config)
    }

    /// Refuses `/a` beside `default.host/a`: equal once the default host is known, which the
    /// reading of a single key cannot tell.
    fn check_unique(&self) -> Result<(), (usize, Problem)> {
        // Keys of one spelling were compared while they were read.
        let Some(default) = self.host.as_ref() else {
            return Ok(());
        };
        let named: HashMap<_, _> = self
            .modules
            .iter()
            .enumerate()
            .filter(|(_, module)| module.key.host.as_ref() == Some(default))
            .map(|(nth, module)| ((&module.key.path, module.key.pattern), nth))
            .collect();
        for (nth, module) in self.modules.iter().enumerate() {
            let key = &module.key;
            if key.host.is_none()
                && let Some(&other) = named.get(&(&key.path, key.pattern))
            {
                let (first, second) =
                    (&self.modules[nth.min(other)], &self.modules[nth.max(other)]);
                return Err((
                    nth.max(other),
                    Problem::new(format!(
                        "{} is given twice: it is {} on the default host, {default}",
                        quoted(&second.key.to_string()),
                        quoted(&first.key.to_string()),
                    ))
                    .hint("remove one of the two"),
                ));
            }
        }
        Ok(())
    }
}

type Placed<T> = Result<T, (Problem, Option<error::Place>)>;

fn read_text(path: &Path) -> Placed<String> {
    let io = |error: std::io::Error| {
        let problem = Problem::new(match error.kind() {
            std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
            std::io::ErrorKind::PermissionDenied => {
                "it may not be read: permission denied".to_owned()
            }
            std::io::ErrorKind::IsADirectory => "it is a directory".to_owned(),
            _ => format!("it cannot be read: {error}"),
        });
        let hint = match error.kind() {
            std::io::ErrorKind::NotFound => {
                "name the file with `-config FILE`; `vanity.yaml.example` is one to start from"
            }
            std::io::ErrorKind::PermissionDenied => {
                "let the user that the server runs as read it, and the directories above it"
            }
            std::io::ErrorKind::IsADirectory => "name the file in it: `-config DIR/vanity.yaml`",
            _ => return (problem, None),
        };
        (problem.hint(hint), None)
    };
    let file = File::open(path).map_err(io)?;
    let mut bytes = Vec::new();
    let length = file.metadata().map_err(io)?.len();
    if length <= MAX_FILE {
        // The length is a hint only: a pipe has none, and a file may grow meanwhile.
        bytes.reserve_exact(usize::try_from(length).unwrap_or(0));
        file.take(MAX_FILE + 1)
            .read_to_end(&mut bytes)
            .map_err(io)?;
    }
    if length > MAX_FILE || bytes.len() as u64 > MAX_FILE {
        return Err((
            Problem::new(format!("it is larger than {} MiB", MAX_FILE >> 20))
                .hint("is it the right file? A million modules fit in that"),
            None,
        ));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(&error.as_bytes()[..good]).into_owned();
        let column = before
            .rsplit('\n')
            .next()
            .unwrap_or_default()
            .chars()
            .count()
            + 1;
        let line = before.matches('\n').count() + 1;
        (
            Problem::new("it is not UTF-8").hint("save the file as UTF-8"),
            Some(error::Place { line, column }),
        )
    })
}
