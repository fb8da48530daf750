//! Compares the verdicts of `govanityurls verify` with real go commands, on random repositories and
//! random sites.
//!
//! The cases are those of a fixed seed. `VERIFY_SEED` takes another, `VERIFY_CASES` another number
//! of cases, `VERIFY_KIND` those of them with a label that contains this text, and `VERIFY_ONLY` a
//! single case by its number. With `VERIFY_PRINT`, agreements are printed too:
//!
//!     VERIFY_SEED=7 cargo test --test it verify_agrees -- --ignored --nocapture

mod cases;
mod exceptions;
mod proxies;
mod random;
mod repositories;
mod server;
mod sites;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::{env, fs, thread};

use serde_json::Value;

use super::internet::certificate;
use crate::lab::{Go, Lab, enter, run};
use crate::support::program;
use cases::{Case, Module};

const SEED: u64 = 2012;
const CASES: usize = 300;
/// Go commands that run at the same time.
const JOBS: usize = 4;

#[test]
#[ignore = "needs git, go and openssl; tests/run runs it"]
fn verify_agrees_with_go() {
    enter(|lab| {
        let seed = variable("VERIFY_SEED").unwrap_or(SEED);
        let count = variable("VERIFY_CASES").unwrap_or(CASES);
        let numbers: Vec<usize> = match variable("VERIFY_ONLY") {
            Some(number) => vec![number],
            None => (0..count).collect(),
        };
        let mut cases: Vec<Case> = numbers.iter().map(|&n| Case::draw(seed, n)).collect();
        if let Ok(kind) = env::var("VERIFY_KIND") {
            cases.retain(|case| case.labels.iter().any(|label| label.contains(&kind)));
        }
        let pages = prepare(&lab, &cases);
        let names =
            "subjectAltName=DNS:*.site.example,DNS:git.example,DNS:dumb.example,DNS:proxy.example";
        certificate(&lab, "sites", "ca", names, None);
        resolver(&lab);
        server::start(
            &lab.dir().join("certs/sites"),
            &lab.dir().join("repos"),
            pages,
        );

        let checks = verify(&lab, &cases);
        let judged = judge(&lab, &cases);
        let mut report = String::new();
        let mut counts = BTreeMap::<String, usize>::new();
        let mut unexpected = 0;
        for (case, judged) in cases.iter().zip(&judged) {
            for (module, outcomes) in case.modules.iter().zip(judged) {
                let found = findings(&checks, module);
                let verdict = if fails(outcomes) {
                    "go get fails"
                } else {
                    "go get works"
                };
                *counts.entry(verdict.to_owned()).or_default() += 1;
                let Some(why) = disagreement(module, outcomes, &found) else {
                    if env::var_os("VERIFY_PRINT").is_some() {
                        describe(&mut report, case, module, outcomes, &found, "agreement");
                    }
                    continue;
                };
                let kind = match exceptions::of(case, &why) {
                    Some(exception) => format!("exception: {}", exception.reason),
                    None => "DISAGREEMENT".to_owned(),
                };
                unexpected += usize::from(kind == "DISAGREEMENT");
                *counts.entry(kind.clone()).or_default() += 1;
                describe(
                    &mut report,
                    case,
                    module,
                    outcomes,
                    &found,
                    &format!("{kind}: {why}"),
                );
            }
        }
        println!("{report}");
        for (kind, count) in counts {
            println!("{count} {kind}");
        }
        assert!(
            unexpected == 0,
            "{unexpected} disagreements with seed {seed}; they are above"
        );
    });
}

fn variable<T: FromStr>(name: &str) -> Option<T> {
    let text = env::var(name).ok()?;
    let Ok(value) = text.parse() else {
        panic!("{name} is not a number: {text}");
    };
    Some(value)
}

/// Writes the repositories; returns the pages of all sites.
fn prepare(lab: &Lab, cases: &[Case]) -> server::Pages {
    let repositories = lab.dir().join("repos");
    in_parallel(cases, |case| {
        for (name, repository) in &case.repositories {
            repository.write(&repositories.join(format!("{name}.git")));
        }
    });
    let mut pages = server::Pages::default();
    for case in cases {
        for (module, site) in case.modules.iter().zip(&case.sites) {
            pages.below.insert(module.path.clone(), site.page.clone());
            pages.exact.extend(site.exact.iter().cloned());
            // For redirects to anywhere on this host, and to another one.
            for host in [module.host.clone(), format!("o{}", module.host)] {
                pages.below.entry(host).or_insert_with(|| site.page.clone());
            }
        }
        for proxy in &case.proxies {
            pages.exact.extend(proxy.pages(&repositories));
        }
    }
    pages
}

