//! The entries of the file, made into a [`Config`]. Notes every error, and goes on.

use std::borrow::Cow;

use super::error::ConfigError;
use super::hints;
use super::model::{Config, MODULE_KEYS, Module, ModuleDocs, SETTINGS};
use super::tree::{self, Entry, Node, Stop, Value};
use super::values;
use crate::module::{Forge, Host, Key, Problem, Url, Vcs};
use crate::text::{escaped, quoted};

/// The most errors that a check shows per file.
pub(crate) const MAX_ERRORS: usize = 20;
/// The longest value, in bytes. Each kind of value has a lower limit.
const MAX_VALUE: usize = 4096;

/// A file that was read, before the checks that need all of it.
pub(super) struct Walk<'t> {
    /// The file's name in errors.
    name: &'t str,
    text: &'t str,
    pub config: Config,
    /// The byte offsets of each module's key and `repo`; as u32 to keep them small.
    pub places: Vec<[u32; 2]>,
    /// At most [`MAX_ERRORS`].
    pub errors: Vec<ConfigError>,
    /// How many errors there are.
    pub found: usize,
    /// Whether the whole file was read.
    pub is_complete: bool,
    /// Whether the file may have a tag.
    has_tags: bool,
    /// Where each setting is.
    settings: [Option<usize>; SETTINGS.len()],
    /// The keys at the top level that another tool's file may have.
    foreign: Vec<String>,
}

/// Reads a whole file, or as much as can be read.
pub(super) fn read<'t>(name: &'t str, text: &'t str) -> Walk<'t> {
    let mut walk = Walk {
        name,
        text,
        config: Config::default(),
        places: Vec::new(),
        errors: Vec::new(),
        found: 0,
        is_complete: true,
        has_tags: text.contains('!'),
        foreign: Vec::new(),
        settings: [None; SETTINGS.len()],
    };
    match tree::read(text, &mut |entry| walk.entry(entry)) {
        Ok(None) => {}
        Ok(Some(root)) => walk.report_unless_map(&root),
        Err(stop) => walk.report_stop(stop),
    }
    if walk.config.modules.is_empty() && walk.found > 0 {
        walk.report_foreign();
    }
    walk
}

impl<'t> Walk<'t> {
    fn entry(&mut self, (under_paths, key, value): Entry<'t>) {
        let Value::Text(name) = &key.value else {
            return;
        };
        self.check_tag(&key);
        let is_its = |foreign: &&str| foreign.eq_ignore_ascii_case(name);
        if !under_paths && hints::FOREIGN.iter().any(is_its) {
            let is_list = self.text[value.at..].starts_with(['-', '[']);
            let kind = if is_list { "[]" } else { "" };
            self.foreign.push(format!("{name}{kind}"));
        }
        if Key::is_path(name) {
            match Key::parse(name) {
                Ok(path) => self.module(path, key.at, &value),
                Err(problem) => self.report(problem, key.at),
            }
        } else if under_paths {
            let message = format!("{} is not a valid path", quoted(name));
            let hint = hints::for_key_under_paths(name);
            self.report(Problem::new(message, hint), key.at);
        } else {
            let mut seen = self.settings;
            let setting = self.known_key(&key, &SETTINGS, &mut seen, hints::for_setting);
            self.settings = seen;
            if let Some(setting) = setting {
                self.check_comment(setting, &value);
                self.setting(setting, &value);
            }
        }
    }

    /// Returns a key as one of those known. Reports one that is unknown or was `seen` before.
    fn known_key(
        &mut self,
        key: &Node<'_>,
        known: &[&'static str],
        seen: &mut [Option<usize>],
        hint: fn(&str) -> String,
    ) -> Option<&'static str> {
        let Value::Text(name) = &key.value else {
            return None;
        };
        let Some(index) = known.iter().position(|known| known == name) else {
            let message = format!("unknown key {}", quoted(name));
            self.report(Problem::new(message, hint(name)), key.at);
            return None;
        };
        if let Some(first) = seen[index] {
            // Counting lines for errors that are not shown would take long.
            let is_shown = self.errors.len() < MAX_ERRORS;
            let line = if is_shown { self.line(first) } else { 0 };
            self.report(hints::twice(name, "", line), key.at);
            return None;
        }
        seen[index] = Some(key.at);
        Some(known[index])
    }

