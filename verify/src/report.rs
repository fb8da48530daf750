//! The report, as text, JSON or metrics.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;

use serde::Serialize;

use super::client::now;
use super::{Finding, Status, plural};

/// Above this number of modules, those without a problem are only counted.
const MAX_LISTED: usize = 10;
/// How many of the modules with the same problem are named.
const MAX_NAMED: usize = 5;

/// Findings about a host.
#[derive(Debug, Clone)]
pub(super) struct HostReport {
    pub(super) name: String,
    pub(super) findings: Vec<Finding>,
}

/// Findings about a module.
#[derive(Debug, Clone)]
pub(super) struct ModuleReport {
    /// Index into `Report::hosts`.
    pub(super) host: usize,
    pub(super) path: String,
    pub(super) findings: Vec<Finding>,
    /// Whether it was not checked, because its host fails.
    pub(super) is_skipped: bool,
}

/// The findings about all hosts and modules.
#[derive(Debug, Clone)]
pub struct Report {
    hosts: Vec<HostReport>,
    /// In file order.
    modules: Vec<ModuleReport>,
    /// Whether a signal ended the run early.
    interrupted: bool,
    /// Whether the reader has the file; otherwise they only use the modules.
    is_owner: bool,
}

/// A finding with its host and module.
#[derive(Serialize, Clone, Copy)]
struct Check<'a> {
    host: &'a str,
    module: Option<&'a str>,
    #[serde(flatten)]
    finding: &'a Finding,
}

#[derive(Serialize)]
struct Json<'a> {
    ok: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    interrupted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    checks: Vec<Check<'a>>,
}

impl Json<'_> {
    fn print(&self) -> String {
        let text = serde_json::to_string_pretty(self);
        text.unwrap_or_default() + "\n"
    }
}

/// Returns the JSON of a run that could not start, for example because the file is wrong.
pub fn error_json(error: &str) -> String {
    let json = Json {
        ok: false,
        interrupted: false,
        error: Some(error),
        checks: Vec::new(),
    };
    json.print()
}

/// Returns the metrics of a run: whether it succeeded, when it ended, and its problems.
pub fn metrics(report: Option<&Report>) -> String {
    let is_ok = report.is_some_and(Report::is_ok);
    let mut problems = BTreeSet::new();
    for check in report.into_iter().flat_map(Report::checks) {
        let finding = check.finding;
        if let Some(code) = finding.code {
            problems.insert(format!(
                "govanityurls_verify_problem{{host=\"{}\",module=\"{}\",code=\"{}\",status=\"{}\"}} 1\n",
                label(check.host),
                label(check.module.unwrap_or_default()),
                name(code),
                name(finding.status),
            ));
        }
    }
    let problems: String = problems.into_iter().collect();
    format!(
        "# HELP govanityurls_verify_ok Whether the last run found no failure.\n\
         # TYPE govanityurls_verify_ok gauge\n\
         govanityurls_verify_ok {}\n\
         # HELP govanityurls_verify_end_seconds When the last run ended, as Unix time.\n\
         # TYPE govanityurls_verify_end_seconds gauge\n\
         govanityurls_verify_end_seconds {}\n\
         # HELP govanityurls_verify_problem A problem that the last run found.\n\
         # TYPE govanityurls_verify_problem gauge\n\
         {problems}",
        u8::from(is_ok),
        now(),
    )
}

