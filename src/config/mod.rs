//! `vanity.yaml`: text in, a valid [`Config`] out, or errors that point at their lines.
//!
//! One linear scan (`scan`) rejects what the YAML parser cannot handle. Then serde reads the file
//! (`reader`, `raw`, `scalar`) and parses each value where its position is known (`values`). Checks
//! that need the whole file come last.

mod error;
mod file;
mod hints;
mod model;
mod problem;
mod raw;
mod reader;
mod scalar;
mod scan;
mod values;

use std::collections::HashMap;
use std::path::Path;

pub use error::{ConfigError, Place};
pub(crate) use file::{name, read_text};
pub(crate) use hints::explain;
pub use model::{Config, Index, MODULE_KEYS, Module, ModuleDocs, SETTINGS};
pub use problem::{Problem, Syntax};

use self::reader::Walk;
use crate::module::{self, Host, ModulePath};
use crate::text::escaped;

/// The most errors that a check shows per file.
pub(crate) const MAX_ERRORS: usize = 20;

impl Config {
    /// Reads and validates a file; `-` is standard input. `host` overrides the default host.
    ///
    /// # Errors
    ///
    /// The first problem, with its position.
    pub fn read(path: &Path, host: Option<&Host>) -> Result<Self, ConfigError> {
        Self::parse(&name(path), &read_text(path)?, host)
    }

    /// Validates the text of a file. `name` is the file's name in errors.
    ///
    /// # Errors
    ///
    /// The first problem, with its position.
    pub fn parse(name: &str, text: &str, host: Option<&Host>) -> Result<Self, ConfigError> {
        parse(name, text, host, 1).map_err(|mut errors| errors.swap_remove(0))
    }

    /// Reads and validates a file, and does not stop at the first error.
    ///
    /// # Errors
    ///
    /// At least one problem, at most one per module, in file order, up to a limit.
    pub fn check(path: &Path, host: Option<&Host>) -> Result<Self, Vec<ConfigError>> {
        let text = read_text(path).map_err(|error| vec![error])?;
        Self::check_text(&name(path), &text, host)
    }

    /// Validates the text of a file, and does not stop at the first error. `name` is the file's
    /// name in errors.
    ///
    /// # Errors
    ///
    /// Those of [`Config::check`].
    pub fn check_text(
        name: &str,
        text: &str,
        host: Option<&Host>,
    ) -> Result<Self, Vec<ConfigError>> {
        parse(name, text, host, MAX_ERRORS)
    }

    /// Returns the default host, or a message that `file` names none.
    pub(crate) fn require_host(&self, file: &Path) -> Result<Host, String> {
        self.host.clone().ok_or_else(|| {
            let file = escaped(&file.to_string_lossy());
            format!("{file} names no host: add -host HOST, or host: in the file")
        })
    }

    /// Returns the hosts that have modules, in the order of the file, and the modules of each. A
    /// host is none only if neither the file nor the caller names one.
    pub(crate) fn by_host(&self) -> Vec<(Option<&Host>, Vec<&Module>)> {
        let mut hosts: Vec<(Option<&Host>, Vec<&Module>)> = Vec::new();
        let mut index_of = HashMap::new();
        for module in &self.modules {
            let host = module.key.host.as_ref();
            let index = *index_of.entry(host).or_insert_with(|| {
                hosts.push((host, Vec::new()));
                hosts.len() - 1
            });
            hosts[index].1.push(module);
        }
        hosts
    }
}

fn parse(
    name: &str,
    text: &str,
    host: Option<&Host>,
    most: usize,
) -> Result<Config, Vec<ConfigError>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    scan::check(text)
        .map_err(|(problem, index)| vec![ConfigError::at(name, problem, text, index)])?;
    let mut walk = reader::read(name, text, most);
    set_host(&mut walk.config, host);
    if !walk.stopped {
        for (problem, index) in check_all(&walk) {
            _ = walk.push(problem, index, false);
        }
    }
    if walk.errors.is_empty() && walk.config.modules.is_empty() {
        _ = walk.push(Problem::NoModules, Some(text.len()), false);
    }
    walk.errors.sort_by_key(ConfigError::place);
    for module in &mut walk.config.modules {
        module.key.host = module.key.host.take().or_else(|| walk.config.host.clone());
    }
    match walk.errors.is_empty() {
        true => Ok(walk.config),
        false => Err(walk.errors),
    }
}

