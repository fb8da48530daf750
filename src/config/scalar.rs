//! A scalar: text that is parsed where it stands.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, Visitor};

use super::read::Reader;
use crate::module::{Problem, quoted};

/// No value is longer: the limits of each are lower, and this one holds for all.
const MAX_TEXT: usize = 4096;

/// A scalar, what it is called in a message, and what makes a value of it.
pub(super) struct Scalar<'r, P> {
    reader: &'r Reader<'r>,
    expected: &'static str,
    takes: Takes,
    parse: P,
}

/// Which type of YAML's a scalar may have. Where text is wanted, others are refused: what YAML
/// takes for a number loses its spelling, so that the branch 1.10 would become 1.1.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    Text,
    Number,
    Boolean,
}

impl<'r, P> Scalar<'r, P> {
    pub fn text<T>(reader: &'r Reader<'r>, expected: &'static str, parse: P) -> Self
    where
        P: FnOnce(&str) -> Result<T, Problem>,
    {
        Self {
            reader,
            expected,
            takes: Takes::Text,
            parse,
        }
    }

    pub fn or(self, takes: Takes) -> Self {
        Self { takes, ..self }
    }
}

impl<'de, T, P: FnOnce(&str) -> Result<T, Problem>> DeserializeSeed<'de> for Scalar<'_, P> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        // Not deserialize_str: it would take null for the text "null", and drop a tag.
        deserializer.deserialize_any(self)
    }
}

impl<T, P: FnOnce(&str) -> Result<T, Problem>> Scalar<'_, P> {
    fn parse<E: Error>(self, text: &str) -> Result<T, E> {
        let reader = self.reader;
        let checked = if text.len() > MAX_TEXT {
            Err(
                Problem::new(format!("{} is longer than {MAX_TEXT} bytes", quoted(text)))
                    .hint("is it the right file, and every quotation mark closed?"),
            )
        } else if !reader.has_room_for(text) {
            Err(
                Problem::new("with its aliases written out the file is too large")
                    .hint("repeat fewer modules"),
            )
        } else {
            (self.parse)(text)
        };
        checked.map_err(|problem| reader.refuse(problem))
    }

    /// What YAML takes for a value of another type than text.
    fn typed<E: Error>(self, value: impl fmt::Debug, is: Takes) -> Result<T, E> {
        let text = format!("{value:?}");
        let (reader, takes) = (self.reader, self.takes);
        let parsed = self.parse(&text)?;
        if takes == is {
            return Ok(parsed);
        }
        let taken_for = match is {
            Takes::Boolean => "true or false",
            Takes::Number | Takes::Text => "a number",
        };
        Err(reader.refuse(
            Problem::new(format!("YAML takes this for {taken_for}, not for text"))
                .hint("put it in quotation marks"),
        ))
    }
}

impl<'de, T, P: FnOnce(&str) -> Result<T, Problem>> Visitor<'de> for Scalar<'_, P> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<T, E> {
        self.parse(text)
    }

    /// Text that stands otherwise in the file: over several lines, or with escapes.
    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        let reader = self.reader;
        self.parse(text).inspect_err(|_| reader.rewritten.set(true))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<T, E> {
        self.typed(value, Takes::Boolean)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<T, E> {
        self.typed(value, Takes::Number)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<T, E> {
        self.typed(value, Takes::Number)
    }

    fn visit_u128<E: Error>(self, value: u128) -> Result<T, E> {
        self.typed(value, Takes::Number)
    }

    fn visit_i128<E: Error>(self, value: i128) -> Result<T, E> {
        self.typed(value, Takes::Number)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<T, E> {
        self.typed(value, Takes::Number)
    }
}
