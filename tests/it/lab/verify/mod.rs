//! Compares `govanityurls verify` with real go commands on the same faults.

mod agreement;
mod fixes;
mod hostile;
mod internet;

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::{env, fs, thread};

use serde_json::Value;

use crate::lab::{Commit, Lab, enter, run};
use crate::support;

use internet::{
    Case, PAST, PROGRAM, add_hosts, certificate, check, command, config, faults, nginx,
    repositories, verify, verify_text,
};

/// A case with the program's own responses, in front of a repository.
const fn of_repository(
    name: &'static str,
    modules: &'static str,
    findings: &'static [&'static str],
) -> Case {
    Case {
        name,
        modules,
        block: PROGRAM,
        findings,
    }
}

/// A case with a healthy repository.
const fn of_host(
    name: &'static str,
    block: &'static str,
    findings: &'static [&'static str],
) -> Case {
    Case {
        name,
        modules: "/m https://git.example/NAME.git",
        block,
        findings,
    }
}

#[test]
#[ignore = "needs nginx, git and go; tests/run runs it"]
fn distinguishes_network_and_tls_faults() {
    const CASES: &[Case] = &[
        of_host("expired", "", &["fail tls-expired"]),
        of_host("expiring", "", &["warn tls-expires-soon"]),
        of_host("wrong-name", "", &["fail tls-wrong-name"]),
        of_host("self-signed", "", &["fail tls-unknown-authority"]),
        of_host("incomplete", "", &["fail tls-incomplete-chain"]),
        of_host("incomplete-too", "", &["fail tls-incomplete-chain"]),
        of_host("complete", "", &[]),
        of_host("authority", "", &[]),
        of_host("unknown-ca", "", &["fail tls-unknown-authority"]),
        of_host("old-tls", "", &["fail tls-failed"]),
        of_host("plain-http", "", &["fail tls-failed"]),
        of_host("rejected", "", &["fail tls-failed"]),
        of_host("no-such-name", "", &["fail dns-not-found"]),
        of_host("refused", "", &["fail connect-refused"]),
        of_host("dropped", "", &["fail connect-timeout"]),
        of_host("silent", "", &["fail connect-timeout"]),
        of_host("dead-ipv6", PROGRAM, &["warn address-unreachable"]),
        of_host("only-here", PROGRAM, &["warn dns-not-found"]),
        of_host("healthy", PROGRAM, &[]),
    ];
    enter(|mut lab| {
        repositories(&lab, CASES);
        lab.govanityurls(&config(CASES), &["-listen", "127.0.0.1:8080"]);
        let certs = lab.dir().join("certs");
        let san = |name: &str| format!("subjectAltName=DNS:{name}.example");
        let ca = "basicConstraints=critical,CA:TRUE";
        let soon = days_from_now(5);
        certificate(&lab, "expired", "ca", &san("expired"), Some(PAST));
        certificate(
            &lab,
            "expiring",
            "ca",
            &san("expiring"),
            Some([PAST[0], &soon]),
        );
        certificate(&lab, "wrong-name", "ca", &san("other"), None);
        certificate(
            &lab,
            "self-signed",
            "self-signed",
            &san("self-signed"),
            None,
        );
        certificate(&lab, "intermediate", "ca", ca, None);
        let aia = "authorityInfoAccess=caIssuers;URI:http://aia.example/i.der";
        let extensions = format!("{}\n{aia}", san("incomplete"));
        certificate(&lab, "incomplete", "intermediate", &extensions, None);
        // The issuer's certificate cannot be downloaded, but another host sends it.
        for name in ["incomplete-too", "complete"] {
            certificate(&lab, name, "intermediate", &san(name), None);
        }
        append(&certs.join("intermediate.pem"), &certs.join("complete.pem"));
        // Go accepts a server's certificate that may sign others.
        let extensions = format!("{}\n{ca}", san("authority"));
        certificate(&lab, "authority", "ca", &extensions, None);
        certificate(&lab, "other-ca", "other-ca", ca, None);
        certificate(&lab, "unknown-ca", "other-ca", &san("unknown-ca"), None);
        certificate(&lab, "old-tls", "ca", &san("old-tls"), None);
        run(Command::new("openssl").current_dir(&certs).args([
            "x509",
            "-in",
            "intermediate.pem",
            "-outform",
            "der",
            "-out",
            "i.der",
        ]));

        // Each needs its own address, since nginx applies SSL settings per address.
        let mut http = String::new();
        let mut hosts = String::new();
        for (name, settings) in [
            ("expired", ""),
            ("expiring", PROGRAM),
            ("wrong-name", ""),
            ("self-signed", ""),
            ("incomplete", ""),
            ("incomplete-too", ""),
            ("complete", PROGRAM),
            ("authority", PROGRAM),
            ("unknown-ca", ""),
        ] {
            let file = certs.join(name).display().to_string();
            let _ = writeln!(
                http,
                "server {{\nserver_name {name}.example;\nlisten 443 ssl;\nssl_certificate {file}.pem;\n\
                 ssl_certificate_key {file}.key;\n{settings}\n}}"
            );
        }
        for (index, (name, settings)) in [
            (
                "old-tls",
                "ssl_protocols TLSv1; ssl_ciphers ALL:@SECLEVEL=0;",
            ),
            ("plain-http", ""),
            ("rejected", "ssl_reject_handshake on;"),
        ]
        .into_iter()
        .enumerate()
        {
            let address = format!("fd00::1{index}");
            add_address(&address);
            let _ = writeln!(hosts, "{address} {name}.example");
            let file = certs.join("old-tls").display().to_string();
            let ssl = match name {
                "plain-http" => String::new(),
                _ => format!("ssl;\nssl_certificate {file}.pem;\nssl_certificate_key {file}.key"),
            };
            let _ = writeln!(
                http,
                "server {{\nlisten [{address}]:443 {ssl};\n{settings}\n}}"
            );
        }
        let root = certs.display();
        let _ = writeln!(
            http,
            "server {{\nserver_name aia.example;\nlisten 80;\nroot {root};\n}}"
        );
        nginx(&mut lab, &http, CASES);

        for address in ["fd00::2", "fd00::3"] {
            add_address(address);
        }
        let silent = TcpListener::bind("[fd00::2]:443").unwrap();
        run(Command::new("ip").args(["route", "add", "10.66.6.6/32", "dev", "lo"]));
        hosts.push_str(
            "fd00::2 silent.example\nfd00::3 refused.example\n10.66.6.6 dropped.example\n\
             fd00::3 dead-ipv6.example\n",
        );
        add_hosts(&lab, &hosts);
        let go_commands = lab.go_commands();
        check(&lab, CASES, &[], &go_commands);
        for go in &go_commands {
            for name in ["complete", "authority", "healthy"] {
                go.get(&format!("{name}.example/m"));
            }
        }
        // So do the look-ups of convert.
        let mut convert = support::program();
        convert
            .args(["convert", "authority.example/m"])
            .env("SSL_CERT_FILE", lab.ca())
            .env("SSL_CERT_DIR", "/nowhere");
        let converted = run(&mut convert);
        assert!(
            converted.contains("repo: https://git.example/authority.git"),
            "{converted}"
        );
        drop(silent);
    });
}

