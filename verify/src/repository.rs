//! Findings about a repository, from git's output.

use super::snapshot::Refs;
use super::{Code, Finding, Step, Target, plural};

/// What git says if a server wants a password.
const NEEDS_PASSWORD: [&str; 4] = [
    "could not read Username",
    "Authentication failed",
    "error: 401",
    "error: 403",
];
/// What git says if a server has no such repository.
const NOT_FOUND: [&str; 4] = [
    "not found",
    "does not exist",
    "error: 404",
    "does not appear to be a git repository",
];
/// Hosts that want a password for repositories that do not exist.
const HIDES: [&str; 3] = ["//github.com/", "//gitlab.com/", "//bitbucket.org/"];

/// Why git could not read a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum GitError {
    /// git is not installed.
    Missing,
    /// git exceeded its timeout, in seconds.
    TimedOut(u64),
    /// git failed with this error output.
    Failed(String),
    /// The repository's host cannot be reached, for this reason.
    Unreachable(String),
}

/// Returns the module proxy that Go reads instead of a repository.
pub(super) fn proxy(target: &Target) -> Option<&str> {
    if target.vcs == "mod" {
        return Some(&target.repo);
    }
    Some(target.proxy.as_str()).filter(|proxy| !proxy.is_empty())
}

/// Returns a finding for a repository that verify does not read.
pub(super) fn unread(target: &Target) -> Option<Finding> {
    let Target {
        repo, path, vcs, ..
    } = target;
    let scheme = repo.split("://").next().unwrap_or_default();
    match vcs.as_str() {
        "git" if scheme.contains("ssh") => {
            let message = format!(
                "{repo} uses ssh: only users whose key it accepts can fetch it, and no public proxy"
            );
            let finding = Finding::skip(Step::Repository, message);
            Some(finding.look(format!("git ls-remote {repo}")))
        }
        "git" => None,
        "hg" => {
            let message = format!("{repo} uses hg; only git repositories are checked");
            let finding = Finding::skip(Step::Repository, message);
            Some(finding.look(format!("hg identify {repo}")))
        }
        _ => {
            let message = format!(
                "{repo} uses {vcs}, but Go uses only git and hg for paths that are not in GOPRIVATE"
            );
            let finding = Finding::fail(Step::Repository, Code::VcsDisallowed, message)
                .look("go env GOPRIVATE GOVCS    # as each user has them");
            Some(finding.go(format!("GOVCS disallows using {vcs} for public {path}")))
        }
    }
}

/// Warns of a repository whose connection is not encrypted.
pub(super) fn insecure(target: &Target) -> Option<Finding> {
    let (scheme, rest) = target.repo.split_once("://")?;
    if scheme != "http" && scheme != "git" {
        return None;
    }
    let message = format!(
        "anyone on the way can change what {scheme}:// sends: Go 1.28 will refuse it, and \
         proxy.golang.org does not fetch it"
    );
    let finding = Finding::warn(Step::Repository, Code::RepoInsecure, message);
    Some(finding.look(format!("git ls-remote https://{rest}")))
}

/// Reports a repository that git can read.
pub(super) fn found(refs: &Refs) -> Finding {
    if refs.is_empty() {
        return Finding::pass(Step::Repository, "readable, but empty");
    }
    let tags = plural(refs.tags.len(), "tag");
    Finding::pass(Step::Repository, format!("readable, {tags}"))
}

