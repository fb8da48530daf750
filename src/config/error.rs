//! What is wrong with a configuration, and where: printed the way rustc prints it.

use std::fmt;

use crate::module::{Problem, escaped};

/// A place in the file; both count from 1, and a column is a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub line: usize,
    pub column: usize,
}

impl Place {
    /// The place of a byte of a text.
    pub fn of(text: &str, index: usize) -> Self {
        let before = text.get(..index).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

/// Why a configuration was refused.
///
/// Displayed as `FILE:LINE:COLUMN: problem`, the line itself with a caret below the column,
/// and a hint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    file: Box<str>,
    place: Option<Place>,
    /// The line, as far as it is shown, with the caret beneath.
    excerpt: Option<Box<str>>,
    problem: Problem,
}

impl ConfigError {
    pub(crate) fn new(file: &str, problem: Problem, place: Option<Place>) -> Self {
        Self {
            file: file.into(),
            place,
            excerpt: None,
            problem,
        }
    }

    /// Adds the line to point at.
    pub(crate) fn with_line_of(mut self, text: &str) -> Self {
        self.excerpt = self.place.and_then(|Place { line, column }| {
            let text = text.lines().nth(line - 1)?;
            let masked = self
                .problem
                .secret
                .as_ref()
                .map(|secret| text.replace(&**secret, "…"));
            let (shown, caret) = window(masked.as_deref().unwrap_or(text), column);
            let margin = line.to_string().len();
            (!shown.is_empty())
                .then(|| format!("  {line} | {shown}\n  {:margin$} | {:caret$}^", "", "").into())
        });
        self
    }

    /// The same error, for a file to which the advice does not apply.
    pub(crate) fn without_hint(mut self) -> Self {
        self.problem.hint = None;
        self
    }

    /// What is wrong, without the place.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// The line of the file, from 1, where the place is known.
    pub fn line(&self) -> Option<usize> {
        self.place.map(|place| place.line)
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", escaped(&self.file))?;
        if let Some(Place { line, column }) = self.place {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", escaped(&self.problem.message))?;
        if let Some(excerpt) = &self.excerpt {
            write!(f, "\n{excerpt}")?;
        }
        if let Some(hint) = &self.problem.hint {
            write!(f, "\n  hint: {}", escaped(hint))?;
        }
        Ok(())
    }
}

/// The part of a line around a column, safe for a terminal, and how far in the caret stands.
fn window(line: &str, column: usize) -> (String, usize) {
    const WIDTH: usize = 100;
    let caret = column - 1;
    let from = caret.saturating_sub(WIDTH * 3 / 4);
    let mut shown = String::new();
    let mut indent = 0;
    if from > 0 {
        shown.push('…');
    }
    for (i, c) in line.chars().enumerate().skip(from).take(WIDTH) {
        if i == caret {
            indent = shown.chars().count();
        }
        if c == '\t' {
            shown.push(' ');
        } else {
            shown.push_str(&escaped(c.encode_utf8(&mut [0; 4])));
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
    fn the_caret_stands_below_the_column() {
        let error = ConfigError::new(
            "vanity.yaml",
            Problem::new("unknown key `rep`").hint("did you mean `repo`?"),
            Some(Place { line: 2, column: 3 }),
        )
        .with_line_of("/a:\n  rep: x\n");
        assert_eq!(
            error.to_string(),
            "vanity.yaml:2:3: unknown key `rep`\n  2 |   rep: x\n    |   ^\n  \
             hint: did you mean `repo`?"
        );
    }

    #[test]
    fn long_lines_and_odd_characters_are_cut_to_size() {
        assert_eq!(window("a\tb\u{1b}c", 5), ("a b\\u{1b}c".to_owned(), 9));
        let (shown, caret) = window(&"x".repeat(1000), 500);
        assert_eq!((shown.chars().count(), caret), (102, 76));
        assert_eq!(window("", 1), (String::new(), 0));
    }
}
