//! Where govanityurls and Go may differ: every case, with the reason. Any other difference fails.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Suffixes of version control systems.
fn has_vcs_suffix(element: &str) -> bool {
    [".git", ".hg", ".svn", ".bzr", ".fossil"]
        .iter()
        .any(|suffix| element.ends_with(suffix))
}

/// What `SplitPathVersion` parses as a version.
fn is_version(element: &str) -> bool {
    let digits = element.strip_prefix('v').unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

/// `isInCharacterRange` of encoding/xml.
fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

/// Values that Go accepts and `check` rejects.
pub struct Stricter {
    pub what: &'static str,
    pub why: &'static str,
    /// One value; the test fails unless Go accepts it and `check` rejects it.
    pub example: &'static str,
    pub applies: fn(&str) -> bool,
}

/// Import paths.
pub const PATHS: &[Stricter] = &[
    Stricter {
        what: "an empty label in the host",
        why: "no name in DNS has one",
        example: "h..example/a",
        applies: |path| host(path).split('.').any(str::is_empty),
    },
    Stricter {
        what: "a path of more than 255 bytes, or an element of more than 200",
        why: "nginx keeps the length of a location in one byte, file systems that of a name",
        example: concat!(
            "h.example/",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ),
        applies: |path| {
            path.len() - host(path).len() > 255
                || path.split('/').any(|element| element.len() > 200)
        },
    },
    Stricter {
        what: "a suffix that makes older releases, or people, expect a repository",
        why: "Go before 1.27 takes `.bzr` for one; Go's pattern misses some elements with a `~`",
        example: "h.example/a.bzr",
        applies: |path| path.split('/').skip(1).any(has_vcs_suffix),
    },
    Stricter {
        what: "`vendor` as the last element",
        why: "nothing below it can be imported",
        example: "h.example/a/vendor",
        applies: |path| path.trim_end_matches('/').ends_with("/vendor"),
    },
    Stricter {
        what: "a pattern below a version that is not valid at the end of a path",
        why: "`/x/v1` is no module, and what is below it belongs to `/x`",
        example: "h.example/x/v1/*",
        applies: |path| {
            let parent = path.strip_suffix("/*").unwrap_or_default();
            parent.rsplit('/').next().is_some_and(is_version)
        },
    },
    Stricter {
        what: "`.v-unstable` without a number on gopkg.in",
        why: "Go's check overlooks it",
        example: "gopkg.in/a.v-unstable",
        applies: |path| path.starts_with("gopkg.in/") && path.contains(".v-unstable"),
    },
];

/// Repository URLs.
pub const REPOS: &[Stricter] = &[
    Stricter {
        what: "credentials: a password, or a user where only ssh has one",
        why: "the page is public",
        example: "https://token@h.example/r",
        applies: |url| {
            let user = authority(url).rsplit_once('@').map(|(user, _)| user);
            let scheme = url.split(':').next().unwrap_or_default();
            user.is_some_and(|user| {
                user.contains(':') || user.is_empty() || !scheme.contains("ssh")
            })
        },
    },
    Stricter {
        what: "no `//` after the scheme, or no host",
        why: "codehost.NewRepo wants `://`, and there is no server to ask without a host",
        example: "https:/h.example/r",
        applies: |url| host_and_port(url).split(':').next() == Some(""),
    },
    Stricter {
        what: "a scheme in upper case",
        why: "git, hg and svn know it in lower case only",
        example: "HTTPS://h.example/r",
        applies: |url| {
            url.split(':')
                .next()
                .is_some_and(|scheme| scheme != scheme.to_lowercase())
        },
    },
    Stricter {
        what: "a query or a fragment",
        why: "no repository has one, and Go would append to it",
        example: "https://h.example/r?b=c",
        applies: |url| url.contains(['?', '#']),
    },
    Stricter {
        what: "white space, control, invisible and other characters that no URL has as they are",
        why: "white space ends the field in the tag, U+FFFE the page; the others are slips",
        example: "https://h.example/a b",
        applies: |url| {
            let is_bad = |c: char| c.is_whitespace() || !is_xml_char(c) || c.is_control();
            url.contains(|c: char| is_bad(c) || "\u{202e}\"<>\\^`{|}".contains(c))
        },
    },
    Stricter {
        what: "a character in the host that no name in DNS has",
        why: "it cannot be resolved; brackets are those of an IPv6 address",
        example: "https://h!x/r",
        applies: |url| {
            let host = host_and_port(url);
            let more = if host.starts_with('[') { "[]:" } else { ":" };
            host.contains(|c: char| {
                !(c.is_alphanumeric() || "-._~".contains(c) || more.contains(c))
            })
        },
    },
    Stricter {
        what: "a port that is empty, 0, above 65535, or one of two",
        why: "nothing can listen there",
        example: "https://h.example:0/r",
        applies: |url| {
            let after = host_and_port(url).rsplit(']').next().unwrap_or_default();
            let port = after.split_once(':').map(|(_, port)| port);
            port.is_some_and(|port| !port.parse::<u16>().is_ok_and(|port| port > 0))
        },
    },
    Stricter {
        what: "a `*` anywhere but once in the path of a pattern",
        why: "it stands for the element that the pattern matches",
        example: "https://h.example/*/*",
        applies: |url| url.contains('*'),
    },
    Stricter {
        what: "the module's own address, or one below it",
        why: "that is the page that the tag is on",
        example: "https://h.example/m",
        applies: |url| {
            let host = host_and_port(url).split(':').next();
            host == Some("h.example") && path(url).starts_with("/m")
        },
    },
    Stricter {
        what: "a public module proxy",
        why: "it has modules of everybody, and no repository",
        example: "https://proxy.golang.org",
        applies: |url| host_and_port(url).contains("proxy"),
    },
    Stricter {
        what: "a page in a repository, or an owner without one, on a forge",
        why: "no system can fetch it",
        example: "https://github.com/a/b/tree/main/sub",
        applies: |url| {
            let elements = path(url).split('/').filter(|element| !element.is_empty());
            let is_github = host_and_port(url).to_lowercase().ends_with("github.com");
            let pages = ["/tree/", "/blob/", "/src/", "/raw/", "/-/"];
            pages.iter().any(|page| url.contains(page)) || is_github && elements.count() != 2
        },
    },
];

/// Directories inside a repository.
pub const SUBDIRS: &[Stricter] = &[
    Stricter {
        what: "an empty, `.` or `..` element",
        why: "the module's directory is in the repository",
        example: "a/../b",
        applies: |subdir| {
            let subdir = subdir.strip_suffix('/').unwrap_or(subdir);
            subdir
                .split('/')
                .any(|element| matches!(element, "" | "." | ".."))
        },
    },
    Stricter {
        what: "white space, quotation marks, U+FFFE and the like",
        why: "white space ends the field in the tag, U+FFFE the page; the others are slips",
        example: "a b",
        applies: |subdir| {
            let is_bad = |c: char| c.is_whitespace() || !is_xml_char(c) || c.is_control();
            subdir.contains(|c: char| is_bad(c) || "\"'<>\\".contains(c))
        },
    },
];

/// What `check` accepts and Go rejects, as the contract says: a trailing slash of a path or a
/// subdir is dropped, a pattern is judged by a path that it matches (the test applies both before
/// it asks Go), and these.
pub const LAXER_SYSTEMS: &[(&str, &str)] =
    &[("bzr", "Go 1.27 dropped it; older releases fetch it")];

/// Returns the host of an import path.
fn host(path: &str) -> &str {
    path.split('/').next().unwrap_or_default()
}

/// Returns the part between `://` and the path; empty if there is no `//`.
fn authority(url: &str) -> &str {
    let rest = url
        .split_once(':')
        .and_then(|(_, rest)| rest.strip_prefix("//"));
    rest.unwrap_or_default()
        .split(['/', '?', '#'])
        .next()
        .unwrap_or_default()
}

/// Returns a URL's host and port.
fn host_and_port(url: &str) -> &str {
    authority(url).rsplit('@').next().unwrap_or_default()
}

/// Returns a URL's path and everything after it.
fn path(url: &str) -> &str {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    &rest[rest.find('/').unwrap_or(rest.len())..]
}

/// Differences of one run, by kind.
#[derive(Default)]
pub struct Differences {
    kinds: BTreeMap<String, Vec<String>>,
    compared: usize,
}

impl Differences {
    /// Compares the verdicts on one value. `ours` and `gos` are errors, or empty; `shown` is the
    /// value for the report.
    pub fn compare(
        &mut self,
        value: &str,
        shown: &str,
        ours: &str,
        gos: &str,
        listed: &[Stricter],
    ) {
        self.compared += 1;
        let kind = match (ours.is_empty(), gos.is_empty()) {
            (true, true) | (false, false) => return,
            (true, false) => format!("TOO LAX: Go refuses: {}", without_values(gos)),
            (false, true) if listed.iter().any(|case| (case.applies)(value)) => return,
            (false, true) => format!(
                "TOO STRICT: Go accepts; check says: {}",
                without_values(ours)
            ),
        };
        self.add(kind, shown);
    }

    /// Compares the verdicts on the example of a listed case.
    pub fn compare_example(&mut self, case: &Stricter, ours: &str, gos: &str) {
        if !gos.is_empty() {
            self.add(
                format!(
                    "LISTED as stricter ({}), but Go refuses it too: {gos}",
                    case.what
                ),
                case.example,
            );
        } else if ours.is_empty() {
            self.add(
                format!("LISTED as stricter ({}), but check accepts it", case.what),
                case.example,
            );
        }
        if !(case.applies)(case.example) {
            self.add(
                format!(
                    "LISTED as stricter ({}), but its example is another case",
                    case.what
                ),
                case.why,
            );
        }
    }

    pub fn add(&mut self, kind: String, value: &str) {
        self.kinds.entry(kind).or_default().push(value.to_owned());
    }

    pub fn equal(&mut self) {
        self.compared += 1;
    }

    /// Fails if there are any differences.
    pub fn assert_none(self) {
        let mut report = String::new();
        for (kind, mut values) in self.kinds {
            values.sort_by_key(String::len);
            let _ = writeln!(report, "\n{kind} ({} times)", values.len());
            values.dedup();
            for value in values.iter().take(6) {
                let _ = writeln!(report, "    {value:?}");
            }
        }
        println!(
            "{} comparisons with seed {}",
            self.compared,
            super::generate::seed()
        );
        assert!(
            report.is_empty(),
            "govanityurls and Go differ (see tests/it/lab/oracle/mod.rs for how to read this); \
             GOVANITYURLS_ORACLE_SEED={}\n{report}",
            super::generate::seed()
        );
    }
}

/// Removes the values from a message, so that equal reasons compare equal.
fn without_values(message: &str) -> String {
    let mut out = String::new();
    let mut quote = None;
    for c in message.lines().next().unwrap_or_default().chars() {
        match quote {
            Some(end) if c == end => (quote, _) = (None, out.push('…')),
            Some(_) => {}
            None if matches!(c, '"' | '`') => quote = Some(c),
            None => out.push(c),
        }
    }
    let out = out.split(" ParseAddr(").next().unwrap_or_default();
    let words = out
        .split(' ')
        .map(|word| if word.contains("://") { "…" } else { word });
    words.collect::<Vec<_>>().join(" ")
}
