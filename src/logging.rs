//! Log lines on standard error, written by a separate thread: a journal that stalls, or a pipe
//! that nobody reads, must not hold up requests.

use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use clap::ValueEnum;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::LookupSpan;

use crate::http::{ACCESS_LINE, ACCESS_LOG};
use crate::terminal::{ErrorStream, with_priority};
use crate::text::{is_invisible, nearest, quoted};

/// Maximum number of queued lines; further ones are dropped and counted.
const MOST_WAITING: usize = 4096;
/// How many bytes are written at a time, if that many are queued.
const AT_A_TIME: usize = 32 << 10;
/// How long the program waits at exit for the last lines to be written.
const LAST_LINES: Duration = Duration::from_secs(1);
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
/// The modules that log, as a filter names them. A filter may also name their parents.
const TARGETS: [&str; 6] = [
    "govanityurls::commands::serve",
    "govanityurls::server",
    "govanityurls::server::listener",
    "govanityurls::server::reload",
    "govanityurls::server::signals",
    "govanityurls::server::systemd",
];

/// Parses a log filter: a level, `TARGET=LEVEL`, or a comma-separated list of them. tracing's own
/// parser takes a misspelt level for a target, which silences everything else.
///
/// # Errors
///
/// A word is not a level, or a target does not exist.
pub fn parse_filter(text: &str) -> Result<Targets, String> {
    let mut filter = Targets::new();
    for part in text.split(',').map(str::trim) {
        filter = match part.split_once('=') {
            Some((target, level)) if is_target(target) => {
                filter.with_target(target, parse_level(level)?)
            }
            Some((target, _)) => return Err(unknown_target(target)),
            None if is_target(part) => filter.with_target(part, LevelFilter::TRACE),
            None if part.contains("::") => return Err(unknown_target(part)),
            None => filter.with_default(parse_level(part)?),
        };
    }
    Ok(filter)
}

fn is_target(text: &str) -> bool {
    TARGETS.iter().any(|target| {
        let rest = target.strip_prefix(text);
        !text.is_empty() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    })
}

fn unknown_target(text: &str) -> String {
    let hint = match nearest(text, TARGETS) {
        Some(target) => format!("did you mean `{target}`?"),
        None => format!(
            "these log: govanityurls, or one of its parts: {}",
            TARGETS.join(", ")
        ),
    };
    format!("nothing logs as {}; {hint}", quoted(text))
}

fn parse_level(text: &str) -> Result<LevelFilter, String> {
    let word = text.to_ascii_lowercase();
    if LEVELS.contains(&&*word)
        && let Ok(level) = word.parse()
    {
        return Ok(level);
    }
    // `warning` and `err` are too far from `warn` and `error` to count as typos.
    let meant = LEVELS
        .into_iter()
        .find(|level| word.len() > 2 && (word.starts_with(level) || level.starts_with(&word)))
        .or_else(|| nearest(&word, LEVELS));
    let hint = match meant {
        Some(level) => format!("did you mean `{level}`?"),
        None => format!("the levels are {}", LEVELS.join(", ")),
    };
    Err(format!("{} is not a level; {hint}", quoted(text)))
}

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Starts logging. Dropping the result writes what is still queued.
#[must_use]
pub fn start(level: &Targets, format: LogFormat) -> Logging {
    let stream = ErrorStream::detect();
    let (sender, waiting) = sync_channel(MOST_WAITING);
    let style = match format {
        LogFormat::Json => Style::Json,
        LogFormat::Text if stream == ErrorStream::Journal => Style::Journal,
        LogFormat::Text => Style::Text,
    };
    let lines = Lines {
        sender,
        lost: Arc::default(),
        style,
    };
    let lost = lines.lost.clone();
    thread::spawn(move || write_lines(&waiting, &lost, style));
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(lines.clone())
        .with_target(false)
        .with_ansi(style == Style::Text && stream == ErrorStream::Colours);
    // The access log is written if it is on, whatever the level of everything else.
    let level = level
        .clone()
        .with_target(ACCESS_LOG, Level::INFO)
        .with_target(ACCESS_LINE, Level::INFO);
    let registry = tracing_subscriber::registry().with(level);
    match style {
        Style::Text => registry.with(layer.map_event_format(LinesAsTheyAre)).init(),
        Style::Journal => registry
            .with(
                layer
                    .without_time()
                    .with_level(false)
                    .map_event_format(LinesAsTheyAre),
            )
            .init(),
        Style::Json => registry
            .with(layer.json().flatten_event(true).with_target(true))
            .init(),
    }
    Logging(lines)
}

/// How lines are written, which depends on the requested format and on where they go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Text,
    Journal,
    Json,
}

/// Formats events like the inner format, except those that already are a complete line.
struct LinesAsTheyAre<F>(F);

impl<S, N, F> FormatEvent<S, N> for LinesAsTheyAre<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        if event.metadata().target() == ACCESS_LINE {
            context.format_fields(writer.by_ref(), event)?;
            return writeln!(writer);
        }
        self.0.format_event(context, writer, event)
    }
}

/// Running logging, until it is dropped.
#[derive(Debug)]
pub struct Logging(Lines);

