//! Findings about the modules that a repository has for an entry of the file.

use std::collections::BTreeMap;

use super::gomod::module_path;
use super::module::{Chosen, Failure, Fault, Module, Stop};
use super::snapshot::{Read, Refs, Snapshot, joined};
use super::version::{Version, matches_major, split_major};
use super::zip::{BadFile, is_allowed};
use super::{Code, Finding, Step, Target, plural};

/// The error of `go get` if a module has no usable version.
const NO_VERSION: &str = "no matching versions for query \"upgrade\"";
/// The number of modules below another one that a message names.
const MAX_NAMES: usize = 3;
/// The number of files that a fix renames.
const MAX_RENAMES: usize = 10;

/// A module path that a go.mod says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Declared {
    dir: String,
    revision: String,
}

/// A repository with the entries of the file.
#[derive(Debug, Clone)]
pub(super) struct Repository<'a> {
    snapshot: &'a Snapshot,
    /// All modules of the file.
    file: &'a [Target],
    /// The module paths that go.mod files say at HEAD, and at the highest tags of their own.
    declared: Vec<(String, Declared)>,
}

/// Returns the revisions that most likely matter: HEAD, and the highest tag of each directory and
/// major version.
pub(super) fn first_revisions(refs: &Refs) -> Vec<String> {
    let mut highest: BTreeMap<(&str, String), (bool, Version, &str)> = BTreeMap::new();
    for tag in refs.tags.keys() {
        let (dir, name) = tag.rsplit_once('/').unwrap_or(("", tag));
        let Some(version) = Version::parse(name).filter(|version| !version.is_pseudo()) else {
            continue;
        };
        let major = match version.major() {
            major if major == "v0" => "v1".to_owned(),
            major => major,
        };
        let this = (version.is_release(), version, tag.as_str());
        let known = highest.entry((dir, major)).or_insert_with(|| this.clone());
        if *known < this {
            *known = this;
        }
    }
    let head = refs.head.iter().map(|_| "HEAD".to_owned());
    head.chain(highest.into_values().map(|(_, _, tag)| tag.to_owned()))
        .collect()
}

/// Returns the module paths that the go.mod files of a revision say.
fn at_revision(snapshot: &Snapshot, revision: &str) -> Read<Vec<(String, Declared)>> {
    let mut declared = Vec::new();
    for dir in snapshot.modules(revision)? {
        let text = snapshot.go_mod(revision, &dir)?;
        let revision = revision.to_owned();
        let path = text.map(module_path).unwrap_or_default();
        declared.push((path, Declared { dir, revision }));
    }
    Ok(declared)
}

/// Returns the module paths that go.mod files say at a tag: in the tag's directory, and of the
/// tag's major version.
fn at_tag(snapshot: &Snapshot, tag: &str) -> Read<Vec<(String, Declared)>> {
    let (dir, version) = tag.rsplit_once('/').unwrap_or(("", tag));
    let major = version.split('.').next().unwrap_or_default();
    let mut declared = Vec::new();
    for dir in [joined(dir, major), dir.to_owned()] {
        let text = snapshot.go_mod(tag, &dir)?;
        let path = text.map(module_path).unwrap_or_default();
        let has_major = split_major(&path).is_some_and(|(_, own)| own.get(1..) == Some(major));
        if tag.contains('/') || has_major {
            let revision = tag.to_owned();
            declared.push((path, Declared { dir, revision }));
        }
    }
    Ok(declared)
}

impl<'a> Repository<'a> {
    pub(super) fn new(snapshot: &'a Snapshot, file: &'a [Target]) -> Read<Self> {
        let mut declared = at_revision(snapshot, "HEAD")?;
        for tag in first_revisions(&snapshot.refs) {
            if tag != "HEAD" {
                declared.extend(at_tag(snapshot, &tag)?);
            }
        }
        Ok(Self {
            snapshot,
            file,
            declared,
        })
    }

