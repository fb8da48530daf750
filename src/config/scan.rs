//! One linear pass over the text before the YAML parser sees it. The parser's time grows with the
//! depth of brackets, and its memory with the number of values.
//!
//! It follows libyaml just closely enough to tell brackets from text.

use super::problem::{Problem, Syntax};

/// A valid file has two levels.
const MAX_DEPTH: usize = 64;
/// The parser keeps each value in about 140 bytes until the end of the file. Two values per 17
/// bytes take 17 times the file's size, and 20 times with the modules built from them. A module
/// with only `repo` is five values, so 43 bytes suffice for it.
const VALUES_PER_BYTE: (usize, usize) = (2, 17);
/// How many values an alias counts for: it may stand for a whole module.
const ALIAS: usize = 4;
/// The longest text, in bytes. Each kind of value has a lower limit.
pub(super) const MAX_TEXT: usize = 4096;
/// How many values a file may have regardless of its size.
const FREE_VALUES: usize = 20_000;

/// Rejects what YAML does not allow, what the parser cannot handle in bounded time and memory,
/// tags, and merge conflicts. An error has its byte offset.
pub(super) fn check(text: &str) -> Result<(), (Problem, usize)> {
    check_characters(text)?;
    let mut scanner = Scanner::default();
    let mut start = 0;
    for line in text.split_inclusive(['\n', '\r']) {
        scanner
            .line(line)
            .map_err(|(problem, index)| (problem, start + index))?;
        start += line.len();
    }
    let (values, bytes) = VALUES_PER_BYTE;
    match scanner.values > text.len() * values / bytes + FREE_VALUES {
        true => Err((Problem::TooDense, 0)),
        false => Ok(()),
    }
}

/// Rejects Unicode line breaks, because the parser counts them as lines and editors do not, and
/// U+FFFE and U+FFFF, because XML and HTML forbid them.
fn check_characters(text: &str) -> Result<(), (Problem, usize)> {
    let bad = |c: char| match c {
        '\t' | '\n' | '\r' | ' '..='~' => false,
        '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => true,
        c => c.is_control(),
    };
    match text.find(bad) {
        None => Ok(()),
        Some(_) if text.contains('\0') => Err((
            Problem::Character('\0'),
            text.find('\0').unwrap_or_default(),
        )),
        Some(index) => {
            let found = text[index..].chars().next().unwrap_or_default();
            Err((Problem::Character(found), index))
        }
    }
}

/// The state at the end of a line.
#[derive(Default)]
struct Scanner {
    /// The number of open brackets.
    depth: usize,
    /// An upper bound on the number of values: a scalar is one, a map or a sequence two.
    values: usize,
    /// Whether the next value is counted already: a key always has a value, if only an empty one.
    counted: bool,
    /// For each open bracket, from the lowest bit: whether it is a `[`, and whether a colon came
    /// after its last comma.
    sequences: u64,
    colons: u64,
    /// The open quote.
    quote: Option<u8>,
    /// Whether a plain scalar may continue.
    plain: bool,
    /// The first column inside the last key, dash or question mark outside brackets.
    inside: usize,
    /// The indentation of the open block scalar (`|` or `>`), and whether its first line, which may
    /// set it, is still to come.
    block: Option<(usize, bool)>,
}

impl Scanner {
    fn line(&mut self, line: &str) -> Result<(), (Problem, usize)> {
        // It would give `!!str` another meaning.
        if line.starts_with("%TAG") {
            return Err((Syntax::Directive.into(), 0));
        }
        let indent = line.len() - line.trim_start_matches(' ').len();
        let is_blank = line.trim().is_empty();
        if let Some((least, first)) = self.block {
            if is_blank || indent >= least {
                let widest = if first { least.max(indent) } else { least };
                self.block = Some((widest, first && is_blank));
                return Ok(());
            }
            self.block = None;
        }
        if is_blank {
            return Ok(());
        }
        if self.quote.is_none() && self.depth == 0 {
            if line.starts_with(['<', '|', '>', '=']) {
                let mark = line.trim_end();
                let sides = ["<<<<<<< ", "||||||| ", ">>>>>>> "];
                if mark == "=======" || sides.iter().any(|side| mark.starts_with(side)) {
                    return Err((Problem::Conflict(mark.into()), 0));
                }
            }
            self.plain &= indent >= self.inside;
        }
        if self.quote.is_none()
            && let Some(found @ ('\u{a0}' | '\u{3000}')) = line[indent..].chars().next()
        {
            let advice = "indent with spaces";
            return Err((Problem::Lookalike { found, advice }, indent));
        }
        let is_marker =
            self.quote.is_none() && (line.starts_with("---") || line.starts_with("..."));
        let mut at = indent;
        if is_marker && line[3..].starts_with(char::is_whitespace) {
            (self.plain, self.inside, at) = (false, 0, 3);
            self.counted = false;
        }
        self.tokens(line, at)
    }

