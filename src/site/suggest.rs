//! The modules that a misspelt path may mean.
//!
//! A slip leaves what is before it as it was, and what is after it. So what was meant stands
//! near the misspelt path either where all paths are ordered, or where they are ordered by
//! their letters from the last to the first. Only the nearest few in each order are compared:
//! a miss costs the same however many modules there are.

use std::collections::HashMap;

/// No path above this length is a misspelling, or is suggested.
pub(super) const LONGEST: usize = 128;
/// How many neighbours to either side are compared, in each order.
const NEIGHBOURS: usize = 8;
/// So many ways to cut off what a request may name below a module are tried.
const MOST_PREFIXES: usize = 3;
/// A path with more slips than this means nothing.
const MOST_SLIPS: usize = 2;

/// The paths that may be suggested, in the two orders. Case makes no difference.
#[derive(Debug)]
pub(super) struct Suggestions {
    forwards: Order,
    backwards: Order,
    /// How those are written that have capital letters, by how they stand in the orders; one
    /// of them, where several differ in nothing else.
    capitals: HashMap<String, String>,
}

impl Suggestions {
    /// Orders paths; those longer than [`LONGEST`] are left out.
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

    /// At most so many paths that `asked` may mean, or that it may name something below of,
    /// the likeliest first.
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
            // No other is likelier: one that differs in case alone stands here too.
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
            // What is like a module is not below another.
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

/// Texts of at most [`LONGEST`] bytes in order.
///
/// They stand side by side, so that neighbours are in a few lines of the processor's cache;
/// and the first of each block is known by its place, so that those that a search compares are
/// few enough to stay in the cache among a million.
#[derive(Debug)]
struct Order {
    /// Each text, after its length in one byte.
    texts: Box<[u8]>,
    /// Where every [`BLOCK`]th text begins.
    blocks: Box<[usize]>,
    count: usize,
}

/// How many texts a search goes through one by one.
const BLOCK: usize = 16;

impl Order {
    fn new(texts: impl Iterator<Item = impl ExactSizeIterator<Item = u8>> + Clone) -> Self {
        // What grows to a hundred megabytes by doubling leaves as much behind.
        let count = texts.clone().count();
        let mut entries = Vec::with_capacity(count);
        let mut unordered = Vec::with_capacity(texts.clone().map(|text| text.len()).sum());
        for text in texts {
            let start = unordered.len();
            unordered.extend(text);
            let text = &unordered[start..];
            // Most texts differ in the first eight bytes, which are at hand here.
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
        for (nth, &(_, start, length)) in entries.iter().enumerate() {
            if nth % BLOCK == 0 {
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

    /// The texts next to the place where `text` is, or would be.
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

    fn block(&self, nth: usize) -> impl Iterator<Item = &[u8]> {
        self.texts_at(self.blocks.get(nth).copied().unwrap_or(self.texts.len()))
    }

    /// The texts from the one that begins there to the last.
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

/// A path, and what is left when its last elements go one by one.
fn prefixes(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::successors(Some(path), |path| {
        Some(&path[..path.iter().rposition(|&b| b == b'/')?])
    })
    .take_while(|path| !path.is_empty())
}

/// How far `candidate` is from what was asked; none where it is something else.
fn distance(asked: &[u8], candidate: &[u8]) -> Option<usize> {
    // A folder too few, or too many, in front.
    let displaced = || {
        // The last letters first: they are at hand, and most often differ.
        let displaced = asked.last() == candidate.last()
            && (asked.ends_with(candidate) || candidate.ends_with(asked));
        displaced.then_some(MOST_SLIPS)
    };
    if asked.len().abs_diff(candidate.len()) > MOST_SLIPS {
        return displaced();
    }
    let same = in_common(asked.iter(), candidate.iter());
    // Folders that both have say nothing about what the rest was meant to be.
    let folders = candidate[..same].iter().rposition(|&b| b == b'/')?;
    let most = ((candidate.len() - folders - 1) / 3).min(MOST_SLIPS);
    slips(&asked[same..], &candidate[same..], most).or_else(displaced)
}

/// How many letters must be added, left out, replaced or swapped with the next to make one
/// text the other; none if more than `most`.
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
        // Each end has a slip, and where these are the same one, nothing is left between.
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
