//! The ground floor: the values that a mapping is made of, and the rules that make them valid.
//!
//! Each type is built by a `parse` that refuses what the go command, or the version control
//! system behind it, would refuse. Past that door nothing is checked again. Nothing here
//! knows YAML, HTTP or the outside.

mod path;
mod repo;
mod source;
mod vcs;

pub use path::{Host, Key, MAX_PATH, ModulePath, RequestPath, is_path_element};
pub use repo::{RepoUrl, WebUrl};
pub use source::{Forge, go_source};
pub use vcs::Vcs;

/// Why a value was refused, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// What is wrong, in a few words, quoting what was read.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// A password or the like, which no message may repeat: messages end in logs.
    pub secret: Option<Box<str>>,
}

impl Problem {
    /// A problem without a hint.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
            secret: None,
        }
    }

    /// The same problem, with advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// A value as it may be shown in a message: in quotation marks, control characters escaped,
/// and cut where it grows too long to read. It came from a file, and ends on a terminal.
pub fn quoted(value: &str) -> String {
    const LONGEST: usize = 80;
    let mut shown: String = value.chars().take(LONGEST).collect();
    if shown.len() < value.len() {
        shown.push('…');
    }
    format!("`{}`", escaped(&shown))
}

/// `text` with everything that could drive a terminal or forge a line written as an escape.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || is_invisible(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// Characters that take no place of their own and can reorder or hide their neighbours:
/// bidirectional controls, zero-width characters, line and paragraph separators.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// A number of modules, in words.
pub fn counted(modules: usize) -> String {
    match modules {
        1 => "1 module".to_owned(),
        n => format!("{n} modules"),
    }
}

/// The candidate that `word` was probably meant to be, if one is near enough: at most a third
/// of its letters away, as rustc measures it.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let reach = (word.chars().count().max(3)) / 3;
    candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= reach)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_values_cannot_drive_a_terminal() {
        assert_eq!(quoted("a\x1b[31m\n"), "`a\\u{1b}[31m\\n`");
        assert_eq!(quoted("a\u{202e}b"), "`a\\u{202e}b`");
        assert_eq!(quoted(&"é".repeat(200)).chars().count(), 83);
    }

    #[test]
    fn nearest_needs_most_letters_right() {
        assert_eq!(nearest("rep", ["repo", "vcs"]), Some("repo"));
        assert_eq!(nearest("brnach", ["branch", "docs"]), Some("branch"));
        assert_eq!(nearest("colour", ["repo", "vcs"]), None);
    }
}
