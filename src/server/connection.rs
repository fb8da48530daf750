//! One connection: HTTP/1.1 by hyper, with a time limit on each thing that a client can be
//! slow at.
//!
//! hyper has one limit for the head of a request, and has it run between requests too, where
//! a client may rest for much longer; so the limits are kept here. They cost a request one
//! look at the clock: the timer is only touched where a client really is slow.

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

/// How long a client may take over the head of a request, from its first byte or, on a new
/// connection, from the accept.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may rest between requests: above nginx's 60 s, so that nginx is the
/// one to close and never writes into a connection that is closing at this end.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// How long a connection may rest where few are left.
const CROWDED_IDLE_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a client may accept nothing of an answer; nginx's send_timeout.
const SEND_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a connection stays half closed while the client still sends what nobody reads.
const LINGER: Duration = Duration::from_secs(2);
/// How much of it is thrown away, in bytes; then the connection is reset. It is the largest body
/// that nginx passes on by default (client_max_body_size): were it less, nginx would answer 502
/// in place of our 405.
const MOST_DISCARDED: usize = 1 << 20;
/// How much of it is read at a time.
const DISCARDED_AT_ONCE: usize = 32 << 10;
/// The largest request head that is read, in bytes.
const LARGEST_HEAD: usize = 16 << 10;

/// What answers requests: axum's routers do, by tower's `Service`.
pub trait Answering:
    tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
    + Clone
    + Send
    + 'static
{
}

impl<T> Answering for T where
    T: tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static
{
}

/// How long a connection may rest.
pub(super) struct Rest<F> {
    /// How long at most.
    pub most: Duration,
    /// Whether few connections are left. Each connection looks when it is woken.
    pub is_crowded: F,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// By the client, or by the server after an answer or a long rest.
    Closed,
    /// The client was too slow over a head, or over accepting an answer.
    TimedOut,
    /// What came was not HTTP/1, or its head was too large; the status sent, if any.
    BadRequest(Option<StatusCode>),
}

/// Answers the requests of one connection until it ends, or `stop` is ready and the request
/// under way is answered.
pub(super) async fn serve<I, R>(
    stream: I,
    router: R,
    peer: Option<Peer>,
    rest: Rest<impl Fn() -> bool>,
    stop: impl Future<Output = ()>,
) -> End
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    R: Answering,
{
    let phase = Phase::default();
    let io = Watched {
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
    // A client may close its half once it has asked.
    builder
        .half_close(true)
        .header_read_timeout(None)
        .max_buf_size(LARGEST_HEAD);
    let mut connection = pin!(builder.serve_connection(io, service));
    let mut stop = pin!(stop);
    let mut stopping = false;
    let mut slowness = Slowness::new(rest.most);
    let mut timer = pin!(sleep_until(slowness.deadline));
    let end = poll_fn(|cx| {
        // The connection first: a request that has come is answered, also while stopping.
        let mut result = connection.as_mut().poll(cx);
        // Half a head is a request too, but hyper would take it for a rest between requests.
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
        slowness.observe(&phase);
        let is_resting = || matches!(phase.get(), Waiting::First | Waiting::Idle);
        if (rest.is_crowded)() && is_resting() && slowness.since.elapsed() >= CROWDED_IDLE_TIMEOUT {
            return Poll::Ready(End::Closed);
        }
        loop {
            if slowness.deadline < timer.deadline() {
                timer.as_mut().reset(slowness.deadline);
            }
            ready!(timer.as_mut().poll(cx));
            if slowness.deadline <= timer.deadline() {
                return Poll::Ready(slowness.end());
            }
            timer.as_mut().reset(slowness.deadline);
        }
    })
    .await;
    // However the connection ended after that.
    match StatusCode::from_u16(phase.0.rejected.load(Ordering::Relaxed)) {
        Ok(status) => End::BadRequest(Some(status)),
        Err(_) => end,
    }
}

/// What a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waiting {
    /// The first byte of a connection.
    First = 0,
    /// The first bytes of another request, less what came along with the last.
    Idle = 1,
    /// The rest of a head.
    Head = 2,
    /// The client to accept the answer.
    Send = 3,
    /// The client to close its half.
    Close = 4,
}