    /// Checks everything that the repository offers below the path of `target`.
    pub(super) fn check(&self, target: &Target) -> Read<Vec<Finding>> {
        let refs = &self.snapshot.refs;
        if refs.is_empty() {
            return Ok(vec![empty(target)]);
        }
        let own = match self.module(target, &target.path) {
            Ok(module) => module.get()?,
            Err(failure) => Err(failure),
        };
        let declared = self.declared(target, own.as_ref().ok())?;
        let below: Vec<&String> = declared
            .keys()
            .filter(|path| **path != target.path)
            .collect();
        let is_offered = declared.contains_key(&target.path) || below.is_empty();

        let mut findings = Vec::new();
        let mut names = Vec::new();
        for path in &below {
            let found = match self.module(target, path) {
                Ok(module) => module.get()?,
                Err(failure) => Err(failure),
            };
            match found {
                Ok(chosen) => {
                    let version = if chosen.version.is_empty() {
                        "without a version"
                    } else {
                        &chosen.version
                    };
                    names.push(format!("{path} {version}"));
                    if let (true, Ok(module)) =
                        (chosen.version.is_empty(), self.module(target, path))
                    {
                        findings.extend(self.untagged(target, &module));
                    }
                }
                Err(failure) => findings.push(self.explain(target, path, &failure, &declared)?),
            }
        }
        let names = listed(&names);
        match own {
            Ok(chosen) => {
                let place = declared.get(&target.path);
                let place = place.filter(|_| is_offered && !chosen.has_go_mod);
                self.works(target, &chosen, is_offered, &names, &mut findings)?;
                if let Some(place) = place
                    && let Some(finding) = self.elsewhere(target, place)?
                {
                    findings.push(finding);
                } else if is_offered && !chosen.has_go_mod {
                    findings.extend(self.without_go_mod(target, &chosen));
                }
            }
            Err(failure) if is_offered => {
                findings.insert(0, self.explain(target, &target.path, &failure, &declared)?);
            }
            Err(_) => {
                let message = format!("no module at {} itself; below it: {names}", target.path);
                findings.insert(0, Finding::pass(Step::Versions, message));
            }
        }
        if !target.subdir.is_empty() {
            let message = "Go before 1.25 ignores subdir and finds no module: it needs a module proxy, as `proxy:`";
            findings.push(Finding::warn(Step::Versions, Code::SubdirNewGo, message));
        }
        Ok(findings)
    }

    fn module<'b>(&'b self, target: &Target, path: &'b str) -> Result<Module<'b>, Failure> {
        Module::new(self.snapshot, &target.path, &target.subdir, path)
    }

    /// Returns the module paths at and below that of `target` that a go.mod says.
    fn declared(
        &self,
        target: &Target,
        chosen: Option<&Chosen>,
    ) -> Read<BTreeMap<String, Declared>> {
        let mut places = Vec::new();
        if let Some(chosen) = chosen
            && chosen.revision != "HEAD"
        {
            places = at_revision(self.snapshot, &chosen.revision)?;
        }
        let mut declared = BTreeMap::new();
        for (path, place) in self.declared.iter().chain(&places) {
            if self.is_of(target, path) && !declared.contains_key(path) {
                declared.insert(path.clone(), place.clone());
            }
        }
        Ok(declared)
    }

    /// Returns whether the entry of `target`, and no other of the file, answers for a path.
    fn is_of(&self, target: &Target, path: &str) -> bool {
        if path == target.path {
            return true;
        }
        let is_below = |prefix: &str| {
            let rest = path.strip_prefix(prefix);
            rest.is_some_and(|rest| rest.starts_with('/'))
        };
        let is_plain = |b: u8| b.is_ascii_graphic() && !b"\"`'".contains(&b);
        if !is_below(&target.path) || !path.bytes().all(is_plain) {
            return false;
        }
        let mut others = self.file.iter();
        !others.any(|other| {
            let prefix = other.path.strip_suffix("/*").unwrap_or(&other.path);
            let is_longer = other.path.len() > target.path.len();
            is_longer && (other.path == path || is_below(prefix))
        })
    }

