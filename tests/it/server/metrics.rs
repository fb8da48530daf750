//! The responses of the admin listener, and its request counts.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::{PATIENCE, Response, SEED, Server, repository_file, wait_until};
use regex::Regex;
use serde_json::Value;

/// Returns the address of the admin endpoints from the log.
fn admin(server: &Server) -> String {
    let line = &server.log[0];
    let (_, address) = line.rsplit_once("admin endpoints on ").unwrap();
    address.to_owned()
}

/// Sends one request to the admin listener.
fn ask(admin: &str, target: &str, headers: &str) -> Response {
    let head = format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n");
    let mut bytes = Vec::new();
    if let Some(path) = admin.strip_prefix("unix:") {
        let mut stream = UnixStream::connect(path).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        stream.read_to_end(&mut bytes).unwrap();
    } else {
        let mut stream = TcpStream::connect(admin).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        stream.read_to_end(&mut bytes).unwrap();
    }
    Response::parse(&bytes)
}

/// Returns all samples by name and labels, except histogram buckets.
fn samples(admin: &str) -> BTreeMap<String, f64> {
    let text = ask(admin, "/metrics", "").body;
    text.lines()
        .filter(|line| !line.starts_with('#') && !line.contains("_bucket{"))
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let name = name.strip_prefix("govanityurls_").unwrap_or(name);
            (name.to_owned(), value.parse().unwrap())
        })
        .collect()
}

fn start(config: &str) -> (Server, String) {
    let server = Server::start_with(config, &["-admin", "127.0.0.1:0"]);
    let admin = admin(&server);
    (server, admin)
}

/// Asserts that promtool accepts the text without warnings.
fn check(text: &str) {
    // promtool checks Prometheus's older format, where `_total` is in a counter's own name.
    let counters: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter"))
        .collect();
    let mut text = text.to_owned();
    for name in counters {
        text = text.replace(&format!(" {name} "), &format!(" {name}_total "));
    }
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = promtool.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).unwrap();
    drop(stdin);
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[test]
#[ignore = "needs promtool; tests/run runs it"]
fn promtool_reports_no_problem() {
    let (server, admin) = start(SEED);
    check(&ask(&admin, "/metrics", "").body);
    for target in ["/gowechat?go-get=1", "/gowechat", "/", "/none"] {
        server.get(target);
    }
    check(&ask(&admin, "/metrics", "").body);
}

