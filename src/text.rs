//! Text for people: quoting, escaping and masking of values, the nearest word, counts.

use std::borrow::Cow;
use std::fmt::Display;

/// Returns `value` as shown in a message: quoted, masked, with control characters escaped, and cut
/// if it is long. It comes from a file and may be printed on a terminal.
pub(crate) fn quoted(value: &str) -> String {
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
pub(crate) fn quoted_char(c: char) -> String {
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
pub(crate) fn escaped(text: &str) -> String {
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

/// Returns `text` without the credentials in it: if there are any, all from the first `//` (or from
/// the start) to the last `@` is left out.
pub(crate) fn masked(text: &str) -> Cow<'_, str> {
    let Some(at) = text.rfind('@') else {
        return Cow::Borrowed(text);
    };
    let before = &text[..at];
    let mut ends = text.match_indices('@');
    if !has_password(before) && !ends.any(|(end, _)| has_token(&text[..end])) {
        return Cow::Borrowed(text);
    }
    let start = before.find("//").map_or(0, |slashes| slashes + 2);
    Cow::Owned(format!("{}…{}", &text[..start], &text[at..]))
}

/// Returns whether a text before an `@` has a colon that belongs to no scheme and to no key of YAML.
fn has_password(before: &str) -> bool {
    before.match_indices(':').any(|(index, _)| {
        let rest = &before[index + 1..];
        !rest.starts_with(|c: char| c == '/' || c.is_whitespace())
    })
}

/// Returns whether a text ends in the start of a URL, up to its `@`, in which a name is a secret:
/// over ssh it is a login, usually `git`.
fn has_token(before: &str) -> bool {
    let Some((scheme, user)) = before.rsplit_once("//") else {
        return false;
    };
    let is_user = |c: char| c != '/' && !c.is_whitespace();
    !user.is_empty() && user.chars().all(is_user) && !scheme.ends_with("ssh:")
}

/// Returns the candidate closest to `word`, if at most a third of its letters differ, by rustc's
/// measure.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let reach = (word.chars().count().max(3)) / 3;
    candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= reach)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Returns whether a text is one or more ASCII digits.
pub(crate) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Returns a count of modules with the noun in the right number.
pub(crate) fn counted(modules: usize) -> String {
    match modules {
        1 => "1 module".to_owned(),
        n => format!("{n} modules"),
    }
}

/// Returns the module counts of hosts, the default host first, for a message.
pub(crate) fn counted_by_host(hosts: &[(impl Display, usize)]) -> String {
    let [(default, modules), others @ ..] = hosts else {
        return String::new();
    };
    let on_default = match modules {
        0 => format!("no module on {default}"),
        &modules => format!("{} on {default}", counted(modules)),
    };
    let more: usize = others.iter().map(|(_, modules)| modules).sum();
    match others {
        [] => on_default,
        [(other, _)] => format!("{on_default}, {more} on {other}"),
        others => format!("{on_default}, {more} on {} other hosts", others.len()),
    }
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
            ("https://bob:é\u{3000}x@h/a", "https://…@h/a"),
            ("https://a/b https://token@h/a", "https://…@h/a"),
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