    /// Adds the findings about a path that `go get` finds.
    fn works(
        &self,
        target: &Target,
        chosen: &Chosen,
        is_offered: bool,
        names: &str,
        findings: &mut Vec<Finding>,
    ) -> Read<()> {
        let below = if names.is_empty() {
            String::new()
        } else {
            format!("; below it: {names}")
        };
        let Ok(module) = self.module(target, &target.path) else {
            return Ok(());
        };
        let version = if target.subdir.is_empty() || chosen.version.is_empty() {
            chosen.version.clone()
        } else {
            format!("{}, tag {}", chosen.version, chosen.revision)
        };
        if !is_offered {
            let version = if version.is_empty() {
                "a pseudo-version"
            } else {
                &version
            };
            let message = format!(
                "no go.mod says module {}, so Go takes {version} of the root for it{below}",
                target.path
            );
            findings.insert(0, Finding::pass(Step::Versions, message));
            return Ok(());
        }
        let ignored = self.ignored_major(&module)?;
        let has_ignored = ignored.is_some();
        if chosen.version.is_empty() {
            let finding = if chosen.is_retracted {
                let count = plural(chosen.count, "version");
                let message = format!(
                    "go.mod retracts all of {count}: users get a pseudo-version of the last commit{below}"
                );
                Some(Finding::warn(Step::Versions, Code::NoVersions, message))
            } else if has_ignored {
                let message = "users get a pseudo-version of the last commit";
                Some(Finding::pass(Step::Versions, format!("{message}{below}")))
            } else {
                self.no_versions(target, &module, &below)
            };
            findings.splice(0..0, finding);
        } else {
            let count = plural(chosen.count, "version");
            let message = format!("{version}, {count}{below}");
            findings.insert(0, Finding::pass(Step::Versions, message));
        }
        findings.extend(ignored);
        Ok(())
    }

    /// Reports a module without a go.mod, for which Go makes one up.
    fn without_go_mod(&self, target: &Target, chosen: &Chosen) -> Option<Finding> {
        // A go.mod would take the users of an incompatible version back to an old one.
        if chosen.version.ends_with("+incompatible") {
            return None;
        }
        let module = self.module(target, &target.path).ok()?;
        let revision = &chosen.revision;
        let message = format!("no go.mod at {revision}: Go generates one, without requirements");
        let finding = Finding::warn(Step::Versions, Code::ModulePathMismatch, message);
        Some(finding.fix(init(&module, revision)))
    }

    /// Reports a module that Go takes from the root, while its go.mod is in a directory.
    fn elsewhere(&self, target: &Target, place: &Declared) -> Read<Option<Finding>> {
        let Some((why, fix)) = self.entry(target, &target.path, place)? else {
            return Ok(None);
        };
        let message = format!("no go.mod where the file says, so Go takes the root; {why}");
        let finding = Finding::warn(Step::Versions, Code::ModulePathMismatch, message);
        Ok(Some(finding.fix(fix)))
    }

    /// Reports a higher major version that Go ignores, because its go.mod has another path.
    fn ignored_major(&self, module: &Module) -> Read<Option<Finding>> {
        let tagged = module.tagged();
        let Some(highest) = tagged
            .iter()
            .rfind(|version| version.is_release())
            .or(tagged.last())
        else {
            return Ok(None);
        };
        if matches_major(highest, "")
            || split_major(module.path).is_none_or(|(_, own)| !own.is_empty())
        {
            return Ok(None);
        }
        let (path, major, tag) = (module.path, highest.major(), module.tag(highest));
        let dirs = [joined(&module.dir, &major), module.dir.clone()];
        let mut own = String::new();
        for dir in dirs {
            let text = self.snapshot.go_mod(&tag, &dir)?;
            let found = text.map(module_path).unwrap_or_default();
            if found == format!("{path}/{major}") {
                return Ok(None);
            }
            if !found.is_empty() {
                own = found;
            }
        }
        if own
            .strip_prefix(path)
            .is_none_or(|rest| !rest.is_empty() && !rest.starts_with("/v"))
        {
            return Ok(None);
        }
        let next = module.tag(&highest.next());
        let message = format!(
            "Go ignores {tag}: its go.mod says module {own}, but the path of major version {} must \
             end in /{major}",
            &major[1..]
        );
        let finding = Finding::warn(Step::Versions, Code::MajorVersionMismatch, message)
            .fix(moved(&own, &format!("{path}/{major}"), &next));
        Ok(Some(if own == path {
            finding.go(format!(
                "module contains a go.mod file, so module path must match major version \
                 (\"{path}/{major}\")"
            ))
        } else {
            finding
        }))
    }