/// Escapes the value of a label.
fn label(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

impl Report {
    pub(super) fn new(
        hosts: Vec<HostReport>,
        modules: Vec<ModuleReport>,
        interrupted: bool,
        is_owner: bool,
    ) -> Self {
        Self {
            hosts,
            modules,
            interrupted,
            is_owner,
        }
    }

    /// Returns whether no check failed and the run was not interrupted.
    pub fn is_ok(&self) -> bool {
        !self.interrupted
            && self
                .checks()
                .all(|check| check.finding.status != Status::Fail)
    }

    /// Returns all findings in file order; those of a host come before those of its first module.
    fn checks(&self) -> impl Iterator<Item = Check<'_>> {
        let mut is_new = vec![true; self.hosts.len()];
        self.modules.iter().flat_map(move |module| {
            let host = &self.hosts[module.host];
            let of_host: &[Finding] = if std::mem::take(&mut is_new[module.host]) {
                &host.findings
            } else {
                &[]
            };
            let check = |module, finding| Check {
                host: &host.name,
                module,
                finding,
            };
            let of_host = of_host.iter().map(move |finding| check(None, finding));
            let own = module.findings.iter();
            of_host.chain(own.map(move |finding| check(Some(&*module.path), finding)))
        })
    }

    /// Formats the report as JSON, as described by docs/verify.schema.json.
    pub fn json(&self) -> String {
        let json = Json {
            ok: self.is_ok(),
            interrupted: self.interrupted,
            error: None,
            checks: self.checks().collect(),
        };
        json.print()
    }

    /// Formats the report as text: what was checked, a summary, and at the end, where a mail or
    /// `systemctl status` shows it, what to do.
    pub fn text(&self, colour: bool) -> String {
        let mut text = String::new();
        let lists_all = self.modules.len() <= MAX_LISTED;
        for (index, host) in self.hosts.iter().enumerate() {
            let _ = writeln!(text, "{}", host.name);
            for finding in &host.findings {
                write_line(&mut text, finding, colour);
            }
            let modules = self.modules.iter().filter(|module| module.host == index);
            let (skipped, checked): (Vec<_>, Vec<_>) = modules.partition(|it| it.is_skipped);
            if lists_all {
                for module in checked.iter().filter(|module| !module.findings.is_empty()) {
                    let _ = writeln!(text, "\n  {}", module.path);
                    for finding in &module.findings {
                        write_line(&mut text, finding, colour);
                    }
                }
            } else {
                let is_good = |module: &&&ModuleReport| !module.has_problem();
                let good = checked.iter().filter(is_good).count();
                let _ = writeln!(
                    text,
                    "\n  {} without a problem, {} with one",
                    plural(good, "module"),
                    checked.len() - good
                );
            }
            if let Some(first) = skipped.first() {
                let why = first.findings.first().map_or("", |it| &it.message);
                let count = plural(skipped.len(), "module");
                let _ = writeln!(text, "\n  {} {count}, {why}", status(Status::Skip, colour));
            }
            text.push('\n');
        }
        self.write_summary(&mut text);
        self.write_problems(&mut text, lists_all, colour);
        text
    }

    fn write_summary(&self, text: &mut String) {
        let count = |status| {
            let checks = self.checks().filter(|check| check.finding.status == status);
            checks.count()
        };
        if self.interrupted {
            text.push_str("interrupted: some checks are missing\n");
        }
        let _ = writeln!(
            text,
            "{} FAIL, {} WARN, {} PASS, {} SKIP: {} on {}",
            count(Status::Fail),
            count(Status::Warn),
            count(Status::Pass),
            count(Status::Skip),
            plural(self.modules.len(), "module"),
            plural(self.hosts.len(), "host"),
        );
    }

    /// Lists each problem once, with its modules; the worst is the last.
    fn write_problems(&self, text: &mut String, lists_all: bool, colour: bool) {
        let mut problems: Vec<Vec<Check<'_>>> = Vec::new();
        let mut known: HashMap<[String; 4], usize> = HashMap::new();
        let skipped: BTreeSet<&str> = self
            .modules
            .iter()
            .filter(|module| module.is_skipped)
            .map(|module| &*module.path)
            .collect();
        for check in self.checks() {
            let is_listed = match check.finding.status {
                Status::Pass => false,
                Status::Skip => {
                    !lists_all && !check.module.is_some_and(|module| skipped.contains(module))
                }
                Status::Warn | Status::Fail => true,
            };
            if !is_listed {
                continue;
            }
            let index = *known.entry(check.key()).or_insert_with(|| {
                problems.push(Vec::new());
                problems.len() - 1
            });
            problems[index].push(check);
        }
        // A host's problem ranks above a module's: it affects all modules of the host.
        problems.sort_by_key(|checks| {
            let first = checks[0];
            (first.finding.status, first.module.is_none(), checks.len())
        });
        for checks in &problems {
            self.write_problem(text, checks, colour);
        }
        if !self.is_owner
            && problems
                .iter()
                .any(|it| it[0].finding.status == Status::Fail)
        {
            text.push_str("\nif it is not yours, send this to the owner of the import path\n");
        }
    }

    fn write_problem(&self, text: &mut String, checks: &[Check<'_>], colour: bool) {
        let first = checks[0];
        let finding = first.finding;
        let code = match finding.code {
            Some(code) => format!("  [{}]", name(code)),
            None => String::new(),
        };
        let subject = first.module.unwrap_or(first.host);
        let _ = writeln!(
            text,
            "\n{} {subject}: {}{code}",
            status(finding.status, colour),
            finding.message,
        );
        if checks.len() > 1 {
            let others = checks[1..].iter().take(MAX_NAMED);
            let others: Vec<_> = others.map(|it| it.module.unwrap_or(it.host)).collect();
            let rest = checks.len() - 1 - others.len();
            let rest = if rest > 0 {
                format!(" and {rest} more")
            } else {
                String::new()
            };
            let _ = writeln!(text, "  also        {}{rest}", others.join(", "));
        }
        if let Some(go) = &finding.go {
            let _ = writeln!(text, "  go says     {go}");
        }
        let fix = if self.is_owner { "fix" } else { "owner" };
        for (heading, lines) in [(fix, &finding.fix), ("look", &finding.look)] {
            let mut heading = heading;
            for line in lines.iter().flat_map(|lines| lines.lines()) {
                let _ = writeln!(text, "  {heading:<11} {line}");
                heading = "";
            }
        }
    }
}

impl ModuleReport {
    fn has_problem(&self) -> bool {
        let mut findings = self.findings.iter();
        findings.any(|finding| matches!(finding.status, Status::Fail | Status::Warn))
    }
}

impl Check<'_> {
    /// Returns what problems must have in common to be listed as one. The module's own path may
    /// differ.
    fn key(&self) -> [String; 4] {
        let finding = self.finding;
        let general = |text: &str| match self.module {
            Some(module) => text.replace(module, "MODULE"),
            None => text.to_owned(),
        };
        let general_of = |text: &Option<String>| general(text.as_deref().unwrap_or_default());
        let code = finding.code.map(name).unwrap_or_default();
        [
            format!("{} {} {code}", name(finding.status), name(finding.step)),
            general(&finding.message),
            general_of(&finding.fix),
            general_of(&finding.look),
        ]
    }
}

