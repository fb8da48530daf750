//! Reads go.mod as strictly as `ParseLax` of golang.org/x/mod/modfile, and with its words.

use super::text::is_invisible;
use super::version::{Version, matches_major, split_major};

/// What matters of a go.mod.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct GoMod {
    /// The module path; empty if there is none.
    pub(super) path: String,
    /// The language version, such as `1.18`; empty if there is none.
    pub(super) go: String,
    pub(super) requires: Vec<(String, Version)>,
    /// The modules that are replaced by a directory.
    pub(super) local: Vec<String>,
    /// The lowest and highest version of each retraction.
    pub(super) retracts: Vec<(Version, Version)>,
}

/// Why Go refuses a go.mod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SyntaxError {
    pub(super) line: usize,
    pub(super) message: String,
}

impl GoMod {
    pub(super) fn parse(text: &str) -> Result<Self, SyntaxError> {
        let mut file = Self::default();
        let mut has_module = false;
        for statement in Parser::statements(text)? {
            file.add(&statement.words, &mut has_module)
                .map_err(|message| SyntaxError {
                    line: statement.line,
                    message,
                })?;
        }
        Ok(file)
    }

    /// Adds a statement. A module's user does not need those that Go ignores, such as `exclude`.
    fn add(&mut self, words: &[String], has_module: &mut bool) -> Result<(), String> {
        let (verb, arguments) = words.split_first().ok_or("an empty statement")?;
        match verb.as_str() {
            "go" => {
                let [version] = arguments else {
                    return Err("go directive expects exactly one argument".to_owned());
                };
                if !self.go.is_empty() {
                    return Err("repeated go statement".to_owned());
                }
                self.go = language(version).ok_or_else(|| {
                    format!("invalid go version '{version}': must match format 1.23")
                })?;
            }
            "module" => {
                if *has_module {
                    return Err("repeated module statement".to_owned());
                }
                *has_module = true;
                let [path] = arguments else {
                    return Err("usage: module module/path".to_owned());
                };
                self.path = string(path)?;
            }
            "require" => {
                let [path, version] = arguments else {
                    return Err("usage: require module/path v1.2.3".to_owned());
                };
                let path = string(path)?;
                let version = string(version)?;
                self.requires.push(requirement(path, &version)?);
            }
            "ignore" => {
                let [path] = arguments else {
                    return Err("ignore directive expects exactly one argument".to_owned());
                };
                string(path)?;
            }
            "retract" => self.retracts.extend(interval(arguments)),
            "replace" => {
                let target = arguments.iter().skip_while(|word| *word != "=>").nth(1);
                let is_directory = |path: &String| path.starts_with(['.', '/']);
                if let (Some(path), true) = (arguments.first(), target.is_some_and(is_directory)) {
                    self.local.push(path.clone());
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Returns whether the language version is at least 1.`minor`.
    pub(super) fn is_at_least(&self, minor: u32) -> bool {
        let mut numbers = self.go.split('.').map(str::parse::<u32>);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(first)), Some(Ok(second))) => (first, second) >= (1, minor),
            _ => false,
        }
    }
}

/// Reads the version in a `go` line, like `GoVersionRE` and `laxGoVersionRE`.
fn language(text: &str) -> Option<String> {
    // A `v` and what follows the second number are ignored, but not a `v` alone.
    let plain = text.strip_prefix('v').unwrap_or(text);
    let (first, rest) = plain.split_once('.')?;
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let (second, rest) = rest.split_at(end);
    if first.starts_with('0') || (second.starts_with('0') && second != "0") {
        return None;
    }
    let numbers = [first, second];
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !numbers.into_iter().all(is_number) || (rest.is_empty() && plain.len() < text.len()) {
        return None;
    }
    Some(format!("{first}.{second}"))
}

/// Checks a requirement's version and its major version.
fn requirement(path: String, text: &str) -> Result<(String, Version), String> {
    let Some((version, build)) = Version::parse_any(text) else {
        return Err(format!(
            "version \"{text}\" invalid: must be of the form v1.2.3"
        ));
    };
    let Some((_, major)) = split_major(&path) else {
        return Err("invalid module path".to_owned());
    };
    let is_incompatible = major.is_empty() && build == "incompatible";
    if matches_major(&version, major) || is_incompatible {
        return Ok((path, version));
    }
    let expected = if major.is_empty() {
        "v0 or v1"
    } else {
        &major[1..]
    };
    let found = version.major();
    Err(format!(
        "version \"{version}\" invalid: should be {expected}, not {found}"
    ))
}

/// Reads the versions of a retraction; Go ignores what it cannot read.
fn interval(words: &[String]) -> Option<(Version, Version)> {
    let version = |word: &String| Some(Version::parse_any(&string(word).ok()?)?.0);
    if words.first()? != "[" {
        let version = version(&words[0])?;
        return Some((version.clone(), version));
    }
    match words {
        [_, low, comma, high, close, ..] if comma == "," && close == "]" => {
            Some((version(low)?, version(high)?))
        }
        _ => None,
    }
}

/// Returns the text of a word, which may be in double quotes.
fn string(word: &str) -> Result<String, String> {
    if word.starts_with('"') {
        return unquoted(word).ok_or_else(|| "invalid quoted string: invalid syntax".to_owned());
    }
    if word.contains(['"', '\'', '`']) {
        return Err("invalid quoted string: unquoted string cannot contain quote".to_owned());
    }
    Ok(word.to_owned())
}

/// Unquotes a Go string literal, like `strconv.Unquote`.
fn unquoted(word: &str) -> Option<String> {
    if let Some(raw) = word.strip_prefix('`') {
        let raw = raw.strip_suffix('`')?;
        return (!raw.contains('`')).then(|| raw.replace('\r', ""));
    }
    let text = word.strip_prefix('"')?.strip_suffix('"')?;
    let mut bytes = Vec::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let mut push = |c: char| bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        if c == '"' || c == '\n' {
            return None;
        }
        if c != '\\' {
            push(c);
            continue;
        }
        let escape = chars.next()?;
        let (radix, length) = match escape {
            'x' => (16, 2),
            'u' => (16, 4),
            'U' => (16, 8),
            '0'..='7' => (8, 2),
            _ => (0, 0),
        };
        if radix > 0 {
            let mut value = if radix == 8 { escape.to_digit(8)? } else { 0 };
            for _ in 0..length {
                value = value.checked_mul(radix)? + chars.next()?.to_digit(radix)?;
            }
            if matches!(escape, 'u' | 'U') {
                push(char::from_u32(value)?);
            } else {
                bytes.push(u8::try_from(value).ok()?);
            }
            continue;
        }
        push(match escape {
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            '\\' | '"' => escape,
            _ => return None,
        });
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Returns the path in the first line that begins with `module`, or an empty string, like
/// `ModulePath` of golang.org/x/mod/modfile. Go finds a module's directory by it.
pub(super) fn module_path(text: &str) -> String {
    for line in text.split('\n') {
        let line = line.split("//").next().unwrap_or_default().trim();
        let Some(rest) = line.strip_prefix("module") else {
            continue;
        };
        let path = rest.trim_start();
        if path.is_empty() || path.len() == rest.len() {
            continue;
        }
        if path.starts_with(['"', '`']) {
            return unquoted(path).unwrap_or_default();
        }
        return path.to_owned();
    }
    String::new()
}

/// A statement's words; in a block, those of one line with the block's word before them.
struct Statement {
    line: usize,
    words: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    End,
    /// The end of a line, or a comment at its end.
    LineEnd,
    /// A comment on a line of its own.
    Comment,
    Word(String),
}

/// Splits a go.mod into statements, like `parse` of golang.org/x/mod/modfile.
struct Parser<'a> {
    rest: &'a str,
    line: usize,
    /// Whether the current line has a word before the current place.
    has_word: bool,
    next: Token,
}

impl<'a> Parser<'a> {
    fn statements(text: &'a str) -> Result<Vec<Statement>, SyntaxError> {
        let mut parser = Self {
            rest: text,
            line: 1,
            has_word: false,
            next: Token::End,
        };
        parser.take()?;
        let mut statements = Vec::new();
        loop {
            match parser.next {
                Token::End => return Ok(statements),
                Token::Word(_) => parser.statement(&mut statements)?,
                _ => {
                    parser.take()?;
                }
            }
        }
    }

