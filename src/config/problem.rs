//! What can be wrong with a configuration.

use thiserror::Error;

use crate::module;
use crate::text::{escaped, quoted, quoted_char};

/// What is wrong with a configuration.
///
/// `Display` gives what is wrong and, after a line break, what to do, if that is known.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[allow(missing_docs)] // The messages describe the variants.
pub enum Problem {
    #[error(
        "there is no such file\nname the file with `-config FILE`; `vanity.yaml.example` is one to start from"
    )]
    NotFound,
    #[error(
        "permission denied\nlet the user that the server runs as read the file, and the directories above it"
    )]
    PermissionDenied,
    #[error("it is a directory\nname the file in it: `-config DIR/vanity.yaml`")]
    Directory,
    #[error("it is {0}\nname a regular file; `check` and `convert` read standard input as `-`")]
    NotRegular(&'static str),
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    #[error("it is larger than {0} MiB\nis it the right file? A million modules fit in that")]
    TooLarge(usize),
    #[error("it is UTF-16\nsave the file as UTF-8")]
    Utf16,
    #[error("the byte 0x{0:02x} is not UTF-8\nsave the file as UTF-8")]
    NotUtf8(u8),
    #[error("the file has {} in it\n{}", quoted_char(*.0), match .0 {
        '\0' => "is it a text file? Save it as UTF-8",
        _ => "remove it",
    })]
    Character(char),
    #[error("this is {}\n{advice}", quoted_char(*.found))]
    Lookalike { found: char, advice: &'static str },
    #[error("this is an unresolved merge conflict: {}\nchoose one side, and remove the lines of `<`, `|`, `=` and `>`", quoted(.0))]
    Conflict(String),
    #[error("{} is a YAML tag, which means nothing here\nremove it, or quote the value", quoted(.0))]
    Tag(String),
    #[error("it is nested deeper than {0} levels\na module needs two: is a bracket not closed?")]
    TooDeep(usize),
    #[error(
        "it has too many values for its size\nis it the right file? Reading it would take more than 20 times its size in memory; 250,000 modules fit if they have 43 bytes each"
    )]
    TooDense,
    #[error("`#` starts a comment here, and the text is empty\nquote it: {}", quoted(&format!("\"{}\"", .0)))]
    CommentAsText(String),
    #[error(transparent)]
    Syntax(#[from] Syntax),
    #[error("expected {expected}, found {found}\n{advice}")]
    Shape {
        expected: String,
        found: String,
        advice: String,
    },
    #[error("unknown key {}\n{}", quoted(.0), .1)]
    UnknownKey(String, String),
    #[error("{} is not a valid path\n{}", quoted(.0), .1)]
    NotAPath(String, String),
    #[error("{} is given twice{}\n{}remove one of the two", quoted(.key),
        .first.as_ref().map_or_else(String::new, |(first, host)| format!(": it is {} on the default host, {host}", quoted(first))),
        .line.map_or_else(String::new, |line| format!("the first is in line {line}; ")))]
    Twice {
        key: String,
        line: Option<usize>,
        /// How the first one is spelt, and the default host, if only one of them names it.
        first: Option<(String, String)>,
    },
    #[error("{} has nothing under it\nadd `repo: ` and the repository's URL, indented", quoted(.0))]
    EmptyModule(String),
    #[error("{} has no `repo`\nadd `repo: ` and the repository's URL under it", quoted(.0))]
    NoRepo(String),
    #[error("expected a map with `repo`, found {}\n{}", quoted(.0), .1)]
    TextAsModule(String, String),
    #[error(
        "there is no module in it\nadd one: `/gowechat:`, and under it, indented, `repo: https://github.com/bigwhite/gowechat`"
    )]
    NoModules,
    #[error("with its aliases written out the file is too large\nrepeat fewer modules")]
    Aliases,
    #[error("{} is longer than {} bytes\nis it the right file, and every quote closed?", quoted(.0), .1)]
    TooLong(String, usize),
    #[error("the list at {} is at or below the module {}\nchoose another path for `index`", quoted(.0), quoted(.1))]
    IndexInModule(String, String),
    #[error(
        "`vcs: mod` already makes `repo` a module proxy\nremove `proxy`, or write the repository after `repo`"
    )]
    ProxyTwice,
    #[error(transparent)]
    Value(#[from] module::Problem),
    #[error("{} is not a valid {what}: {why}", quoted(.text))]
    Invalid {
        text: String,
        what: &'static str,
        why: String,
    },
    #[error("the {what} {why}")]
    Line { what: &'static str, why: String },
    #[error("{}", match .stars {
        0 => format!("{} needs exactly one `*`, as {} has\nwhat the `*` of the path stands for is put in its place", quoted(.repo), quoted(.key)),
        _ => format!("{} has a `*`, but {} has none\na pattern's path ends in `/*`", quoted(.repo), quoted(.key)),
    })]
    Stars {
        repo: String,
        key: String,
        stars: usize,
    },
    #[error("{vcs} does not fetch by `{scheme}://`\nthe go command fetches {vcs} by {known}")]
    SchemeOfVcs {
        vcs: module::Vcs,
        scheme: String,
        known: String,
    },
    #[error("{} is at the module's own import path\nthe go command would ask this server again: write the URL of the repository itself", quoted(.0))]
    OwnAddress(String),
    #[error("this is {tool}\n`govanityurls convert {}` prints the vanity.yaml for it", escaped(.file))]
    OtherTool { tool: &'static str, file: String },
    #[error("{0}")]
    Conversion(String),
}

