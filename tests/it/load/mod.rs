//! Clients that send requests almost continuously while something happens to the server, and check
//! every response.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::{PATIENCE, Response};

/// Targets to request in a loop: modules, a path below a module, modules that only one of two sites
/// has, and one that neither has.
pub const TARGETS: [&str; 5] = [
    "/gowechat?go-get=1",
    "/gowechat/mp?go-get=1",
    "/x/experiments?go-get=1",
    "/only?go-get=1",
    "/gowechatt?go-get=1",
];

/// Pause between two requests of one client; other tests need the machine too.
const PAUSE: Duration = Duration::from_micros(300);

/// The response for each target, without the parts that vary: see [`essence`].
pub type Answers = HashMap<&'static str, Response>;

/// A connection that sends one request after another.
pub struct Client(BufReader<TcpStream>);

impl Client {
    pub fn connect(addr: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&addr, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends a request and reads the whole response.
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

    /// Reads one whole response.
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

    /// Returns whether the server closes the connection cleanly: no further bytes, no reset.
    pub fn is_closed(&mut self) -> io::Result<bool> {
        Ok(self.0.read(&mut [0])? == 0)
    }
}

/// Returns the server's current response for every target.
pub fn answers(addr: SocketAddr) -> Answers {
    let mut client = Client::connect(addr).unwrap();
    TARGETS
        .iter()
        .map(|target| (*target, essence(&client.get(target, "keep-alive").unwrap())))
        .collect()
}

/// Returns the response without the headers that depend on the time or the connection.
pub fn essence(response: &Response) -> Response {
    let mut response = response.clone();
    response
        .headers
        .retain(|(name, _)| !["date", "connection", "x-upstream"].contains(&name.as_str()));
    response
}

/// How a client uses connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// One connection for as long as the server keeps it open, then another.
    KeepAlive,
    /// One connection per request.
    New,
}

/// The clients of a load: the number of responses each has seen, and whether to continue.
pub struct Load {
    stop: AtomicBool,
    seen: Vec<AtomicUsize>,
}

impl Load {
    /// Runs `body` while four clients send requests to `addr`: two with keep-alive, two without.
    /// Each response must be in `right`; any error fails the test.
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
                    // A failing client ends the load, so that `body` ends too.
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

    /// Waits until each client has seen `more` further responses.
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
