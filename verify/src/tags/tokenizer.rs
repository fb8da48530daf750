//! A port of the raw tokenizer of Go's encoding/xml, with `Strict` off.

/// A tag; the other tokens are not needed.
pub(super) enum Tag {
    Start(String, Vec<(String, String)>),
    End(String),
}

/// `rawToken` of encoding/xml and the functions that it calls, with the same names.
pub(super) struct Tokenizer<'a> {
    html: &'a [u8],
    at: usize,
}

type Parsed<T> = Result<T, String>;

impl<'a> Tokenizer<'a> {
    pub(super) fn new(html: &'a [u8]) -> Self {
        Self { html, at: 0 }
    }

    /// Returns the next tag, none at the end, or the error in Go's words.
    pub(super) fn next(&mut self) -> Parsed<Option<Tag>> {
        while let Some(b) = self.getc() {
            if b != b'<' {
                self.ungetc();
                self.text(None, false)?;
                continue;
            }
            match self.mustgetc()? {
                b'/' => {
                    let name = self.nsname("expected element name after </")?;
                    self.space();
                    if self.mustgetc()? != b'>' {
                        let why = format!("invalid characters between </{} and >", local(&name));
                        return Err(self.error(&why));
                    }
                    return Ok(Some(Tag::End(name)));
                }
                b'?' => self.instruction()?,
                b'!' => self.comment_or_directive()?,
                _ => {
                    self.ungetc();
                    return self.start().map(Some);
                }
            }
        }
        Ok(None)
    }

    fn start(&mut self) -> Parsed<Tag> {
        let name = self.nsname("expected element name after <")?;
        let mut attributes = Vec::new();
        loop {
            self.space();
            match self.mustgetc()? {
                b'>' => return Ok(Tag::Start(name, attributes)),
                b'/' => {
                    if self.mustgetc()? != b'>' {
                        return Err(self.error("expected /> in element"));
                    }
                    return Ok(Tag::Start(name, attributes));
                }
                _ => self.ungetc(),
            }
            let key = self.nsname("expected attribute name in element")?;
            self.space();
            let value = if self.mustgetc()? == b'=' {
                self.space();
                self.attrval()?
            } else {
                self.ungetc();
                local(&key).to_owned()
            };
            attributes.push((key, value));
        }
    }

    fn attrval(&mut self) -> Parsed<String> {
        let b = self.mustgetc()?;
        if b == b'"' || b == b'\'' {
            return self.text(Some(b), false);
        }
        self.ungetc();
        let value = self.read_while(|b| b.is_ascii_alphanumeric() || b"_:-".contains(&b))?;
        Ok(String::from_utf8_lossy(value).into_owned())
    }

    fn instruction(&mut self) -> Parsed<()> {
        let target = self.name("expected target name after <?")?;
        self.space();
        let data = String::from_utf8_lossy(self.until(b"?>")?);
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
        Ok(())
    }

    fn comment_or_directive(&mut self) -> Parsed<()> {
        match self.mustgetc()? {
            b'-' => {
                if self.mustgetc()? != b'-' {
                    return Err(self.error("invalid sequence <!- not part of <!--"));
                }
                self.until(b"--")?;
                if self.mustgetc()? != b'>' {
                    return Err(self.error("invalid sequence \"--\" not allowed in comments"));
                }
                Ok(())
            }
            b'[' => {
                for expected in b"CDATA[" {
                    if self.mustgetc()? != *expected {
                        return Err(self.error("invalid <![ sequence"));
                    }
                }
                self.text(None, true).map(drop)
            }
            _ => self.directive(),
        }
    }

    /// Skips a directive such as `<!DOCTYPE …>`. Quoted brackets do not nest; like Go, this
    /// ignores the character after the `!`.
    fn directive(&mut self) -> Parsed<()> {
        let mut quote = None;
        let mut depth = 0;
        loop {
            match (quote, self.mustgetc()?) {
                (Some(open), b) if b == open => quote = None,
                (None, b @ (b'\'' | b'"')) => quote = Some(b),
                (None, b'>') if depth == 0 => return Ok(()),
                (None, b'>') => depth -= 1,
                (None, b'<') if self.html[self.at..].starts_with(b"!--") => {
                    self.at += 3;
                    self.until(b"-->")?;
                }
                (None, b'<') => depth += 1,
                _ => {}
            }
        }
    }

