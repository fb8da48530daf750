//! Two servers with the same file act as one, with better availability.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::lab::{Lab, Scheme, enter, run};
use crate::load::{Client, Load, answers};
use crate::support::{Response, Server, program, wait_until};

const CONFIG: &str = "\
/gowechat:
  repo: https://github.com/bigwhite/gowechat
/only:
  repo: https://git.example/only
  forge: gitea
/x/experiments:
  repo: https://github.com/bigwhite/experiments
  description: Things tried
/x/*:
  repo: https://git.example/team/*.git
/gowechas:
  repo: https://git.example/gowechas
/gowechau:
  repo: https://git.example/gowechau
other.example/a:
  repo: https://git.example/a
other.example/b/c:
  repo: https://git.example/c
";

/// One request for each kind of response.
const REQUESTS: [(&str, &str, &str); 14] = [
    ("GET", "tonybai.com", "/gowechat?go-get=1"),
    ("GET", "tonybai.com", "/gowechat/mp"),
    ("HEAD", "tonybai.com", "/gowechat"),
    ("GET", "tonybai.com", "/x/experiments"),
    ("GET", "tonybai.com", "/x/anything/below?go-get=1"),
    ("GET", "tonybai.com", "/"),
    ("GET", "tonybai.com", "/?go-get=1"),
    ("GET", "tonybai.com", "/x"),
    ("GET", "tonybai.com", "/gowechaz"),
    ("GET", "tonybai.com", "/gowechaz?go-get=1"),
    ("POST", "tonybai.com", "/gowechat"),
    ("GET", "other.example", "/"),
    ("GET", "other.example", "/b/c"),
    ("GET", "unknown.example", "/a"),
];

/// The same modules in reverse order. The hosts keep their order, since the first is the default.
fn reversed(config: &str) -> String {
    let mut modules: Vec<Vec<&str>> = Vec::new();
    for line in config.lines() {
        if !line.starts_with(' ') {
            modules.push(Vec::new());
        }
        modules.last_mut().unwrap().push(line);
    }
    modules.reverse();
    modules.concat().join("\n") + "\n"
}

/// Returns the responses to all of [`REQUESTS`], without their dates.
fn all_answers(server: &Server) -> Vec<Response> {
    REQUESTS
        .iter()
        .map(|(method, host, target)| {
            let mut response = server.request(method, target, &[("Host", host)]);
            response.headers.retain(|(name, _)| name != "date");
            response
        })
        .collect()
}

#[test]
fn responses_depend_only_on_the_file() {
    let first = Server::start(CONFIG);
    let expected = all_answers(&first);
    for (index, status) in [(0, 200), (6, 404), (8, 404), (10, 405), (12, 200)] {
        assert_eq!(expected[index].status, status, "{:?}", REQUESTS[index]);
    }
    assert!(
        expected[9].body.contains("did you mean"),
        "{}",
        expected[9].body
    );
    // Hash maps iterate in a different order in every process.
    for config in [CONFIG, CONFIG, CONFIG, &reversed(CONFIG)] {
        let other = Server::start(config);
        for (request, (a, b)) in REQUESTS
            .iter()
            .zip(expected.iter().zip(all_answers(&other)))
        {
            assert_eq!(*a, b, "{request:?} of\n{config}");
        }
    }
}

/// Added to the printed rules: a log of the replicas that nginx tried.
const TRIED: &str = "add_header X-Upstream $upstream_addr always;";

fn replica(dir: &Path, index: usize) -> Server {
    let mut command = program();
    command
        .args(["-host", "tonybai.com", "-listen"])
        .arg(format!("127.0.0.1:{}", 8081 + index))
        .arg("-config")
        .arg(dir.join("vanity.yaml"));
    Server::spawn(command)
}

/// Starts nginx with the printed rules for both replicas; returns its address.
fn nginx_with_printed_rules(lab: &mut Lab) -> SocketAddr {
    let part = |part| {
        let mut nginx = program();
        nginx
            .current_dir(lab.dir())
            .args(["nginx", "-match=go-get"]);
        // One by name, one by address.
        nginx.args(["-upstream=tonybai.com:8081", "-upstream=127.0.0.1:8082"]);
        run(nginx.args(["-part", part]))
    };
    let server = format!("{TRIED}\n{}", part("server"));
    let http = part("http");
    lab.nginx_with(Scheme::Http, &http, &[("tonybai.com", &server)]);
    ([127, 0, 0, 1], 80).into()
}

#[test]
#[ignore = "needs nginx and fcgiwrap; tests/run runs it"]
fn nginx_hides_a_stopped_replica() {
    enter(|mut lab| {
        fs::write(lab.dir().join("vanity.yaml"), CONFIG).unwrap();
        let dir = lab.dir().to_owned();
        let mut replicas = [0, 1].map(|index| replica(&dir, index));
        let nginx = nginx_with_printed_rules(&mut lab);
        let upstream = || {
            let mut client = Client::connect(nginx).unwrap();
            let response = client.get("/gowechat?go-get=1", "close").unwrap();
            response.header("x-upstream").unwrap().to_owned()
        };
        let mut both = [upstream(), upstream()];
        both.sort();
        assert_eq!(both, ["127.0.0.1:8081", "127.0.0.1:8082"]);

        let right = [answers(nginx)];
        let requests = Load::during(nginx, &right, |load| {
            for round in 0..20 {
                let stopped = round % 2;
                let signal = ["KILL", "TERM"][round / 2 % 2];
                load.goes_on(20);
                replicas[stopped].signal(signal);
                assert_eq!(replicas[stopped].wait().success(), signal == "TERM");
                // nginx has tried the dead replica and then the other.
                wait_until("one is tried in vain", || {
                    upstream().contains(", ").then_some(())
                });
                load.goes_on(20);
                replicas[stopped] = replica(&dir, stopped);
            }
            load.goes_on(20);
        });
        assert!(requests >= 4 * 20 * 41, "{requests}");
        let log = lab.requests();
        let bad = log
            .lines()
            .filter(|line| line.rsplit(' ').next() >= Some("500"));
        assert_eq!(bad.count(), 0);
    });
}

/// Restarts one of the two at a time, each as soon as the other is back.
#[test]
#[ignore = "needs nginx and fcgiwrap, takes 60 s; tests/run runs it"]
fn nginx_hides_a_minute_of_restarts() {
    enter(|mut lab| {
        fs::write(lab.dir().join("vanity.yaml"), CONFIG).unwrap();
        let dir = lab.dir().to_owned();
        let mut replicas = [0, 1].map(|index| replica(&dir, index));
        let nginx = nginx_with_printed_rules(&mut lab);
        let right = [answers(nginx)];
        let mut seed = std::process::id();
        let mut random = |below: u32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 16) % below
        };
        let mut restarts = 0;
        let requests = Load::during(nginx, &right, |load| {
            let start = Instant::now();
            while start.elapsed() < Duration::from_secs(60) {
                // Unrelated to the clients' timing.
                thread::sleep(Duration::from_millis(random(1000).into()));
                let index = restarts % 2;
                let signal = ["TERM", "KILL"][random(2) as usize];
                replicas[index].signal(signal);
                assert_eq!(replicas[index].wait().success(), signal == "TERM");
                replicas[index] = replica(&dir, index);
                restarts += 1;
                load.goes_on(1);
            }
        });
        println!("{restarts} restarts, {requests} requests, none failed");
        assert!(restarts > 20 && requests > 1000, "{restarts} {requests}");
    });
}
