//! Runs the checks of all hosts, modules and repositories concurrently.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::OnceCell;
use tokio::task::JoinSet;

use super::answer::{self, Response};
use super::client::{Client, NEW_AGENT, OLD_AGENT, lock};
use super::git::Git;
use super::progress::Progress;
use super::redirects::Url;
use super::report::{self, HostReport, ModuleReport};
use super::repository::{self, GitError, Refs};
use super::versions::{self, Plan};
use super::{Code, Finding, Options, Report, Status, Step, Target, public};

/// A package path that no module has.
const NO_PACKAGE: &str = "/no-such-package-govanityurls-verify";
/// Number of timeouts after which a host's other modules are skipped.
const MAX_TIMEOUTS: usize = 3;

/// Checks the targets until all are done or `stop` completes.
pub async fn walk(targets: Vec<Target>, options: &Options, stop: impl Future) -> Report {
    let mut hosts: Vec<String> = Vec::new();
    let mut host_of = Vec::with_capacity(targets.len());
    let mut known = HashMap::new();
    for target in &targets {
        let index = *known.entry(target.host.clone()).or_insert_with(|| {
            hosts.push(target.host.clone());
            hosts.len() - 1
        });
        host_of.push(index);
    }
    let walk = Arc::new(Walk {
        client: Client::new(hosts.clone(), options.connect.clone(), options.timeout),
        options: options.clone(),
        by_host: Mutex::new(vec![Vec::new(); hosts.len()]),
        timeouts: hosts.iter().map(|_| AtomicUsize::new(0)).collect(),
        by_module: Mutex::new(vec![Vec::new(); targets.len()]),
        latest: Mutex::new(vec![None; targets.len()]),
        reached: Mutex::default(),
        progress: Progress::new(options.progress, hosts.len() + targets.len()),
        hosts,
        host_of,
        targets,
    });
    let interrupted = tokio::select! {
        () = walk.clone().run() => false,
        _ = stop => true,
    };
    walk.progress.clear();
    let by_host = std::mem::take(&mut *lock(&walk.by_host));
    let by_module = std::mem::take(&mut *lock(&walk.by_module));
    let hosts = walk.hosts.iter().zip(by_host);
    let modules = walk.targets.iter().zip(&walk.host_of).zip(by_module);
    Report::new(
        hosts
            .map(|(name, findings)| HostReport {
                name: name.clone(),
                findings,
            })
            .collect(),
        modules
            .map(|((target, &host), findings)| ModuleReport {
                host,
                path: target.path.clone(),
                findings,
            })
            .collect(),
        interrupted,
    )
}

/// The result of connecting to a repository's host; an error is the reason.
type Reached = Arc<OnceCell<Result<(), String>>>;

struct Walk {
    client: Client,
    options: Options,
    targets: Vec<Target>,
    hosts: Vec<String>,
    /// The index of each target's host.
    host_of: Vec<usize>,
    by_host: Mutex<Vec<Vec<Finding>>>,
    by_module: Mutex<Vec<Vec<Finding>>>,
    /// The number of timeouts of each host.
    timeouts: Vec<AtomicUsize>,
    /// The latest version of each module in its repository.
    latest: Mutex<Vec<Option<String>>>,
    /// The repositories' hosts, by name and port.
    reached: Mutex<HashMap<(String, u16), Reached>>,
    progress: Progress,
}

