//! Scalars: parsed inside serde, where their position is known. Also carries problems through
//! serde.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error, VariantAccess as _, Visitor,
};

use super::model::{Index, ModuleDocs};
use super::problem::Problem;
use super::scan::MAX_TEXT;
use super::values;
use crate::module::{Forge, Host, RepoUrl, Vcs, WebUrl};

/// A problem that is passing through serde.
#[derive(Debug)]
pub(super) struct Rejection {
    pub problem: Problem,
    /// The address of the text at fault, if it is another than the value that serde is reading.
    pub address: Option<usize>,
    /// Whether the value spans several lines, which is rarely intended.
    pub rewritten: bool,
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
        address,
        rewritten,
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

    /// Asks for an enum, because that rejects a list or a map without consuming its start, so that
    /// reading can go on after it.
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        let expected = self.0;
        let rejected = |error: &D::Error| {
            let message = error.to_string();
            let types = message.split_once("invalid type: ").map(|(_, types)| types);
            let (found, advice) = match types
                .and_then(|types| types.split_once(", expected a YAML tag"))
            {
                Some(("sequence", _)) => ("a list", "write it without brackets"),
                Some(("map", _)) => ("a map", "write one value after the colon, on the same line"),
                _ => return,
            };
            reject::<D::Error>(Problem::shape(expected, found, advice), None, false);
        };
        deserializer
            .deserialize_enum("", &[], self)
            .inspect_err(rejected)
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

    fn visit_enum<A: EnumAccess<'de>>(self, scalar: A) -> Result<T, A::Error> {
        let (text, rest) = scalar.variant_seed(Verbatim(self.0))?;
        // Of a value with a tag, only the tag has been read.
        rest.unit_variant()?;
        if text.len() > MAX_TEXT {
            let problem = Problem::TooLong(text.into(), MAX_TEXT);
            return Err(reject(problem, None, false));
        }
        let address = match text {
            Cow::Borrowed(text) => Some(text.as_ptr().addr()),
            Cow::Owned(_) => None,
        };
        self.1(&text, address).map_err(|problem| reject(problem, None, address.is_none()))
    }
}

/// The text of a scalar, as the file spells it: deserialize_any would read 1.10 as a number.
/// Borrowed if the file has it verbatim.
struct Verbatim(&'static str);

impl<'de> DeserializeSeed<'de> for Verbatim {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Verbatim {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// Implements `Deserialize` with the values' parsers, which run where serde knows the position.
macro_rules! values {
    ($($type:ty: $expected:literal, $parse:expr;)*) => {$(
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Text::new($expected, $parse).deserialize(deserializer)
            }
        }
    )*};
}

/// A value, and the address of its text if the file has it verbatim.
pub(super) struct At<T>(pub T, pub Option<usize>);
pub(super) struct Seconds(pub u32);
pub(super) struct DocsSite(pub Option<WebUrl>);
pub(super) struct Title(pub Option<Box<str>>);
pub(super) struct Subdir(pub Box<str>);
pub(super) struct Display(pub Box<str>);
pub(super) struct Branch(pub Box<str>);
pub(super) struct Description(pub Option<Box<str>>);
pub(super) struct Proxy(pub RepoUrl);
pub(super) struct Boolean(pub bool);

values! {
    Seconds: "a number of seconds", |text, _| values::seconds(text).map(Seconds);
    DocsSite: "a URL or `none`", |text, _| values::docs_site(text).map(DocsSite);
    Title: "one line of text", |text, _| values::line(text, "title").map(Title);
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
