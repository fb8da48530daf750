//! A port of the raw tokenizer of Go's encoding/xml, with `Strict` off.

/// A token; the rest are not needed.
pub(super) enum Token {
    Start(String, Vec<(String, String)>),
    End(String),
    /// Text, a comment, a directive or a processing instruction.
    Other,
    Eof,
}

/// `rawToken` of encoding/xml and the functions that it calls, with the same names.
pub(super) struct Tokenizer<'a> {
    html: &'a [u8],
    at: usize,
    line: usize,
}

type Parsed<T> = Result<T, String>;

impl<'a> Tokenizer<'a> {
    pub(super) fn new(html: &'a [u8]) -> Self {
        Self {
            html,
            at: 0,
            line: 1,
        }
    }

    /// Returns the next token, or the error in Go's words.
    pub(super) fn next(&mut self) -> Parsed<Token> {
        match self.getc() {
            None => return Ok(Token::Eof),
            Some(b'<') => {}
            Some(b) => {
                self.ungetc(b);
                self.text(None, false)?;
                return Ok(Token::Other);
            }
        }
        match self.mustgetc()? {
            b'/' => {
                let name = self.nsname("expected element name after </")?;
                self.space();
                if self.mustgetc()? != b'>' {
                    let why = format!("invalid characters between </{} and >", local(&name));
                    return Err(self.error(&why));
                }
                Ok(Token::End(name))
            }
            b'?' => self.instruction(),
            b'!' => self.comment_or_directive(),
            b => {
                self.ungetc(b);
                self.start()
            }
        }
    }

    fn start(&mut self) -> Parsed<Token> {
        let name = self.nsname("expected element name after <")?;
        let mut attributes = Vec::new();
        loop {
            self.space();
            match self.mustgetc()? {
                b'/' => {
                    return match self.mustgetc()? {
                        b'>' => Ok(Token::Start(name, attributes)),
                        _ => Err(self.error("expected /> in element")),
                    };
                }
                b'>' => return Ok(Token::Start(name, attributes)),
                b => self.ungetc(b),
            }
            let key = self.nsname("expected attribute name in element")?;
            self.space();
            let value = match self.mustgetc()? {
                b'=' => {
                    self.space();
                    self.attrval()?
                }
                b => {
                    self.ungetc(b);
                    local(&key).to_owned()
                }
            };
            attributes.push((key, value));
        }
    }

    fn attrval(&mut self) -> Parsed<String> {
        let b = self.mustgetc()?;
        if b == b'"' || b == b'\'' {
            return self.text(Some(b), false);
        }
        self.ungetc(b);
        let mut value = String::new();
        loop {
            let b = self.mustgetc()?;
            if !(b.is_ascii_alphanumeric() || matches!(b, b'_' | b':' | b'-')) {
                self.ungetc(b);
                return Ok(value);
            }
            value.push(b.into());
        }
    }

    fn instruction(&mut self) -> Parsed<Token> {
        let target = self.name("expected target name after <?")?;
        self.space();
        let data = self.until(b"?>")?;
        if target == "xml" {
            let version = proc_inst("version", &data);
            if !matches!(version, "" | "1.0") {
                return Err(format!(
                    "xml: unsupported version {version:?}; only version 1.0 is supported"
                ));
            }
            // The go command supports only these (`charsetReader`).
            let encoding = proc_inst("encoding", &data);
            let known = ["", "utf-8", "ascii"];
            if !known.iter().any(|name| encoding.eq_ignore_ascii_case(name)) {
                return Err(format!(
                    "xml: opening charset {encoding:?}: can't decode XML document using charset \
                     {encoding:?}"
                ));
            }
        }
        Ok(Token::Other)
    }

    fn comment_or_directive(&mut self) -> Parsed<Token> {
        let first = self.mustgetc()?;
        match first {
            b'-' => {
                if self.mustgetc()? != b'-' {
                    return Err(self.error("invalid sequence <!- not part of <!--"));
                }
                self.until(b"--")?;
                match self.mustgetc()? {
                    b'>' => Ok(Token::Other),
                    _ => Err(self.error("invalid sequence \"--\" not allowed in comments")),
                }
            }
            b'[' => {
                for expected in b"CDATA[" {
                    if self.mustgetc()? != *expected {
                        return Err(self.error("invalid <![ sequence"));
                    }
                }
                self.text(None, true)?;
                Ok(Token::Other)
            }
            _ => self.directive(),
        }
    }

