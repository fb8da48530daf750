//! The report, as text or JSON.

use std::fmt::Write as _;

use serde::Serialize;

use super::{Finding, Status, Step, plural};

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
}

/// The findings about all hosts and modules.
#[derive(Debug, Clone)]
pub struct Report {
    hosts: Vec<HostReport>,
    /// In file order.
    modules: Vec<ModuleReport>,
    /// Whether a signal ended the run early.
    interrupted: bool,
}

/// A finding with its host and module.
#[derive(Serialize)]
struct Check<'a> {
    host: &'a str,
    module: Option<&'a str>,
    #[serde(flatten)]
    finding: &'a Finding,
}

impl Report {
    pub(super) fn new(
        hosts: Vec<HostReport>,
        modules: Vec<ModuleReport>,
        interrupted: bool,
    ) -> Self {
        let mut report = Self {
            hosts,
            modules,
            interrupted,
        };
        for host in 0..report.hosts.len() {
            report.merge_shared(host);
        }
        report
    }

    /// Replaces a problem that all modules of a host share by one finding of the host.
    fn merge_shared(&mut self, host: usize) {
        for step in [Step::Redirects, Step::Answer, Step::Subpackage] {
            let problems: Vec<_> = self
                .modules
                .iter()
                .filter(|module| module.host == host && !module.is_skipped())
                .map(|module| module.problem(step))
                .collect();
            let Some(Some(first)) = problems.first() else {
                continue;
            };
            let is_same = |problem: &Option<&Finding>| {
                problem.is_some_and(|it| it.code == first.code && it.status == first.status)
            };
            if problems.len() < 2 || !problems.iter().all(is_same) {
                continue;
            }
            let mut shared = (*first).clone();
            shared.message = format!(
                "{} (the same for all {} modules)",
                shared.message,
                problems.len()
            );
            for module in self.modules.iter_mut().filter(|module| module.host == host) {
                module
                    .findings
                    .retain(|finding| finding.step != step || !finding.is_problem());
            }
            self.hosts[host].findings.push(shared);
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
            let of_host: &[Finding] = match std::mem::take(&mut is_new[module.host]) {
                true => &host.findings,
                false => &[],
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
        #[derive(Serialize)]
        struct Json<'a> {
            ok: bool,
            #[serde(skip_serializing_if = "std::ops::Not::not")]
            interrupted: bool,
            checks: Vec<Check<'a>>,
        }
        let json = Json {
            ok: self.is_ok(),
            interrupted: self.interrupted,
            checks: self.checks().collect(),
        };
        let text = serde_json::to_string_pretty(&json);
        text.unwrap_or_default() + "\n"
    }

    /// Formats the report as text: hosts, their modules, and a summary.
    pub fn text(&self, colour: bool) -> String {
        let mut text = String::new();
        for (index, host) in self.hosts.iter().enumerate() {
            let _ = writeln!(text, "{}", host.name);
            for finding in &host.findings {
                write_finding(&mut text, finding, colour);
            }
            let modules = self.modules.iter().filter(|module| module.host == index);
            let mut skipped: Vec<&ModuleReport> = Vec::new();
            for module in modules {
                if module.is_skipped() {
                    skipped.push(module);
                    continue;
                }
                if module.findings.is_empty() {
                    continue;
                }
                let _ = writeln!(text, "\n  {}", module.path);
                for finding in &module.findings {
                    write_finding(&mut text, finding, colour);
                }
            }
            if let Some(first) = skipped.first() {
                let why = first
                    .findings
                    .first()
                    .map_or("", |finding| &finding.message);
                let count = plural(skipped.len(), "module");
                let _ = writeln!(text, "\n  {} {count}, {why}", label(Status::Skip, colour));
            }
            text.push('\n');
        }
        self.write_summary(&mut text, colour);
        text
    }

    fn write_summary(&self, text: &mut String, colour: bool) {
        let count = |status| {
            let checks = self.checks().filter(|check| check.finding.status == status);
            checks.count()
        };
        let (fails, warnings) = (count(Status::Fail), count(Status::Warn));
        if self.interrupted {
            text.push_str("interrupted: some checks are missing\n");
        }
        let _ = writeln!(
            text,
            "{fails} FAIL, {warnings} WARN, {} PASS, {} SKIP: {} on {}",
            count(Status::Pass),
            count(Status::Skip),
            plural(self.modules.len(), "module"),
            plural(self.hosts.len(), "host"),
        );
        // A host's problem ranks above a module's: it affects all modules of the host.
        let worst = self
            .checks()
            .filter(|check| check.finding.is_problem())
            .min_by_key(|check| (check.finding.status != Status::Fail, check.module.is_some()));
        if let Some(worst) = worst {
            let finding = worst.finding;
            let _ = writeln!(
                text,
                "{} {}: {}",
                label(finding.status, colour),
                worst.module.unwrap_or(worst.host),
                finding.message
            );
        }
    }
}

impl ModuleReport {
    /// Returns whether the module was skipped because of its host.
    fn is_skipped(&self) -> bool {
        let is_skip = |finding: &Finding| {
            finding.step == Step::Answer
                && finding.status == Status::Skip
                && finding.message.starts_with("not checked")
        };
        matches!(&self.findings[..], [only] if is_skip(only))
    }

