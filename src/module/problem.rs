//! Why a value is rejected: one enum for the kinds of values, and one of reasons per kind.
//!
//! `Display` gives what is wrong and, after a line break, what to do.

use std::borrow::Cow;
use std::ops::Range;

use thiserror::Error;

/// Why a value cannot be used.
///
/// It stores values as they were read; `Display` cuts, escapes and masks them.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[allow(missing_docs)] // The messages describe the variants.
pub enum Problem {
    #[error("the host is empty\nwrite a domain, such as `go.example.org`")]
    EmptyHost,
    #[error("{} is not a valid host name: {why}", quoted(host))]
    Host { host: String, why: HostFault },
    #[error("{} is not a valid path: {why}", quoted(path))]
    Path { path: String, why: PathFault },
    #[error(
        "the repository URL is empty\nwrite one such as `https://github.com/bigwhite/gowechat`"
    )]
    EmptyRepo,
    #[error(
        "the URL has credentials in it\nthe page is public: write the URL without them, and give the go command a .netrc"
    )]
    Credentials,
    #[error("{} is not a valid repository URL: {why}", quoted(url))]
    Repo { url: String, why: UrlFault },
    #[error("{} is not a valid web address: {why}", quoted(url))]
    Web { url: String, why: UrlFault },
    #[error("unknown vcs {}\n{advice}", quoted(name))]
    UnknownVcs { name: String, advice: String },
    #[error("unknown forge {}\n{advice}", quoted(name))]
    UnknownForge { name: String, advice: String },
}

/// Why a host name is rejected.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[allow(missing_docs)] // The messages describe the variants.
pub enum HostFault {
    #[error("it is a URL\nwrite the domain alone: {}", quoted(.0))]
    Url(String),
    #[error(
        "an import path has no port\nthe go command always asks on port 443 (or 80, with GOINSECURE)"
    )]
    Port,
    #[error("it has a path\npaths are the keys of the file, not part of the host")]
    HasPath,
    #[error("Go requires lower case\nwrite {}", quoted(.0))]
    UpperCase(String),
    #[error("Go requires the ASCII form\nwrite {}", quoted(.0))]
    International(String),
    #[error("Go allows only a-z, 0-9, `.` and `-`, not {}\nwrite the domain alone, such as `go.example.org`", quoted_char(*.0))]
    Character(char),
    #[error("Go requires a dot in it\nwrite the whole domain")]
    NoDot,
    #[error(
        "a domain has at most 253 characters\nwrite the domain alone, such as `go.example.org`"
    )]
    TooLong,
    #[error("Go rejects a leading dash\nremove it")]
    LeadingDash,
    #[error("it has an empty label\nremove the extra dot")]
    EmptyLabel,
    #[error(transparent)]
    Element(#[from] ElementFault),
    #[error(
        "the go command never asks this host: it has built-in rules for its repositories\nwrite a domain of your own"
    )]
    KnownToGo,
}

/// Why a path is rejected.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[allow(missing_docs)] // The messages describe the variants.
pub enum PathFault {
    #[error("it is longer than {0} bytes\nnginx keeps the length of a location in one byte")]
    TooLong(usize),
    #[error("the element {} is longer than {} bytes\nan exported page is a file of that name", quoted(.0), .1)]
    ElementTooLong(String, usize),
    #[error("a path starts with a slash\nwrite {}", quoted(&format!("/{}", .0)))]
    NoSlash(String),
    #[error("it has an empty element\nremove the extra slash")]
    EmptyElement,
    #[error("it has an empty element\nthe root is a single `/`")]
    EmptyRoot,
    #[error("it is a URL\nwrite {}", quoted(.0))]
    Url(String),
    #[error("Go rejects a leading dot, in {}\nwrite the path without it", quoted(.0))]
    LeadingDot(String),
    #[error(transparent)]
    Element(#[from] ElementFault),
    #[error(
        "Go rejects the version v{0}\nversions 0 and 1 are the module's own path; from 2 on it ends in /v2"
    )]
    Version(String),
    #[error("it has a version in it\nwrite {}: the module's tags are its versions", quoted(.0))]
    AtVersion(String),
    #[error(
        "a `*` stands for one whole element, the last\nwrite `/x/*`, and the same `*` once in its `repo`"
    )]
    Star,
    #[error("the go command takes {} for a repository's address and never asks for it\nleave out the suffix", quoted(.0))]
    VcsSuffix(String),
    #[error(
        "Go rejects the element `vendor`, which marks copies of other modules\nchoose another name"
    )]
    Vendor,
    #[error(
        "`go build` rejects a last element that starts with `{0}`\nstart it with a letter or a digit"
    )]
    LastElement(char),
    #[error("`...` is a wildcard of the go command\nwrite the path without it")]
    Wildcard,
    #[error(
        "the go command never asks for it: it has built-in rules for its repository\nchoose another path, or a domain of your own"
    )]
    KnownToGo,
    #[error("on gopkg.in Go requires a version at the end\nwrite it, as in `gopkg.in/yaml.v1`")]
    Gopkg,
}

