//! Persistent connections, mostly from nginx, and how they end.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::lab::{Lab, Scheme, enter};
use crate::support::{PATIENCE, Response, SEED, Server, wait_until};

const ADMIN: &str = "127.0.0.1:8081";

/// Appended to a `server` block: a pool whose connections nginx closes after 60 s idle, its
/// default. The log names every upstream tried for a request.
const POOL: &str = r#"
}
log_format tried '$status tried $upstream_addr and got $upstream_status';
upstream pool {
    server 127.0.0.1:8080;
    keepalive 8;
"#;

const LOCATION: &str = r#"
    location / {
        proxy_pass http://pool;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $host;
        access_log tried.log tried;
    }
"#;

fn start(lab: &mut Lab) {
    let args = ["-host", "tonybai.com", "-listen", "127.0.0.1:8080"];
    lab.govanityurls(SEED, &[&args[..], &["-admin", ADMIN]].concat());
    let hosts = [("pool.example", POOL), ("tonybai.com", LOCATION)];
    lab.nginx(Scheme::Http, &hosts);
}

/// Sends one request and returns the response.
fn send(address: &str, request: &[u8]) -> Response {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    Response::parse(&bytes)
}

fn get(address: &str, target: &str) -> Response {
    let head = format!("GET {target} HTTP/1.1\r\nHost: tonybai.com\r\nConnection: close\r\n\r\n");
    send(address, head.as_bytes())
}

fn metric(name: &str) -> u64 {
    let text = get(ADMIN, "/metrics").body;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap().trim().parse().unwrap()
}

/// Returns nginx's log lines; asserts that every request succeeded at the first upstream.
fn assert_first_try(lab: &Lab, status: u16, requests: usize) {
    let path = lab.dir().join("nginx/tried.log");
    let text = wait_until("nginx has written all", || {
        let text = fs::read_to_string(&path).unwrap_or_default();
        (text.lines().count() >= requests).then_some(text)
    });
    let once = format!("{status} tried 127.0.0.1:8080 and got {status}");
    for line in text.lines() {
        assert_eq!(line, once, "{text}");
    }
    assert_eq!(text.lines().count(), requests);
}

#[test]
#[ignore = "needs nginx, takes 66 s; tests/run runs it"]
fn nginx_never_meets_a_closing_connection() {
    enter(|mut lab| {
        start(&mut lab);
        let burst = || {
            thread::scope(|scope| {
                for _ in 0..16 {
                    scope.spawn(|| assert_eq!(get("127.0.0.1:80", "/gowechat").status, 200));
                }
            });
        };
        burst();
        // The pooled connection is reused.
        let accepted = metric("govanityurls_connections_accepted_total");
        let kept = metric("govanityurls_connections ");
        assert!((1..=8).contains(&kept), "{kept} kept");
        assert_eq!(get("127.0.0.1:80", "/gowechat").status, 200);
        assert_eq!(metric("govanityurls_connections_accepted_total"), accepted);

        thread::sleep(Duration::from_secs(65));
        assert_eq!(metric("govanityurls_connections "), 0, "nginx closed them");
        burst();
        assert_first_try(&lab, 200, 33);
    });
}

#[test]
#[ignore = "takes 75 s; tests/run runs it"]
fn idle_timeout_exceeds_that_of_nginx() {
    let server = Server::start(SEED);
    let request = |stream: &mut TcpStream| {
        stream
            .write_all(b"HEAD /gowechat HTTP/1.1\r\nHost: tonybai.com\r\n\r\n")
            .unwrap();
        let n = stream.read(&mut [0; 4096]).unwrap();
        assert!(n > 0, "closed after {n} bytes");
    };
    // A client that keeps sending requests and reads no response takes little memory.
    let mut floods = server.connect();
    floods
        .set_write_timeout(Some(Duration::from_secs(1)))
        .unwrap();
    let asked = "GET /gowechat HTTP/1.1\r\nHost: tonybai.com\r\n\r\n".repeat(1000);
    let full = loop {
        if let Err(error) = floods.write_all(asked.as_bytes()) {
            break error;
        }
    };
    assert_eq!(full.kind(), ErrorKind::WouldBlock);
    assert!(server.peak_memory() < 50 << 20);

    let (mut rests, mut returns) = (server.connect(), server.connect());
    request(&mut rests);
    request(&mut returns);
    let start = Instant::now();
    thread::sleep(Duration::from_secs(12));
    request(&mut returns);

    let patience = Duration::from_secs(90);
    rests.set_read_timeout(Some(patience)).unwrap();
    assert_eq!(rests.read(&mut [0]).unwrap(), 0);
    let rested = start.elapsed().as_secs();
    assert!((74..85).contains(&rested), "{rested} s");
    // The other has not been idle that long.
    request(&mut returns);
}
