//! Several threads that serve the same sockets, in this process: a machine of the tests may
//! have too few cores for the program to start a second one.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::convert::Infallible;
use std::future::ready;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::Response;
use axum::routing::any_service;
use govanityurls::server::{Limits, ListenAddr, Listener, run};
use tokio::sync::oneshot;

const THREADS: usize = 3;

/// A server whose answer to each request is what `answer` makes of its path, in the thread of
/// the connection.
fn start(
    max_connections: usize,
    answer: impl Fn(&str) -> String + Clone + Send + Sync + 'static,
) -> (SocketAddr, oneshot::Sender<()>, thread::JoinHandle<()>) {
    let any_port = "127.0.0.1:0".parse().unwrap();
    let listeners = Listener::bind_all(&[any_port], 0).unwrap();
    let ListenAddr::Tcp(address) = *listeners[0].address() else {
        panic!("it is TCP");
    };
    let router = any_service(tower::service_fn(move |request: Request| {
        let body = Body::from(answer(request.uri().path()));
        ready(Ok::<_, Infallible>(Response::new(body)))
    }));
    let limits = Limits {
        threads: THREADS,
        ..Limits::new(max_connections)
    };
    let (stop, stopped) = oneshot::channel();
    let server = thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(run(listeners, router, limits, async {
                _ = stopped.await;
            }))
            .unwrap();
    });
    (address, stop, server)
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

/// A thread that is held up holds up no other.
#[test]
fn each_thread_serves() {
    let (held_up, holds) = mpsc::channel();
    let (address, stop, server) = start(100, move |path| {
        if path == "/hold" {
            let (let_go, wait) = mpsc::channel::<()>();
            held_up.send(let_go).unwrap();
            _ = wait.recv();
        }
        format!("{:?}", thread::current().id())
    });
    let mut held = Vec::new();
    let mut let_go = Vec::new();
    for _ in 1..THREADS {
        held.push(ask(address, "/hold"));
        let_go.push(holds.recv_timeout(Duration::from_secs(30)).unwrap());
    }
    let mut served = vec![read(ask(address, "/"))];
    drop(let_go);
    served.extend(held.into_iter().map(read));
    served.sort();
    served.dedup();
    assert_eq!(served.len(), THREADS, "{served:?}");
    stop.send(()).unwrap();
    server.join().unwrap();
}

/// The connections that any thread has are waited for, whose requests are answered; after that
/// nobody listens.
#[test]
fn a_stop_waits_for_every_thread() {
    let (asked, begun) = mpsc::channel();
    let closed = Arc::new(Mutex::new(()));
    let gate = closed.lock().unwrap();
    let (address, stop, server) = start(100, {
        let closed = closed.clone();
        move |_| {
            asked.send(()).unwrap();
            drop(closed.lock().unwrap());
            "done".to_owned()
        }
    });
    let mut clients = Vec::new();
    for _ in 0..THREADS {
        clients.push(ask(address, "/"));
        begun.recv_timeout(Duration::from_secs(30)).unwrap();
    }
    // No thread is left for these: they are in the backlog when the stop comes.
    clients.extend((0..THREADS).map(|_| ask(address, "/")));
    stop.send(()).unwrap();
    drop(gate);
    for client in clients {
        assert_eq!(read(client), "done");
    }
    server.join().unwrap();
    let refused = TcpStream::connect(address).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

/// The limit is one for all threads together.
#[test]
fn a_connection_too_many_waits() {
    let (held_up, holds) = mpsc::channel();
    let (address, stop, server) = start(1, move |path| {
        if path == "/hold" {
            let (let_go, wait) = mpsc::channel::<()>();
            held_up.send(let_go).unwrap();
            _ = wait.recv();
        }
        String::new()
    });
    let first = ask(address, "/hold");
    let let_go = holds.recv_timeout(Duration::from_secs(30)).unwrap();
    let mut second = ask(address, "/");
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
    stop.send(()).unwrap();
    server.join().unwrap();
}
