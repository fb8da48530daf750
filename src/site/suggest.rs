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
        forwards.sort_by(|&a, &b| lower(path(a)).cmp(lower(path(b))));
        backwards.sort_by(|&a, &b| lower(path(a)).rev().cmp(lower(path(b)).rev()));
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
        for meant in prefixes(asked).take(MOST_PREFIXES) {
            let compared = |&index: &u32| Some((distance(meant, path(index))?, path(index)));
            let is_before = |&index: &u32| lower(path(index)).lt(lower(meant));
            found.extend(around(&self.forwards, is_before).filter_map(compared));
            // No path can be closer: one that differs in case only is found here too.
            if most == 1 && found.iter().any(|&(distance, _)| distance <= 1) {
                break;
            }
            let is_before = |&index: &u32| lower(path(index)).rev().lt(lower(meant).rev());
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
fn prefixes(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| Some(path.rsplit_once('/')?.0))
        .take_while(|path| !path.is_empty())
}

/// Returns the distance of `candidate` from the requested path, or none if they are unrelated.
fn distance(asked: &str, candidate: &str) -> Option<usize> {
    // One has extra folders in front.
    let displaced = || {
        let (long, short) = match asked.len() < candidate.len() {
            true => (candidate, asked),
            false => (asked, candidate),
        };
        let end = long.get(long.len() - short.len()..)?;
        end.eq_ignore_ascii_case(short).then_some(MOST_SLIPS)
    };
    if asked.len().abs_diff(candidate.len()) > MOST_SLIPS {
        return displaced();
    }
    let same = in_common(lower(asked), lower(candidate));
    // Folders that both share say nothing about the rest.
    let folders = candidate.get(..same)?.rfind('/')?;
    let most = ((candidate.len() - folders - 1) / 3).min(MOST_SLIPS);
    slips(asked.get(same..)?, candidate.get(same..)?, most).or_else(displaced)
}

/// Returns the edit distance of two texts, with transpositions, or none if it is more than `most`.
fn slips(a: &str, b: &str, most: usize) -> Option<usize> {
    let same = in_common(lower(a).rev(), lower(b).rev());
    let (a, b) = (a.get(..a.len() - same)?, b.get(..b.len() - same)?);
    if a.len().abs_diff(b.len()) > most {
        return None;
    }
    let slips = strsim::osa_distance(&a.to_ascii_lowercase(), &b.to_ascii_lowercase());
    (slips <= most).then_some(slips)
}

fn in_common(a: impl Iterator<Item = u8>, b: impl Iterator<Item = u8>) -> usize {
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
            texts.sort();
            let found: Vec<_> = around(&texts, |other| *other < text).collect();
            let (before, after): (Vec<_>, Vec<_>) = texts.iter().partition(|other| **other < text);
            let before = &before[before.len().saturating_sub(NEIGHBOURS)..];
            let after = &after[..after.len().min(NEIGHBOURS)];
            prop_assert_eq!(found, [before, after].concat());
        }

        #[test]
        fn slips_are_counted_as_everybody_counts_them(a in "[ab/]{0,7}", b in "[ab/]{0,7}") {
            let everybody = strsim::osa_distance(&a, &b);
            let ours = slips(&a, &b, MOST_SLIPS);
            prop_assert_eq!(ours, Some(everybody).filter(|&slips| slips <= MOST_SLIPS));
        }
    }
}
