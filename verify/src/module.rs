//! What `go get` finds for a path in a repository, like `codeRepo` of cmd/go/internal/modfetch
//! and `queryProxy` of cmd/go/internal/modload.

use super::gomod::{GoMod, SyntaxError, module_path};
use super::snapshot::{Read, Snapshot, Unread, joined};
use super::version::{Version, matches_major, split_major};
use super::zip::{BadFile, bad_files};

/// A path that is looked up in a repository.
#[derive(Debug, Clone)]
pub(super) struct Module<'a> {
    snapshot: &'a Snapshot,
    pub(super) path: &'a str,
    /// The directory in the repository; `major` may be a directory below it.
    pub(super) dir: String,
    /// The major version at the end of the path: empty, `/v2` or `.v2`.
    major: &'a str,
    /// Whether `major` may be a directory of its own.
    has_major_dir: bool,
}

/// The version that `go get` takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chosen {
    /// As Go names it; empty if Go makes it of HEAD.
    pub(super) version: String,
    /// The tag, or `HEAD`.
    pub(super) revision: String,
    pub(super) has_go_mod: bool,
    /// The number of the module's versions.
    pub(super) count: usize,
    /// Whether all versions are retracted.
    pub(super) is_retracted: bool,
}

/// Why `go get` fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) fault: Fault,
    /// The tag, or `HEAD`.
    pub(super) revision: String,
    pub(super) dir: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// There is no version, and no commit at HEAD.
    NoCommit,
    /// Every version is retracted, and so is what Go makes of HEAD.
    AllRetracted,
    /// The path cannot be one of a module in this repository.
    InvalidPath,
    NoGoMod,
    /// go.mod has no module path that Go finds.
    NoModulePath,
    /// go.mod is at the right place, but has another path.
    OtherPath(String),
    /// `DIR/go.mod` and `DIR/vN/go.mod` both have the module's major version.
    TwoGoMods,
    /// Go takes this version for one of another path, since there is a go.mod.
    Incompatible,
    /// Go cannot parse go.mod.
    Syntax(SyntaxError),
    /// Go makes no zip of these files.
    BadFiles(Vec<BadFile>),
    /// go.mod requires a version that does not exist, and replaces it by a directory.
    LocalReplace(String, String),
}

/// Why a question has no answer yet, or `go get` fails.
#[derive(Debug)]
pub(super) enum Stop {
    Unread(Unread),
    Failure(Failure),
}

impl From<Unread> for Stop {
    fn from(unread: Unread) -> Self {
        Self::Unread(unread)
    }
}

pub(super) type Found<T> = Result<T, Stop>;

/// One version: of a tag with another major version, if it is incompatible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) version: Version,
    is_incompatible: bool,
}

impl Candidate {
    fn name(&self) -> String {
        let suffix = if self.is_incompatible {
            "+incompatible"
        } else {
            ""
        };
        format!("{}{suffix}", self.version)
    }
}

impl<'a> Module<'a> {
    /// Finds the place of `path` in a repository whose tag has the prefix `root`.
    pub(super) fn new(
        snapshot: &'a Snapshot,
        root: &str,
        subdir: &str,
        path: &'a str,
    ) -> Result<Self, Failure> {
        let invalid = Failure {
            fault: Fault::InvalidPath,
            revision: "HEAD".to_owned(),
            dir: subdir.to_owned(),
        };
        let Some((stem, major)) = split_major(path) else {
            return Err(invalid);
        };
        let below = if path == root {
            ""
        } else {
            match stem.strip_prefix(root) {
                Some(below) if below.is_empty() || below.starts_with('/') => below,
                _ => return Err(invalid),
            }
        };
        Ok(Self {
            snapshot,
            path,
            dir: joined(below.trim_matches('/'), subdir.trim_matches('/')),
            major,
            has_major_dir: path != root && major.starts_with('/'),
        })
    }

    /// Returns what `go get PATH` takes.
    pub(super) fn get(&self) -> Read<Result<Chosen, Failure>> {
        match self.find() {
            Ok(chosen) => Ok(Ok(chosen)),
            Err(Stop::Failure(failure)) => Ok(Err(failure)),
            Err(Stop::Unread(unread)) => Err(unread),
        }
    }

