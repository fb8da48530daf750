//! One connection: HTTP/1.1 by hyper, with a timeout for each phase in which a client can stall.
//!
//! hyper has a single timeout for the request head, and it also runs between requests, where a
//! client may stay idle much longer. So the timeouts are kept here. They cost one clock read per
//! request: the timer is only reset when a client really is slow.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use hyper::body::{Body as _, Incoming};
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until};

use crate::http::Peer;

/// Timeout for a request head, from its first byte or, on a new connection, from the accept.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Idle timeout between requests. It is longer than nginx's 60 s, so that nginx closes first and
/// never writes to a connection that is closing at this end.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// Idle timeout when few connections are left.
const CROWDED_IDLE_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a client may go without accepting any of a response; nginx's default for
/// send_timeout.
const SEND_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a connection stays half closed while the client is still sending.
const LINGER: Duration = Duration::from_secs(2);
/// How much of it is discarded, in bytes; then the connection is reset. It is the largest body
/// that nginx passes on by default (client_max_body_size): with less, nginx would answer 502 in
/// place of our 405.
const MOST_DISCARDED: usize = 1 << 20;
/// Size of the buffer for discarded bytes.
const DISCARDED_AT_ONCE: usize = 32 << 10;
/// The largest accepted request head, in bytes.
const LARGEST_HEAD: usize = 16 << 10;

/// A service that answers requests, such as an axum router.
pub trait HttpService:
    tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
    + Clone
    + Send
    + 'static
{
}

impl<T> HttpService for T where
    T: tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static
{
}

/// Idle limits of a connection.
pub(super) struct Rest<F> {
    /// The idle timeout.
    pub most: Duration,
    /// Whether few connections are left. Checked each time the connection's task wakes.
    pub is_crowded: F,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// By the client, or by the server after a response or the idle timeout.
    Closed,
    /// The client was too slow to send a head or to accept a response.
    TimedOut,
    /// The input was not HTTP/1, or its head was too large; the status sent, if any.
    BadRequest(Option<StatusCode>),
}

/// Serves one connection until it ends, or until `stop` is ready and the request in progress is
/// answered.
pub(super) async fn serve<I, R>(
    stream: I,
    router: R,
    peer: Option<Peer>,
    rest: Rest<impl Fn() -> bool>,
    stop: impl Future<Output = ()>,
) -> End
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    R: HttpService,
{
    let phase = Phase::default();
    let io = TimedIo {
        io: TokioIo::new(stream),
        phase: phase.clone(),
        discarded: 0,
    };
    let service = Service {
        router: RefCell::new(router),
        peer,
        phase: phase.clone(),
    };
    let mut builder = http1::Builder::new();
    // A client may close its write half after sending its request.
    builder
        .half_close(true)
        .header_read_timeout(None)
        .max_buf_size(LARGEST_HEAD);
    let mut connection = pin!(builder.serve_connection(io, service));
    let mut stop = pin!(stop);
    let mut stopping = false;
    let mut deadline = Deadline::new(rest.most);
    let mut timer = pin!(sleep_until(deadline.at));
    let end = poll_fn(|cx| {
        // Poll the connection first: a request that has arrived is answered even while stopping.
        let mut result = connection.as_mut().poll(cx);
        // A partial head is a request too, but hyper would treat the connection as idle.
        let may_stop = !stopping && phase.get() != Waiting::Head;
        if result.is_pending() && may_stop && stop.as_mut().poll(cx).is_ready() {
            stopping = true;
            connection.as_mut().graceful_shutdown();
            result = connection.as_mut().poll(cx);
        }
        if let Poll::Ready(result) = result {
            return Poll::Ready(match result {
                Err(error) if error.is_parse() => End::BadRequest(None),
                _ => End::Closed,
            });
        }
        deadline.observe(&phase);
        let is_resting = || matches!(phase.get(), Waiting::First | Waiting::Idle);
        if (rest.is_crowded)() && is_resting() && deadline.since.elapsed() >= CROWDED_IDLE_TIMEOUT {
            return Poll::Ready(End::Closed);
        }
        loop {
            if deadline.at < timer.deadline() {
                timer.as_mut().reset(deadline.at);
            }
            ready!(timer.as_mut().poll(cx));
            if deadline.at <= timer.deadline() {
                return Poll::Ready(deadline.end());
            }
            timer.as_mut().reset(deadline.at);
        }
    })
    .await;
    // A rejected request is reported as one, however the connection ended.
    match StatusCode::from_u16(phase.0.rejected.load(Ordering::Relaxed)) {
        Ok(status) => End::BadRequest(Some(status)),
        Err(_) => end,
    }
}

