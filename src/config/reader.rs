//! The maps of the file: serde visitors for the top level, which mixes modules and settings, and
//! for a module.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{
    Deserialize as _, DeserializeSeed, Deserializer, Error, IgnoredAny, IntoDeserializer as _,
    MapAccess, Visitor,
};

use super::file::MAX_FILE;
use super::hints;
use super::model::{Config, MODULE_KEYS, Module, SETTINGS, Setting};
use super::problem::Problem;
use super::raw::RawModule;
use super::scalar::{Boolean, Description, REJECTED, Rejection, Text, reject};
use super::values;
use crate::module::Key;

/// A file that was read, before the checks that need all of it.
pub(super) struct Walk<'a> {
    pub config: Config,
    /// The byte offsets of the modules' keys, if known.
    pub keys: Vec<Option<usize>>,
    /// The entries to skip, because they are known to be wrong.
    skipped: &'a [usize],
    /// How many entries were started.
    entries: usize,
    /// The total text of the modules in bytes; with aliases, this can exceed the file's size.
    bytes: usize,
}

/// Reads a whole file except the entries in `skipped`.
pub(super) fn read<'a>(text: &str, skipped: &'a [usize]) -> Result<Walk<'a>, Box<Rejection>> {
    let mut walk = Walk {
        config: Config::default(),
        keys: Vec::new(),
        skipped,
        entries: 0,
        bytes: 0,
    };
    let index_of = |address: usize| {
        let index = address.checked_sub(text.as_ptr().addr())?;
        // The address of a quoted key is that of the text after its quote.
        let quote = text.get(..index)?.ends_with(['"', '\'']);
        Some(index - usize::from(quote))
    };
    REJECTED.take();
    let entries = Entries {
        walk: &mut walk,
        under_paths: false,
    };
    let error = match entries.deserialize(serde_yaml::Deserializer::from_str(text)) {
        Ok(()) => {
            for key in &mut walk.keys {
                *key = key.and_then(index_of);
            }
            return Ok(walk);
        }
        Err(error) => error,
    };
    let index = error.location().map(|location| location.index());
    let entry = walk.entries.checked_sub(1);
    Err(Box::new(match REJECTED.take() {
        Some(rejection) => Rejection {
            index: rejection.index.and_then(index_of).or(index),
            entry,
            ..rejection
        },
        None => {
            let (problem, index) = hints::explain(text, &error.to_string(), index);
            Rejection {
                problem,
                index,
                rewritten: false,
                entry,
            }
        }
    }))
}

/// Bit set of known keys that were read; there are fewer than 32.
#[derive(Default)]
struct SeenKeys(u32);

impl SeenKeys {
    /// Returns the index of a key among the known ones. Rejects unknown and duplicate keys.
    fn insert(
        &mut self,
        key: &str,
        known: &[&str],
        advice: fn(&str) -> String,
    ) -> Result<usize, Problem> {
        let Some(index) = known.iter().position(|name| *name == key) else {
            return Err(Problem::UnknownKey(key.into(), advice(key)));
        };
        let bit = 1 << index;
        if self.0 & bit != 0 {
            return Err(Problem::Twice(key.into(), None));
        }
        self.0 |= bit;
        Ok(index)
    }
}

/// A map from paths to modules: the whole file, including settings, or the map under `paths:`.
struct Entries<'w, 'a> {
    walk: &'w mut Walk<'a>,
    under_paths: bool,
}

/// A key of [`Entries`].
enum Entry {
    Module(Key, Option<usize>),
    Setting(Setting),
}

impl<'de> DeserializeSeed<'de> for Entries<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
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
        let Self { walk, under_paths } = self;
        let mut seen = SeenKeys::default();
        let mut entry = |text: &str, address| {
            if Key::is_path(text) {
                return Ok(Entry::Module(Key::parse(text)?, address));
            }
            if under_paths {
                let advice = hints::for_key_under_paths(text);
                return Err(Problem::NotAPath(text.into(), advice));
            }
            let index = seen.insert(text, &SETTINGS, hints::for_setting)?;
            Ok(Entry::Setting(Setting::ALL[index]))
        };
        loop {
            walk.entries += 1;
            if walk.skipped.contains(&(walk.entries - 1)) {
                if map.next_entry::<IgnoredAny, IgnoredAny>()?.is_none() {
                    return Ok(());
                }
                continue;
            }
            let Some(entry) = map.next_key_seed(Text::new("a path or a setting", &mut entry))?
            else {
                return Ok(());
            };
            let config = &mut walk.config;
            match entry {
                Entry::Module(key, address) => {
                    let (module, bytes) = map.next_value_seed(ModuleSeed { key, address })?;
                    walk.bytes += bytes;
                    if walk.bytes > MAX_FILE {
                        return Err(reject(Problem::Aliases, address, false));
                    }
                    walk.keys.push(address);
                    config.modules.push(module);
                }
                Entry::Setting(Setting::Host) => config.host = Some(map.next_value()?),
                Entry::Setting(Setting::CacheMaxAge) => {
                    let parse = |text: &str, _| values::seconds(text);
                    config.cache_max_age =
                        map.next_value_seed(Text::new("a number of seconds", parse))?;
                }
                Entry::Setting(Setting::Docs) => {
                    let parse = |text: &str, _| values::docs_site(text);
                    config.docs = map.next_value_seed(Text::new("a URL or `none`", parse))?;
                }
                Entry::Setting(Setting::Index) => config.index = map.next_value()?,
                Entry::Setting(Setting::Redirect) => {
                    config.redirect = map.next_value::<Boolean>()?.0;
                }
                Entry::Setting(Setting::Title) => {
                    let parse = |text: &str, _| values::line(text, "title");
                    config.title = map.next_value_seed(Text::new("one line of text", parse))?;
                }
                Entry::Setting(Setting::Description) => {
                    config.description = map.next_value::<Description>()?.0;
                }
                Entry::Setting(Setting::Paths) => map.next_value_seed(Entries {
                    walk: &mut *walk,
                    under_paths: true,
                })?,
            }
        }
    }
}

/// Reads the value of a module's key, and its size in bytes.
struct ModuleSeed {
    key: Key,
    address: Option<usize>,
}

impl<'de> DeserializeSeed<'de> for ModuleSeed {
    type Value = (Module, usize);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ModuleSeed {
    type Value = (Module, usize);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map with `repo`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        let advice = hints::for_text_as_module(text);
        Err(reject(
            Problem::TextAsModule(text.into(), advice),
            None,
            false,
        ))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        let problem = Problem::EmptyModule(self.key.to_string());
        Err(reject(problem, self.address, false))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let map = CheckedKeys(map, SeenKeys::default());
        let raw = RawModule::deserialize(MapAccessDeserializer::new(map))?;
        raw.into_module(self.key)
            .map_err(|(problem, address)| reject(problem, address.or(self.address), false))
    }
}

/// A module's map, with its keys checked before the derived code sees them: serde reports unknown
/// and duplicate keys as text, without their positions.
struct CheckedKeys<A>(A, SeenKeys);

impl<'de, A: MapAccess<'de>> MapAccess<'de> for CheckedKeys<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        let seen = &mut self.1;
        let check = |text: &str, _| seen.insert(text, &MODULE_KEYS, hints::for_module_key);
        match self
            .0
            .next_key_seed(Text::new("a key of a module", check))?
        {
            Some(index) => seed
                .deserialize(MODULE_KEYS[index].into_deserializer())
                .map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.0.next_value_seed(seed)
    }
}
