//! The walk through the file: serde visitors that parse each value where it stands.

use std::cell::{Cell, RefCell};
use std::hash::BuildHasher as _;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use rustc_hash::FxBuildHasher;
use serde::de::{DeserializeSeed, Error};

use super::error::Place;
use super::explain::explain;
use super::file::MAX_FILE;
use super::visitors::Modules;
use super::{Config, Module, Placed};
use crate::module::{Key, Problem, quoted};

/// How much of a large file is looked at before the whole of it, in bytes. The first is small
/// because the parser's time grows with the square of the depth of brackets.
const OPENINGS: [usize; 2] = [16 << 10, 512 << 10];

/// Reads a whole file; the default host is what its `host:` says.
pub(super) fn config(text: &str) -> Placed<Config> {
    check_characters(text)?;
    check_opening(text)?;
    let reader = Reader::new(text);
    let config = reader.walk().map_err(|refusal| reader.placed(refusal))?;
    if config.modules.is_empty() {
        let problem = Problem::new("there is no module in it").hint(
            "add one: `/gowechat:`, and beneath it, indented, `repo: https://github.com/bigwhite/gowechat`",
        );
        return Err((problem, Some(Place::of(text, text.len()))));
    }
    Ok(config)
}

/// Refuses what YAML allows in no file, with the place that its parser does not tell; and the
/// line breaks of Unicode, which the parser counts as lines and no editor does.
fn check_characters(text: &str) -> Placed<()> {
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r') || !c.is_control();
    let Some((index, bad)) = text.char_indices().find(|&(_, c)| {
        !allowed(c)
            || matches!(
                c,
                '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
            )
    }) else {
        return Ok(());
    };
    let problem = Problem::new(format!(
        "the character {} may not be in the file",
        quoted(&bad.to_string())
    ));
    let hint = match text.contains('\0') {
        true => "is it a text file? Save it as UTF-8",
        false => "remove it",
    };
    Err((problem.hint(hint), Some(Place::of(text, index))))
}

/// Refuses a large file that is something else, such as a log or a data dump, by its first
/// lines: serde_yaml takes a whole file apart, in many times its size of memory, before it
/// hands out the first value.
fn check_opening(text: &str) -> Placed<()> {
    for length in OPENINGS {
        let Some(opening) = (length..text.len().min(length + 4)).find_map(|end| text.get(..end))
        else {
            break;
        };
        let reader = Reader::new(opening);
        if let Err(refusal) = reader.walk()
            && refusal.of_module.is_none()
            // What is wrong near the cut, or missing, may be right with the rest.
            && refusal.index.is_some_and(|index| {
                index < length / 2 && !opening[index..].starts_with(char::is_whitespace)
            })
        {
            return Err(reader.placed(refusal));
        }
    }
    Ok(())
}

/// Where the key of the `nth` module stands, found by a second walk that stops there.
pub(super) fn place_of_module(text: &str, nth: usize) -> Option<Place> {
    let reader = Reader {
        stop_at: Some(nth),
        ..Reader::new(text)
    };
    reader.walk().err().and_then(|refusal| refusal.at)
}

/// The advice for a key that is there twice, of which the first has this place.
pub(super) fn remove_one(problem: Problem, first: Option<Place>) -> Problem {
    match first {
        Some(Place { line, .. }) => problem.hint(format!(
            "the first is in line {line}; remove one of the two"
        )),
        None => problem.hint("remove one of the two"),
    }
}

/// Why a walk ended early.
#[derive(Debug)]
struct Refusal {
    problem: Problem,
    at: Option<Place>,
    /// The byte at which serde_yaml noticed.
    index: Option<usize>,
    /// The module to whose key the problem belongs, in place of `at`.
    of_module: Option<usize>,
}