    /// Reports a module below another one that has versions itself, but none of its own.
    fn untagged(&self, target: &Target, module: &Module) -> Option<Finding> {
        let root = self.module(target, &target.path).ok()?;
        if root.tagged().is_empty() || !module.tagged().is_empty() {
            return None;
        }
        let tag = first_tag(module);
        let message = format!(
            "no tag begins with {}/, so users of {} get a pseudo-version of the last commit",
            module.dir, module.path
        );
        Some(Finding::warn(Step::Versions, Code::NoVersions, message).fix(pushed(&tag)))
    }

    /// Reports a module without versions.
    fn no_versions(&self, target: &Target, module: &Module, below: &str) -> Option<Finding> {
        let tags = &self.snapshot.refs.tags;
        let subdir = target.subdir.trim_matches('/');
        let why = if subdir.is_empty() {
            let example = tags
                .keys()
                .find(|tag| !tag.contains('/'))
                .or(tags.keys().next());
            match example {
                Some(tag) => format!("no tag is a version of this module (one tag is {tag})"),
                None => "the repository has no tags".to_owned(),
            }
        } else {
            let versions = tags
                .keys()
                .filter(|tag| Version::parse(tag).is_some())
                .count();
            match versions {
                0 => format!("no tag begins with {subdir}/"),
                count => format!(
                    "no tag begins with {subdir}/ (the root has {})",
                    plural(count, "version")
                ),
            }
        };
        let message = format!("{why}: users get a pseudo-version of the last commit{below}");
        let fix = self
            .completed(module)
            .unwrap_or_else(|| pushed(&first_tag(module)));
        Some(Finding::warn(Step::Versions, Code::NoVersions, message).fix(fix))
    }

    /// Returns the commands that repeat the highest tag like `1.2.3` or `v1.2` as a version, if
    /// that is of the last commit.
    fn completed(&self, module: &Module) -> Option<String> {
        let head = self.snapshot.refs.head.as_deref()?;
        let (_, major) = split_major(module.path)?;
        let mut best: Option<(Version, &str)> = None;
        for (tag, commit) in &self.snapshot.refs.tags {
            let plain = tag.strip_prefix('v').unwrap_or(tag);
            let Some((version, "")) = Version::parse_any(&format!("v{plain}")) else {
                continue;
            };
            let is_higher = best.as_ref().is_none_or(|(known, _)| *known < version);
            if module.dir.is_empty()
                && commit == head
                && matches_major(&version, major)
                && is_higher
            {
                best = Some((version, tag));
            }
        }
        let (version, tag) = best?;
        let is_new = !self.snapshot.refs.tags.contains_key(&version.to_string());
        is_new.then(|| format!("git tag {version} {tag} && git push origin {version}"))
    }

    /// Explains why `go get PATH` fails, and what to type.
    fn explain(
        &self,
        target: &Target,
        path: &str,
        failure: &Failure,
        declared: &BTreeMap<String, Declared>,
    ) -> Read<Finding> {
        let finding = self.cause(target, path, failure, declared)?;
        if finding.fix.is_some() || finding.look.is_some() {
            return Ok(finding);
        }
        Ok(finding.look(format!("git ls-tree -r --name-only {}", failure.revision)))
    }

