//! Reads each repository once, for all its modules.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use tokio::sync::OnceCell;

use super::client::{Client, lock};
use super::git::Git;
use super::redirects::Url;
use super::repository::{self, GitError};
use super::snapshot::{Refs, Snapshot, Unread};
use super::versions::{Repository, first_revisions};
use super::{Finding, Options, Step, Target, proxy};

/// Variables with the proxy that git uses.
const PROXIES: [&str; 5] = [
    "https_proxy",
    "HTTPS_PROXY",
    "http_proxy",
    "all_proxy",
    "ALL_PROXY",
];

/// The result of connecting to a repository's host; an error is the reason.
type Reached = Arc<OnceCell<Result<(), String>>>;

/// What the checks of all repositories share.
pub(super) struct Repositories {
    options: Options,
    /// The repositories' hosts, by name and port.
    reached: Mutex<HashMap<(String, u16), Reached>>,
}

impl Repositories {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            options: options.clone(),
            reached: Mutex::default(),
        }
    }

    /// Checks a repository, and what it has of each of its modules; returns the findings of each.
    pub(super) async fn check(
        &self,
        client: &Client,
        repo: &str,
        targets: &[&Target],
    ) -> Vec<Vec<Finding>> {
        let mut all = vec![Vec::new(); targets.len()];
        let mut by_git = Vec::new();
        for (index, target) in targets.iter().enumerate() {
            if let Some(proxy) = repository::proxy(target) {
                all[index].push(proxy::check(client, target, proxy).await);
            } else if let Some(finding) = repository::unread(target) {
                all[index].push(finding);
            } else {
                by_git.push(index);
            }
        }
        let members: Vec<&Target> = by_git.iter().map(|&index| targets[index]).collect();
        if !members.is_empty() {
            let found = self.check_by_git(client, repo, &members).await;
            for (index, findings) in by_git.into_iter().zip(found) {
                all[index] = findings;
            }
        }
        all
    }

    async fn check_by_git(
        &self,
        client: &Client,
        repo: &str,
        targets: &[&Target],
    ) -> Vec<Vec<Finding>> {
        let failed = |error: &GitError| {
            let findings = targets
                .iter()
                .map(|target| repository::failed(target, error));
            findings.map(|finding| vec![finding]).collect()
        };
        if let Err(why) = self.reach(client, repo).await {
            return failed(&GitError::Unreachable(why));
        }
        let Ok(mut git) = Git::new(repo, self.options.timeout) else {
            let why = "cannot create a temporary directory; set TMPDIR";
            return vec![vec![Finding::skip(Step::Repository, why)]; targets.len()];
        };
        let refs = match git.refs().await {
            Ok(refs) => refs,
            Err(error) => return failed(&error),
        };
        let found = repository::found(&refs);
        let found = match self.read(&mut git, refs, targets).await {
            Ok(all) => all
                .into_iter()
                .map(|own| [vec![found.clone()], own].concat()),
            Err(error) => return failed(&error),
        };
        let mut all: Vec<Vec<Finding>> = found.collect();
        for (target, findings) in targets.iter().zip(&mut all) {
            findings.extend(repository::insecure(target));
        }
        all
    }

    /// Reads what the checks of the repository's modules need, and returns their findings.
    async fn read(
        &self,
        git: &mut Git,
        refs: Refs,
        targets: &[&Target],
    ) -> Result<Vec<Vec<Finding>>, GitError> {
        let mut unread: BTreeSet<String> = first_revisions(&refs).into_iter().collect();
        let mut snapshot = Snapshot {
            refs,
            ..Snapshot::default()
        };
        loop {
            git.read(&mut snapshot, &unread).await?;
            unread.clear();
            let file = self.options.file.as_ref();
            let file = file.map_or(&[][..], |file| &file.modules);
            let repository = match Repository::new(&snapshot, file) {
                Ok(repository) => repository,
                Err(Unread(names)) => {
                    unread.extend(names);
                    continue;
                }
            };
            let mut all = Vec::with_capacity(targets.len());
            for target in targets {
                match repository.check(target) {
                    Ok(findings) => all.push(findings),
                    Err(Unread(names)) => unread.extend(names),
                }
            }
            if unread.is_empty() {
                return Ok(all);
            }
        }
    }

    /// Connects to a repository's host, once per host. An error has the reason.
    async fn reach(&self, client: &Client, repo: &str) -> Result<(), String> {
        let url = repo.replacen("git://", "http://", 1);
        let Some(url) = Url::parse(&url) else {
            return Ok(());
        };
        let port = if repo.starts_with("git://") && !url.authority.contains(':') {
            9418
        } else {
            url.port()
        };
        // git uses the proxy and does not connect directly.
        let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        if PROXIES.iter().any(is_set) {
            return Ok(());
        }
        let key = (url.host().to_owned(), port);
        let cell = lock(&self.reached).entry(key).or_default().clone();
        let result = cell.get_or_init(|| client.reach(url.host(), port));
        result.await.clone()
    }
}
