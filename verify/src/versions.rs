//! Finds the version that `go get` selects and checks its go.mod, like `Versions` and `findDir`
//! of cmd/go/internal/modfetch.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::repository::Refs;
use super::{Code, Finding, Step, Target, plural};

/// The error of `go get` if a module has no usable version.
const NO_VERSION: &str = "no matching versions for query \"upgrade\"";

/// A tag that Go accepts as a version: canonical, without `+build`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    numbers: [u64; 3],
    pre: String,
}

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('v')?;
        let (release, pre) = text
            .split_once('-')
            .map_or((text, None), |(a, b)| (a, Some(b)));
        let mut numbers = [0; 3];
        let mut parts = release.split('.');
        for number in &mut numbers {
            let part = parts.next()?;
            let canonical = part == "0" || !part.starts_with('0');
            let digits = part.bytes().all(|b| b.is_ascii_digit());
            *number = part.parse().ok().filter(|_| canonical && digits)?;
        }
        let is_identifier = |part: &str| {
            let number = part.bytes().all(|b| b.is_ascii_digit());
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !(number && part.len() > 1 && part.starts_with('0'))
        };
        let is_valid =
            parts.next().is_none() && pre.is_none_or(|pre| pre.split('.').all(is_identifier));
        is_valid.then(|| Self {
            numbers,
            pre: pre.unwrap_or_default().to_owned(),
        })
    }

    fn major(&self) -> u64 {
        self.numbers[0]
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        // Numbers sort before words, and fewer identifiers before more.
        let identifiers = |pre: &str| -> Vec<(bool, u64, String)> {
            let parts = pre.split('.').map(|part| match part.parse() {
                Ok(number) => (false, number, String::new()),
                Err(_) => (true, 0, part.to_owned()),
            });
            parts.collect()
        };
        let by_pre = || match (self.pre.is_empty(), other.pre.is_empty()) {
            (false, false) => identifiers(&self.pre).cmp(&identifiers(&other.pre)),
            (a, b) => a.cmp(&b),
        };
        self.numbers.cmp(&other.numbers).then_with(by_pre)
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Splits off the major version at the end of a module path: `/v2`, or `.v2` on gopkg.in.
fn split_major(path: &str) -> (&str, Option<u64>) {
    let stem = path.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = path[stem.len()..].parse().ok();
    let prefix = if path.starts_with("gopkg.in/") {
        stem.strip_suffix(".v")
    } else {
        stem.strip_suffix("/v")
    };
    match (prefix, number) {
        (Some(prefix), Some(number)) => (prefix, Some(number)),
        _ => (path, None),
    }
}

/// The tags of a repository that matter for a module.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// The tag of the version that `go get` selects, or HEAD.
    pub(super) chosen: String,
    /// The highest tag whose major version needs another module path, and that major version.
    pub(super) higher: Option<(String, u64)>,
    /// The number of the module's versions.
    count: usize,
}

impl Plan {
    /// Selects the version like `@latest`: the highest release, else the highest pre-release,
    /// else HEAD.
    pub(super) fn new(target: &Target, refs: &Refs) -> Self {
        let prefix = match &*target.subdir {
            "" => String::new(),
            subdir => format!("{}/", subdir.trim_end_matches('/')),
        };
        let major = split_major(&target.path).1;
        let mut versions: Vec<(Version, &str)> = refs
            .tags
            .iter()
            .filter_map(|tag| Some((Version::parse(tag.strip_prefix(&prefix)?)?, tag.as_str())))
            .collect();
        versions.sort();
        let is_own = |version: &Version| match major {
            Some(major) => version.major() == major,
            None => version.major() < 2,
        };
        let own = || versions.iter().filter(|(version, _)| is_own(version));
        let mut releases = own().filter(|(version, _)| version.pre.is_empty());
        let chosen = releases.next_back().or_else(|| own().next_back());
        let higher = versions
            .last()
            .filter(|(version, _)| major.is_none() && version.major() > 1);
        Self {
            chosen: chosen.map_or("HEAD", |(_, tag)| tag).to_owned(),
            higher: higher.map(|(version, tag)| ((*tag).to_owned(), version.major())),
            count: own().count(),
        }
    }

    /// Returns the refs to fetch.
    pub(super) fn refs(&self) -> Vec<String> {
        let of = |tag: &str| match tag {
            "HEAD" => "HEAD".to_owned(),
            tag => format!("refs/tags/{tag}"),
        };
        let higher = self.higher.iter().map(|(tag, _)| of(tag));
        [of(&self.chosen)].into_iter().chain(higher).collect()
    }