    fn setting(&mut self, key: &str, value: &Node<'_>) {
        match key {
            "host" => self.config.host = self.parsed(value, Host::parse),
            "cache_max_age" => {
                if let Some(seconds) = self.parsed(value, values::seconds) {
                    self.config.cache_max_age = seconds;
                }
            }
            "docs" => {
                if let Some(docs) = self.parsed(value, values::docs_site) {
                    self.config.docs = docs;
                }
            }
            "index" => {
                if let Some(index) = self.parsed(value, values::index) {
                    self.config.index = index;
                }
            }
            "redirect" => {
                if let Some(redirect) = self.parsed(value, values::boolean) {
                    self.config.redirect = redirect;
                }
            }
            "title" => self.config.title = self.parsed(value, values::title).flatten(),
            "description" => {
                self.config.description = self.parsed(value, values::description).flatten();
            }
            // The entries under `paths` have been read.
            _ => self.report_unless_map(value),
        }
    }

    fn module(&mut self, key: Key, at: usize, value: &Node<'t>) {
        let entries = match &value.value {
            Value::Map(entries) => entries,
            Value::Null => {
                let next = self.text[value.at..].lines().nth(1).unwrap_or_default();
                let next = next.trim_start_matches(' ');
                if next.starts_with(['\u{a0}', '\u{3000}']) {
                    // The keys under it are not: an error of each tells why.
                    return;
                }
                let message = format!("{} has nothing under it", quoted(&key.to_string()));
                let hint = "add `repo: ` and the repository's URL, indented";
                return self.report(Problem::new(message, hint), at);
            }
            Value::Text(text) => {
                let message = format!("expected a map with `repo`, found {}", quoted(text));
                let hint = hints::for_text_as_module(text);
                return self.report(Problem::new(message, hint), value.at);
            }
            Value::List => {
                let problem = hints::wrong_shape("a map with `repo`", "a list");
                return self.report(problem, value.at);
            }
        };
        let errors_before = self.found;
        let keys = self.known_keys(entries);
        let vcs = self.value(&keys, "vcs", Vcs::parse);
        let parse_repo = match vcs {
            Some(Vcs::Mod) => Url::proxy,
            _ => Url::repository,
        };
        let repo = self.value(&keys, "repo", parse_repo);
        let subdir = self.value(&keys, "subdir", values::subdir);
        let display = self.value(&keys, "display", values::display);
        let forge = self.value(&keys, "forge", Forge::parse);
        let branch = self.value(&keys, "branch", values::branch);
        let docs = self.value(&keys, "docs", values::module_docs);
        let description = self.value(&keys, "description", values::description);
        let hidden = self.value(&keys, "hidden", values::boolean);
        let redirect = self.value(&keys, "redirect", values::boolean);
        let proxy = self.value(&keys, "proxy", values::proxy);
        if self.found > errors_before {
            return;
        }
        let repo_at = node_of(&keys, "repo").map(|node| node.at);
        let Some(repo) = repo else {
            let message = format!("{} has no `repo`", quoted(&key.to_string()));
            let hint = "add `repo: ` and the repository's URL under it";
            return self.report(Problem::new(message, hint), repo_at.unwrap_or(at));
        };
        let repo_at = repo_at.unwrap_or(at);
        let vcs = vcs.unwrap_or_else(|| Vcs::infer(&repo));
        if let Some(problem) = problem_of_repo(&key, &repo, vcs) {
            return self.report(problem, repo_at);
        }
        if vcs == Vcs::Mod
            && let Some(node) = node_of(&keys, "proxy")
            && proxy.is_some()
        {
            let message = "`vcs: mod` already makes `repo` a module proxy";
            let hint = "remove `proxy`, or write the repository after `repo`";
            return self.report(Problem::new(message, hint), node.at);
        }
        // A module proxy shows no source.
        let inferred = match vcs {
            Vcs::Mod => None,
            _ => Forge::infer(repo.host()),
        };
        self.places.push([at, repo_at].map(|at| at as u32));
        self.config.modules.push(Module {
            forge: forge.or(inferred),
            key,
            repo,
            vcs,
            subdir,
            branch,
            display,
            docs: docs.unwrap_or(ModuleDocs::OnSite),
            description: description.flatten(),
            hidden: hidden == Some(true),
            redirect,
            proxy,
        });
    }

