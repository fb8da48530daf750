//! An error in a configuration, with its position, in rustc's format.

use std::fmt;

use super::problem::Problem;
use super::scan::MAX_TEXT;
use crate::module;
use crate::terminal::{ERROR, HINT, LABEL};
use crate::text::{credentials, escaped};

/// A position in the file. Both numbers start at 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Place {
    /// Returns the position of a byte offset in a text.
    pub(crate) fn of(text: &str, index: usize) -> Self {
        let before = text.get(..index).unwrap_or(text);
        let line = before.rsplit('\n').next().unwrap_or(before);
        Self {
            line: before.bytes().filter(|&b| b == b'\n').count() + 1,
            column: line.chars().count() + 1,
        }
    }
}

/// Why a configuration was rejected.
///
/// Displayed as `FILE:LINE:COLUMN: problem`, the line with a caret under the column, and a hint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    file: Box<str>,
    place: Option<Place>,
    /// The visible part of the line, with the caret under it.
    excerpt: Option<Box<str>>,
    /// Boxed to keep every `Result` small.
    problem: Box<Problem>,
    /// A hint that depends on the rest of the file.
    advice: Option<Box<str>>,
    /// Whether to show the problem's own hint.
    has_hint: bool,
}

impl ConfigError {
    /// Returns an error about the file as a whole.
    pub(crate) fn new(file: &str, problem: Problem) -> Self {
        Self {
            file: file.into(),
            place: None,
            excerpt: None,
            problem: Box::new(problem),
            advice: None,
            has_hint: true,
        }
    }

    /// Returns an error at a byte offset of the text, with an excerpt of the line.
    pub(crate) fn at(file: &str, problem: Problem, text: &str, index: usize) -> Self {
        let is_secret = matches!(problem, Problem::Value(module::Problem::Credentials));
        let place = Place::of(text, index);
        let (before, after) = text.split_at_checked(index).unwrap_or((text, ""));
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let end = before.len() + after.find('\n').unwrap_or(after.len());
        let line = text[start..end].trim_end_matches('\r');
        let (shown, caret) = excerpt(line, before.len() - start, is_secret);
        let margin = place.line.to_string().len();
        Self {
            place: Some(place),
            excerpt: (!shown.is_empty()).then(|| {
                format!(
                    "  {} | {shown}\n  {:margin$} | {:caret$}^",
                    place.line, "", ""
                )
                .into()
            }),
            ..Self::new(file, problem)
        }
    }

    /// Adds a hint; the flag says whether it replaces the problem's own.
    pub(crate) fn with_advice(mut self, advice: Option<(String, bool)>) -> Self {
        if let Some((advice, replaces)) = advice {
            self.advice = Some(advice.into());
            self.has_hint = !replaces;
        }
        self
    }

    /// Removes the hint, which does not apply to files of other tools.
    pub(crate) fn without_hint(mut self) -> Self {
        self.has_hint = false;
        self
    }

    /// Returns the name of the file.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Returns what is wrong.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Returns the position, if it is known.
    pub fn place(&self) -> Option<Place> {
        self.place
    }

    /// Returns what is wrong, in one line that is safe for a terminal, and what to do about it.
    pub fn message_and_hint(&self) -> (String, Option<String>) {
        let shown = self.problem.to_string();
        let (message, hint) = match shown.split_once('\n') {
            Some((message, hint)) => (message, Some(hint)),
            None => (&*shown, None),
        };
        let hint = hint.filter(|hint| self.has_hint && !hint.is_empty());
        let hints: Vec<_> = [hint, self.advice.as_deref()]
            .into_iter()
            .flatten()
            .collect();
        let hint = (!hints.is_empty()).then(|| escaped(&hints.join("; ")));
        (escaped(message), hint)
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
        if let Some(Place { line, column }) = self.place {
            write!(f, ":{line}:{column}")?;
        }
        let (message, hint) = self.message_and_hint();
        write!(f, ":{label:#} {message}")?;
        if let Some(excerpt) = &self.excerpt {
            let (line, below) = excerpt.rsplit_once('\n').unwrap_or((excerpt, ""));
            write!(f, "\n{line}\n{caret}{below}{caret:#}")?;
        }
        match hint {
            Some(hint) => write!(f, "\n  {advice}hint:{advice:#} {hint}"),
            None => Ok(()),
        }
    }
}

/// Returns the part of a line around byte `at`, without credentials and safe for a terminal, and
/// the offset of the caret. A secret value may continue on the next line, with its `@` there.
fn excerpt(line: &str, at: usize, is_secret: bool) -> (String, usize) {
    const WIDTH: usize = 100;
    /// Credentials reach no farther, and a line may be as long as the file.
    const REACH: usize = 4 * MAX_TEXT;
    let boundary = |index: usize| {
        let mut before = (0..=index.min(line.len())).rev();
        before.find(|&index| line.is_char_boundary(index))
    };
    let start = boundary(at.saturating_sub(REACH)).unwrap_or_default();
    let line = &line[start..boundary(at + REACH).unwrap_or_default()];
    let at = (at - start).min(line.len());
    let mut secrets = credentials(line);
    let caret = line[..at].chars().count();
    if is_secret && !line.contains('@') {
        secrets.push(at..line.len());
    }
    let from = caret.saturating_sub(WIDTH * 3 / 4);
    let mut shown = String::new();
    let mut indent = 0;
    if from > 0 {
        shown.push('…');
    }
    for (i, (index, c)) in line.char_indices().enumerate().skip(from).take(WIDTH) {
        if i == caret {
            indent = shown.chars().count();
        }
        match secrets.iter().find(|secret| secret.contains(&index)) {
            Some(secret) if secret.start == index || i == from => shown.push('…'),
            Some(_) => {}
            None if c == '\t' => shown.push(' '),
            None => shown.push_str(&escaped(c.encode_utf8(&mut [0; 4]))),
        }
    }
    let length = line.chars().count();
    if caret >= length {
        indent = shown.chars().count();
    }
    if from + WIDTH < length {
        shown.push('…');
    }
    (shown.trim_end().to_owned(), indent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caret_points_at_the_column() {
        let problem = Problem::UnknownKey("rep".into(), "did you mean `repo`?".into());
        let error = ConfigError::at("vanity.yaml", problem, "/a:\n  rep: x\n", 6);
        assert_eq!(
            error.to_string(),
            "vanity.yaml:2:3: unknown key `rep`\n  2 |   rep: x\n    |   ^\n  \
             hint: did you mean `repo`?"
        );
    }

    #[test]
    fn excerpt_cuts_long_lines_and_masks_credentials() {
        assert_eq!(
            excerpt("a\tb\u{1b}c", 4, false),
            ("a b\\u{1b}c".to_owned(), 9)
        );
        let (shown, caret) = excerpt(&"x".repeat(1000), 499, false);
        assert_eq!((shown.chars().count(), caret), (102, 76));
        assert_eq!(excerpt("", 0, false), (String::new(), 0));
        assert_eq!(
            excerpt("  repo: https://bob:hunter2@h/a # x", 32, false),
            ("  repo: https://…@h/a # x".to_owned(), 22)
        );
        let password = format!("https://bob:{}@h", "x".repeat(200));
        assert!(!excerpt(&password, 149, false).0.contains('x'));
        assert_eq!(
            excerpt("  repo: https://bob:hunter2", 8, true),
            ("  repo: …".to_owned(), 8)
        );
    }
}