/// What a connection is waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waiting {
    /// The first byte of the connection.
    First = 0,
    /// The first bytes of the next request, not counting those that arrived with the last one.
    Idle = 1,
    /// The rest of a head.
    Head = 2,
    /// The client to accept the response.
    Send = 3,
    /// The client to close its write half.
    Close = 4,
}

/// The current phase, shared by `serve`, the stream and the service of one connection. All three
/// run in one task, so relaxed memory ordering is enough.
#[derive(Debug, Clone, Default)]
struct Phase(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiting: AtomicU8,
    /// Whether the phase was entered, or entered again, since it was last checked.
    entered: AtomicBool,
    /// Whether the client has sent, or may still send, bytes that will not be read.
    unread: AtomicBool,
    /// The status that hyper itself sent for a request that it could not parse; otherwise 0.
    rejected: AtomicU16,
}

impl Phase {
    fn get(&self) -> Waiting {
        match self.0.waiting.load(Ordering::Relaxed) {
            0 => Waiting::First,
            1 => Waiting::Idle,
            2 => Waiting::Head,
            3 => Waiting::Send,
            _ => Waiting::Close,
        }
    }

    fn set(&self, waiting: Waiting) {
        self.0.waiting.store(waiting as u8, Ordering::Relaxed);
    }

    /// Enters the phase and restarts its timer.
    fn enter(&self, waiting: Waiting) {
        self.set(waiting);
        self.0.entered.store(true, Ordering::Relaxed);
    }

    /// Returns the phase if it was entered since the last call.
    fn newly_entered(&self) -> Option<Waiting> {
        let entered = self.0.entered.load(Ordering::Relaxed);
        self.0.entered.store(false, Ordering::Relaxed);
        entered.then(|| self.get())
    }
}

/// The deadline of the current phase.
struct Deadline {
    waiting: Waiting,
    since: Instant,
    at: Instant,
    idle: Duration,
}

impl Deadline {
    fn new(idle: Duration) -> Self {
        let since = Instant::now();
        Self {
            waiting: Waiting::First,
            since,
            at: since + HEAD_TIMEOUT,
            idle,
        }
    }

    /// Restarts the deadline if the last poll entered a phase.
    fn observe(&mut self, phase: &Phase) {
        let Some(waiting) = phase.newly_entered() else {
            return;
        };
        self.waiting = waiting;
        self.since = Instant::now();
        self.at = self.since
            + match waiting {
                Waiting::First | Waiting::Head => HEAD_TIMEOUT,
                Waiting::Idle => self.idle,
                Waiting::Send => SEND_TIMEOUT,
                Waiting::Close => LINGER,
            };
    }

    /// Returns how the connection ends when the deadline passes.
    fn end(&self) -> End {
        match self.waiting {
            Waiting::First | Waiting::Head | Waiting::Send => End::TimedOut,
            Waiting::Idle | Waiting::Close => End::Closed,
        }
    }
}

/// The router, wrapped for hyper.
struct Service<R> {
    /// A `RefCell`, because hyper calls the service through a shared reference, and cloning the
    /// router for each request costs more.
    router: RefCell<R>,
    peer: Option<Peer>,
    phase: Phase,
}

impl<R: HttpService> hyper::service::Service<Request<Incoming>> for Service<R> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = R::Future;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.phase.enter(Waiting::Send);
        let mut request = request.map(|body| {
            // An empty body needs no allocation; wrapping an incoming one does.
            if body.is_end_stream() {
                return Body::empty();
            }
            self.phase.0.unread.store(true, Ordering::Relaxed);
            Body::new(body)
        });
        if let Some(peer) = self.peer {
            request.extensions_mut().insert(peer);
        }
        self.router.borrow_mut().call(request)
    }
}

/// A stream that tracks the phase: when a head begins, when a client accepts part of a response,
/// and when all of it has been written.
struct TimedIo<I> {
    io: I,
    phase: Phase,
    /// Number of bytes discarded so far.
    discarded: usize,
}

impl<I: Read + Unpin> Read for TimedIo<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.io).poll_read(cx, buffer);
        if result.is_ready() {
            match self.phase.get() {
                // The timer of the first head is already running.
                Waiting::First => self.phase.set(Waiting::Head),
                Waiting::Idle => self.phase.enter(Waiting::Head),
                Waiting::Head | Waiting::Send | Waiting::Close => {}
            }
        }
        result
    }
}

impl<I: Read + Write + Unpin> TimedIo<I> {
    fn wrote(&self, bytes: &[u8], result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if matches!(result, Poll::Ready(Ok(1..))) {
            match self.phase.get() {
                Waiting::Send => self.phase.enter(Waiting::Send),
                // The service was not called, so this is hyper's own response.
                Waiting::First | Waiting::Idle | Waiting::Head => {
                    let status = bytes
                        .get("HTTP/1.1 ".len()..)
                        .and_then(|rest| rest.get(..3));
                    if let Some(Ok(status)) = status.map(StatusCode::from_bytes) {
                        self.phase
                            .0
                            .rejected
                            .store(status.as_u16(), Ordering::Relaxed);
                    }
                }
                Waiting::Close => {}
            }
        }
        result
    }
}

