//! The meta tags of a page, as the go command reads them.
//!
//! `parseMetaGoImports` (cmd/go/internal/vcs) reads raw tokens from encoding/xml with `Strict`
//! off, and stops at `</head>` or `<body>`. This is a port of that tokenizer, which returns only
//! tags. It rejects the same pages as the go command, with the same errors.

mod tokenizer;

use std::fmt;

use tokenizer::{Tag, Tokenizer, local};

/// One `<meta name="…" content="…">`, or one with `http-equiv`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// The name, as written.
    pub name: String,
    /// The header that it stands for, such as `refresh`.
    pub http_equiv: String,
    /// The content.
    pub content: String,
}

/// The fields of a go-import tag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct GoImport {
    /// The import path that corresponds to the root of the repository.
    pub prefix: String,
    /// The version control system.
    pub vcs: String,
    /// The repository's URL.
    pub repo: String,
    /// The directory in the repository; empty for its root.
    pub subdir: String,
}

impl GoImport {
    /// Parses the content of a tag; `None` unless it has three or four fields.
    pub fn parse(content: &str) -> Option<Self> {
        let mut fields = content.split_whitespace().map(str::to_owned);
        let tag = Self {
            prefix: fields.next()?,
            vcs: fields.next()?,
            repo: fields.next()?,
            subdir: fields.next().unwrap_or_default(),
        };
        fields.next().is_none().then_some(tag)
    }
}

impl fmt::Display for GoImport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.prefix, self.vcs, self.repo)?;
        if self.subdir.is_empty() {
            return Ok(());
        }
        write!(f, " {}", self.subdir)
    }
}

/// The meta tags in the head of a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// The meta tags, in page order.
    pub metas: Vec<Meta>,
    /// The syntax error that ended parsing, in Go's words; the tags before it are valid.
    pub error: Option<String>,
    /// Whether Go reads no further than this: at `</head>` or `<body>`.
    pub ended: bool,
}

impl Head {
    /// Parses a page up to `</head>` or `<body>`.
    pub fn parse(html: &[u8]) -> Self {
        let mut tokens = Tokenizer::new(html);
        let mut metas = Vec::new();
        let mut ended = false;
        let error = loop {
            match tokens.next() {
                Ok(Some(Tag::Start(name, attributes))) => {
                    let is = |tag| local(&name).eq_ignore_ascii_case(tag);
                    if is("body") {
                        ended = true;
                        break None;
                    }
                    let value = |key| {
                        let mut all = attributes.iter();
                        let found = all.find(|(name, _)| local(name).eq_ignore_ascii_case(key));
                        found.map_or(String::new(), |(_, value)| value.clone())
                    };
                    if is("meta") {
                        metas.push(Meta {
                            name: value("name"),
                            http_equiv: value("http-equiv"),
                            content: value("content"),
                        });
                    }
                }
                Ok(Some(Tag::End(name))) => {
                    if local(&name).eq_ignore_ascii_case("head") {
                        ended = true;
                        break None;
                    }
                }
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        Self {
            metas,
            error,
            ended,
        }
    }

    /// Returns the go-import tags in page order.
    pub fn go_imports(&self) -> Vec<GoImport> {
        let metas = self.metas.iter().filter(|meta| meta.name == "go-import");
        metas
            .filter_map(|meta| GoImport::parse(&meta.content))
            .collect()
    }
}

#[cfg(test)]
mod tests;
