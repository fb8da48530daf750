//! System calls per request: one to wait for it, one to read it, one to write the response.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::process::Command;

use crate::support::{SEED, Server, wait_until};

#[test]
#[ignore = "needs strace; tests/run runs it"]
fn request_takes_one_read_and_one_write() {
    const MORE: u64 = 1000;
    // Slack for a timer, and for threads that wake each other on a busy machine.
    const SLACK: u64 = MORE / 20;
    // Both counts include start and stop.
    let (few, many) = (calls(100), calls(100 + MORE));
    let (mut read, mut written, mut waited, mut other) = (0, 0, 0, 0);
    for (name, count) in &many {
        let more = count.saturating_sub(few.get(name).copied().unwrap_or(0));
        match name.as_str() {
            "total" => {}
            "read" | "readv" | "recvfrom" | "recvmsg" => read += more,
            "write" | "writev" | "sendto" | "sendmsg" => written += more,
            "epoll_wait" | "epoll_pwait" => waited += more,
            _ => other += more,
        }
    }
    let around = MORE..=MORE + SLACK;
    assert!(around.contains(&read), "{read} reads: {many:?}");
    assert!(around.contains(&written), "{written} writes: {many:?}");
    // The client waits for each response, so the server waits for each request.
    assert!(waited <= MORE + SLACK, "{waited} waits: {many:?}");
    assert!(other <= SLACK, "{other} others: {few:?} {many:?}");
}

/// Counts each system call from start to stop, for one connection with this many requests, each
/// sent after the previous response.
fn calls(requests: u64) -> BTreeMap<String, u64> {
    let directory = tempfile::tempdir().unwrap();
    let file = |name| directory.path().join(name);
    fs::write(file("vanity.yaml"), SEED).unwrap();
    // With -D, the program is our child and strace our grandchild, so that signals reach the
    // program.
    let mut command = Command::new("strace");
    command
        .args(["-D", "-f", "-c", "-U", "calls,name", "-o"])
        .arg(file("counts"))
        .arg(env!("CARGO_BIN_EXE_govanityurls"))
        .args(["-host", "tonybai.com", "-listen", "127.0.0.1:0", "-config"])
        .arg(file("vanity.yaml"));
    let mut server = Server::spawn(command);
    let mut stream = server.connect();
    let mut answer = vec![0; 16 << 10];
    for _ in 0..requests {
        stream
            .write_all(b"GET /gowechat?go-get=1 HTTP/1.1\r\nHost: tonybai.com\r\n\r\n")
            .unwrap();
        // A single write arrives in one piece.
        let length = stream.read(&mut answer).unwrap();
        assert!(answer[..length].starts_with(b"HTTP/1.1 200 "));
        assert!(answer[..length].ends_with(b"</html>\n"));
    }
    drop(stream);
    server.signal("TERM");
    assert!(server.wait().success());
    let counts = wait_until("strace has written its counts", || {
        let counts = fs::read_to_string(file("counts")).ok()?;
        counts.ends_with(" total\n").then_some(counts)
    });
    let lines = counts.lines().filter_map(|line| {
        let (count, name) = line.trim().split_once(' ')?;
        Some((name.to_owned(), count.parse().ok()?))
    });
    lines.collect()
}

#[test]
#[ignore = "needs strace; tests/run runs it"]
fn sighup_handler_is_installed_first() {
    let output = Command::new("strace")
        .args(["-f", "-e", "trace=rt_sigaction,clone3,statx"])
        .arg(env!("CARGO_BIN_EXE_govanityurls"))
        .args(["-host", "tonybai.com", "-config", "/nonexistent.yaml"])
        .output()
        .unwrap();
    let calls = String::from_utf8(output.stderr).unwrap();
    let at = |call: &str| {
        calls
            .find(call)
            .unwrap_or_else(|| panic!("{call}: {calls}"))
    };
    let handled = at("rt_sigaction(SIGHUP, {sa_handler=0x");
    // The log's thread, and the file.
    assert!(handled < at("clone3("), "{calls}");
    assert!(handled < at("\"/nonexistent.yaml\""), "{calls}");
}
