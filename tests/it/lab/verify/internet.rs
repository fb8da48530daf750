//! A small internet: hosts in nginx, each with one fault. Runs verify and the real go commands on
//! them.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::UdpSocket;
use std::process::Command;
use std::thread;

use serde_json::Value;

use crate::lab::{Commit, Go, Lab, Scheme, run};
use crate::support::program;

/// A host with one fault.
pub struct Case {
    /// The host is NAME.example.
    pub name: &'static str,
    /// The host's modules in the file: keys without the host, and the value of `repo`, in which
    /// NAME is replaced by the name.
    pub modules: &'static str,
    /// The rest of its server block, after the names and the certificate.
    pub block: &'static str,
    /// The expected findings other than PASS and SKIP, such as `fail http-status`, in order.
    pub findings: &'static [&'static str],
}

/// A healthy host: all responses come from the program.
pub const PROGRAM: &str = "location / {
    proxy_pass http://127.0.0.1:8080;
    proxy_set_header Host $host;
}";

/// The first day of 2020, and one month later.
pub const PAST: [&str; 2] = ["20200101000000Z", "20200201000000Z"];

/// Runs verify; returns the JSON and whether it passed.
pub fn verify(lab: &Lab, config: &str, args: &[&str]) -> (Value, bool) {
    let (output, ok) = verify_text(lab, config, &[&["-json"], args].concat());
    (serde_json::from_str(&output).unwrap(), ok)
}

/// Runs verify with text output.
pub fn verify_text(lab: &Lab, config: &str, args: &[&str]) -> (String, bool) {
    let file = lab.dir().join("verify.yaml");
    fs::write(&file, config).unwrap();
    let mut command = command(lab);
    let output = command
        .arg("-config")
        .arg(file)
        .args(args)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    println!("{text}{}", String::from_utf8_lossy(&output.stderr));
    (text, output.status.success())
}

/// Returns the command, which trusts only the lab's certificate authority.
pub fn command(lab: &Lab) -> Command {
    let mut command = program();
    command
        .arg("verify")
        .env("SSL_CERT_FILE", lab.ca())
        .env("SSL_CERT_DIR", "/nowhere")
        .env("GIT_SSL_CAINFO", lab.ca());
    command
}

/// Returns the configuration of all cases.
pub fn config(cases: &[Case]) -> String {
    let mut config = String::new();
    for case in cases {
        for line in case.modules.lines() {
            let line = line.trim().replace("NAME", case.name);
            let (key, rest) = line.split_once(' ').unwrap();
            let _ = writeln!(config, "{}.example{key}: {{repo: {rest}}}", case.name);
        }
    }
    config
}

/// Creates a repository with a valid version for each case that has one named after it.
pub fn repositories(lab: &Lab, cases: &[Case]) {
    for case in cases
        .iter()
        .filter(|case| case.modules.contains("NAME.git"))
    {
        let go_mod = format!("module {}.example/m\n", case.name);
        let files = [("go.mod", go_mod.as_str()), ("m.go", "package m\n")];
        let commit = Commit {
            tag: "v1.0.0",
            files: &files,
        };
        lab.repository(case.name, &[commit]);
    }
}

/// Returns a host's checks that are neither PASS nor SKIP.
pub fn faults<'a>(json: &'a Value, host: &str) -> Vec<&'a Value> {
    let checks = json["checks"].as_array().unwrap().iter();
    checks
        .filter(|check| check["host"] == *host)
        .filter(|check| check["status"] == "fail" || check["status"] == "warn")
        .collect()
}

