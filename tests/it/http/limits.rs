//! Limits on what one client may use, so that others are not affected.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{PATIENCE, SEED, Server, program, wait_until};

const REQUEST: &[u8] = b"GET /gowechat HTTP/1.1\r\nHost: tonybai.com\r\n\r\n";

/// Reads one response from a connection that stays open.
fn read_answer(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    loop {
        let mut bytes = [0; 4096];
        let n = stream.read(&mut bytes).unwrap();
        assert!(n > 0, "closed after {:?}", String::from_utf8_lossy(&answer));
        answer.extend(&bytes[..n]);
        let text = String::from_utf8_lossy(&answer);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.unwrap().parse().unwrap() {
                return text.into_owned();
            }
        }
    }
}

fn ask(stream: &mut TcpStream) -> String {
    stream.write_all(REQUEST).unwrap();
    read_answer(stream)
}

/// Reads a metric over a connection to the admin endpoints that is already open.
fn metric(admin: &mut TcpStream, name: &str) -> u64 {
    admin
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    let text = read_answer(admin);
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap().trim().parse().unwrap()
}

/// Starts a request, so that the connection is not idle.
fn start_request(mut stream: TcpStream) -> TcpStream {
    stream.write_all(&REQUEST[..20]).unwrap();
    stream
}

