//! The maps of the file: the whole of it, what is beneath `paths:`, and one module.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};

use super::read::Reader;
use super::scalar::{Scalar, Takes};
use super::values;
use super::{Config, Module, ModuleDocs};
use crate::module::{Forge, Host, Key, Problem, RepoUrl, Vcs, nearest, quoted};

/// Every setting.
pub const SETTINGS: [&str; 5] = ["host", "cache_max_age", "docs", "index", "paths"];
/// Every key of a module.
pub const MODULE_KEYS: [&str; 9] = [
    "repo",
    "vcs",
    "subdir",
    "display",
    "forge",
    "branch",
    "docs",
    "description",
    "hidden",
];

/// Which of some known keys a map has, by their numbers, of which none is above 31. A large
/// file has a map for every module.
#[derive(Default)]
struct Given(u32);

impl Given {
    /// Adds a key, unless it was there before.
    fn insert(&mut self, nth: usize) -> bool {
        let bit = 1 << nth;
        let new = self.0 & bit == 0;
        self.0 |= bit;
        new
    }
}

/// A map from paths to modules: the whole file, with settings among them, or what is beneath
/// `paths:`.
pub(super) struct Modules<'r, 'c> {
    pub reader: &'r Reader<'r>,
    pub config: &'c mut Config,
    pub beneath_paths: bool,
}

/// A key of [`Modules`].
enum Entry {
    Module(Key),
    Setting(&'static str),
}

impl<'de> DeserializeSeed<'de> for Modules<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        // Not deserialize_map, which would drop a tag.
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Modules<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map from paths to modules")
    }

    /// An empty file.
    fn visit_none<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    /// A file that is empty but for `---`, or nothing beneath `paths:`.
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self {
            reader,
            config,
            beneath_paths,
        } = self;
        let mut given = Given::default();
        let expected = match beneath_paths {
            true => "a path",
            false => "a path or a setting",
        };
        loop {
            let entry = |text: &str| {
                if Key::is_path(text) {
                    reader.module_key(text, &config.modules).map(Entry::Module)
                } else if beneath_paths {
                    Err(no_path(text))
                } else {
                    setting(text, &mut given).map(Entry::Setting)
                }
            };
            let Some(entry) = map.next_key_seed(Scalar::text(reader, expected, entry))? else {
                return Ok(());
            };
            match entry {
                Entry::Module(key) => {
                    let module = map.next_value_seed(ModuleSeed { reader, key })?;
                    config.modules.push(module);
                }
                Entry::Setting("host") => {
                    let host = Scalar::text(reader, "a domain", Host::parse);
                    config.host = Some(map.next_value_seed(host)?);
                }
                Entry::Setting("cache_max_age") => {
                    let seconds = Scalar::text(reader, "a number of seconds", values::seconds);
                    config.cache_max_age = map.next_value_seed(seconds.or(Takes::Number))?;
                }
                Entry::Setting("docs") => {
                    let docs = Scalar::text(reader, "a URL or `none`", values::docs_site);
                    config.docs = map.next_value_seed(docs)?;
                }
                Entry::Setting("index") => {
                    let index = Scalar::text(reader, "`list`, `none` or a URL", values::index);
                    config.index = map.next_value_seed(index)?;
                }
                Entry::Setting(_) => map.next_value_seed(Modules {
                    reader,
                    config: &mut *config,
                    beneath_paths: true,
                })?,
            }
        }
    }
}

/// What stands beneath a module's key.
struct ModuleSeed<'r> {
    reader: &'r Reader<'r>,
    key: Key,
}