impl Problem {
    pub(super) fn shape(expected: &str, found: &str, advice: &str) -> Self {
        Self::Shape {
            expected: expected.into(),
            found: found.into(),
            advice: advice.into(),
        }
    }
}

/// What the YAML parser cannot read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[allow(missing_docs)] // The messages describe the variants.
pub enum Syntax {
    #[error("this alias has no anchor before it\na value that starts with `*` or `&` needs quotes")]
    UnknownAnchor,
    #[error("`{}` starts {}\na value that starts with `*` or `&` needs quotes", .0, if *.0 == '*' { "an alias" } else { "an anchor" })]
    Alias(char),
    #[error(
        "`|` and `>` start a block of text, on the lines under them\na value that starts with `|` or `>` needs quotes"
    )]
    Block,
    #[error("a line that starts with `%` is for the YAML parser\nremove it")]
    Directive,
    #[error("this is not a YAML tag\nremove the word that starts with `!`, or quote the value")]
    Tag,
    #[error("YAML does not allow this tab\nindent with spaces")]
    Tab,
    #[error("the file ends in the middle of a value\nis a `{{` or `[` not closed?")]
    End,
    #[error("a value cannot start with {}\nquote it: {}", quoted(.0), format!("\"{}…\"", .0))]
    Start(String),
    #[error(
        "this line is not a `key: value`\na key ends in a colon, with a space before its value"
    )]
    NoColon,
    #[error("this `{0}` is out of place\nremove it, or quote the value")]
    Stray(char),
    #[error(
        "this colon makes a key where none can be\neach key has a line of its own, indented like its neighbours; a value with `: ` in it needs quotes"
    )]
    StrayKey,
    #[error("this dash makes a list where none can be\na value that starts with `- ` needs quotes")]
    StrayDash,
    #[error(
        "the quote before this closes the value\nquote the whole value; within single quotes, write `''` for an apostrophe"
    )]
    AfterQuote,
    #[error("this does not fit the lines above it\nkeys of one map start in the same column")]
    Indentation,
    #[error("this `{open}` is never closed\nadd the `{close}` that belongs to it")]
    Unclosed { open: char, close: char },
    #[error(
        "a `,` or `{close}` is missing before this\ncommas separate the entries between `{open}` and `{close}`"
    )]
    NoComma { open: char, close: char },
    #[error("this quote is never closed\nadd the second one at the end of the value")]
    OpenQuote,
    #[error(
        "this backslash starts an escape that YAML does not know\nin double quotes write `\\\\` for a backslash, or use single quotes"
    )]
    Escape,
    #[error("the map ends before this\nevery path and setting starts in the same column")]
    AfterMap,
    #[error("a second document starts here\nremove the line `---`: one file is one configuration")]
    SecondDocument,
    #[error("a value is missing before this\nwrite it, or remove its key")]
    NoValue,
    #[error("YAML: {0}\nquote a value that has characters special to YAML")]
    Other(String),
}