impl Walk {
    async fn run(self: Arc<Self>) {
        let jobs = self.options.jobs;
        let this = &self;
        for_each_concurrent(jobs, this.hosts.len(), |index| this.clone().host(index)).await;
        // Check these again: another host may have sent the missing issuer's certificate.
        let is_unknown = |finding: &Finding| finding.code == Some(Code::TlsUnknownAuthority);
        let again: Vec<_> = (0..this.hosts.len())
            .filter(|&index| lock(&this.by_host)[index].iter().any(is_unknown))
            .collect();
        this.progress.add(again.len());
        for_each_concurrent(jobs, again.len(), |index| this.clone().host(again[index])).await;
        for_each_concurrent(jobs, this.targets.len(), |index| this.clone().module(index)).await;
        let answered = |index: &usize| self.has_usable_page(*index);
        let answered: Vec<_> = (0..self.targets.len()).filter(answered).collect();
        // Each repository is fetched once, for all its modules.
        let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for &index in &answered {
            let target = &self.targets[index];
            match repository::skipped(target) {
                Some(finding) => self.add(index, [finding]),
                None => groups.entry(target.repo.clone()).or_default().push(index),
            }
        }
        let groups: Arc<Vec<_>> = Arc::new(groups.into_iter().collect());
        this.progress.add(groups.len());
        for_each_concurrent(jobs, groups.len(), |index| {
            let (this, groups) = (this.clone(), groups.clone());
            async move {
                let (repo, members) = &groups[index];
                this.repository(repo, members).await;
                this.progress.done();
            }
        })
        .await;
        if self.options.public {
            for_each_concurrent(jobs, answered.len(), |index| {
                this.clone().public(answered[index])
            })
            .await;
        }
    }

    fn add(&self, module: usize, findings: impl IntoIterator<Item = Finding>) {
        lock(&self.by_module)[module].extend(findings);
    }

    async fn host(self: Arc<Self>, index: usize) {
        let findings = self.client.probe(&self.hosts[index]).await;
        lock(&self.by_host)[index] = findings;
        self.progress.done();
    }

    async fn module(self: Arc<Self>, index: usize) {
        let findings = self.answer(index).await;
        self.add(index, findings);
        self.progress.done();
    }

    async fn answer(&self, index: usize) -> Vec<Finding> {
        let target = &self.targets[index];
        let skip = |why: String| vec![Finding::skip(Step::Answer, why)];
        if target.pattern {
            let example = target.path.replace('*', "NAME");
            return skip(format!(
                "a pattern; to check a module of it, type: govanityurls verify {example}"
            ));
        }
        let host = self.host_of[index];
        let failed = lock(&self.by_host)[host]
            .iter()
            .find(|finding| finding.status == Status::Fail)
            .map(|finding| finding.step);
        if let Some(step) = failed {
            let step = report::name(step);
            return skip(format!("not checked: {} fails at step {step}", target.host));
        }
        if self.timeouts[host].load(Ordering::Relaxed) >= MAX_TIMEOUTS {
            return skip(format!(
                "not checked: {} does not respond in time",
                target.host
            ));
        }
        let mut findings = match self.client.get(Url::go_get(&target.path), NEW_AGENT).await {
            Ok(fetched) => answer::check(target, &fetched.hops, &fetched.response),
            Err(finding) => vec![finding],
        };
        if findings
            .iter()
            .any(|finding| finding.code == Some(Code::ConnectTimeout))
        {
            self.timeouts[host].fetch_add(1, Ordering::Relaxed);
        }
        if findings.last().is_some_and(is_usable_page) {
            if target.owns_subpackages || !target.below.is_empty() {
                findings.push(self.subpackage(target).await);
            } else {
                let why = "a pattern matches the paths directly below this module";
                findings.push(Finding::skip(Step::Subpackage, why));
            }
        }
        findings
    }

    async fn subpackage(&self, target: &Target) -> Finding {
        let below = match &*target.below {
            "" => NO_PACKAGE,
            below => below,
        };
        let url = Url::go_get(&format!("{}{below}", target.path));
        let mut responses: Vec<(&str, Option<Response>)> = Vec::new();
        for agent in [NEW_AGENT, OLD_AGENT] {
            let fetched = self.client.get(url.clone(), agent).await.ok();
            responses.push((agent, fetched.map(|fetched| fetched.response)));
        }
        answer::check_subpackage(target, below, &responses)
    }

    fn has_usable_page(&self, index: usize) -> bool {
        lock(&self.by_module)[index].iter().any(is_usable_page)
    }