    /// Skips a directive such as `<!DOCTYPE …>`. Quoted brackets do not nest; like Go, this
    /// ignores the character after the `!`.
    fn directive(&mut self) -> Parsed<Token> {
        let mut quote = None;
        let mut depth = 0usize;
        loop {
            let mut b = self.mustgetc()?;
            if quote.is_none() && b == b'>' && depth == 0 {
                return Ok(Token::Other);
            }
            // After a `<` that does not open a comment, the next byte is processed too.
            loop {
                match (quote, b) {
                    (Some(open), _) if b == open => quote = None,
                    (Some(_), _) => {}
                    (None, b'\'' | b'"') => quote = Some(b),
                    (None, b'>') => depth = depth.saturating_sub(1),
                    (None, b'<') => match self.not_comment()? {
                        Some(next) => {
                            depth += 1;
                            b = next;
                            continue;
                        }
                        None => _ = self.until(b"-->")?,
                    },
                    _ => {}
                }
                break;
            }
        }
    }

    /// Reads `!--`; returns the first byte that differs, if any.
    fn not_comment(&mut self) -> Parsed<Option<u8>> {
        for expected in b"!--" {
            let b = self.mustgetc()?;
            if b != *expected {
                return Ok(Some(b));
            }
        }
        Ok(None)
    }

    /// Reads up to and including `end`; returns the text before it.
    fn until(&mut self, end: &[u8]) -> Parsed<String> {
        let start = self.at;
        loop {
            self.mustgetc()?;
            let read = self.html.get(start..self.at).unwrap_or_default();
            if let Some(data) = read.strip_suffix(end) {
                return Ok(String::from_utf8_lossy(data).into_owned());
            }
        }
    }

    fn text(&mut self, quote: Option<u8>, cdata: bool) -> Parsed<String> {
        let mut out: Vec<u8> = Vec::new();
        // The two bytes before this one; zero if they come from an entity.
        let (mut b0, mut b1) = (0, 0);
        loop {
            let Some(b) = self.getc() else {
                if cdata {
                    return Err(self.error("unexpected EOF in CDATA section"));
                }
                break;
            };
            if quote.is_none() && (b0, b1, b) == (b']', b']', b'>') {
                if cdata {
                    out.truncate(out.len().saturating_sub(2));
                    break;
                }
                return Err(self.error("unescaped ]]> not in CDATA section"));
            }
            if b == b'<' && !cdata {
                if quote.is_some() {
                    return Err(self.error("unescaped < inside quoted string"));
                }
                self.ungetc(b);
                break;
            }
            if quote == Some(b) {
                break;
            }
            if b == b'&' && !cdata {
                self.entity(&mut out)?;
                (b0, b1) = (0, 0);
                continue;
            }
            match b {
                b'\r' => out.push(b'\n'),
                // The `\r` before it has already become `\n`.
                b'\n' if b1 == b'\r' => {}
                _ => out.push(b),
            }
            (b0, b1) = (b1, b);
        }
        for chunk in out.utf8_chunks() {
            let mut chars = chunk.valid().chars();
            if let Some(bad) = chars.find(|&c| !is_in_character_range(c)) {
                let why = format!("illegal character code U+{:04X}", u32::from(bad));
                return Err(self.error(&why));
            }
            if !chunk.invalid().is_empty() {
                return Err(self.error("invalid UTF-8"));
            }
        }
        Ok(String::from_utf8_lossy(&out).into_owned())
    }