/// Sets the default host: the caller's, else the file's, else the host of the first key if every
/// key names one.
fn set_host(config: &mut Config, host: Option<&Host>) {
    if let Some(host) = host {
        config.host = Some(host.clone());
    }
    let hosts = || config.modules.iter().map(|module| module.key.host.as_ref());
    if config.host.is_none() && hosts().all(|host| host.is_some()) {
        config.host = hosts().next().flatten().cloned();
    }
}

/// Checks what takes more than one module, or the default host: duplicate import paths, a
/// repository at its own import path, the rules of gopkg.in. Returns the problems and their byte
/// offsets, no more than are wanted.
fn check_all(walk: &Walk<'_>) -> Vec<(Problem, Option<usize>)> {
    let config = &walk.config;
    let mut first_of = HashMap::with_capacity(config.modules.len());
    let modules = config.modules.iter().zip(&walk.places);
    let found = modules.filter_map(|(module, places)| {
        let [at_key, at_repo] = places.map(|index| index.map(|index| index as usize));
        let Module { key, repo, .. } = module;
        let host = key.host.as_ref().or(config.host.as_ref());
        if let Some((first, at)) = first_of.insert((host, &key.path, key.pattern), (key, at_key)) {
            let line = at.map(|index| Place::of(walk.text, index).line);
            let first = host
                .filter(|_| first.host != key.host)
                .map(|host| (first.to_string(), host.to_string()));
            let key = key.to_string();
            return Some((Problem::Twice { key, line, first }, at_key));
        }
        let host = host?;
        if let Some(why) = key.fault_on(host) {
            let path = key.to_string();
            Some((module::Problem::Path { path, why }.into(), at_key))
        } else if let Some(path) = index_in_module(config, module, host) {
            let problem = Problem::IndexInModule(path.to_string(), key.to_string());
            Some((problem, at_key))
        } else {
            let is_own = is_own_address(module, host);
            is_own.then(|| (Problem::OwnAddress(repo.to_string()), at_repo))
        }
    });
    found.take(walk.most - walk.errors.len()).collect()
}

/// Returns the path of the list if a module answers there. A module at the root of another host
/// than the default one takes that whole host, as it does with a list at `/`.
fn index_in_module<'c>(config: &'c Config, module: &Module, host: &Host) -> Option<&'c ModulePath> {
    let Index::At(path) = &config.index else {
        return None;
    };
    let is_root = module.key.path.as_str().is_empty() && !module.key.pattern;
    if is_root && config.host.as_ref() != Some(host) {
        return None;
    }
    let rest = path.as_str().strip_prefix(module.key.path.as_str())?;
    let is_in = rest.starts_with('/') || (rest.is_empty() && !module.key.pattern);
    is_in.then_some(path)
}