    fn find(&self) -> Found<Chosen> {
        let versions = self.versions()?;
        let retracts = self.retractions(&versions)?;
        let mut allowed = versions.clone();
        allowed.retain(|candidate| !contains(&retracts, &candidate.version));
        let (revision, version) = match self.latest(&allowed)? {
            Some(chosen) => chosen,
            None if self.snapshot.refs.head.is_none() => {
                return Err(self.failure("HEAD", Fault::NoCommit));
            }
            None => ("HEAD".to_owned(), String::new()),
        };
        let text = self.check(&revision)?;
        if revision == "HEAD" && contains(&retracts, &self.pseudo_version()) {
            return Err(self.failure("HEAD", Fault::AllRetracted));
        }
        Ok(Chosen {
            version,
            revision,
            has_go_mod: text.is_some(),
            count: versions.len(),
            is_retracted: allowed.is_empty() && !versions.is_empty(),
        })
    }

    /// Checks what Go does of a revision; returns its go.mod.
    pub(super) fn check(&self, revision: &str) -> Found<Option<String>> {
        let (dir, text) = self.find_dir(revision)?;
        let mut is_new = false;
        if let Some(text) = &text {
            is_new = self.check_go_mod(revision, &dir, text)?.is_at_least(24);
        }
        let bad = bad_files(&self.snapshot.files(revision, &dir)?, is_new);
        if bad.is_empty() {
            return Ok(text);
        }
        Err(self.failure(revision, Fault::BadFiles(bad)))
    }

    /// Returns the versions that the latest version retracts; Go ignores that it cannot read them.
    pub(super) fn retractions(&self, versions: &[Candidate]) -> Read<Vec<(Version, Version)>> {
        let found = self.latest(versions).and_then(|latest| {
            let revision = latest.map_or("HEAD".to_owned(), |(revision, _)| revision);
            self.find_dir(&revision)
        });
        match found {
            Ok((_, Some(text))) => Ok(GoMod::parse(&text).unwrap_or_default().retracts),
            Ok((_, None)) | Err(Stop::Failure(_)) => Ok(Vec::new()),
            Err(Stop::Unread(unread)) => Err(unread),
        }
    }

    /// Returns a version like those that Go makes of HEAD.
    fn pseudo_version(&self) -> Version {
        let major = self.major.get(1..).unwrap_or("v0");
        let version = format!("{major}.0.0-20200101000000-abcdefabcdef");
        Version::parse(&version).unwrap_or_default()
    }

    fn failure(&self, revision: &str, fault: Fault) -> Stop {
        failure(revision, &self.dir, fault)
    }

    /// Returns the tag of a version.
    pub(super) fn tag(&self, version: &Version) -> String {
        joined(&self.dir, &version.to_string())
    }

    /// Returns the versions that tags have in this module's directory, of any major version.
    pub(super) fn tagged(&self) -> Vec<Version> {
        let tags = self.snapshot.refs.tags.keys();
        let mut versions = Vec::new();
        for tag in tags {
            let version = match &*self.dir {
                "" => Some(tag.as_str()),
                dir => tag
                    .strip_prefix(dir)
                    .and_then(|rest| rest.strip_prefix('/')),
            };
            let version = version.and_then(Version::parse);
            versions.extend(version.filter(|version| !version.is_pseudo()));
        }
        versions.sort();
        versions
    }

    /// Returns the module's versions in order, like `codeRepo.Versions`.
    pub(super) fn versions(&self) -> Read<Vec<Candidate>> {
        let tagged = self.tagged();
        let own = tagged.iter().filter(|it| matches_major(it, self.major));
        let mut versions: Vec<Candidate> = own
            .map(|version| Candidate {
                version: version.clone(),
                is_incompatible: false,
            })
            .collect();
        if !self.dir.is_empty() || !self.major.is_empty() {
            return Ok(versions);
        }
        if let Some(last) = versions.last()
            && self.go_mod_at(last)?.is_some()
        {
            return Ok(versions);
        }
        for (at, version) in tagged.iter().enumerate() {
            if matches_major(version, "") {
                continue;
            }
            let major = version.major();
            let same = tagged[at..].iter().take_while(|it| it.major() == major);
            let latest = same.last().unwrap_or(version);
            if self.snapshot.go_mod(&self.tag(latest), "")?.is_none() {
                versions.push(Candidate {
                    version: version.clone(),
                    is_incompatible: true,
                });
            }
        }
        Ok(versions)
    }

