//! Findings about a repository, from git's output.

use super::{Code, Finding, Step, Target, plural};

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

/// The refs of a repository that Go uses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Refs {
    /// Whether the repository has a commit at HEAD.
    pub(super) has_head: bool,
    pub(super) tags: Vec<String>,
}

impl Refs {
    /// Parses the output of `git ls-remote`.
    pub(super) fn parse(output: &str) -> Self {
        let names = output
            .lines()
            .filter_map(|line| Some(line.split_once('\t')?.1));
        let mut refs = Self::default();
        for name in names {
            match name.strip_prefix("refs/tags/") {
                // A name with `^{}` is the commit of an annotated tag.
                Some(tag) if !tag.ends_with("^{}") => refs.tags.push(tag.to_owned()),
                Some(_) => {}
                None => refs.has_head |= name == "HEAD",
            }
        }
        refs
    }
}

/// Returns a finding for a repository that verify does not check.
pub(super) fn skipped(target: &Target) -> Option<Finding> {
    let scheme = target.repo.split("://").next().unwrap_or_default();
    let repo = &target.repo;
    let why = match target.vcs.as_str() {
        "mod" => format!(
            "{repo} is a module proxy; try it with: GOPROXY={repo} go list -m {}@latest",
            target.path
        ),
        "git" if scheme.contains("ssh") => {
            format!("{repo} uses ssh, which needs a user's key; try it with: git ls-remote {repo}")
        }
        "git" => return None,
        vcs => format!("{repo} uses {vcs}; only git repositories are checked"),
    };
    Some(Finding::skip(Step::Repository, why))
}

/// Reports a repository that git can read.
pub(super) fn found(refs: &Refs) -> Finding {
    let message = match (refs.has_head, refs.tags.len()) {
        (false, 0) => "readable, but empty".to_owned(),
        (_, count) => format!("readable, {}", plural(count, "tag")),
    };
    Finding::pass(Step::Repository, message)
}

/// Reports a repository that git cannot read.
pub(super) fn failed(repo: &str, error: &GitError) -> Finding {
    let stderr = match error {
        GitError::Missing => {
            let missing = "git is not installed, so repositories are not checked";
            let mut finding = Finding::skip(Step::Repository, missing);
            finding.code = Some(Code::GitMissing);
            return finding.fix("apt-get install git");
        }
        GitError::TimedOut(seconds) => {
            return Finding::fail(
                Step::Repository,
                Code::RepoUnreachable,
                format!("git got no response from {repo} within {seconds} s"),
            )
            .fix(format!("git ls-remote {repo}"));
        }
        GitError::Unreachable(why) => {
            return Finding::fail(Step::Repository, Code::RepoUnreachable, why)
                .fix(format!("git ls-remote {repo}"));
        }
        GitError::Failed(stderr) => stderr,
    };
    // The cause; other lines are progress and hints.
    let mut lines = stderr.lines().filter(|line| line.starts_with("fatal: "));
    let fatal = lines
        .next()
        .unwrap_or(stderr.lines().next().unwrap_or_default());
    let has = |words: &[&str]| words.iter().any(|word| stderr.contains(word));
    let (code, message, fix) = if has(&[
        "could not read Username",
        "Authentication failed",
        "error: 401",
        "error: 403",
    ]) {
        let also = match repo.contains("github.com/") || repo.contains("gitlab.com/") {
            true => " (or does not exist: this host asks for a password in both cases)",
            false => "",
        };
        (
            Code::RepoAuth,
            format!("{repo} is private{also}: only users with credentials can fetch it"),
            format!(
                "go env -w GOPRIVATE={}    # on each user's machine; see also https://go.dev/doc/faq#git_https",
                host_of(repo)
            ),
        )
    } else if has(&[
        "not found",
        "does not exist",
        "error: 404",
        "does not appear to be a git repository",
    ]) {
        (
            Code::RepoNotFound,
            format!("no repository at {repo}: it was moved, renamed or made private"),
            "repo: https://…    # the new URL, in vanity.yaml; then: systemctl reload govanityurls"
                .to_owned(),
        )
    } else {
        (
            Code::RepoUnreachable,
            format!("git cannot read {repo}"),
            format!("git ls-remote {repo}"),
        )
    };
    Finding::fail(Step::Repository, code, message)
        .go(fatal)
        .fix(fix)
}

fn host_of(repo: &str) -> &str {
    let rest = repo.split_once("://").map_or(repo, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::super::answer::tests::target;
    use super::*;

    #[test]
    fn reads_the_refs_that_go_reads() {
        let output = "1\tHEAD\n2\trefs/heads/main\n3\trefs/tags/v1.0.0\n4\trefs/tags/v1.0.0^{}\n\
                      5\trefs/pull/1/head\n6\trefs/tags/sub/v1.0.0\n";
        let refs = Refs::parse(output);
        assert!(refs.has_head);
        assert_eq!(refs.tags, ["v1.0.0", "sub/v1.0.0"]);
        assert_eq!(Refs::parse(""), Refs::default());
    }

    #[test]
    fn git_messages_map_to_faults() {
        let code = |said: &str| {
            failed("https://h.example/a", &GitError::Failed(said.into()))
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
        let missing = failed("https://h.example/a", &GitError::Missing);
        assert_eq!(
            (missing.status, missing.code),
            (Status::Skip, Some(Code::GitMissing))
        );
    }

    #[test]
    fn passwords_are_not_printed() {
        let said = "fatal: unable to access 'https://bob:hunter2@h.example/a/': no";
        let finding = failed(
            "https://bob:hunter2@h.example/a",
            &GitError::Failed(said.into()),
        );
        assert!(!format!("{finding:?}").contains("hunter2"), "{finding:?}");
    }

    #[test]
    fn skips_what_git_cannot_fetch_anonymously() {
        for (vcs, repo, is_skipped) in [
            ("git", "https://h.example/a", false),
            ("git", "git://h.example/a", false),
            ("git", "ssh://git@h.example/a", true),
            ("git", "git+ssh://git@h.example/a", true),
            ("hg", "https://h.example/a", true),
            ("mod", "https://h.example/a", true),
        ] {
            let target = Target {
                vcs: vcs.to_owned(),
                repo: repo.into(),
                ..target()
            };
            assert_eq!(skipped(&target).is_some(), is_skipped, "{repo}");
        }
    }
}