    /// Returns the known keys of a module with their values, and reports the others.
    fn known_keys<'n>(
        &mut self,
        entries: &'n [(Node<'t>, Node<'t>)],
    ) -> Vec<(&'static str, &'n Node<'t>)> {
        let mut seen = [None; MODULE_KEYS.len()];
        let mut keys = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            self.check_tag(key);
            let known = self.known_key(key, &MODULE_KEYS, &mut seen, hints::for_module_key);
            if let Some(known) = known {
                self.check_comment(known, value);
                keys.push((known, value));
            }
        }
        keys
    }

    /// Parses the value of a key of a module. An empty text is as good as no key.
    fn value<T>(
        &mut self,
        keys: &[(&'static str, &Node<'t>)],
        key: &str,
        parse: fn(&str) -> Result<T, Problem>,
    ) -> Option<T> {
        self.parsed(node_of(keys, key)?, parse)
    }

    /// Parses a value, or reports what is wrong with it.
    fn parsed<T>(&mut self, node: &Node<'_>, parse: fn(&str) -> Result<T, Problem>) -> Option<T> {
        let Value::Text(text) = &node.value else {
            return None;
        };
        if text.is_empty() || self.check_tag(node) {
            return None;
        }
        let parsed = if text.len() > MAX_VALUE {
            Err(hints::too_long(text, MAX_VALUE))
        } else {
            parse(text)
        };
        match parsed {
            Ok(value) => Some(value),
            Err(mut problem) => {
                let source = &self.text[node.at..];
                let is_plain = !source.starts_with(['"', '\'', '|', '>', '!', '&', '*']);
                if matches!(text, Cow::Owned(_)) && is_plain {
                    problem.hint = "it goes on in the next line: is that indented too far, or a \
                                    `}` missing?"
                        .into();
                }
                self.report(problem, node.at);
                None
            }
        }
    }

    /// Rejects a tag at or before a key or a value, which would be ignored; returns whether there is
    /// one.
    fn check_tag(&mut self, node: &Node<'_>) -> bool {
        if !self.has_tags {
            return false;
        }
        let before = self.text[..node.at].trim_end_matches(' ');
        let start = before
            .rfind(['\n', ' ', '{', '[', ','])
            .map_or(0, |at| at + 1);
        let start = if before[start..].starts_with('!') {
            start
        } else {
            node.at
        };
        let word = self.text[start..].split(char::is_whitespace).next();
        let word = word.unwrap_or_default();
        let is_tag = word.starts_with('!') && !matches!(word, "!!str" | "!!map");
        if is_tag {
            let message = format!("{} is a YAML tag, which means nothing here", quoted(word));
            let hint = "remove it, or quote the value";
            self.report(Problem::new(message, hint), start);
        }
        is_tag
    }

    /// Rejects a text that a comment empties: `description: #1 in speed`.
    fn check_comment(&mut self, key: &str, value: &Node<'_>) {
        if !matches!(value.value, Value::Null) || !matches!(key, "description" | "branch" | "title")
        {
            return;
        }
        let rest = self.text[value.at..].lines().next().unwrap_or_default();
        let rest = rest.trim_start_matches([':', ' ', '"', '\'']);
        if rest.starts_with('#') && !rest.starts_with("# ") && rest != "#" {
            let at = value.at + self.text[value.at..].find('#').unwrap_or_default();
            let meant = quoted(&format!("\"{}\"", rest.trim_end()));
            let message = "`#` starts a comment here, and the text is empty";
            self.report(Problem::new(message, format!("quote it: {meant}")), at);
        }
    }

    fn report_unless_map(&mut self, node: &Node<'_>) {
        let expected = "a map from paths to modules";
        match &node.value {
            Value::Map(_) | Value::Null => {}
            Value::List => self.report(hints::wrong_shape(expected, "a list"), node.at),
            Value::Text(text) => {
                let found = quoted(text);
                self.report(hints::wrong_shape(expected, &found), node.at);
            }
        }
    }

    fn report_stop(&mut self, stop: Stop) {
        self.is_complete = false;
        let (problem, at) = match stop {
            Stop::Tag(at) => (
                Problem::new(
                    "this is a YAML tag, which means nothing here",
                    "remove it, or quote the value",
                ),
                at,
            ),
            Stop::Shape(found, at) => (hints::wrong_shape("one line of text", found), at),
            Stop::TooLarge => (
                Problem::new(
                    "with its aliases written out the file is too large",
                    "repeat fewer modules",
                ),
                0,
            ),
            Stop::SecondDocument => (
                Problem::new(
                    "a second document starts here",
                    "remove the line `---`: one file is one configuration",
                ),
                self.text.rfind("\n---").map_or(0, |newline| newline + 1),
            ),
            Stop::Syntax(error) => {
                // In a file that is not YAML, no other error is meaningful.
                self.errors.clear();
                hints::explain(self.text, &error)
            }
        };
        self.report(problem, at);
    }

    /// Replaces all errors by one if the file is that of another tool.
    fn report_foreign(&mut self) {
        let Some(tool) = hints::other_tool(&self.foreign) else {
            return;
        };
        let message = format!("this is {tool}");
        let file = escaped(self.name);
        let hint = format!("try `govanityurls convert {file}`");
        self.errors.clear();
        self.report(Problem::new(message, hint), 0);
    }

    /// Notes an error at a byte offset, with a better hint if the text there has one.
    pub fn report(&mut self, mut problem: Problem, mut at: usize) {
        self.found += 1;
        if self.errors.len() == MAX_ERRORS {
            return;
        }
        let source = &self.text[at..];
        if let Some(lookalike) = hints::lookalike(self.text, &problem, at) {
            (problem, at) = lookalike;
        } else if source.starts_with("- ") && problem.message.contains("found a list") {
            problem.hint = "write it without the dash".to_owned();
        }
        let error = ConfigError::at(self.name, problem, self.text, at);
        self.errors.push(error);
    }

    /// Returns the number of the line at a byte offset.
    pub fn line(&self, at: usize) -> usize {
        self.text[..at].bytes().filter(|&b| b == b'\n').count() + 1
    }
}

fn node_of<'n, 't>(keys: &[(&'static str, &'n Node<'t>)], key: &str) -> Option<&'n Node<'t>> {
    let found = keys.iter().find(|(name, _)| *name == key);
    found.map(|(_, node)| *node)
}

/// Returns what is wrong with a repository for this path and this system.
fn problem_of_repo(key: &Key, repo: &Url, vcs: Vcs) -> Option<Problem> {
    if repo.stars() != usize::from(key.pattern) {
        let (shown, path) = (quoted(repo.as_str()), quoted(&key.to_string()));
        return Some(if key.pattern {
            Problem::new(
                format!("{shown} needs exactly one `*`, as {path} has"),
                "what the `*` of the path stands for is put in its place",
            )
        } else {
            Problem::new(
                format!("{shown} has a `*`, but {path} has none"),
                "a pattern's path ends in `/*`",
            )
        });
    }
    if !vcs.schemes().contains(&repo.scheme()) {
        let known = vcs.schemes().join(", ");
        return Some(Problem::new(
            format!("{vcs} does not fetch by `{}://`", repo.scheme()),
            format!("the go command fetches {vcs} by {known}"),
        ));
    }
    None
}