/// Returns the JSON name of a value.
fn name(value: impl Serialize) -> String {
    let json = serde_json::to_value(value).ok();
    let name = json.as_ref().and_then(|json| json.as_str());
    name.unwrap_or_default().to_owned()
}

fn status(status: Status, colour: bool) -> String {
    let label = name(status).to_uppercase();
    let code = match status {
        Status::Pass => 32,
        Status::Skip => 36,
        Status::Warn => 33,
        Status::Fail => 31,
    };
    if colour {
        format!("\x1b[{code}m{label}\x1b[0m")
    } else {
        label
    }
}

/// Writes a finding without what to do; the end of the report says that.
fn write_line(text: &mut String, finding: &Finding, colour: bool) {
    let _ = writeln!(
        text,
        "  {}  {:<11} {}",
        status(finding.status, colour),
        name(finding.step),
        finding.message
    );
}

#[cfg(test)]
mod tests {
    use super::super::{Code, Step};
    use super::*;

    fn report(modules: &[&[Finding]], interrupted: bool) -> Report {
        let host = HostReport {
            name: "a.example".into(),
            findings: vec![Finding::pass(Step::Tls, "Lab, 61 days")],
        };
        let modules = modules
            .iter()
            .enumerate()
            .map(|(index, findings)| ModuleReport {
                host: 0,
                path: format!("a.example/m{index}"),
                findings: findings.to_vec(),
                is_skipped: false,
            });
        Report::new(vec![host], modules.collect(), interrupted, true)
    }

    fn bad_gateway() -> Finding {
        Finding::fail(Step::Answer, Code::HttpStatus, "502 Bad Gateway")
            .go("reading https://a.example: 502 Bad Gateway")
            .fix("systemctl restart govanityurls\njournalctl -u govanityurls")
    }

