//! Log output: one line per request, whatever the client sends, and few others.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;

use crate::support::{self, PATIENCE, SEED, Server, program};
use serde_json::Value;

/// Sends `head`, reads the whole response, and returns its access log line.
fn logged(server: &mut Server, head: &[u8]) -> String {
    let mut stream = server.connect();
    stream.write_all(head).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 "), "{answer:?}");
    drop(stream);
    server.wait_for_line("request")
}

fn get(target: &str, headers: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: tonybai.com\r\nConnection: close\r\n{headers}\r\n")
        .into_bytes()
}

/// Heads that try to inject a line break or an escape sequence.
fn injections() -> Vec<Vec<u8>> {
    let texts: [&[u8]; 10] = [
        b"\"",
        b"\\",
        b"\\\" status=200 module=\"x",
        b"%0a%0d%1b[31m%00",
        "\u{202e}gnp.\u{2066}".as_bytes(),
        "\u{85}\u{2028}\u{feff}\u{61c}\u{e0041}".as_bytes(),
        b"\xff\xfe\xc0\xaf",
        b"\xe2\x80",
        b"',;${jndi:ldap://x}",
        &[b'"'; 9000],
    ];
    let controls: [&[u8]; 4] = [b"\x1b[2J", b"a\tb", b"\rb", b"\x7f\x08"];
    let mut heads = Vec::new();
    for text in texts.iter().chain(&controls) {
        for (target, name) in [
            (true, ""),
            (false, "User-Agent: "),
            (false, "X-Forwarded-For: 1.2.3.4, "),
            (false, "X-Real-IP: "),
            (false, "Host: "),
        ] {
            let (target, header): (&[u8], &[u8]) = if target {
                (text, b"User-Agent: x")
            } else {
                (b"x", &[name.as_bytes(), text].concat())
            };
            let mut head = [b"GET /x?y=", target, b" HTTP/1.1\r\n"].concat();
            if name != "Host: " {
                head.extend(b"Host: tonybai.com\r\n");
            }
            head.extend([b"Connection: close\r\n", header, b"\r\n\r\n"].concat());
            heads.push(head);
        }
    }
    heads
}

/// Sends every injection and then a final request; returns the access log without the final line.
fn lines_of_injections(args: &[&str]) -> (usize, Vec<String>) {
    let mut server = Server::start_with(SEED, args);
    let started = server.log.len();
    let mut answered = 0;
    for head in injections() {
        let mut stream = server.connect();
        stream.write_all(&head).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 "), "{answer:?}");
        // Otherwise, it is not HTTP: hyper answers that, and only the metrics count it.
        if answer.contains("content-type") {
            answered += 1;
        }
    }
    server.get("/the-last");
    server.wait_for_line("/the-last");
    let mut lines = server.log.split_off(started);
    lines.retain(|line| !line.contains("/the-last"));
    (answered, lines)
}

#[test]
fn access_log_has_client_request_and_status() {
    let mut server = Server::start_with(SEED, &["-access-log"]);
    let line = logged(
        &mut server,
        &get(
            "/gowechat/mp?go-get=1",
            "User-Agent: Go-http-client/1.1\r\nX-Forwarded-For: 192.0.2.7\r\n",
        ),
    );
    let (start, rest) = line.split_once(" micros=").unwrap();
    let (time, start) = start.split_once(' ').unwrap();
    assert!(time.starts_with("20") && time.ends_with('Z'), "{line}");
    let body = server.get("/gowechat/mp?go-get=1").body;
    assert_eq!(
        start.trim_start(),
        format!(
            "INFO request peer=\"127.0.0.1\" forwarded_for=\"192.0.2.7\" method=\"GET\" host=\"tonybai.com\" \
             path=\"/gowechat/mp?go-get=1\" status=200 bytes={}",
            body.len()
        )
    );
    let (micros, rest) = rest.split_once(' ').unwrap();
    micros.parse::<u64>().unwrap();
    assert_eq!(
        rest,
        "agent=\"Go-http-client/1.1\" go_get=true module=\"tonybai.com/gowechat\""
    );
}

