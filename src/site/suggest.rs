//! Suggestions for a misspelt path.
//!
//! A typo leaves the text before and after it intact. So the intended path is close to the misspelt
//! one when all paths are sorted, either from their first letter or from their last. Only the
//! nearest few in each order are compared, so the cost of a miss does not grow with the number of
//! modules.

/// Longer paths, in bytes, are neither corrected nor suggested.
pub(super) const LONGEST: usize = 128;
/// How many neighbours on either side are compared, in each order.
const NEIGHBOURS: usize = 8;
/// How many prefixes of a request are tried: it may name a package below a module.
const MOST_PREFIXES: usize = 3;
/// The most typos of a path that still gets a suggestion.
const MOST_SLIPS: usize = 2;

/// The modules that may be suggested, by index. Every call takes a closure that returns the path
/// of a module. Case is ignored.
#[derive(Debug)]
pub(super) struct Suggestions {
    /// Sorted by path.
    forwards: Vec<u32>,
    /// Sorted by path, read from its end.
    backwards: Vec<u32>,
}

impl Suggestions {
    /// Sorts modules; those with a path longer than [`LONGEST`] are left out.
    pub(super) fn new<'m>(
        modules: impl Iterator<Item = u32>,
        path: impl Fn(u32) -> &'m str,
    ) -> Self {
        let mut forwards: Vec<u32> = modules
            .filter(|&index| path(index).len() <= LONGEST)
            .collect();
        let mut backwards = forwards.clone();
        forwards.sort_by_cached_key(|&index| lower(path(index)).collect::<Box<[u8]>>());
        backwards.sort_by_cached_key(|&index| lower(path(index)).rev().collect::<Box<[u8]>>());
        Self {
            forwards,
            backwards,
        }
    }

    /// Returns up to `most` paths that `asked`, or a prefix of it, may have been meant to be, the
    /// closest first.
    pub(super) fn near<'m>(
        &self,
        asked: &str,
        most: usize,
        path: impl Fn(u32) -> &'m str,
    ) -> Vec<&'m str> {
        let mut found = Vec::new();
        let asked = asked.to_ascii_lowercase().into_bytes();
        for meant in prefixes(&asked).take(MOST_PREFIXES) {
            let compared = |&index: &u32| {
                let path = path(index);
                let mut buffer = [0; LONGEST];
                let candidate = &mut buffer[..path.len()];
                candidate.copy_from_slice(path.as_bytes());
                candidate.make_ascii_lowercase();
                Some((distance(meant, candidate)?, path))
            };
            let is_before = |&index: &u32| lower(path(index)).lt(meant.iter().copied());
            found.extend(around(&self.forwards, is_before).filter_map(compared));
            // No path can be closer: one that differs in case only is found here too.
            if most == 1 && found.iter().any(|&(distance, _)| distance <= 1) {
                break;
            }
            let is_before = |&index: &u32| lower(path(index)).rev().lt(meant.iter().rev().copied());
            found.extend(around(&self.backwards, is_before).filter_map(compared));
            // A path that resembles a module is not tried as a package below another.
            if !found.is_empty() {
                break;
            }
        }
        found.sort_by_key(|&(distance, _)| distance);
        let mut near: Vec<&str> = Vec::new();
        for (_, path) in found {
            if near.len() < most && !near.contains(&path) {
                near.push(path);
            }
        }
        near
    }
}

fn lower(path: &str) -> impl DoubleEndedIterator<Item = u8> {
    path.bytes().map(|b| b.to_ascii_lowercase())
}

/// Returns the items on either side of a position in an order.
fn around<T>(order: &[T], is_before: impl Fn(&T) -> bool) -> impl Iterator<Item = &T> {
    let at = order.partition_point(is_before);
    order[at.saturating_sub(NEIGHBOURS)..order.len().min(at + NEIGHBOURS)].iter()
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

    fn near(asked: &str) -> Vec<&'static str> {
        let path = |index: u32| PATHS[index as usize];
        let suggestions = Suggestions::new(0..PATHS.len() as u32, path);
        let near = suggestions.near(asked, 3, path);
        assert_eq!(suggestions.near(asked, 1, path), near[..near.len().min(1)]);
        near
    }

    #[test]
    fn suggests_for_one_typo_anywhere() {
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
    fn suggests_for_a_missing_wrong_or_extra_folder() {
        assert_eq!(near("/experiments"), ["/x/experiments"]);
        assert_eq!(near("/y/experiments/sub"), ["/x/experiments"]);
        assert_eq!(near("/logging"), ["/internal/platform/logging"]);
        assert_eq!(near("/tonybai/gowechat"), ["/gowechat"]);
        assert_eq!(near("/xexperiments"), ["/x/experiments"]);
    }

    #[test]
    fn suggests_nothing_for_unrelated_paths() {
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
        fn neighbours_match_the_whole_order(
            mut texts in proptest::collection::vec("[ab]{0,4}", 0..100),
            text in "[ab]{0,4}",
        ) {
            texts.sort();
            let found: Vec<_> = around(&texts, |other| *other < text).collect();
            let (before, after): (Vec<_>, Vec<_>) = texts.iter().partition(|other| **other < text);
            let before = &before[before.len().saturating_sub(NEIGHBOURS)..];
            let after = &after[..after.len().min(NEIGHBOURS)];
            prop_assert_eq!(found, [before, after].concat());
        }

        #[test]
        fn distance_agrees_with_strsim(a in "[ab/]{0,7}", b in "[ab/]{0,7}") {
            let everybody = strsim::osa_distance(&a, &b);
            let ours = slips(a.as_bytes(), b.as_bytes(), MOST_SLIPS);
            prop_assert_eq!(ours, Some(everybody).filter(|&slips| slips <= MOST_SLIPS));
        }
    }
}
