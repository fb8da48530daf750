//! An error in a configuration, with its position, in rustc's format.

use std::fmt;

use crate::module::Problem;
use crate::terminal::{ERROR, HINT, LABEL};
use crate::text::{escaped, masked};

/// Why a configuration was rejected.
///
/// Displayed as `FILE:LINE:COLUMN: message`, the line with a caret under the column, and a hint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    file: Box<str>,
    /// The line and the column.
    place: Option<(usize, usize)>,
    /// The visible part of the line, with the caret under it.
    excerpt: Option<Box<str>>,
    message: Box<str>,
    hint: Option<Box<str>>,
}

impl ConfigError {
    /// Returns an error about the file as a whole.
    pub(crate) fn new(file: &str, problem: Problem) -> Self {
        let hint = Some(problem.hint).filter(|hint| !hint.is_empty());
        Self {
            file: file.into(),
            place: None,
            excerpt: None,
            message: escaped(&problem.message).into(),
            hint: hint.map(|hint| escaped(&hint).into()),
        }
    }

    /// Returns an error at a byte offset of the text, with an excerpt of the line unless that holds
    /// a secret.
    pub(crate) fn at(file: &str, problem: Problem, text: &str, index: usize) -> Self {
        let (before, after) = text.split_at_checked(index).unwrap_or((text, ""));
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let end = before.len() + after.find('\n').unwrap_or(after.len());
        let line = text[start..end].trim_end_matches('\r');
        let number = before.bytes().filter(|&b| b == b'\n').count() + 1;
        let column = before[start..].chars().count();
        let mut excerpt = None;
        if !problem.is_secret && masked(line) == line {
            let (shown, caret) = shortened(line, column);
            let margin = number.to_string().len();
            excerpt = (!shown.is_empty())
                .then(|| format!("  {number} | {shown}\n  {:margin$} | {:caret$}^", "", "").into());
        }
        Self {
            place: Some((number, column + 1)),
            excerpt,
            ..Self::new(file, problem)
        }
    }

    pub(super) fn place(&self) -> Option<(usize, usize)> {
        self.place
    }

    /// Returns the name of the file.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Returns the line of the error, if it is known; the first is 1.
    pub fn line(&self) -> Option<usize> {
        Some(self.place?.0)
    }

    /// Returns the column of the error in characters, if it is known; the first is 1.
    pub fn column(&self) -> Option<usize> {
        Some(self.place?.1)
    }

    /// Returns what is wrong, in one line that is safe for a terminal.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns what to do about it, likewise.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `{:#}` is for terminals.
        let (label, caret, advice) = if f.alternate() {
            (LABEL, ERROR, HINT)
        } else {
            Default::default()
        };
        write!(f, "{label}{}", escaped(&self.file))?;
        if let Some((line, column)) = self.place {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ":{label:#} {}", self.message)?;
        if let Some(excerpt) = &self.excerpt {
            let (line, below) = excerpt.rsplit_once('\n').unwrap_or((excerpt, ""));
            write!(f, "\n{line}\n{caret}{below}{caret:#}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  {advice}hint:{advice:#} {hint}")?;
        }
        Ok(())
    }
}

/// Returns the part of a line around a column, safe for a terminal, and the offset of the caret.
fn shortened(line: &str, column: usize) -> (String, usize) {
    const WIDTH: usize = 100;
    let from = column.saturating_sub(WIDTH * 3 / 4);
    let mut shown = String::new();
    if from > 0 {
        shown.push('…');
    }
    let mut caret = 0;
    let mut rest = line.chars().skip(from);
    for (index, c) in (from..).zip(rest.by_ref().take(WIDTH)) {
        if index == column {
            caret = shown.chars().count();
        }
        match c {
            '\t' => shown.push(' '),
            c => shown.push_str(&escaped(c.encode_utf8(&mut [0; 4]))),
        }
    }
    if caret == 0 && column > 0 {
        caret = shown.chars().count();
    }
    if rest.next().is_some() {
        shown.push('…');
    }
    (shown.trim_end().to_owned(), caret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caret_points_at_the_column() {
        let problem = Problem::new("unknown key `rep`", "did you mean `repo`?");
        let error = ConfigError::at("vanity.yaml", problem, "/a:\n  rep: x\n", 6);
        assert_eq!(
            error.to_string(),
            "vanity.yaml:2:3: unknown key `rep`\n  2 |   rep: x\n    |   ^\n  \
             hint: did you mean `repo`?"
        );
    }

    #[test]
    fn excerpt_cuts_long_lines_and_escapes_controls() {
        assert_eq!(shortened("a\tb\u{1b}c", 4), ("a b\\u{1b}c".to_owned(), 9));
        let (shown, caret) = shortened(&"x".repeat(1000), 499);
        assert_eq!((shown.chars().count(), caret), (102, 76));
        assert_eq!(shortened("", 0), (String::new(), 0));
        assert_eq!(shortened("ab", 2), ("ab".to_owned(), 2));
    }

    #[test]
    fn no_excerpt_shows_a_line_with_a_secret() {
        let problem = Problem::new("unknown key `x`", "");
        let text = "x: https://bob:hunter2@h/a";
        let error = ConfigError::at("vanity.yaml", problem, text, 0);
        assert_eq!(error.to_string(), "vanity.yaml:1:1: unknown key `x`");
    }
}
