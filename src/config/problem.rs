//! What can be wrong with a configuration. `Display` says what to do.

use thiserror::Error;

use crate::module::{self, escaped, quoted, quoted_char};

/// What is wrong with a configuration.
///
/// `Display` gives what is wrong and, after a line break, what to do, where that is known.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[allow(missing_docs)] // The fields are what was read.
pub enum Problem {
    /// The file does not exist.
    #[error(
        "there is no such file\nname the file with `-config FILE`; `vanity.yaml.example` is one to start from"
    )]
    NotFound,
    /// The file may not be read.
    #[error(
        "permission denied\nlet the user that the server runs as read the file, and the directories above it"
    )]
    PermissionDenied,
    /// The path leads to a directory.
    #[error("it is a directory\nname the file in it: `-config DIR/vanity.yaml`")]
    Directory,
    /// Reading failed otherwise.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// The file is larger than this many MiB.
    #[error("it is larger than {0} MiB\nis it the right file? A million modules fit in that")]
    TooLarge(usize),
    /// The file is UTF-16.
    #[error("it is UTF-16\nsave the file as UTF-8")]
    Utf16,
    /// A byte is not part of UTF-8.
    #[error("the byte 0x{0:02x} is not UTF-8\nsave the file as UTF-8")]
    NotUtf8(u8),
    /// A character that YAML, or its parser, does not allow.
    #[error("the file has {} in it\n{}", quoted_char(*.0), match .0 {
        '\0' => "is it a text file? Save it as UTF-8",
        _ => "remove it",
    })]
    Character(char),
    /// A character that looks like the one YAML needs there.
    #[error("this is {}\n{advice}", quoted_char(*.found))]
    Lookalike { found: char, advice: &'static str },
    /// A line that git left in the file.
    #[error("this is an unresolved merge conflict: {}\nchoose one side, and remove the lines of `<`, `|`, `=` and `>`", quoted(.0))]
    Conflict(String),
    /// A YAML tag.
    #[error("{} is a YAML tag, which means nothing here\nremove it, or quote the value", quoted(.0))]
    Tag(String),
    /// Brackets in brackets, deeper than this.
    #[error("it is nested deeper than {0} levels\na module needs two: is a bracket not closed?")]
    TooDeep(usize),
    /// More values than the size of the file explains.
    #[error("it has too many values for its size\nis it the right file?")]
    TooDense,
    /// A `#` that starts a comment where text is meant.
    #[error("`#` starts a comment here, and the text is empty\nquote it: {}", quoted(&format!("\"{}\"", .0)))]
    CommentAsText(String),
    /// The YAML parser cannot read it.
    #[error(transparent)]
    Syntax(#[from] Syntax),
    /// Something other than what the place needs.
    #[error("expected {expected}, found {found}\n{advice}")]
    Shape {
        expected: String,
        found: String,
        advice: String,
    },
    /// A key that is not known; then the advice.
    #[error("unknown key {}\n{}", quoted(.0), .1)]
    UnknownKey(String, String),
    /// A key under `paths` that is not a path; then the advice.
    #[error("{} is not a valid path\n{}", quoted(.0), .1)]
    NotAPath(String, String),
    /// A key that its map has already; then the line of the first, where known.
    #[error("{} is given twice\n{}remove one of the two", quoted(.0), .1.map_or_else(String::new, |line| format!("the first is in line {line}; ")))]
    Twice(String, Option<usize>),
    /// Two spellings of one import path on the default host.
    #[error("{} is given twice: it is {} on the default host, {host}\n{}remove one of the two", quoted(.second), quoted(.first), .line.map_or_else(String::new, |line| format!("the first is in line {line}; ")))]
    TwiceOnHost {
        second: String,
        first: String,
        host: String,
        line: Option<usize>,
    },
    /// A path with nothing under it.
    #[error("{} has nothing under it\nadd `repo: ` and the repository's URL, indented", quoted(.0))]
    EmptyModule(String),
    /// A module without a repository.
    #[error("{} has no `repo`\nadd `repo: ` and the repository's URL under it", quoted(.0))]
    NoRepo(String),
    /// Text in the place of a module; then the advice.
    #[error("expected a map with `repo`, found {}\n{}", quoted(.0), .1)]
    TextAsModule(String, String),
    /// A file without modules.
    #[error(
        "there is no module in it\nadd one: `/gowechat:`, and under it, indented, `repo: https://github.com/bigwhite/gowechat`"
    )]
    NoModules,
    /// Aliases that repeat more than a file may hold.
    #[error("with its aliases written out the file is too large\nrepeat fewer modules")]
    Aliases,
    /// A value longer than this many bytes.
    #[error("{} is longer than {} bytes\nis it the right file, and every quote closed?", quoted(.0), .1)]
    TooLong(String, usize),
    /// A host, path, URL, vcs or forge that is not valid.
    #[error(transparent)]
    Value(#[from] module::Problem),
    /// Any other value that is not valid: what it is called, and why.
    #[error("{} is not a valid {what}: {why}", quoted(.text))]
    Invalid {
        text: String,
        what: &'static str,
        why: String,
    },
    /// A description that cannot be shown as one line.
    #[error("the description {0}")]
    Description(String),
    /// The repository of a pattern does not have exactly one `*`, or that of a path has one.
    #[error("{}", match .stars {
        0 => format!("{} needs exactly one `*`, as {} has\nwhat the `*` of the path stands for is put in its place", quoted(.repo), quoted(.key)),
        _ => format!("{} has a `*`, but {} has none\na pattern's path ends in `/*`", quoted(.repo), quoted(.key)),
    })]
    Stars {
        repo: String,
        key: String,
        stars: usize,
    },
    /// A scheme by which the version control system does not fetch.
    #[error("{vcs} does not fetch by `{scheme}://`\nthe go command fetches {vcs} by {known}")]
    SchemeOfVcs {
        vcs: module::Vcs,
        scheme: String,
        known: String,
    },
    /// A repository at the address of its own module.
    #[error("{} is at the module's own import path\nthe go command would ask this server again: write the URL of the repository itself", quoted(.0))]
    OwnAddress(String),
    /// The file of another tool.
    #[error("this is {tool}\n`govanityurls convert {}` prints the vanity.yaml for it", escaped(.file))]
    OtherTool { tool: &'static str, file: String },
    /// A file that `convert` cannot convert: what is wrong, and what to do.
    #[error("{0}")]
    Conversion(String),
}

