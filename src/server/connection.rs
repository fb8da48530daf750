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
use axum::routing::MethodRouter;
use axum::routing::future::RouteFuture;
use hyper::body::{Body as _, Incoming};
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until};
use tower::Service as _;

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
/// answered. `idle` is the idle timeout; `is_crowded` returns whether few connections are left,
/// and is called each time the connection's task wakes.
pub(super) async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: MethodRouter,
    peer: Option<Peer>,
    idle: Duration,
    is_crowded: impl Fn() -> bool,
    stop: impl Future<Output = ()>,
) -> End {
    let phase = Arc::new(Phase::default());
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
    let mut deadline = Deadline::new(idle);
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
        if is_crowded() && is_resting() && deadline.since.elapsed() >= CROWDED_IDLE_TIMEOUT {
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
    match StatusCode::from_u16(phase.rejected.load(Ordering::Relaxed)) {
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
#[derive(Debug, Default)]
struct Phase {
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
        match self.waiting.load(Ordering::Relaxed) {
            0 => Waiting::First,
            1 => Waiting::Idle,
            2 => Waiting::Head,
            3 => Waiting::Send,
            _ => Waiting::Close,
        }
    }

    fn set(&self, waiting: Waiting) {
        self.waiting.store(waiting as u8, Ordering::Relaxed);
    }

    /// Enters the phase and restarts its timer.
    fn enter(&self, waiting: Waiting) {
        self.set(waiting);
        self.entered.store(true, Ordering::Relaxed);
    }

    /// Returns the phase if it was entered since the last call.
    fn newly_entered(&self) -> Option<Waiting> {
        let entered = self.entered.load(Ordering::Relaxed);
        self.entered.store(false, Ordering::Relaxed);
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
struct Service {
    /// A `RefCell`, because hyper calls the service through a shared reference, and cloning the
    /// router for each request costs more.
    router: RefCell<MethodRouter>,
    peer: Option<Peer>,
    phase: Arc<Phase>,
}

impl hyper::service::Service<Request<Incoming>> for Service {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = RouteFuture<Infallible>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.phase.enter(Waiting::Send);
        let mut request = request.map(|body| {
            // An empty body needs no allocation; wrapping an incoming one does.
            if body.is_end_stream() {
                return Body::empty();
            }
            self.phase.unread.store(true, Ordering::Relaxed);
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
    phase: Arc<Phase>,
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
                        let rejected = &self.phase.rejected;
                        rejected.store(status.as_u16(), Ordering::Relaxed);
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
            if waiting != Waiting::Head && !self.phase.unread.load(Ordering::Relaxed) {
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
mod tests;
