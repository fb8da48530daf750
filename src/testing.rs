//! What the tests of several modules share.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::{Config, Site};

/// Returns the site of a file that names its host.
pub(crate) fn site(text: &str) -> Site {
    let config = Config::parse("vanity.yaml", text, None).unwrap();
    Site::new(config.host.clone().unwrap(), config)
}

/// Returns one of some good texts, in which `pieces` replace a few characters.
pub(crate) fn edited(
    good: &'static [&str],
    pieces: &'static [&str],
) -> impl Strategy<Value = String> {
    let edits = vec((0..300usize, 0..4usize, select(pieces)), 0..6);
    (select(good), edits).prop_map(|(good, edits)| {
        let mut text: Vec<char> = good.chars().collect();
        for (at, removed, piece) in edits {
            let at = at % (text.len() + 1);
            let end = (at + removed).min(text.len());
            text.splice(at..end, piece.chars());
        }
        text.into_iter().collect()
    })
}
