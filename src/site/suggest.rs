//! Suggestions for a misspelt path.
//!
//! A typo leaves the text before and after it intact. So the intended path is close to the misspelt
//! one when all paths are sorted, either from their first letter or from their last. Only the
//! nearest few in each order are compared, so the cost of a miss does not grow with the number of
//! modules.

use std::collections::HashMap;

/// Longer paths, in bytes, are neither corrected nor suggested.
pub(super) const LONGEST: usize = 128;
/// How many neighbours on either side are compared, in each order.
const NEIGHBOURS: usize = 8;
/// How many prefixes of a request are tried: it may name a package below a module.
const MOST_PREFIXES: usize = 3;
/// The most typos of a path that still gets a suggestion.
const MOST_SLIPS: usize = 2;

/// The paths that may be suggested, in both orders, in lower case.
#[derive(Debug)]
pub(super) struct Suggestions {
    forwards: Order,
    backwards: Order,
    /// The original spelling of each path that has capital letters, by its lower-case form. If
    /// several differ in case only, one of them is kept.
    capitals: HashMap<String, String>,
}

impl Suggestions {
    /// Sorts paths; those longer than [`LONGEST`] are left out.
    pub(super) fn new<'a>(paths: impl Iterator<Item = &'a str> + Clone) -> Self {
        let paths = paths.filter(|path| path.len() <= LONGEST);
        let letters = paths
            .clone()
            .map(|path| path.bytes().map(|b| b.to_ascii_lowercase()));
        Self {
            forwards: Order::new(letters.clone()),
            backwards: Order::new(letters.map(Iterator::rev)),
            capitals: paths
                .filter(|path| path.bytes().any(|b| b.is_ascii_uppercase()))
                .map(|path| (path.to_ascii_lowercase(), path.to_owned()))
                .collect(),
        }
    }

    /// Returns up to `most` paths that `asked`, or a prefix of it, may have been meant to be, the
    /// closest first.
    pub(super) fn near(&self, asked: &str, most: usize) -> Vec<String> {
        let mut found = Vec::new();
        let asked = asked.to_ascii_lowercase().into_bytes();
        let mut reversed = asked.clone();
        reversed.reverse();
        for meant in prefixes(&asked).take(MOST_PREFIXES) {
            let compared = |path: &[u8]| {
                let distance = distance(meant, path)?;
                Some((distance, path.iter().copied().map(char::from).collect()))
            };
            found.extend(self.forwards.around(meant).filter_map(compared));
            // No path can be closer: one that differs in case only is found here too.
            if most == 1 && found.iter().any(|&(distance, _)| distance <= 1) {
                break;
            }
            let reversed = &reversed[asked.len() - meant.len()..];
            found.extend(self.backwards.around(reversed).filter_map(|text| {
                let mut path = [0; LONGEST];
                let path = &mut path[..text.len()];
                path.copy_from_slice(text);
                path.reverse();
                compared(path)
            }));
            // A path that resembles a module is not tried as a package below another.
            if !found.is_empty() {
                break;
            }
        }
        found.sort_by_key(|&(distance, _)| distance);
        let mut near: Vec<String> = Vec::new();
        for (_, path) in found {
            let path = self.capitals.get(&path).cloned().unwrap_or(path);
            if near.len() < most && !near.contains(&path) {
                near.push(path);
            }
        }
        near
    }
}

/// Sorted texts of at most [`LONGEST`] bytes.
///
/// They are stored back to back, so neighbours share a few cache lines. The binary search touches
/// only the first text of each block, few enough to stay in the cache with a million texts.
#[derive(Debug)]
struct Order {
    /// The texts, each after a byte with its length.
    texts: Box<[u8]>,
    /// The offset of every [`BLOCK`]th text.
    blocks: Box<[usize]>,
    count: usize,
}

/// How many texts a search scans one by one.
const BLOCK: usize = 16;