impl<I: Read + Write + Unpin> Write for TimedIo<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.wrote(bytes, result)
    }

    /// Marks the response as sent: hyper flushes the stream once its own buffer is written.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.io).poll_flush(cx);
        if result.is_ready() && self.phase.get() == Waiting::Send {
            self.phase.enter(Waiting::Idle);
        }
        result
    }

    /// Closes the write half, then reads and discards what the client still sends: closing a
    /// socket with unread bytes resets the connection, and the response may be lost.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let waiting = self.phase.get();
        if waiting != Waiting::Close {
            ready!(Pin::new(&mut self.io).poll_shutdown(cx))?;
            // A shutdown in the middle of a head means that the head was rejected.
            if waiting != Waiting::Head && !self.phase.0.unread.load(Ordering::Relaxed) {
                return Poll::Ready(Ok(()));
            }
            self.phase.enter(Waiting::Close);
        }
        let mut bytes = [MaybeUninit::uninit(); DISCARDED_AT_ONCE];
        while self.discarded < MOST_DISCARDED {
            let mut buffer = ReadBuf::uninit(&mut bytes);
            ready!(Pin::new(&mut self.io).poll_read(cx, buffer.unfilled()))?;
            match buffer.filled().len() {
                0 => break,
                read => self.discarded += read,
            }
        }
        Poll::Ready(Ok(()))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write_vectored(cx, bytes);
        self.wrote(bytes.first().map_or(b"", |first| first), result)
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
    use tokio::task::JoinHandle;

    use super::*;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";

    /// Connects to a server that answers with `body`, over a pipe that buffers `room` bytes. The
    /// clock advances only while both ends wait.
    fn connect(body: &'static [u8], room: usize) -> (DuplexStream, JoinHandle<End>) {
        connect_with(body, room, IDLE_TIMEOUT)
    }

    fn connect_with(
        body: &'static [u8],
        room: usize,
        most: Duration,
    ) -> (DuplexStream, JoinHandle<End>) {
        let (client, server) = duplex(room);
        let router = axum::Router::new().fallback(move || async move { body.into_response() });
        let stop = std::future::pending();
        let rest = Rest {
            most,
            is_crowded: || false,
        };
        let served = serve(server, router, None, rest, stop);
        (client, tokio::spawn(served))
    }

    async fn read_answer(client: &mut DuplexStream) {
        let mut bytes = [0; 4096];
        let n = client.read(&mut bytes).await.unwrap();
        assert!(bytes[..n].starts_with(b"HTTP/1.1 200 "));
    }

    /// Waits for the end; returns how the connection ended and after how many seconds.
    async fn end(server: JoinHandle<End>) -> (End, u64) {
        let start = Instant::now();
        (server.await.unwrap(), start.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_has_ten_seconds() {
        for bytes in [&b""[..], b"G", &REQUEST[..REQUEST.len() - 1]] {
            let (mut client, server) = connect(b"x", 4096);
            client.write_all(bytes).await.unwrap();
            assert_eq!(end(server).await, (End::TimedOut, 10), "{bytes:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_that_drip_in_win_no_time() {
        let (mut client, server) = connect(b"x", 4096);
        let dripping = tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                if client.write_all(b"G").await.is_err() {
                    return;
                }
            }
        });
        assert_eq!(end(server).await, (End::TimedOut, 10));
        dripping.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_rests_for_seventy_five_seconds_between_requests() {
        let (mut client, server) = connect(b"x", 4096);
        for _ in 0..3 {
            client.write_all(REQUEST).await.unwrap();
            read_answer(&mut client).await;
            tokio::time::sleep(Duration::from_secs(74)).await;
        }
        assert_eq!(end(server).await, (End::Closed, 1));
        // The next head gets its full ten seconds.
        let (mut client, server) = connect(b"x", 4096);
        client.write_all(REQUEST).await.unwrap();
        read_answer(&mut client).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        client.write_all(b"GET").await.unwrap();
        assert_eq!(end(server).await, (End::TimedOut, 10));
    }

    /// Each write ends one head and begins the next, so every poll ends in the middle of a head.
    #[tokio::test(start_paused = true)]
    async fn every_head_has_ten_seconds_of_its_own() {
        let (mut client, server) = connect(b"x", 4096);
        let (begin, rest) = REQUEST.split_at(7);
        client.write_all(begin).await.unwrap();
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_secs(9)).await;
            client.write_all(rest).await.unwrap();
            client.write_all(begin).await.unwrap();
            read_answer(&mut client).await;
        }
        client.write_all(rest).await.unwrap();
        read_answer(&mut client).await;
        drop(client);
        assert_eq!(end(server).await.0, End::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_not_accepted_is_given_up_after_a_minute() {
        let (mut client, server) = connect(&[b'x'; 5000], 1000);
        client.write_all(REQUEST).await.unwrap();
        assert_eq!(end(server).await, (End::TimedOut, 60));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_has_a_minute_for_each_part() {
        let (mut client, server) = connect(&[b'x'; 5000], 1000);
        client.write_all(REQUEST).await.unwrap();
        let mut read = 0;
        while read < 5000 {
            tokio::time::sleep(Duration::from_secs(50)).await;
            let n = client.read(&mut [0; 1000]).await.unwrap();
            assert!(n > 0, "cut after {read} bytes");
            read += n;
        }
        drop(client);
        assert_eq!(end(server).await.0, End::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_client_may_send_on_for_a_moment() {
        for request in [
            "no HTTP\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 100000\r\n\r\n",
        ] {
            let (client, server) = connect(b"x", 4096);
            let (mut answer, mut body) = tokio::io::split(client);
            body.write_all(request.as_bytes()).await.unwrap();
            body.write_all(&[b'x'; 50_000]).await.unwrap();
            let mut text = String::new();
            answer.read_to_string(&mut text).await.unwrap();
            assert!(text.starts_with("HTTP/1.1 "), "{text}");
            assert_eq!(end(server).await.1, 2, "{text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_client_may_not_send_for_ever() {
        let (client, server) = connect(b"x", 4096);
        let (mut answer, mut body) = tokio::io::split(client);
        let request = "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 100000000\r\n\r\n";
        body.write_all(request.as_bytes()).await.unwrap();
        let sending = tokio::spawn(async move {
            let mut sent = 0;
            while let Ok(more) = body.write(&[b'x'; 4096]).await {
                sent += more;
            }
            sent
        });
        let mut text = String::new();
        answer.read_to_string(&mut text).await.unwrap();
        assert!(text.starts_with("HTTP/1.1 "), "{text}");
        assert_eq!(end(server).await.1, 0);
        let sent = sending.await.unwrap();
        let most = MOST_DISCARDED..=MOST_DISCARDED + DISCARDED_AT_ONCE + LARGEST_HEAD;
        assert!(most.contains(&sent), "{sent}");
    }

    #[tokio::test(start_paused = true)]
    async fn how_long_a_connection_may_rest_depends_on_the_listener() {
        let ten = Duration::from_secs(10);
        let (mut client, server) = connect_with(b"x", 4096, ten);
        client.write_all(REQUEST).await.unwrap();
        read_answer(&mut client).await;
        assert_eq!(end(server).await, (End::Closed, 10));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_cannot_be_parsed_is_one_however_the_connection_ends() {
        let bad = End::BadRequest(Some(StatusCode::BAD_REQUEST));
        for request in [
            &b"no HTTP\r\n\r\n"[..],
            &[REQUEST, b"no HTTP\r\n\r\n"].concat(),
        ] {
            for closes in [true, false] {
                let (mut client, server) = connect(b"x", 4096);
                client.write_all(request).await.unwrap();
                if closes {
                    client.shutdown().await.unwrap();
                }
                assert_eq!(end(server).await.0, bad, "{closes}");
            }
        }
        let (mut client, server) = connect(b"x", 4096);
        client
            .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            .await
            .unwrap();
        client.shutdown().await.unwrap();
        assert_eq!(end(server).await.0, End::BadRequest(None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_may_close_its_half_once_it_has_asked() {
        let (mut client, server) = connect(b"the body", 4096);
        client.write_all(REQUEST).await.unwrap();
        client.shutdown().await.unwrap();
        let mut text = String::new();
        client.read_to_string(&mut text).await.unwrap();
        assert!(text.ends_with("the body"), "{text}");
        assert_eq!(end(server).await, (End::Closed, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_is_too_large_is_refused() {
        let head = |size: usize| {
            let start = "GET / HTTP/1.1\r\nHost: a.example\r\nX: ";
            format!("{start}{}\r\n\r\n", "x".repeat(size - start.len() - 4))
        };
        for (size, status, how) in [
            (LARGEST_HEAD, "200", End::Closed),
            (
                LARGEST_HEAD + 1,
                "431",
                End::BadRequest(Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)),
            ),
        ] {
            let (mut client, server) = connect(b"x", 1 << 20);
            client.write_all(head(size).as_bytes()).await.unwrap();
            client.shutdown().await.unwrap();
            let mut text = String::new();
            client.read_to_string(&mut text).await.unwrap();
            assert_eq!(&text[9..12], status);
            assert_eq!(end(server).await.0, how);
        }
    }
}