    fn cause(
        &self,
        target: &Target,
        path: &str,
        failure: &Failure,
        declared: &BTreeMap<String, Declared>,
    ) -> Read<Finding> {
        let (revision, fault) = (&failure.revision, &failure.fault);
        let file = joined(&failure.dir, "go.mod");
        let fail = |code, message: String| Finding::fail(Step::Versions, code, message);
        let Ok(module) = self.module(target, path) else {
            let message = format!("{path} cannot be the path of a module");
            return Ok(fail(Code::ModulePathMismatch, message));
        };
        // Correct at HEAD, only without a tag.
        let fixed = match module.check("HEAD") {
            Ok(text) => {
                let is_tag = revision != "HEAD" && self.snapshot.refs.head.is_some();
                let is_right = text.is_some() || matches!(fault, Fault::BadFiles(_));
                let tag = self.next_tag(&module)?;
                (is_tag && is_right).then(|| pushed(&tag))
            }
            Err(Stop::Failure(_)) => None,
            Err(Stop::Unread(unread)) => return Err(unread),
        };
        let shown = if path == target.path {
            String::new()
        } else {
            format!("{path}: ")
        };
        let finding = match fault {
            Fault::NoCommit => return Ok(self.dangling(target)),
            Fault::InvalidPath => {
                let message = format!("{path} cannot be the path of a module in this repository");
                return Ok(fail(Code::ModulePathMismatch, message));
            }
            Fault::NoGoMod | Fault::OtherPath(_) => {
                return self.misplaced(target, &module, failure, declared, fixed);
            }
            Fault::AllRetracted => fail(
                Code::NoVersions,
                format!("{shown}go.mod at {revision} retracts every version, and what Go makes of the last commit"),
            )
            .go(NO_VERSION),
            Fault::NoModulePath => {
                let finding = fail(Code::ModulePathMismatch, format!("{shown}{file} at {revision} has no module line"));
                let tag = self.next_tag(&module)?;
                let edit = format!("go mod edit -module {path} && {}", committed("Name the module", &tag));
                let fix = fixed.unwrap_or_else(|| in_dir(&failure.dir, &edit));
                return Ok(finding.fix(fix));
            }
            Fault::TwoGoMods => fail(
                Code::ModulePathMismatch,
                format!("{shown}two go.mod files at {revision} have its major version, in {} and below", shown_dir(&failure.dir)),
            ),
            Fault::Incompatible => fail(
                Code::MajorVersionMismatch,
                format!("{shown}Go takes {revision} as a version without a go.mod, but it has one"),
            ),
            Fault::Syntax(error) => {
                let look = format!("git show {revision}:{file} | sed -n {}p", error.line);
                let finding = fail(
                    Code::GoModInvalid,
                    format!("{shown}Go cannot parse {file} at {revision}, line {}: {}", error.line, error.message),
                )
                .go(&error.message);
                return Ok(match fixed {
                    Some(fix) => finding.fix(fix),
                    None => finding.look(look),
                });
            }
            Fault::BadFiles(files) => {
                let tag = self.next_tag(&module)?;
                let finding = bad_files(&shown, revision, files);
                return Ok(match fixed.or_else(|| renamed(&failure.dir, files, &tag)) {
                    Some(fix) => finding.fix(fix),
                    None => finding,
                });
            }
            Fault::LocalReplace(required, version) => fail(
                Code::LocalReplace,
                format!(
                    "{shown}{file} at {revision} requires {required} {version}, which is only a directory \
                     (replace): users need a version that exists"
                ),
            )
            .look(format!("go list -m -versions {required}")),
        };
        Ok(match fixed {
            Some(fix) => finding.fix(fix),
            None => finding,
        })
    }

