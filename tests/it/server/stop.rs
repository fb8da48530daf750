//! The server stops without failing any request in progress.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::load::{Client, Load, answers};
use crate::support::{SEED, Server, passed_sockets, program, repository_file, wait_until};

/// Upper bound for a stop, whatever clients do, with slack for a busy machine.
const CEILING: Duration = Duration::from_secs(10 + 5);

/// Stops the server; returns how long it took.
fn stop(server: &mut Server, signal: &str) -> Duration {
    let start = Instant::now();
    server.signal(signal);
    let status = server.wait();
    assert_eq!(status.code(), Some(0), "{:#?}", server.log);
    start.elapsed()
}

/// Sends requests until the server closes the connection; returns the number of responses.
fn ask_to_the_end(addr: SocketAddr, answered: &AtomicUsize) -> io::Result<()> {
    let mut client = Client::connect(addr)?;
    loop {
        let response = client.get("/gowechat?go-get=1", "keep-alive")?;
        assert_eq!(response.status, 200);
        answered.fetch_add(1, Ordering::Relaxed);
        if response.header("connection") == Some("close") {
            assert!(client.is_closed()?, "more than an answer");
            return Ok(());
        }
    }
}

#[test]
fn stop_answers_keep_alive_clients_and_closes_them() {
    for signal in ["TERM", "INT"] {
        let mut server = Server::start(SEED);
        let addr = server.addr;
        let answered: Vec<_> = (0..8).map(|_| AtomicUsize::new(0)).collect();
        thread::scope(|scope| {
            let clients: Vec<_> = answered
                .iter()
                .map(|answered| scope.spawn(|| ask_to_the_end(addr, answered)))
                .collect();
            wait_until("all of them were answered", || {
                let all = answered.iter().all(|n| n.load(Ordering::Relaxed) > 10);
                all.then_some(())
            });
            stop(&mut server, signal);
            for client in clients {
                client.join().unwrap().unwrap();
            }
        });
        server.wait_for_line(&format!("SIG{signal}: stopping"));
        server.wait_for_line("stopped");
        // The port is free again.
        TcpListener::bind(addr).unwrap();
    }
}

#[test]
fn new_connection_is_answered_or_refused() {
    let mut server = Server::start(SEED);
    let addr = server.addr;
    let answered = AtomicUsize::new(0);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        let Ok(mut client) = Client::connect(addr) else {
                            return; // The port is closed.
                        };
                        match client.get("/gowechat?go-get=1", "close") {
                            Ok(response) => assert_eq!(response.status, 200),
                            // The kernel had accepted the connection, but the program never saw it.
                            Err(error) => {
                                let before = error.kind() == io::ErrorKind::ConnectionReset
                                    || error.kind() == io::ErrorKind::BrokenPipe;
                                assert!(before, "{error}");
                                Client::connect(addr).err().expect("the port is closed");
                                return;
                            }
                        }
                        assert!(client.is_closed().unwrap());
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        wait_until("they are answered", || {
            (answered.load(Ordering::Relaxed) > 100).then_some(())
        });
        stop(&mut server, "TERM");
        for client in clients {
            client.join().unwrap();
        }
    });
}

#[test]
fn idle_connections_do_not_delay_the_stop() {
    let mut server = Server::start(SEED);
    let mut resting: Vec<_> = (0..50)
        .map(|index| {
            let mut client = Client::connect(server.addr).unwrap();
            // Some have sent a request before, some have not. The last one has: all are accepted.
            if index % 2 == 1 {
                client.get("/gowechat", "keep-alive").unwrap();
            }
            client
        })
        .collect();
    let took = stop(&mut server, "TERM");
    assert!(took < Duration::from_secs(5), "{took:?}");
    for client in &mut resting {
        assert!(client.is_closed().unwrap());
    }
}

#[test]
fn stop_finishes_a_started_request() {
    let mut server = Server::start(SEED);
    let (begin, rest) = ("GET /gowechat HTTP/1.1\r\nHo", "st: tonybai.com\r\n\r\n");
    let mut client = Client::connect(server.addr).unwrap();
    let mut resting = Client::connect(server.addr).unwrap();
    resting.get("/gowechat", "keep-alive").unwrap();
    client.send(begin).unwrap();
    server.signal("TERM");
    // By now, connections without a request are closed.
    assert!(resting.is_closed().unwrap());
    client.send(rest).unwrap();
    let response = client.answer().unwrap();
    assert_eq!(response.status, 200);
    assert_eq!(response.header("connection"), Some("close"));
    assert!(client.is_closed().unwrap());
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn stop_waits_at_most_ten_seconds() {
    let mut command = program();
    command
        .args(["-host", "tonybai.com", "-listen", "127.0.0.1:0"])
        .args(["-admin", "127.0.0.1:0", "-config"])
        .arg(repository_file("vanity.yaml.example"));
    let mut server = Server::spawn(command);
    let admin = server.log[0].rsplit(' ').next().unwrap().parse().unwrap();

    // Request more than the buffers can hold, and read nothing.
    let _deaf = [(server.addr, "/"), (admin, "/metrics")].map(|(addr, target)| {
        let mut client = Client::connect(addr).unwrap();
        client.set_write_timeout(Duration::from_secs(2)).unwrap();
        let ask = format!("GET {target} HTTP/1.1\r\nHost: tonybai.com\r\n\r\n").repeat(100);
        (0..10_000)
            .find_map(|_| client.send(&ask).err())
            .expect("the buffers have an end");
        client
    });
    let mut half_a_head = Client::connect(server.addr).unwrap();
    half_a_head.send("GET / HTT").unwrap();

    let took = stop(&mut server, "TERM");
    assert!(took > Duration::from_secs(5), "{took:?}");
    assert!(took < CEILING, "{took:?}");
    server.wait_for_line(" connections cut: ");
}

/// systemd keeps the socket, so connections wait while no program runs.
#[test]
fn restart_with_socket_activation_loses_no_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let start = || {
        let mut command = passed_sockets(1, "http");
        command
            .stdin(Stdio::from(OwnedFd::from(listener.try_clone().unwrap())))
            .args(["-host", "tonybai.com", "-config"])
            .arg(repository_file("vanity.yaml.example"));
        let server = Server::spawn(command);
        assert_eq!(server.addr, addr);
        server
    };
    let mut server = start();
    let right = [answers(addr)];
    let requests = Load::during(addr, &right, |load| {
        for _ in 0..5 {
            load.goes_on(20);
            stop(&mut server, "TERM");
            server = start();
        }
        load.goes_on(20);
    });
    assert!(requests >= 6 * 4 * 20, "{requests}");
}
