//! Runs the checks of all hosts, modules and repositories concurrently.

use std::collections::{BTreeMap, HashMap};
use std::io::{Write as _, stderr};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::sync::OnceCell;

use super::answer::{self, Fetched};
use super::client::{Client, NEW_AGENT, OLD_AGENT, lock};
use super::redirects::Url;
use super::report::{HostReport, ModuleReport};
use super::repositories::Repositories;
use super::tags::GoImport;
use super::{Code, Finding, Options, Report, Status, Step, Target, repository};

/// A package path that no module has.
const NO_PACKAGE: &str = "/no-such-package-govanityurls-verify";
/// Number of timeouts after which a host's other modules are skipped.
const MAX_TIMEOUTS: usize = 3;
/// Minimum time between two lines of progress.
const INTERVAL: Duration = Duration::from_millis(100);

/// Checks the targets until all are done or `stop` completes.
pub async fn walk(targets: Vec<Target>, options: &Options, stop: impl Future) -> Report {
    let walk = Walk::new(targets, options);
    let interrupted = tokio::select! {
        () = walk.run() => false,
        _ = stop => true,
    };
    walk.progress.clear();
    walk.report(interrupted)
}

struct Walk {
    client: Client,
    options: Options,
    hosts: Vec<Host>,
    modules: Vec<Module>,
    repositories: Repositories,
    progress: Progress,
}

struct Host {
    name: String,
    /// The addresses that can be asked for pages; empty if the host fails.
    reached: OnceCell<Vec<SocketAddr>>,
    findings: Mutex<Vec<Finding>>,
    /// The number of pages that timed out.
    timeouts: AtomicUsize,
}

struct Module {
    target: Target,
    /// The index of its host.
    host: usize,
    checked: Mutex<Checked>,
}

/// What is known of a module so far.
#[derive(Default)]
struct Checked {
    findings: Vec<Finding>,
    /// Whether its page was not requested, because its host fails.
    is_skipped: bool,
    /// What Go fetches: the target, or what the page's tag says in place of it.
    fetches: Option<Target>,
}

impl Walk {
    fn new(targets: Vec<Target>, options: &Options) -> Self {
        let mut hosts: Vec<Host> = Vec::new();
        let mut known: HashMap<String, usize> = HashMap::new();
        let mut modules = Vec::with_capacity(targets.len());
        for target in targets {
            let host = *known.entry(target.host.clone()).or_insert_with(|| {
                hosts.push(Host {
                    name: target.host.clone(),
                    reached: OnceCell::new(),
                    findings: Mutex::default(),
                    timeouts: AtomicUsize::new(0),
                });
                hosts.len() - 1
            });
            modules.push(Module {
                target,
                host,
                checked: Mutex::default(),
            });
        }
        let names = hosts.iter().map(|host| host.name.clone()).collect();
        Self {
            client: Client::new(names, options),
            options: options.clone(),
            repositories: Repositories::new(options),
            progress: Progress::new(options.progress, modules.len()),
            hosts,
            modules,
        }
    }

    async fn run(&self) {
        let jobs = self.options.jobs;
        stream::iter(&self.modules)
            .for_each_concurrent(jobs, async |module| {
                self.module(module).await;
                self.progress.done();
            })
            .await;
        // Check these again: another host may have sent the missing issuer's certificate.
        let unknown = Some(Code::TlsUnknownAuthority);
        for host in &self.hosts {
            if lock(&host.findings).iter().any(|it| it.code == unknown) {
                let probe = self.client.probe(&host.name).await;
                *lock(&host.findings) = probe.findings;
            }
        }
        // Each repository is fetched once, for all its modules.
        let mut groups: BTreeMap<String, Vec<(&Module, Target)>> = BTreeMap::new();
        for module in &self.modules {
            let Some(target) = lock(&module.checked).fetches.take() else {
                continue;
            };
            let key = if repository::proxy(&target).is_some() {
                target.path.clone()
            } else {
                target.repo.clone()
            };
            groups.entry(key).or_default().push((module, target));
        }
        self.progress.add(groups.len());
        stream::iter(groups)
            .for_each_concurrent(jobs, async |(repo, members)| {
                let targets: Vec<_> = members.iter().map(|(_, target)| target).collect();
                let all = self.repositories.check(&self.client, &repo, &targets).await;
                for ((module, _), mut findings) in members.iter().zip(all) {
                    let checked = &mut lock(&module.checked).findings;
                    if checked.iter().any(|it| it.code == Some(Code::TagDiffers)) {
                        let url = Url::go_get(&module.target.path);
                        for finding in findings.iter_mut().filter(|it| it.fix.is_some()) {
                            finding.fix = None;
                            finding.look = Some(format!(
                                "curl -s '{url}' | grep go-import    # this tag has to change first"
                            ));
                        }
                    }
                    checked.extend(findings);
                }
                self.progress.done();
            })
            .await;
    }