    /// Counts a value; returns whether it was counted already.
    fn value(&mut self) -> bool {
        let counted = std::mem::take(&mut self.counted);
        self.values += usize::from(!counted);
        counted
    }

    /// Counts the value of a key in braces that has no colon.
    fn end_entry(&mut self) {
        self.values += usize::from((self.sequences | self.colons) & 1 == 0);
        self.colons &= !1;
        self.counted = false;
    }

    fn tokens(&mut self, line: &str, mut at: usize) -> Result<(), (Problem, usize)> {
        let bytes = line.as_bytes();
        let is_space = |at: usize| bytes.get(at).is_none_or(u8::is_ascii_whitespace);
        // The start of the last token, the last key, and the last byte other than white space.
        let (mut token, mut key, mut last) = (at, "", b'-');
        // The token that the outermost bracket belongs to: `{a: b}` may be a key.
        let mut outermost = at;
        // Whether the last value had been counted before it came.
        let mut taken = false;
        while at < bytes.len() {
            let byte = bytes[at];
            let is_text = self.plain || self.quote.is_some();
            if is_text && at - token > MAX_TEXT && byte.is_ascii() {
                let text = line.get(token..at).unwrap_or_default();
                return Err((Problem::TooLong(text.into(), MAX_TEXT), token));
            }
            if let Some(quote) = self.quote {
                if byte == quote && quote == b'\'' && bytes.get(at + 1) == Some(&quote)
                    || byte == b'\\' && quote == b'"'
                {
                    at += 1;
                } else if byte == quote {
                    (self.quote, last) = (None, quote);
                }
                at += 1;
                continue;
            }
            let in_brackets = self.depth > 0;
            let starts = !self.plain;
            let is_token = starts && !byte.is_ascii_whitespace() && byte != b':' && byte != b'#';
            // An anchor or a tag is the start of the token that it belongs to.
            if is_token && !matches!(last, b'&' | b'!') {
                token = at;
            }
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => {}
                b'#' if at == 0 || is_space(at - 1) => {
                    let is_text = matches!(key, "description" | "branch" | "title");
                    if starts && is_text && last == b':' && !is_space(at + 1) {
                        return Err((Problem::CommentAsText(line[at..].trim_end().into()), at));
                    }
                    self.plain = false;
                    return Ok(());
                }
                b'[' | b'{' if in_brackets || starts => {
                    if !in_brackets {
                        outermost = token;
                    }
                    self.value();
                    (self.depth, self.values, self.plain) =
                        (self.depth + 1, self.values + 1, false);
                    self.sequences = self.sequences << 1 | u64::from(byte == b'[');
                    self.colons <<= 1;
                    if self.depth > MAX_DEPTH {
                        return Err((Problem::TooDeep(MAX_DEPTH), at));
                    }
                }
                b']' | b'}' if in_brackets => {
                    self.end_entry();
                    (self.depth, self.plain) = (self.depth - 1, false);
                    (self.sequences, self.colons) = (self.sequences >> 1, self.colons >> 1);
                    if self.depth == 0 {
                        token = outermost;
                    }
                }
                b',' if in_brackets => {
                    self.end_entry();
                    self.plain = false;
                }
                b':' if is_space(at + 1)
                    || in_brackets && (starts || b",[]{}".contains(&bytes[at + 1])) =>
                {
                    if in_brackets {
                        // `[a: b]` is a map in a sequence.
                        self.values += 2 * (self.sequences & 1) as usize;
                        self.colons |= 1;
                    } else {
                        // The first key of a map, or one after an empty value and counted as that.
                        self.values += match token + 1 > self.inside {
                            true => 2,
                            false => usize::from(taken),
                        };
                        self.inside = token + 1;
                    }
                    (self.values, self.counted, taken) = (self.values + 1, true, false);
                    // With no key before the colon, the key is an empty value.
                    self.values += usize::from(b"-?:,[{".contains(&last));
                    (self.plain, key) = (false, line.get(token..at).unwrap_or_default());
                }
                b'-' | b'?' if starts && (is_space(at + 1) || in_brackets && byte == b'?') => {
                    (self.inside, self.values) = (at + 1, self.values + 4);
                    self.counted = false;
                }
                _ if !starts => {}
                b'"' | b'\'' => {
                    self.quote = Some(byte);
                    taken = self.value();
                }
                b'|' | b'>' if !in_brackets => {
                    let digit = line[at + 1..].trim_start_matches(['+', '-']).as_bytes();
                    self.block = Some(match digit.first() {
                        Some(digit @ b'1'..=b'9') => (
                            self.inside.saturating_sub(1) + usize::from(digit - b'0'),
                            false,
                        ),
                        _ => (self.inside.max(1), true),
                    });
                    self.value();
                    return Ok(());
                }
                b'!' | b'&' | b'*' => {
                    let word = line[at..].split(|c: char| c.is_whitespace() || ",[]{}".contains(c));
                    let word = word.into_iter().next().unwrap_or_default();
                    if byte == b'!' && !matches!(word, "!!str" | "!!map") {
                        return Err((Problem::Tag(word.into()), at));
                    }
                    self.values += if byte == b'*' { ALIAS } else { 1 };
                    at += word.len() - 1;
                }
                _ => {
                    self.plain = true;
                    taken = self.value();
                }
            }
            if !byte.is_ascii_whitespace() {
                last = byte;
            }
            at += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_yaml::Value;

    use super::*;

    fn depth(value: &Value) -> usize {
        match value {
            Value::Sequence(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
            Value::Mapping(map) => {
                1 + map
                    .iter()
                    .map(|(key, value)| depth(key).max(depth(value)))
                    .max()
                    .unwrap_or(0)
            }
            _ => 0,
        }
    }

    /// Returns the number of parser events for a value.
    fn events(value: &Value) -> usize {
        match value {
            Value::Sequence(values) => 2 + values.iter().map(events).sum::<usize>(),
            Value::Mapping(map) => {
                let entry = |(key, value)| events(key) + events(value);
                2 + map.iter().map(entry).sum::<usize>()
            }
            _ => 1,
        }
    }

    fn count(text: &str) -> usize {
        let mut scanner = Scanner::default();
        for line in text.split_inclusive(['\n', '\r']) {
            scanner.line(line).unwrap();
        }
        scanner.values
    }

    #[test]
    fn brackets_count_only_where_they_are_not_text() {
        let many = "[".repeat(MAX_DEPTH + 1);
        for text in [
            format!("/a: {many}"),
            format!("a: text\n  \"b\n/z: {many}"),
            format!("a: |\n  x\nb: {many}"),
            format!("a:\n  b: |\n  c: {many}"),
            format!("a: |2\n{many}"),
            format!("a: |\r{many}"),
            format!("&a a: |\n\n  \"\nz: {many}"),
            format!("a: 'x''y' # '\nb: {many}"),
            format!("--- {many}"),
            format!("a: {}", "{a: ".repeat(MAX_DEPTH + 1)),
            format!("{{a: b}}:\n|\n \"\nz: {many}"),
        ] {
            assert!(
                matches!(check(&text), Err((Problem::TooDeep(_), _))),
                "{text}"
            );
        }
        for text in [
            format!("a: \"{many}\""),
            format!("a: 'it''s {many}'"),
            format!("a: text {many}"),
            format!("a: # {many}"),
            format!("a: |\n  '\n  {many}\n"),
            format!("a: text\n  more {many}"),
            "a: [b]\n".repeat(MAX_DEPTH + 1),
        ] {
            assert_eq!(check(&text), Ok(()), "{text}");
        }
    }

    #[test]
    fn errors_in_tags_comments_and_conflicts_have_a_position() {
        for (text, at) in [
            ("a: !x b", 3),
            ("!x\na: b", 0),
            ("{a: !x b}", 4),
            ("{?!x b}", 2),
            ("%TAG !! !x\n---\na: !!str b", 0),
            ("/a:\n  description: #1", 19),
            ("a:\n<<<<<<< HEAD\n", 3),
            ("/a:\n\u{a0}\u{a0}repo: x", 4),
        ] {
            assert_eq!(check(text).unwrap_err().1, at, "{text}");
        }
        for text in [
            "a: !!str b",
            "a: b !x",
            "a: \"!x\"",
            "a: # b",
            "/a: #1\n  repo: x",
            "  description: x #1",
            "description: # none",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn values_are_counted() {
        assert_eq!(
            check(&format!("[{}]", "1, ".repeat(1 << 20))),
            Err((Problem::TooDense, 0))
        );
        for module in [
            "/abcdef: {repo: https://github.com/abcdefg/b}\n",
            "/abcdef:\n  repo: https://github.com/abcdefg/b\n",
            "\"/abc\":{\"repo\":\"https://github.com/abcdef/b\"},\n",
        ] {
            let text = match module.starts_with('"') {
                true => format!("{{{}}}", module.repeat(1 << 14)),
                false => module.repeat(1 << 14),
            };
            assert_eq!(check(&text), Ok(()), "{module}");
            // The slack is for the enclosing map and a trailing comma.
            assert!(count(&text) - 5 * (1 << 14) <= 3, "{module}");
        }
        // Empty values, and maps without brackets.
        let many = |text: &str| text.repeat(1 << 16);
        for text in [
            many("aaaa:\n"),
            many("aaa:\n a: b\n"),
            many("- - a\n"),
            many("a: *a\n"),
            format!("[{}]", many("aaa, ")),
            format!("[{}]", many("a: b, ")),
            format!("{{{}}}", many("aaa, ")),
        ] {
            assert_eq!(check(&text), Err((Problem::TooDense, 0)), "{text:.20}");
        }
    }

    /// Text that changes the meaning of what follows.
    const PIECES: [&str; 27] = [
        "\n", "\n  ", "\n    ", " ", ": ", "a: ", "- ", "? ", "[", "]", "{", "}", ", ", " #",
        "&a ", "*a", "|\n", ">-\n", "|2\n", "\"", "'", "\\", "x", "a", "--- ", "\r", "?",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        /// Counts every value that the parser keeps.
        #[test]
        fn every_value_is_counted(
            pieces in prop::collection::vec(0..PIECES.len(), 0..24),
        ) {
            let text: String = pieces.into_iter().map(|piece| PIECES[piece]).collect();
            if !text.contains('*')
                && check(&text).is_ok()
                && let Ok(value) = serde_yaml::from_str::<Value>(&text)
                && !value.is_null()
            {
                prop_assert!(count(&text) >= events(&value), "{text:?}");
            }
        }

        /// Counts every bracket that libyaml sees, whatever comes before it.
        #[test]
        fn every_bracket_is_counted(
            pieces in prop::collection::vec(0..PIECES.len(), 0..24),
        ) {
            const DEEP: usize = 100;
            let text: String = pieces.into_iter().map(|piece| PIECES[piece]).collect();
            for key in ["", "\n", "\nz: ", "\n  z: ", "\"\nz: ", "'\nz: "] {
                let text = format!("{text}{key}{}{}", "[".repeat(DEEP), "]".repeat(DEEP));
                if let Ok(value) = serde_yaml::from_str::<Value>(&text)
                    && depth(&value) >= DEEP
                {
                    prop_assert!(check(&text).is_err(), "{text:?}");
                }
            }
        }
    }
}