/// Makes our DNS server the only one.
fn resolver(lab: &Lab) {
    let file = lab.dir().join("resolv.conf");
    fs::write(&file, "nameserver 127.0.0.1\n").unwrap();
    let mut mount = Command::new("mount");
    run(mount.arg("--bind").arg(file).arg("/etc/resolv.conf"));
}

/// Verifies all cases in one run; returns the checks.
fn verify(lab: &Lab, cases: &[Case]) -> Vec<Value> {
    let file = lab.dir().join("verify.yaml");
    let entries = cases.iter().flat_map(|case| &case.modules);
    let text: String = entries.map(Module::entry).collect();
    fs::write(&file, text).unwrap();
    let mut command = program();
    let output = command
        .args(["verify", "-json", "-timeout", "30", "-config"])
        .arg(file)
        .env("SSL_CERT_FILE", lab.ca())
        .env("SSL_CERT_DIR", "/nowhere")
        .env("GIT_SSL_CAINFO", lab.ca())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    let Ok(mut json) = serde_json::from_slice::<Value>(&output.stdout) else {
        panic!("{}\n{stderr}", String::from_utf8_lossy(&output.stdout));
    };
    serde_json::from_value(json["checks"].take()).unwrap()
}

/// Returns what verify found about a module.
fn findings<'a>(checks: &'a [Value], module: &Module) -> Vec<&'a Value> {
    let checks = checks.iter().filter(|check| check["host"] == *module.host);
    checks
        .filter(|check| check["module"].is_null() || check["module"] == *module.path)
        .collect()
}