/// Returns whether a module's repository is at or below its import path, so that the go command
/// would query this server in a loop. Another port is another server.
fn is_own_address(module: &Module, host: &Host) -> bool {
    let repo = &module.repo;
    repo.host().eq_ignore_ascii_case(host.as_str())
        && repo.is_on_web_port()
        && repo
            .path()
            .strip_prefix(module.key.path.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::edited;

    const GOOD: &[&str] = &[
        "/a:\n  repo: https://h.example/a\n/x/*:\n  repo: https://h.example/*\n",
        "host: go.example\ncache_max_age: 60\nindex: none\npaths:\n  /a:\n    repo: &r \
         https://h.example/a.git\n    display: \"https://h.example/a _ _\"\n  b.example/c: {repo: \
         *r, 'hidden': true, vcs: hg}\n",
        "{\"/a\": {\"repo\": \"https://h.example/a\", \"branch\": \"main\"}}",
        "--- # one\n? /a\n: !!map\n  description: >\n    one\n    line\n  repo: !!str \
         https://h.example/a\n...\n",
    ];

    /// Text that is special to YAML, or that has broken a parser before.
    const PIECES: &[&str] = &[
        "\n", "\n  ", "\t", " ", ": ", ":", "- ", "? ", "[", "]", "{", "}", ", ", "#", "&a ", "*a",
        "*r", "!", "!!int ", "!<x> ", "|\n", ">-\n", "\"", "'", "\\", "%", "@", "---\n", "...\n",
        "<<: ", "\0", "\u{feff}", "\u{2028}", "\u{1b}",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        /// Any input gives a config, or an error that is safe to print on a terminal; it never
        /// panics. Reading on after an error finds the same one first.
        #[test]
        fn no_file_panics(text in edited(GOOD, PIECES)) {
            let checked = Config::check_text("vanity.yaml", &text, None);
            let first = Config::parse("vanity.yaml", &text, None).err();
            match &first {
                None => prop_assert!(checked.is_ok()),
                Some(first) => prop_assert!(checked.unwrap_err().contains(first), "{first}"),
            }
            if let Some(error) = first {
                let shown = error.to_string();
                prop_assert!(
                    !shown.contains(|c: char| c.is_control() && c != '\n'),
                    "{shown:?}"
                );
                prop_assert!(!shown.contains("invalid type"), "{shown}");
                let line = error.place().map(|place| place.line);
                prop_assert!(line.is_none_or(|line| line <= text.lines().count() + 1));
            }
        }
    }

    /// A value of any kind, which may be anchored, an alias, or wrong where it stands.
    fn value() -> impl Strategy<Value = String> {
        let leaf = prop::sample::select(vec![
            "é",
            "5",
            "true",
            "~",
            "'x'",
            "*a",
            "*b",
            "https://h.example/a",
        ]);
        let keys = [
            "repo", "vcs", "docs", "rep", "/a", "[x]", "{x: y}", "*a", "title", "&a /b",
        ];
        let key = prop::sample::select(keys.to_vec());
        leaf.prop_map(str::to_owned)
            .prop_recursive(3, 24, 4, move |value| {
                let list = prop::collection::vec(value.clone(), 0..3);
                let map = prop::collection::vec((key.clone(), value.clone()), 0..4);
                let anchored = (value, prop::sample::select(vec!["&a", "&b"]));
                prop_oneof![
                    list.prop_map(|values| format!("[{}]", values.join(", "))),
                    map.prop_map(|entries| {
                        let entries = entries
                            .iter()
                            .map(|(key, value)| format!("? {key} : {value}, "));
                        format!("{{{}}}", entries.collect::<String>())
                    }),
                    anchored.prop_map(|(value, anchor)| match value.starts_with(['&', '*']) {
                        true => value,
                        false => format!("{anchor} {value}"),
                    }),
                ]
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        /// After an error of any kind, reading goes on where the next entry starts: the last entry
        /// is always wrong and always found, unless reading has to stop at an anchor.
        #[test]
        fn reading_continues_after_any_value(
            values in prop::collection::vec((0..6usize, value()), 1..6),
            end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
        ) {
            let keys = ["/m", "title", "paths", "host", "[x]", "{x: y}"];
            let anchors = "/x: {repo: &a https://h.example/a, docs: &b none}\n";
            let mut text = anchors.to_owned();
            for (index, (key, value)) in values.into_iter().enumerate() {
                let number = if key == 0 { index.to_string() } else { String::new() };
                text += &format!("? {}{number}\n: {value}\n", keys[key]);
            }
            text += "/last: {repo: gti}\n";
            let text = text.replace('\n', end);
            let errors = Config::check_text("vanity.yaml", &text, None).unwrap_err();
            let is_last = |error: &ConfigError| error.to_string().contains("gti");
            let stops = |error: &ConfigError| {
                matches!(error.problem(), Problem::Syntax(_) | Problem::Shape { .. })
                    || error.problem() == &Problem::Aliases
            };
            prop_assert!(errors.iter().any(|error| is_last(error) || stops(error)), "{text}");
        }
    }

    /// The scan rejects these tags; if it did not, reading would still stop or go on in order.
    #[test]
    fn tags_do_not_confuse_the_reader() {
        let tag = "%TAG !! !x\n---\n";
        for (text, last) in [
            ("{?! &e}", "unknown key `!`"),
            ("/m: {? !x &e }\nrepo: a", "unknown key `repo`"),
            ("/m: {repo: !!str a}\nrepo: a", "expected null"),
            ("/m: {repo: !!str [a]}\nrepo: a", "found a list"),
            ("/m: {repo: !!str {a: b}}\nrepo: a", "found a map"),
            ("/m: {!!str {a: b}: c}\nrepo: a", "found a map"),
            ("!!str {a: b}: c\nrepo: a", "found a map"),
            ("host: !!str [a]\nrepo: a", "found a list"),
        ] {
            let text = format!("{tag}{text}");
            let walk = reader::read("vanity.yaml", &text, MAX_ERRORS);
            let found = walk.errors.last().unwrap().to_string();
            assert!(found.contains(last), "{text}: {found}");
        }
    }

    #[test]
    fn default_host_is_the_flag_else_the_file_else_the_first_key() {
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
    fn large_gaps_inside_a_value_are_accepted() {
        // Each prefix of the opening ends inside a construct that is valid only as a whole.
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