    /// Explains a go.mod that is missing or has another path.
    fn misplaced(
        &self,
        target: &Target,
        module: &Module,
        failure: &Failure,
        declared: &BTreeMap<String, Declared>,
        fixed: Option<String>,
    ) -> Read<Finding> {
        let (path, revision) = (module.path, &failure.revision);
        let own = match &failure.fault {
            Fault::OtherPath(own) => Some(own.as_str()),
            _ => None,
        };
        let (_, major) = split_major(path).unwrap_or((path, ""));
        let mut finding = match own {
            Some(own) => {
                let file = joined(&failure.dir, "go.mod");
                let message = format!(
                    "{file} at {revision} says module {own}: the go command rejects it as {path}"
                );
                let finding = Finding::fail(Step::Versions, Code::ModulePathMismatch, message);
                // Go compares the major version first.
                if split_major(own).is_some_and(|(_, found)| found == major) {
                    finding.go(format!("module declares its path as: {own}"))
                } else {
                    finding
                }
            }
            None => self.no_go_mod(target, module, failure)?,
        };
        if let Some(fix) = fixed {
            return Ok(finding.fix(fix));
        }
        if let Some(place) = declared.get(path)
            && let Some((message, fix)) = self.entry(target, path, place)?
        {
            finding.message = format!("{}; {message}", finding.message);
            return Ok(finding.fix(fix));
        }
        let next = self.next_tag(module)?;
        let Some(own) = own else {
            let has_dir = self.snapshot.has_directory(revision, &failure.dir)?;
            return Ok(if has_dir {
                finding.fix(init(module, revision))
            } else {
                finding
            });
        };
        if path == target.path && self.file.iter().any(|other| other.path == own) {
            finding.message = format!(
                "{}; {own} is another entry: one of the two has the other's repository",
                finding.message
            );
            return Ok(finding.look(format!(
                "git log --oneline -- {}    # in a clone of {}; then set `repo:` of {} in vanity.yaml",
                quoted(&joined(&failure.dir, "go.mod")),
                target.repo,
                key(path)
            )));
        }
        let renamed = Target {
            path: own.to_owned(),
            host: host(own).to_owned(),
            ..target.clone()
        };
        if path == target.path && host(own) == target.host && self.gets(&renamed)? {
            let fix = format!(
                "{}:    # in vanity.yaml, instead of {}; or change go.mod and all imports",
                key(own),
                key(path)
            );
            return Ok(finding.fix(fix));
        }
        let next = if revision == "HEAD" && module.tagged().is_empty() {
            String::new()
        } else {
            next
        };
        Ok(finding.fix(moved(own, path, &next)))
    }

    fn no_go_mod(&self, target: &Target, module: &Module, failure: &Failure) -> Read<Finding> {
        let (path, revision) = (module.path, &failure.revision);
        let says = if revision == "HEAD" {
            NO_VERSION.to_owned()
        } else {
            format!("missing {path}/go.mod at revision {revision}")
        };
        if target.subdir.is_empty() {
            let message = format!("no go.mod at {revision}, but {path} needs one");
            return Ok(Finding::fail(
                Step::Versions,
                Code::ModulePathMismatch,
                message,
            ));
        }
        let dir = &failure.dir;
        let message = if self.snapshot.has_directory(revision, dir)? {
            format!("{dir} has no go.mod at {revision}")
        } else {
            let dirs = self.snapshot.modules(revision)?;
            let dirs: Vec<_> = dirs.iter().map(|dir| shown_dir(dir).to_owned()).collect();
            let places = if dirs.is_empty() {
                String::new()
            } else {
                format!("; go.mod is in {}", listed(&dirs))
            };
            format!("the repository has no directory {dir} at {revision}{places}")
        };
        Ok(Finding::fail(Step::Versions, Code::SubdirMissing, message).go(says))
    }