/// What `go get` says about one path that a module offers.
#[derive(Debug, Clone)]
struct Outcome {
    path: String,
    /// The result of the new go command, and that of the old one.
    new: Got,
    old: Got,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Got {
    Version(String),
    Error(String),
}

/// Runs the go commands on all that each case's modules offer.
fn judge(lab: &Lab, cases: &[Case]) -> Vec<Vec<Vec<Outcome>>> {
    let [new, old] = lab.go_commands();
    let apps = lab.dir().join("apps");
    in_parallel(cases, |case| {
        let mut outcomes = Vec::new();
        for (index, module) in case.modules.iter().enumerate() {
            let app = apps.join(format!("{}-{index}", case.number));
            let both = |path: &str| Outcome {
                path: path.to_owned(),
                new: get(&new, &app.join("new"), path),
                old: get(&old, &app.join("old"), path),
            };
            let own = both(&module.path);
            let version = match &own.new {
                Got::Version(version) => version.as_str(),
                Got::Error(_) => "",
            };
            let below = case.offers(module, version);
            let mut of_module: Vec<Outcome> = below.others.iter().map(|path| both(path)).collect();
            if below.itself {
                of_module.insert(0, own);
            }
            outcomes.push(of_module);
        }
        outcomes
    })
}

/// Runs `go get PATH` in a new module of its own.
fn get(go: &Go, app: &Path, path: &str) -> Got {
    let _ = fs::remove_dir_all(app);
    fs::create_dir_all(app).unwrap();
    let file: PathBuf = app.join("go.mod");
    fs::write(&file, "module app.example\n\ngo 1.18\n").unwrap();
    let output = go.command().current_dir(app).args(["get", path]).output();
    let output = output.unwrap();
    if !output.status.success() {
        return Got::Error(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let text = fs::read_to_string(file).unwrap();
    for line in text.lines() {
        let words: Vec<_> = line
            .trim_start_matches("require ")
            .split_whitespace()
            .collect();
        if let [module, version, ..] = words[..]
            && module == path
        {
            return Got::Version(version.to_owned());
        }
    }
    Got::Version("none".to_owned())
}

fn fails(outcomes: &[Outcome]) -> bool {
    outcomes
        .iter()
        .any(|outcome| matches!(outcome.new, Got::Error(_)))
}

/// Returns how verify differs from the new go command, if it does. Where only the old one fails,
/// verify may warn, or not.
fn disagreement(module: &Module, outcomes: &[Outcome], found: &[&Value]) -> Option<String> {
    let verify_fails = found.iter().any(|check| check["status"] == "fail");
    match (fails(outcomes), verify_fails) {
        (true, false) => return Some("go get fails, verify does not say FAIL".to_owned()),
        (false, true) => return Some("go get works, verify says FAIL".to_owned()),
        (true, true) => return None,
        (false, false) => {}
    }
    let own = outcomes
        .iter()
        .find(|outcome| outcome.path == module.path)?;
    let Got::Version(version) = &own.new else {
        return None;
    };
    let is_pseudo = is_pseudo(version);
    let messages = found.iter().filter(|check| check["step"] == "versions");
    let mut messages = messages.filter_map(|check| check["message"].as_str());
    let says_version = messages.any(|message| {
        if is_pseudo {
            return message.contains("pseudo-version");
        }
        // A tag in a directory is named as a whole.
        let mut words = message.split(|c: char| c.is_whitespace() || ",;:/()\"'".contains(c));
        words.any(|word| word == version)
    });
    if says_version {
        None
    } else {
        Some(format!("go get chooses {version}, verify does not name it"))
    }
}

/// Returns whether a version is one that Go makes of a commit, such as
/// `v0.0.0-20200101000000-abcdefabcdef`.
fn is_pseudo(version: &str) -> bool {
    static PATTERN: OnceLock<regex::Regex> = OnceLock::new();
    let pattern = PATTERN.get_or_init(|| regex::Regex::new(r"[-.]\d{14}-[0-9a-f]{12}").unwrap());
    pattern.is_match(version)
}

/// Writes all that one needs to find the cause.
fn describe(
    report: &mut String,
    case: &Case,
    module: &Module,
    outcomes: &[Outcome],
    found: &[&Value],
    title: &str,
) {
    let _ = writeln!(
        report,
        "\n=== case {} {}: {title}",
        case.number, module.path
    );
    let _ = writeln!(report, "{}", case.labels.join("; "));
    for module in &case.modules {
        let _ = write!(report, "file: {}", module.entry());
    }
    for (name, repository) in &case.repositories {
        let flags = [
            (repository.dangling, "dangling HEAD"),
            (repository.sha256, "SHA-256"),
            (repository.dumb, "dumb HTTP"),
            (!repository.filter, "no partial clones"),
        ];
        let flags = flags.iter().filter(|(is_set, _)| *is_set);
        let flags: Vec<_> = flags.map(|(_, text)| *text).collect();
        let _ = writeln!(report, "repository {name} {flags:?}");
        for commit in &repository.commits {
            let _ = writeln!(report, "  commit with tags {:?}", commit.tags);
            for (file, text) in &commit.files {
                let text = if file.ends_with(".go") { "" } else { text };
                let _ = writeln!(report, "    {file:?} {text:?}");
            }
        }
    }
    for outcome in outcomes {
        for (go, got) in [("new", &outcome.new), ("old", &outcome.old)] {
            let _ = match got {
                Got::Version(version) => {
                    writeln!(report, "{go} go get {}: {version}", outcome.path)
                }
                Got::Error(said) => {
                    writeln!(
                        report,
                        "{go} go get {}: FAILS\n    {}",
                        outcome.path,
                        said.trim().replace('\n', "\n    ")
                    )
                }
            };
        }
    }
    for check in found {
        let text = |name: &str| {
            check[name]
                .as_str()
                .unwrap_or_default()
                .replace('\n', "\n          ")
        };
        let _ = writeln!(
            report,
            "verify: {} {} {}: {}",
            text("status"),
            text("step"),
            text("code"),
            text("message")
        );
        for name in ["go", "fix", "look"] {
            if !check[name].is_null() {
                let _ = writeln!(report, "    {name}: {}", text(name));
            }
        }
    }
}

/// Calls a function with each item, several at the same time; returns the results in order.
fn in_parallel<T: Sync, R: Send>(items: &[T], job: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results: Mutex<BTreeMap<usize, R>> = Mutex::default();
    thread::scope(|scope| {
        for _ in 0..JOBS {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else {
                        return;
                    };
                    let result = job(item);
                    results.lock().unwrap().insert(index, result);
                }
            });
        }
    });
    results.into_inner().unwrap().into_values().collect()
}