    fn problem(&self, step: Step) -> Option<&Finding> {
        let mut findings = self.findings.iter();
        findings.find(|finding| finding.step == step && finding.is_problem())
    }
}

impl Finding {
    fn is_problem(&self) -> bool {
        matches!(self.status, Status::Fail | Status::Warn)
    }
}

/// Returns the JSON name of a value.
pub(super) fn name(value: impl Serialize) -> String {
    let json = serde_json::to_value(value).ok();
    let name = json.as_ref().and_then(|json| json.as_str());
    name.unwrap_or_default().to_owned()
}

fn label(status: Status, colour: bool) -> String {
    let label = name(status).to_uppercase();
    let code = match status {
        Status::Pass => 32,
        Status::Skip => 36,
        Status::Warn => 33,
        Status::Fail => 31,
    };
    match colour {
        true => format!("\x1b[{code}m{label}\x1b[0m"),
        false => label,
    }
}

fn write_finding(text: &mut String, finding: &Finding, colour: bool) {
    let code = finding
        .code
        .map_or(String::new(), |code| format!("  [{}]", name(code)));
    let _ = writeln!(
        text,
        "  {}  {:<11} {}{code}",
        label(finding.status, colour),
        name(finding.step),
        finding.message
    );
    if let Some(go) = &finding.go {
        let _ = writeln!(text, "        go says     {go}");
    }
    for (heading, lines) in [("fix", &finding.fix), ("look", &finding.look)] {
        let mut heading = heading;
        for line in lines.iter().flat_map(|lines| lines.lines()) {
            let _ = writeln!(text, "        {heading:<11} {line}");
            heading = "";
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Code;
    use super::*;

    fn report(modules: &[&[Finding]], interrupted: bool) -> Report {
        let host = HostReport {
            name: "a.example".into(),
            findings: vec![Finding::pass(Step::Tls, "Lab, 61 days")],
        };
        let modules = modules
            .iter()
            .zip('a'..)
            .map(|(findings, name)| ModuleReport {
                host: 0,
                path: format!("a.example/{name}"),
                findings: findings.to_vec(),
            });
        Report::new(vec![host], modules.collect(), interrupted)
    }

    fn bad_gateway() -> Finding {
        Finding::fail(Step::Answer, Code::HttpStatus, "502 Bad Gateway")
            .go("reading https://a.example: 502 Bad Gateway")
            .fix("systemctl restart govanityurls\njournalctl -u govanityurls")
    }

    #[test]
    fn text_report_has_fixes_and_a_summary() {
        let pass = Finding::pass(Step::Answer, "git https://h.example/a");
        let report = report(&[&[pass], &[bad_gateway()]], false);
        assert!(!report.is_ok());
        assert_eq!(
            report.text(false),
            "\
a.example
  PASS  tls         Lab, 61 days

  a.example/a
  PASS  answer      git https://h.example/a

  a.example/b
  FAIL  answer      502 Bad Gateway  [http-status]
        go says     reading https://a.example: 502 Bad Gateway
        fix         systemctl restart govanityurls
                    journalctl -u govanityurls

1 FAIL, 0 WARN, 2 PASS, 0 SKIP: 2 modules on 1 host
FAIL a.example/b: 502 Bad Gateway
"
        );
    }

    #[test]
    fn host_wide_failure_is_reported_once() {
        let report = report(
            &[&[bad_gateway()], &[bad_gateway()], &[bad_gateway()]],
            false,
        );
        let text = report.text(false);
        assert_eq!(text.matches("FAIL  ").count(), 1, "{text}");
        assert!(text.contains("all 3 modules"), "{text}");
        assert!(!report.is_ok());
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
            ("module", "a.example/a"),
            ("step", "answer"),
            ("status", "fail"),
            ("code", "http-status"),
            ("message", "502 Bad Gateway"),
        ] {
            assert_eq!(check[key], value, "{key}");
        }
    }

    #[test]
    fn received_text_cannot_control_a_terminal() {
        let finding = Finding::fail(Step::Answer, Code::TagMissing, "\x1b[2J\u{202e}title")
            .go("\x1b]0;x\x07\nPASS")
            .fix("curl '\x1b[31m'");
        let report = report(&[&[finding]], false);
        let text = report.text(false) + &report.json();
        assert!(!text.contains(['\x1b', '\x07', '\u{202e}']), "{text}");
        assert!(!text.contains("\nPASS"), "{text}");
    }
}