    #[test]
    fn text_report_ends_with_the_problems_and_their_fixes() {
        let pass = Finding::pass(Step::Answer, "git https://h.example/a");
        let report = report(&[&[pass], &[bad_gateway()], &[bad_gateway()]], false);
        assert!(!report.is_ok());
        assert_eq!(
            report.text(false),
            "\
a.example
  PASS  tls         Lab, 61 days

  a.example/m0
  PASS  answer      git https://h.example/a

  a.example/m1
  FAIL  answer      502 Bad Gateway

  a.example/m2
  FAIL  answer      502 Bad Gateway

2 FAIL, 0 WARN, 2 PASS, 0 SKIP: 3 modules on 1 host

FAIL a.example/m1: 502 Bad Gateway  [http-status]
  also        a.example/m2
  go says     reading https://a.example: 502 Bad Gateway
  fix         systemctl restart govanityurls
              journalctl -u govanityurls
"
        );
    }

    #[test]
    fn many_modules_with_one_fault_take_few_lines() {
        let mut modules = Vec::new();
        for index in 0..300 {
            let url = format!("https://a.example/m{index}?go-get=1");
            let message = format!("404 Not Found from {url}");
            modules.push([Finding::fail(Step::Answer, Code::HttpStatus, message)
                .fix("govanityurls nginx -only a.example")]);
        }
        modules[7] = [bad_gateway()];
        let modules: Vec<&[Finding]> = modules.iter().map(|it| &it[..]).collect();
        let text = report(&modules, false).text(false);
        assert!(text.lines().count() < 60, "{text}");
        // Different faults are not merged, even with the same code.
        assert!(
            text.contains("FAIL a.example/m7: 502 Bad Gateway"),
            "{text}"
        );
        let end: Vec<_> = text.lines().rev().take(10).collect();
        assert!(
            end.iter().any(|line| line.contains("FAIL a.example/m0")),
            "{text}"
        );
        assert!(
            end.iter().any(|line| line.contains("nginx -only")),
            "{text}"
        );
    }

    #[test]
    fn json_has_every_field() {
        let json: serde_json::Value =
            serde_json::from_str(&report(&[&[bad_gateway()]], true).json()).unwrap();
        assert_eq!(json["ok"], false);
        assert_eq!(json["interrupted"], true);
        assert_eq!(json["checks"][0]["module"], serde_json::Value::Null);
        let check = &json["checks"][1];
        for (key, value) in [
            ("host", "a.example"),
            ("module", "a.example/m0"),
            ("step", "answer"),
            ("status", "fail"),
            ("code", "http-status"),
            ("message", "502 Bad Gateway"),
        ] {
            assert_eq!(check[key], value, "{key}");
        }
        let json: serde_json::Value = serde_json::from_str(&error_json("a\n\"b\"")).unwrap();
        assert_eq!(
            (&json["ok"], &json["error"]),
            (&false.into(), &"a\n\"b\"".into())
        );
    }

    #[test]
    fn metrics_have_each_problem_once() {
        let text = metrics(Some(&report(&[&[bad_gateway(), bad_gateway()]], false)));
        assert!(text.contains("\ngovanityurls_verify_ok 0\n"), "{text}");
        let problem = "govanityurls_verify_problem{host=\"a.example\",module=\"a.example/m0\",\
                       code=\"http-status\",status=\"fail\"} 1\n";
        assert_eq!(text.matches(problem).count(), 1, "{text}");
        assert!(metrics(Some(&report(&[&[]], false))).contains("_ok 1\n"));
        assert!(metrics(None).contains("_ok 0\n"));
    }

    #[test]
    fn received_text_cannot_control_a_terminal() {
        let finding = Finding::fail(Step::Answer, Code::TagMissing, "\x1b[2J\u{202e}title")
            .go("\x1b]0;x\x07\nPASS")
            .fix("curl '\x1b[31m'")
            .look("curl '\x1b[31m'");
        let report = report(&[&[finding]], false);
        let text = report.text(false) + &report.json();
        assert!(!text.contains(['\x1b', '\x07', '\u{202e}']), "{text}");
        assert!(!text.contains("\nPASS"), "{text}");
    }
}