    fn statement(&mut self, statements: &mut Vec<Statement>) -> Result<(), SyntaxError> {
        let start = self.line;
        let mut words = Vec::new();
        while let Token::Word(word) = self.take()? {
            let ends_line = matches!(self.next, Token::End | Token::LineEnd);
            if word == "(" && !words.is_empty() && ends_line {
                return self.block(start, &words, statements);
            }
            words.push(word);
        }
        // An empty block on one line.
        if words.ends_with(&["(".to_owned(), ")".to_owned()]) && words.len() > 2 {
            return Ok(());
        }
        statements.push(Statement { line: start, words });
        Ok(())
    }

    fn block(
        &mut self,
        start: usize,
        head: &[String],
        statements: &mut Vec<Statement>,
    ) -> Result<(), SyntaxError> {
        loop {
            let line = self.line;
            match self.take()? {
                Token::End => {
                    return Err(self.error(&format!(
                        "syntax error (unterminated block started at go.mod:{start}"
                    )));
                }
                Token::Word(word) if word == ")" => {
                    if matches!(self.next, Token::Word(_)) {
                        return Err(
                            self.error("syntax error (expected newline after closing paren)")
                        );
                    }
                    return Ok(());
                }
                Token::Word(word) => {
                    let mut words = vec![word];
                    while let Token::Word(word) = self.take()? {
                        words.push(word);
                    }
                    // Go ignores blocks whose first line has more than one word.
                    const BLOCKS: [&str; 5] = ["module", "require", "replace", "retract", "ignore"];
                    if let [verb] = head
                        && BLOCKS.contains(&verb.as_str())
                    {
                        words.insert(0, verb.clone());
                        statements.push(Statement { line, words });
                    }
                }
                Token::LineEnd | Token::Comment => {}
            }
        }
    }

