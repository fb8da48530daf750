//! Files of other vanity servers, as the `vanity.yaml` that serves the same import paths.
//!
//! Each tool has a file here that knows its format; what both turn into is printed, and read
//! back by [`Config`], so that no rule is written twice and nothing is printed that would not
//! be served.

mod sally;
mod vangen;

use serde::de::DeserializeOwned;
use serde_yaml::{Mapping, Value};

use crate::config::{Config, ConfigError, Place, Problem, Syntax, explain};
use crate::module::{Forge, Key, RepoUrl, Vcs, escaped, go_source};

/// The `vanity.yaml` for the text of a file that errors call `name`.
///
/// # Errors
///
/// The file is of no known kind, or says what no `vanity.yaml` can say.
pub fn convert(name: &str, text: &str) -> Result<String, ConfigError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let refused = |problem| ConfigError::new(name, problem, None);
    let map: Value = read(name, text)?;
    let has = |key: &str| map.get(key).is_some();
    let site = if has("packages") || has("url") {
        sally::site(read(name, text)?)
    } else if has("repositories") || has("domain") {
        vangen::site(read(name, text)?)
    } else if has("paths") || has_path(&map) {
        return Err(refused(Problem::Conversion(
            "it is a vanity.yaml, which needs no conversion\n\
             `govanityurls check FILE` tells whether it is right"
                .into(),
        )));
    } else {
        return Err(refused(Problem::Conversion(
            "it is neither a sally.yaml nor a vangen.json\n\
             known are the files of uber-go/sally, with `url` and `packages`, and of \
             4d63.com/vangen, with `domain` and `repositories`"
                .into(),
        )));
    };
    site.and_then(|site| site.print(name)).map_err(refused)
}

fn has_path(map: &Value) -> bool {
    map.as_mapping()
        .is_some_and(|map| map.keys().any(|key| key.as_str().is_some_and(Key::is_path)))
}

/// Reads a whole file with serde, in the shape that the caller asks for.
fn read<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, ConfigError> {
    serde_yaml::from_str(text).map_err(|error| {
        let index = error.location().map(|location| location.index());
        let (problem, index) = explain(text, &error.to_string(), index);
        // The advice is for a vanity.yaml.
        let problem = match problem {
            Problem::Syntax(Syntax::Other(what)) => Problem::Conversion(what),
            Problem::Shape {
                expected, found, ..
            } => Problem::Conversion(format!("expected {expected}, found {found}")),
            problem => problem,
        };
        let place = index.map(|index| Place::of(text, index));
        ConfigError::new(name, problem, place).with_line_of(text)
    })
}

/// What a file says, in the words of `vanity.yaml`.
struct Site {
    /// The tool whose file it is.
    tool: &'static str,
    /// What has no equivalent, a line each.
    notes: Vec<String>,
    settings: Mapping,
    modules: Vec<Module>,
}

/// One entry of the map.
struct Module {
    /// Where the file has it, for errors: `packages.zap`.
    origin: String,
    key: String,
    values: Mapping,
    notes: Vec<String>,
}

impl Site {
    /// Prints it, and makes sure that it would be served.
    fn print(&self, name: &str) -> Result<String, Problem> {
        let mut out = format!(
            "# Converted from {}, a file of {}.\n",
            escaped(name),
            self.tool
        );
        out.push_str(&comments("", &self.notes));
        if !self.settings.is_empty() {
            out.push_str(&yaml(&self.settings)?);
        }
        for module in &self.modules {
            // To us it would be a pattern, to the tool it is a character.
            if module.key.contains('*') {
                return Err(Problem::Conversion(format!(
                    "{}: no import path has a `*`",
                    module.origin
                )));
            }
            let entry = module.print()?;
            // Alone first: here it is known which one is wrong.
            if let Err(error) = Config::parse(name, &entry, None) {
                return Err(Problem::Conversion(format!(
                    "{}: {}",
                    module.origin,
                    error.problem()
                )));
            }
            out.push('\n');
            out.push_str(&entry);
        }
        match Config::parse(name, &out, None) {
            Ok(_) => Ok(out),
            // Without the hint, which may name a line of what is not printed.
            Err(error) => Err(Problem::Conversion(error.message_and_hint().0)),
        }
    }
}

