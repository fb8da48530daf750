//! Scalars: parsed inside serde, where their position is known. Also carries problems through
//! serde.

use std::cell::Cell;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, Visitor};

use super::model::{Index, ModuleDocs};
use super::problem::Problem;
use super::scan::MAX_TEXT;
use super::values;
use crate::module::{Forge, Host, RepoUrl, Vcs, quoted};

/// Why reading stopped.
#[derive(Debug)]
pub(super) struct Rejection {
    pub problem: Problem,
    /// The byte offset of the problem.
    pub index: Option<usize>,
    /// Whether the value spans several lines, which is rarely intended.
    pub rewritten: bool,
    /// The entry that was being read: a module or a setting, counted from 0. None if the file as a
    /// whole is wrong.
    pub entry: Option<usize>,
}

thread_local! {
    /// The problem that is passing through serde, whose own errors are text only.
    pub(super) static REJECTED: Cell<Option<Rejection>> = const { Cell::new(None) };
}

/// Returns a serde error that stands for a problem of ours. Its position is that of the value that
/// serde is reading, unless there is an address.
pub(super) fn reject<E: Error>(problem: Problem, address: Option<usize>, rewritten: bool) -> E {
    REJECTED.set(Some(Rejection {
        problem,
        index: address,
        rewritten,
        entry: None,
    }));
    E::custom("rejected")
}

/// A scalar: its name in messages, and its parser. The second argument of the parser is the address
/// of the text, if the file has it verbatim.
pub(super) struct Text<F>(&'static str, F);

impl<F> Text<F> {
    pub fn new<T>(expected: &'static str, parse: F) -> Self
    where
        F: FnOnce(&str, Option<usize>) -> Result<T, Problem>,
    {
        Self(expected, parse)
    }
}

impl<'de, T, F> DeserializeSeed<'de> for Text<F>
where
    F: FnOnce(&str, Option<usize>) -> Result<T, Problem>,
{
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        // Not deserialize_any, which reads 1.10 as a number.
        deserializer.deserialize_str(self)
    }
}

impl<'de, T, F> Visitor<'de> for Text<F>
where
    F: FnOnce(&str, Option<usize>) -> Result<T, Problem>,
{
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<T, E> {
        parse(text, Some(text.as_ptr().addr()), self.1)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        parse(text, None, self.1)
    }
}

fn parse<T, E: Error>(
    text: &str,
    address: Option<usize>,
    parse: impl FnOnce(&str, Option<usize>) -> Result<T, Problem>,
) -> Result<T, E> {
    if text.len() > MAX_TEXT {
        return Err(reject(Problem::TooLong(text.into(), MAX_TEXT), None, false));
    }
    parse(text, address).map_err(|problem| reject(problem, None, address.is_none()))
}

/// Implements `Deserialize` with the values' parsers, which run where serde knows the position.
macro_rules! values {
    ($($type:ty: $expected:literal, $parse:expr;)*) => {$(
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Text::new($expected, $parse))
            }
        }
    )*};
}

/// A value, and the address of its text if the file has it verbatim.
pub(super) struct At<T>(pub T, pub Option<usize>);
pub(super) struct Subdir(pub Box<str>);
pub(super) struct Display(pub Box<str>);
pub(super) struct Branch(pub Box<str>);
pub(super) struct Description(pub Option<Box<str>>);
pub(super) struct Proxy(pub RepoUrl);
pub(super) struct Boolean(pub bool);

values! {
    Host: "a domain", |text, _| Ok(Host::parse(text)?);
    Vcs: "a vcs", |text, _| Ok(Vcs::parse(text)?);
    Forge: "a forge", |text, _| Ok(Forge::parse(text)?);
    At<RepoUrl>: "a repository URL", |text, at| Ok(At(RepoUrl::parse(text)?, at));
    Subdir: "a directory", |text, _| values::subdir(text).map(Subdir);
    Display: "three fields", |text, _| values::display(text).map(Display);
    Branch: "a branch", |text, _| values::branch(text).map(Branch);
    ModuleDocs: "a URL or `none`", |text, _| values::module_docs(text);
    Index: "`list`, `none` or a URL", |text, _| values::index(text);
    Description: "one line of text", |text, _| values::line(text, "description").map(Description);
    Proxy: "the address of a module proxy", |text, _| values::proxy(text).map(Proxy);
    Boolean: "true or false", |text, _| values::boolean(text).map(Boolean);
}

impl Rejection {
    /// Returns a hint from the text at the problem's position, and whether it replaces the
    /// problem's own.
    pub fn advice(&self, text: &str) -> Option<(String, bool)> {
        let source = self.index.and_then(|index| text.get(index..))?;
        if let Some(anchored) = source.strip_prefix('&') {
            let name = anchored
                .split(char::is_whitespace)
                .next()
                .unwrap_or_default();
            let alias = quoted(&format!("*{name}"));
            return Some((format!("look also where {alias} uses it"), false));
        }
        let goes_on = "it goes on in the next line: is that indented too far, or a `}` missing?";
        (self.rewritten && !source.starts_with(['"', '\'', '|', '>', '!']))
            .then(|| (goes_on.to_owned(), true))
    }
}