    fn error(&self, message: &str) -> SyntaxError {
        SyntaxError {
            line: self.line,
            message: message.to_owned(),
        }
    }

    /// Returns the next token, and reads the one after it.
    fn take(&mut self) -> Result<Token, SyntaxError> {
        let next = self.read()?;
        Ok(std::mem::replace(&mut self.next, next))
    }

    fn read(&mut self) -> Result<Token, SyntaxError> {
        if self.next == Token::LineEnd || self.next == Token::Comment {
            self.line += 1;
            self.has_word = false;
        }
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r']);
        let Some(first) = self.rest.chars().next() else {
            return Ok(Token::End);
        };
        if self.rest.starts_with("//") {
            let end = self.rest.find('\n').map_or(self.rest.len(), |end| end + 1);
            self.rest = &self.rest[end..];
            return Ok(if self.has_word {
                Token::LineEnd
            } else {
                Token::Comment
            });
        }
        if first == '\n' {
            self.rest = &self.rest[1..];
            return Ok(Token::LineEnd);
        }
        self.has_word = true;
        let length = match first {
            '(' | ')' | '[' | ']' | '{' | '}' | ',' => 1,
            '"' | '`' => self.quoted(first)?,
            _ => self.identifier()?,
        };
        let (word, rest) = self.rest.split_at(length);
        self.rest = rest;
        Ok(Token::Word(word.to_owned()))
    }

    /// Returns the length of a string with its quotes.
    fn quoted(&self, quote: char) -> Result<usize, SyntaxError> {
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            if c == '\n' {
                return Err(self.error("unexpected newline in string"));
            }
            if c == quote {
                return Ok(at + 1);
            }
            if c == '\\' && quote != '`' {
                chars.next();
            }
        }
        Err(self.error("unexpected EOF in string"))
    }