/// Reports a repository that git cannot read, to one of its modules.
pub(super) fn failed(target: &Target, error: &GitError) -> Finding {
    let Target { repo, path, .. } = target;
    let look = format!("git ls-remote {repo}");
    let unreachable = |message: String| {
        Finding::fail(Step::Repository, Code::RepoUnreachable, message).look(&look)
    };
    let stderr = match error {
        GitError::Missing => {
            let missing = "git is not installed, so repositories are not checked";
            let mut finding = Finding::skip(Step::Repository, missing);
            finding.code = Some(Code::GitMissing);
            return finding.fix("apt-get install git");
        }
        GitError::TimedOut(seconds) => {
            return unreachable(format!("git did not read {repo} within {seconds} s"));
        }
        GitError::Unreachable(why) => return unreachable(why.clone()),
        GitError::Failed(stderr) => stderr,
    };
    // The cause; other lines are progress and hints.
    let mut lines = stderr.lines().filter(|line| line.starts_with("fatal: "));
    let first = stderr.lines().next().unwrap_or_default();
    let fatal = lines.next().unwrap_or(first);
    let has = |words: &[&str]| words.iter().any(|word| stderr.contains(word));
    let fail = |code, message: String| Finding::fail(Step::Repository, code, message).go(fatal);
    if has(&NEEDS_PASSWORD) {
        if HIDES.iter().any(|host| repo.contains(host)) {
            let message = format!(
                "{repo} is private or does not exist: this host asks for a password in both cases"
            );
            return fail(Code::RepoAuth, message).look(format!("{look}    # with your password"));
        }
        let message = format!("{repo} is private: only users with credentials can fetch it");
        return fail(Code::RepoAuth, message).fix(format!(
            "go env -w GOPRIVATE=$(go env GOPRIVATE),{path}    # each user; and a password for {} in ~/.netrc",
            host_of(repo)
        ));
    }
    if has(&NOT_FOUND) {
        let message = format!("no repository at {repo}: it was moved, renamed or made private");
        return fail(Code::RepoNotFound, message).look(look);
    }
    fail(Code::RepoUnreachable, format!("git cannot read {repo}")).look(&look)
}

fn host_of(repo: &str) -> &str {
    let rest = repo.split_once("://").map_or(repo, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::super::answer::tests::target;
    use super::*;

    #[test]
    fn git_messages_map_to_faults() {
        let code = |said: &str| {
            failed(&of("https://h.example/a"), &GitError::Failed(said.into()))
                .code
                .unwrap()
        };
        for (said, expected) in [
            (
                "fatal: could not read Username for 'https://h.example': terminal prompts disabled",
                Code::RepoAuth,
            ),
            (
                "fatal: unable to access 'https://h.example/a/': The requested URL returned error: 403",
                Code::RepoAuth,
            ),
            (
                "remote: Repository not found.\nfatal: repository 'https://h.example/a/' not found",
                Code::RepoNotFound,
            ),
            (
                "fatal: unable to access 'https://h.example/a/': Could not resolve host: h.example",
                Code::RepoUnreachable,
            ),
            ("", Code::RepoUnreachable),
        ] {
            assert_eq!(code(said), expected, "{said}");
        }
        let missing = failed(&of("https://h.example/a"), &GitError::Missing);
        assert_eq!(
            (missing.status, missing.code),
            (Status::Skip, Some(Code::GitMissing))
        );
    }

    #[test]
    fn passwords_are_not_printed() {
        let said = "fatal: unable to access 'https://bob:hunter2@h.example/a/': no";
        let target = of("https://bob:hunter2@h.example/a");
        let finding = failed(&target, &GitError::Failed(said.into()));
        assert!(!format!("{finding:?}").contains("hunter2"), "{finding:?}");
    }

    #[test]
    fn a_private_repository_keeps_the_list_of_its_users() {
        let said = GitError::Failed("fatal: could not read Username".into());
        let fix = failed(&of("https://h.example/a"), &said).fix.unwrap();
        assert!(
            fix.contains("GOPRIVATE=$(go env GOPRIVATE),a.example/m "),
            "{fix}"
        );
        let hidden = failed(&of("https://github.com/a/b"), &said);
        assert!(hidden.fix.is_none() && hidden.look.is_some());
    }

    #[test]
    fn other_systems_and_protocols_are_judged() {
        use Status::{Fail, Skip};
        for (vcs, repo, status) in [
            ("git", "https://h.example/a", None),
            ("git", "ssh://git@h.example/a", Some(Skip)),
            ("git", "git+ssh://git@h.example/a", Some(Skip)),
            ("hg", "https://h.example/a", Some(Skip)),
            ("svn", "https://h.example/a", Some(Fail)),
            ("bzr", "https://h.example/a", Some(Fail)),
            ("fossil", "https://h.example/a", Some(Fail)),
        ] {
            let target = Target {
                vcs: vcs.to_owned(),
                ..of(repo)
            };
            assert_eq!(unread(&target).map(|it| it.status), status, "{vcs} {repo}");
        }
        assert!(insecure(&of("http://h.example/a")).is_some());
        assert!(insecure(&of("git://h.example/a")).is_some());
        assert!(insecure(&of("https://h.example/a")).is_none());
    }

    fn of(repo: &str) -> Target {
        Target {
            repo: repo.to_owned(),
            ..target()
        }
    }
}