/// What the YAML parser cannot read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Syntax {
    /// An alias before its anchor.
    #[error("this alias has no anchor before it\na value that starts with `*` or `&` needs quotes")]
    UnknownAnchor,
    /// `*` or `&` without a name after it.
    #[error("`{}` starts {}\na value that starts with `*` or `&` needs quotes", .0, if *.0 == '*' { "an alias" } else { "an anchor" })]
    Alias(char),
    /// `|` or `>` with text on its own line.
    #[error(
        "`|` and `>` start a block of text, on the lines under them\na value that starts with `|` or `>` needs quotes"
    )]
    Block,
    /// A line for the parser.
    #[error("a line that starts with `%` is for the YAML parser\nremove it")]
    Directive,
    /// A tag that YAML does not know, or that the value does not fit.
    #[error("this is not a YAML tag\nremove the word that starts with `!`, or quote the value")]
    Tag,
    /// A tab in the indentation.
    #[error("YAML does not allow this tab\nindent with spaces")]
    Tab,
    /// The file ends early.
    #[error("the file ends in the middle of a value\nis a `{{` or `[` not closed?")]
    End,
    /// A character that starts no value.
    #[error("a value cannot start with {}\nquote it: {}", quoted(.0), format!("\"{}…\"", .0))]
    Start(String),
    /// A line without a colon.
    #[error(
        "this line is not a `key: value`\na key ends in a colon, with a space before its value"
    )]
    NoColon,
    /// A character that YAML reads as punctuation.
    #[error("this `{0}` is out of place\nremove it, or quote the value")]
    Stray(char),
    /// A colon in a value, or a key in the line of another.
    #[error(
        "this colon makes a key where none can be\neach key has a line of its own, indented like its neighbours; a value with `: ` in it needs quotes"
    )]
    StrayKey,
    /// A dash in the place of a value.
    #[error("this dash makes a list where none can be\na value that starts with `- ` needs quotes")]
    StrayDash,
    /// Text after a quote.
    #[error(
        "the quote before this closes the value\nquote the whole value; within single quotes, write `''` for an apostrophe"
    )]
    AfterQuote,
    /// Indentation that fits no line above.
    #[error("this does not fit the lines above it\nkeys of one map start in the same column")]
    Indentation,
    /// A bracket without its partner.
    #[error("this `{open}` is never closed\nadd the `{close}` that belongs to it")]
    Unclosed {
        /// The first bracket.
        open: char,
        /// Its partner.
        close: char,
    },
    /// Two entries without a comma between them.
    #[error(
        "a `,` or `{close}` is missing before this\ncommas separate the entries between `{open}` and `{close}`"
    )]
    NoComma {
        /// The first bracket.
        open: char,
        /// Its partner.
        close: char,
    },
    /// A quote without its partner.
    #[error("this quote is never closed\nadd the second one at the end of the value")]
    OpenQuote,
    /// A backslash that YAML does not know.
    #[error(
        "this backslash starts an escape that YAML does not know\nin double quotes write `\\\\` for a backslash, or use single quotes"
    )]
    Escape,
    /// Something after the map.
    #[error("the map ends before this\nevery path and setting starts in the same column")]
    AfterMap,
    /// A second document.
    #[error("a second document starts here\nremove the line `---`: one file is one configuration")]
    SecondDocument,
    /// A comma or a key without a value.
    #[error("a value is missing before this\nwrite it, or remove its key")]
    NoValue,
    /// Anything else, in the parser's words.
    #[error("YAML: {0}\nquote a value that has characters special to YAML")]
    Other(String),
}
