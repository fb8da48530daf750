//! Clients that ask without a pause worth the name while something is done to the server, and
//! look at every answer.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::{PATIENCE, Response};

/// What is asked for, again and again: modules, one below a module, what one site has and
/// another has not, what none has.
pub const TARGETS: [&str; 5] = [
    "/gowechat?go-get=1",
    "/gowechat/mp?go-get=1",
    "/x/experiments?go-get=1",
    "/only?go-get=1",
    "/gowechatt?go-get=1",
];

/// Between two requests of one client: the machine has other tests to run.
const PAUSE: Duration = Duration::from_micros(300);

/// Each target's answer, less what differs between any two: [`essence`].
pub type Answers = HashMap<&'static str, Response>;

/// A connection that asks one thing after another.
pub struct Client(BufReader<TcpStream>);

impl Client {
    pub fn connect(addr: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&addr, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Asks, and reads the whole answer.
    pub fn get(&mut self, target: &str, connection: &str) -> io::Result<Response> {
        self.send(&format!(
            "GET {target} HTTP/1.1\r\nHost: tonybai.com\r\nConnection: {connection}\r\n\r\n"
        ))?;
        self.answer()
    }

    pub fn set_write_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.0.get_ref().set_write_timeout(Some(timeout))
    }

    pub fn send(&mut self, text: &str) -> io::Result<()> {
        self.0.get_mut().write_all(text.as_bytes())
    }

    /// Reads one whole answer.
    pub fn answer(&mut self) -> io::Result<Response> {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            if self.0.read_until(b'\n', &mut bytes)? == 0 {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    format!("closed after {} bytes of the head", bytes.len()),
                ));
            }
        }
        let head = Response::parse(&bytes);
        let length = head.header("content-length").unwrap().parse().unwrap();
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        bytes.extend(body);
        Ok(Response::parse(&bytes))
    }

    /// Whether the server closes now, properly: no byte more, and no reset.
    pub fn is_closed(&mut self) -> io::Result<bool> {
        Ok(self.0.read(&mut [0])? == 0)
    }
}

/// What the server says of every target now.
pub fn answers(addr: SocketAddr) -> Answers {
    let mut client = Client::connect(addr).unwrap();
    TARGETS
        .iter()
        .map(|target| (*target, essence(&client.get(target, "keep-alive").unwrap())))
        .collect()
}

/// The response without the headers that are the moment's and the connection's own.
pub fn essence(response: &Response) -> Response {
    let mut response = response.clone();
    response
        .headers
        .retain(|(name, _)| !["date", "connection", "x-upstream"].contains(&name.as_str()));
    response
}

/// How a client treats its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// One connection for as long as the server keeps it; then another.
    KeepAlive,
    /// One connection for each request.
    New,
}

/// The clients of a load: how many answers each is to have seen, and whether to go on.
pub struct Load {
    stop: AtomicBool,
    seen: Vec<AtomicUsize>,
}

impl Load {
    /// Runs `body` while clients ask `addr`: two that keep their connections, two that do not.
    /// Each answer must be one of `right`; any error whatever fails the test.
    pub fn during(addr: SocketAddr, right: &[Answers], body: impl FnOnce(&Self)) -> usize {
        use Style::{KeepAlive, New};
        let styles = [KeepAlive, New, KeepAlive, New];
        let load = Self {
            stop: AtomicBool::new(false),
            seen: styles.iter().map(|_| AtomicUsize::new(0)).collect(),
        };
        thread::scope(|scope| {
            for (seen, style) in load.seen.iter().zip(styles) {
                let load = &load;
                scope.spawn(move || {
                    // A client that fails ends the load, so that the body ends as well.
                    let _guard = StopOnDrop(&load.stop);
                    load.ask(addr, style, right, seen);
                });
            }
            let _guard = StopOnDrop(&load.stop);
            body(&load);
            assert!(!load.stop.load(Ordering::Relaxed), "a client failed");
        });
        load.seen
            .into_iter()
            .map(AtomicUsize::into_inner)
            .sum::<usize>()
    }

    /// Waits until each client has seen `more` answers more.
    pub fn goes_on(&self, more: usize) {
        for seen in &self.seen {
            let goal = seen.load(Ordering::Relaxed) + more;
            crate::support::wait_until("the load goes on", || {
                assert!(!self.stop.load(Ordering::Relaxed), "a client failed");
                (seen.load(Ordering::Relaxed) >= goal).then_some(())
            });
        }
    }

    fn ask(&self, addr: SocketAddr, style: Style, right: &[Answers], seen: &AtomicUsize) {
        let connection = match style {
            Style::KeepAlive => "keep-alive",
            Style::New => "close",
        };
        let mut kept = None;
        for target in TARGETS.iter().cycle() {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            let mut client = kept.take().unwrap_or_else(|| {
                Client::connect(addr).unwrap_or_else(|e| panic!("{style:?}: connect: {e}"))
            });
            let response = client
                .get(target, connection)
                .unwrap_or_else(|error| panic!("{style:?}: {target}: {error}"));
            assert!(
                right
                    .iter()
                    .any(|answers| answers[target] == essence(&response)),
                "{style:?}: {target}: {response:?}"
            );
            match response.header("connection") {
                Some("close") => assert!(
                    client
                        .is_closed()
                        .unwrap_or_else(|error| panic!("{style:?}: {error}")),
                    "more than an answer"
                ),
                _ => kept = Some(client),
            }
            seen.fetch_add(1, Ordering::Relaxed);
            thread::sleep(PAUSE);
        }
    }
}

struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
