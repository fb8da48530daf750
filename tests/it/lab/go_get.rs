//! End to end: real go commands fetch real repositories through nginx and the program.

use crate::lab::modules::{self, PATHS, PRINTED, PROGRAM, VANITY};
use crate::lab::{Commit, Lab, Scheme, enter, enter_and_fail, processes_of};

/// A widespread nginx rule.
const RULE: &str = r#"
    location /gowechat {
            proxy_pass http://127.0.0.1:8080;
            proxy_redirect off;
            proxy_set_header Host $host;
            proxy_set_header X-Real-IP $remote_addr;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;

            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
    }
"#;

#[test]
#[ignore = "needs nginx, git and go; tests/run runs it"]
fn go_gets_every_kind_of_module_over_tls() {
    enter(|mut lab| {
        start(&mut lab, Scheme::Https);
        for go in lab.go_commands() {
            for path in PATHS {
                go.get(path);
            }
            assert_eq!(go.run(PROGRAM), PRINTED);
            assert_eq!(go.version_of("tonybai.com/gowechat"), "v1.2.0");
            assert_eq!(go.version_of("tonybai.com/gowechat/v2"), "v2.0.0");
        }
        let requests = lab.requests();
        assert!(requests.contains("https tonybai.com \"GET /gowechat?go-get=1"));
        assert!(!requests.lines().any(|line| line.starts_with("http ")));
    });
}

#[test]
#[ignore = "needs nginx, git and go; tests/run runs it"]
fn go_gets_every_kind_of_module_over_plain_http() {
    enter(|mut lab| {
        start(&mut lab, Scheme::Http);
        for mut go in lab.go_commands() {
            let said = go.get_fails("tonybai.com/gowechat");
            assert!(said.contains("connection refused"), "{said}");

            go.set("GOINSECURE", "tonybai.com,vanity.example");
            for path in PATHS {
                go.get(path);
            }
            assert_eq!(go.run(PROGRAM), PRINTED);
        }
    });
}

#[test]
#[ignore = "needs nginx, git and go; tests/run runs it"]
fn untrusted_certificate_is_reported_by_go() {
    enter(|mut lab| {
        start(&mut lab, Scheme::Https);
        for mut go in lab.go_commands() {
            go.unset("SSL_CERT_FILE");
            let said = go.get_fails("tonybai.com/gowechat");
            let x509 = "x509: certificate signed by unknown authority";
            assert!(said.contains(x509), "{said}");
        }
        assert_eq!(lab.requests(), "");
    });
}

#[test]
#[ignore = "needs nginx, git and go; tests/run runs it"]
fn go_prints_the_suggestion_for_a_typo() {
    enter(|mut lab| {
        start(&mut lab, Scheme::Https);
        for go in lab.go_commands() {
            let said = go.get_fails("tonybai.com/gowechatt");
            let answer = "server response: \
                no module at tonybai.com/gowechatt; did you mean tonybai.com/gowechat?\n";
            assert!(said.contains(answer), "{said}");
        }
    });
}

#[test]
#[ignore = "needs nginx, git and go; tests/run runs it"]
fn folder_above_modules_is_404_for_go() {
    enter(|mut lab| {
        start(&mut lab, Scheme::Https);
        for go in lab.go_commands() {
            // On the way to a package, go requests each parent, including /x.
            go.get("tonybai.com/x/experiments/sub");
            let version = go.version_of("tonybai.com/x/experiments");
            assert!(version.starts_with("v0.0.0-"), "{version}");
            assert!(lab.requests().contains("\"GET /x?go-get=1 HTTP/1.1\" 404"));

            let said = go.get_fails("tonybai.com/x");
            assert!(said.contains("404 Not Found"), "{said}");
            assert!(said.contains("no module at tonybai.com/x"), "{said}");
            assert!(!said.contains("go-import"), "{said}");
        }
    });
}