impl Module {
    fn print(&self) -> Result<String, Problem> {
        let mut map = Mapping::new();
        map.insert(self.key.as_str().into(), self.values.clone().into());
        Ok(yaml(&map)? + &comments("  ", &self.notes))
    }

    /// Sets a key, where there is something to say.
    fn set(&mut self, key: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.values.insert(key.into(), value.into());
        }
    }

    /// Names the vcs, where the repository's URL does not tell it.
    fn set_vcs(&mut self, repo: &str, vcs: &str) {
        if RepoUrl::parse(repo).map_or("", |repo| Vcs::infer(&repo).as_str()) != vcs {
            self.set("vcs", Some(vcs));
        }
    }

    /// Sets what makes go-source's last three fields, in the fewest words.
    fn set_source(&mut self, repo: &str, fields: &str) {
        let made = |branch| {
            let repo = RepoUrl::parse(repo).ok()?;
            let forge = Forge::infer(repo.web().host())?;
            Some(go_source(&repo, forge, branch))
        };
        if made(None).as_deref() == Some(fields) {
            // Nothing to say.
        } else if made(Some("master")).as_deref() == Some(fields) {
            self.set("branch", Some("master"));
        } else {
            self.set("display", Some(fields));
        }
    }

    fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }
}

/// A map as YAML, quoted where YAML needs it.
fn yaml(map: &Mapping) -> Result<String, Problem> {
    serde_yaml::to_string(map).map_err(|error| Problem::Conversion(error.to_string()))
}

fn comments(indent: &str, notes: &[String]) -> String {
    notes
        .iter()
        .map(|note| format!("{indent}# {}\n", escaped(note)))
        .collect()
}

/// The keys that a tool does not know either: nothing is lost, but their author should know.
fn unknown<'k>(keys: impl IntoIterator<Item = &'k String>, tool: &str) -> Vec<String> {
    keys.into_iter()
        .map(|key| format!("`{key}`: not a key of {tool}, left out"))
        .collect()
}

/// Host and path of an import path, with a path that starts with a slash.
fn split(import_path: &str) -> (&str, &str) {
    match import_path.find('/') {
        Some(slash) => import_path.split_at(slash),
        None => (import_path, "/"),
    }
}

/// What `path.Join` of Go makes of a base and a name, but for `.` and `..`.
fn join(base: &str, name: &str) -> String {
    let elements = base.split('/').chain(name.split('/'));
    let elements: Vec<_> = elements.filter(|element| !element.is_empty()).collect();
    elements.join("/")
}

/// The key for an import path: without the host, where that is the default one.
fn key(import_path: &str, default_host: Option<&str>) -> String {
    match split(import_path) {
        (host, path) if Some(host) == default_host => path.to_owned(),
        _ => import_path.to_owned(),
    }
}

/// Text that is there and not empty: what Go's decoders make of a key that is left out.
fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// The documentation site for a host, where it is not the default one.
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

    const GOOD: [&str; 2] = [
        "url: go.example\ngodoc: {host: h.example}\npackages:\n  a: {repo: &r h.example/a}\n  \
         b/c:\n    repo: *r\n    vcs: hg\n    description: 'x'\n    doc_badge: y\n",
        "{\"domain\": \"go.example\", \"index\": true, \"repositories\": [{\"prefix\": \"a\", \
         \"url\": \"https://github.com/a/a\", \"subs\": [\"b\"], \"source\": {\"dir\": \"_\"}}]}",
    ];

    const PIECES: [&str; 16] = [
        "\n", "\n  ", " ", ": ", "- ", "[", "]", "{", "}", "\"", "'", "*", "#", "!!int ", "é",
        "\u{1b}",
    ];

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 4096,
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        /// Whatever a file has in it: a file of ours, or an error that a terminal can show.
        #[test]
        fn no_file_panics(
            good in 0..GOOD.len(),
            edits in prop::collection::vec((0..300usize, 0..4usize, 0..PIECES.len()), 0..4),
        ) {
            let mut text: Vec<char> = GOOD[good].chars().collect();
            for (at, removed, piece) in edits {
                let at = at % (text.len() + 1);
                let end = (at + removed).min(text.len());
                text.splice(at..end, PIECES[piece].chars());
            }
            let text: String = text.into_iter().collect();
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