    async fn module(&self, module: &Module) {
        let (target, host) = (&module.target, &self.hosts[module.host]);
        if target.pattern {
            let flags = self.options.file.as_ref().map_or("", |file| &file.flags);
            let example = target.path.replace('*', "NAME");
            let why = format!(
                "a pattern; to check a module of it, type: govanityurls verify {example} {flags}"
            );
            lock(&module.checked).findings = vec![Finding::skip(Step::Answer, why)];
            return;
        }
        let reached = host.reached.get_or_init(async || {
            let probe = self.client.probe(&host.name).await;
            *lock(&host.findings) = probe.findings;
            probe.reached
        });
        let reached = reached.await;
        let why = if reached.is_empty() {
            "the host's own checks do not pass"
        } else if host.timeouts.load(Ordering::Relaxed) >= MAX_TIMEOUTS {
            "the host does not respond in time"
        } else {
            let checked = self.pages(target, reached).await;
            let timeout = Some(Code::ConnectTimeout);
            if checked
                .findings
                .iter()
                .any(|it| it.code == timeout && it.status == Status::Fail)
            {
                host.timeouts.fetch_add(1, Ordering::Relaxed);
            }
            *lock(&module.checked) = checked;
            return;
        };
        *lock(&module.checked) = Checked {
            findings: vec![Finding::skip(Step::Answer, format!("not checked: {why}"))],
            is_skipped: true,
            fetches: None,
        };
    }

    /// Requests a module's page from each address of its host. Findings that not all addresses
    /// have name the address.
    async fn pages(&self, target: &Target, addresses: &[SocketAddr]) -> Checked {
        let mut all = Vec::with_capacity(addresses.len());
        let mut checked = Checked::default();
        for &addr in addresses {
            let (findings, fetches) = self.page(target, addr).await;
            all.push((addr, findings));
            checked.fetches = checked.fetches.or(fetches);
        }
        for (addr, findings) in &all {
            for finding in findings {
                let is_common = all.iter().all(|(_, others)| others.contains(finding));
                if !is_common {
                    checked.findings.push(finding.clone().at(&[*addr]));
                } else if !checked.findings.contains(finding) {
                    checked.findings.push(finding.clone());
                }
            }
        }
        checked
    }

    /// Requests a module's page, and a path below it, from one address.
    async fn page(&self, target: &Target, addr: SocketAddr) -> (Vec<Finding>, Option<Target>) {
        let file = self.options.file.as_ref();
        let fetched = match self.get(&target.path, NEW_AGENT, addr).await {
            Ok(fetched) => fetched,
            Err(finding) => return (vec![finding], None),
        };
        let mut page = answer::check(target, file, &fetched);
        let Some(tag) = page.tag else {
            if page.findings.iter().any(|it| it.status == Status::Fail)
                && let Ok(old) = self.get(&target.path, OLD_AGENT, addr).await
                && answer::check(target, file, &old).tag.is_some()
            {
                page.findings = vec![answer::filtered(target, &fetched.response)];
            }
            return (page.findings, None);
        };
        let mut findings = page.findings;
        if fetched.response.took > self.options.timeout {
            findings.push(answer::slow(target, &fetched.response));
        }
        if tag.prefix != target.path {
            match self.get(&tag.prefix, NEW_AGENT, addr).await {
                Ok(prefix) => {
                    if let Some(finding) = answer::check_prefix(target, &tag, &prefix.response) {
                        findings.push(finding);
                        return (findings, None);
                    }
                }
                Err(finding) => {
                    findings.push(finding);
                    return (findings, None);
                }
            }
        }
        let fetches = if findings.iter().any(|it| it.code == Some(Code::TagDiffers)) {
            fetched_by(target, &tag)
        } else if file.is_none() {
            module_of(target, &tag)
        } else {
            target.clone()
        };
        if file.is_some() && !target.owns_subpackages && target.below.is_empty() {
            let why = "a pattern matches the paths directly below this module";
            findings.push(Finding::skip(Step::Subpackage, why));
        } else {
            let is_file = fetched.response.is_file();
            findings.push(self.subpackage(&fetches, is_file, addr).await);
        }
        (findings, Some(fetches))
    }