    /// Returns what the file must say about a module in another directory.
    fn entry(
        &self,
        target: &Target,
        path: &str,
        place: &Declared,
    ) -> Read<Option<(String, String)>> {
        let dir = &place.dir;
        for other in self.file {
            let is_above = path
                .strip_prefix(&other.path)
                .is_some_and(|rest| rest.starts_with('/'));
            if !is_above || other.pattern || !is_same(&other.repo, &target.repo) {
                continue;
            }
            if let Ok(module) = Module::new(self.snapshot, &other.path, &other.subdir, path)
                && module.get()?.is_ok()
            {
                let message = format!("{} serves it already, from {dir}", other.path);
                let fix = format!(
                    "remove {} from vanity.yaml: {} serves it",
                    key(path),
                    key(&other.path)
                );
                return Ok(Some((message, fix)));
            }
        }
        let placed = Target {
            path: path.to_owned(),
            subdir: dir.clone(),
            ..target.clone()
        };
        if !self.gets(&placed)? {
            return Ok(None);
        }
        let message = format!("{} says it", joined(dir, "go.mod"));
        let fix = if path == target.path && dir.is_empty() {
            "subdir: \"\"    # in vanity.yaml".to_owned()
        } else if path == target.path {
            format!("subdir: {dir}    # in vanity.yaml")
        } else {
            format!(
                "{path}: {{repo: \"{}\", subdir: {dir}}}    # a new entry in vanity.yaml",
                target.repo
            )
        };
        Ok(Some((message, fix)))
    }

    /// Returns whether `go get` would work with this entry.
    fn gets(&self, target: &Target) -> Read<bool> {
        match self.module(target, &target.path) {
            Ok(module) => Ok(module.get()?.is_ok()),
            Err(_) => Ok(false),
        }
    }

    /// Reports a repository whose HEAD names no branch, and that has no version.
    fn dangling(&self, target: &Target) -> Finding {
        let refs = &self.snapshot.refs;
        let message = format!(
            "HEAD of {} names a branch that does not exist, and no tag is a version",
            target.repo
        );
        let finding = Finding::fail(Step::Versions, Code::NoVersions, message).go(NO_VERSION);
        let usual = ["main", "master"]
            .into_iter()
            .find(|name| refs.branches.contains(*name));
        let only = refs.branches.first().filter(|_| refs.branches.len() == 1);
        match usual.or(only.map(String::as_str)) {
            Some(branch) => finding.fix(format!(
                "git symbolic-ref HEAD refs/heads/{branch}    # in the repository on the server, or as its default branch"
            )),
            None => finding,
        }
    }

    /// Returns the tag of the next version, which is not retracted.
    fn next_tag(&self, module: &Module) -> Read<String> {
        let tagged = module.tagged();
        let (_, major) = split_major(module.path).unwrap_or((module.path, ""));
        let Some(highest) = tagged.iter().rfind(|version| matches_major(version, major)) else {
            return Ok(first_tag(module));
        };
        let mut next = highest.next();
        for (low, high) in module.retractions(&module.versions()?)? {
            if low <= next && next <= high {
                next = high.next();
            }
        }
        Ok(module.tag(&next))
    }
}

fn empty(target: &Target) -> Finding {
    let message = format!("{} has no commits: push one with a go.mod", target.repo);
    let finding = Finding::fail(Step::Versions, Code::NoVersions, message);
    finding
        .go(NO_VERSION)
        .look(format!("git ls-remote {}", target.repo))
}

fn bad_files(shown: &str, revision: &str, files: &[BadFile]) -> Finding {
    let names: Vec<_> = files
        .iter()
        .map(|file| format!("{:?}", file.path))
        .collect();
    let why = files.first().map_or("", |file| &file.why);
    let message = format!(
        "{shown}Go makes no zip of {revision}: {why}, in {}",
        listed(&names)
    );
    Finding::fail(Step::Versions, Code::ZipInvalid, message).go("create zip: ")
}