/// Why Go rejects one element of a path.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[allow(missing_docs)] // The messages describe the variants.
pub enum ElementFault {
    #[error("{} is not a valid element\nremove it", quoted(.0))]
    Dots(String),
    #[error("Go rejects a trailing dot, in {}\nremove the dot", quoted(.0))]
    TrailingDot(String),
    #[error("Go allows only A-Z, a-z, 0-9 and `-._~`, not {}\nwrite the path without it", quoted_char(*.0))]
    Character(char),
    #[error("Go rejects {}, a device name on Windows\nchoose another name", quoted(.0))]
    Device(String),
    #[error("Go rejects a tilde and digits at the end, in {}\nchoose another name", quoted(.0))]
    TildeDigits(String),
}

/// Why a URL is rejected.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[allow(missing_docs)] // The messages describe the variants.
pub enum UrlFault {
    #[error("it is longer than {0} bytes\nis it the right URL?")]
    TooLong(usize),
    #[error("it has a line break in it\nwrite it on one line")]
    LineBreak,
    #[error("it has a space around it\nremove the space")]
    SpaceAround,
    #[error("it has a space in it\nwrite a space in a URL as `%20`")]
    Space,
    #[error("it has {} in it, which no URL can have\nremove it, or percent-encode it", quoted_char(*.0))]
    Character(char),
    #[error("it has {} in it\nis this a template that nothing filled in?", quoted(.0))]
    Template(String),
    #[error("it is a command\nwrite the URL alone: {}", quoted(.0))]
    Command(String),
    #[error("it is a path on one machine\nwrite the URL that others fetch it from")]
    Local,
    #[error("the go command rejects `file:`\nserve the repository over https, or run `git daemon`")]
    File,
    #[error("it has no scheme\nwrite {}", .0.as_ref().map_or("one such as `https://github.com/bigwhite/gowechat`".into(), |url| quoted(url)))]
    NoScheme(Option<String>),
    #[error("it is the scp form, which only git reads\nwrite {}", quoted(.0))]
    Scp(String),
    #[error("unknown scheme {}\n{}", quoted(.0), .1)]
    Scheme(String, String),
    #[error(
        "it does not start with `https://`\nwrite the whole address, such as `https://pkg.go.dev`"
    )]
    NotWeb,
    #[error("it does not start with `https://`\nwrite `none` for no documentation")]
    MeansNone,
    #[error("it has no host\nwrite the whole URL, such as `https://github.com/bigwhite/gowechat`")]
    NoHost,
    #[error("its host has {} in it{}", quoted_char(*.0), if *.0 == ':' { "\nan IPv6 address needs brackets, as in `https://[::1]/a`" } else { "\nwrite the host without it" })]
    HostCharacter(char),
    #[error("{} is not an IPv6 address\nwrite one such as `[2001:db8::7]`", quoted(.0))]
    Ipv6(String),
    #[error("{}", match .0.as_str() {
        "" => "it has a colon without a port\nremove the colon".to_owned(),
        port => format!("{} is not a valid port\nwrite a number from 1 to 65535, or none", quoted(port)),
    })]
    Port(String),
    #[error("{} is not a percent escape\nwrite `%25` for a percent sign", quoted(.0))]
    Escape(String),
    #[error("its user name has {} in it\nwrite a plain one, such as `git`", quoted_char(*.0))]
    UserCharacter(char),
    #[error("a `*` can be in its path only\nwrite the part before the path without it")]
    Star,
    #[error("it has a query or a fragment\nwrite {}", quoted(.0))]
    Query(String),
    #[error(
        "it has a query or a fragment\nthe import path is appended to it, so it ends in a path"
    )]
    QueryBeforePath,
    #[error("it has a version in it\nwrite {}: the repository's tags are its versions", quoted(.0))]
    AtVersion(String),
    #[error("it is the address of a page in the repository\nwrite {0}")]
    Page(String),
    #[error("it names an owner, not a repository\nwrite the repository's URL, such as {}", quoted(.0))]
    Owner(String),
    #[error(
        "it is a public module proxy, which gets modules from their repositories\nwrite the URL of the repository itself"
    )]
    PublicProxy,
}

