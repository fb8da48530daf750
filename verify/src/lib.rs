//! `govanityurls verify`: repeats the go command's steps on the live site and explains what
//! fails.
//!
//! Each step is a function from observations to findings, without network access: `names`,
//! `tls`, `redirects`, `answer`, `repository`, `versions`.
//! `client` (DNS, TLS, HTTP) and `git` make the observations.
//! `walk` runs the checks, those of repositories by `repositories`, and `report` prints the findings. `lookup` only fetches pages, for
//! `convert`.

mod answer;
mod client;
mod git;
mod gomod;
mod lookup;
mod module;
mod names;
mod proxy;
mod redirects;
mod report;
mod repositories;
mod repository;
mod snapshot;
pub mod tags;
mod text;
mod tls;
mod version;
mod versions;
mod walk;
mod zip;

use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;

use tags::GoImport;
use text::{escaped, masked};

pub use lookup::look_up;
pub use report::{Report, error_json, metrics};
pub use walk::walk;

/// Maximum length of a finding's texts, in characters: servers control parts of them.
const MAX_TEXT: usize = 600;

/// Options of `govanityurls verify`.
#[derive(Debug, Clone)]
pub struct Options {
    /// Maximum number of concurrent checks.
    pub jobs: usize,
    /// Timeout of each step.
    pub timeout: Duration,
    /// Addresses to use for the site's hosts instead of DNS.
    pub connect: Vec<SocketAddr>,
    /// Whether to show progress on stderr.
    pub progress: bool,
    /// The file that the targets come from; `None` if the tags of the pages say what to expect.
    pub file: Option<File>,
}

/// The file of the modules.
#[derive(Debug, Clone)]
pub struct File {
    /// The flags with which this run reads it, for commands to type: `-config FILE -host HOST`.
    pub flags: String,
    /// All modules of the file, also those that are not checked.
    pub modules: Vec<Target>,
}

/// A module to check.
#[derive(Debug, Clone)]
pub struct Target {
    /// The host of the import path.
    pub host: String,
    /// The module's import path; that of a pattern as a whole ends in `*`.
    pub path: String,
    /// Whether `path` ends in `*`, so that it cannot be requested.
    pub pattern: bool,
    /// The user's path below the module, with a leading slash; empty if there is none.
    pub below: String,
    /// Whether paths below the module belong to it; false if a pattern has the same path.
    pub owns_subpackages: bool,
    /// The version control system, as in go-import: `git`, `hg`, `mod` and so on.
    pub vcs: String,
    /// The repository's URL.
    pub repo: String,
    /// The module's directory in the repository; empty for its root.
    pub subdir: String,
    /// The URL of a module proxy that also serves the module; empty if there is none.
    pub proxy: String,
}

impl Target {
    /// Returns the go-import tags that the program should serve, sorted.
    fn tags(&self) -> Vec<GoImport> {
        let tag = |vcs: &str, repo: &str, subdir: &str| GoImport {
            prefix: self.path.clone(),
            vcs: vcs.to_owned(),
            repo: repo.to_owned(),
            subdir: subdir.to_owned(),
        };
        let mut tags = vec![tag(&self.vcs, &self.repo, &self.subdir)];
        if !self.proxy.is_empty() {
            tags.push(tag("mod", &self.proxy, ""));
        }
        tags.sort();
        tags
    }
}

/// A step of the go command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// The DNS lookup, and a connection to each address.
    Names,
    /// A connection to port 443.
    Connect,
    /// The certificate.
    Tls,
    /// The redirects to the page.
    Redirects,
    /// The module's page and its tag.
    Answer,
    /// A nonexistent package below the module.
    Subpackage,
    /// The repository.
    Repository,
    /// The repository's tags and go.mod.
    Versions,
}

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// No problem.
    Pass,
    /// Not checked; the message says why.
    Skip,
    /// Works, but perhaps not as its owner expects.
    Warn,
    /// `go get` fails.
    Fail,
}

/// A problem code, for programs.
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
    RepoInsecure,
    VcsDisallowed,
    NoVersions,
    ModulePathMismatch,
    MajorVersionMismatch,
    SubdirMissing,
    SubdirNewGo,
    GoModInvalid,
    LocalReplace,
    ZipInvalid,
    ProxyFailed,
}

/// The outcome of one check. Control characters are escaped, and URLs have no passwords.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    step: Step,
    status: Status,
    code: Option<Code>,
    message: String,
    /// The go command's error message, or a part of it.
    go: Option<String>,
    /// Commands to type, or lines to put into a file, if what was observed proves the cause.
    fix: Option<String>,
    /// A command that tells the possible causes apart.
    look: Option<String>,
}

impl Finding {
    fn new(step: Step, status: Status, code: Option<Code>, message: impl AsRef<str>) -> Self {
        Self {
            step,
            status,
            code,
            message: sanitized(message.as_ref()),
            go: None,
            fix: None,
            look: None,
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
        self.go = Some(sanitized(says.as_ref()));
        self
    }

    /// Says that only these addresses of the host have the problem.
    fn at(mut self, addresses: &[SocketAddr]) -> Self {
        let addresses: Vec<_> = addresses.iter().map(|addr| addr.ip().to_string()).collect();
        self.message = format!("at {}: {}", addresses.join(", "), self.message);
        self
    }

    /// Sets the lines to type, escaped because they may contain text from a server.
    fn fix(mut self, lines: impl AsRef<str>) -> Self {
        self.fix = Some(sanitized_lines(lines.as_ref()));
        self
    }

    /// Sets the command that tells the possible causes apart.
    fn look(mut self, lines: impl AsRef<str>) -> Self {
        self.look = Some(sanitized_lines(lines.as_ref()));
        self
    }
}

fn sanitized_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(sanitized).collect();
    lines.join("\n")
}

/// Returns a text that is safe to print on one line.
fn sanitized(text: &str) -> String {
    let mut text = escaped(&masked(text));
    if let Some((end, _)) = text.char_indices().nth(MAX_TEXT) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// Formats a count: `1 tag`, `2 tags`.
fn plural(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        n if noun.ends_with('s') => format!("{n} {noun}es"),
        n => format!("{n} {noun}s"),
    }
}
