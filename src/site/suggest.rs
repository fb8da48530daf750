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
        let mut found = Vec::new();
        // A path that resembles a module is not tried as a package below another.
        for _ in 0..MOST_PREFIXES {
            if meant.is_empty() || !found.is_empty() {
                break;
            }
            for index in self.neighbours(meant) {
                let path = self.path(index);
                if let Some(distance) = distance(meant, &path.to_ascii_lowercase()) {
                    found.push((distance, path));
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

    /// Returns the modules on either side of a path, in both orders.
    fn neighbours(&self, path: &str) -> impl Iterator<Item = u32> {
        let Suggestions {
            forwards,
            backwards,
        } = &self.suggestions;
        let at = forwards.partition_point(|&index| lower(self.path(index)).lt(path.bytes()));
        let from_end = backwards
            .partition_point(|&index| lower(self.path(index)).rev().lt(path.bytes().rev()));
        let both = around(forwards, at)
            .iter()
            .chain(around(backwards, from_end));
        both.copied()
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
fn distance(asked: &str, candidate: &str) -> Option<usize> {
    let both = asked.bytes().zip(candidate.bytes());
    let same = both.take_while(|(a, b)| a == b).count();
    // Folders that both share say nothing about the rest.
    let folders = candidate[..same].rfind('/')?;
    let most = ((candidate.len() - folders - 1) / 3).min(MOST_SLIPS);
    if asked.len().abs_diff(candidate.len()) <= most {
        let slips = strsim::osa_distance(&asked[same..], &candidate[same..]);
        if slips <= most {
            return Some(slips);
        }
    }
    // One has extra folders in front.
    let is_displaced = asked.ends_with(candidate) || candidate.ends_with(asked);
    is_displaced.then_some(MOST_SLIPS)
}

#[cfg(test)]
mod tests {
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
}