/// Runs promtool, which must succeed.
fn promtool(args: &[&str]) {
    let output = Command::new("promtool")
        .args(args)
        .current_dir(repository_file("contrib/prometheus"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {said}");
}

#[test]
#[ignore = "needs promtool; tests/run runs it"]
fn alert_rules_pass_their_tests() {
    promtool(&["check", "rules", "govanityurls.rules.yml"]);
    promtool(&["test", "rules", "govanityurls.test.yml"]);
}

#[test]
#[ignore = "needs promtool; tests/run runs it"]
fn the_queries_of_the_dashboard_are_valid() {
    let queries = dashboard_queries();
    let rules = queries.iter().enumerate().map(|(index, query)| {
        let query = Value::from(query.replace("$__rate_interval", "5m"));
        format!("  - {{ record: query_{index}, expr: {query} }}\n")
    });
    let rules: String = rules.collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, format!("groups:\n- name: x\n  rules:\n{rules}")).unwrap();
    promtool(&[
        "check",
        "rules",
        "--lint=none",
        file.path().to_str().unwrap(),
    ]);
}

fn dashboard() -> Value {
    let file = repository_file("contrib/grafana/govanityurls.json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// Returns the queries of all panels and variables.
fn dashboard_queries() -> Vec<String> {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().unwrap());
    let queries = targets.map(|target| target["expr"].as_str().unwrap().to_owned());
    queries.collect()
}

/// Every metric and label in the dashboard and alerts exists on a server.
#[test]
fn alerts_and_dashboard_use_existing_metrics() {
    let (server, admin) = start(SEED);
    server.get("/gowechat?go-get=1");
    let metrics = ask(&admin, "/metrics", "").body;
    let mut queries = dashboard_queries();
    assert!(queries.len() > 15, "{queries:?}");
    let instances = &dashboard()["templating"]["list"][1]["query"];
    queries.push(instances.as_str().unwrap().to_owned());
    for file in ["govanityurls.rules.yml", "govanityurls.test.yml"] {
        let text = repository_file("contrib/prometheus").join(file);
        let text = std::fs::read_to_string(text).unwrap();
        let lines = text.lines();
        queries.extend(
            lines
                .filter(|line| !line.trim_start().starts_with('#'))
                .map(str::to_owned),
        );
    }
    let metric = Regex::new(r"\b(govanityurls_\w+)(?:\{([^}]*)\})?").unwrap();
    let matcher = Regex::new(r#"(\w+)\s*=(~?)\s*"([^"]*)""#).unwrap();
    let grouping = Regex::new(r"by \(([^)]*)\)").unwrap();
    let mut asked = BTreeSet::new();
    for query in &queries {
        for found in metric.captures_iter(query) {
            let name = &found[1];
            let start = |line: &&str| {
                let rest = line.strip_prefix(name);
                rest.is_some_and(|rest| rest.starts_with([' ', '{']))
            };
            let samples: Vec<&str> = metrics.lines().filter(start).collect();
            assert!(!samples.is_empty(), "no {name} in {metrics}");
            asked.insert(name.to_owned());
            for found in matcher.captures_iter(found.get(2).map_or("", |labels| labels.as_str())) {
                // Added by Prometheus.
                if matches!(&found[1], "instance" | "job") {
                    continue;
                }
                for value in found[3].split('|') {
                    let label = format!("{}=\"{value}\"", &found[1]);
                    assert!(
                        samples.iter().any(|sample| sample.contains(&label)),
                        "no {label} in {samples:?}"
                    );
                }
            }
            for found in grouping.captures_iter(query) {
                for label in found[1].split(", ").filter(|label| *label != "instance") {
                    let label = format!("{label}=");
                    assert!(
                        samples.iter().any(|sample| sample.contains(&label)),
                        "no {label} in {samples:?}"
                    );
                }
            }
        }
    }
    // Conversely, every metric is used.
    for line in metrics.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        assert!(asked.contains(name), "{name} is in no panel");
    }
}

#[test]
fn counters_equal_the_requests_made() {
    let (server, admin) = start(SEED);
    let tag = server.get("/gowechat").header("etag").unwrap().to_owned();
    for (times, method, target) in [
        (2, "GET", "/?go-get=1"),
        (1, "GET", "/x?go-get=1"),
        (3, "GET", "/gowechat?go-get=1"),
        (2, "GET", "/gowechat/mp?go-get=1"),
        (1, "GET", "/x/experiments?go-get=1"),
        (4, "GET", "/none?go-get=1"),
        (2, "HEAD", "/gowechat/mp"),
        (3, "GET", "/"),
        (5, "GET", "/none"),
        (6, "POST", "/gowechat?go-get=1"),
    ] {
        for _ in 0..times {
            server.request(method, target, &[]);
        }
    }
    for _ in 0..7 {
        server.request("GET", "/gowechat", &[("If-None-Match", &tag)]);
    }
    let samples = samples(&admin);
    let requests: BTreeMap<_, _> = samples
        .iter()
        .filter(|(_, count)| **count > 0.0)
        .filter_map(|(name, count)| {
            let labels = name.strip_prefix("http_requests_total{")?;
            Some((labels.strip_suffix(",client=\"other\"}")?, *count))
        })
        .collect();
    assert_eq!(
        requests,
        BTreeMap::from([
            (r#"kind="go_get_hit",status="200""#, 6.0),
            (r#"kind="go_get_folder",status="404""#, 3.0),
            (r#"kind="go_get_miss",status="404""#, 4.0),
            (r#"kind="page",status="200""#, 3.0),
            (r#"kind="page",status="304""#, 7.0),
            (r#"kind="list",status="200""#, 3.0),
            (r#"kind="miss",status="404""#, 5.0),
            (r#"kind="other",status="405""#, 6.0),
        ])
    );
    for (name, count) in [
        ("http_request_duration_seconds_count", 37.0),
        (r#"go_gets_total{module="tonybai.com/gowechat"}"#, 5.0),
        (r#"go_gets_total{module="tonybai.com/x/experiments"}"#, 1.0),
        ("connections_accepted_total", 37.0),
        ("modules", 2.0),
    ] {
        assert_eq!(samples.get(name), Some(&count), "{name} in {samples:#?}");
    }
    let sum = samples["http_request_duration_seconds_sum"];
    assert!(sum > 0.0 && sum < 10.0, "{sum}");
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        samples[&format!("build_info{{version=\"{version}\"}}")],
        1.0
    );
}

#[test]
fn client_label_follows_the_user_agent() {
    let (server, admin) = start(SEED);
    for (agent, client) in [
        ("Go-http-client/1.1", "go"),
        ("Go-http-client/2.0", "go"),
        ("GoCommand/1.27", "go"),
        ("GoModuleMirror/1.0 (+https://proxy.golang.org)", "mirror"),
        ("git/2.47.3", "git"),
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "browser",
        ),
        ("curl/8.14.1", "other"),
        ("Go", "other"),
        ("", "other"),
    ] {
        let name = |client| {
            format!(r#"http_requests_total{{kind="page",status="200",client="{client}"}}"#)
        };
        let before = samples(&admin)[&name(client)];
        server.request("GET", "/gowechat", &[("User-Agent", agent)]);
        assert_eq!(samples(&admin)[&name(client)], before + 1.0, "{agent}");
    }
}

/// The go command's requests on its way to a package; those that get a 404 are sent twice.
#[test]
fn successful_go_get_counts_no_miss() {
    let (server, admin) = start(
        "/x/y/experiments:\n  repo: https://h.example/e\n\
         /hidden/secret:\n  repo: https://h.example/s\n  hidden: true\n\
         /team/*:\n  repo: https://h.example/*\n",
    );
    for folder in ["/", "/x", "/x/", "/x/y", "/hidden", "/team"] {
        for _ in 0..2 {
            assert_eq!(server.get(&format!("{folder}?go-get=1")).status, 404);
        }
    }
    for module in [
        "/x/y/experiments",
        "/x/y/experiments/sub",
        "/hidden/secret",
        "/team/tool",
    ] {
        assert_eq!(server.get(&format!("{module}?go-get=1")).status, 200);
    }
    let count = |samples: &BTreeMap<String, f64>, kind: &str| -> f64 {
        let start = format!("http_requests_total{{kind=\"{kind}\"");
        let of_kind = samples.iter().filter(|(name, _)| name.starts_with(&start));
        of_kind.map(|(_, count)| count).sum()
    };
    let before = samples(&admin);
    assert_eq!(count(&before, "go_get_miss"), 0.0);
    assert_eq!(count(&before, "go_get_folder"), 12.0);
    assert_eq!(count(&before, "go_get_hit"), 4.0);
    // Next to a folder, or not an import path at all.
    for miss in ["/z", "/x/yy", "/hidden/secre", "/hid", "/x//y", "/x/.."] {
        assert_eq!(server.get(&format!("{miss}?go-get=1")).status, 404);
    }
    let after = samples(&admin);
    assert_eq!(count(&after, "go_get_miss"), 6.0, "{after:#?}");
    assert_eq!(count(&after, "go_get_folder"), 12.0);
}

#[test]
fn counts_open_and_rejected_connections() {
    let (server, admin) = start(SEED);
    let open = [server.connect(), server.connect(), server.connect()];
    wait_until("three are open", || {
        (samples(&admin)["connections"] == 3.0).then_some(())
    });
    drop(open);
    wait_until("none is open", || {
        (samples(&admin)["connections"] == 0.0).then_some(())
    });
    let bad = r#"connections_refused_total{reason="bad_request"}"#;
    assert_eq!(samples(&admin)[bad], 0.0);
    let mut stream = server.connect();
    stream.write_all(b"no HTTP\r\n\r\n").unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
    drop(stream);
    wait_until("it is counted", || {
        (samples(&admin)[bad] == 1.0).then_some(())
    });
    assert_eq!(samples(&admin)["connections_accepted_total"], 4.0);
    // The scrape was a request as well and got a response.
    let answered = |status| {
        let labels = format!("{{kind=\"other\",status=\"{status}\",client=\"other\"}}");
        samples(&admin)[&format!("http_requests_total{labels}")]
    };
    assert_eq!((answered(400), answered(431)), (1.0, 0.0));
    server.request("GET", "/", &[("X", &"x".repeat(17_000))]);
    wait_until("the large one is counted", || {
        (answered(431) == 1.0).then_some(())
    });
}

#[test]
fn counters_survive_reloads() {
    let (mut server, admin) = start(SEED);
    let time = || {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs_f64()
    };
    let read = "config_last_reload_success_timestamp_seconds";
    let started = samples(&admin)[read];
    assert!((time() - started).abs() < 60.0, "{started}");
    server.get("/gowechat?go-get=1");

    let more = format!("{SEED}/more:\n  repo: https://github.com/bigwhite/more\n");
    std::fs::write(server.config(), more).unwrap();
    server.signal("HUP");
    server.wait_for_line("reloaded");
    let reloaded = samples(&admin)[read];
    assert!(reloaded > started);

    std::fs::write(server.config(), "nonsense").unwrap();
    server.signal("HUP");
    server.wait_for_line("refused");
    server.get("/gowechat?go-get=1");
    // The log line is written after the count.
    let samples = samples(&admin);
    for (name, value) in [
        (r#"config_reloads_total{outcome="success"}"#, 1.0),
        (r#"config_reloads_total{outcome="failure"}"#, 1.0),
        (read, reloaded),
        ("modules", 3.0),
        // Counted anew since the successful reload.
        (r#"go_gets_total{module="tonybai.com/gowechat"}"#, 1.0),
        (
            r#"http_requests_total{kind="go_get_hit",status="200",client="other"}"#,
            2.0,
        ),
    ] {
        assert_eq!(samples[name], value, "{name}");
    }
}

#[test]
fn a_missing_file_is_reported_and_the_server_stays_ready() {
    let mut server = Server::start_with(SEED, &["-admin", "127.0.0.1:0", "-watch"]);
    let admin = admin(&server);
    let missing = |admin: &str| samples(admin)["config_file_missing"];
    assert_eq!(missing(&admin), 0.0);
    std::fs::remove_file(server.config()).unwrap();
    let line = server.wait_for_line("vanity.yaml is missing");
    assert!(line.contains(" WARN "), "{line}");
    wait_until("it is counted", || (missing(&admin) == 1.0).then_some(()));
    assert_eq!(ask(&admin, "/readyz", "").status, 200);
    assert_eq!(server.get("/gowechat").status, 200);
    std::fs::write(server.config(), SEED).unwrap();
    wait_until("it is back", || (missing(&admin) == 0.0).then_some(()));
    let refused = samples(&admin)[r#"config_reloads_total{outcome="failure"}"#];
    assert_eq!(refused, 0.0);
}

#[test]
fn first_thousand_modules_have_their_own_counters() {
    let config: String = (0..1100)
        .map(|n| format!("/m{n}:\n  repo: https://git.example/m{n}\n"))
        .collect();
    let (server, admin) = start(&config);
    let mut stream = server.connect();
    let mut asked = String::new();
    for n in 0..1100 {
        asked.push_str(&format!(
            "GET /m{n}?go-get=1 HTTP/1.1\r\nHost: tonybai.com\r\n"
        ));
        asked.push_str(if n == 1099 {
            "Connection: close\r\n\r\n"
        } else {
            "\r\n"
        });
    }
    let mut writing = stream.try_clone().unwrap();
    let writer = std::thread::spawn(move || writing.write_all(asked.as_bytes()).unwrap());
    stream.read_to_end(&mut Vec::new()).unwrap();
    writer.join().unwrap();

    let samples = samples(&admin);
    let modules = by_module(&admin);
    assert_eq!(modules.len(), 1001);
    assert_eq!(samples[r#"go_gets_total{module="(other)"}"#], 100.0);
    assert_eq!(modules.iter().map(|(_, count)| *count).sum::<f64>(), 1100.0);
    assert_eq!(samples["modules"], 1100.0);
}

/// Returns the series that count requests by module.
fn by_module(admin: &str) -> Vec<(String, f64)> {
    let is_by_module = |(name, _): &(String, f64)| name.starts_with("go_gets_total");
    samples(admin).into_iter().filter(is_by_module).collect()
}

#[test]
fn reload_clears_the_counters_of_modules() {
    const ALL: &str = "/a:\n  repo: https://git.example/a\n\
        /b/*:\n  repo: https://git.example/b/*\n\
        /c:\n  repo: https://git.example/c\n";
    let (mut server, admin) = start(ALL);
    for path in ["/a", "/b/x", "/c", "/c"] {
        server.get(&format!("{path}?go-get=1"));
    }
    let series = |module: &str, count| (format!("go_gets_total{{module=\"{module}\"}}"), count);
    let expected = [
        series("tonybai.com/a", 1.0),
        series("tonybai.com/b/*", 1.0),
        series("tonybai.com/c", 2.0),
    ];
    assert_eq!(by_module(&admin), expected);

    let less = ALL.replace("/a:", "/new:") + "  hidden: true\n";
    std::fs::write(server.config(), less).unwrap();
    server.signal("HUP");
    server.wait_for_line("reloaded");
    assert_eq!(by_module(&admin), []);
    server.get("/c?go-get=1");
    server.get("/b/y?go-get=1");
    let expected = [series("(hidden)", 1.0), series("tonybai.com/b/*", 1.0)];
    assert_eq!(by_module(&admin), expected);
}

#[test]
fn reload_makes_room_for_new_counters() {
    let modules = |prefix: &str| {
        let lines = (0..1001).map(|n| format!("/{prefix}{n}:\n  repo: https://git.example/m\n"));
        lines.collect::<String>()
    };
    let (mut server, admin) = start(&modules("old"));
    let ask_for_all = |server: &Server, prefix: &str| {
        for n in 0..1001 {
            server.get(&format!("/{prefix}{n}?go-get=1"));
        }
    };
    ask_for_all(&server, "old");
    std::fs::write(server.config(), modules("new")).unwrap();
    server.signal("HUP");
    server.wait_for_line("reloaded");
    ask_for_all(&server, "new");
    let series = by_module(&admin);
    let is_new = |(name, _): &&(String, f64)| name.contains("/new");
    assert_eq!(series.iter().filter(is_new).count(), 1000);
    assert_eq!(series.len(), 1001);
}

#[test]
fn metrics_are_openmetrics_text() {
    let (_server, admin) = start(SEED);
    let text = ask(&admin, "/metrics", "");
    assert_eq!(
        text.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    assert!(
        text.body
            .contains("# TYPE govanityurls_http_requests counter\n")
    );
    assert!(text.body.ends_with("\n# EOF\n"));
    assert_eq!(text.body.matches("# EOF").count(), 1);
}

#[test]
fn stopping_server_is_live_but_not_ready() {
    let (mut server, admin) = start(SEED);
    for (target, status, body) in [("/healthz", 200, "ok\n"), ("/readyz", 200, "ready\n")] {
        let answer = ask(&admin, target, "");
        assert_eq!((answer.status, answer.body.as_str()), (status, body));
    }
    for target in ["/", "/metrics/", "/gowechat", "/healthz/x"] {
        assert_eq!(ask(&admin, target, "").status, 404, "{target}");
    }

    let mut under_way = server.connect();
    under_way
        .write_all(b"GET /gowechat HTTP/1.1\r\nHost: ")
        .unwrap();
    wait_until("it is accepted", || {
        (samples(&admin)["connections"] == 1.0).then_some(())
    });
    server.signal("TERM");
    wait_until("it is not ready", || {
        let answer = ask(&admin, "/readyz", "");
        (answer.status == 503).then(|| assert_eq!(answer.body, "stopping\n"))
    });
    assert_eq!(ask(&admin, "/healthz", "").status, 200);
    under_way.write_all(b"tonybai.com\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    under_way.read_to_end(&mut answer).unwrap();
    let answer = Response::parse(&answer);
    assert_eq!(
        (answer.status, answer.header("connection")),
        (200, Some("close"))
    );
    assert!(server.wait().success());
}

#[test]
fn admin_paths_do_not_shadow_modules() {
    let (server, _) = start(SEED);
    for target in ["/metrics", "/healthz", "/readyz"] {
        assert_eq!(server.get(target).status, 404, "{target}");
    }
    let (server, admin) = start("/metrics:\n  repo: https://git.example/metrics\n");
    assert!(server.get("/metrics").body.contains("go-import"));
    assert!(ask(&admin, "/metrics", "").body.contains("# HELP"));
}

#[test]
fn the_admin_endpoints_may_be_on_a_unix_socket() {
    let directory = tempfile::tempdir().unwrap();
    let address = format!("unix:{}", directory.path().join("admin.sock").display());
    let server = Server::start_with(SEED, &["-admin", &address]);
    assert_eq!(admin(&server), address);
    assert_eq!(ask(&address, "/readyz", "").status, 200);
    server.get("/gowechat?go-get=1");
    assert_eq!(
        samples(&address)["http_request_duration_seconds_count"],
        1.0
    );
}
