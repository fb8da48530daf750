//! What the YAML parser says, in words that tell what to do.

use std::fmt;

use serde::de::{Deserializer as _, Visitor};

use super::error::Place;
use crate::module::{Problem, quoted};

const COLON: &str = "a key ends in a colon, with a space before its value";

/// Turns an error of serde_yaml's, which stands at byte `index` of `text`, into a problem of
/// ours, and its place.
pub(crate) fn explain(text: &str, message: &str, index: Option<usize>) -> (Problem, Option<Place>) {
    let here = index.map(|index| Place::of(text, index));
    let (before, rest) = index
        .and_then(|index| text.split_at_checked(index))
        .unwrap_or((text, ""));
    let found = rest.chars().next();
    if message.contains("more than one document") {
        return second_document(text);
    }
    // "paths./a.repo: invalid type: sequence, expected a string at line 1 column 2"
    if let Some((_, types)) = message.split_once("invalid type: ") {
        return (wrong_type(types, found), here);
    }
    if message.contains("invalid value: ") {
        return (tag("the value does not fit its YAML tag"), here);
    }
    // "did not find expected key at line 3 column 1, while parsing a block mapping at line 1
    // column 1"; the very first place is left out.
    let (what, context) = message.split_once(", while ").unwrap_or((message, ""));
    let what = what.split(" at line ").next().unwrap_or(what);
    let start = Some(place_in(context).unwrap_or(Place { line: 1, column: 1 }));
    let at_end = rest.trim_start().is_empty();
    match what {
        "unknown anchor" => (alias("this alias has no anchor before it"), here),
        _ if context.starts_with("scanning an alias") => (alias("`*` starts an alias"), start),
        _ if context.starts_with("scanning an anchor") => (alias("`&` starts an anchor"), start),
        _ if context.contains("a block scalar") => (
            Problem::new("`|` and `>` start a block of text, on the lines beneath")
                .hint("a value that starts with `|` or `>` needs quotation marks"),
            start,
        ),
        _ if context.contains("directive") || what.contains("YAML document") => (
            Problem::new("a line that starts with `%` is for the YAML parser").hint("remove it"),
            start,
        ),
        _ if what.contains("tag") || context.contains(" a tag") => {
            (tag("this is no YAML tag"), here)
        }
        _ if what.contains("tab character") || found == Some('\t') => (
            Problem::new("a tab stands where YAML wants spaces").hint("indent with spaces"),
            here,
        ),
        "did not find expected node content" if at_end => (
            Problem::new("the file ends in the middle of a value")
                .hint("is a `{` or `[` not closed?"),
            here,
        ),
        "found character that cannot start any token" => (
            Problem::new(format!(
                "a value cannot start with {}",
                quoted(&found.unwrap_or_default().to_string())
            ))
            .hint("put it in quotation marks"),
            here,
        ),
        "could not find expected ':'" if is_conflict(text, start) => (
            Problem::new("this is an unresolved merge conflict")
                .hint("choose one side, and remove the lines of `<`, `=` and `>`"),
            start,
        ),
        "could not find expected ':'" => (
            Problem::new("this line is no `key: value`").hint(COLON),
            start,
        ),
        "mapping keys are not allowed in this context" | "found unexpected ':'" => (
            Problem::new(format!(
                "this `{}` is out of place",
                found.unwrap_or_default()
            ))
            .hint("remove it, or put the value in quotation marks"),
            here,
        ),
        "mapping values are not allowed in this context" => (
            Problem::new("this colon makes a key where none can stand").hint(
                "each key has a line of its own, indented like its neighbours; \
                 a value with `: ` in it needs quotation marks",
            ),
            here,
        ),
        "block sequence entries are not allowed in this context" => (
            Problem::new("this dash makes a list where none can stand")
                .hint("a value that starts with `- ` needs quotation marks"),
            here,
        ),
        "did not find expected key" | "did not find expected '-' indicator" => (
            match found {
                Some(']' | '}' | ',') => Problem::new(format!(
                    "this `{}` is out of place",
                    found.unwrap_or_default()
                ))
                .hint("remove it, or put the value in quotation marks"),
                _ if before.trim_end_matches(' ').ends_with(['"', '\'']) => {
                    Problem::new("the quotation mark before this closes the value").hint(
                        "put the whole value in quotation marks; within single ones, \
                         write `''` for an apostrophe",
                    )
                }
                _ => Problem::new("this does not fit the lines above it")
                    .hint("keys of one map start in the same column"),
            },
            here,
        ),
        "did not find expected ',' or '}'" | "did not find expected ',' or ']'" => {
            let (open, close) = match what.ends_with("'}'") {
                true => ('{', '}'),
                false => ('[', ']'),
            };
            if at_end {
                let problem = Problem::new(format!("this `{open}` is never closed"))
                    .hint(format!("add the `{close}` that belongs to it"));
                (problem, start)
            } else {
                let problem = Problem::new(format!("a `,` or `{close}` is missing before this"))
                    .hint(format!(
                        "between `{open}` and `{close}`, commas part the entries"
                    ));
                (problem, here)
            }
        }
        "found unexpected end of stream" | "found unexpected document indicator" => (
            Problem::new("this quotation mark is never closed")
                .hint("add the second one at the end of the value"),
            start,
        ),
        "found unknown escape character"
        | "did not find expected hexadecimal number"
        | "found invalid Unicode character escape code" => (
            Problem::new("this backslash starts no escape that YAML knows")
                .hint("in double quotation marks write `\\\\` for a backslash, or use single ones"),
            here,
        ),
        "did not find expected <document start>" => (
            Problem::new("the map ends before this")
                .hint("every path and setting starts in the same column"),
            here,
        ),
        "did not find expected node content" => (
            Problem::new("a value is missing before this").hint("write it, or remove its key"),
            here,
        ),
        _ => (
            Problem::new(format!("YAML: {what}"))
                .hint("put a value that has characters special to YAML in quotation marks"),
            here,
        ),
    }
}

