//! The walk through the file: serde visitors that parse each value where it stands.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};

use super::error::Place;
use super::{Config, Index, Module, ModuleDocs, Placed};
use crate::module::{Forge, Host, Key, Problem, RepoUrl, Vcs, WebUrl, nearest, quoted};

/// No value is longer: the limits of each are lower, and this one holds for all.
const MAX_TEXT: usize = 4096;

const SETTINGS: [&str; 5] = ["host", "cache_max_age", "docs", "index", "paths"];
const MODULE_KEYS: [&str; 9] = [
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

/// Reads a whole file; the default host is what its `host:` says.
pub(super) fn config(text: &str) -> Placed<Config> {
    let reader = Reader::default();
    let config = match reader.walk(text) {
        Ok(config) => config,
        Err((problem, place)) => {
            let place = match reader.at_key.get() {
                Some(nth) => place_of_module(text, nth),
                None => place,
            };
            return Err((problem, place));
        }
    };
    if config.modules.is_empty() {
        let problem = Problem::new("there is no module in it").hint(
            "add one: `/gowechat:`, and beneath it `repo: https://github.com/bigwhite/gowechat`",
        );
        return Err((problem, Some(Place { line: 1, column: 1 })));
    }
    Ok(config)
}

/// Where the key of the `nth` module stands, found by a second walk that stops there.
pub(super) fn place_of_module(text: &str, nth: usize) -> Option<Place> {
    let reader = Reader {
        stop_at: Some(nth),
        ..Reader::default()
    };
    reader.walk(text).err().and_then(|(_, place)| place)
}

/// One walk through a file, and what its visitors share.
#[derive(Default)]
struct Reader {
    /// The problem behind the error that serde carries: serde errors are text, with a path
    /// and a place mixed in.
    problem: RefCell<Option<Problem>>,
    /// The keys so far, to find the second of two.
    seen: RefCell<HashSet<Key>>,
    /// How many modules' keys were read.
    modules: Cell<usize>,
    /// The module to whose key the problem belongs, where serde's place is not the key's.
    at_key: Cell<Option<usize>>,
    /// The module whose place is wanted.
    stop_at: Option<usize>,
}

impl Reader {
    fn walk(&self, text: &str) -> Placed<Config> {
        // The default of serde_yaml's from_str would accept the first of two documents and
        // lose the place of the second.
        FileSeed(self)
            .deserialize(serde_yaml::Deserializer::from_str(text))
            .map_err(|error| self.placed(text, &error))
    }

    fn placed(&self, text: &str, error: &serde_yaml::Error) -> (Problem, Option<Place>) {
        let place = error.location().map(|location| Place {
            line: location.line(),
            column: location.column(),
        });
        if let Some(problem) = self.problem.take() {
            return (problem, place);
        }
        let (problem, fallback) = explain(text, &error.to_string());
        (problem, place.or(fallback))
    }

    fn refuse<E: Error>(&self, problem: Problem) -> E {
        *self.problem.borrow_mut() = Some(problem);
        E::custom("refused")
    }

    /// Refuses the module that is being read as a whole: the place is its key's.
    fn refuse_module<E: Error>(&self, problem: Problem) -> E {
        self.at_key.set(self.modules.get().checked_sub(1));
        self.refuse(problem)
    }

    fn text<T, P>(&self, expected: &'static str, parse: P) -> Text<'_, P>
    where
        P: FnOnce(&str) -> Result<T, Problem>,
    {
        Text {
            reader: self,
            expected,
            parse,
        }
    }

    /// A module's key, counted, and refused the second time.
    fn module_key(&self, text: &str) -> Result<Key, Problem> {
        let nth = self.modules.get();
        self.modules.set(nth + 1);
        if self.stop_at == Some(nth) {
            return Err(Problem::new("the place that was looked for"));
        }
        let key = Key::parse(text)?;
        if !self.seen.borrow_mut().insert(key.clone()) {
            return Err(Problem::new(format!("{} is given twice", quoted(text)))
                .hint("a trailing slash makes no difference; remove one of the two"));
        }
        Ok(key)
    }
}

/// A problem that the YAML parser or serde found, in our words.
fn explain(text: &str, message: &str) -> (Problem, Option<Place>) {
    if message.contains("more than one document") {
        let line = text
            .lines()
            .enumerate()
            .skip_while(|(_, line)| {
                line.starts_with("---") || line.trim().is_empty() || line.starts_with('#')
            })
            .find(|(_, line)| line.starts_with("---") || line.starts_with("..."))
            .map_or(1, |(nth, _)| nth + 1);
        let problem = Problem::new("there is a second document in it")
            .hint("remove the line `---`: one file is one configuration");
        return (problem, Some(Place { line, column: 1 }));
    }
    if message.contains("recursion limit") || message.contains("repetition limit") {
        return (
            Problem::new("it is nested too deeply").hint("a module is a map of plain values"),
            None,
        );
    }
    // "paths./a.repo: invalid type: sequence, expected a string at line 1 column 2"
    if let Some((_, found)) = message.split_once("invalid type: ") {
        let found = found
            .rsplit_once(" at line ")
            .map_or(found, |(found, _)| found);
        let (found, expected) = found
            .split_once(", expected ")
            .unwrap_or((found, "another"));
        let found = match found {
            "sequence" => "a list",
            "map" => "a map",
            "unit value" => "nothing",
            "enum" => "a YAML tag",
            other => other,
        };
        return (
            Problem::new(format!("expected {expected}, found {found}")),
            None,
        );
    }
    let what = message.split(" at line ").next().unwrap_or(message);
    let hint = match what {
        _ if what.contains("cannot start any token") => {
            "YAML indents with spaces, never tabs; text that starts with `@`, `%` or a backquote needs quotes"
        }
        _ if what.contains("could not find expected ':'") => {
            "a key ends in a colon and a space: `repo: https://…`"
        }
        _ if what.contains("mapping values are not allowed") => {
            "a key stands on a line of its own, indented like its neighbours; text with `: ` in it needs quotes"
        }
        _ if what.contains("did not find expected key") => {
            "keys of one map start in the same column"
        }
        _ if what.contains("unknown anchor") => "a value that starts with `*` needs quotes",
        _ if what.contains("control characters") => "remove the control character",
        _ if what.contains("end of stream") => "a quotation mark or bracket is not closed",
        _ => "quote a value that has characters special to YAML",
    };
    (Problem::new(format!("YAML: {what}")).hint(hint), None)
}

/// A scalar that is parsed where it stands.
struct Text<'r, P> {
    reader: &'r Reader,
    expected: &'static str,
    parse: P,
}

impl<'de, T, P: FnOnce(&str) -> Result<T, Problem>> DeserializeSeed<'de> for Text<'_, P> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de, T, P: FnOnce(&str) -> Result<T, Problem>> Visitor<'de> for Text<'_, P> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        if text.len() > MAX_TEXT {
            let problem = Problem::new(format!("{} is longer than {MAX_TEXT} bytes", quoted(text)))
                .hint("is a quotation mark not closed?");
            return Err(self.reader.refuse(problem));
        }
        (self.parse)(text).map_err(|problem| self.reader.refuse(problem))
    }
}

