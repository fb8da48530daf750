//! The hash of entity tags and of the site's tables.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// The initial state of [`hash`].
pub(crate) const HASH_BASIS: u64 = 0xcbf2_9ce4_8422_2325;

/// Continues a hash from `state`: FNV-1a by words of eight bytes, since by single bytes it would
/// take most of the time of a list. The hashers of std may change with any Rust release, and
/// replicas of different builds must agree on entity tags.
pub(crate) fn hash(state: u64, bytes: &[u8]) -> u64 {
    const PRIME: u64 = 0x9e37_79b9_7f4a_7c15;
    let (words, rest) = bytes.as_chunks();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let step = |state: u64, word: u64| {
        let state = (state ^ word).wrapping_mul(PRIME);
        // A product carries no bit downwards.
        state ^ state >> 32
    };
    let words = words.iter().map(|word| u64::from_le_bytes(*word));
    let state = words.fold(state ^ bytes.len() as u64, step);
    step(state, u64::from_le_bytes(last))
}

/// A table by path.
pub(crate) type PathTable<T> = HashMap<Box<str>, T, BuildKeyHasher>;

/// Makes the hashers of tables whose keys come from the file alone, so that no client can choose
/// keys that collide. The hasher of std, which defends against that, takes 2 % of a request.
pub(crate) type BuildKeyHasher = BuildHasherDefault<KeyHasher>;

#[derive(Debug, Default)]
pub(crate) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = hash(self.0, bytes);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