    async fn repository(&self, repo: &str, members: &[usize]) {
        let to_all = |finding: &Finding| {
            for &index in members {
                self.add(index, [finding.clone()]);
            }
        };
        if let Err((why, is_first)) = self.reach(repo).await {
            to_all(&match is_first {
                true => repository::failed(repo, &GitError::Unreachable(why)),
                false => Finding::skip(Step::Repository, format!("not checked: {why}")),
            });
            return;
        }
        let Ok(dir) = tempfile::Builder::new().prefix("govanityurls-").tempdir() else {
            to_all(&Finding::skip(
                Step::Repository,
                "cannot create a temporary directory; set TMPDIR",
            ));
            return;
        };
        let git = Git {
            dir: dir.path(),
            repo,
            timeout: self.options.timeout,
        };
        let refs = match git.refs().await {
            Ok(refs) => refs,
            Err(error) => return to_all(&repository::failed(repo, &error)),
        };
        to_all(&repository::found(&refs));
        let objects = match self.objects(&git, &refs, members).await {
            Ok(objects) => objects,
            Err(error) => return to_all(&repository::failed(repo, &error)),
        };
        for &index in members {
            let target = &self.targets[index];
            let findings = versions::check(target, &refs, &objects);
            self.add(index, findings);
            lock(&self.latest)[index] = Plan::new(target, &refs).latest(target);
        }
    }

    /// Fetches and reads the objects that a repository's modules need.
    async fn objects(
        &self,
        git: &Git<'_>,
        refs: &Refs,
        members: &[usize],
    ) -> Result<HashMap<String, versions::Object>, GitError> {
        let (mut to_fetch, mut to_read) = (Vec::new(), Vec::new());
        for &index in members {
            let target = &self.targets[index];
            let plan = Plan::new(target, refs);
            to_fetch.extend(plan.refs());
            to_read.extend(plan.objects(target));
        }
        for list in [&mut to_fetch, &mut to_read] {
            list.sort();
            list.dedup();
        }
        to_fetch.retain(|name| name != "HEAD" || refs.has_head);
        if to_fetch.is_empty() {
            return Ok(HashMap::new());
        }
        git.fetch(&to_fetch).await?;
        git.read(&to_read).await
    }

    /// Connects to a repository's host, once per host. An error has the reason, and whether
    /// this call made the attempt.
    async fn reach(&self, repo: &str) -> Result<(), (String, bool)> {
        let url = repo.replacen("git://", "http://", 1);
        let Some(url) = Url::parse(&url) else {
            return Ok(());
        };
        let port = match repo.starts_with("git://") && !url.authority.contains(':') {
            true => 9418,
            false => url.port(),
        };
        // git uses the proxy and does not connect directly.
        let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let proxies = [
            "https_proxy",
            "HTTPS_PROXY",
            "http_proxy",
            "all_proxy",
            "ALL_PROXY",
        ];
        if proxies.iter().any(is_set) {
            return Ok(());
        }
        let key = (url.host().to_owned(), port);
        let cell = lock(&self.reached).entry(key).or_default().clone();
        let mut is_first = false;
        let result = cell.get_or_init(|| {
            is_first = true;
            self.client.reach(url.host(), port)
        });
        let result = result.await.clone();
        result.map_err(|why| (why, is_first))
    }

    async fn public(self: Arc<Self>, index: usize) {
        let target = &self.targets[index];
        let latest = lock(&self.latest)[index].clone();
        let mirror = public::mirror_url(&target.path);
        let documentation = format!("{}/{}", public::DOCUMENTATION, target.path);
        for url in [mirror, documentation] {
            let Some(parsed) = Url::parse(&url) else {
                continue;
            };
            let finding = match self.client.get(parsed, OLD_AGENT).await {
                Ok(fetched) if url.starts_with(public::MIRROR) => {
                    public::check_mirror(target, latest.as_deref(), &fetched.response)
                }
                Ok(fetched) => public::check_documentation(target, &fetched.response),
                Err(finding) => Finding::warn(Step::Public, Code::MirrorError, finding.message),
            };
            self.add(index, [finding]);
        }
    }
}

/// Returns whether a finding is about a page with a tag that Go can use.
fn is_usable_page(finding: &Finding) -> bool {
    finding.step == Step::Answer
        && (finding.status == Status::Pass || finding.code == Some(Code::TagDiffers))
}

/// Runs `job` for each index below `count`, at most `jobs` at a time.
async fn for_each_concurrent<F>(jobs: usize, count: usize, job: impl Fn(usize) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut running = JoinSet::new();
    for index in 0..count {
        if running.len() >= jobs {
            running.join_next().await;
        }
        running.spawn(job(index));
    }
    while running.join_next().await.is_some() {}
}