/// Appends a file to another.
fn append(file: &Path, to: &Path) {
    let text = fs::read_to_string(to).unwrap() + &fs::read_to_string(file).unwrap();
    fs::write(to, text).unwrap();
}

/// Returns a server block for a host that is not one of the cases.
fn server(lab: &Lab, host: &str, block: &str) -> String {
    let file = lab.certificate(host);
    format!(
        "server {{\nserver_name {host};\nlisten 443 ssl;\nssl_certificate {file}.pem;\n\
         ssl_certificate_key {file}.key;\n{block}\n}}\n"
    )
}

fn add_address(address: &str) {
    let address = format!("{address}/128");
    run(Command::new("ip").args(["-6", "addr", "add", &address, "dev", "lo", "nodad"]));
}

/// Formats a time for `openssl ca`.
fn days_from_now(days: u32) -> String {
    let date = format!("{days} days");
    let text = run(Command::new("date").args(["-u", "-d", &date, "+%Y%m%d%H%M%SZ"]));
    text.trim().to_owned()
}

#[test]
#[ignore = "needs nginx, git and go; tests/run runs it"]
fn distinguishes_wrong_answers() {
    const CASES: &[Case] = &[
        of_host(
            "down",
            "location / { proxy_pass http://127.0.0.1:9; }",
            &["fail http-status"],
        ),
        of_host(
            "no-rule",
            "location / { return 404; }",
            &["fail http-status"],
        ),
        of_host(
            "not-reloaded",
            "location / { default_type text/plain; return 404 'no module at not-reloaded.example/m\n'; }",
            &["fail http-status"],
        ),
        of_host(
            "bot-wall",
            "location / { default_type text/html; return 403 '<title>Just a moment...</title>'; }",
            &["fail http-status"],
        ),
        of_host(
            "filters-agents",
            "location / {
                if ($http_user_agent ~ Go-http-client) { return 403; }
                proxy_pass http://127.0.0.1:8080;
                proxy_set_header Host $host;
            }",
            &["fail http-status"],
        ),
        of_host(
            "to-http",
            "location / { return 301 http://$host$request_uri; }",
            &["fail redirect-insecure"],
        ),
        of_host(
            "loop",
            "location / { return 302 https://$host/m?go-get=1; }",
            &["fail redirect-loop"],
        ),
        of_host(
            "long-loop",
            "location / { return 302 https://$host$uri/x?go-get=1; }",
            &["fail redirect-loop"],
        ),
        of_host(
            "drops-query",
            "location / { return 301 https://blog.example$uri; }",
            &["fail redirect-drops-query"],
        ),
        of_host(
            "to-nowhere",
            "location / { return 301 https://no-such-name.example$request_uri; }",
            &["fail dns-not-found"],
        ),
        of_host(
            "to-www",
            "location / { return 301 https://www.example$request_uri; }",
            &[],
        ),
        of_host(
            "blog",
            "location / { default_type text/html; return 200 '<title>My blog</title><p>'; }",
            &["fail tag-missing"],
        ),
        of_host(
            "in-body",
            "location / { default_type text/html; return 200 '<body><meta name=\"go-import\" content=\"in-body.example/m git https://git.example/in-body.git\">'; }",
            &["fail tag-missing"],
        ),
        of_host(
            "script",
            "location / { default_type text/html; return 200 '<script>if (a < b) {}</script><meta name=\"go-import\" content=\"script.example/m git https://git.example/script.git\">'; }",
            &["fail html-syntax"],
        ),
        of_host(
            "two-tags",
            "location / { default_type text/html; return 200 '<meta name=\"go-import\" content=\"two-tags.example/m git https://git.example/two-tags.git\"><meta name=\"go-import\" content=\"two-tags.example/m hg https://git.example/two-tags.git\">'; }",
            &["fail tag-multiple"],
        ),
        of_host(
            "other-prefix",
            "location / { default_type text/html; return 200 '<meta name=\"go-import\" content=\"www.other-prefix.example/m git https://git.example/other-prefix.git\">'; }",
            &["fail tag-prefix-mismatch"],
        ),
        of_host(
            "stale",
            "location / { default_type text/html; return 200 '<meta name=\"go-import\" content=\"stale.example/m git https://git.example/old.git\">'; }",
            &["warn tag-differs", "fail repo-not-found"],
        ),
        of_host(
            "exact-rule",
            "location = /m { proxy_pass http://127.0.0.1:8080; proxy_set_header Host $host; }
             location / { return 404; }",
            &["warn subpackage-missing"],
        ),
        of_host(
            "tag-in-404",
            "location / { default_type text/html; return 404 '<meta name=\"go-import\" content=\"tag-in-404.example/m git https://git.example/tag-in-404.git\">'; }",
            &[],
        ),
        of_host("healthy", PROGRAM, &[]),
    ];
    enter(|mut lab| {
        repositories(&lab, CASES);
        lab.govanityurls(&config(CASES), &["-listen", "127.0.0.1:8080"]);
        // www.example keeps the host of the original request.
        let block = PROGRAM.replace("$host", "to-www.example");
        let http = server(&lab, "www.example", &block);
        nginx(&mut lab, &http, CASES);
        let go_commands = lab.go_commands();
        check(&lab, CASES, &[], &go_commands);
        let [new, old] = &go_commands;
        for name in ["healthy", "to-www", "tag-in-404", "exact-rule"] {
            for go in &go_commands {
                go.get(&format!("{name}.example/m"));
            }
        }
        new.get("filters-agents.example/m");
        assert!(
            old.get_fails("filters-agents.example/m")
                .contains("403 Forbidden")
        );
    });
}