/// Verifies all cases in one run; compares the findings with the expected ones, and their `go`
/// texts with the errors of old and new go commands. `gets` overrides what a case's `go get`
/// fetches, by default its first module.
pub fn check(lab: &Lab, cases: &[Case], gets: &[(&str, &str)], go_commands: &[Go]) {
    let config = config(cases);
    let (json, ok) = verify(lab, &config, &["-timeout", "3"]);
    assert_eq!(
        ok,
        cases
            .iter()
            .all(|case| case.findings.iter().all(|f| f.starts_with("warn")))
    );
    let mut wrong = String::new();
    for case in cases {
        let host = format!("{}.example", case.name);
        let faults = faults(&json, &host);
        let found: Vec<_> = faults
            .iter()
            .map(|check| format!("{} {}", check["status"], check["code"]).replace('"', ""))
            .collect();
        if found != case.findings {
            let _ = writeln!(
                wrong,
                "{}: {found:?} instead of {:?}",
                case.name, case.findings
            );
        }
        let key = case.modules.split(' ').next().unwrap();
        let get = gets.iter().find(|(name, _)| *name == case.name);
        let path = format!("{host}{}", get.map_or(key, |(_, path)| path));
        for check in faults {
            if check["status"] == "fail" && check["fix"].is_null() && check["look"].is_null() {
                let _ = writeln!(wrong, "{}: nothing to type", case.name);
            }
            let Some(says) = check["go"].as_str() else {
                continue;
            };
            // Go before 1.25 does not support subdirectories, so its error differs.
            let count = if case.modules.contains("subdir:") {
                1
            } else {
                2
            };
            for go in go_commands.iter().take(count) {
                let said = go.get_fails(path.trim_end_matches('/'));
                if !said.contains(says) {
                    let _ = writeln!(wrong, "{}: go does not say {says:?}:\n{said}", case.name);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Starts nginx for the cases, each with a certificate from the lab's authority.
pub fn nginx(lab: &mut Lab, http: &str, cases: &[Case]) {
    let hosts: Vec<_> = cases
        .iter()
        .filter(|case| !case.block.is_empty())
        .map(|case| (format!("{}.example", case.name), case.block))
        .collect();
    let hosts: Vec<_> = hosts
        .iter()
        .map(|(name, block)| (name.as_str(), *block))
        .collect();
    lab.nginx_with(Scheme::Https, http, &hosts);
    resolver(lab);
}

/// Adds lines to /etc/hosts.
pub fn add_hosts(lab: &Lab, lines: &str) {
    let file = OpenOptions::new()
        .append(true)
        .open(lab.dir().join("hosts"));
    file.unwrap().write_all(lines.as_bytes()).unwrap();
}

/// Starts a DNS server that knows the names of the lab's hosts file, unless they start with
/// `only-here`. It has no addresses for them: getaddrinfo finds those in the file.
fn resolver(lab: &Lab) {
    let hosts = lab.dir().join("hosts");
    let file = lab.dir().join("resolv.conf");
    fs::write(&file, "nameserver 127.0.0.1\n").unwrap();
    run(Command::new("mount")
        .arg("--bind")
        .arg(file)
        .arg("/etc/resolv.conf"));
    let socket = UdpSocket::bind("127.0.0.1:53").unwrap();
    thread::spawn(move || {
        let mut packet = [0; 512];
        while let Ok((length, peer)) = socket.recv_from(&mut packet) {
            if length < 12 {
                continue;
            }
            let mut name = String::new();
            let mut rest = &packet[12..length];
            while let [size, after @ ..] = rest {
                let Some(label) = after
                    .get(..usize::from(*size))
                    .filter(|label| !label.is_empty())
                else {
                    break;
                };
                name += &format!("{}.", String::from_utf8_lossy(label));
                rest = &after[label.len()..];
            }
            let known = fs::read_to_string(&hosts).unwrap();
            let mut names = known.split_whitespace();
            let is_known = !name.starts_with("only-here")
                && names.any(|known| known == name.trim_end_matches('.'));
            // Respond with NOERROR or NXDOMAIN, and the question section only.
            packet[2] = 0x81;
            packet[3] = if is_known { 0x80 } else { 0x83 };
            packet[6..12].fill(0);
            let end = 12 + packet[12..length].iter().position(|&b| b == 0).unwrap_or(0) + 5;
            let _ = socket.send_to(&packet[..end.min(length)], peer);
        }
    });
}

/// Creates certs/NAME.pem and its key. `issuer` is another certificate's name, or the same one for
/// a self-signed certificate; `days` are its first and last day, three months from now by default.
pub fn certificate(lab: &Lab, name: &str, issuer: &str, extensions: &str, days: Option<[&str; 2]>) {
    let dir = lab.dir().join("certs");
    fs::write(
        dir.join("ca.cnf"),
        "[ca]\ndefault_ca=d\n[d]\ndatabase=index\nnew_certs_dir=.\nrand_serial=yes\n\
         default_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\n\
         organizationName=optional\n",
    )
    .unwrap();
    fs::write(dir.join("index"), "").unwrap();
    fs::write(dir.join("extensions"), extensions).unwrap();
    let openssl = || {
        let mut command = Command::new("openssl");
        command.current_dir(&dir);
        command
    };
    run(openssl()
        .args([
            "req",
            "-nodes",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ])
        .args(["-subj", &format!("/CN={name}")])
        .args(["-keyout", &format!("{name}.key"), "-out", "request.csr"]));
    let mut ca = openssl();
    ca.args([
        "ca",
        "-batch",
        "-notext",
        "-config",
        "ca.cnf",
        "-in",
        "request.csr",
    ])
    .args(["-extfile", "extensions", "-out", &format!("{name}.pem")])
    .args(["-keyfile", &format!("{issuer}.key")]);
    match name == issuer {
        true => ca.arg("-selfsign"),
        false => ca.args(["-cert", &format!("{issuer}.pem")]),
    };
    match days {
        Some([first, last]) => ca.args(["-startdate", first, "-enddate", last]),
        None => ca.args(["-days", "90"]),
    };
    run(&mut ca);
}
