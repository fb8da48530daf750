//! A hash table keyed by a path that is stored elsewhere.
//!
//! It copies no path: a large site has a million of them. The hash is fast and unkeyed, because the
//! keys come from the operator and a client cannot choose colliding ones. A requested path that
//! collides costs a few comparisons.

use std::hash::BuildHasher as _;

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

/// A table of items of type `T`. Every call takes a closure that returns an item's path, which must
/// be the same each time.
#[derive(Debug)]
pub(super) struct ByPath<T>(HashTable<T>);

impl<T> ByPath<T> {
    /// Returns an empty table with room for `things` items.
    pub(super) fn with_capacity(things: usize) -> Self {
        Self(HashTable::with_capacity(things))
    }

    /// Adds an item whose path is not in the table yet.
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
