//! The modules that a misspelt path may mean.
//!
//! A slip leaves what is before it as it was, and what is after it. So what was meant stands
//! near the misspelt path either where all paths are ordered, or where they are ordered by
//! their letters from the last to the first. Only the nearest few in each order are compared:
//! a miss costs the same however many modules there are.

/// How many neighbours to either side are compared, in each order.
const NEIGHBOURS: usize = 8;
/// So many ways to cut off what a request may name below a module are tried.
const MOST_PREFIXES: usize = 3;
/// A path with more slips than this means nothing.
const MOST_SLIPS: usize = 2;
/// So many modules are suggested.
const MOST: usize = 3;

/// The modules that may be suggested, by number, in the two orders. Case makes no difference.
#[derive(Debug)]
pub(super) struct Suggestions {
    forwards: Box<[u32]>,
    backwards: Box<[u32]>,
}

impl Suggestions {
    /// Orders modules by what `path` says of each.
    pub(super) fn new<'a>(modules: Vec<u32>, path: impl Fn(u32) -> &'a str) -> Self {
        let mut paths: Vec<_> = modules.into_iter().map(|nth| (path(nth), nth)).collect();
        let order = |paths: &[(&str, u32)]| paths.iter().map(|&(_, nth)| nth).collect();
        paths.sort_by(|(a, _), (b, _)| letters(a).cmp(letters(b)));
        let forwards = order(&paths);
        paths.sort_by(|(a, _), (b, _)| letters(a).rev().cmp(letters(b).rev()));
        let backwards = order(&paths);
        Self {
            forwards,
            backwards,
        }
    }

    /// The modules that `asked` may mean, or that it may name something below of, the
    /// likeliest first.
    pub(super) fn near<'a>(&self, asked: &str, path: impl Fn(u32) -> &'a str) -> Vec<u32> {
        let mut found = Vec::new();
        for meant in prefixes(asked).take(MOST_PREFIXES) {
            let at = self
                .forwards
                .partition_point(|&nth| letters(path(nth)).lt(letters(meant)));
            let at_backwards = self
                .backwards
                .partition_point(|&nth| letters(path(nth)).rev().lt(letters(meant).rev()));
            for &nth in around(&self.forwards, at)
                .iter()
                .chain(around(&self.backwards, at_backwards))
            {
                if let Some(distance) = distance(meant.as_bytes(), path(nth).as_bytes()) {
                    found.push((distance, nth));
                }
            }
        }
        found.sort_by_key(|&(distance, _)| distance);
        let mut near = Vec::new();
        for (_, nth) in found {
            if near.len() < MOST && !near.contains(&nth) {
                near.push(nth);
            }
        }
        near
    }
}

fn letters(path: &str) -> impl DoubleEndedIterator<Item = u8> {
    path.bytes().map(|b| b.to_ascii_lowercase())
}

/// A path, and what is left when its last elements go one by one.
fn prefixes(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| Some(path.rsplit_once('/')?.0))
        .take_while(|path| !path.is_empty())
}

fn around(order: &[u32], at: usize) -> &[u32] {
    &order[at.saturating_sub(NEIGHBOURS)..order.len().min(at + NEIGHBOURS)]
}

/// How far `candidate` is from what was asked; none where it is something else.
fn distance(asked: &[u8], candidate: &[u8]) -> Option<usize> {
    let same = in_common(asked, candidate);
    // Folders that both have say nothing about what the rest was meant to be.
    let folders = candidate[..same].iter().rposition(|&b| b == b'/')?;
    let most = ((candidate.len() - folders - 1) / 3).min(MOST_SLIPS);
    slips(&asked[same..], &candidate[same..], most).or_else(|| {
        // A folder too few, or too many, in front.
        let (long, short) = match asked.len() < candidate.len() {
            true => (candidate, asked),
            false => (asked, candidate),
        };
        let end = &long[long.len() - short.len()..];
        end.eq_ignore_ascii_case(short).then_some(MOST_SLIPS)
    })
}

/// How many letters must be added, left out, replaced or swapped with the next to make one
/// text the other; none if more than `most`.
fn slips(a: &[u8], b: &[u8], most: usize) -> Option<usize> {
    let same = in_common(a, b);
    match (&a[same..], &b[same..]) {
        ([], rest) | (rest, []) => Some(rest.len()).filter(|&slips| slips <= most),
        (a, b) if most == 0 || a.len().abs_diff(b.len()) > most => None,
        (a, b) => {
            let swapped = a.len() > 1 && b.len() > 1 && is_same(a[0], b[1]) && is_same(a[1], b[0]);
            let skips = [(1, 1), (0, 1), (1, 0), (2, 2)];
            skips[..if swapped { 4 } else { 3 }]
                .iter()
                .filter_map(|&(of_a, of_b)| slips(&a[of_a..], &b[of_b..], most - 1))
                .min()
                .map(|rest| rest + 1)
        }
    }
}

fn in_common(a: &[u8], b: &[u8]) -> usize {
    a.iter()
        .zip(b)
        .take_while(|&(&a, &b)| is_same(a, b))
        .count()
}

fn is_same(a: u8, b: u8) -> bool {
    a.eq_ignore_ascii_case(&b)
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
        let path = |nth| PATHS[nth as usize];
        let suggestions = Suggestions::new((0..PATHS.len() as u32).collect(), path);
        suggestions
            .near(asked, path)
            .into_iter()
            .map(path)
            .collect()
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
        fn slips_are_counted_as_everybody_counts_them(a in "[ab/]{0,7}", b in "[ab/]{0,7}") {
            let everybody = strsim::osa_distance(&a, &b);
            let ours = slips(a.as_bytes(), b.as_bytes(), MOST_SLIPS);
            prop_assert_eq!(ours, Some(everybody).filter(|&slips| slips <= MOST_SLIPS));
        }
    }
}
