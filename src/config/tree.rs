//! The file as small trees, one for each entry, whose nodes know where they are.
//!
//! serde_yaml tells no positions. But a text that the file has verbatim is borrowed from it, so its
//! address does; any other text is placed where the value after its key starts.

use std::borrow::Cow;
use std::fmt;

use serde::de::{
    Deserialize as _, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess,
    Visitor,
};

use super::model::{MODULE_KEYS, SETTINGS};
use crate::module::Key;

/// The most that the keys and values of a file may amount to, in bytes: with aliases, it can be more
/// than the file has.
const MAX_SIZE: usize = 64 << 20;
/// What a key or a value counts for besides its text.
const NODE: usize = 16;

/// A value and the byte offset where it starts.
pub(super) struct Node<'t> {
    pub at: usize,
    pub value: Value<'t>,
}

pub(super) enum Value<'t> {
    /// A scalar as the file spells it. Borrowed if the file has it verbatim.
    Text(Cow<'t, str>),
    /// Nothing, placed at the end of its key; or the value of an unknown key.
    Null,
    List,
    /// The keys of a module.
    Map(Vec<(Node<'t>, Node<'t>)>),
}

/// An entry at the top level or under `paths:` (true).
pub(super) type Entry<'t> = (bool, Node<'t>, Node<'t>);

/// Why the rest of a file is left unread.
pub(super) enum Stop {
    /// A list or a map, as it says, where none can be.
    Shape(&'static str, usize),
    /// A tag where none can be.
    Tag(usize),
    /// With its aliases written out, the file is too large.
    TooLarge,
    /// A second document starts.
    SecondDocument,
    /// What the parser says.
    Syntax(serde_yaml::Error),
}

/// Reads the entries of a file in their order, up to the first error. Returns what the file is, if
/// it is no map.
pub(super) fn read<'t>(
    text: &'t str,
    each: &mut dyn FnMut(Entry<'t>),
) -> Result<Option<Node<'t>>, Stop> {
    let mut documents = serde_yaml::Deserializer::from_str(text);
    let Some(first) = documents.next() else {
        return Ok(None);
    };
    let mut reader = Reader {
        text,
        each,
        size: 0,
        end: 0,
        stop: None,
    };
    let file = Seed {
        reader: &mut reader,
        place: Place::File,
        after: 0,
    };
    let root = match file.deserialize(first) {
        Ok(root) => root,
        Err(error) => {
            return Err(match reader.stop {
                Some(Stop::Shape(found, _)) => Stop::Shape(found, index_of(&error)),
                Some(Stop::Tag(_)) => Stop::Tag(index_of(&error)),
                Some(stop) => stop,
                None => Stop::Syntax(error),
            });
        }
    };
    match documents.next().map(IgnoredAny::deserialize) {
        None => Ok(Some(root)),
        Some(Ok(_)) => Err(Stop::SecondDocument),
        Some(Err(error)) => Err(Stop::Syntax(error)),
    }
}

/// Returns the byte offset of an error. The parser omits the first one of a file.
pub(super) fn index_of(error: &serde_yaml::Error) -> usize {
    error.location().map_or(0, |location| location.index())
}

struct Reader<'t, 'e> {
    text: &'t str,
    each: &'e mut dyn FnMut(Entry<'t>),
    /// The size of what was read, in bytes.
    size: usize,
    /// Where the last text ended that the file has verbatim.
    end: usize,
    /// Why reading stops, if the parser is content.
    stop: Option<Stop>,
}

impl Reader<'_, '_> {
    /// Returns where the value of a key starts, given the end of the key.
    fn value_start(&self, key_end: usize) -> usize {
        let mut rest = &self.text[key_end..];
        if key_end > 0 {
            rest = rest.trim_start_matches(['"', '\'']);
        }
        let mut had_colon = false;
        loop {
            rest = rest.trim_start();
            if rest.starts_with('#') {
                rest = rest.trim_start_matches(|c| c != '\n');
            } else if rest.starts_with(':') && !had_colon {
                had_colon = true;
                rest = &rest[1..];
            } else {
                return self.text.len() - rest.len();
            }
        }
    }

    /// Returns the offset at which the text of a key ends, or that of the key if it is not verbatim.
    fn key_end(&self, key: &Node<'_>) -> usize {
        let Value::Text(text) = &key.value else {
            return key.at;
        };
        let rest = &self.text[key.at..];
        let quote = usize::from(rest.starts_with(['"', '\'']));
        if rest[quote..].starts_with(&**text) {
            key.at + quote + text.len()
        } else {
            key.at
        }
    }
}

/// What a value is expected to be.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    File,
    Paths,
    Module,
    Key,
    Text,
    /// The value of an unknown key.
    Unread,
}