#[test]
fn json_access_log_has_the_same_fields() {
    let mut server = Server::start_with(SEED, &["-access-log", "-log-format", "json"]);
    // The lifecycle messages as well.
    let _: Value = serde_json::from_str(&server.log[0]).unwrap();
    let line = logged(&mut server, &get("/x", "User-Agent: a \"b\"\r\n"));
    let line: Value = serde_json::from_str(&line).unwrap();
    for (key, value) in [
        ("level", Value::from("INFO")),
        ("target", "access".into()),
        ("message", "request".into()),
        ("peer", "127.0.0.1".into()),
        ("forwarded_for", "".into()),
        ("method", "GET".into()),
        ("host", "tonybai.com".into()),
        ("path", "/x".into()),
        ("status", 200.into()),
        ("agent", "a \"b\"".into()),
        ("go_get", false.into()),
        ("module", "".into()),
    ] {
        assert_eq!(line[key], value, "{key}");
    }
    assert!(line["bytes"].as_u64().unwrap() > 0 && line["micros"].is_u64());
    assert!(line["timestamp"].is_string());

    let head = "HEAD /x HTTP/1.1\r\nHost: tonybai.com\r\nConnection: close\r\n\r\n";
    let line: Value = serde_json::from_str(&logged(&mut server, head.as_bytes())).unwrap();
    assert_eq!(line["bytes"], 0, "no body is sent");
    let line: Value = serde_json::from_str(&logged(&mut server, &get("/none", ""))).unwrap();
    assert_eq!(line["status"], 404);
}

#[test]
fn request_with_a_bad_host_is_logged() {
    let mut server = Server::start_with(SEED, &["-access-log"]);
    let bad_host = b"GET /gowechat HTTP/1.1\r\nHost: a b\r\n\r\n";
    let line = logged(&mut server, bad_host);
    let said = "method=\"GET\" host=\"a b\" path=\"/gowechat\" status=400";
    assert!(line.contains(said), "{line}");
}

#[test]
fn forwarded_for_is_logged_as_sent() {
    let mut server = Server::start_with(SEED, &["-access-log"]);
    let head = get(
        "/gowechat",
        "X-Forwarded-For: 6.6.6.6, 203.0.113.9\r\nX-Forwarded-For: 10.1.2.3\r\n",
    );
    let line = logged(&mut server, &head);
    let said = " peer=\"127.0.0.1\" forwarded_for=\"6.6.6.6, 203.0.113.9, 10.1.2.3\" ";
    assert!(line.contains(said), "{line}");
}

/// Returns whether a character controls a terminal, or hides or reorders its neighbours.
fn is_dangerous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

#[test]
fn clients_cannot_inject_text_log_lines() {
    let (answered, lines) = lines_of_injections(&["-access-log"]);
    assert!(answered > 30, "{answered}");
    assert_eq!(lines.len(), answered, "{lines:#?}");
    for line in &lines {
        assert!(line.len() < 20_000);
        assert!(!line.chars().any(is_dangerous), "{line:?}");
        // Nothing outside quotation marks comes from a client.
        let mut outside = String::new();
        let (mut quoted, mut escaped) = (false, false);
        for c in line.chars() {
            match c {
                _ if escaped => escaped = false,
                '\\' if quoted => escaped = true,
                '"' => quoted = !quoted,
                _ if !quoted => outside.push(c),
                _ => {}
            }
        }
        assert!(!quoted, "{line}");
        let names: Vec<_> = outside
            .split_whitespace()
            .skip(1)
            .map(|word| word.split('=').next().unwrap())
            .collect();
        assert_eq!(
            names,
            [
                "INFO",
                "request",
                "peer",
                "forwarded_for",
                "method",
                "host",
                "path",
                "status",
                "bytes",
                "micros",
                "agent",
                "go_get",
                "module"
            ],
            "{line}"
        );
    }
}

#[test]
fn clients_cannot_inject_json_log_lines() {
    let (answered, lines) = lines_of_injections(&["-access-log", "-log-format", "json"]);
    assert_eq!(lines.len(), answered, "{lines:#?}");
    for line in &lines {
        let object: Value = serde_json::from_str(line).unwrap();
        assert_eq!(object.as_object().unwrap().len(), 15, "{line}");
        assert!(!line.chars().any(is_dangerous), "{line:?}");
        assert_eq!(object["peer"], "127.0.0.1", "{line}");
    }
}