/// A key at the top level: a path or a setting.
enum TopKey {
    Module(Key),
    Setting(&'static str),
}

/// The whole file.
struct FileSeed<'r>(&'r Reader);

impl<'de> DeserializeSeed<'de> for FileSeed<'_> {
    type Value = Config;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Config, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for FileSeed<'_> {
    type Value = Config;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map from paths to modules")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Config, A::Error> {
        let reader = self.0;
        let mut config = Config {
            host: None,
            cache_max_age: 86400,
            docs: WebUrl::parse("https://pkg.go.dev").ok(),
            index: Index::List,
            modules: Vec::new(),
        };
        let mut given = HashSet::new();
        let mut top_key = |text: &str| {
            if Key::is_path(text) {
                return reader.module_key(text).map(TopKey::Module);
            }
            let setting = known(text, &SETTINGS, || {
                format!(
                    "settings are {}; a path starts with a slash: `/{text}`",
                    SETTINGS.join(", ")
                )
            })?;
            if !given.insert(setting) {
                return Err(given_twice(setting));
            }
            Ok(TopKey::Setting(setting))
        };
        while let Some(key) = map.next_key_seed(reader.text("a path or a setting", &mut top_key))? {
            match key {
                TopKey::Module(key) => {
                    config
                        .modules
                        .push(map.next_value_seed(ModuleSeed { reader, key })?);
                }
                TopKey::Setting("host") => {
                    config.host = Some(map.next_value_seed(reader.text("a domain", Host::parse))?);
                }
                TopKey::Setting("cache_max_age") => {
                    config.cache_max_age = map.next_value_seed(reader.text("seconds", seconds))?;
                }
                TopKey::Setting("docs") => {
                    config.docs = map.next_value_seed(reader.text("a URL or `none`", docs_site))?;
                }
                TopKey::Setting("index") => {
                    config.index =
                        map.next_value_seed(reader.text("`list`, `none` or a URL", index))?;
                }
                TopKey::Setting(_) => map.next_value_seed(PathsSeed {
                    reader,
                    modules: &mut config.modules,
                })?,
            }
        }
        Ok(config)
    }
}

