//! Converts files and pages of other vanity servers to a `vanity.yaml` for the same import paths.
//!
//! Each tool's format has a module here, and `pages` reads the pages of any. The output is parsed
//! with [`Config`] before it is printed, so no rule is duplicated and everything printed is valid.

mod pages;
mod sally;
mod vangen;

use serde::de::DeserializeOwned;
use serde_yaml::{Mapping, Value};

use crate::config::{Config, ConfigError, explain};
use crate::module::{Forge, Host, Key, Problem, Url, Vcs, go_source};
use crate::text::{escaped, masked};

pub use pages::{Page, convert_pages};

/// Converts the text of a file to a `vanity.yaml`. `name` is the file's name in errors.
///
/// # Errors
///
/// The file's format is unknown, or the file has something that a `vanity.yaml` cannot express.
pub fn convert(name: &str, text: &str) -> Result<String, ConfigError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let refused = |problem| ConfigError::new(name, problem);
    let map: Value = read(name, text)?;
    let has = |key: &str| map.get(key).is_some();
    let site = if has("packages") || has("url") {
        sally::site(read(name, text)?)
    } else if has("repositories") || has("domain") {
        vangen::site(read(name, text)?)
    } else if has("paths") || has_path(&map) {
        return Err(refused(Problem::from(
            "it is a vanity.yaml, which needs no conversion\n\
             `govanityurls check FILE` tells whether it is right"
                .to_owned(),
        )));
    } else {
        return Err(refused(Problem::from(
            "it is neither a sally.yaml nor a vangen.json\n\
             known are the files of uber-go/sally, with `url` and `packages`, and of \
             4d63.com/vangen, with `domain` and `repositories`"
                .to_owned(),
        )));
    };
    site.and_then(|site| site.print(name))
        .map(|converted| converted.text)
        .map_err(refused)
}

fn has_path(map: &Value) -> bool {
    map.as_mapping()
        .is_some_and(|map| map.keys().any(|key| key.as_str().is_some_and(Key::is_path)))
}

/// Deserializes a whole file.
fn read<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, ConfigError> {
    serde_yaml::from_str(text).map_err(|error| {
        let (mut problem, index) = explain(text, &error);
        problem.message = problem.message.replacen("YAML: ", "", 1);
        // It is about vanity.yaml.
        problem.hint.clear();
        ConfigError::at(name, problem, text, index)
    })
}

/// A `vanity.yaml`, as far as there is one.
#[derive(Debug, PartialEq, Eq)]
pub struct Converted {
    /// Its text.
    pub text: String,
    /// The modules that are only comments in it, and why.
    pub left_out: Vec<String>,
}

/// What was read, in terms of `vanity.yaml`.
struct Site {
    /// What it was read from, after its name: `a file of uber-go/sally`.
    source: String,
    /// Whether an invalid module becomes a comment; else it is an error.
    skips: bool,
    /// What has no equivalent, one line each.
    notes: Vec<String>,
    settings: Mapping,
    modules: Vec<Module>,
}

/// One entry of the map.
struct Module {
    /// Where it is in the original file, for errors: `packages.zap`.
    origin: String,
    key: String,
    values: Mapping,
    notes: Vec<String>,
}