#[test]
#[ignore = "needs nginx, git and go; tests/run runs it"]
fn distinguishes_repository_faults() {
    const CASES: &[Case] = &[
        of_repository(
            "gone",
            "/m https://git.example/gone.git",
            &["fail repo-not-found"],
        ),
        of_repository(
            "private",
            "/m https://locked.example/x.git",
            &["fail repo-auth"],
        ),
        of_repository(
            "empty",
            "/m https://git.example/empty.git",
            &["fail no-versions"],
        ),
        of_repository(
            "away",
            "/m https://no-such-name.example/x.git",
            &["fail repo-unreachable"],
        ),
        of_repository("over-ssh", "/m ssh://git@git.example/m.git", &[]),
        of_repository(
            "other-path",
            "/m https://git.example/other-path.git",
            &["fail module-path-mismatch"],
        ),
        of_repository(
            "no-mod",
            "/m https://git.example/no-mod.git",
            &["warn module-path-mismatch"],
        ),
        of_repository(
            "v2-only-in-tag",
            "/m https://git.example/v2-only-in-tag.git",
            &["warn major-version-mismatch"],
        ),
        of_repository("v2-at-head", "/m https://git.example/v2-at-head.git", &[]),
        of_repository("v2", "/m https://git.example/v2.git", &[]),
        of_repository(
            "no-subdir",
            "/m https://git.example/no-subdir.git, subdir: sub",
            &["fail subdir-missing", "warn subdir-new-go"],
        ),
        of_repository(
            "bare-subdir",
            "/m https://git.example/bare-subdir.git, subdir: sub",
            &["fail subdir-missing", "warn subdir-new-go"],
        ),
        of_repository(
            "root-tags",
            "/m https://git.example/root-tags.git, subdir: sub",
            &["warn no-versions", "warn subdir-new-go"],
        ),
        of_repository(
            "subdir",
            "/m https://git.example/subdir.git, subdir: sub",
            &["warn subdir-new-go"],
        ),
        of_repository(
            "no-tags",
            "/m https://git.example/no-tags.git",
            &["warn no-versions"],
        ),
        of_repository(
            "odd-tags",
            "/m https://git.example/odd-tags.git",
            &["warn no-versions"],
        ),
        of_repository("pattern", "/x/* https://git.example/*.git", &[]),
        of_repository("hg", "/m https://git.example/m.hg, vcs: hg", &[]),
        of_repository(
            "proxy",
            "/m https://goproxy.example, vcs: mod",
            &["fail proxy-failed"],
        ),
        of_repository("healthy", "/m https://git.example/NAME.git", &[]),
    ];
    enter(|mut lab| {
        repositories(&lab, CASES);
        let module = |name: &str| format!("module {name}.example/m\n");
        let make = |name: &str, commits: &[(&str, &[(&str, &str)])]| {
            let commits = commits.iter().map(|&(tag, files)| Commit { tag, files });
            lab.repository(name, &commits.collect::<Vec<_>>());
        };
        make("empty", &[]);
        make(
            "other-path",
            &[(
                "v1.0.0",
                &[
                    ("go.mod", "module github.com/a/b\n"),
                    ("m.go", "package m\n"),
                ],
            )],
        );
        make("no-mod", &[("v1.0.0", &[("m.go", "package m\n")])]);
        let own = module("v2-only-in-tag");
        make(
            "v2-only-in-tag",
            &[
                ("v1.0.0", &[("go.mod", &own), ("m.go", "package m\n")]),
                ("v2.0.0", &[("x.go", "package m\n")]),
            ],
        );
        make(
            "v2-at-head",
            &[(
                "",
                &[
                    ("go.mod", "module v2-at-head.example/m/v2\n"),
                    ("m.go", "package m\n"),
                ],
            )],
        );
        make(
            "v2",
            &[
                (
                    "v1.0.0",
                    &[("go.mod", &module("v2")), ("m.go", "package m\n")],
                ),
                ("v2.0.0", &[("go.mod", "module v2.example/m/v2\n")]),
            ],
        );
        make(
            "no-subdir",
            &[("v1.0.0", &[("go.mod", &module("no-subdir"))])],
        );
        make("bare-subdir", &[("v1.0.0", &[("sub/m.go", "package m\n")])]);
        make(
            "root-tags",
            &[(
                "v1.0.0",
                &[
                    ("sub/go.mod", &module("root-tags")),
                    ("sub/m.go", "package m\n"),
                ],
            )],
        );
        make(
            "subdir",
            &[(
                "sub/v1.0.0",
                &[
                    ("sub/go.mod", &module("subdir")),
                    ("sub/m.go", "package m\n"),
                ],
            )],
        );
        make(
            "no-tags",
            &[(
                "",
                &[("go.mod", &module("no-tags")), ("m.go", "package m\n")],
            )],
        );
        make(
            "odd-tags",
            &[(
                "1.0",
                &[("go.mod", &module("odd-tags")), ("m.go", "package m\n")],
            )],
        );
        make(
            "one",
            &[(
                "v1.0.0",
                &[
                    ("go.mod", "module pattern.example/x/one\n"),
                    ("m.go", "package m\n"),
                ],
            )],
        );

        lab.govanityurls(&config(CASES), &["-listen", "127.0.0.1:8080"]);
        let locked =
            "location / { add_header WWW-Authenticate 'Basic realm=x' always; return 401; }";
        let goproxy = "location ~ list$ { return 200 'v1.0.0\n'; }
            location ~ info$ { return 200 '{\"Version\":\"v1.0.0\"}'; }
            location ~ mod$ { return 200 'module proxy.example/m\n'; }";
        let http =
            server(&lab, "locked.example", locked) + &server(&lab, "goproxy.example", goproxy);
        nginx(&mut lab, &http, CASES);
        let go_commands = lab.go_commands();
        // This version must be named: `go get` does not select it.
        let gets = [("v2-only-in-tag", "/m@v2.0.0")];
        check(&lab, CASES, &gets, &go_commands);

        let (json, ok) = verify(&lab, &config(CASES), &["pattern.example/x/one"]);
        assert!(ok, "{json}");
        for go in &go_commands {
            for path in [
                "healthy.example/m",
                "v2.example/m",
                "v2.example/m/v2",
                "pattern.example/x/one",
            ] {
                go.get(path);
            }
            let version = ["list", "-m", "-f", "{{.Version}}", "proxy.example/m@latest"];
            assert_eq!(run(go.command().args(version)), "v1.0.0\n");
        }
        go_commands[0].get("subdir.example/m");
    });
}