/// The map below `paths:`.
struct PathsSeed<'r, 'm> {
    reader: &'r Reader,
    modules: &'m mut Vec<Module>,
}

impl<'de> DeserializeSeed<'de> for PathsSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for PathsSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map from paths to modules")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let reader = self.reader;
        let path_key = |text: &str| {
            if Key::is_path(text) {
                return reader.module_key(text);
            }
            let problem = Problem::new(format!("{} is no path", quoted(text)));
            Err(if SETTINGS.contains(&text) {
                problem.hint(format!(
                    "`{text}` is a setting: move it to the left, out of `paths`"
                ))
            } else {
                problem.hint(format!("a path starts with a slash: `/{text}`"))
            })
        };
        while let Some(key) = map.next_key_seed(reader.text("a path", path_key))? {
            self.modules
                .push(map.next_value_seed(ModuleSeed { reader, key })?);
        }
        Ok(())
    }
}

/// What stands below a module's key.
struct ModuleSeed<'r> {
    reader: &'r Reader,
    key: Key,
}

impl<'de> DeserializeSeed<'de> for ModuleSeed<'_> {
    type Value = Module;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Module, D::Error> {
        // Not deserialize_map: a bare URL in the module's place deserves its own advice.
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ModuleSeed<'_> {
    type Value = Module;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a module: a map with `repo`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Module, E> {
        let problem = Problem::new(format!(
            "expected a module: a map with `repo`, found {}",
            quoted(text)
        ));
        Err(self.reader.refuse(if text.contains("://") {
            problem.hint(format!(
                "write it on the next line, indented: `repo: {text}`"
            ))
        } else {
            problem.hint("is the space after `repo:` missing?")
        }))
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
        let pattern = key.pattern;
        let mut given = HashSet::new();
        let mut module_key = |text: &str| {
            let name = known(text, &MODULE_KEYS, || {
                if Key::is_path(text) {
                    "a path stands at the left, not beneath another module".to_owned()
                } else {
                    format!("a module has {}", MODULE_KEYS.join(", "))
                }
            })?;
            if !given.insert(name) {
                return Err(given_twice(name));
            }
            Ok(name)
        };
        let (mut repo, mut vcs, mut forge) = (None, None, None);
        let (mut subdir, mut branch, mut display, mut description) = (None, None, None, None);
        let mut docs = ModuleDocs::OnSite;
        let mut hidden = false;
        while let Some(name) =
            map.next_key_seed(reader.text("a key of a module", &mut module_key))?
        {
            match name {
                "repo" => {
                    repo = Some(map.next_value_seed(
                        reader.text("a repository URL", |text| self::repo(text, pattern)),
                    )?);
                }
                "vcs" => vcs = Some(map.next_value_seed(reader.text("a vcs", Vcs::parse))?),
                "subdir" => {
                    subdir = Some(map.next_value_seed(reader.text("a directory", self::subdir))?)
                }
                "display" => {
                    display =
                        Some(map.next_value_seed(reader.text("three fields", self::display))?);
                }
                "forge" => forge = Some(map.next_value_seed(reader.text("a forge", Forge::parse))?),
                "branch" => {
                    branch = Some(map.next_value_seed(reader.text("a branch", self::branch))?)
                }
                "docs" => {
                    docs = map.next_value_seed(reader.text("a URL or `none`", module_docs))?
                }
                "description" => {
                    description =
                        map.next_value_seed(reader.text("one line", self::description))?;
                }
                _ => hidden = map.next_value_seed(reader.text("true or false", boolean))?,
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
            .then(|| Forge::infer(repo.web().host()))
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

/// The key of `all` that `text` is.
fn known(
    text: &str,
    all: &[&'static str],
    otherwise: impl FnOnce() -> String,
) -> Result<&'static str, Problem> {
    if let Some(name) = all.iter().find(|name| **name == text) {
        return Ok(name);
    }
    let problem = Problem::new(format!("unknown key {}", quoted(text)));
    Err(
        match nearest(&text.to_ascii_lowercase(), all.iter().copied()) {
            Some(name) => problem.hint(format!("did you mean `{name}`?")),
            None => problem.hint(otherwise()),
        },
    )
}

fn given_twice(name: &str) -> Problem {
    Problem::new(format!("`{name}` is given twice")).hint("remove one of the two")
}

fn seconds(text: &str) -> Result<u32, Problem> {
    text.parse().map_err(|_| {
        let problem = Problem::new(format!("{} is no number of seconds", quoted(text)));
        match text.strip_prefix('-') {
            Some(rest) if rest.parse::<u64>().is_ok() => {
                problem.hint("it cannot be negative; 0 keeps pages out of caches")
            }
            _ => problem.hint("write a whole number, such as 86400 for a day"),
        }
    })
}

fn docs_site(text: &str) -> Result<Option<WebUrl>, Problem> {
    if text == "none" {
        return Ok(None);
    }
    let url = WebUrl::parse(text)?;
    if url.as_str().contains(['?', '#']) {
        return Err(
            Problem::new(format!("{} has a query or a fragment", quoted(text)))
                .hint("the import path is appended to it, so it ends in a path"),
        );
    }
    WebUrl::parse(text.trim_end_matches('/')).map(Some)
}

fn module_docs(text: &str) -> Result<ModuleDocs, Problem> {
    match text {
        "none" => Ok(ModuleDocs::None),
        _ => WebUrl::parse(text).map(ModuleDocs::At),
    }
}

fn index(text: &str) -> Result<Index, Problem> {
    match text {
        "list" => Ok(Index::List),
        "none" => Ok(Index::None),
        _ if text.contains("://") => WebUrl::parse(text).map(Index::Redirect),
        _ => Err(Problem::new(format!("unknown index {}", quoted(text)))
            .hint("write `list`, `none`, or a URL to redirect to")),
    }
}

fn repo(text: &str, pattern: bool) -> Result<RepoUrl, Problem> {
    let repo = RepoUrl::parse(text)?;
    match (pattern, repo.stars()) {
        (false, 0) | (true, 1) => Ok(repo),
        (true, _) => Err(
            Problem::new(format!("{} needs exactly one `*`", quoted(text)))
                .hint("the `*` of the path is put in its place: `https://code.example/team/*`"),
        ),
        (false, _) => Err(Problem::new(format!(
            "{} has a `*`, but its path has none",
            quoted(text)
        ))
        .hint("a pattern's path ends in `/*`")),
    }
}

/// A directory of the repository, by `validateRepoSubDir` of the go command; it must also
/// stay inside the repository.
fn subdir(text: &str) -> Result<Box<str>, Problem> {
    let refused = |why: &str| Problem::new(format!("{} is no subdir: {why}", quoted(text)));
    let dir = text.strip_suffix('/').unwrap_or(text);
    if dir.starts_with('/') {
        return Err(refused("it starts with a slash").hint(format!(
            "it is relative to the repository: `{}`",
            dir.trim_start_matches('/')
        )));
    }
    if dir.starts_with('-') {
        return Err(refused("Go refuses a leading dash"));
    }
    if dir.is_empty() {
        return Err(refused("it is empty").hint("leave it out where the module is at the root"));
    }
    for element in dir.split('/') {
        if matches!(element, "" | "." | "..") {
            return Err(refused("it has an empty, `.` or `..` element")
                .hint("write the plain path from the repository's root"));
        }
        if let Some(bad) = element
            .chars()
            .find(|c| c.is_whitespace() || c.is_control() || "\"'<>\\".contains(*c))
        {
            return Err(refused(&format!(
                "it has {} in it",
                quoted(&bad.to_string())
            )));
        }
    }
    Ok(dir.into())
}

/// Three fields, one space apart, whatever white space the file has between them.
fn display(text: &str) -> Result<Box<str>, Problem> {
    let fields: Vec<_> = text.split_whitespace().collect();
    if fields.len() != 3 {
        return Err(
            Problem::new(format!("`display` has {} fields, not 3", fields.len())).hint(
                "write the repository's address, the template of a directory and that of a line: \
             `https://h/r https://h/r/tree{/dir} https://h/r/blob{/dir}/{file}#L{line}`",
            ),
        );
    }
    for field in &fields {
        let is_web = field.starts_with("https://") || field.starts_with("http://");
        if !is_web && *field != "_" {
            return Err(Problem::new(format!("{} is no web address", quoted(field)))
                .hint("each field starts with `https://`, or is a single `_`"));
        }
        if field.chars().any(char::is_control) {
            return Err(Problem::new("`display` has a control character in it"));
        }
    }
    Ok(fields.join(" ").into())
}

fn branch(text: &str) -> Result<Box<str>, Problem> {
    // What git allows in a name of a branch, less what an address would have to escape.
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._/+@".contains(&b);
    let refused = |why: &str| {
        Problem::new(format!("{} is no branch: {why}", quoted(text)))
            .hint("write its name alone, such as `main`")
    };
    if text.is_empty() {
        return Err(refused("it is empty"));
    }
    if let Some(bad) = text.chars().find(|c| !u8::try_from(*c).is_ok_and(allowed)) {
        return Err(refused(&format!(
            "it has {} in it",
            quoted(&bad.to_string())
        )));
    }
    if text
        .split('/')
        .any(|part| part.is_empty() || part.starts_with('.'))
        || text.contains("..")
    {
        return Err(refused("git refuses an empty part, a leading dot and `..`"));
    }
    if text.starts_with('-') {
        return Err(refused("git refuses a leading dash"));
    }
    Ok(text.into())
}

fn description(text: &str) -> Result<Option<Box<str>>, Problem> {
    const LONGEST: usize = 500;
    // A folded block (`>`) ends in a newline of its own.
    let text = text.trim();
    if text.contains(['\n', '\r']) {
        return Err(Problem::new("the description has more than one line")
            .hint("write one line; a block that starts with `>` becomes one"));
    }
    if text.chars().any(char::is_control) {
        return Err(Problem::new(
            "the description has a control character in it",
        ));
    }
    if text.chars().count() > LONGEST {
        return Err(Problem::new(format!(
            "the description is longer than {LONGEST} characters"
        )));
    }
    Ok((!text.is_empty()).then(|| text.into()))
}

fn boolean(text: &str) -> Result<bool, Problem> {
    match text {
        "true" | "True" | "TRUE" => Ok(true),
        "false" | "False" | "FALSE" => Ok(false),
        _ => {
            let problem = Problem::new(format!("{} is neither true nor false", quoted(text)));
            Err(match text.to_ascii_lowercase().as_str() {
                "yes" | "on" | "y" | "1" => problem.hint("write `true`"),
                "no" | "off" | "n" | "0" => problem.hint("write `false`"),
                _ => problem.hint("write `true` or `false`"),
            })
        }
    }
}
