//! Hints: what people mean by what they write.

use super::model::{MODULE_KEYS, SETTINGS};
use super::tree;
use crate::module::{Key, Problem, Url};
use crate::text::{nearest, quoted, quoted_char};

/// How many characters of a line a look-alike is looked for in.
const MAX_LINE: usize = 4096;

/// The keys by which files of other tools are known.
pub(super) const FOREIGN: [&str; 4] = ["url", "packages", "domain", "repositories"];

/// What to do about the commonest errors of the parser, by a piece of its message.
const SYNTAX: [(&str, &str); 12] = [
    (
        "mapping values are not allowed",
        "each key has a line of its own, indented like its neighbours, and ends in a colon; a value \
         with `: ` in it needs quotes",
    ),
    (
        "could not find expected ':'",
        "a key ends in a colon, with a space before its value",
    ),
    (
        "did not find expected key",
        "keys of one map start in the same column; a quoted value ends with its quote, and within \
         single quotes an apostrophe is `''`",
    ),
    (
        "expected <document start>",
        "every path and setting starts in the same column",
    ),
    (
        "cannot start any token",
        "indent with spaces, not tabs; quote a value that starts with `@`, `%` or a backquote",
    ),
    (
        "found unexpected end of stream",
        "add the second quote at the end of the value",
    ),
    (
        "expected ',' or",
        "is a comma missing, or a bracket not closed?",
    ),
    (
        "escape",
        "in double quotes write `\\\\` for a backslash, or use single quotes",
    ),
    ("tab character", "indent with spaces, not tabs"),
    (
        "unknown anchor",
        "a value that starts with `*` or `&` needs quotes",
    ),
    (
        "alphabetic",
        "a value that starts with `*` or `&` needs quotes",
    ),
    (
        "node content",
        "is a value missing, or a bracket not closed?",
    ),
];
/// The pieces of messages whose place is where the alias, the quote or the line at fault starts.
const OPENED: [&str; 4] = [
    "expected ':'",
    "alphabetic",
    "unexpected document",
    "unexpected end",
];

/// Returns an error of the parser as it words it, with a hint, and its byte offset.
pub(crate) fn explain(text: &str, error: &serde_yaml::Error) -> (Problem, usize) {
    // "did not find expected key at line 3 column 1, while parsing a block mapping at line 1 column
    // 1"; the parser omits the first position of a file.
    let message = error.to_string();
    let (what, context) = message.split_once(", while ").unwrap_or((&message, ""));
    let what = what.split(" at line ").next().unwrap_or(what);
    let found = SYNTAX.iter().find(|(piece, _)| what.contains(piece));
    let hint = found.map_or(
        "quote a value that has characters special to YAML",
        |(_, hint)| hint,
    );
    let mut at = tree::index_of(error);
    let is_unclosed = what.contains("expected ',' or") && text[at..].trim().is_empty();
    if is_unclosed || OPENED.iter().any(|piece| what.contains(piece)) {
        at = position_in(text, context).unwrap_or(0);
    }
    (Problem::new(format!("YAML: {what}"), hint), at)
}

/// Returns the problem of a value that is not what belongs in its place.
pub(super) fn wrong_shape(expected: &str, found: &str) -> Problem {
    let hint = match found {
        "a list" => "write it without brackets",
        "a map" => "write one value after the colon, on the same line",
        _ => "a key ends in a colon, with a space before its value",
    };
    Problem::new(format!("expected {expected}, found {found}"), hint)
}

/// Returns the problem of a key that is there twice, the first in this line. `note` says why the two
/// are the same.
pub(super) fn twice(key: &str, note: &str, line: usize) -> Problem {
    Problem::new(
        format!("{} is given twice{note}", quoted(key)),
        format!("the first is in line {line}; remove one of the two"),
    )
}

pub(super) fn too_long(text: &str, most: usize) -> Problem {
    Problem::new(
        format!("{} is longer than {most} bytes", quoted(text)),
        "is it the right file, and every quote closed?",
    )
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

/// Finds a look-alike of an ASCII character that can be the cause of a problem; returns its offset.
pub(super) fn lookalike(text: &str, problem: &Problem, at: usize) -> Option<(Problem, usize)> {
    let is_syntax = problem.message.starts_with("YAML:");
    // After `/a：`, the parser is content until the colon in the next line.
    let before_end = text[..at].rfind('\n').unwrap_or(0);
    let before_start = text[..before_end]
        .rfind('\n')
        .map_or(0, |newline| newline + 1);
    let before = &text[before_start..before_end];
    let in_line_before = first_lookalike(before).filter(|_| is_syntax && !before.contains(':'));
    let (start, (offset, found, hint)) = match in_line_before {
        Some(found) => (before_start, found),
        None => (at, first_lookalike(&text[at..])?),
    };
    if !is_syntax && !problem.to_string().contains(found) {
        return None;
    }
    let message = format!("this is {}", quoted_char(found));
    Some((Problem::new(message, hint), start + offset))
}

/// Returns the first look-alike in the first line of a text: its offset, and what to write instead.
fn first_lookalike(text: &str) -> Option<(usize, char, &'static str)> {
    let line = text.lines().next()?;
    for (offset, found) in line.char_indices().take(MAX_LINE) {
        let hint = match found {
            '\u{a0}' | '\u{3000}' => "write a space, or remove it",
            '\u{ff1a}' => "write `:` and a space",
            '\u{2018}' | '\u{2019}' | '\u{201c}'..='\u{201e}' => "write `\"`, or no quote at all",
            '\u{ff0f}' => "write `/`",
            _ => continue,
        };
        return Some((offset, found, hint));
    }
    None
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
    if Url::repository(text).is_ok() {
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

/// Returns the tool that a file belongs to by its keys at the top level; `[]` marks a list.
pub(super) fn other_tool(keys: &[String]) -> Option<&'static str> {
    let has = |key: &str| keys.iter().any(|other| other.eq_ignore_ascii_case(key));
    if has("packages") && has("url") {
        Some("a sally.yaml (uber-go/sally)")
    } else if has("domain") && has("repositories[]") {
        Some("a vangen.json (4d63.com/vangen)")
    } else {
        None
    }
}