#[test]
#[ignore = "needs nginx, git and go; tests/run runs it"]
fn major_version_belongs_to_the_module_beside_a_pattern() {
    enter(|mut lab| {
        for (name, versions) in [
            ("q", [("v1.1.0", "q"), ("v2.2.0", "q/v2")]),
            ("q-tool", [("v1.3.0", "q/tool"), ("v3.4.0", "q/tool/v3")]),
        ] {
            let texts = versions.map(|(_, path)| {
                let module = format!("module tonybai.com/{path}\n");
                (module, modules::package("q", path))
            });
            let files = texts
                .each_ref()
                .map(|(module, source)| [("go.mod", &**module), ("q.go", &**source)]);
            let commits = [0, 1].map(|index| Commit {
                tag: versions[index].0,
                files: &files[index],
            });
            lab.repository(name, &commits);
        }
        lab.govanityurls(
            "/q:\n  repo: https://git.example/q.git\n\
             /q/*:\n  repo: https://git.example/q-*.git\n",
            &["-host", "tonybai.com"],
        );
        let rule = RULE.replace("/gowechat", "/q");
        lab.nginx(Scheme::Https, &[("tonybai.com", &rule)]);
        for go in lab.go_commands() {
            for (path, version) in [
                ("tonybai.com/q/v2", "v2.2.0"),
                ("tonybai.com/q", "v1.1.0"),
                ("tonybai.com/q/tool", "v1.3.0"),
                ("tonybai.com/q/tool/v3", "v3.4.0"),
            ] {
                go.get(path);
                assert_eq!(go.version_of(path), version, "{path}");
            }
        }
        let requests = lab.requests();
        assert!(!requests.contains("q-v2"), "{requests}");
    });
}

#[test]
#[ignore = "needs nginx, git and go; tests/run runs it"]
fn successful_go_get_counts_no_miss() {
    enter(|mut lab| {
        start(&mut lab, Scheme::Https);
        for go in lab.go_commands() {
            for path in PATHS {
                go.get(path);
            }
        }
        let (_, metrics) = lab.browse(&format!("http://{ADMIN}/metrics"));
        let counted = |labels: &str| -> f64 {
            let start = format!("govanityurls_http_requests_total{{{labels}");
            let counts = metrics.lines().filter_map(|line| {
                let (_, count) = line.strip_prefix(&start)?.rsplit_once(' ')?;
                count.parse::<f64>().ok()
            });
            counts.sum()
        };
        assert_eq!(counted("kind=\"go_get_miss\""), 0.0, "{metrics}");
        for kind in ["hit", "folder"] {
            let of_kind = format!("kind=\"go_get_{kind}\"");
            assert!(counted(&of_kind) > 0.0, "{metrics}");
            let status = if kind == "hit" { 200 } else { 404 };
            let of_go = format!("{of_kind},status=\"{status}\",client=\"go\"");
            assert_eq!(counted(&of_go), counted(&of_kind), "{metrics}");
        }
    });
}

#[test]
#[ignore = "needs nginx, git and go; tests/run runs it"]
fn failed_test_leaves_no_process() {
    // Every test checks for leftovers; this one fails half-way.
    enter_and_fail("on purpose", |mut lab| {
        start(&mut lab, Scheme::Https);
        let processes = processes_of(lab.dir()).join("\n");
        for name in ["nginx", "fcgiwrap", "govanityurls -host tonybai.com"] {
            assert!(processes.contains(name), "{name} is not in\n{processes}");
        }
        // Not even processes started by a lab that is never dropped.
        std::mem::forget(lab);
        panic!("on purpose");
    });
}

/// Address of the program's metrics.
const ADMIN: &str = "127.0.0.1:9090";

/// Starts the repositories, the program and nginx.
fn start(lab: &mut Lab, scheme: Scheme) {
    modules::make(lab);
    let config = match scheme {
        Scheme::Http => VANITY.replace("https:", "http:"),
        Scheme::Https => VANITY.to_owned(),
    };
    lab.govanityurls(&config, &["-host", "tonybai.com", "-admin", ADMIN]);
    lab.nginx(
        scheme,
        &[
            (
                "tonybai.com",
                &format!("{RULE}{}", RULE.replace("/gowechat", "/x")),
            ),
            ("vanity.example", &RULE.replace("/gowechat", "/")),
        ],
    );
}