    fn go_mod_at(&self, candidate: &Candidate) -> Read<Option<&'a str>> {
        self.snapshot.go_mod(&self.tag(&candidate.version), "")
    }

    /// Selects the highest release, else the highest pre-release, like `filterVersions`: returns
    /// its tag and its name.
    fn latest(&self, versions: &[Candidate]) -> Found<Option<(String, String)>> {
        let mut end = versions.len();
        let first = versions
            .iter()
            .position(|candidate| candidate.is_incompatible);
        if let Some(first) = first
            && first > 0
            && let Some(text) = self.go_mod_at(&versions[first - 1])?
            // Go cannot tell this one from what it makes up if there is no go.mod.
            && text != format!("module {}\n", self.path)
        {
            end = first;
        }
        let versions = &versions[..end];
        let release = versions
            .iter()
            .rfind(|candidate| candidate.version.is_release());
        let Some(chosen) = release.or(versions.last()) else {
            return Ok(None);
        };
        let tag = self.tag(&chosen.version);
        if chosen.is_incompatible && self.go_mod_at(chosen)?.is_some() {
            return Err(self.failure(&tag, Fault::Incompatible));
        }
        Ok(Some((tag, chosen.name())))
    }

    /// Returns the module's directory and the text of its go.mod, like `codeRepo.findDir`.
    fn find_dir(&self, revision: &str) -> Found<(String, Option<String>)> {
        let root = self.snapshot.go_mod(revision, &self.dir)?;
        let has_major = |text: Option<&str>| text.is_some_and(|text| self.is_major(text));
        if self.has_major_dir {
            let dir = joined(&self.dir, &self.major[1..]);
            let text = self.snapshot.go_mod(revision, &dir)?;
            if has_major(text) {
                if has_major(root) {
                    return Err(self.failure(revision, Fault::TwoGoMods));
                }
                return Ok((dir, text.map(str::to_owned)));
            }
            if let Some(text) = text {
                return Err(failure(revision, &dir, other_path(text)));
            }
        }
        match root {
            Some(text) if self.is_major(text) => Ok((self.dir.clone(), Some(text.to_owned()))),
            Some(text) => Err(self.failure(revision, other_path(text))),
            None if self.dir.is_empty() && !self.major.starts_with('/') => {
                Ok((String::new(), None))
            }
            None => Err(self.failure(revision, Fault::NoGoMod)),
        }
    }

    /// Returns whether a go.mod has the major version of this module, like `isMajor`.
    fn is_major(&self, text: &str) -> bool {
        let own = module_path(text);
        if own.is_empty() {
            return false;
        }
        let Some((_, major)) = split_major(&own) else {
            return false;
        };
        match (self.major, major) {
            ("", "" | ".v0" | ".v1") => true,
            ("", _) => own.starts_with("gopkg.in/"),
            (expected, found) => found.get(1..) == expected.get(1..),
        }
    }

    /// Checks the module's go.mod after Go has found it.
    fn check_go_mod(&self, revision: &str, dir: &str, text: &str) -> Found<GoMod> {
        let refused = |fault| Err(failure(revision, dir, fault));
        let go_mod = match GoMod::parse(text) {
            Ok(go_mod) => go_mod,
            Err(error) => return refused(Fault::Syntax(error)),
        };
        if go_mod.path.is_empty() {
            return refused(Fault::NoModulePath);
        }
        if go_mod.path != self.path {
            return refused(Fault::OtherPath(go_mod.path));
        }
        // Since Go 1.17, the go command reads only the requirements that packages need.
        if go_mod.is_at_least(17) {
            return Ok(go_mod);
        }
        for (path, version) in &go_mod.requires {
            if go_mod.local.contains(path) && self.cannot_exist(path, version) {
                return refused(Fault::LocalReplace(path.clone(), version.to_string()));
            }
        }
        Ok(go_mod)
    }

    /// Returns whether a requirement names no version that its users could fetch: v0.0.0 stands
    /// for what a directory has.
    fn cannot_exist(&self, path: &str, version: &Version) -> bool {
        let version = version.to_string();
        if version != "v0.0.0" && version != "v0.0.0-00010101000000-000000000000" {
            return false;
        }
        let below = path.strip_prefix(self.path).unwrap_or_default();
        let tag = joined(&joined(&self.dir, below.trim_matches('/')), &version);
        below.is_empty() || !self.snapshot.refs.tags.contains_key(&tag)
    }
}

fn failure(revision: &str, dir: &str, fault: Fault) -> Stop {
    Stop::Failure(Failure {
        fault,
        revision: revision.to_owned(),
        dir: dir.to_owned(),
    })
}

fn contains(intervals: &[(Version, Version)], version: &Version) -> bool {
    let mut intervals = intervals.iter();
    intervals.any(|(low, high)| low <= version && version <= high)
}

/// Returns what is wrong with a go.mod of another major version.
fn other_path(text: &str) -> Fault {
    let own = module_path(text);
    if own.is_empty() {
        return Fault::NoModulePath;
    }
    Fault::OtherPath(own)
}
