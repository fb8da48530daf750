//! What is wrong with a value, and what to do about it.

use std::fmt;

use crate::text::quoted;

/// Why something is rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong, in one line. Values in it are quoted.
    pub(crate) message: String,
    /// What to do; empty if there is nothing to advise.
    pub(crate) hint: String,
    /// Whether the text at fault holds a secret, so that it must not be shown.
    pub(crate) is_secret: bool,
}

impl Problem {
    pub(crate) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: hint.into(),
            is_secret: false,
        }
    }

    /// Returns the problem of a URL with a password or a token in it.
    pub(crate) fn credentials() -> Self {
        Self {
            is_secret: true,
            ..Self::new(
                "the URL has credentials in it",
                "the page is public: write the URL without them, and give the go command a .netrc",
            )
        }
    }

    /// Says which value is wrong, and what it should be: "`x` is not a valid path: …".
    pub(crate) fn about(mut self, value: &str, what: &str) -> Self {
        self.message = format!("{} is not a valid {what}: {}", quoted(value), self.message);
        self
    }
}

/// Splits a text at its line break into what is wrong and what to do.
impl From<String> for Problem {
    fn from(text: String) -> Self {
        let (message, hint) = text.split_once('\n').unwrap_or((&text, ""));
        Self::new(message, hint)
    }
}

impl std::error::Error for Problem {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if !self.hint.is_empty() {
            write!(f, "\n{}", self.hint)?;
        }
        Ok(())
    }
}
