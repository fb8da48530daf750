//! Several threads that serve the same sockets, in this process: the test machine may have too few
//! cores for the program to start a second thread.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::convert::Infallible;
use std::future::ready;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::Response;
use axum::routing::any_service;
use govanityurls::internal::{Limits, ListenAddr, Listener, serve};
use tokio::sync::oneshot;

const THREADS: usize = 3;

struct Server {
    address: SocketAddr,
    /// Receives a sender for each request to `/hold`; its thread blocks until the sender is
    /// dropped.
    holds: mpsc::Receiver<mpsc::Sender<()>>,
    stop: oneshot::Sender<()>,
    thread: thread::JoinHandle<()>,
}

impl Server {
    /// Sends a request that blocks a thread, and waits until it does.
    fn hold(&self) -> (TcpStream, mpsc::Sender<()>) {
        let client = ask(self.address, "/hold");
        let let_go = self.holds.recv_timeout(Duration::from_secs(30)).unwrap();
        (client, let_go)
    }
}

/// A server that responds to each request with its thread's id.
fn start(max_connections: usize) -> Server {
    let any_port = "127.0.0.1:0".parse().unwrap();
    let listeners = Listener::bind_all(&[any_port], 0).unwrap();
    let ListenAddr::Tcp(address) = *listeners[0].address() else {
        panic!("it is TCP");
    };
    let (held_up, holds) = mpsc::channel();
    let router = any_service(tower::service_fn(move |request: Request| {
        if request.uri().path() == "/hold" {
            let (let_go, wait) = mpsc::channel();
            held_up.send(let_go).unwrap();
            _ = wait.recv();
        }
        let body = Body::from(format!("{:?}", thread::current().id()));
        ready(Ok::<_, Infallible>(Response::new(body)))
    }));
    let limits = Limits {
        threads: THREADS,
        ..Limits::new(max_connections)
    };
    let (stop, stopped) = oneshot::channel();
    let thread = thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(serve(listeners, router, limits, async {
                _ = stopped.await;
            }))
            .unwrap();
    });
    Server {
        address,
        holds,
        stop,
        thread,
    }
}

fn ask(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

fn read(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 "), "{text:?}");
    text.split_once("\r\n\r\n").unwrap().1.to_owned()
}

/// A blocked thread does not block the others.
#[test]
fn each_thread_serves() {
    let server = start(100);
    let held: Vec<_> = (1..THREADS).map(|_| server.hold()).collect();
    let mut served = vec![read(ask(server.address, "/"))];
    served.extend(held.into_iter().map(|(client, let_go)| {
        drop(let_go);
        read(client)
    }));
    served.sort();
    served.dedup();
    assert_eq!(served.len(), THREADS, "{served:?}");
    server.stop.send(()).unwrap();
    server.thread.join().unwrap();
}

/// The threads' open connections get their responses before the server stops; after that, nothing
/// listens.
#[test]
fn a_stop_waits_for_every_thread() {
    let server = start(100);
    let (mut clients, let_go): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| server.hold()).unzip();
    // No thread is left for these: they are in the backlog when the stop comes.
    clients.extend((0..THREADS).map(|_| ask(server.address, "/")));
    server.stop.send(()).unwrap();
    drop(let_go);
    let mut answers = clients.into_iter().map(read);
    let held: Vec<_> = answers.by_ref().take(THREADS).collect();
    for answer in answers {
        assert!(held.contains(&answer), "{answer:?}");
    }
    server.thread.join().unwrap();
    let refused = TcpStream::connect(server.address).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

/// All threads share one limit.
#[test]
fn a_connection_too_many_waits() {
    let server = start(1);
    let (first, let_go) = server.hold();
    let mut second = ask(server.address, "/");
    second
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    let early = second.read(&mut [0]).unwrap_err();
    assert_eq!(early.kind(), ErrorKind::WouldBlock);
    drop(let_go);
    read(first);
    second
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    read(second);
    server.stop.send(()).unwrap();
    server.thread.join().unwrap();
}