impl Order {
    fn new(texts: impl Iterator<Item = impl ExactSizeIterator<Item = u8>> + Clone) -> Self {
        // Counted first: growing a Vec to 100 MB by doubling leaves as much freed memory behind.
        let count = texts.clone().count();
        let mut entries = Vec::with_capacity(count);
        let mut unordered = Vec::with_capacity(texts.clone().map(|text| text.len()).sum());
        for text in texts {
            let start = unordered.len();
            unordered.extend(text);
            let text = &unordered[start..];
            // Kept inline: most texts differ in their first eight bytes.
            let mut first = [0; 8];
            let known = text.len().min(8);
            first[..known].copy_from_slice(&text[..known]);
            entries.push((u64::from_be_bytes(first), start, text.len() as u8));
        }
        let text = |start: usize, length: u8| &unordered[start..][..length.into()];
        entries.sort_unstable_by(|a, b| {
            (a.0.cmp(&b.0)).then_with(|| text(a.1, a.2).cmp(text(b.1, b.2)))
        });
        let mut texts = Vec::with_capacity(unordered.len() + count);
        let mut blocks = Vec::with_capacity(count.div_ceil(BLOCK));
        for (index, &(_, start, length)) in entries.iter().enumerate() {
            if index % BLOCK == 0 {
                blocks.push(texts.len());
            }
            texts.push(length);
            texts.extend_from_slice(text(start, length));
        }
        Self {
            texts: texts.into(),
            blocks: blocks.into(),
            count,
        }
    }

    /// Returns the texts around the position of `text` in the order.
    fn around(&self, text: &[u8]) -> impl Iterator<Item = &[u8]> {
        let is_before = |other: &[u8]| other < text;
        let block = self
            .blocks
            .partition_point(|&start| self.texts_at(start).next().is_some_and(is_before));
        let block = block.saturating_sub(1);
        let before = self.block(block).take_while(|other| is_before(other));
        let at = block * BLOCK + before.count();
        let first = at.saturating_sub(NEIGHBOURS);
        let last = self.count.min(at + NEIGHBOURS);
        let block = first / BLOCK;
        self.block(block)
            .skip(first - block * BLOCK)
            .take(last - first)
    }

    fn block(&self, index: usize) -> impl Iterator<Item = &[u8]> {
        self.texts_at(self.blocks.get(index).copied().unwrap_or(self.texts.len()))
    }

    /// Returns the texts from byte `start` on.
    fn texts_at(&self, start: usize) -> impl Iterator<Item = &[u8]> {
        let mut rest = &self.texts[start..];
        std::iter::from_fn(move || {
            let (&length, after) = rest.split_first()?;
            let (text, after) = after.split_at(length.into());
            rest = after;
            Some(text)
        })
    }
}

/// Returns a path and its parents, longest first.
fn prefixes(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::successors(Some(path), |path| {
        Some(&path[..path.iter().rposition(|&b| b == b'/')?])
    })
    .take_while(|path| !path.is_empty())
}

/// Returns the distance of `candidate` from the requested path, or none if they are unrelated.
fn distance(asked: &[u8], candidate: &[u8]) -> Option<usize> {
    // One has extra folders in front.
    let displaced = || {
        // The last byte first: it is cheap to compare and usually differs.
        let displaced = asked.last() == candidate.last()
            && (asked.ends_with(candidate) || candidate.ends_with(asked));
        displaced.then_some(MOST_SLIPS)
    };
    if asked.len().abs_diff(candidate.len()) > MOST_SLIPS {
        return displaced();
    }
    let same = in_common(asked.iter(), candidate.iter());
    // Folders that both share say nothing about the rest.
    let folders = candidate[..same].iter().rposition(|&b| b == b'/')?;
    let most = ((candidate.len() - folders - 1) / 3).min(MOST_SLIPS);
    slips(&asked[same..], &candidate[same..], most).or_else(displaced)
}