impl Place {
    /// Returns what belongs after a key.
    fn after(self, key: &Value<'_>) -> Self {
        let Value::Text(key) = key else {
            return Self::Unread;
        };
        let is_text = match self {
            Self::File if key == "paths" => return Self::Paths,
            Self::File | Self::Paths if Key::is_path(key) => return Self::Module,
            Self::File => SETTINGS.contains(&&**key),
            Self::Module => MODULE_KEYS.contains(&&**key),
            _ => false,
        };
        if is_text { Self::Text } else { Self::Unread }
    }
}

/// Reads a value. `after` is where its key ends.
struct Seed<'r, 't, 'e> {
    reader: &'r mut Reader<'t, 'e>,
    place: Place,
    after: usize,
}

impl<'t> Seed<'_, 't, '_> {
    /// Returns a value that the file does not have verbatim.
    fn placed<E: Error>(self, value: Value<'t>) -> Result<Node<'t>, E> {
        let at = match self.place {
            // It comes after all that was read.
            Place::Key => self.reader.value_start(self.reader.end),
            _ => self.reader.value_start(self.after),
        };
        self.counted(at, value)
    }

    fn counted<E: Error>(self, at: usize, value: Value<'t>) -> Result<Node<'t>, E> {
        if let Value::Text(text) = &value {
            self.reader.size += text.len();
        }
        self.reader.size += NODE;
        if self.reader.size > MAX_SIZE {
            self.reader.stop = Some(Stop::TooLarge);
            return Err(E::custom("too large"));
        }
        Ok(Node { at, value })
    }
}

impl<'t> DeserializeSeed<'t> for Seed<'_, 't, '_> {
    type Value = Node<'t>;

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<Node<'t>, D::Error> {
        let Seed {
            reader,
            place,
            after,
        } = self;
        let seed = Seed {
            reader: &mut *reader,
            place,
            after,
        };
        let read = match place {
            Place::File | Place::Paths | Place::Module => deserializer.deserialize_any(seed),
            Place::Key => deserializer.deserialize_str(seed),
            Place::Text => deserializer.deserialize_option(seed),
            Place::Unread => {
                IgnoredAny::deserialize(deserializer)?;
                seed.placed(Value::Null)
            }
        };
        read.inspect_err(|error| {
            // The deserializer gives up here; its message alone tells why.
            let message = error.to_string();
            let found = message
                .split_once("invalid type: ")
                .map(|(_, found)| found.split([',', ' ']).next().unwrap_or_default());
            let stop = match found {
                Some("sequence") => Stop::Shape("a list", 0),
                Some("map") => Stop::Shape("a map", 0),
                Some(_) => Stop::Tag(0),
                None => return,
            };
            reader.stop.get_or_insert(stop);
        })
    }
}

impl<'t> Visitor<'t> for Seed<'_, 't, '_> {
    type Value = Node<'t>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an entry")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'t str) -> Result<Node<'t>, E> {
        let file = self.reader.text;
        let start = text.as_ptr().addr() - file.as_ptr().addr();
        self.reader.end = self.reader.end.max(start + text.len());
        let mut at = start - usize::from(file[..start].ends_with(['"', '\'']));
        // What an alias stands for is placed at the alias.
        if at < self.after {
            at = self.reader.value_start(self.after);
        }
        self.counted(at, Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Node<'t>, E> {
        self.placed(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Node<'t>, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Node<'t>, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Node<'t>, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_i128<E: Error>(self, value: i128) -> Result<Node<'t>, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_u128<E: Error>(self, value: u128) -> Result<Node<'t>, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Node<'t>, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_none<E: Error>(self) -> Result<Node<'t>, E> {
        let at = self.after;
        self.counted(at, Value::Null)
    }

    fn visit_unit<E: Error>(self) -> Result<Node<'t>, E> {
        self.visit_none()
    }

    /// Asks for a text, because any other way would read `1.10` as a number.
    fn visit_some<D: Deserializer<'t>>(self, deserializer: D) -> Result<Node<'t>, D::Error> {
        deserializer.deserialize_str(self)
    }

    fn visit_seq<A: SeqAccess<'t>>(self, mut list: A) -> Result<Node<'t>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        self.placed(Value::List)
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Node<'t>, A::Error> {
        let Seed {
            reader,
            place,
            after,
        } = self;
        let mut keys = Vec::new();
        loop {
            let key = map.next_key_seed(Seed {
                reader: &mut *reader,
                place: Place::Key,
                after,
            })?;
            let Some(key) = key else {
                break;
            };
            let value = map.next_value_seed(Seed {
                after: reader.key_end(&key),
                reader: &mut *reader,
                place: place.after(&key.value),
            })?;
            if place == Place::Module {
                keys.push((key, value));
            } else {
                (reader.each)((place == Place::Paths, key, value));
            }
        }
        Ok(Node {
            at: after,
            value: Value::Map(keys),
        })
    }
}
