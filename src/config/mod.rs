//! `vanity.yaml`: text in, a valid [`Config`] out, or errors that point at their lines.
//!
//! serde_yaml reads the text into small trees whose nodes know where they are (`tree`). Plain
//! functions make a [`Config`] of them and note every error (`walk`, `values`). Checks that need the
//! whole file come last.

mod error;
mod file;
mod hints;
mod model;
mod tree;
mod values;
mod walk;

use std::collections::HashMap;
use std::path::Path;

pub use error::ConfigError;
pub(crate) use file::{name, read_text};
pub use model::{Config, Index, MODULE_KEYS, Module, ModuleDocs, SETTINGS};
pub(crate) use walk::MAX_ERRORS;

use self::walk::Walk;
use crate::module::{Host, ModulePath, Problem, Vcs};
use crate::text::{escaped, quoted, quoted_char};

/// How many brackets may be open: a valid file has two. The parser's time grows with the square.
const MAX_DEPTH: usize = 64;

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
        Self::check_text(name, text, host).map_err(|mut errors| errors.swap_remove(0))
    }

    /// Reads and validates a file, and does not stop at the first error.
    ///
    /// # Errors
    ///
    /// At least one problem, in file order, up to a limit.
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
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        check_lines(text)
            .map_err(|(problem, at)| vec![ConfigError::at(name, problem, text, at)])?;
        let mut walk = walk::read(name, text);
        set_host(&mut walk.config, host);
        if walk.is_complete {
            check_all(&mut walk);
        }
        if walk.found == 0 && walk.config.modules.is_empty() {
            let hint = "add one: `/gowechat:`, and under it, indented, \
                        `repo: https://github.com/bigwhite/gowechat`";
            walk.report(Problem::new("there is no module in it", hint), text.len());
        }
        if walk.found > 0 {
            walk.errors.sort_by_key(ConfigError::place);
            return Err(walk.errors);
        }
        for module in &mut walk.config.modules {
            module.key.host = module.key.host.take().or_else(|| walk.config.host.clone());
        }
        Ok(walk.config)
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

/// Rejects what the parser would take long for or word badly: characters that no text has, merge
/// conflicts, too many open brackets. An error has its byte offset.
pub(crate) fn check_lines(text: &str) -> Result<(), (Problem, usize)> {
    check_characters(text)?;
    let mut depth = 0;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let mark = line.trim_end();
        let sides = ["<<<<<<< ", "||||||| ", ">>>>>>> "];
        if mark == "=======" || sides.iter().any(|side| mark.starts_with(side)) {
            let message = format!("this is an unresolved merge conflict: {}", quoted(mark));
            let hint = "choose one side, and remove the lines of `<`, `|`, `=` and `>`";
            return Err((Problem::new(message, hint), start));
        }
        // A key or a comment: what is open before it was text.
        if line
            .trim_start()
            .starts_with(|c: char| c.is_alphanumeric() || c == '/' || c == '#')
        {
            depth = 0;
        }
        depth = depth_after(line, depth).map_err(|at| {
            let message = format!("it is nested deeper than {MAX_DEPTH} levels");
            let hint = "a module needs two: is a bracket not closed?";
            (Problem::new(message, hint), start + at)
        })?;
        start += line.len();
    }
    Ok(())
}

/// Counts the brackets that are open after a line, outside quotes and comments. Fails at one too
/// many.
fn depth_after(line: &str, mut depth: usize) -> Result<usize, usize> {
    let mut quote = None;
    let mut previous = b' ';
    for (at, byte) in line.bytes().enumerate() {
        let starts_token = b" \t[{,".contains(&previous);
        match byte {
            _ if quote.is_some() => quote = quote.filter(|&open| open != byte),
            b'"' | b'\'' if starts_token => quote = Some(byte),
            b'#' if starts_token => return Ok(depth),
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(at);
        }
        previous = byte;
    }
    Ok(depth)
}

/// Rejects Unicode line breaks, because the parser counts them as lines and editors do not, and
/// U+FFFE and U+FFFF, because XML and HTML forbid them.
fn check_characters(text: &str) -> Result<(), (Problem, usize)> {
    let is_bad = |c: char| match c {
        '\t' | '\n' | '\r' | ' '..='~' => false,
        '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => true,
        c => c.is_control(),
    };
    let Some(first) = text.find(is_bad) else {
        return Ok(());
    };
    // A NUL says more about the file than what comes before it.
    let (at, hint) = match text.find('\0') {
        Some(nul) => (nul, "is it a text file? Save it as UTF-8"),
        None => (first, "remove it"),
    };
    let found = text[at..].chars().next().unwrap_or_default();
    let message = format!("the file has {} in it", quoted_char(found));
    Err((Problem::new(message, hint), at))
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
/// repository at its own import path, the rules of gopkg.in.
fn check_all(walk: &mut Walk<'_>) {
    let config = &walk.config;
    let mut first_of = HashMap::with_capacity(config.modules.len());
    let mut problems = Vec::new();
    for (module, places) in config.modules.iter().zip(&walk.places) {
        let [at_key, at_repo] = places.map(|index| index as usize);
        let key = &module.key;
        let host = key.host.as_ref().or(config.host.as_ref());
        if let Some((first, at)) = first_of.insert((host, &key.path, key.pattern), (key, at_key)) {
            let note = match host {
                Some(host) if first.host != key.host => {
                    let first = quoted(&first.to_string());
                    format!(": it is {first} on the default host, {host}")
                }
                _ => String::new(),
            };
            let problem = hints::twice(&key.to_string(), &note, walk.line(at));
            problems.push((problem, at_key));
            continue;
        }
        let Some(host) = host else {
            continue;
        };
        if let Some(problem) = key.problem_on(host) {
            problems.push((problem.about(&key.to_string(), "path"), at_key));
        } else if let Some(path) = index_in_module(config, module, host) {
            let (list, module) = (quoted(path.as_str()), quoted(&key.to_string()));
            let message = format!("the list at {list} is at or below the module {module}");
            let hint = "choose another path for `index`";
            problems.push((Problem::new(message, hint), at_key));
        } else if is_own_address(module, host) {
            let repo = quoted(module.repo.as_str());
            let message = format!("{repo} is at the module's own import path");
            let hint = "the go command would ask this server again: write the URL of the \
                        repository itself";
            problems.push((Problem::new(message, hint), at_repo));
        }
        if problems.len() == MAX_ERRORS {
            break;
        }
    }
    for (problem, at) in problems {
        walk.report(problem, at);
    }
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
/// would query this server in a loop. Another port is another server, and a module proxy may be at
/// paths that no module has, such as `@v/list`.
fn is_own_address(module: &Module, host: &Host) -> bool {
    let repo = &module.repo;
    module.vcs != Vcs::Mod
        && repo.host().eq_ignore_ascii_case(host.as_str())
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
                prop_assert!(error.line().is_none_or(|line| line <= text.lines().count() + 1));
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
                let message = error.message();
                message.starts_with("YAML: ")
                    || message.starts_with("expected one line of text")
                    || message.contains("with its aliases written out")
            };
            prop_assert!(errors.iter().any(|error| is_last(error) || stops(error)), "{text}");
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