impl Site {
    /// Returns the YAML text, once it is known to be valid.
    fn print(&self, name: &str) -> Result<Converted, Problem> {
        let mut out = format!("# Converted from {}, {}.\n", escaped(name), self.source);
        let mut left_out = Vec::new();
        let host = self.settings.get("host").and_then(Value::as_str);
        let host = host.and_then(|host| Host::parse(host).ok());
        out.push_str(&comments("", &self.notes));
        if !self.settings.is_empty() {
            out.push_str(&yaml(&self.settings)?);
        }
        for module in &self.modules {
            let entry = module.print()?;
            out.push('\n');
            // Parse each entry alone first, to know which one is invalid.
            let fault = match Config::parse(name, &entry, host.as_ref()) {
                // Here it would be a pattern; for the tool it is a literal.
                _ if module.key.contains('*') => "no import path has a `*`".to_owned(),
                Ok(_) => {
                    out.push_str(&entry);
                    continue;
                }
                Err(error) => format!("{}\n{}", error.message(), error.hint().unwrap_or_default()),
            };
            let fault = format!("{}: {fault}", module.origin);
            if !self.skips {
                return Err(Problem::from(fault));
            }
            let fault = fault.split('\n').next().unwrap_or_default().to_owned();
            out.push_str(&comments("", std::slice::from_ref(&fault)));
            let lines: Vec<_> = entry.lines().map(str::to_owned).collect();
            out.push_str(&comments("", &lines));
            left_out.push(fault);
        }
        match Config::parse(name, &out, None) {
            Ok(_) => Ok(Converted {
                text: out,
                left_out,
            }),
            Err(_) if self.skips && left_out.len() == self.modules.len() => {
                let first = left_out.swap_remove(0);
                Err(Problem::from(first))
            }
            // Drop the hint: it may name a line of the output, which is not shown.
            Err(error) => Err(Problem::from(error.message().to_owned())),
        }
    }
}

impl Module {
    fn new(origin: String, key: String, notes: Vec<String>) -> Self {
        Self {
            origin,
            key,
            values: Mapping::new(),
            notes,
        }
    }

    fn print(&self) -> Result<String, Problem> {
        let mut map = Mapping::new();
        map.insert(self.key.as_str().into(), self.values.clone().into());
        Ok(yaml(&map)? + &comments("  ", &self.notes))
    }

    /// Sets a key if there is a value.
    fn set(&mut self, key: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.values.insert(key.into(), value.into());
        }
    }

    /// Sets a key if the value is valid; else a note says what is wrong with it.
    fn set_valid(&mut self, key: &str, value: Option<&str>) {
        match value.and_then(|value| fault_of(key, value)) {
            Some(fault) => self.note(format!("{key} is left out: {fault}")),
            None => self.set(key, value),
        }
    }

    /// Sets `vcs` if the repository's URL does not imply it.
    fn set_vcs(&mut self, repo: &str, vcs: &str) {
        if Url::repository(repo).map_or("", |repo| Vcs::infer(&repo).as_str()) != vcs {
            self.set("vcs", Some(vcs));
        }
    }

    /// Sets the shortest combination of keys that yields these last three fields of go-source.
    fn set_source(&mut self, repo: &str, fields: &str) {
        let Ok(repo) = Url::repository(repo) else {
            self.set("display", Some(fields));
            return;
        };
        let inferred = Forge::infer(repo.host());
        let is_inferred = |name: &str| Forge::parse(name).ok() == inferred;
        let mut names = Forge::NAMES;
        names.sort_by_key(|name| !is_inferred(name));
        let found = names.into_iter().find_map(|name| {
            let branch = branch_of(fields, &repo, Forge::parse(name).ok()?)?;
            Some((name, branch))
        });
        match found {
            Some((name, branch)) => {
                self.set("forge", (!is_inferred(name)).then_some(name));
                self.set("branch", branch);
            }
            None => self.set("display", Some(fields)),
        }
    }

    fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }
}

/// Returns the branch for which a forge has these last three fields of go-source, none within for
/// its default; none if it never has them.
fn branch_of(fields: &str, repo: &Url, forge: Forge) -> Option<Option<String>> {
    if go_source(repo, forge, None) == fields {
        return Some(None);
    }
    // No URL has a line break.
    let with_break = go_source(repo, forge, Some("\n"));
    let (before, rest) = with_break.split_once('\n')?;
    let (between, after) = rest.split_once('\n')?;
    let twice = fields.strip_prefix(before)?.strip_suffix(after)?;
    let branch = twice.get(..twice.len().checked_sub(between.len())? / 2)?;
    (go_source(repo, forge, Some(branch)) == fields && fault_of("branch", branch).is_none())
        .then(|| Some(branch.to_owned()))
}