    /// Returns the names of the objects to read after the fetch.
    pub(super) fn objects(&self, target: &Target) -> Vec<String> {
        let own = object(&self.chosen, target, "go.mod");
        let mut objects = vec![own];
        if !target.subdir.is_empty() {
            objects.push(format!("{}:{}", at(&self.chosen), target.subdir));
        }
        if let Some((tag, major)) = &self.higher {
            objects.push(object(tag, target, "go.mod"));
            objects.push(object(tag, target, &format!("v{major}/go.mod")));
        }
        objects
    }
}

/// Returns the local ref of a fetched tag.
fn at(tag: &str) -> String {
    match tag {
        "HEAD" => "refs/fetched/HEAD".to_owned(),
        tag => format!("refs/fetched/refs/tags/{tag}"),
    }
}

fn object(tag: &str, target: &Target, file: &str) -> String {
    let slash = if target.subdir.is_empty() { "" } else { "/" };
    let subdir = target.subdir.trim_end_matches('/');
    format!("{}:{subdir}{slash}{file}", at(tag))
}

/// An object of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Object {
    File(String),
    Directory,
}

/// Checks the tags and go.mod of a module. `objects` has the contents of `Plan::objects`.
pub(super) fn check(
    target: &Target,
    refs: &Refs,
    objects: &HashMap<String, Object>,
) -> Vec<Finding> {
    let path = &target.path;
    if !refs.has_head && refs.tags.is_empty() {
        let message = format!("{} has no commits", target.repo);
        return vec![
            Finding::fail(Step::Versions, Code::NoVersions, message)
                .go(NO_VERSION)
                .fix("git push origin HEAD"),
        ];
    }
    let plan = Plan::new(target, refs);
    let file = |name: String| match objects.get(&name) {
        Some(Object::File(text)) => Some(text.as_str()),
        _ => None,
    };
    let go_mod = file(object(&plan.chosen, target, "go.mod"));
    let has_subdir = || objects.contains_key(&format!("{}:{}", at(&plan.chosen), target.subdir));
    let mut findings = Vec::new();

    // The module path in the go.mod of the higher major version.
    let higher = plan.higher.as_ref().and_then(|(tag, major)| {
        let files = [format!("v{major}/go.mod"), "go.mod".to_owned()];
        let paths = files.map(|name| file(object(tag, target, &name)).map(module_path));
        let expected = format!("{path}/v{major}");
        let has_suffix = paths.iter().flatten().any(|path| *path == expected);
        let any = paths.into_iter().flatten().next();
        Some((tag, major, has_suffix, any?))
    });
    if let Some((tag, major, false, own)) = &higher
        && own == path
    {
        findings.push(
            Finding::warn(
                Step::Versions,
                Code::MajorVersionMismatch,
                format!(
                    "Go ignores {tag}: its go.mod says module {path}, but the path of major version \
                     {major} must end in /v{major}"
                ),
            )
            .go(format!(
                "module contains a go.mod file, so module path must match major version \
                 (\"{path}/v{major}\")"
            ))
            .fix(format!("module {path}/v{major}    # in go.mod, before the next tag")),
        );
    }
    // A repository with only v2 and later versions is valid under that path.
    if let Some((tag, major, true, _)) = &higher
        && plan.count == 0
    {
        let message = format!("{tag}, as {path}/v{major}");
        findings.push(Finding::pass(Step::Versions, message));
        return findings;
    }

    let revision = &plan.chosen;
    match go_mod.map(module_path) {
        None if !target.subdir.is_empty() => {
            let subdir = &target.subdir;
            let (message, fix) = match has_subdir() {
                true => (
                    format!("{subdir} has no go.mod at {revision}"),
                    format!("cd {subdir} && go mod init {path}"),
                ),
                false => (
                    format!("the repository has no directory {subdir} at {revision}"),
                    "subdir: …    # in vanity.yaml: the directory of go.mod; no subdir for the root"
                        .to_owned(),
                ),
            };
            let missing = Finding::fail(Step::Versions, Code::SubdirMissing, message);
            findings.push(missing.go(NO_VERSION).fix(fix));
            return findings;
        }
        None if split_major(path)
            .1
            .is_none_or(|_| path.starts_with("gopkg.in/")) =>
        {
            findings.push(
                Finding::warn(
                    Step::Versions,
                    Code::ModulePathMismatch,
                    format!("no go.mod at {revision}: Go generates one, without requirements"),
                )
                .fix(format!("go mod init {path} && go mod tidy")),
            )
        }
        None => {
            let message = format!("no go.mod at {revision}, but {path} needs one");
            findings.push(
                Finding::fail(Step::Versions, Code::ModulePathMismatch, message)
                    .fix(format!("go mod init {path} && go mod tidy")),
            );
            return findings;
        }
        Some(own) if own != *path => {
            findings.push(mismatch(target, revision, &own, go_mod.unwrap_or_default()));
            return findings;
        }
        Some(_) => {}
    }
    if plan.count > 0 {
        let shown = format!("{revision}, {}", plural(plan.count, "version"));
        findings.push(Finding::pass(Step::Versions, shown));
    } else if findings
        .iter()
        .all(|finding| finding.code != Some(Code::MajorVersionMismatch))
    {
        findings.push(no_versions(target, refs));
    }
    findings
}

