//! Log lines, on standard error, written by a thread of their own: a journal that stalls, or a
//! pipe that nobody empties, must not hold up requests.

use std::io::{self, IsTerminal as _, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;

use crate::cli::LogFormat;
use crate::http::ACCESS_LOG;

/// How many lines may wait to be written; more are lost, and counted.
const MOST_WAITING: usize = 4096;
/// So much is written at a time, in bytes, where as much waits.
const AT_A_TIME: usize = 32 << 10;
/// How long the end of the program waits for the last lines to be taken.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Starts logging, until the result is dropped: then what waits is written.
#[must_use]
pub fn start(level: &Targets, format: LogFormat) -> Logging {
    let (sender, waiting) = sync_channel(MOST_WAITING);
    let lines = Lines {
        sender,
        lost: Arc::default(),
    };
    let lost = lines.lost.clone();
    thread::spawn(move || write_lines(&waiting, &lost));
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(lines.clone())
        .with_target(false)
        .with_ansi(io::stderr().is_terminal());
    // Who asks for the access log gets it, however little else is to be logged.
    let level = level.clone().with_target(ACCESS_LOG, Level::INFO);
    let registry = tracing_subscriber::registry().with(level);
    match format {
        LogFormat::Text => registry.with(layer).init(),
        LogFormat::Json => registry
            .with(layer.json().flatten_event(true).with_target(true))
            .init(),
    }
    Logging(lines)
}

/// Logging that was started.
#[derive(Debug)]
pub struct Logging(Lines);

impl Drop for Logging {
    fn drop(&mut self) {
        let (sender, written) = sync_channel(1);
        // Neither a full queue nor a reader that stalls is waited for longer than a moment.
        if self.0.sender.try_send(Waiting::Last(sender)).is_ok() {
            let _ = written.recv_timeout(LAST_LINES);
        }
    }
}

enum Waiting {
    Line(Vec<u8>),
    /// All lines before this are to be written, and then this told.
    Last(SyncSender<()>),
}

/// The queue's end that lines go in by.
#[derive(Debug, Clone)]
struct Lines {
    sender: SyncSender<Waiting>,
    lost: Arc<AtomicU64>,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = &'a Lines;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

impl Write for &Lines {
    /// Called once a line, with the whole of it.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.sender.try_send(Waiting::Line(line.to_vec())).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes lines for as long as there is someone to send them, several at a time where several
/// wait. Errors have nobody to be told to.
fn write_lines(waiting: &Receiver<Waiting>, lost: &AtomicU64) {
    let mut stderr = io::stderr();
    let mut text = Vec::new();
    while let Ok(first) = waiting.recv() {
        let mut next = Some(first);
        let mut last = None;
        while let Some(taken) = next {
            match taken {
                Waiting::Line(line) => text.extend(line),
                Waiting::Last(done) => last = Some(done),
            }
            next = (text.len() < AT_A_TIME)
                .then(|| waiting.try_recv().ok())
                .flatten();
        }
        match lost.swap(0, Ordering::Relaxed) {
            0 => {}
            lost => text.extend(format!("{lost} log lines lost: they came too fast\n").bytes()),
        }
        let _ = stderr.write_all(&text);
        text.clear();
        if let Some(done) = last {
            let _ = done.send(());
        }
    }
}
