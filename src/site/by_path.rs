//! A hash table that finds things by a path that they hold.
//!
//! It stores numbers only and has no copy of any path, of which a large site has a million.
//! The hash is a fast one, with no secret: the keys are the operator's, so no client can choose
//! keys that collide, and a path that collides with some is compared with these few.

use std::hash::BuildHasher as _;

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

/// Things of type `T`, for each of which `path`, an argument of every function, says its path.
/// It must say the same of a thing each time.
#[derive(Debug)]
pub(super) struct ByPath<T>(HashTable<T>);

impl<T> ByPath<T> {
    /// An empty table, with room for so many things.
    pub(super) fn with_capacity(things: usize) -> Self {
        Self(HashTable::with_capacity(things))
    }

    /// Adds a thing with a path that no other has.
    pub(super) fn insert<'a>(&mut self, thing: T, path: impl Fn(&T) -> &'a str) {
        let hash_of = hash(path(&thing));
        self.0
            .insert_unique(hash_of, thing, |thing| hash(path(thing)));
    }

    pub(super) fn find<'a>(&self, wanted: &str, path: impl Fn(&T) -> &'a str) -> Option<&T> {
        self.0.find(hash(wanted), |thing| path(thing) == wanted)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn hash(path: &str) -> u64 {
    FxBuildHasher.hash_one(path)
}