/// Returns the edit distance of two texts, with transpositions, or none if it is more than `most`.
fn slips(a: &[u8], b: &[u8], most: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > most {
        return None;
    }
    if most == 0 {
        return (a == b).then_some(0);
    }
    let same = in_common(a.iter(), b.iter());
    let (a, b) = (&a[same..], &b[same..]);
    let same = in_common(a.iter().rev(), b.iter().rev());
    match (&a[..a.len() - same], &b[..b.len() - same]) {
        ([], rest) | (rest, []) => Some(rest.len()),
        // One edit is left, and both ends differ: a replacement or a swap.
        (a, b) if most == 1 => {
            let replaced = a.len() == 1 && b.len() == 1;
            let swapped = a.len() == 2 && b.len() == 2 && a[0] == b[1] && a[1] == b[0];
            (replaced || swapped).then_some(1)
        }
        (a, b) => {
            let swapped = a.len() > 1 && b.len() > 1 && a[0] == b[1] && a[1] == b[0];
            let skips = [(1, 1), (0, 1), (1, 0), (2, 2)];
            skips[..if swapped { 4 } else { 3 }]
                .iter()
                .filter_map(|&(of_a, of_b)| slips(&a[of_a..], &b[of_b..], most - 1))
                .min()
                .map(|rest| rest + 1)
        }
    }
}

fn in_common<'a>(a: impl Iterator<Item = &'a u8>, b: impl Iterator<Item = &'a u8>) -> usize {
    a.zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PATHS: [&str; 9] = [
        "/gowechat",
        "/x/experiments",
        "/tools/alpha",
        "/tools/gamma",
        "/GoKit",
        "/internal/platform/logging",
        "/ab",
        "/log",
        "/go-json-rest",
    ];

    fn near(asked: &str) -> Vec<String> {
        let suggestions = Suggestions::new(PATHS.into_iter());
        let near = suggestions.near(asked, 3);
        assert_eq!(suggestions.near(asked, 1), near[..near.len().min(1)]);
        near
    }

    #[test]
    fn one_slip_is_understood_wherever_it_is() {
        for asked in [
            "/ogwechat",
            "/gowehcat",
            "/gowechta", // swapped
            "/owechat",
            "/gowchat",
            "/gowecha", // missing
            "/ggowechat",
            "/gowwechat",
            "/gowechatt", // doubled
            "/bowechat",
            "/gowexhat",
            "/gowechar", // wrong
            "/GOWECHAT",
            "/GoWeChat",
        ] {
            assert_eq!(near(asked), ["/gowechat"], "{asked}");
            assert_eq!(near(&format!("{asked}/mp")), ["/gowechat"], "{asked}/mp");
        }
        assert_eq!(near("/gokti"), ["/GoKit"]);
        assert_eq!(near("/go-jsno-rets"), ["/go-json-rest"]);
    }

    #[test]
    fn a_folder_missing_wrong_or_too_many() {
        assert_eq!(near("/experiments"), ["/x/experiments"]);
        assert_eq!(near("/y/experiments/sub"), ["/x/experiments"]);
        assert_eq!(near("/logging"), ["/internal/platform/logging"]);
        assert_eq!(near("/tonybai/gowechat"), ["/gowechat"]);
        assert_eq!(near("/xexperiments"), ["/x/experiments"]);
    }

    #[test]
    fn something_else_is_not() {
        for asked in [
            "/wp-login.php",
            "/tools/delta",
            "/tools/other",
            "/xy",
            "/x",
            "/b",
            "/dig/x",
        ] {
            assert_eq!(near(asked), [""; 0], "{asked}");
        }
    }

    proptest! {
        #[test]
        fn the_neighbours_are_those_of_the_whole_order(
            mut texts in proptest::collection::vec("[ab]{0,4}", 0..100),
            text in "[ab]{0,4}",
        ) {
            let order = Order::new(texts.iter().map(|text| text.bytes()));
            let found = order.around(text.as_bytes());
            texts.sort();
            let at = texts.partition_point(|other| *other < text);
            let near = at.saturating_sub(NEIGHBOURS)..texts.len().min(at + NEIGHBOURS);
            prop_assert!(found.eq(texts[near].iter().map(|text| text.as_bytes())));
        }

        #[test]
        fn slips_are_counted_as_everybody_counts_them(a in "[ab/]{0,7}", b in "[ab/]{0,7}") {
            let everybody = strsim::osa_distance(&a, &b);
            let ours = slips(a.as_bytes(), b.as_bytes(), MOST_SLIPS);
            prop_assert_eq!(ours, Some(everybody).filter(|&slips| slips <= MOST_SLIPS));
        }
    }
}