/// Returns `value` as shown in a message: quoted, masked, with control characters escaped, and cut
/// if it is long. It comes from a file and may be printed on a terminal.
pub fn quoted(value: &str) -> String {
    const LONGEST: usize = 80;
    let value = masked(value);
    let mut shown: String = value.chars().take(LONGEST).collect();
    if shown.len() < value.len() {
        shown.push('…');
    }
    let quote = if value.contains('`') { '"' } else { '`' };
    format!("{quote}{}{quote}", escaped(&shown))
}

/// Returns a character as shown in a message, with its code point if it resembles another.
pub fn quoted_char(c: char) -> String {
    let shown = quoted(c.encode_utf8(&mut [0; 4]));
    match c {
        '!'..='~' => shown,
        ' ' => "a space".to_owned(),
        _ if c.is_alphanumeric() && !is_invisible(c) => shown,
        _ => format!(
            "U+{:04X}{}",
            u32::from(c),
            name_of(c).map_or_else(String::new, |name| format!(" ({name})"))
        ),
    }
}

/// Returns the name of a character that people paste without seeing it.
fn name_of(c: char) -> Option<&'static str> {
    Some(match c {
        '\t' => "a tab",
        '\n' => "a line break",
        '\u{a0}' => "a no-break space",
        '\u{3000}' => "an ideographic space",
        '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' => "a space of Unicode",
        '\u{feff}' => "a byte order mark",
        '\u{200b}'..='\u{200d}' | '\u{2060}' => "a zero-width character",
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            "a control of text direction"
        }
        '\u{2028}' | '\u{2029}' => "a line break of Unicode",
        '\u{3002}' | '\u{ff0e}' => "a full-width dot",
        '\u{ff1a}' => "a full-width colon",
        '\u{ff0f}' => "a full-width slash",
        '\u{ff01}'..='\u{ff5e}' => "a full-width character",
        '\u{2018}' | '\u{2019}' | '\u{201c}' | '\u{201d}' | '\u{201e}' => "a typographic quote",
        '\u{e0000}'..='\u{e007f}' => "a tag character",
        '\u{fff9}'..='\u{ffff}' => return None,
        _ if is_invisible(c) => "an invisible character",
        _ => return None,
    })
}

/// Returns `text` with everything escaped that could control a terminal or forge a line.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || is_invisible(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// Returns whether a character has no width of its own and can reorder, hide or imitate its
/// neighbours (Unicode's default-ignorable characters, except variation selectors; line and
/// paragraph separators), or is a noncharacter, which XML and HTML forbid.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e00ff}'
        | '\u{e01f0}'..='\u{e0fff}')
}

/// Returns `text` without the credentials in its URLs.
pub fn masked(text: &str) -> Cow<'_, str> {
    let mut out = Cow::Borrowed(text);
    // Back to front, so that the earlier ranges stay valid.
    for range in credentials(text).into_iter().rev() {
        out.to_mut().replace_range(range, "…");
    }
    out
}

