//! Converts files and pages of other vanity servers to a `vanity.yaml` for the same import paths.
//!
//! Each tool's format has a module here, and `pages` reads the pages of any. Every entry is parsed
//! with [`Config`] before it is printed, so no rule is duplicated and everything printed is valid;
//! an invalid entry becomes a comment.

mod fields;
mod pages;
mod sally;
mod vangen;

use std::collections::HashSet;

use serde_yaml::{Mapping, Value};

use crate::config::{self, Config};
use crate::module::{Forge, Host, Key, Url, Vcs, go_source};
use crate::text::{escaped, masked};
use fields::Fields;

pub use pages::{Page, convert_pages};

/// The largest file of YAML, in bytes: the parser may take 60 times as much memory.
const MAX_YAML: usize = 4 << 20;
/// What a conversion results in.
#[derive(Debug)]
pub struct Converted {
    /// The `vanity.yaml`; none if nothing can be in it.
    pub text: Option<String>,
    /// What is wrong, and after a line break what to do, if that is known. Each of the entries
    /// concerned is only a comment in the text.
    pub faults: Vec<String>,
}

impl Converted {
    pub fn refused(fault: impl Into<String>) -> Self {
        Self {
            text: None,
            faults: vec![fault.into()],
        }
    }
}

/// Converts the text of a file. `name` is the file's name in the result.
pub fn convert(name: &str, text: &str) -> Converted {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match read(text).and_then(|file| site(Fields(&file), text)) {
        Ok(site) => site.print(name),
        Err(fault) => Converted::refused(fault),
    }
}

/// Reads a whole file of JSON or YAML.
fn read(text: &str) -> Result<Value, String> {
    // YAML reads most JSON, but not all.
    if let Ok(file) = serde_json::from_str(text) {
        return Ok(file);
    }
    config::check_lines(text).map_err(|(problem, _)| problem.message)?;
    if text.len() > MAX_YAML {
        let most = MAX_YAML >> 20;
        return Err(format!(
            "it has more than {most} MiB\nis it the right file?"
        ));
    }
    serde_yaml::from_str(text).map_err(|error| error.to_string())
}

fn site(file: Fields<'_>, text: &str) -> Result<Site, String> {
    if file.get("packages").0.is_mapping() {
        return sally::site(file, text);
    }
    if file.get("repositories").0.is_sequence() {
        return vangen::site(file);
    }
    let mut entries = file.entries();
    if entries.any(|(key, _)| key == "paths" || Key::is_path(key)) {
        return Err("it is a vanity.yaml, which needs no conversion\n\
                    `govanityurls check FILE` tells whether it is right"
            .to_owned());
    }
    Err("it is not in a format that convert knows\n\
         known are a sally.yaml (`url`, and a map of `packages`), a vangen.json (`domain`, and a \
         list of `repositories`) and HTML pages; of any server that runs, name the import paths: \
         `govanityurls convert example.com/a example.com/b`"
        .to_owned())
}

/// What was read, in terms of `vanity.yaml`.
struct Site {
    /// What it was read from, after its name: `a file of uber-go/sally`.
    source: String,
    /// What has no equivalent, one line each.
    notes: Vec<String>,
    settings: Mapping,
    modules: Vec<(String, Result<Module, String>)>,
}

impl Site {
    fn new(source: impl Into<String>) -> Self {
        Self {
            source: source.into(),
            notes: Vec::new(),
            settings: Mapping::new(),
            modules: Vec::new(),
        }
    }

    /// Sets a setting if there is a value.
    fn set(&mut self, key: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.settings.insert(key.into(), value.into());
        }
    }

    /// Sets the documentation site, which the file names with or without a scheme.
    fn set_docs(&mut self, host: Option<&str>) {
        let host = host
            .map(without_scheme)
            .filter(|host| *host != "pkg.go.dev");
        let Some(host) = host else { return };
        match Url::web(&format!("https://{host}")) {
            Ok(url) => self.set("docs", Some(url.as_str())),
            Err(fault) => self.notes.push(format!("docs is left out: {fault}")),
        }
    }

    /// Adds a module, or why there is none. `origin` is where it is in the original file.
    fn add(&mut self, origin: String, module: Result<Module, String>) {
        self.modules.push((origin, module));
    }

    /// Returns the YAML text, with a comment in place of each invalid module.
    fn print(&self, name: &str) -> Converted {
        if self.modules.is_empty() {
            return Converted::refused("there is no module in it");
        }
        let mut text = format!("# Converted from {}, {}.\n", escaped(name), self.source);
        text += &comments("", &self.notes);
        if !self.settings.is_empty() {
            text += &yaml(&self.settings);
        }
        let host = self.settings.get("host").and_then(Value::as_str);
        let host = host.and_then(|host| Host::parse(host).ok());
        let mut faults = Vec::new();
        let mut keys = HashSet::new();
        for (origin, module) in &self.modules {
            text.push('\n');
            let (entry, fault) = match module {
                Ok(module) => (module.print(), module.fault(host.as_ref(), &mut keys)),
                Err(fault) => (String::new(), Some(fault.clone())),
            };
            let Some(fault) = fault else {
                text += &entry;
                continue;
            };
            faults.push(format!("{origin}: {fault}"));
            text += &comments("", &faults[faults.len() - 1..]);
            let lines: Vec<_> = entry.lines().map(|line| masked(line).into()).collect();
            text += &comments("", &lines);
        }
        match fault_of(&text, None) {
            None => Converted {
                text: Some(text),
                faults,
            },
            Some(fault) if faults.is_empty() => Converted::refused(fault),
            Some(_) => Converted { text: None, faults },
        }
    }
}

