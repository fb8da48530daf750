//! `govanityurls verify`: follows the go command's steps against the live site, and explains
//! what fails.
//!
//! Each step is a function from observations to findings, and knows no network: `names`,
//! `tls`, `redirects`, `answer`, `repository`, `versions`, `public`.
//! The observations come from the edge: `client` (names, TLS, HTTP), `git` and `roots`.
//! `walk` puts the two together, and `report` prints what was found. `lookup` only fetches
//! pages, for `convert`.

mod answer;
mod client;
mod git;
mod lookup;
mod names;
mod progress;
mod public;
mod recorder;
mod redirects;
mod report;
mod repository;
mod roots;
mod tls;
mod versions;
mod walk;

use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;

use crate::module::{Vcs, escaped, masked};
use crate::tags::GoImport;

pub use lookup::look_up;
pub use report::Report;
pub use walk::walk;

/// The longest text of a finding, in characters: some of it comes from servers.
const MAX_TEXT: usize = 600;

/// How to verify.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many checks run at a time.
    pub jobs: usize,
    /// How long any one step may take.
    pub timeout: Duration,
    /// Where the site's hosts are, instead of what DNS says.
    pub connect: Vec<SocketAddr>,
    /// Whether the public mirror and the documentation site are asked too.
    pub public: bool,
    /// Whether progress is shown on standard error.
    pub progress: bool,
}

/// A module to check.
#[derive(Debug, Clone)]
pub struct Target {
    /// The host of the import path.
    pub host: String,
    /// The module's import path; of a pattern that no argument filled in, with its `*`.
    pub path: String,
    /// Whether `path` still has its `*`: then nothing can be requested.
    pub pattern: bool,
    /// A path below the module that the user named; empty for none, else with a leading slash.
    pub below: String,
    /// Whether the made-up subpackage is the module's: a pattern at the same path takes it.
    pub owns_subpackages: bool,
    /// How the go command fetches it.
    pub vcs: Vcs,
    /// The repository's URL.
    pub repo: String,
    /// The module's directory in the repository; empty for its root.
    pub subdir: String,
    /// The URL of a module proxy that also has it; empty for none.
    pub proxy: String,
}

impl Target {
    /// Returns the go-import tags that the file makes for the module, sorted.
    fn tags(&self) -> Vec<GoImport> {
        let tag = |vcs: Vcs, repo: &str, subdir: &str| GoImport {
            prefix: self.path.clone(),
            vcs: vcs.as_str().to_owned(),
            repo: repo.to_owned(),
            subdir: subdir.to_owned(),
        };
        let mut tags = vec![tag(self.vcs, &self.repo, &self.subdir)];
        if !self.proxy.is_empty() {
            tags.push(tag(Vcs::Mod, &self.proxy, ""));
        }
        tags.sort();
        tags
    }
}

/// A step of the go command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// The host's addresses, and whether each can be reached.
    Names,
    /// A connection to port 443.
    Connect,
    /// The certificate.
    Tls,
    /// Where the answer comes from.
    Redirects,
    /// The module's page and its tag.
    Answer,
    /// A package below the module that does not exist.
    Subpackage,
    /// The repository.
    Repository,
    /// Its tags and go.mod.
    Versions,
    /// The public mirror and documentation site.
    Public,
}

/// What a check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// As it should be.
    Pass,
    /// Not checked; the message says why.
    Skip,
    /// Works, but not as its owner may expect.
    Warn,
    /// `go get` fails.
    Fail,
}

/// What is wrong, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "docs/verify.md says what each means")]
pub enum Code {
    DnsNotFound,
    AddressUnreachable,
    ConnectRefused,
    ConnectTimeout,
    TlsExpired,
    TlsExpiresSoon,
    TlsWrongName,
    TlsIncompleteChain,
    TlsUnknownAuthority,
    TlsFailed,
    RedirectInsecure,
    RedirectLoop,
    RedirectDropsQuery,
    HttpStatus,
    HtmlSyntax,
    TagMissing,
    TagMultiple,
    TagPrefixMismatch,
    TagDiffers,
    SubpackageMissing,
    GitMissing,
    RepoNotFound,
    RepoAuth,
    RepoUnreachable,
    NoVersions,
    ModulePathMismatch,
    MajorVersionMismatch,
    SubdirMissing,
    MirrorStale,
    MirrorError,
}

/// The outcome of one check. Nothing in it can drive a terminal, and no URL in it has a password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    step: Step,
    status: Status,
    code: Option<Code>,
    message: String,
    /// What the go command prints about it, or a part of that.
    go: Option<String>,
    /// What to type, or to write into which file.
    fix: Option<String>,
}

impl Finding {
    fn new(step: Step, status: Status, code: Option<Code>, message: impl AsRef<str>) -> Self {
        Self {
            step,
            status,
            code,
            message: shown(message.as_ref()),
            go: None,
            fix: None,
        }
    }

    fn pass(step: Step, message: impl AsRef<str>) -> Self {
        Self::new(step, Status::Pass, None, message)
    }

    fn skip(step: Step, message: impl AsRef<str>) -> Self {
        Self::new(step, Status::Skip, None, message)
    }

    fn warn(step: Step, code: Code, message: impl AsRef<str>) -> Self {
        Self::new(step, Status::Warn, Some(code), message)
    }

    fn fail(step: Step, code: Code, message: impl AsRef<str>) -> Self {
        Self::new(step, Status::Fail, Some(code), message)
    }

    fn go(mut self, says: impl AsRef<str>) -> Self {
        self.go = Some(shown(says.as_ref()));
        self
    }

    /// Lines to type; what they contain of a server's text is escaped like all else.
    fn fix(mut self, lines: impl AsRef<str>) -> Self {
        let lines: Vec<_> = lines.as_ref().lines().map(shown).collect();
        self.fix = Some(lines.join("\n"));
        self
    }
}

/// Returns a text as it may be printed, on one line.
fn shown(text: &str) -> String {
    let mut text = escaped(&masked(text));
    if let Some((end, _)) = text.char_indices().nth(MAX_TEXT) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// Returns `1 tag`, `2 tags`.
fn plural(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        n if noun.ends_with('s') => format!("{n} {noun}es"),
        n => format!("{n} {noun}s"),
    }
}