/// The present phase, shared by the stream and the service of one connection. All three are
/// in one task, so the order of memory accesses is that of the program.
#[derive(Debug, Clone, Default)]
struct Phase(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiting: AtomicU8,
    /// Whether the phase was entered, or entered again, since it was last looked at.
    entered: AtomicBool,
    /// Whether the client sends, or may have sent, what will not be read.
    unread: AtomicBool,
    /// The status with which hyper itself has answered what it could not parse; else 0.
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

    /// Sets the phase, whose time begins.
    fn enter(&self, waiting: Waiting) {
        self.set(waiting);
        self.0.entered.store(true, Ordering::Relaxed);
    }

    /// The phase, if it was entered since the last call.
    fn newly_entered(&self) -> Option<Waiting> {
        let entered = self.0.entered.load(Ordering::Relaxed);
        self.0.entered.store(false, Ordering::Relaxed);
        entered.then(|| self.get())
    }
}

/// When the client will have been too slow.
struct Slowness {
    waiting: Waiting,
    since: Instant,
    deadline: Instant,
    idle: Duration,
}

impl Slowness {
    fn new(idle: Duration) -> Self {
        let since = Instant::now();
        Self {
            waiting: Waiting::First,
            since,
            deadline: since + HEAD_TIMEOUT,
            idle,
        }
    }

    /// Takes note of the phase that the connection is in after it was polled.
    fn observe(&mut self, phase: &Phase) {
        let Some(waiting) = phase.newly_entered() else {
            return;
        };
        self.waiting = waiting;
        self.since = Instant::now();
        self.deadline = self.since
            + match waiting {
                Waiting::First | Waiting::Head => HEAD_TIMEOUT,
                Waiting::Idle => self.idle,
                Waiting::Send => SEND_TIMEOUT,
                Waiting::Close => LINGER,
            };
    }

    /// What it means that the deadline has passed.
    fn end(&self) -> End {
        match self.waiting {
            Waiting::First | Waiting::Head | Waiting::Send => End::TimedOut,
            Waiting::Idle | Waiting::Close => End::Closed,
        }
    }
}

/// The router, as hyper calls it.
struct Service<R> {
    /// Not shared: hyper calls by a shared reference, for which a router had to be cloned.
    router: RefCell<R>,
    peer: Option<Peer>,
    phase: Phase,
}

impl<R: Answering> hyper::service::Service<Request<Incoming>> for Service<R> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = R::Future;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.phase.enter(Waiting::Send);
        let mut request = request.map(|body| {
            // No allocation, which that of a body from outside is.
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

/// A stream that tells when a head begins, when a client accepts some of an answer, and when
/// all of it has gone out.
struct Watched<I> {
    io: I,
    phase: Phase,
    /// How many bytes were thrown away.
    discarded: usize,
}

impl<I: Read + Unpin> Read for Watched<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.io).poll_read(cx, buffer);
        if result.is_ready() {
            match self.phase.get() {
                // The time for the first head runs already.
                Waiting::First => self.phase.set(Waiting::Head),
                Waiting::Idle => self.phase.enter(Waiting::Head),
                Waiting::Head | Waiting::Send | Waiting::Close => {}
            }
        }
        result
    }
}

impl<I: Read + Write + Unpin> Watched<I> {
    fn wrote(&self, bytes: &[u8], result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if matches!(result, Poll::Ready(Ok(1..))) {
            match self.phase.get() {
                Waiting::Send => self.phase.enter(Waiting::Send),
                // Nothing was asked of the service, so this is hyper's own answer.
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

impl<I: Read + Write + Unpin> Write for Watched<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.wrote(bytes, result)
    }

    /// hyper flushes the stream once all of its own buffer is written.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.io).poll_flush(cx);
        if result.is_ready() && self.phase.get() == Waiting::Send {
            self.phase.enter(Waiting::Idle);
        }
        result
    }

    /// To close a socket with bytes unread is to reset the connection, and the answer may be
    /// lost on its way: what still comes is read, and thrown away.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let waiting = self.phase.get();
        if waiting != Waiting::Close {
            ready!(Pin::new(&mut self.io).poll_shutdown(cx))?;
            // In the middle of a head: it was refused.
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

    /// A connection to a server of `body`, with room for so many bytes on the way; the clock
    /// runs only while both ends wait.
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

    /// Waits for the end; how it was, and after how many seconds.
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
        // The next head has its ten seconds again.
        let (mut client, server) = connect(b"x", 4096);
        client.write_all(REQUEST).await.unwrap();
        read_answer(&mut client).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        client.write_all(b"GET").await.unwrap();
        assert_eq!(end(server).await, (End::TimedOut, 10));
    }

    /// Each write ends one head and begins another, so that a poll always ends within a head.
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