/// One entry of the map.
struct Module {
    key: String,
    values: Mapping,
    notes: Vec<String>,
    /// Whether the `*` of the key stands for any element; else it is a letter, which Go refuses.
    pattern: bool,
}

impl Module {
    fn new(key: String) -> Self {
        Self {
            key,
            values: Mapping::new(),
            notes: Vec::new(),
            pattern: false,
        }
    }

    fn print(&self) -> String {
        let map = Mapping::from_iter([(self.key.as_str().into(), self.values.clone().into())]);
        yaml(&map) + &comments("  ", &self.notes)
    }

    /// Returns why it cannot be in the file, alone or after the modules with these keys.
    fn fault(&self, host: Option<&Host>, keys: &mut HashSet<String>) -> Option<String> {
        if self.key.contains('*') && !self.pattern {
            return Some("no import path has a `*`".to_owned());
        }
        let fault = fault_of(&self.print(), host);
        if fault.is_some() || keys.insert(self.key.trim_end_matches('/').to_owned()) {
            return fault;
        }
        Some(format!("`{}` is given twice", self.key))
    }

    /// Sets a key if there is a value.
    fn set(&mut self, key: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.values.insert(key.into(), value.into());
        }
    }

    /// Sets a key if the value is valid; else a note says what is wrong with it.
    fn set_valid(&mut self, key: &str, value: Option<&str>) {
        let Some(value) = value else { return };
        let mut module = Self::new("a.example/a".to_owned());
        module.set("repo", Some("https://git.example/a"));
        module.set(key, Some(value));
        match fault_of(&module.print(), None) {
            Some(fault) => self.notes.push(format!("{key} is left out: {fault}")),
            None => self.set(key, Some(value)),
        }
    }

    /// Sets `vcs` if the repository's URL does not imply it.
    fn set_vcs(&mut self, repo: &str, vcs: &str) {
        if Url::repository(repo).map_or("", |repo| Vcs::infer(&repo).as_str()) != vcs {
            self.set("vcs", Some(vcs));
        }
    }

    /// Sets what yields these last three fields of go-source: nothing if they are the forge's,
    /// `branch` if they are its for this branch, else `display`.
    fn set_source(&mut self, repo: &str, fields: &str, branch: Option<&str>) {
        // `_` is a placeholder; three of them carry no information.
        if fields == "_ _ _" {
            return;
        }
        if let Ok(repo) = Url::repository(repo)
            && let Some(forge) = Forge::infer(repo.host())
        {
            for branch in [None, branch] {
                if go_source(&repo, forge, branch) == fields {
                    return self.set("branch", branch);
                }
            }
        }
        self.set_valid("display", Some(fields));
    }

    /// Adds a note, which may have text of the other tool's file in it.
    fn note(&mut self, note: &str) {
        self.notes.push(masked(note).into());
    }
}

/// Returns what is wrong with a vanity.yaml, and what to do, in one line.
fn fault_of(text: &str, host: Option<&Host>) -> Option<String> {
    let error = Config::parse("", text, host).err()?;
    Some(match error.hint() {
        Some(hint) => format!("{}; {hint}", error.message()),
        None => error.message().to_owned(),
    })
}

/// Serializes a map as YAML, quoted where needed. A map of texts has no error.
fn yaml(map: &Mapping) -> String {
    serde_yaml::to_string(map).unwrap_or_default()
}

fn comments(indent: &str, notes: &[String]) -> String {
    let mut text = String::new();
    for note in notes {
        text += &format!("{indent}# {}\n", escaped(note));
    }
    text
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

/// Returns the key for an import path, without the host if that is the one of the base.
fn key(import_path: &str, base: Option<&str>) -> String {
    match split(import_path) {
        (host, path) if base.is_some_and(|base| split(base).0 == host) => path.to_owned(),
        _ => import_path.to_owned(),
    }
}

/// Returns whether a URL has the form that only git and ssh read: `git@host:path`.
fn is_scp(url: &str) -> bool {
    let before = url.split(':').next().unwrap_or_default();
    before.len() < url.len() && before.contains('@') && !before.contains('/')
}

/// Returns the host and path of an address, which people write with a scheme too.
fn without_scheme(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    rest.trim_matches('/')
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

        /// Any input gives a valid vanity.yaml, or says why there is none.
        #[test]
        fn no_file_panics(text in edited(GOOD, PIECES)) {
            let made = convert("a file", &text);
            match made.text {
                Some(text) => prop_assert!(Config::parse("x", &text, None).is_ok(), "{text}"),
                None => prop_assert!(!made.faults.is_empty()),
            }
        }
    }
}