/// Returns what is wrong with the value of a module's key.
fn fault_of(key: &str, value: &str) -> Option<String> {
    let values: [(Value, Value); 2] = [
        ("repo".into(), "https://git.example.com/a".into()),
        (key.into(), value.into()),
    ];
    let mut map = Mapping::new();
    map.insert("/a".into(), Mapping::from_iter(values).into());
    let parsed = Config::parse("", &yaml(&map).ok()?, None);
    parsed.err().map(|error| error.message().to_owned())
}

/// Serializes a map as YAML, quoted where needed.
fn yaml(map: &Mapping) -> Result<String, Problem> {
    serde_yaml::to_string(map).map_err(|error| Problem::from(error.to_string()))
}

fn comments(indent: &str, notes: &[String]) -> String {
    notes
        .iter()
        .map(|note| format!("{indent}# {}\n", escaped(&masked(note))))
        .collect()
}

/// Notes the keys that the tool does not know either: nothing is lost, but the author should know.
fn unknown<'k>(keys: impl IntoIterator<Item = &'k String>, tool: &str) -> Vec<String> {
    keys.into_iter()
        .map(|key| format!("`{key}`: not a key of {tool}, left out"))
        .collect()
}

/// Splits an import path into its host and its path, which keeps its leading slash.
fn split(import_path: &str) -> (&str, &str) {
    match import_path.find('/') {
        Some(slash) => import_path.split_at(slash),
        None => (import_path, "/"),
    }
}

/// Joins a base and a name as Go's `path.Join` does, except for `.` and `..`.
fn join(base: &str, name: &str) -> String {
    let elements = base.split('/').chain(name.split('/'));
    let elements: Vec<_> = elements.filter(|element| !element.is_empty()).collect();
    elements.join("/")
}

/// Returns the key for an import path, without the host if that is the default one.
fn key(import_path: &str, default_host: Option<&str>) -> String {
    match split(import_path) {
        (host, path) if Some(host) == default_host => path.to_owned(),
        _ => import_path.to_owned(),
    }
}

/// Treats empty text as missing: Go's decoders do not tell them apart.
fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// Returns the documentation site for a host, or none for the default one.
fn docs_site(host: Option<String>) -> Option<Value> {
    let host = given(host)?;
    let host = host
        .trim_start_matches("https://")
        .trim_start_matches("http://")
        .trim_end_matches('/');
    (host != "pkg.go.dev").then(|| format!("https://{host}").into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::edited;

    const GOOD: &[&str] = &[
        "url: go.example\ngodoc: {host: h.example}\npackages:\n  a: {repo: &r h.example/a}\n  \
         b/c:\n    repo: *r\n    vcs: hg\n    description: 'x'\n    doc_badge: y\n",
        "{\"domain\": \"go.example\", \"index\": true, \"repositories\": [{\"prefix\": \"a\", \
         \"url\": \"https://github.com/a/a\", \"subs\": [\"b\"], \"source\": {\"dir\": \"_\"}}]}",
    ];

    const PIECES: &[&str] = &[
        "\n", "\n  ", " ", ": ", "- ", "[", "]", "{", "}", "\"", "'", "*", "#", "!!int ", "é",
        "\u{1b}",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        /// Any input gives a valid vanity.yaml, or an error that is safe to print on a terminal.
        #[test]
        fn no_file_panics(text in edited(GOOD, PIECES)) {
            match convert("a file", &text) {
                Ok(made) => prop_assert!(Config::parse("vanity.yaml", &made, None).is_ok()),
                Err(error) => {
                    let shown = error.to_string();
                    prop_assert!(!shown.contains(|c: char| c.is_control() && c != '\n'), "{shown:?}");
                    prop_assert!(shown.len() < 1500, "{shown}");
                }
            }
        }
    }
}