    async fn subpackage(&self, target: &Target, is_file: bool, addr: SocketAddr) -> Finding {
        let below = match &*target.below {
            "" => NO_PACKAGE,
            below => below,
        };
        let path = format!("{}{below}", target.path);
        let mut responses = Vec::new();
        for agent in [NEW_AGENT, OLD_AGENT] {
            let fetched = self.get(&path, agent, addr).await.ok();
            responses.push((agent, fetched.map(|fetched| fetched.response)));
        }
        let file = self.options.file.as_ref();
        answer::check_subpackage(target, file, below, is_file, &responses)
    }

    async fn get(&self, path: &str, agent: &str, addr: SocketAddr) -> Result<Fetched, Finding> {
        self.client
            .get_at(Url::go_get(path), agent, Some(addr))
            .await
    }

    fn report(self, interrupted: bool) -> Report {
        let hosts = self.hosts.into_iter().map(|host| HostReport {
            name: host.name,
            findings: host.findings.into_inner().unwrap_or_default(),
        });
        let modules = self.modules.into_iter().map(|module| {
            let checked = module.checked.into_inner().unwrap_or_default();
            ModuleReport {
                host: module.host,
                path: module.target.path,
                findings: checked.findings,
                is_skipped: checked.is_skipped,
            }
        });
        Report::new(
            hosts.collect(),
            modules.collect(),
            interrupted,
            self.options.file.is_some(),
        )
    }
}

/// Returns what Go fetches for a module whose tag is not that of the file.
fn fetched_by(target: &Target, tag: &GoImport) -> Target {
    let below = target.path.strip_prefix(&tag.prefix).unwrap_or_default();
    let subdir = format!("{}{below}", tag.subdir);
    Target {
        vcs: tag.vcs.clone(),
        repo: tag.repo.clone(),
        subdir: subdir.trim_matches('/').to_owned(),
        proxy: String::new(),
        ..target.clone()
    }
}

/// Returns the module of a tag, for a path that may be one of its packages.
fn module_of(target: &Target, tag: &GoImport) -> Target {
    let below = target.path.strip_prefix(&tag.prefix).unwrap_or_default();
    Target {
        path: tag.prefix.clone(),
        below: below.to_owned(),
        vcs: tag.vcs.clone(),
        repo: tag.repo.clone(),
        subdir: tag.subdir.clone(),
        ..target.clone()
    }
}

/// A line on standard error that says how many checks are done. The crates for this link libm,
/// which would add to the server's memory.
struct Progress {
    is_shown: bool,
    counts: Mutex<Counts>,
}

struct Counts {
    done: usize,
    all: usize,
    drawn: Instant,
}

impl Progress {
    fn new(is_shown: bool, all: usize) -> Self {
        Self {
            is_shown,
            counts: Mutex::new(Counts {
                done: 0,
                all,
                drawn: Instant::now(),
            }),
        }
    }

    /// Raises the number of checks to do.
    fn add(&self, count: usize) {
        lock(&self.counts).all += count;
    }

    /// Counts a check as done.
    fn done(&self) {
        let mut counts = lock(&self.counts);
        counts.done += 1;
        if self.is_shown && counts.drawn.elapsed() >= INTERVAL {
            counts.drawn = Instant::now();
            // Write errors are ignored: there is nowhere to report them.
            let _ = write!(stderr(), "\r{} of {} checks", counts.done, counts.all);
        }
    }

    /// Removes the line.
    fn clear(&self) {
        if self.is_shown {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}