    /// Returns the length of a word.
    fn identifier(&self) -> Result<usize, SyntaxError> {
        for (at, c) in self.rest.char_indices() {
            let rest = &self.rest[at..];
            if rest.starts_with("/*") {
                return Err(self.error("mod files must use // comments (not /* */ comments)"));
            }
            let is_part = !"()[]{},".contains(c) && !c.is_whitespace();
            let is_printable = !c.is_control() && !is_invisible(c);
            if is_part && is_printable && !rest.starts_with("//") {
                continue;
            }
            if at > 0 {
                return Ok(at);
            }
            return Err(self.error("unexpected input character"));
        }
        Ok(self.rest.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_statements_that_matter() {
        let text = "// first\nmodule \"h.example/\\x6d\" // m\n\ngo 1.18\n\nrequire (\n\tb.example/x v0.0.0\n\
                    \tc.example/y/v2 v2.1.0 // indirect\n)\nreplace b.example/x => ../x\nfuture 1\n\
                    retract [v1.0.0, v1.1.0]\nretract (\n\tv1.2.0 // by mistake\n)\n";
        let file = GoMod::parse(text).unwrap();
        assert_eq!((&*file.path, &*file.go), ("h.example/m", "1.18"));
        assert_eq!(file.requires.len(), 2);
        assert_eq!(file.local, ["b.example/x"]);
        let version = |text| Version::parse(text).unwrap();
        assert_eq!(
            file.retracts,
            [
                (version("v1.0.0"), version("v1.1.0")),
                (version("v1.2.0"), version("v1.2.0"))
            ]
        );
        assert!(file.is_at_least(17) && !file.is_at_least(19));
        assert_eq!(
            GoMod::parse("module (\n\ta.example/m\n)\n").unwrap().path,
            "a.example/m"
        );
        assert_eq!(
            GoMod::parse("module a.example/m\n)\n").unwrap().path,
            "a.example/m"
        );
    }

    #[test]
    fn refuses_what_go_refuses() {
        for (rest, line, message) in [
            ("go 1", 2, "invalid go version '1'"),
            ("go v1.2", 2, "invalid go version 'v1.2'"),
            ("go", 2, "go directive expects exactly one argument"),
            ("go 1.17\ngo 1.18", 3, "repeated go statement"),
            ("module m", 2, "repeated module statement"),
            ("require (", 2, "unterminated block"),
            (
                "require b.example/x",
                2,
                "usage: require module/path v1.2.3",
            ),
            ("require b.example/x main", 2, "must be of the form v1.2.3"),
            (
                "require b.example/x v2.0.0",
                2,
                "should be v0 or v1, not v2",
            ),
            ("require b.example/x/v1 v1.0.0", 2, "invalid module path"),
            ("x \"y", 2, "unexpected EOF in string"),
            ("x \"y\nz\"", 2, "unexpected newline in string"),
            ("\0", 2, "unexpected input character"),
            ("/* x */", 2, "mod files must use // comments"),
        ] {
            let error = GoMod::parse(&format!("module a.example/m\n{rest}")).unwrap_err();
            assert_eq!(error.line, line, "{rest:?}: {error:?}");
            assert!(error.message.contains(message), "{rest:?}: {error:?}");
        }
        for (text, message) in [
            ("module a b\n", "usage: module module/path"),
            ("module `a`\n", "unquoted string cannot contain quote"),
            ("module \"\\q\"\n", "invalid quoted string"),
            ("\u{feff}module a\n", "unexpected input character"),
        ] {
            let error = GoMod::parse(text).unwrap_err();
            assert!(error.message.contains(message), "{text:?}: {error:?}");
        }
        for fine in [
            "go 1.18rc1",
            "go 1.21.5",
            "go 1.18.0.0",
            "retract 1.0",
            "replace x",
            "y ( z )",
        ] {
            let text = format!("module a.example/m\n{fine}\n");
            assert!(GoMod::parse(&text).is_ok(), "{fine}");
        }
    }

    #[test]
    fn finds_the_module_line_as_go_does() {
        for (text, path) in [
            ("module a.example/m\n", "a.example/m"),
            ("// x\n\nmodule \"a.example/m\" // y\n", "a.example/m"),
            ("module\ta\n", "a"),
            ("module `a`\n", "a"),
            ("module (\n\ta\n)\n", "("),
            ("modules a\n", ""),
            ("go 1.20\n", ""),
        ] {
            assert_eq!(module_path(text), path, "{text:?}");
        }
    }
}