impl<'de> DeserializeSeed<'de> for ModuleSeed<'_> {
    type Value = Module;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Module, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ModuleSeed<'_> {
    type Value = Module;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map with `repo`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Module, E> {
        let problem = Problem::new(format!(
            "expected a map with `repo`, found {}",
            quoted(text)
        ));
        let meant = |text: &str| quoted(&format!("repo: {text}"));
        let hint = if RepoUrl::parse(text).is_ok() {
            format!("write it beneath, indented: {}", meant(text))
        } else if let Some(repo) = text.strip_prefix("repo:") {
            format!("a space follows the colon: {}", meant(repo))
        } else if let Some(rest) = text.strip_prefix("repo ") {
            let repo = rest.trim_start_matches(['=', ' ']);
            format!("a key ends in a colon: {}", meant(repo))
        } else {
            "write beneath it, indented, `repo: ` and the repository's URL".to_owned()
        };
        Err(self.reader.refuse(problem.hint(hint)))
    }

    fn visit_unit<E: Error>(self) -> Result<Module, E> {
        let problem = Problem::new(format!(
            "{} has nothing beneath it",
            quoted(&self.key.to_string())
        ));
        Err(self
            .reader
            .refuse_module(problem.hint("add `repo: ` and the repository's URL, indented")))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Module, A::Error> {
        let Self { reader, key } = self;
        let mut given = Given::default();
        let mut name = |text: &str| module_key(text, &mut given);
        let (mut repo, mut vcs, mut forge) = (None, None, None);
        let (mut subdir, mut branch, mut display, mut description) = (None, None, None, None);
        let mut docs = ModuleDocs::OnSite;
        let mut hidden = false;
        while let Some(name) =
            map.next_key_seed(Scalar::text(reader, "a key of a module", &mut name))?
        {
            match name {
                "repo" => {
                    let parse = |text: &str| values::repo(text, &key);
                    let value = Scalar::text(reader, "a repository URL", parse);
                    repo = Some(map.next_value_seed(value)?);
                }
                "vcs" => {
                    let value = Scalar::text(reader, "a vcs", Vcs::parse);
                    vcs = Some(map.next_value_seed(value)?);
                }
                "subdir" => {
                    let value = Scalar::text(reader, "a directory", values::subdir);
                    subdir = Some(map.next_value_seed(value)?);
                }
                "display" => {
                    let value = Scalar::text(reader, "three fields", values::display);
                    display = Some(map.next_value_seed(value)?);
                }
                "forge" => {
                    let value = Scalar::text(reader, "a forge", Forge::parse);
                    forge = Some(map.next_value_seed(value)?);
                }
                "branch" => {
                    let value = Scalar::text(reader, "a branch", values::branch);
                    branch = Some(map.next_value_seed(value)?);
                }
                "docs" => {
                    let value = Scalar::text(reader, "a URL or `none`", values::module_docs);
                    docs = map.next_value_seed(value)?;
                }
                "description" => {
                    let value = Scalar::text(reader, "one line of text", values::description);
                    description = map.next_value_seed(value)?;
                }
                _ => {
                    let value = Scalar::text(reader, "true or false", values::boolean);
                    hidden = map.next_value_seed(value.or(Takes::Boolean))?;
                }
            }
        }
        let Some(repo) = repo else {
            let problem = Problem::new(format!("{} has no `repo`", quoted(&key.to_string())))
                .hint("add `repo: ` and the repository's URL beneath it");
            return Err(reader.refuse_module(problem));
        };
        let vcs = vcs.unwrap_or_else(|| Vcs::infer(&repo));
        // A module proxy shows no source.
        let inferred = (vcs != Vcs::Mod)
            .then(|| Forge::infer(repo.host()))
            .flatten();
        Ok(Module {
            forge: forge.or(inferred),
            key,
            repo,
            vcs,
            subdir,
            branch,
            display,
            docs,
            description,
            hidden,
        })
    }
}

/// The setting that a key of the file names.
fn setting(text: &str, given: &mut Given) -> Result<&'static str, Problem> {
    known(text, &SETTINGS, given).map_err(|problem| match problem.hint {
        Some(_) => problem,
        None if MODULE_KEYS.contains(&text) => problem.hint(format!(
            "`{text}` belongs to a module: indent it beneath a path"
        )),
        None => problem.hint(format!(
            "a path starts with a slash: {}; settings are {}",
            quoted(&format!("/{text}")),
            SETTINGS.join(", ")
        )),
    })
}

/// The key of a module that a key beneath one names.
fn module_key(text: &str, given: &mut Given) -> Result<&'static str, Problem> {
    known(text, &MODULE_KEYS, given).map_err(|problem| match problem.hint {
        Some(_) => problem,
        None if Key::is_path(text) => {
            problem.hint("a path starts in the column of the other paths, not beneath one")
        }
        None if SETTINGS.contains(&text) => problem.hint(format!(
            "`{text}` is a setting: it starts in the first column"
        )),
        None => problem.hint(format!("a module has {}", MODULE_KEYS.join(", "))),
    })
}

/// The key of `all` that `text` is; it must not have been given before.
fn known(text: &str, all: &[&'static str], given: &mut Given) -> Result<&'static str, Problem> {
    let Some(nth) = all.iter().position(|name| *name == text) else {
        let problem = Problem::new(format!("unknown key {}", quoted(text)));
        let near = nearest(&text.to_ascii_lowercase(), all.iter().copied());
        return Err(match near {
            _ if text == "<<" => problem.hint("merge keys are not read: write the keys out"),
            Some(name) => problem.hint(format!("did you mean `{name}`?")),
            None => problem,
        });
    };
    if !given.insert(nth) {
        return Err(Problem::new(format!("`{text}` is given twice")).hint("remove one of the two"));
    }
    Ok(all[nth])
}

/// What is wrong with a key beneath `paths:` that is no path.
fn no_path(text: &str) -> Problem {
    let problem = Problem::new(format!("{} is no path", quoted(text)));
    problem.hint(if SETTINGS.contains(&text) {
        format!("`{text}` is a setting: it starts in the first column, not beneath `paths`")
    } else if MODULE_KEYS.contains(&text) {
        format!("`{text}` belongs to a module: indent it beneath a path")
    } else {
        format!(
            "a path starts with a slash: {}",
            quoted(&format!("/{text}"))
        )
    })
}
