//! Explains errors: translates libyaml's messages, and gives hints for keys.

use super::model::{MODULE_KEYS, SETTINGS};
use super::problem::{Problem, Syntax};
use super::scan::MAX_TEXT;
use crate::module::{Key, RepoUrl};
use crate::text::{nearest, quoted};

/// Translates a serde_yaml error at byte `index` of `text`; returns the problem and the byte offset
/// to point at.
pub(crate) fn explain(text: &str, message: &str, index: Option<usize>) -> (Problem, Option<usize>) {
    let (before, rest) = index
        .and_then(|index| text.split_at_checked(index))
        .unwrap_or((text, ""));
    let found = rest.chars().next();
    if message.contains("more than one document") {
        let mark = text.rfind("\n---").map_or(0, |newline| newline + 1);
        return (Syntax::SecondDocument.into(), Some(mark));
    }
    // "paths./a.repo: invalid type: sequence, expected a string at line 1 column 2"
    if let Some((_, types)) = message.split_once("invalid type: ") {
        return (wrong_type(types), index);
    }
    // "did not find expected key at line 3 column 1, while parsing a block mapping at line 1 column
    // 1"; libyaml omits the position if it is the start of the file.
    let (what, context) = message.split_once(", while ").unwrap_or((message, ""));
    let what = what.split(" at line ").next().unwrap_or(what);
    let start = Some(position_in(text, context).unwrap_or(0));
    let at_end = rest.trim_start().is_empty();
    let (open, close) = match what.ends_with("'}'") {
        true => ('{', '}'),
        false => ('[', ']'),
    };
    let (syntax, index) = match what {
        "unknown anchor" => (Syntax::UnknownAnchor, index),
        _ if context.starts_with("scanning an alias") => (Syntax::Alias('*'), start),
        _ if context.starts_with("scanning an anchor") => (Syntax::Alias('&'), start),
        _ if context.contains("a block scalar") => (Syntax::Block, start),
        _ if context.contains("directive") || what.contains("YAML document") => {
            (Syntax::Directive, start)
        }
        _ if what.contains("tag") || context.contains(" a tag") => (Syntax::Tag, index),
        _ if what.contains("tab character") || found == Some('\t') => (Syntax::Tab, index),
        "did not find expected node content" if at_end => (Syntax::End, index),
        "found character that cannot start any token" => (
            Syntax::Start(found.map(String::from).unwrap_or_default()),
            index,
        ),
        "could not find expected ':'" => (Syntax::NoColon, start),
        "mapping keys are not allowed in this context" | "found unexpected ':'" => {
            (Syntax::Stray(found.unwrap_or(':')), index)
        }
        "mapping values are not allowed in this context" => (Syntax::StrayKey, index),
        "block sequence entries are not allowed in this context" => (Syntax::StrayDash, index),
        "did not find expected key" | "did not find expected '-' indicator" => {
            let syntax = match found {
                Some(c @ (']' | '}' | ',')) => Syntax::Stray(c),
                _ if before.trim_end_matches(' ').ends_with(['"', '\'']) => Syntax::AfterQuote,
                _ => Syntax::Indentation,
            };
            (syntax, index)
        }
        "did not find expected ',' or '}'" | "did not find expected ',' or ']'" if at_end => {
            (Syntax::Unclosed { open, close }, start)
        }
        "did not find expected ',' or '}'" | "did not find expected ',' or ']'" => {
            (Syntax::NoComma { open, close }, index)
        }
        "found unexpected end of stream" | "found unexpected document indicator" => {
            (Syntax::OpenQuote, start)
        }
        "found unknown escape character"
        | "did not find expected hexadecimal number"
        | "found invalid Unicode character escape code" => (Syntax::Escape, index),
        "did not find expected <document start>" => (Syntax::AfterMap, index),
        "did not find expected node content" => (Syntax::NoValue, index),
        _ => (Syntax::Other(what.to_owned()), index),
    };
    (syntax.into(), index)
}

/// Explains "sequence, expected a string at line 1 column 2".
fn wrong_type(types: &str) -> Problem {
    let types = types
        .rsplit_once(" at line ")
        .map_or(types, |(types, _)| types);
    let (found, expected) = types
        .rsplit_once(", expected ")
        .unwrap_or((types, "something else"));
    let colon = "a key ends in a colon, with a space before its value";
    let (kind, value) = found.split_once(' ').unwrap_or((found, found));
    match kind {
        "sequence" => Problem::shape(expected, "a list", "write it without brackets"),
        "map" => Problem::shape(
            expected,
            "a map",
            "write one value after the colon, on the same line",
        ),
        "unit" => Problem::shape(
            expected,
            "nothing",
            "write it after the colon, or remove the key",
        ),
        "boolean" | "integer" | "floating" if expected.ends_with("`repo`") => Problem::shape(
            expected,
            value,
            "write `repo: ` and the repository's URL under the path, indented",
        ),
        "string" => Problem::shape(expected, &quoted(value.trim_matches('"')), colon),
        _ => Problem::shape(expected, "a number", colon),
    }
}