    fn text(&mut self, quote: Option<u8>, cdata: bool) -> Parsed<String> {
        let mut out: Vec<u8> = Vec::new();
        // Where the text after the last entity starts.
        let mut start = self.at;
        loop {
            let Some(b) = self.getc() else {
                if cdata {
                    return Err(self.error("unexpected EOF in CDATA section"));
                }
                break;
            };
            let read = &self.html[start..self.at];
            if quote.is_none() && read.ends_with(b"]]>") {
                if cdata {
                    out.truncate(out.len().saturating_sub(2));
                    break;
                }
                return Err(self.error("unescaped ]]> not in CDATA section"));
            }
            match b {
                b'<' if quote.is_some() => {
                    return Err(self.error("unescaped < inside quoted string"));
                }
                b'<' if !cdata => {
                    self.ungetc();
                    break;
                }
                b'&' if !cdata => {
                    self.entity(&mut out)?;
                    start = self.at;
                }
                b'\r' => out.push(b'\n'),
                // The `\r` has already become `\n`.
                b'\n' if read.ends_with(b"\r\n") => {}
                b if quote == Some(b) => break,
                b => out.push(b),
            }
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
        // A long text is not copied.
        String::from_utf8(out).map_err(|_| self.error("invalid UTF-8"))
    }

    /// Decodes the entity after an `&`; leaves an unknown one as it is.
    fn entity(&mut self, out: &mut Vec<u8>) -> Parsed<()> {
        let start = self.at - 1;
        let character = if self.mustgetc()? == b'#' {
            let mut base = 16;
            if self.mustgetc()? != b'x' {
                self.ungetc();
                base = 10;
            }
            let digits = self.read_while(|b| char::from(b).is_digit(base))?;
            let code = u32::from_str_radix(&String::from_utf8_lossy(digits), base).ok();
            let code = code.filter(|&code| code <= char::MAX.into());
            // Like Go, replace surrogates.
            code.map(|code| char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
        } else {
            self.ungetc();
            match self.read_while(is_name_byte)? {
                b"lt" => Some('<'),
                b"gt" => Some('>'),
                b"amp" => Some('&'),
                b"apos" => Some('\''),
                b"quot" => Some('"'),
                _ => None,
            }
        };
        match (character, self.mustgetc()?) {
            (Some(character), b';') => {
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            _ => {
                self.ungetc();
                out.extend_from_slice(&self.html[start..self.at]);
            }
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
        let name = String::from_utf8_lossy(self.read_while(is_name_byte)?);
        if name.is_empty() {
            return Err(self.error(missing));
        }
        match is_name(&name) {
            true => Ok(name.into_owned()),
            false => Err(self.error(&format!("invalid XML name: {name}"))),
        }
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\r' | b'\n' | b'\t') = self.html.get(self.at) {
            self.at += 1;
        }
    }

    /// Reads up to the first byte that `is_part` rejects.
    fn read_while(&mut self, is_part: impl Fn(u8) -> bool) -> Parsed<&'a [u8]> {
        let start = self.at;
        while is_part(self.mustgetc()?) {}
        self.ungetc();
        Ok(&self.html[start..self.at])
    }

    /// Reads up to and including `end`; returns the text before it.
    fn until(&mut self, end: &[u8]) -> Parsed<&'a [u8]> {
        let start = self.at;
        loop {
            self.mustgetc()?;
            if let Some(before) = self.html[start..self.at].strip_suffix(end) {
                return Ok(before);
            }
        }
    }

    fn getc(&mut self) -> Option<u8> {
        let b = *self.html.get(self.at)?;
        self.at += 1;
        Some(b)
    }

    fn mustgetc(&mut self) -> Parsed<u8> {
        self.getc().ok_or_else(|| self.error("unexpected EOF"))
    }

    fn ungetc(&mut self) {
        self.at -= 1;
    }

    fn error(&self, why: &str) -> String {
        let read = self.html[..self.at].iter();
        let line = 1 + read.filter(|&&b| b == b'\n').count();
        format!("XML syntax error on line {line}: {why}")
    }
}

/// Returns whether a byte may be part of a name, valid or not.
fn is_name_byte(b: u8) -> bool {
    !b.is_ascii() || b.is_ascii_alphanumeric() || b"_:.-".contains(&b)
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
