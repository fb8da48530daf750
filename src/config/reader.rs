//! The maps of the file: serde visitors for the top level, which mixes modules and settings, and
//! for a module.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{
    Deserialize as _, DeserializeSeed, Deserializer, Error, IgnoredAny, IntoDeserializer as _,
    MapAccess, SeqAccess, Visitor,
};

use super::error::ConfigError;
use super::file::MAX_FILE;
use super::hints;
use super::model::{Config, MODULE_KEYS, SETTINGS};
use super::problem::Problem;
use super::raw::RawModule;
use super::scalar::{
    Boolean, Description, DocsSite, REJECTED, Rejection, Seconds, Text, Title, reject,
};
use crate::module::Key;
use crate::text::quoted;

/// A file that was read, before the checks that need all of it.
pub(super) struct Walk<'t> {
    /// The file's name in errors.
    name: &'t str,
    pub text: &'t str,
    pub config: Config,
    /// The byte offsets of each module's key and `repo`, if known; as u32 to keep them small.
    pub places: Vec<[Option<u32>; 2]>,
    pub errors: Vec<ConfigError>,
    /// The most errors to look for.
    pub most: usize,
    /// Whether the rest of the file is left unread.
    pub stopped: bool,
    /// The total text of the modules in bytes; with aliases, this can exceed the file's size.
    bytes: usize,
}

/// Reads a whole file, or as much as it takes to find `most` errors.
pub(super) fn read<'t>(name: &'t str, text: &'t str, most: usize) -> Walk<'t> {
    let mut walk = Walk {
        name,
        text,
        config: Config::default(),
        places: Vec::new(),
        errors: Vec::new(),
        most,
        stopped: false,
        bytes: 0,
    };
    REJECTED.take();
    let mut documents = serde_yaml::Deserializer::from_str(text);
    let first = documents
        .next()
        .map(|first| first.deserialize_any(Entries(&mut walk, false)));
    let second = first
        .unwrap_or(Ok(()))
        .map(|()| documents.next().map(IgnoredAny::deserialize));
    let error = match second {
        Ok(None) => return walk,
        Ok(Some(Ok(_))) => Error::custom("more than one document"),
        Ok(Some(Err(error))) | Err(error) => error,
    };
    if !walk.stopped {
        let index = error.location().map(|location| location.index());
        let (problem, index, rewritten) = walk.meant(&error.to_string(), index);
        // In a file that is not YAML, only the first error is meaningful.
        match problem {
            Problem::Syntax(_) if !walk.errors.is_empty() => walk.errors.truncate(1),
            _ => _ = walk.push(problem, index, rewritten),
        }
        walk.stopped = true;
    }
    walk
}

