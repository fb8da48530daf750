//! The log: lines on standard error, or entries of systemd's journal.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufWriter};
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::thread;
use std::time::Duration;

use anstream::adapter::strip_str;
use clap::ValueEnum;
use tracing::{Level, Metadata, error, warn};
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_journald::{Priority, PriorityMappings};
use tracing_subscriber::filter::{LevelFilter, Targets, filter_fn};
use tracing_subscriber::prelude::*;

use crate::http::ACCESS_LOG;
use crate::terminal::colours;

/// Maximum number of queued lines; further ones are dropped and counted.
const MOST_WAITING: usize = 4096;
/// How often lost lines are reported.
const REPORT_EVERY: Duration = Duration::from_secs(2);
/// How long a failed program waits before it ends: journald asks the kernel for the unit of a
/// process when it reads the entry.
const BEFORE_END: Duration = Duration::from_millis(100);

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Running logging. Dropping it writes what is still queued, if that takes at most a second.
#[derive(Debug)]
pub struct Logging {
    /// Whether programs read the log: JSON, or the journal.
    is_read_by_programs: bool,
    lost: ErrorCounter,
    _worker: WorkerGuard,
}

/// Starts logging. A thread writes the lines: a pipe that nobody reads must not hold up requests.
#[must_use]
pub fn start(level: LevelFilter, format: LogFormat) -> Logging {
    let (writer, worker) = NonBlockingBuilder::default()
        .buffered_lines_limit(MOST_WAITING)
        .finish(BufWriter::new(io::stderr()));
    let lost = writer.error_counter();
    let journal = journal().filter(|_| format == LogFormat::Text);
    let is_read_by_programs = format == LogFormat::Json || journal.is_some();
    // The access log is written if it is on, whatever the level of everything else.
    let level = Targets::new()
        .with_default(level)
        .with_target(ACCESS_LOG, Level::INFO);
    let registry = tracing_subscriber::registry().with(level);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(colours(&io::stderr()) && !is_read_by_programs)
        .with_target(false);
    if format == LogFormat::Json {
        let lines = lines.json().flatten_event(true).with_target(true);
        registry.with(lines).init();
    } else if let Some(journal) = journal {
        // journalctl shows an entry's message without its fields, so that requests stay lines.
        let requests = lines.without_time().with_level(false);
        registry
            .with(requests.with_filter(filter_fn(is_request)))
            .with(journal.with_filter(filter_fn(|event| !is_request(event))))
            .init();
    } else {
        registry.with(lines).init();
    }
    Logging {
        is_read_by_programs,
        lost,
        _worker: worker,
    }
}

impl Logging {
    /// Logs why the program ends, if programs read the log, and nothing else would tell them.
    pub fn log_failure(&self, why: &impl Display) -> bool {
        if !self.is_read_by_programs || !tracing::enabled!(Level::ERROR) {
            return false;
        }
        error!("{why}");
        thread::sleep(BEFORE_END);
        true
    }

    /// Returns the number of lines that were lost, which grows.
    pub fn lost_lines(&self) -> ErrorCounter {
        self.lost.clone()
    }
}

/// Warns about lines that were lost, for ever.
pub async fn report_lost_lines(lost: ErrorCounter) {
    let mut reported = 0;
    loop {
        tokio::time::sleep(REPORT_EVERY).await;
        let lost = lost.dropped_lines();
        if lost > reported {
            // The total: this line may be lost as well.
            warn!("{lost} log lines lost since the start: they came too fast");
            reported = lost;
        }
    }
}

/// Logs an error to the journal, if standard error leads there and logging has not started.
pub fn log_to_journal(message: &impl Display) -> bool {
    let Some(journal) = journal() else {
        return false;
    };
    let registry = tracing_subscriber::registry().with(journal);
    let message = message.to_string();
    // What `check` found has styles.
    let message = strip_str(message.trim_end());
    tracing::subscriber::with_default(registry, || error!("{message}"));
    thread::sleep(BEFORE_END);
    true
}

/// Returns the journal if standard error leads there: systemd announces that stream by its device
/// and inode. The variable alone proves nothing: a shell that a service started inherits it.
fn journal() -> Option<tracing_journald::Layer> {
    let announced = std::env::var("JOURNAL_STREAM").ok()?;
    let stderr = File::from(io::stderr().as_fd().try_clone_to_owned().ok()?);
    let stderr = stderr.metadata().ok()?;
    if announced != format!("{}:{}", stderr.dev(), stderr.ino()) {
        return None;
    }
    let priorities = PriorityMappings {
        info: Priority::Informational,
        debug: Priority::Debug,
        ..PriorityMappings::new()
    };
    let journal = tracing_journald::layer().ok()?;
    Some(journal.with_priority_mappings(priorities))
}

fn is_request(event: &Metadata<'_>) -> bool {
    event.target() == ACCESS_LOG
}