/// Returns the commands that rename the files, if only their own names are bad.
fn renamed(dir: &str, files: &[BadFile], tag: &str) -> Option<String> {
    if files.len() > MAX_RENAMES {
        return None;
    }
    let mut commands = Vec::new();
    for BadFile { path, .. } in files {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        if !super::zip::bad_files(&[(joined(parent, "x"), super::snapshot::Kind::File)], false)
            .is_empty()
        {
            return None;
        }
        let (stem, extension) = match name.rsplit_once('.') {
            Some((stem, extension)) if !stem.is_empty() => (stem, format!(".{extension}")),
            _ => (name, String::new()),
        };
        let plain = |text: &str| text.replace(|c| !is_allowed(c), "_");
        let new = format!(
            "{}_2{}",
            plain(stem),
            plain(extension.trim_end_matches('.'))
        );
        commands.push(format!(
            "git mv -- {} {}",
            quoted(&joined(dir, path)),
            quoted(&joined(dir, &joined(parent, &new)))
        ));
    }
    commands.push(committed("Rename files for Go", tag));
    Some(commands.join("\n"))
}

/// Returns the commands that commit all changes, and push them with a tag.
fn committed(message: &str, tag: &str) -> String {
    if tag.is_empty() {
        return format!("git commit -am '{message}' && git push origin HEAD");
    }
    format!("git commit -am '{message}' && git tag {tag} && git push origin HEAD {tag}")
}

fn pushed(tag: &str) -> String {
    format!("git tag {tag} && git push origin {tag}")
}

/// Returns the commands that give a module another path, with its imports.
fn moved(own: &str, path: &str, tag: &str) -> String {
    let pattern = own.replace('.', "\\.");
    format!(
        "grep -rlF '{own}' --include='*.go' --include=go.mod . | xargs sed -i -E 's,{pattern}([/\"[:space:]]|$),{path}\\1,g'\n\
         {}    # go get {own}@latest fails after that; tell its users",
        committed(&format!("Move to {path}"), tag)
    )
}

/// Returns the commands that add a go.mod.
fn init(module: &Module, revision: &str) -> String {
    let tagged = module.tagged();
    let (_, major) = split_major(module.path).unwrap_or((module.path, ""));
    let highest = tagged.iter().rfind(|version| matches_major(version, major));
    let tag = match highest {
        Some(version) if revision != "HEAD" => module.tag(&version.next()),
        _ => first_tag(module),
    };
    let commands = format!(
        "go mod init {} && go mod tidy && git add . && {}",
        module.path,
        committed("Add go.mod", &tag)
    );
    in_dir(&module.dir, &commands)
}

fn in_dir(dir: &str, commands: &str) -> String {
    if dir.is_empty() {
        return commands.to_owned();
    }
    format!("cd {} && {commands}", quoted(dir))
}

/// Returns the tag of a first version.
fn first_tag(module: &Module) -> String {
    let (_, major) = split_major(module.path).unwrap_or((module.path, ""));
    let version = match major.get(1..) {
        Some(major) => format!("{major}.0.0"),
        None => "v0.1.0".to_owned(),
    };
    joined(&module.dir, &version)
}

/// Quotes a word for a shell, if it needs quotes.
fn quoted(word: &str) -> String {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./+,".contains(&b);
    if word.bytes().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

fn shown_dir(dir: &str) -> &str {
    if dir.is_empty() { "the root" } else { dir }
}

/// Lists a few names, and the number of the others.
fn listed(names: &[String]) -> String {
    if names.len() <= MAX_NAMES {
        return names.join(", ");
    }
    let others = names.len() - MAX_NAMES;
    format!("{} and {others} more", names[..MAX_NAMES].join(", "))
}

/// Returns a path as a key of the file, without its host.
fn key(path: &str) -> &str {
    path.find('/').map_or("/", |slash| &path[slash..])
}

fn host(path: &str) -> &str {
    path.split('/').next().unwrap_or_default()
}

fn is_same(repo: &str, other: &str) -> bool {
    let plain = |repo: &str| {
        let repo = repo.trim_end_matches('/');
        repo.strip_suffix(".git").unwrap_or(repo).to_owned()
    };
    plain(repo) == plain(other)
}

#[cfg(test)]
mod tests;
