//! Runs the checks of all hosts, modules and repositories concurrently.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::task::JoinSet;

use super::answer::{self, Response};
use super::client::{Client, NEW_AGENT, OLD_AGENT, lock};
use super::progress::Progress;
use super::redirects::Url;
use super::report::{self, HostReport, ModuleReport};
use super::repositories::Repositories;
use super::{Code, Finding, Options, Report, Status, Step, Target, repository};

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
        repositories: Repositories::new(options),
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
    repositories: Repositories,
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
                let targets: Vec<_> = members.iter().map(|&index| &this.targets[index]).collect();
                let repositories = &this.repositories;
                let findings = repositories.check(&this.client, repo, &targets).await;
                for (&index, findings) in members.iter().zip(findings) {
                    this.add(index, findings);
                }
                this.progress.done();
            }
        })
        .await;
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
