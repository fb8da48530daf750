//! Versions as golang.org/x/mod reads them: their numbers have no limit.

use std::fmt;

/// A decimal number of any length, ordered by its value.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Number {
    length: usize,
    digits: String,
}

/// A semantic version without `+build`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Version {
    numbers: [Number; 3],
    /// What follows the hyphen; empty for a release.
    pre: String,
}

impl Version {
    /// Parses a canonical version, such as `v1.2.3` or `v1.2.3-rc.1`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (version, build) = Self::parse_any(text)?;
        (build.is_empty() && version.to_string() == text).then_some(version)
    }

    /// Parses a version and its build metadata; `v1` and `v1.2` are also valid.
    pub(super) fn parse_any(text: &str) -> Option<(Self, &str)> {
        let text = text.strip_prefix('v')?;
        let (text, build) = match text.split_once('+') {
            Some((text, build)) => (text, Some(build)),
            None => (text, None),
        };
        let (release, pre) = match text.split_once('-') {
            Some((release, pre)) => (release, Some(pre)),
            None => (text, None),
        };
        let parts: Vec<&str> = release.split('.').collect();
        if parts.len() > 3 || (parts.len() < 3 && (pre.is_some() || build.is_some())) {
            return None;
        }
        let mut numbers: [Number; 3] = Default::default();
        for (at, number) in numbers.iter_mut().enumerate() {
            *number = Number::parse(parts.get(at).unwrap_or(&"0"))?;
        }
        for identifier in pre.iter().flat_map(|pre| pre.split('.')) {
            let has_extra_zero = is_digits(identifier) && Number::parse(identifier).is_none();
            if !is_identifier(identifier) || has_extra_zero {
                return None;
            }
        }
        if !build.is_none_or(|build| build.split('.').all(is_identifier)) {
            return None;
        }
        let pre = pre.unwrap_or_default().to_owned();
        Some((Self { numbers, pre }, build.unwrap_or_default()))
    }

    /// Returns the major version, such as `v1`.
    pub(super) fn major(&self) -> String {
        format!("v{}", self.numbers[0].digits)
    }

    pub(super) fn is_release(&self) -> bool {
        self.pre.is_empty()
    }

    /// Returns the next release: of a pre-release, the release itself.
    pub(super) fn next(&self) -> Self {
        let mut next = self.clone();
        next.pre.clear();
        if self.is_release() {
            next.numbers[2] = next.numbers[2].successor();
        }
        next
    }

    /// Returns whether the version looks like those that Go makes of commits, such as
    /// `v0.0.0-20200101000000-abcdefabcdef`.
    pub(super) fn is_pseudo(&self) -> bool {
        let Some((rest, hash)) = self.pre.rsplit_once('-') else {
            return false;
        };
        let Some(time) = rest.len().checked_sub(14) else {
            return false;
        };
        if !rest.is_char_boundary(time) || !is_digits(&rest[time..]) || hash.is_empty() {
            return false;
        }
        let is_first = self.numbers[1..].iter().all(|number| number.digits == "0");
        match &rest[..time] {
            "" => is_first,
            before => before == "0." || before.ends_with(".0."),
        }
    }
}

impl Number {
    fn parse(text: &str) -> Option<Self> {
        let is_canonical = text == "0" || !text.starts_with('0');
        (is_digits(text) && is_canonical).then(|| Self {
            length: text.len(),
            digits: text.to_owned(),
        })
    }