fn connect_admin(server: &Server) -> TcpStream {
    let (_, address) = server.log[0].rsplit_once("admin endpoints on ").unwrap();
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Returns whether the server sends nothing for a while.
fn waits(stream: &mut TcpStream) -> bool {
    stream
        .set_read_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    let result = stream.read(&mut [0]);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    result.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

#[test]
fn head_over_16_kib_is_rejected() {
    let server = Server::start(SEED);
    let fill = |size: usize| "x".repeat(size);
    assert_eq!(
        server.request("GET", "/", &[("X", &fill(16_000))]).status,
        200
    );
    assert_eq!(
        server.request("GET", "/", &[("X", &fill(17_000))]).status,
        431
    );
    let path = format!("/{}", fill(16_000));
    assert_eq!(server.get(&path).status, 404);
    assert_eq!(server.get(&format!("{path}{path}")).status, 431);
    // Many clients keep sending without reading.
    assert_eq!(
        server.request("GET", "/", &[("X", &fill(1 << 20))]).status,
        431
    );
}

#[test]
fn body_is_neither_read_nor_awaited() {
    let server = Server::start(SEED);
    for (method, status) in [("POST", "405"), ("PUT", "405"), ("GET", "200")] {
        for rest in [
            "Content-Length: 1000000\r\n\r\n",
            "Content-Length: 1000000\r\nExpect: 100-continue\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
        ] {
            let mut stream = server.connect();
            let head = format!("{method} /gowechat HTTP/1.1\r\nHost: tonybai.com\r\n{rest}");
            stream.write_all(head.as_bytes()).unwrap();
            // The body never comes.
            let answer = read_answer(&mut stream);
            assert_eq!(&answer[..12], format!("HTTP/1.1 {status}"), "{head}");
            assert!(answer.contains("connection: close\r\n"), "{answer}");
            assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        }
    }
}

#[test]
fn client_that_reads_nothing_takes_no_memory() {
    let server = Server::start(SEED);
    ask(&mut server.connect());
    let before = server.peak_memory();
    let mut stream = server.connect();
    stream
        .set_write_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    let asked = REQUEST.repeat(1000);
    let mut sent = 0;
    while stream.write_all(&asked).is_ok() {
        sent += asked.len();
        assert!(sent < 1 << 30, "it reads what it cannot answer");
    }
    let more = server.peak_memory() - before;
    assert!(more < 4 << 20, "{more} bytes more");
    assert_eq!(server.get("/gowechat").status, 200);
}

#[test]
fn connections_above_the_limit_wait_and_are_served() {
    let args = ["-max-connections", "10", "-admin", "127.0.0.1:0"];
    let server = Server::start_with(SEED, &args);
    let mut admin = connect_admin(&server);
    let mut open: Vec<_> = (0..10).map(|_| start_request(server.connect())).collect();
    let mut eleventh = server.connect();
    eleventh.write_all(REQUEST).unwrap();
    assert!(waits(&mut eleventh));
    assert_eq!(metric(&mut admin, "govanityurls_connections "), 10);
    // A connection that ends makes room for it.
    open[3].write_all(&REQUEST[20..]).unwrap();
    read_answer(&mut open[3]);
    assert!(read_answer(&mut eleventh).starts_with("HTTP/1.1 200 "));
    assert_eq!(metric(&mut admin, "govanityurls_connections "), 10);
}

#[test]
fn the_limit_is_one_for_all_listeners() {
    let args = ["-listen", "127.0.0.1:0", "-max-connections", "2"];
    let mut server = Server::start_with(SEED, &args);
    let line = server.wait_for_line("serving ");
    let other = line.rsplit_once(" on ").unwrap().1;
    let connect_other = || {
        let stream = TcpStream::connect(other).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    };
    // Either client may use all connections.
    for _ in 0..2 {
        let open = [server.connect(), server.connect()].map(start_request);
        let mut third = connect_other();
        third.write_all(REQUEST).unwrap();
        assert!(waits(&mut third));
        drop(open);
        read_answer(&mut third);
        drop(third);

        let open = [connect_other(), server.connect()].map(start_request);
        let mut last = server.connect();
        last.write_all(REQUEST).unwrap();
        assert!(waits(&mut last));
        drop(open);
        read_answer(&mut last);
    }
}

#[test]
fn idle_connections_make_room_for_new_ones() {
    let server = Server::start_with(SEED, &["-max-connections", "50"]);
    // Half of them have had a response; the other half have never sent a byte.
    let mut answered: Vec<_> = (0..25).map(|_| server.connect()).collect();
    answered.iter_mut().for_each(|stream| _ = ask(stream));
    let _silent: Vec<_> = (0..25).map(|_| server.connect()).collect();
    let mut last = server.connect();
    last.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    ask(&mut last);
}

#[test]
fn requests_in_progress_are_finished_while_others_make_room() {
    let server = Server::start_with(SEED, &["-max-connections", "50"]);
    let mut busy: Vec<_> = (0..8).map(|_| start_request(server.connect())).collect();
    let mut others: Vec<_> = (0..60).map(|_| server.connect()).collect();
    ask(others.last_mut().unwrap());
    for stream in &mut busy {
        stream.write_all(&REQUEST[20..]).unwrap();
        assert!(read_answer(stream).contains("\r\nconnection: close\r\n"));
    }
}

/// Returns the program under limits on file descriptors, given as to `ulimit`.
fn start_limited(ulimit: &str) -> Server {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("vanity.yaml"), SEED).unwrap();
    let program = program();
    let mut command = Command::new("sh");
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let script = format!("ulimit {ulimit} && exec \"$@\"");
    command
        .args(["-c", &script, "sh"])
        .arg(program.get_program())
        .args(["-host", "tonybai.com", "-listen", "127.0.0.1:0"])
        .args(["-admin", "127.0.0.1:0"]);
    Server::spawn_in(directory, command)
}

#[test]
fn the_soft_limit_on_descriptors_is_raised() {
    let server = start_limited("-S -n 64");
    let mut open: Vec<_> = (0..200).map(|_| server.connect()).collect();
    open.iter_mut().for_each(|stream| _ = ask(stream));
}

#[test]
fn recovers_when_descriptors_are_free_again() {
    let mut server = Server::start_with(SEED, &["-admin", "127.0.0.1:0"]);
    let mut admin = connect_admin(&server);
    let mut first = server.connect();
    ask(&mut first);
    server.limit_descriptors(64);
    let refused = "govanityurls_connections_refused_total{reason=\"accept\"}";
    assert_eq!(metric(&mut admin, refused), 0);
    let mut all: Vec<_> = (0..100).map(|_| server.connect()).collect();
    server.wait_for_line("cannot accept connections");
    wait_until("it has tried many times", || {
        (metric(&mut admin, refused) >= 10).then_some(())
    });
    // Logged once. The reload's log line comes after all earlier lines.
    server.signal("HUP");
    server.wait_for_line("reload");
    let said = server
        .log
        .iter()
        .filter(|line| line.contains("cannot accept"));
    assert_eq!(said.count(), 1, "{:#?}", server.log);
    // Existing connections are still served.
    ask(&mut first);
    let mut last = all.pop().unwrap();
    last.write_all(REQUEST).unwrap();
    assert!(waits(&mut last));

    drop(all);
    assert!(read_answer(&mut last).starts_with("HTTP/1.1 200 "));
    assert_eq!(server.get("/gowechat").status, 200);
}

/// Simulates a Slowloris attack: 2,000 connections that send nothing, half a head, or a byte a
/// second, next to one well-behaved client.
#[test]
#[ignore = "takes 80 s; tests/run runs it"]
fn two_thousand_slow_clients_do_not_delay_others() {
    let pid = std::process::id().to_string();
    let raised = Command::new("prlimit")
        .args(["--pid", &pid, "--nofile=4096:"])
        .status();
    assert!(raised.unwrap().success());
    let server = Server::start(SEED);
    let addr = server.addr;
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let normal = scope.spawn(|| {
            let mut kept = TcpStream::connect(addr).unwrap();
            let (mut answers, mut longest) = (0, Duration::ZERO);
            while !done.load(Ordering::Relaxed) {
                let start = Instant::now();
                ask(&mut kept);
                ask(&mut TcpStream::connect(addr).unwrap());
                longest = longest.max(start.elapsed());
                answers += 1;
                thread::sleep(Duration::from_millis(10));
            }
            (answers, longest)
        });

        let at_start = server.peak_memory();
        let mut slow: Vec<_> = (0..2000)
            .map(|n| {
                let mut stream = server.connect();
                stream.set_nonblocking(true).unwrap();
                if n % 4 == 1 {
                    stream.write_all(&REQUEST[..20]).unwrap();
                }
                (n, stream, Instant::now(), 0)
            })
            .collect();
        let mut ends = Vec::new();
        let start = Instant::now();
        while !slow.is_empty() && start.elapsed() < Duration::from_secs(90) {
            slow.retain_mut(|(n, stream, since, dripped)| {
                let open = stream
                    .read(&mut [0])
                    .is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
                let age = since.elapsed();
                if !open {
                    ends.push(age);
                } else if *n % 4 >= 2 && age.as_secs() > *dripped {
                    *dripped += 1;
                    let _ = stream.write_all(b"G");
                }
                open
            });
            thread::sleep(Duration::from_millis(50));
        }
        done.store(true, Ordering::Relaxed);
        let (answers, longest) = normal.join().unwrap();
        let memory = server.peak_memory() >> 10;
        println!("{answers} answers, the slowest after {longest:?}; {memory} KiB");

        assert!(slow.is_empty(), "{} are still open", slow.len());
        let (shortest, last) = (ends.iter().min().unwrap(), ends.iter().max().unwrap());
        assert!(shortest.as_secs_f64() > 74.5, "{shortest:?}");
        assert!(last.as_secs_f64() < 80.0, "{last:?}");
        assert!(
            answers > 50 && longest < Duration::from_secs(3),
            "{answers} {longest:?}"
        );
        // Beside the program itself, whose pages of code are more in a debug build.
        let grown = memory - (at_start >> 10);
        assert!(grown < 40 << 10, "{grown} KiB");
    });
}
