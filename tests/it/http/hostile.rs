//! Malicious and malformed requests and files.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::time::Instant;

use crate::support::{PATIENCE, Response, SEED, Server};

const MARKUP: &str = "<script>alert(1)</script>";

/// Sends a whole request and reads until the server closes the connection.
fn ask(server: &Server, request: &str) -> String {
    exchange(server, request.as_bytes(), false)
}

/// Sends bytes, closes the sending side, and reads the response, which may be empty.
fn send(server: &Server, bytes: &[u8]) -> String {
    exchange(server, bytes, true)
}

fn exchange(server: &Server, bytes: &[u8], and_close: bool) -> String {
    let mut stream = server.connect();
    // The server may respond before everything is sent.
    let _ = stream.write_all(bytes);
    if and_close {
        let _ = stream.shutdown(Shutdown::Write);
    }
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        // A reset because of unread bytes is fine; a timeout is not.
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// Asserts that every response is a success or a client error, and reflects no markup.
fn assert_harmless(answer: &str, what: &str) {
    let what: String = what.chars().take(100).collect();
    for line in answer.split("HTTP/1.").skip(1) {
        let status = line.split(' ').nth(1).unwrap();
        assert!(matches!(&status[..1], "2" | "3" | "4"), "{what}: {status}");
    }
    assert!(!answer.contains("<script"), "{what}: {answer}");
}

fn assert_alive(server: &Server) {
    let since = Instant::now();
    assert_eq!(server.get("/gowechat").status, 200);
    assert!(since.elapsed() < PATIENCE / 2);
}

#[test]
fn paths_that_cannot_be_import_paths_match_nothing() {
    let server = Server::start(SEED);
    for path in [
        "/gowechat/../gowechat",
        "/gowechat/..",
        "/gowechat/.",
        "/./gowechat",
        "/%2e%2e/gowechat",
        "/gowechat/%2E%2e/x",
        "/gowechat%2Fmp",
        "/gowechat%2fmp",
        "/gowechat/%00",
        "/gowechat/%ff",
        "/gowechat/%c3%28",
        "/gowechat/%252e%252e",
        "/gowechat/%",
        "/gowechat/%zz",
        "/gowechat/%0d%0aSet-Cookie:a=b",
        "/gowechat//mp",
        "//gowechat",
        "/gowechat//",
        "/gowechat/\\..\\x",
        "/gowechat/%5c",
        "/gowechat/a%20b",
        "/gowechat/<script>alert(1)</script>",
        "/gowechat/%3Cscript%3E",
        "/gowechat/\"onload=",
        "/gowechat/*",
        "/gowechat/é",
    ] {
        for query in ["", "?go-get=1"] {
            let target = format!("{path}{query}");
            let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            let answer = ask(&server, &request);
            assert_harmless(&answer, &target);
            let status = Response::parse(answer.as_bytes()).status;
            assert!(matches!(status, 400 | 404), "{target}: {status}");
            assert!(
                !answer.to_ascii_lowercase().contains("set-cookie"),
                "{answer}"
            );
        }
    }
    assert_alive(&server);
}

#[test]
fn long_and_deep_paths() {
    let server = Server::start(SEED);
    for path in [
        format!("/{}", "a".repeat(15 << 10)),
        "/a".repeat(7_500),
        format!("/gowechat{}", "/b".repeat(7_000)),
        "/".repeat(15_000),
        "/%61".repeat(3_500),
        // Above the limit on a head.
        "/a".repeat(10_000),
        format!("/{}", "a".repeat(16 << 10)),
    ] {
        for query in ["", "?go-get=1"] {
            let request =
                format!("GET {path}{query} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            let answer = ask(&server, &request);
            assert_harmless(&answer, &path);
            assert!(
                answer.starts_with("HTTP/1.1 "),
                "{}: no answer",
                &path[..20]
            );
        }
    }
    assert_alive(&server);
}

#[test]
fn requests_are_never_reflected() {
    let server = Server::start(SEED);
    for target in ["/", "/gowechat", "/none", "/none?go-get=1"] {
        let separator = if target.contains('?') { '&' } else { '?' };
        let with_query = format!("{target}{separator}q={MARKUP}");
        assert_harmless(&server.get(&with_query).body, &with_query);
        for name in [
            "Host",
            "Referer",
            "User-Agent",
            "Cookie",
            "X-Forwarded-For",
            "X-Forwarded-Host",
            "X-Real-IP",
            "Forwarded",
            "Accept",
            "If-None-Match",
            "Authorization",
            "X-Original-URL",
        ] {
            let plain = server.get(target);
            let answer = server.request("GET", target, &[(name, MARKUP)]);
            assert_harmless(&answer.body, name);
            if answer.status != 400 {
                assert_eq!(
                    (answer.status, answer.body),
                    (plain.status, plain.body),
                    "{name}"
                );
            }
        }
    }
}

#[test]
fn values_of_the_file_are_escaped() {
    // Some of these never reach a page because a rule rejects them; the others must appear there as
    // text.
    let evil = r#""><script>alert(1)</script>&amp;'"#;
    let module = "/m:\n  repo: https://git.example.com/m\n";
    let mut tried = 0;
    for (key, value) in [
        ("description", format!("'{}'", evil.replace('\'', "''"))),
        ("branch", format!("'{}'", evil.replace('\'', "''"))),
        ("subdir", format!("'{}'", evil.replace('\'', "''"))),
        (
            "docs",
            format!("'https://d.example/{}'", evil.replace('\'', "''")),
        ),
        (
            "display",
            format!("'https://d.example/{} _ _'", evil.replace('\'', "''")),
        ),
        (
            "display",
            "\"https://d.example/\\\"><script> https://d/&<b> https://d/'\"".to_owned(),
        ),
    ] {
        let config = format!("{module}  forge: gitea\n  {key}: {value}\n");
        if govanityurls::Config::parse("vanity.yaml", &config, None).is_err() {
            continue;
        }
        tried += 1;
        let server = Server::start(&config);
        for target in ["/", "/m", "/m/x", "/n"] {
            let answer = server.get(target);
            assert!(answer.status < 500);
            assert_harmless(&answer.body, &format!("{key} {target}"));
        }
    }
    assert!(tried >= 2, "a description and a display can say anything");
    for key in ["/m<script>", "/m\"", "a.b<script>/m", "/m&x"] {
        let config = format!("host: a.b\n'{key}':\n  repo: https://h.example/m\n");
        assert!(govanityurls::Config::parse("vanity.yaml", &config, None).is_err());
    }
    for repo in [
        "https://h.example/<script>",
        "https://h.example/\"x",
        "https://h.example/a b",
    ] {
        let config = format!("host: a.b\n/m:\n  repo: '{repo}'\n");
        assert!(govanityurls::Config::parse("vanity.yaml", &config, None).is_err());
    }
}

#[test]
fn non_http_input_gets_400() {
    let server = Server::start(SEED);
    let client_hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x01\x02\x03";
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    for bytes in [
        client_hello as &[u8],
        preface,
        b"\0\0\0\0\0\0\0\0",
        b"nonsense\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /gowechat\r\n\r\n",
        b"GET /gowechat HTTP/9.9\r\n\r\n",
        b"GET /gowechat HTTP/1.1 x\r\nHost: a\r\n\r\n",
        b"GET /gowechat HTTP/1.1\r\nHost a\r\n\r\n",
        b"GET /gowechat HTTP/1.1\r\n: a\r\n\r\n",
        b"GET /gowechat HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
        b"GET /gowechat HTTP/1.1\r\nHost: a\0b\r\n\r\n",
        b"\r\n\r\n\r\n\r\n",
        &[b'a'; 64 << 10],
        &[b'\n'; 64 << 10],
        &[0xff; 1024],
        // Half a request, then close.
        b"G",
        b"GET /gowechat HTTP/1.1\r\nHost: ton",
        b"",
    ] {
        let answer = send(&server, bytes);
        assert_harmless(&answer, &String::from_utf8_lossy(bytes));
        assert!(
            !answer.starts_with("HTTP/1.1 200"),
            "{:?}",
            String::from_utf8_lossy(bytes)
        );
    }
    assert_alive(&server);
}

#[test]
fn a_request_cannot_be_smuggled() {
    let server = Server::start(SEED);
    let hidden = "GET /x/experiments HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    for (framing, body) in [
        (
            "Content-Length: 4\r\nTransfer-Encoding: chunked",
            "0\r\n\r\n",
        ),
        (
            "Transfer-Encoding: chunked\r\nContent-Length: 4",
            "0\r\n\r\n",
        ),
        ("Content-Length: 0\r\nContent-Length: 5", ""),
        ("Content-Length: 5, 6", ""),
        ("Content-Length: -1", ""),
        ("Content-Length: +5", ""),
        ("Content-Length: 99999999999999999999", ""),
        ("Transfer-Encoding: chunked, identity", ""),
        ("Transfer-Encoding: xchunked", ""),
        ("Transfer-Encoding : chunked", ""),
        ("Transfer-Encoding: chunked", "zz\r\n"),
        ("Transfer-Encoding: chunked", "fffffffffffffffff\r\n"),
        ("Transfer-Encoding: chunked", "-1\r\n"),
    ] {
        for method in ["GET", "POST"] {
            let request = format!(
                "{method} /gowechat HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n{body}{hidden}"
            );
            let answer = ask(&server, &request);
            assert_harmless(&answer, framing);
            let ambiguous = !(framing.starts_with("Transfer-Encoding: chunked\r\n")
                || framing.starts_with("Content-Length: 4"));
            if ambiguous {
                assert!(
                    !answer.contains("bigwhite/experiments"),
                    "{method} {framing}: {answer}"
                );
            }
        }
    }
    assert_alive(&server);
}

#[test]
fn a_head_that_is_too_large() {
    let server = Server::start(SEED);
    let head = |headers: &str| {
        format!("GET /gowechat HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}\r\n")
    };
    let large = head(&format!("X: {}\r\n", "a".repeat(17 << 10)));
    let answer = ask(&server, &large);
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let many: String = (0..500).map(|n| format!("X-{n}: a\r\n")).collect();
    let answer = ask(&server, &head(&many));
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    // A browser with many cookies is still served.
    let answer = ask(
        &server,
        &head(&format!("Cookie: {}\r\n", "a".repeat(8 << 10))),
    );
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_alive(&server);
}