/// Two hosts, one of them down.
const TWO_HOSTS: &[Case] = &[
    of_repository(
        "up",
        "/m https://git.example/NAME.git
        /m/below https://git.example/NAME.git
        /x/* https://git.example/*.git",
        &[],
    ),
    of_host("down", "location / { proxy_pass http://127.0.0.1:9; }", &[]),
];

#[test]
#[ignore = "needs nginx, git, openssl, promtool and jsonschema; tests/run runs it"]
fn prints_text_or_json() {
    enter(|mut lab| {
        repositories(&lab, TWO_HOSTS);
        let mut file = config(TWO_HOSTS);
        for name in ["a", "b", "c"] {
            let _ = writeln!(
                file,
                "down.example/{name}: {{repo: https://git.example/up.git}}"
            );
        }
        lab.govanityurls(&file, &["-listen", "127.0.0.1:8080"]);
        nginx(&mut lab, "", TWO_HOSTS);

        let (text, ok) = verify_text(&lab, &file, &[]);
        assert!(!ok);
        // A fault is described once, at the end, with all its modules.
        let end = text.split_once(" modules on 2 hosts\n").unwrap().1;
        assert_eq!(end.matches("502 Bad Gateway from").count(), 1, "{text}");
        let also = "also        down.example/a, down.example/b, down.example/c\n";
        assert!(end.contains(also), "{text}");
        assert!(
            text.contains("\n  up.example/m\n  PASS  answer      git https://git.example/up.git\n"),
            "{text}"
        );
        assert!(
            text.contains("SKIP  answer      a pattern; to check a module"),
            "{text}"
        );
        assert!(!text.contains('\x1b'), "{text}");

        let requests = lab.requests();
        assert!(
            requests.contains("up.example \"GET /m?go-get=1 HTTP/1.1\" 200"),
            "{requests}"
        );
        // By path, by a path below a module, and at another address.
        let (json, ok) = verify(&lab, &file, &["up.example/m/sub", "/m", "up.example/x/up"]);
        assert!(!ok, "the module of up.example/x/up has another path");
        let modules: Vec<_> = json["checks"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|check| check["module"].as_str())
            .collect();
        assert!(
            modules.contains(&"up.example/m") && modules.contains(&"up.example/x/up"),
            "{modules:?}"
        );
        let (json, ok) = verify(&lab, &file, &["-connect", "[::1]:443", "-timeout", "1"]);
        assert!(!ok);
        assert_eq!(faults(&json, "up.example")[0]["code"], "connect-refused");
        let (_, ok) = verify(&lab, &file, &["-connect", "127.0.0.1", "up.example/m"]);
        assert!(ok);
        for bad in ["other.example/m", "up.example/zzz", "m", "/m/../x"] {
            let (text, ok) = verify_text(&lab, &file, &[bad]);
            assert!(!ok && text.is_empty(), "{text}");
            let (json, _) = verify(&lab, &file, &[bad]);
            assert!(json["error"].is_string(), "{json}");
        }
        let (json, _) = verify(&lab, &file, &["up.example/m@v1.0.0"]);
        assert_eq!(json["ok"], true, "{json}");
        let (text, _) = verify_text(&lab, &file, &["down.example"]);
        assert!(text.contains("4 modules on 1 host"), "{text}");

        // Without a file, by anybody.
        let stranger = |path: &str| {
            let mut command = command(&lab);
            let output = command.current_dir("/").arg(path).output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            println!("{text}{}", String::from_utf8_lossy(&output.stderr));
            (text, output.status.success())
        };
        let (text, ok) = stranger("up.example/m/some/package");
        assert!(ok && text.contains("v1.0.0"), "{text}");
        let (text, ok) = stranger("down.example/a");
        assert!(
            !ok && text.ends_with("send this to the owner of the import path\n"),
            "{text}"
        );

        let (text, _) = verify_text(&lab, &file, &["-json"]);
        let (prometheus, _) = verify_text(&lab, &file, &["-format", "prometheus"]);
        assert_eq!(schema_errors(&text), "");
        assert!(metrics(&prometheus).contains("govanityurls_verify_ok 0\n"));
        assert!(!schema_errors(&text.replace("http-status", "http-stat")).is_empty());
        assert!(!schema_errors(&text.replace("\"step\"", "\"steps\"")).is_empty());
    });
}

#[test]
#[ignore = "needs nginx, git and openssl; tests/run runs it"]
fn interrupted_run_prints_partial_results() {
    enter(|mut lab| {
        const CASES: &[Case] = &[
            of_repository("up", "/m https://git.example/NAME.git", &[]),
            of_host(
                "slow",
                "location / { proxy_pass http://127.0.0.1:8081; }",
                &[],
            ),
        ];
        repositories(&lab, CASES);
        lab.govanityurls(&config(CASES), &["-listen", "127.0.0.1:8080"]);
        let slow = TcpListener::bind("127.0.0.1:8081").unwrap();
        nginx(&mut lab, "", CASES);
        for signal in ["INT", "TERM"] {
            let file = lab.dir().join("verify.yaml");
            fs::write(&file, config(CASES)).unwrap();
            let mut child = command(&lab)
                .arg("-config")
                .arg(file)
                .arg("-json")
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            // Both hosts have been checked before a module of the slow host is requested.
            let _kept = slow.accept().unwrap();
            support::signal(child.id(), signal);
            let mut text = String::new();
            child
                .stdout
                .take()
                .unwrap()
                .read_to_string(&mut text)
                .unwrap();
            assert_eq!(child.wait().unwrap().code(), Some(1));
            let json: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(
                (&json["ok"], &json["interrupted"]),
                (&false.into(), &true.into())
            );
            let checks = json["checks"].as_array().unwrap();
            assert!(
                checks
                    .iter()
                    .any(|check| check["host"] == "up.example" && check["step"] == "tls"),
                "{text}"
            );
        }
    });
}

#[test]
#[ignore = "needs git and openssl; tests/run runs it"]
fn hostile_servers_do_no_harm() {
    const MODULES: [(&str, &str); 8] = [
        ("drip", "connect-timeout"),
        ("drip-head", "connect-timeout"),
        // Not checked: the page and the head are longer than what verify reads.
        ("huge", ""),
        ("headers", ""),
        ("bomb", "tag-missing"),
        ("escapes", "http-status"),
        ("title", "html-syntax"),
        ("closes", "http-status"),
    ];
    enter(|lab| {
        let hosts = MODULES.map(|(name, _)| format!("{name}.example"));
        let names: Vec<_> = hosts.iter().map(|host| format!("DNS:{host}")).collect();
        certificate(
            &lab,
            "hostile",
            "ca",
            &format!("subjectAltName={}", names.join(",")),
            None,
        );
        let (port, sent) = hostile::start(&lab.dir().join("certs/hostile"));
        let mut file = String::new();
        for host in &hosts {
            let _ = writeln!(file, "{host}/m: {{repo: https://git.example/m.git}}");
        }
        let path = lab.dir().join("verify.yaml");
        fs::write(&path, file).unwrap();
        let connect = format!("127.0.0.1:{port}");
        let mut child = command(&lab)
            .args(["-json", "-timeout", "2", "-connect", &connect, "-config"])
            .arg(path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().unwrap();
        let reader = thread::spawn(move || std::io::read_to_string(stdout).unwrap());
        let mut peak = 0;
        let status = support::wait_until("verify ends", || {
            peak = peak.max(peak_memory(child.id()));
            child.try_wait().unwrap()
        });
        assert_eq!(status.code(), Some(1));
        let text = reader.join().unwrap();
        println!("{text}");
        let json: Value = serde_json::from_str(&text).unwrap();
        for (host, (_, code)) in hosts.iter().zip(MODULES) {
            let found: Vec<_> = faults(&json, host)
                .iter()
                .map(|check| check["code"].clone())
                .collect();
            let expected: &[&str] = if code.is_empty() { &[] } else { &[code] };
            assert_eq!(found, expected, "{host}");
        }
        assert!(
            !text.contains("\\u001b") && !text.contains('\x1b'),
            "{text}"
        );
        println!("peak memory: {peak} kB");
        assert!(peak < 64 << 10, "{peak} kB");
        let sent = sent.load(Ordering::Relaxed);
        assert!(sent < 64 << 20, "{sent} bytes of a body were taken");
    });
}

/// Returns a process's peak memory use so far, in kilobytes.
fn peak_memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok())
        .unwrap_or(0)
}

/// Returns metrics that promtool accepts.
fn metrics(text: &str) -> &str {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    promtool
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    assert!(promtool.wait().unwrap().success(), "{text}");
    text
}

/// Returns the reference validator's error for an output; empty if there is none.
fn schema_errors(json: &str) -> String {
    const VALIDATE: &str = "
import json, sys
from jsonschema import Draft7Validator
schema = json.load(open(sys.argv[1]))
Draft7Validator.check_schema(schema)
for error in Draft7Validator(schema).iter_errors(json.load(sys.stdin)):
    print(error.message)
";
    let mut python = Command::new("python3")
        .args(["-c", VALIDATE])
        .arg(support::repository_file("docs/verify.schema.json"))
        .env(
            "PYTHONPATH",
            env::var_os("TEST_PYTHONPATH").unwrap_or_default(),
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    python
        .stdin
        .take()
        .unwrap()
        .write_all(json.as_bytes())
        .unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}