impl Drop for Logging {
    fn drop(&mut self) {
        let (sender, written) = sync_channel(1);
        // Do not wait for a full queue, and only briefly for a reader that stalls.
        if self.0.sender.try_send(Waiting::Last(sender)).is_ok() {
            let _ = written.recv_timeout(LAST_LINES);
        }
    }
}

enum Waiting {
    Line(Vec<u8>),
    /// A request to reply once all lines before this one are written.
    Last(SyncSender<()>),
}

/// The sending end of the queue.
#[derive(Debug, Clone)]
struct Lines {
    sender: SyncSender<Waiting>,
    lost: Arc<AtomicU64>,
    style: Style,
}

/// The writer of one event.
struct EventWriter<'a> {
    lines: &'a Lines,
    /// The level, if the journal should know it.
    priority: Option<Level>,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = EventWriter<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        EventWriter {
            lines: self,
            priority: None,
        }
    }

    fn make_writer_for(&'a self, event: &Metadata<'_>) -> Self::Writer {
        let is_journal = self.style == Style::Journal && event.target() != ACCESS_LINE;
        EventWriter {
            lines: self,
            priority: is_journal.then_some(*event.level()),
        }
    }
}

impl Write for EventWriter<'_> {
    /// Queues one event: this is called once per event, with all of its text.
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let line = match self.priority {
            Some(level) => with_priority(level, &String::from_utf8_lossy(text)).into_bytes(),
            None if self.lines.style == Style::Json => {
                escape_json(&String::from_utf8_lossy(text)).into_bytes()
            }
            None => text.to_vec(),
        };
        if self.lines.sender.try_send(Waiting::Line(line)).is_err() {
            self.lines.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Escapes characters that JSON allows in its strings but no terminal should get.
fn escape_json(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    for c in line.chars() {
        if c != '\n' && c.is_control() || is_invisible(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// Writes lines as long as there are senders, several at a time if several are queued. Write
/// errors are ignored: there is nowhere to report them.
fn write_lines(waiting: &Receiver<Waiting>, lost: &AtomicU64, style: Style) {
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
            lost => text.extend(lost_lines(lost, style).bytes()),
        }
        let _ = stderr.write_all(&text);
        text.clear();
        if let Some(done) = last {
            let _ = done.send(());
        }
    }
}

/// Returns the report of dropped lines. It is not an event, because the queue may still be full.
fn lost_lines(lost: u64, style: Style) -> String {
    let message = format!("{lost} log lines lost: they came too fast");
    match style {
        Style::Text => format!("{message}\n"),
        Style::Journal => with_priority(Level::WARN, &message),
        Style::Json => format!("{{\"level\":\"WARN\",\"message\":\"{message}\"}}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn levels_and_targets() {
        for text in [
            "info",
            "OFF",
            "warn,govanityurls=debug",
            "info, govanityurls::server=debug",
            "govanityurls::server::reload=trace,error",
            "govanityurls",
        ] {
            assert!(parse_filter(text).is_ok(), "{text}");
        }
        let filter = parse_filter("warn,govanityurls::server=debug").unwrap();
        assert!(filter.would_enable("govanityurls::server::reload", &Level::DEBUG));
        assert!(!filter.would_enable("govanityurls::commands::serve", &Level::INFO));
        for (text, words) in [
            ("warning", "`warning` is not a level; did you mean `warn`?"),
            ("err", "did you mean `error`?"),
            ("inof", "did you mean `info`?"),
            ("loud", "`loud` is not a level; the levels are off, error, "),
            ("", "`` is not a level"),
            ("info,", "`` is not a level"),
            ("govanityurls=loud", "`loud` is not a level"),
            ("a=b=c", "nothing logs as `a`; these log: govanityurls, "),
            ("hyper=debug", "nothing logs as `hyper`"),
            (
                "govanityurls::serv=debug",
                "nothing logs as `govanityurls::serv`",
            ),
            (
                "govanityurls::server::relaod=debug",
                "did you mean `govanityurls::server::reload`?",
            ),
            ("=info", "nothing logs as ``"),
        ] {
            let error = parse_filter(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn every_logging_module_is_a_valid_filter() {
        fn visit(directory: &Path, target: &str, logging: &mut BTreeSet<String>) {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                let stem = path.file_stem().unwrap().to_str().unwrap();
                if path.is_dir() {
                    visit(&path, &format!("{target}::{stem}"), logging);
                } else if std::fs::read_to_string(&path).unwrap().lines().any(|line| {
                    let used = line.strip_prefix("use tracing::");
                    let macros = ["error", "warn", "info", "debug", "trace"];
                    used.is_some_and(|used| macros.iter().any(|name| used.contains(name)))
                }) {
                    logging.insert(match stem {
                        "mod" => target.to_owned(),
                        _ => format!("{target}::{stem}"),
                    });
                }
            }
        }
        let mut logging = BTreeSet::new();
        visit(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
            "govanityurls",
            &mut logging,
        );
        // It logs under targets of its own, which no filter changes.
        logging.remove("govanityurls::http::access_log");
        assert_eq!(logging, TARGETS.map(str::to_owned).into());
    }

    #[test]
    fn lost_lines_are_reported_in_the_log_format() {
        let json = lost_lines(3, Style::Json);
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["message"], "3 log lines lost: they came too fast");
        assert!(lost_lines(3, Style::Journal).starts_with("<4>3 log"));
    }
}