/// Returns the byte offset of the position at the end of a message: "… at line 1 column 2".
pub(super) fn position_in(text: &str, message: &str) -> Option<usize> {
    let (_, position) = message.rsplit_once(" at line ")?;
    let (line, column) = position.split_once(" column ")?;
    let (line, column): (usize, usize) = (line.parse().ok()?, column.parse().ok()?);
    // The parser counts a `\r` as a line break too, unless a `\n` follows.
    let bytes = text.as_bytes();
    let is_end = |&index: &usize| match bytes[index] {
        b'\n' => true,
        b'\r' => bytes.get(index + 1) != Some(&b'\n'),
        _ => false,
    };
    let start = match line.checked_sub(2) {
        None => 0,
        Some(earlier) => (0..bytes.len()).filter(is_end).nth(earlier)? + 1,
    };
    let before = text.get(start..)?.chars().take(column.checked_sub(1)?);
    Some(start + before.map(char::len_utf8).sum::<usize>())
}

/// Finds a look-alike of an ASCII character in the first line of a text, if it can be the cause of a
/// problem; returns its byte offset.
pub(super) fn lookalike(text: &str, problem: &Problem) -> Option<(Problem, usize)> {
    let line = text.split('\n').next()?.char_indices();
    let (found, advice, offset) = line.take(MAX_TEXT).find_map(|(offset, found)| {
        let advice = match found {
            '\u{a0}' | '\u{3000}' => "write a space, or remove it",
            '\u{ff1a}' => "write `:` and a space",
            '\u{2018}' | '\u{2019}' | '\u{201c}'..='\u{201e}' => "write `\"`, or no quote at all",
            '\u{ff0f}' => "write `/`",
            _ => return None,
        };
        Some((found, advice, offset))
    })?;
    let is_cause = matches!(problem, Problem::Syntax(_)) || problem.to_string().contains(found);
    is_cause.then_some((Problem::Lookalike { found, advice }, offset))
}

/// Returns a hint for an unknown key at the top level: a synonym, a misplaced key, a path.
pub(super) fn for_setting(key: &str) -> String {
    let lower = key.to_ascii_lowercase();
    match lower.as_str() {
        "<<" => return MERGE.into(),
        "modules" | "packages" | "imports" | "repos" | "repositories" => {
            return "did you mean `paths`? Paths may also be at the top level".into();
        }
        "domain" | "hostname" | "url" => return "did you mean `host`?".into(),
        _ => {}
    }
    if let Some(name) = nearest(&lower, SETTINGS) {
        return format!("did you mean `{name}`?");
    }
    match MODULE_KEYS.contains(&key) {
        true => for_no_path(key),
        false => format!("{}; settings are {}", for_no_path(key), SETTINGS.join(", ")),
    }
}

/// Returns a hint for an unknown key of a module.
pub(super) fn for_module_key(key: &str) -> String {
    let lower = key.to_ascii_lowercase();
    let synonym = match lower.as_str() {
        "<<" => return MERGE.into(),
        "host" => {
            return "`host` is a setting; a module on another host has it in its path: \
                    `other.example/path`"
                .into();
        }
        "repository" | "url" | "git" | "source" => Some("repo"),
        "desc" | "summary" | "title" => Some("description"),
        "ref" | "tag" | "revision" => Some("branch"),
        "dir" | "directory" | "path" | "subdirectory" => Some("subdir"),
        "private" | "internal" => Some("hidden"),
        "type" => Some("vcs"),
        _ => nearest(&lower, MODULE_KEYS),
    };
    if let Some(name) = synonym {
        return format!("did you mean `{name}`?");
    }
    if Key::is_path(key) {
        return "a path starts in the column of the other paths, not under one".into();
    }
    if SETTINGS.contains(&key) {
        return format!("`{key}` is a setting: it starts in the first column");
    }
    format!("a module has {}", MODULE_KEYS.join(", "))
}

const MERGE: &str = "merge keys are not read: write the keys out";

/// Returns a hint for a key under `paths:` that is not a path.
pub(super) fn for_key_under_paths(key: &str) -> String {
    match SETTINGS.contains(&key) {
        true => format!("`{key}` is a setting: it starts in the first column, not under `paths`"),
        false => for_no_path(key),
    }
}

fn for_no_path(key: &str) -> String {
    match MODULE_KEYS.contains(&key) {
        true => format!("`{key}` belongs to a module: indent it under a path"),
        false => format!("a path starts with a slash: {}", quoted(&format!("/{key}"))),
    }
}

/// Returns a hint for text in place of a module.
pub(super) fn for_text_as_module(text: &str) -> String {
    let meant = |text: &str| quoted(&format!("repo: {text}"));
    if RepoUrl::parse(text).is_ok() {
        format!("write it under the path, indented: {}", meant(text))
    } else if let Some(repo) = text.strip_prefix("repo:") {
        format!("a space follows the colon: {}", meant(repo))
    } else if let Some(rest) = text.strip_prefix("repo ") {
        let repo = rest.trim_start_matches(['=', ' ']);
        format!("a key ends in a colon: {}", meant(repo))
    } else {
        "write under the path, indented, `repo: ` and the repository's URL".into()
    }
}

/// Returns the tool that a file belongs to, by its top-level keys, if it is not this one.
pub(super) fn other_tool(text: &str) -> Option<&'static str> {
    let has = |key: &str| {
        text.match_indices(key).any(|(index, _)| {
            let before = text[..index].trim_end_matches(['"', ' ', '\t']);
            let after = text[index + key.len()..].trim_start_matches('"');
            (before.is_empty() || before.ends_with(['\n', '{', ','])) && after.starts_with(':')
        })
    };
    if has("packages") && has("url") {
        Some("a sally.yaml (uber-go/sally)")
    } else if has("domain") && has("repositories") {
        Some("a vangen.json (4d63.com/vangen)")
    } else {
        None
    }
}