    fn successor(&self) -> Self {
        let mut digits: Vec<u8> = self.digits.bytes().collect();
        for digit in digits.iter_mut().rev() {
            if *digit < b'9' {
                *digit += 1;
                return Self {
                    length: self.length,
                    digits: String::from_utf8_lossy(&digits).into_owned(),
                };
            }
            *digit = b'0';
        }
        Self {
            length: self.length + 1,
            digits: format!("1{}", String::from_utf8_lossy(&digits)),
        }
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_identifier(text: &str) -> bool {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    !text.is_empty() && text.bytes().all(is_allowed)
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = &self.numbers;
        write!(f, "v{}.{}.{}", major.digits, minor.digits, patch.digits)?;
        if !self.pre.is_empty() {
            write!(f, "-{}", self.pre)?;
        }
        Ok(())
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        // Numbers sort before words, and fewer identifiers before more.
        let identifiers = |pre: &str| -> Vec<(bool, Option<Number>, String)> {
            let parts = pre.split('.');
            let parts = parts.map(|part| match Number::parse(part) {
                Some(number) => (false, Some(number), String::new()),
                None => (true, None, part.to_owned()),
            });
            parts.collect()
        };
        let by_release =
            (&self.numbers, self.is_release()).cmp(&(&other.numbers, other.is_release()));
        by_release.then_with(|| identifiers(&self.pre).cmp(&identifiers(&other.pre)))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Splits the major version off a module path: `/v2`, or `.v2` on gopkg.in. `None` if the path is
/// invalid, for instance because it ends in `/v1`.
pub(super) fn split_major(path: &str) -> Option<(&str, &str)> {
    let is_gopkg = path.starts_with("gopkg.in/");
    let stable = if is_gopkg {
        path.strip_suffix("-unstable").unwrap_or(path)
    } else {
        path
    };
    let is_numeric = |c: char| c.is_ascii_digit() || (c == '.' && !is_gopkg);
    let stem = stable.trim_end_matches(is_numeric);
    let number = &stable[stem.len()..];
    let separator = if is_gopkg { ".v" } else { "/v" };
    let Some(prefix) = stem.strip_suffix(separator) else {
        return (!is_gopkg).then_some((path, ""));
    };
    if number.is_empty() && !is_gopkg {
        return Some((path, ""));
    }
    let is_valid = if is_gopkg {
        number == "0" || Number::parse(number).is_some()
    } else {
        Number::parse(number).is_some() && number != "0" && number != "1"
    };
    is_valid.then(|| (prefix, &path[prefix.len()..]))
}

/// Returns whether a version belongs to a path with this major version, as `split_major` returns
/// it.
pub(super) fn matches_major(version: &Version, path_major: &str) -> bool {
    let major = version.major();
    match path_major.get(1..) {
        None => major == "v0" || major == "v1",
        Some(own) => major == own.trim_end_matches("-unstable"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_follow_semver_order() {
        let ordered = [
            "v0.0.1",
            "v1.0.0-1",
            "v1.0.0-2",
            "v1.0.0-10",
            "v1.0.0-alpha",
            "v1.0.0-alpha.1",
            "v1.0.0-beta",
            "v1.0.0",
            "v1.2.0",
            "v1.10.0",
            "v1.99999999999999999999999.0",
            "v2.0.0",
        ];
        let versions: Vec<_> = ordered
            .iter()
            .map(|text| Version::parse(text).unwrap())
            .collect();
        assert!(versions.is_sorted());
        for bad in [
            "",
            "v1",
            "v1.2",
            "1.2.3",
            "v1.2.3.4",
            "v01.0.0",
            "v1.0.0+x",
            "v1.0.0-",
            "v1.0.0-01",
            "v+1.0.0",
            "vx.0.0",
        ] {
            assert_eq!(Version::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn next_version_is_a_release() {
        for (version, next) in [
            ("v1.2.3", "v1.2.4"),
            ("v1.2.99", "v1.2.100"),
            ("v1.3.0-rc.1", "v1.3.0"),
        ] {
            assert_eq!(Version::parse(version).unwrap().next().to_string(), next);
        }
    }

    #[test]
    fn pseudo_versions_are_recognized() {
        for (text, is_pseudo) in [
            ("v0.0.0-20200101000000-abcdefabcdef", true),
            ("v1.12.0-0.20200101000000-abcdefabcdef", true),
            ("v1.12.1-rc.1.0.20200101000000-abcdefabcdef", true),
            ("v1.2.3-20200101000000-abcdefabcdef", false),
            ("v0.0.0-2020-abcdefabcdef", false),
            ("v1.0.0-rc.1", false),
        ] {
            assert_eq!(
                Version::parse(text).unwrap().is_pseudo(),
                is_pseudo,
                "{text}"
            );
        }
    }

    #[test]
    fn major_version_is_the_end_of_a_path() {
        for (path, split) in [
            ("a.example/m", Some(("a.example/m", ""))),
            ("a.example/m/v2", Some(("a.example/m", "/v2"))),
            ("a.example/m/v1", None),
            ("a.example/m/v2.3", None),
            ("a.example/m/v02", None),
            ("a.example/rev2", Some(("a.example/rev2", ""))),
            ("a.example/m/v", Some(("a.example/m/v", ""))),
            ("gopkg.in/yaml.v3", Some(("gopkg.in/yaml", ".v3"))),
            ("gopkg.in/yaml", None),
        ] {
            assert_eq!(split_major(path), split, "{path}");
        }
    }
}