/// Reports a go.mod with another module path.
fn mismatch(target: &Target, revision: &str, own: &str, go_mod: &str) -> Finding {
    let path = &target.path;
    let (own_stem, own_major) = split_major(own);
    let fail = |message: String| {
        Finding::fail(Step::Versions, Code::ModulePathMismatch, message)
            .fix(format!("module {path}    # in go.mod; then push a new tag"))
    };
    if own.is_empty() {
        let start: String = go_mod.chars().take(40).collect();
        return fail(format!("go.mod at {revision} has no module line: {start}"))
            .go("is missing module path");
    }
    // Go compares the major version first.
    if own_major.unwrap_or(1).max(1) != split_major(path).1.unwrap_or(1).max(1) {
        let message = format!("go.mod at {revision} says module {own}");
        return match own_stem == path {
            true => fail(format!("{message}, but no tag has that major version")).fix(format!(
                "git tag v{0}.0.0 && git push origin v{0}.0.0",
                own_major.unwrap_or(2)
            )),
            false => fail(message),
        };
    }
    fail(format!(
        "go.mod at {revision} says module {own}: the go command rejects it as {path}"
    ))
    .go(format!("module declares its path as: {own}"))
}

/// Reports a module without versions.
fn no_versions(target: &Target, refs: &Refs) -> Finding {
    let major = split_major(&target.path).1.unwrap_or(0);
    let subdir = target.subdir.trim_end_matches('/');
    let others = refs
        .tags
        .iter()
        .filter(|tag| Version::parse(tag).is_some())
        .count();
    let (tag, why) = match subdir {
        "" if !refs.tags.is_empty() => {
            let mut tags = refs.tags.iter();
            let example = tags.find(|tag| !tag.contains('/')).or(refs.tags.first());
            let example = example.map_or("", String::as_str);
            (
                format!("v{major}.1.0"),
                format!("no tag is a version like v1.2.3 (one tag is {example})"),
            )
        }
        "" => (
            format!("v{major}.1.0"),
            "the repository has no tags".to_owned(),
        ),
        _ if others > 0 => (
            format!("{subdir}/v{major}.1.0"),
            format!(
                "no tag begins with {subdir}/ (the root has {})",
                plural(others, "version")
            ),
        ),
        _ => (
            format!("{subdir}/v{major}.1.0"),
            format!("no tag begins with {subdir}/"),
        ),
    };
    Finding::warn(
        Step::Versions,
        Code::NoVersions,
        format!("{why}: users get a pseudo-version of the last commit"),
    )
    .fix(format!("git tag {tag} && git push origin {tag}"))
}

/// Returns the path in the first module line or an empty string, like `ModulePath` of
/// golang.org/x/mod/modfile.
fn module_path(go_mod: &str) -> String {
    for line in go_mod.lines() {
        let line = line.split("//").next().unwrap_or_default().trim();
        let Some(rest) = line.strip_prefix("module") else {
            continue;
        };
        let path = rest.trim();
        if path.is_empty() || path.len() == rest.len() {
            continue;
        }
        let unquote = |quote| path.strip_prefix(quote)?.strip_suffix(quote);
        return unquote('"')
            .or_else(|| unquote('`'))
            .unwrap_or(path)
            .to_owned();
    }
    String::new()
}

#[cfg(test)]
mod tests;
