//! Suggestions for a misspelt path.
//!
//! A typo leaves the text before and after it intact. So the intended path is close to the misspelt
//! one when all paths are sorted, either from their first letter or from their last. Only the
//! nearest few in each order are compared, so the cost of a miss does not grow with the number of
//! modules.

use super::VirtualHost;
use crate::config::Module;

/// Longer paths, in bytes, are neither corrected nor suggested.
pub(super) const LONGEST: usize = 128;
/// How many neighbours on either side are compared, in each order.
const NEIGHBOURS: usize = 8;
/// How many prefixes of a request are tried: it may name a package below a module.
const MOST_PREFIXES: usize = 3;
/// The most typos of a path that still gets a suggestion.
const MOST_SLIPS: usize = 2;

/// The indices of the modules that may be suggested: the listed ones, without patterns. Case is
/// ignored.
#[derive(Debug)]
pub(super) struct Suggestions {
    /// Sorted by path.
    forwards: Vec<u32>,
    /// Sorted by path, read from its end.
    backwards: Vec<u32>,
}

impl Suggestions {
    /// Sorts the modules of a host; those with a path longer than [`LONGEST`] are left out.
    pub(super) fn new(modules: &[Module]) -> Self {
        let mut forwards = Vec::new();
        for (module, index) in modules.iter().zip(0..) {
            if !module.hidden && !module.key.pattern && module.key.path.as_str().len() <= LONGEST {
                forwards.push(index);
            }
        }
        let path = |index: u32| modules[index as usize].key.path.as_str();
        let mut backwards = forwards.clone();
        forwards.sort_by_cached_key(|&index| lower(path(index)).collect::<Box<[u8]>>());
        backwards.sort_by_cached_key(|&index| lower(path(index)).rev().collect::<Box<[u8]>>());
        Self {
            forwards,
            backwards,
        }
    }
}

impl VirtualHost {
    /// Returns up to `most` paths that `asked`, or a prefix of it, may have been meant to be, the
    /// closest first.
    pub(super) fn near(&self, asked: &str, most: usize) -> Vec<&str> {
        let asked = asked.to_ascii_lowercase();
        let mut meant = &*asked;
        let mut candidate = String::new();
        let mut found = Vec::new();
        // A path that resembles a module is not tried as a package below another.
        for _ in 0..MOST_PREFIXES {
            if meant.is_empty() || !found.is_empty() {
                break;
            }
            for neighbours in self.neighbours(meant) {
                for &index in neighbours {
                    let path = self.path(index);
                    candidate.clear();
                    candidate.push_str(path);
                    candidate.make_ascii_lowercase();
                    if let Some(distance) = distance(meant.as_bytes(), candidate.as_bytes()) {
                        found.push((distance, path));
                    }
                }
                // No path can be closer: one that differs in case only is found first.
                if most == 1 && found.iter().any(|&(distance, _)| distance <= 1) {
                    break;
                }
            }
            meant = &meant[..meant.rfind('/').unwrap_or(0)];
        }
        found.sort_by_key(|&(distance, _)| distance);
        let mut near = Vec::new();
        for (_, path) in found {
            if near.len() < most && !near.contains(&path) {
                near.push(path);
            }
        }
        near
    }

    /// Returns the modules on either side of a path, in each order.
    fn neighbours(&self, path: &str) -> [&[u32]; 2] {
        let Suggestions {
            forwards,
            backwards,
        } = &self.suggestions;
        let at = forwards.partition_point(|&index| lower(self.path(index)).lt(path.bytes()));
        let from_end = backwards
            .partition_point(|&index| lower(self.path(index)).rev().lt(path.bytes().rev()));
        [around(forwards, at), around(backwards, from_end)]
    }

    fn path(&self, index: u32) -> &str {
        self.modules[index as usize].key.path.as_str()
    }
}

fn lower(path: &str) -> impl DoubleEndedIterator<Item = u8> {
    path.bytes().map(|b| b.to_ascii_lowercase())
}

/// Returns the items on either side of a position in an order.
fn around(order: &[u32], at: usize) -> &[u32] {
    &order[at.saturating_sub(NEIGHBOURS)..order.len().min(at + NEIGHBOURS)]
}

/// Returns the distance of `candidate` from the requested path, or none if they are unrelated.
fn distance(asked: &[u8], candidate: &[u8]) -> Option<usize> {
    let same = in_common(asked, candidate);
    // Folders that both share say nothing about the rest.
    let folders = candidate[..same].iter().rposition(|&b| b == b'/')?;
    let most = ((candidate.len() - folders - 1) / 3).min(MOST_SLIPS);
    if let Some(slips) = slips(&asked[same..], &candidate[same..], most) {
        return Some(slips);
    }
    // One has extra folders in front.
    let is_displaced = asked.ends_with(candidate) || candidate.ends_with(asked);
    is_displaced.then_some(MOST_SLIPS)
}

/// Returns the edit distance of two texts, with transpositions, or none if it is more than `most`.
/// It gives up early; with strsim's, a miss among a thousand modules takes twice the instructions.
fn slips(a: &[u8], b: &[u8], most: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > most {
        return None;
    }
    let same = in_common(a, b);
    let (a, b) = (&a[same..], &b[same..]);
    if a.is_empty() || b.is_empty() {
        return Some(a.len().max(b.len()));
    }
    if most == 0 {
        return None;
    }
    let replaced = slips(&a[1..], &b[1..], most - 1);
    let removed = slips(&a[1..], b, most - 1);
    let added = slips(a, &b[1..], most - 1);
    let mut swapped = None;
    if a.len() > 1 && b.len() > 1 && a[0] == b[1] && a[1] == b[0] {
        swapped = slips(&a[2..], &b[2..], most - 1);
    }
    let ways = [replaced, removed, added, swapped];
    Some(ways.into_iter().flatten().min()? + 1)
}

/// Returns the length of what two texts both start with.
fn in_common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing;

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
        let mut text = "host: a.b\n".to_owned();
        for path in PATHS {
            text.push_str(&format!("{path}: {{repo: https://h.example/r}}\n"));
        }
        let site = testing::site(&text);
        let host = &site.hosts()[0];
        let near = host.near(asked, 3);
        assert_eq!(host.near(asked, 1), near[..near.len().min(1)]);
        near.into_iter().map(str::to_owned).collect()
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
        fn distance_agrees_with_strsim(a in "[ab/]{0,7}", b in "[ab/]{0,7}") {
            let everybody = strsim::osa_distance(&a, &b);
            let ours = slips(a.as_bytes(), b.as_bytes(), MOST_SLIPS);
            prop_assert_eq!(ours, Some(everybody).filter(|&slips| slips <= MOST_SLIPS));
        }
    }
}