impl Walk<'_> {
    /// Returns the byte offset of a key or a value, given the address of its text.
    fn index_of(&self, address: Option<usize>) -> Option<usize> {
        let index = address?.checked_sub(self.text.as_ptr().addr())?;
        let is_quoted = self.text.get(..index)?.ends_with(['"', '\'']);
        Some(index - usize::from(is_quoted))
    }

    /// Returns the byte offset of the value after a path, given that of the path.
    fn value_after(&self, key: usize) -> Option<usize> {
        let (_, mut rest) = self.text.get(key..)?.split_once(':')?;
        loop {
            rest = rest.trim_start();
            match rest.strip_prefix('#') {
                Some(comment) => rest = comment.trim_start_matches(|c| c != '\n'),
                None => return Some(self.text.len() - rest.len()),
            }
        }
    }

    /// Returns the problem behind an error of serde, its place, which is `index` unless the problem
    /// has its own, and whether the value is rewritten.
    fn meant(&self, message: &str, index: Option<usize>) -> (Problem, Option<usize>, bool) {
        if let Some(rejection) = REJECTED.take() {
            let index = self.index_of(rejection.address).or(index);
            return (rejection.problem, index, rejection.rewritten);
        }
        let (problem, index) = hints::explain(self.text, message, index);
        (problem, index, false)
    }

    /// Records an error, with a hint from the text at its position. Fails once there are enough
    /// errors.
    pub fn push(
        &mut self,
        mut problem: Problem,
        mut index: Option<usize>,
        rewritten: bool,
    ) -> Result<(), &'static str> {
        let source = index.and_then(|index| self.text.get(index..));
        let source = source.unwrap_or_default();
        let mut hint = None;
        if let Some((lookalike, offset)) = hints::lookalike(source, &problem) {
            (problem, index) = (lookalike, index.map(|index| index + offset));
        } else if let Problem::UnknownKey(..) | Problem::Shape { .. } = problem
            && self.errors.is_empty()
            && let Some(tool) = hints::other_tool(self.text)
        {
            let file = self.name.to_owned();
            (problem, self.most) = (Problem::OtherTool { tool, file }, 0);
        } else if let Problem::Shape { advice, .. } = &mut problem
            && source.starts_with('-')
        {
            *advice = "write it without the dash".into();
        } else if source.starts_with('&') && !matches!(problem, Problem::Syntax(_)) {
            let name = source[1..].split(char::is_whitespace).next();
            let alias = quoted(&format!("*{}", name.unwrap_or_default()));
            hint = Some((format!("look also where {alias} uses it"), false));
        } else if rewritten && !source.starts_with(['"', '\'', '|', '>', '!']) {
            let goes_on =
                "it goes on in the next line: is that indented too far, or a `}` missing?";
            hint = Some((goes_on.into(), true));
        }
        let error = match index {
            Some(index) => ConfigError::at(self.name, problem, self.text, index),
            None => ConfigError::new(self.name, problem),
        };
        self.errors.push(error.with_advice(hint));
        self.stopped |= self.errors.len() >= self.most;
        match self.stopped {
            true => Err("enough errors"),
            false => Ok(()),
        }
    }

    /// Records an error, and skips the rest of the entry that it is in. `has_key` says whether the
    /// entry's key was read. Fails if reading cannot go on.
    fn skip<'de, A: MapAccess<'de>>(
        &mut self,
        error: A::Error,
        map: &mut A,
        has_key: bool,
    ) -> Result<(), A::Error> {
        let message = error.to_string();
        let rejection = REJECTED.take();
        // A list or a map in place of a text.
        let is_shape = |found: &Rejection| matches!(found.problem, Problem::Shape { .. });
        let unread = rejection.as_ref().is_some_and(is_shape);
        // The start of a list or a map has been read, and its end cannot be found.
        let is_scalar = message
            .split_once("invalid type: ")
            .is_some_and(|(_, found)| !found.starts_with("sequence") && !found.starts_with("map"));
        let can_go_on = rejection.is_some() || is_scalar;
        REJECTED.set(rejection);
        // The parser omits the first position of the file.
        let index = hints::position_in(self.text, &message).unwrap_or(0);
        // An alias has been read, though the list or map that it stands for has not.
        let may_be_alias = unread && self.text[index..].starts_with(['&', '!']);
        if self.stopped || !can_go_on || may_be_alias {
            return Err(error);
        }
        let (problem, index, rewritten) = self.meant(&message, Some(index));
        self.push(problem, index, rewritten)
            .map_err(Error::custom)?;
        for _ in 0..usize::from(unread) + usize::from(!has_key) {
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }

    /// Reads the value of an entry.
    fn read_value<'de, A: MapAccess<'de>>(
        &mut self,
        entry: Entry,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let config = &mut self.config;
        match entry {
            Entry::Module(key, address) => {
                let walk = self;
                map.next_value_seed(Any(ModuleVisitor { walk, key, address }))?;
            }
            Entry::Setting("host") => config.host = Some(map.next_value()?),
            Entry::Setting("cache_max_age") => {
                config.cache_max_age = map.next_value::<Seconds>()?.0;
            }
            Entry::Setting("docs") => config.docs = map.next_value::<DocsSite>()?.0,
            Entry::Setting("index") => config.index = map.next_value()?,
            Entry::Setting("redirect") => config.redirect = map.next_value::<Boolean>()?.0,
            Entry::Setting("title") => config.title = map.next_value::<Title>()?.0,
            Entry::Setting("description") => {
                config.description = map.next_value::<Description>()?.0;
            }
            Entry::Setting(_) => {
                map.next_value_seed(Any(Entries(self, true)))?;
            }
        }
        Ok(())
    }
}

/// Returns a key as one of those known. Rejects unknown and duplicate keys; `seen` has a bit for
/// each known key that was read.
fn known_key(
    key: &str,
    known: &[&'static str],
    seen: &mut u32,
    advice: fn(&str) -> String,
) -> Result<&'static str, Problem> {
    let Some(index) = known.iter().position(|name| *name == key) else {
        return Err(Problem::UnknownKey(key.into(), advice(key)));
    };
    let (bit, key) = (1 << index, known[index]);
    if *seen & bit != 0 {
        let (key, line, first) = (key.into(), None, None);
        return Err(Problem::Twice { key, line, first });
    }
    *seen |= bit;
    Ok(key)
}