    /// Decodes the entity after an `&`; leaves an unknown one as it is.
    fn entity(&mut self, out: &mut Vec<u8>) -> Parsed<()> {
        let before = out.len();
        out.push(b'&');
        let mut b = self.mustgetc()?;
        let mut character = None;
        if b == b'#' {
            out.push(b);
            b = self.mustgetc()?;
            let mut base = 10;
            if b == b'x' {
                base = 16;
                out.push(b);
                b = self.mustgetc()?;
            }
            let start = out.len();
            while char::from(b).is_digit(base) {
                out.push(b);
                b = self.mustgetc()?;
            }
            if b == b';' {
                let digits = String::from_utf8_lossy(&out[start..]).into_owned();
                out.push(b);
                if let Ok(code) = u64::from_str_radix(&digits, base)
                    && code <= 0x10_ffff
                {
                    // Like Go, replace surrogates.
                    let code = u32::try_from(code).ok().and_then(char::from_u32);
                    character = Some(code.unwrap_or('\u{fffd}'));
                }
            } else {
                self.ungetc(b);
            }
        } else {
            self.ungetc(b);
            self.read_name(out)?;
            b = self.mustgetc()?;
            if b == b';' {
                character = match &out[before + 1..] {
                    b"lt" => Some('<'),
                    b"gt" => Some('>'),
                    b"amp" => Some('&'),
                    b"apos" => Some('\''),
                    b"quot" => Some('"'),
                    _ => None,
                };
                out.push(b);
            } else {
                self.ungetc(b);
            }
        }
        if let Some(character) = character {
            out.truncate(before);
            out.extend(character.encode_utf8(&mut [0; 4]).bytes());
        }
        Ok(())
    }

    /// Reads a name with at most one colon; `missing` is the error if there is none.
    fn nsname(&mut self, missing: &str) -> Parsed<String> {
        let name = self.name(missing)?;
        match name.matches(':').count() {
            0 | 1 => Ok(name),
            _ => Err(self.error(missing)),
        }
    }

    fn name(&mut self, missing: &str) -> Parsed<String> {
        let mut bytes = Vec::new();
        if !self.read_name(&mut bytes)? {
            return Err(self.error(missing));
        }
        let name = String::from_utf8_lossy(&bytes).into_owned();
        match is_name(&name) {
            true => Ok(name),
            false => Err(self.error(&format!("invalid XML name: {name}"))),
        }
    }

    fn read_name(&mut self, out: &mut Vec<u8>) -> Parsed<bool> {
        let start = out.len();
        loop {
            let b = self.mustgetc()?;
            if b.is_ascii() && !(b.is_ascii_alphanumeric() || b"_:.-".contains(&b)) {
                self.ungetc(b);
                return Ok(out.len() > start);
            }
            out.push(b);
        }
    }

    fn space(&mut self) {
        while let Some(b) = self.getc() {
            if !matches!(b, b' ' | b'\r' | b'\n' | b'\t') {
                self.ungetc(b);
                return;
            }
        }
    }

    fn getc(&mut self) -> Option<u8> {
        let b = *self.html.get(self.at)?;
        self.at += 1;
        self.line += usize::from(b == b'\n');
        Some(b)
    }

    fn mustgetc(&mut self) -> Parsed<u8> {
        self.getc().ok_or_else(|| self.error("unexpected EOF"))
    }

    /// Undoes reading `b`, the last byte.
    fn ungetc(&mut self, b: u8) {
        self.at -= 1;
        self.line -= usize::from(b == b'\n');
    }

    fn error(&self, why: &str) -> String {
        format!("XML syntax error on line {}: {why}", self.line)
    }
}

/// `isInCharacterRange` of encoding/xml; a `char` is never a surrogate.
fn is_in_character_range(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

/// `isName` of encoding/xml. Go's tables of non-ASCII letters are those of XML 1.0 (1998); the
/// difference is irrelevant, since names in HTML are ASCII.
fn is_name(name: &str) -> bool {
    let is_first = |c: char| c.is_alphabetic() || matches!(c, '_' | ':');
    let mut chars = name.chars();
    chars.next().is_some_and(is_first)
        && chars.all(|c| is_first(c) || c.is_numeric() || matches!(c, '-' | '.' | '·'))
}

/// `procInst` of encoding/xml: the value of a parameter of `<?xml …?>`.
fn proc_inst<'a>(parameter: &str, text: &'a str) -> &'a str {
    let key = format!("{parameter}=");
    let values = text.match_indices(&key).filter_map(|(at, _)| {
        let rest = &text[at + key.len()..];
        let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        rest[1..].split_once(quote).map(|(value, _)| value)
    });
    values.into_iter().next().unwrap_or_default()
}

/// Returns a name without its namespace.
pub(super) fn local(name: &str) -> &str {
    match name.split_once(':') {
        Some((space, local)) if !space.is_empty() && !local.is_empty() => local,
        _ => name,
    }
}