#[test]
fn level_does_not_silence_the_access_log() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("vanity.yaml"), SEED).unwrap();
    let socket = directory.path().join("http.sock");
    let mut command = program();
    command
        .current_dir(directory.path())
        .args(["-host", "tonybai.com", "-log-level", "warn", "-access-log"])
        .arg("-listen")
        .arg(format!("unix:{}", socket.display()));
    // There is no startup line to wait for.
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut stream = support::wait_until("it listens", || {
        std::os::unix::net::UnixStream::connect(&socket).ok()
    });
    stream.write_all(&get("/x", "")).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
    // Not SIGKILL: the line may not have been written yet.
    support::signal(child.id(), "TERM");
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("request peer=\"unix\""), "{text}");
}

#[test]
fn start_log_names_modules_file_and_address() {
    let mut server = Server::start(SEED);
    let line = server.log[0].clone();
    let said = format!(
        "INFO serving 2 modules on tonybai.com from vanity.yaml on {}",
        server.addr
    );
    assert!(line.ends_with(&said), "{line}");
    server.get("/x");
    server.signal("TERM");
    assert!(server.wait().success());
    server.wait_for_line("INFO stopped");
    assert!(!server.log.iter().any(|line| line.contains("request")));
}

/// The reader of the log has exited; the server still runs and answers requests.
#[test]
fn keeps_serving_if_the_log_is_not_read() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("vanity.yaml"), SEED).unwrap();
    let socket = directory.path().join("http.sock");
    let mut command = program();
    command
        .current_dir(directory.path())
        .args(["-host", "tonybai.com", "-access-log", "-listen"])
        .arg(format!("unix:{}", socket.display()));
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    for _ in 0..10 {
        let mut stream = support::wait_until("it listens", || {
            std::os::unix::net::UnixStream::connect(&socket).ok()
        });
        stream.write_all(&get("/x", "")).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer:?}");
    }
    support::signal(child.id(), "TERM");
    let status = support::wait_until("it ends", || child.try_wait().unwrap());
    assert!(status.success(), "{status}");
}

/// Nobody reads the log: requests are answered all the same, and later the log says how many lines
/// are missing.
#[test]
fn lost_lines_are_reported_once_the_log_is_read() {
    const BATCH: usize = 100;
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("vanity.yaml"), SEED).unwrap();
    let socket = directory.path().join("http.sock");
    let mut command = program();
    command
        .current_dir(directory.path())
        .args(["-host", "tonybai.com", "-access-log", "-listen"])
        .arg(format!("unix:{}", socket.display()));
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut client = support::wait_until("it listens", || {
        std::os::unix::net::UnixStream::connect(&socket).ok()
    });
    // A pipe holds a few hundred lines, and the queue 4096.
    let request = "HEAD /gowechat HTTP/1.1\r\nHost: tonybai.com\r\n\r\n";
    for _ in 0..55 {
        client.write_all(request.repeat(BATCH).as_bytes()).unwrap();
        let (mut answers, mut text) = (0, Vec::new());
        while answers < BATCH {
            let mut part = [0; 1 << 16];
            let length = client.read(&mut part).unwrap();
            assert!(length > 0, "closed");
            text.extend_from_slice(&part[..length]);
            answers = String::from_utf8_lossy(&text)
                .matches("HTTP/1.1 200 OK")
                .count();
        }
    }
    let log = BufReader::new(child.stderr.take().unwrap());
    let (found, report) = mpsc::channel();
    thread::spawn(move || {
        let mut lines = log.lines().map_while(Result::ok);
        found.send(lines.find(|line| line.contains("log lines lost")))
    });
    let report = report.recv_timeout(PATIENCE);
    support::signal(child.id(), "TERM");
    child.wait().unwrap();
    let report = report.unwrap().unwrap();
    let (_, rest) = report.split_once(" WARN ").unwrap();
    let lost: usize = rest.split(' ').next().unwrap().parse().unwrap();
    assert!((1..55 * BATCH).contains(&lost), "{report}");
}
