//! One connection: HTTP/1.1 by hyper, with a time limit on each thing that a client can be
//! slow at.
//!
//! hyper has one limit for the head of a request, and has it run between requests too, where
//! a client may rest for much longer; so the limits are kept here. They cost a request one
//! look at the clock: the timer is only touched where a client really is slow.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until};
use tower_service::Service as _;

use crate::http::Peer;

/// How long a client may take over the head of a request, from its first byte or, on a new
/// connection, from the accept.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may rest between requests: above nginx's 60 s, so that nginx is the
/// one to close and never writes into a connection that is closing at this end.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// How long a client may take to accept an answer; nginx's send_timeout.
const SEND_TIMEOUT: Duration = Duration::from_secs(60);
/// The largest request head that is read, in bytes.
const LARGEST_HEAD: usize = 16 << 10;

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// By the client, or by the server after an answer.
    Closed,
    /// The client was too slow.
    TimedOut,
    /// What came was not HTTP/1, or its head was too large.
    BadRequest,
}

/// Answers the requests of one connection until it ends, or `stop` is ready and the request
/// under way is answered.
pub(super) async fn serve<I>(
    stream: I,
    router: Router,
    peer: Option<Peer>,
    stop: impl Future<Output = ()>,
) -> End
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let phase = Phase::default();
    let io = Watched {
        io: TokioIo::new(stream),
        phase: phase.clone(),
    };
    let service = Service {
        router,
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
    let mut slowness = Slowness::new();
    let mut timer = pin!(sleep_until(slowness.deadline));
    poll_fn(|cx| {
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
                Err(error) if error.is_parse() => End::BadRequest,
                _ => End::Closed,
            });
        }
        slowness.observe(&phase);
        loop {
            if slowness.deadline < timer.deadline() {
                timer.as_mut().reset(slowness.deadline);
            }
            ready!(timer.as_mut().poll(cx));
            if slowness.deadline <= timer.deadline() {
                return Poll::Ready(End::TimedOut);
            }
            timer.as_mut().reset(slowness.deadline);
        }
    })
    .await
}

/// What a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waiting {
    /// The first byte of a connection.
    First = 0,
    /// The first byte of another request.
    Idle = 1,
    /// The rest of a head.
    Head = 2,
    /// The client to accept the answer.
    Send = 3,
}

/// The present phase, shared by the stream and the service of one connection. All three are
/// in one task, so the order of memory accesses is that of the program.
#[derive(Debug, Clone, Default)]
struct Phase(Arc<AtomicU8>);

impl Phase {
    fn get(&self) -> Waiting {
        match self.0.load(Ordering::Relaxed) {
            0 => Waiting::First,
            1 => Waiting::Idle,
            2 => Waiting::Head,
            _ => Waiting::Send,
        }
    }

    fn set(&self, waiting: Waiting) {
        self.0.store(waiting as u8, Ordering::Relaxed);
    }
}

/// When the client will have been too slow.
struct Slowness {
    waiting: Waiting,
    deadline: Instant,
}

impl Slowness {
    fn new() -> Self {
        Self {
            waiting: Waiting::First,
            deadline: Instant::now() + HEAD_TIMEOUT,
        }
    }

    /// Takes note of the phase that the connection is in after it was polled.
    fn observe(&mut self, phase: &Phase) {
        let waiting = phase.get();
        // Each poll that ends in Idle has answered a request, and starts a new rest.
        if waiting == self.waiting && waiting != Waiting::Idle {
            return;
        }
        self.waiting = waiting;
        self.deadline = Instant::now()
            + match waiting {
                Waiting::First | Waiting::Head => HEAD_TIMEOUT,
                Waiting::Idle => IDLE_TIMEOUT,
                Waiting::Send => SEND_TIMEOUT,
            };
    }
}

/// The router, as hyper calls it.
struct Service {
    router: Router,
    peer: Option<Peer>,
    phase: Phase,
}

impl hyper::service::Service<Request<Incoming>> for Service {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = axum::routing::future::RouteFuture<Infallible>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        self.phase.set(Waiting::Send);
        if let Some(peer) = self.peer {
            request.extensions_mut().insert(peer);
        }
        self.router.clone().call(request)
    }
}

/// A stream that tells when a head begins and when an answer has gone out.
struct Watched<I> {
    io: I,
    phase: Phase,
}

impl<I: Read + Unpin> Read for Watched<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.io).poll_read(cx, buffer);
        if result.is_ready() && matches!(self.phase.get(), Waiting::First | Waiting::Idle) {
            self.phase.set(Waiting::Head);
        }
        result
    }
}

impl<I: Write + Unpin> Write for Watched<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    /// hyper flushes the stream once all of its own buffer is written.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.io).poll_flush(cx);
        if result.is_ready() && self.phase.get() == Waiting::Send {
            self.phase.set(Waiting::Idle);
        }
        result
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bytes)
    }
}