/// One walk through a file, and what its visitors share.
pub(super) struct Reader<'t> {
    text: &'t str,
    /// The problem behind the error that serde carries: serde errors are text, with a path
    /// and a place mixed in.
    problem: RefCell<Option<Problem>>,
    /// The numbers of the modules so far, by their keys, to find the second of two.
    seen: RefCell<HashTable<usize>>,
    /// The module whose key was given again.
    first_of_two: Cell<Option<usize>>,
    /// How many modules' keys were read.
    modules: Cell<usize>,
    /// The module to whose key the problem belongs, where serde's place is not the key's.
    of_module: Cell<Option<usize>>,
    /// How many bytes of values were read: with aliases, it can be more than the file has.
    length: Cell<usize>,
    /// Whether the value that was refused stands otherwise in the file.
    pub(super) rewritten: Cell<bool>,
    /// The module whose place is wanted.
    stop_at: Option<usize>,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            text,
            problem: RefCell::default(),
            seen: RefCell::default(),
            first_of_two: Cell::default(),
            modules: Cell::default(),
            of_module: Cell::default(),
            length: Cell::default(),
            rewritten: Cell::default(),
            stop_at: None,
        }
    }

    fn walk(&self) -> Result<Config, Refusal> {
        let mut config = Config::empty();
        let file = Modules {
            reader: self,
            config: &mut config,
            beneath_paths: false,
        };
        // The default of serde_yaml's from_str would accept the first of two documents and
        // lose the place of the second.
        file.deserialize(serde_yaml::Deserializer::from_str(self.text))
            .map(|()| config)
            .map_err(|error| {
                let index = error.location().map(|location| location.index());
                let (problem, at) = match self.problem.take() {
                    Some(problem) => (problem, index.map(|index| Place::of(self.text, index))),
                    None => explain(self.text, &error.to_string(), index),
                };
                Refusal {
                    problem: self.advise(problem, index),
                    at,
                    index,
                    of_module: self.of_module.get(),
                }
            })
    }

    /// Finds the places that only a second walk can tell.
    fn placed(&self, refusal: Refusal) -> (Problem, Option<Place>) {
        let at = match refusal.of_module {
            Some(nth) => place_of_module(self.text, nth),
            None => refusal.at,
        };
        let problem = match self.first_of_two.get() {
            Some(nth) => remove_one(refusal.problem, place_of_module(self.text, nth)),
            None => refusal.problem,
        };
        (problem, at)
    }

    /// Adds what the source at the place of a problem tells.
    fn advise(&self, mut problem: Problem, index: Option<usize>) -> Problem {
        let source = index.and_then(|index| self.text.get(index..));
        let source = source.unwrap_or_default();
        if let Some(anchored) = source.strip_prefix('&') {
            let name = anchored.split(char::is_whitespace).next();
            let name = quoted(&format!("*{}", name.unwrap_or_default()));
            let advice = format!("look also where {name} uses it");
            problem.hint = Some(match problem.hint {
                Some(hint) => format!("{hint}; {advice}"),
                None => advice,
            });
        } else if self.rewritten.get() && !source.starts_with(['"', '\'', '|', '>', '!']) {
            problem = problem
                .hint("it goes on in the next line: is that indented too far, or a `}` missing?");
        }
        problem
    }

    /// Counts a value; none is left when aliases repeat more than a file may hold.
    pub(super) fn has_room_for(&self, text: &str) -> bool {
        self.length.set(self.length.get() + text.len());
        self.length.get() <= MAX_FILE
    }

    pub(super) fn refuse<E: Error>(&self, problem: Problem) -> E {
        *self.problem.borrow_mut() = Some(problem);
        E::custom("refused")
    }

    /// Refuses the module that is being read as a whole: the place is its key's.
    pub(super) fn refuse_module<E: Error>(&self, problem: Problem) -> E {
        self.of_module.set(self.modules.get().checked_sub(1));
        self.refuse(problem)
    }

    /// The key of the module after `modules`, counted, and refused the second time.
    pub(super) fn module_key(&self, text: &str, modules: &[Module]) -> Result<Key, Problem> {
        let nth = self.modules.get();
        self.modules.set(nth + 1);
        if self.stop_at == Some(nth) {
            return Err(Problem::new("the place that was looked for"));
        }
        let key = Key::parse(text)?;
        let same = |&other: &usize| modules.get(other).is_some_and(|module| module.key == key);
        let hash_of = |&other: &usize| modules.get(other).map_or(0, |module| hash(&module.key));
        match self.seen.borrow_mut().entry(hash(&key), same, hash_of) {
            Entry::Vacant(vacant) => {
                vacant.insert(nth);
            }
            Entry::Occupied(first) => {
                self.first_of_two.set(Some(*first.get()));
                return Err(Problem::new(format!("{} is given twice", quoted(text))));
            }
        }
        Ok(key)
    }
}

/// A fast hash, with no secret: the keys are the operator's.
fn hash(key: &Key) -> u64 {
    FxBuildHasher.hash_one(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_cannot_repeat_more_than_a_file_may_hold() {
        let text = "/a:\n  repo: &r https://h.example/a\n/b:\n  repo: *r\n";
        let reader = Reader::new(text);
        reader.walk().unwrap();
        let length = reader.length.get();
        assert!(length > text.len() / 2);
        let reader = Reader::new(text);
        reader.length.set(MAX_FILE - length + 1);
        let refusal = reader.walk().unwrap_err();
        assert!(refusal.problem.message.contains("aliases"));
    }
}