/// A map from paths to modules: the whole file, including settings, or the map under `paths:`
/// (true).
struct Entries<'w, 't>(&'w mut Walk<'t>, bool);

/// A key of [`Entries`].
enum Entry {
    /// With the address of its text.
    Module(Key, Option<usize>),
    Setting(&'static str),
}

/// Reads a value of any type with a visitor.
struct Any<V>(V);

impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for Any<V> {
    type Value = V::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        deserializer.deserialize_any(self.0)
    }
}

impl<'de> Visitor<'de> for Entries<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map from paths to modules")
    }

    /// An empty file.
    fn visit_none<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    /// A file with only `---`, or nothing under `paths:`.
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self(walk, under_paths) = self;
        let mut seen = 0;
        let mut entry = |text: &str, address| {
            if Key::is_path(text) {
                return Ok(Entry::Module(Key::parse(text)?, address));
            }
            if under_paths {
                let advice = hints::for_key_under_paths(text);
                return Err(Problem::NotAPath(text.into(), advice));
            }
            let setting = known_key(text, &SETTINGS, &mut seen, hints::for_setting)?;
            Ok(Entry::Setting(setting))
        };
        loop {
            let key = Text::new("a path or a setting", &mut entry);
            let (read, has_key) = match map.next_key_seed(key) {
                Ok(None) => return Ok(()),
                Ok(Some(entry)) => (walk.read_value(entry, &mut map), true),
                Err(error) => (Err(error), false),
            };
            if let Err(error) = read {
                walk.skip(error, &mut map, has_key)?;
            }
        }
    }
}

/// Reads the value of a module's key.
struct ModuleVisitor<'w, 't> {
    walk: &'w mut Walk<'t>,
    key: Key,
    address: Option<usize>,
}

impl<'de> Visitor<'de> for ModuleVisitor<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map with `repo`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        let problem = Problem::TextAsModule(text.into(), hints::for_text_as_module(text));
        Err(reject(problem, None, false))
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        let problem = Problem::EmptyModule(self.key.to_string());
        Err(reject(problem, self.address, false))
    }

    /// Rejects a list once all of it is read, so that reading can go on after it.
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        let Self { walk, address, .. } = self;
        let problem = Problem::shape("a map with `repo`", "a list", "write it without brackets");
        let key = walk.index_of(address);
        let start = key.and_then(|key| walk.value_after(key));
        walk.push(problem, start.or(key), false)
            .map_err(Error::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { walk, key, address } = self;
        let mut keys = CheckedKeys {
            map: &mut map,
            seen: 0,
            has_key: false,
        };
        let raw = match RawModule::deserialize(MapAccessDeserializer::new(&mut keys)) {
            Ok(raw) => raw,
            Err(error) => {
                let has_key = keys.has_key;
                walk.skip(error, &mut map, has_key)?;
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                return Ok(());
            }
        };
        let index = walk.index_of(address);
        let repo = walk.index_of(raw.repo.as_ref().and_then(|repo| repo.1));
        match raw.into_module(key) {
            Err((problem, address)) => {
                let index = walk.index_of(address).or(index);
                walk.push(problem, index, false).map_err(Error::custom)
            }
            Ok((_, bytes)) if walk.bytes + bytes > MAX_FILE => {
                walk.most = 0;
                walk.push(Problem::Aliases, index, false)
                    .map_err(Error::custom)
            }
            Ok((module, bytes)) => {
                walk.bytes += bytes;
                let small = |index: Option<usize>| index?.try_into().ok();
                walk.places.push([index, repo.or(index)].map(small));
                walk.config.modules.push(module);
                Ok(())
            }
        }
    }
}

/// A module's map, with its keys checked before the derived code sees them: serde reports unknown
/// and duplicate keys as text, without their positions.
struct CheckedKeys<'m, A> {
    map: &'m mut A,
    seen: u32,
    /// Whether a key was read, and its value comes next.
    has_key: bool,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for CheckedKeys<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        self.has_key = false;
        let check =
            |text: &str, _| known_key(text, &MODULE_KEYS, &mut self.seen, hints::for_module_key);
        let Some(key) = self
            .map
            .next_key_seed(Text::new("a key of a module", check))?
        else {
            return Ok(None);
        };
        self.has_key = true;
        seed.deserialize(key.into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}