/// Finds the part before the `@` in the URLs of a text, unless it can only be a user name.
pub(crate) fn credentials(text: &str) -> Vec<Range<usize>> {
    if !text.contains('@') {
        return Vec::new();
    }
    let mut found = Vec::new();
    let is_end = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',');
    let mut from = 0;
    while let Some(rest) = text.get(from..).filter(|rest| !rest.is_empty()) {
        let mut end = rest.find(is_end).unwrap_or(rest.len());
        if has_open_password(&rest[..end]) {
            // A password may contain a space, a quote or a comma.
            let reach = rest[end..].find("//").map_or(rest.len(), |next| end + next);
            end = rest[..reach].rfind('@').map_or(end, |at| end.max(at + 1));
        }
        let (word, rest) = rest.split_at(end);
        from += end + rest.chars().next().map_or(0, char::len_utf8);
        let Some(at) = word.rfind('@') else { continue };
        let (scheme, start) = match word.find("//") {
            Some(slashes) if slashes < at => (&word[..slashes], slashes + 2),
            // The scp form: `user@host:path`.
            _ => ("ssh", 0),
        };
        let user = &word[start..at];
        let is_name = !user.contains('/') && scheme.contains("ssh");
        // With a slash and no colon, the `@` is part of a path.
        if user.contains(':') || !(user.is_empty() || is_name || user.contains('/')) {
            let offset = word.as_ptr().addr() - text.as_ptr().addr();
            found.push(offset + start..offset + at);
        }
    }
    found
}

/// Returns whether a word starts a URL with a password that may continue after it: the text after
/// the colon is not a port, or the word ends there.
fn has_open_password(word: &str) -> bool {
    let Some((_, rest)) = word.split_once("//") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let port = authority.split_once(':').map(|(_, port)| port);
    port.is_some_and(|port| authority == rest || !port.bytes().all(|b| b.is_ascii_digit()))
        && !authority.starts_with('[')
}

/// Returns the candidate closest to `word`, if at most a third of its letters differ, by rustc's
/// measure.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let reach = (word.chars().count().max(3)) / 3;
    candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= reach)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_values_cannot_control_a_terminal() {
        assert_eq!(quoted("a\x1b[31m\n"), "`a\\u{1b}[31m\\n`");
        assert_eq!(quoted("a\u{202e}b"), "`a\\u{202e}b`");
        assert_eq!(quoted("a\u{61c}\u{3164}b"), "`a\\u{61c}\\u{3164}b`");
        assert_eq!(quoted_char('\u{3164}'), "U+3164 (an invisible character)");
        assert_eq!(quoted_char('\u{e0041}'), "U+E0041 (a tag character)");
        assert_eq!(quoted(&"é".repeat(200)).chars().count(), 83);
        assert_eq!(quoted("`a`"), "\"`a`\"");
    }

    #[test]
    fn masks_passwords_but_not_user_names() {
        for (text, shown) in [
            ("https://bob:hunter2@h/a", "https://…@h/a"),
            ("htps://bob:hun/ter2@h/a b", "htps://…@h/a b"),
            (
                "  repo: 'https://bob:p@ss@h/a' # x",
                "  repo: 'https://…@h/a' # x",
            ),
            ("https://token@h/a", "https://…@h/a"),
            ("//token@h/a", "//…@h/a"),
            ("https://bob:hun ter2@h/a b", "https://…@h/a b"),
            ("'https://bob:hun\"ter2@h/a' _", "'https://…@h/a' _"),
            ("https://bob:hun,t/e r@h/a _", "https://…@h/a _"),
            ("https://bob:é\u{3000}x@h/a", "https://…@h/a"),
            ("https://h:80/a # x@y", "https://h:80/a # x@y"),
            ("https://h:80 https://h/x@y", "https://h:80 https://h/x@y"),
            ("https://[::1]/a # x@y", "https://[::1]/a # x@y"),
            ("bob:hunter2@h/a", "…@h/a"),
            ("https://e@h/eee", "https://…@h/eee"),
            ("https://@h/a", "https://@h/a"),
            ("ssh://git@h/a", "ssh://git@h/a"),
            ("git@h:a/b", "git@h:a/b"),
            ("https://h/@scope/a", "https://h/@scope/a"),
            ("https://h/a@v1.2.3", "https://h/a@v1.2.3"),
        ] {
            assert_eq!(masked(text), shown);
        }
    }

    #[test]
    fn nearest_needs_most_letters_to_match() {
        assert_eq!(nearest("rep", ["repo", "vcs"]), Some("repo"));
        assert_eq!(nearest("brnach", ["branch", "docs"]), Some("branch"));
        assert_eq!(nearest("colour", ["repo", "vcs"]), None);
    }
}
