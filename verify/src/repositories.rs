//! Reads each repository once, for all its modules.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::OnceCell;

use super::client::{Client, lock};
use super::git::Git;
use super::redirects::Url;
use super::repository::{self, GitError, Refs};
use super::versions::{self, Object, Plan};
use super::{Finding, Options, Step, Target};

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
        let of_all = |finding: Finding| vec![vec![finding]; targets.len()];
        if let Err((why, is_first)) = self.reach(client, repo).await {
            return of_all(if is_first {
                repository::failed(repo, &GitError::Unreachable(why))
            } else {
                Finding::skip(Step::Repository, format!("not checked: {why}"))
            });
        }
        let Ok(dir) = tempfile::Builder::new().prefix("govanityurls-").tempdir() else {
            return of_all(Finding::skip(
                Step::Repository,
                "cannot create a temporary directory; set TMPDIR",
            ));
        };
        let git = Git {
            dir: dir.path(),
            repo,
            timeout: self.options.timeout,
        };
        let (refs, objects) = match read(&git, targets).await {
            Ok(read) => read,
            Err(error) => return of_all(repository::failed(repo, &error)),
        };
        let mut all = Vec::with_capacity(targets.len());
        for target in targets {
            let mut findings = vec![repository::found(&refs)];
            findings.extend(versions::check(target, &refs, &objects));
            all.push(findings);
        }
        all
    }

    /// Connects to a repository's host, once per host. An error has the reason, and whether
    /// this call made the attempt.
    async fn reach(&self, client: &Client, repo: &str) -> Result<(), (String, bool)> {
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
        let mut is_first = false;
        let result = cell.get_or_init(|| {
            is_first = true;
            client.reach(url.host(), port)
        });
        let result = result.await.clone();
        result.map_err(|why| (why, is_first))
    }
}

/// Reads the refs, and the objects that the repository's modules need.
async fn read(
    git: &Git<'_>,
    targets: &[&Target],
) -> Result<(Refs, HashMap<String, Object>), GitError> {
    let refs = git.refs().await?;
    let (mut to_fetch, mut to_read) = (Vec::new(), Vec::new());
    for target in targets {
        let plan = Plan::new(target, &refs);
        to_fetch.extend(plan.refs());
        to_read.extend(plan.objects(target));
    }
    for list in [&mut to_fetch, &mut to_read] {
        list.sort();
        list.dedup();
    }
    to_fetch.retain(|name| name != "HEAD" || refs.has_head);
    if to_fetch.is_empty() {
        return Ok((refs, HashMap::new()));
    }
    git.fetch(&to_fetch).await?;
    let objects = git.read(&to_read).await?;
    Ok((refs, objects))
}