fn alias(what: &str) -> Problem {
    Problem::new(what).hint("a value that starts with `*` or `&` needs quotation marks")
}

fn tag(what: &str) -> Problem {
    Problem::new(what)
        .hint("remove the word that starts with `!`, or put the value in quotation marks")
}

/// "sequence, expected a string at line 1 column 2", in words; `start` is what stands there.
fn wrong_type(types: &str, start: Option<char>) -> Problem {
    let types = types
        .rsplit_once(" at line ")
        .map_or(types, |(types, _)| types);
    let (found, expected) = types
        .rsplit_once(", expected ")
        .unwrap_or((types, "something else"));
    let (found, hint) = match found.split(' ').next().unwrap_or_default() {
        "enum" => return tag(&format!("expected {expected}, found a YAML tag")),
        "sequence" if start == Some('-') => ("a list", "write it without the dash"),
        "sequence" => ("a list", "write it without brackets"),
        "map" => ("a map", "write one value behind the colon"),
        "unit" => ("nothing", "write it behind the colon, or remove the key"),
        "boolean" | "integer" | "floating" if expected.ends_with("`repo`") => (
            found.split_once(' ').map_or(found, |(_, value)| value),
            "write `repo: ` and the repository's URL beneath the path, indented",
        ),
        "string" => ("text", COLON),
        _ => ("a number", COLON),
    };
    Problem::new(format!("expected {expected}, found {found}")).hint(hint)
}

/// Whether a line is one that git leaves in a file.
fn is_conflict(text: &str, at: Option<Place>) -> bool {
    at.and_then(|at| text.lines().nth(at.line - 1))
        .is_some_and(|line| {
            ["<<<<<<<", "=======", ">>>>>>>"]
                .iter()
                .any(|mark| line.starts_with(mark))
        })
}

/// The place that a context of libyaml's ends in: "… at line 1 column 2".
fn place_in(context: &str) -> Option<Place> {
    let (_, place) = context.rsplit_once(" at line ")?;
    let (line, column) = place.split_once(" column ")?;
    Some(Place {
        line: line.parse().ok()?,
        column: column.parse().ok()?,
    })
}

/// The second document, or what only looks like one. The loader of the first tells no place.
fn second_document(text: &str) -> (Problem, Option<Place>) {
    /// Refuses whatever it finds.
    struct Nothing;

    impl Visitor<'_> for Nothing {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("one document")
        }
    }

    let found = serde_yaml::Deserializer::from_str(text)
        .nth(1)
        .and_then(|document| document.deserialize_any(Nothing).err());
    let index = found
        .as_ref()
        .and_then(|found| found.location())
        .map(|location| location.index());
    match found.map(|found| found.to_string()) {
        Some(message) if !message.contains("invalid type") => explain(text, &message, index),
        _ => {
            let before = index.and_then(|index| text.get(..index)).unwrap_or(text);
            let mark = before.rfind("\n---").map_or(0, |newline| newline + 1);
            let problem = Problem::new("a second document starts here")
                .hint("remove the line `---`: one file is one configuration");
            (problem, Some(Place::of(text, mark)))
        }
    }
}
