//! Text from servers and files, made safe to print.

use std::borrow::Cow;

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

/// Returns whether a character has no width and can reorder, hide or imitate its neighbours.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e00ff}'
        | '\u{e01f0}'..='\u{e0fff}')
}

/// Returns `text` without the credentials in its URLs: what is between `//` and the last `@` before
/// white space or `/`. The user name `git` alone is no secret.
pub(crate) fn masked(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(slashes) = rest.find("//") {
        let (before, after) = rest.split_at(slashes + 2);
        let is_end = |c: char| c.is_whitespace() || c == '/';
        let authority = &after[..after.find(is_end).unwrap_or(after.len())];
        out.push_str(before);
        rest = after;
        if let Some(at) = authority.rfind('@')
            && &authority[..at] != "git"
        {
            out.push('…');
            rest = &after[at..];
        }
    }
    if out.is_empty() {
        return Cow::Borrowed(text);
    }
    out.push_str(rest);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_controls_a_terminal() {
        assert_eq!(escaped("a\x1b[31m\n\u{202e}b"), "a\\u{1b}[31m\\n\\u{202e}b");
    }

    #[test]
    fn masks_credentials_but_not_the_user_git() {
        for (text, shown) in [
            ("https://bob:hunter2@h/a", "https://…@h/a"),
            (
                "https://token@h/a https://h/x@y",
                "https://…@h/a https://h/x@y",
            ),
            ("https://bob:p@ss@h/a", "https://…@h/a"),
            ("ssh://git@h/a", "ssh://git@h/a"),
            ("no URL", "no URL"),
        ] {
            assert_eq!(masked(text), shown);
        }
    }
}
