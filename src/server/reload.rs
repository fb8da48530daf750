//! Reloads the configuration: the new site replaces the old one in one step, or the old one
//! stays.

use std::fs;
use std::future::pending;
use std::hash::{DefaultHasher, Hasher as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::signal::unix::Signal;
use tokio::task::{JoinError, spawn_blocking};
use tracing::{error, info, warn};

use super::systemd;
use crate::config::{Config, read_text};
use crate::http::App;
use crate::module::Host;
use crate::site::{Changes, Site};
use crate::text::counted;

/// How often a watched file is checked. The check is a `stat`, which sees every way of replacing
/// a file, including those that inotify does not report: on a network file system, under a bind
/// mount, or behind a chain of symlinks as in Kubernetes.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// A SIGHUP this soon after the reload of a watched file is about the same edit.
const SAME_EDIT: Duration = Duration::from_secs(2);
/// A reload's log line names at most this many modules for each kind of change.
const NAMED: usize = 10;

/// Watcher and reader of the file that the site is made from.
#[derive(Debug)]
pub struct Reloader {
    file: PathBuf,
    /// The host from the command line, which overrides the file's.
    host: Option<Host>,
    app: Arc<App>,
    /// The file when it was last read; `None` if it is not watched.
    stamp: Option<FileStamp>,
    /// When the last reload ended, if a change of the watched file caused it.
    change_read: Option<Instant>,
    /// The first line of the last reload's error, if it failed.
    problem: Option<String>,
}

impl Reloader {
    /// Returns a reloader for the site of `app`, which was read from `file` with `host` from the
    /// command line. It watches the file if `stamp` is given: the file's state before it was read.
    pub fn new(file: PathBuf, host: Option<Host>, app: Arc<App>, stamp: Option<FileStamp>) -> Self {
        Self {
            file,
            host,
            app,
            stamp,
            change_read: None,
            problem: None,
        }
    }

    /// Reloads on each SIGHUP and, if the file is watched, on each change. Signals that arrive
    /// during a reload cause one more.
    pub async fn run(mut self, mut hang_up: Signal) {
        loop {
            let asked = tokio::select! {
                _ = hang_up.recv() => true,
                () = self.changed() => false,
            };
            systemd::reloading();
            if asked && self.has_just_read_it().await {
                info!("SIGHUP: the file has not changed since it was read a moment ago");
            } else {
                if asked {
                    info!("SIGHUP: reloading");
                }
                self.reload().await;
                self.change_read = (!asked).then(Instant::now);
            }
            systemd::ready(&self.status());
        }
    }

    /// Returns the status for `systemctl status`.
    fn status(&self) -> String {
        match &self.problem {
            Some(problem) => format!("reload refused: {problem}"),
            None => self.app.serving().site.summary(),
        }
    }

    async fn reload(&mut self) {
        // Record the state before reading the file, so that a change in between is noticed.
        if self.stamp.is_some() {
            self.stamp = blocking(&self.file, FileStamp::of).await;
            let missing = self.stamp.is_some_and(|stamp| stamp.state.is_none());
            self.app.metrics.reloads.file_missing(missing);
        }
        let (file, host, app) = (self.file.clone(), self.host.clone(), self.app.clone());
        self.attempt(move || reload(&file, host.as_ref(), &app))
            .await;
    }

    /// Runs a reload in a thread that answers no requests. A panic there becomes an error.
    async fn attempt(&mut self, reload: impl FnOnce() -> Result<(), String> + Send + 'static) {
        let result = spawn_blocking(reload)
            .await
            .unwrap_or_else(|error| Err(panic_message(&self.file, error)));
        if let Err(why) = &result {
            self.app.metrics.reloads.failed();
            error!("reload refused, the old configuration stays\n{why}");
        }
        let first_line = |why: String| why.lines().next().map(str::to_owned);
        self.problem = result.err().and_then(first_line);
    }

    /// Waits until the content of the watched file changes and the file is the same in two checks
    /// in a row, so that an editor that truncates and then writes is not caught in between.
    async fn changed(&mut self) {
        let Some(stamp) = &mut self.stamp else {
            return pending().await;
        };
        let name = self.file.display();
        let mut last = stamp.state;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let Some(now) = blocking(&self.file, FileState::of).await else {
                continue;
            };
            let settled = now == last;
            last = now;
            if !settled || now == stamp.state {
                continue;
            }
            self.app.metrics.reloads.file_missing(now.is_none());
            if now.is_none() {
                warn!(
                    "{name} is missing; the old configuration stays, and is reloaded once it is back"
                );
                stamp.state = None;
                continue;
            }
            let content = blocking(&self.file, content).await.flatten();
            let was_missing = stamp.state.is_none();
            if content.is_none() || content != stamp.content {
                let what = if was_missing {
                    "is back"
                } else {
                    "has changed"
                };
                info!("the file {what}: reloading");
                return;
            }
            // The file was touched, or replaced by a copy.
            stamp.state = now;
            if was_missing {
                info!("the file is back, unchanged");
            }
        }
    }

    /// Returns whether the file is unchanged since a reload that the watch has just caused.
    async fn has_just_read_it(&self) -> bool {
        let read = self.stamp.map(|stamp| stamp.state);
        self.change_read.is_some_and(|at| at.elapsed() < SAME_EDIT)
            && blocking(&self.file, FileState::of).await == read
    }
}

/// Looks at the file outside the thread that answers requests: a network file system may hang.
async fn blocking<T: Send + 'static>(file: &Path, look: fn(&Path) -> T) -> Option<T> {
    let file = file.to_owned();
    spawn_blocking(move || look(&file)).await.ok()
}

/// Reads the file and replaces the site, or returns why not and leaves it.
fn reload(file: &Path, host: Option<&Host>, app: &App) -> Result<(), String> {
    let start = Instant::now();
    let site = read(file, host)?;
    let modules = site.module_count();
    let changes = Changes::between(&app.serving().site, &site);
    app.replace_site(site);
    app.metrics.reloads.succeeded(modules);
    info!(
        "reloaded {} in {:.0?}: {}; {}",
        file.display(),
        start.elapsed(),
        counted(modules),
        summary(&changes),
    );
    Ok(())
}

fn read(file: &Path, host: Option<&Host>) -> Result<Site, String> {
    let config = Config::read(file, host).map_err(|error| error.to_string())?;
    let host = config.require_host(file)?;
    Ok(Site::new(host, config))
}

/// Returns the message for a reload that panicked.
fn panic_message(file: &Path, error: JoinError) -> String {
    let payload = error.try_into_panic().ok();
    let said = payload.as_deref().and_then(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        text.or_else(|| payload.downcast_ref::<&str>().copied())
    });
    format!(
        "{}: a bug in govanityurls, not in the file: {}",
        file.display(),
        said.unwrap_or("reading it panicked")
    )
}

/// The state and content of a watched file at one time.
#[derive(Debug, Clone, Copy)]
pub struct FileStamp {
    state: Option<FileState>,
    content: Option<u64>,
}

impl FileStamp {
    /// Returns the file's current state and content.
    pub fn of(path: &Path) -> Self {
        Self {
            state: FileState::of(path),
            content: content(path),
        }
    }
}

/// What tells one version of a file from another: device, inode, size, and the times of the last
/// change to its content and to its inode, in seconds and nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileState([u64; 3], [i64; 4]);

impl FileState {
    fn of(path: &Path) -> Option<Self> {
        let file = fs::metadata(path).ok()?;
        Some(Self(
            [file.dev(), file.ino(), file.size()],
            [
                file.mtime(),
                file.mtime_nsec(),
                file.ctime(),
                file.ctime_nsec(),
            ],
        ))
    }
}

/// Returns a hash of a file's content; `None` for a pipe, which can be read only once, and for what
/// is not text.
fn content(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    let mut hasher = DefaultHasher::new();
    hasher.write(read_text(path).ok()?.as_bytes());
    Some(hasher.finish())
}

/// Returns what changed, in one line.
fn summary(changes: &Changes) -> String {
    let parts: Vec<_> = [
        ("added", &changes.added),
        ("removed", &changes.removed),
        ("altered", &changes.altered),
    ]
    .into_iter()
    .filter(|(_, modules)| !modules.is_empty())
    .map(|(what, modules)| {
        let named = modules[..modules.len().min(NAMED)].join(", ");
        let more = if modules.len() > NAMED { ", …" } else { "" };
        format!("{} {what} ({named}{more})", modules.len())
    })
    .collect();
    match parts.as_slice() {
        [] if changes.settings => "settings changed".to_owned(),
        [] => "nothing changed".to_owned(),
        parts => parts.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Read as _, Seek as _};

    use tokio::time::timeout;
    use tracing::subscriber::{DefaultGuard, set_default, set_global_default};

    use super::*;

    const A: &str = "host: a.example\n/m:\n  repo: https://h.example/m\n";
    const B: &str = "host: a.example\n/n:\n  repo: https://h.example/n\n";
    /// Long enough for many checks of a file; the clock advances while all tasks wait.
    const MINUTE: Duration = Duration::from_secs(60);

    /// Returns a reloader that watches a file with this text.
    fn watching(text: &str) -> (tempfile::TempDir, Reloader) {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("vanity.yaml");
        fs::write(&file, text).unwrap();
        let stamp = FileStamp::of(&file);
        let app = App::new(read(&file, None).unwrap());
        let reloader = Reloader::new(file, None, Arc::new(app), Some(stamp));
        (directory, reloader)
    }

    fn metric(reloader: &Reloader, line: &str) -> bool {
        let text = reloader.app.metrics.openmetrics();
        text.contains(&format!("\ngovanityurls_{line}\n"))
    }

    async fn assert_no_change(reloader: &mut Reloader) {
        let changed = timeout(MINUTE, reloader.changed()).await;
        assert!(changed.is_err(), "reloads, and nothing has changed");
    }

    /// The captured log of this thread.
    struct Log {
        file: File,
        _logging: DefaultGuard,
    }

    impl Log {
        fn start() -> Self {
            // With a single subscriber, a thread without one that logs an event first would disable
            // that event for all threads.
            let _ = set_global_default(tracing_subscriber::registry());
            let file = tempfile::tempfile().unwrap();
            let lines = tracing_subscriber::fmt()
                .without_time()
                .with_target(false)
                .with_ansi(false)
                .with_writer(file.try_clone().unwrap());
            Self {
                file,
                _logging: set_default(lines.finish()),
            }
        }

        /// Returns what was logged since the last call.
        fn take(&mut self) -> String {
            self.file.rewind().unwrap();
            let mut text = String::new();
            self.file.read_to_string(&mut text).unwrap();
            self.file.set_len(0).unwrap();
            self.file.rewind().unwrap();
            text
        }
    }

    #[tokio::test(start_paused = true)]
    async fn reload_covers_every_earlier_edit() {
        let (_directory, mut reloader) = watching(A);
        fs::write(&reloader.file, B).unwrap();
        reloader.reload().await;
        assert!(metric(
            &reloader,
            "config_reloads_total{outcome=\"success\"} 1"
        ));
        assert_no_change(&mut reloader).await;
        // An invalid file is not read again and again either.
        fs::write(&reloader.file, "nonsense").unwrap();
        reloader.changed().await;
        reloader.reload().await;
        assert_no_change(&mut reloader).await;
        fs::write(&reloader.file, A).unwrap();
        reloader.changed().await;
    }

    #[tokio::test(start_paused = true)]
    async fn touched_file_is_not_reloaded() {
        let (_directory, mut reloader) = watching(A);
        let mut log = Log::start();
        let file = reloader.file.clone();
        let touch = |path: &Path| {
            let file = File::options().append(true).open(path).unwrap();
            file.set_modified(std::time::UNIX_EPOCH).unwrap();
        };
        touch(&file);
        assert_no_change(&mut reloader).await;
        let copy = file.with_extension("new");
        fs::write(&copy, A).unwrap();
        fs::rename(copy, &file).unwrap();
        assert_no_change(&mut reloader).await;
        assert_eq!(log.take(), "");
        fs::write(&file, format!("# a comment\n{A}")).unwrap();
        reloader.changed().await;
        assert_eq!(log.take(), " INFO the file has changed: reloading\n");
    }

    #[tokio::test(start_paused = true)]
    async fn missing_file_is_reported_once_and_when_it_returns() {
        let (_directory, mut reloader) = watching(A);
        let mut log = Log::start();
        let file = reloader.file.clone();
        let missing = format!(
            " WARN {} is missing; the old configuration stays, and is reloaded once it is back\n",
            file.display()
        );
        fs::remove_file(&file).unwrap();
        assert_no_change(&mut reloader).await;
        assert_eq!(log.take(), missing);
        assert!(metric(&reloader, "config_file_missing 1"));
        fs::write(&file, A).unwrap();
        assert_no_change(&mut reloader).await;
        assert_eq!(log.take(), " INFO the file is back, unchanged\n");
        assert!(metric(&reloader, "config_file_missing 0"));

        fs::remove_file(&file).unwrap();
        assert_no_change(&mut reloader).await;
        assert_eq!(log.take(), missing);
        fs::write(&file, B).unwrap();
        reloader.changed().await;
        assert_eq!(log.take(), " INFO the file is back: reloading\n");
        reloader.reload().await;
        assert!(metric(&reloader, "config_file_missing 0"));
        assert_no_change(&mut reloader).await;
    }

    #[tokio::test(start_paused = true)]
    async fn panic_fails_the_reload() {
        let (_directory, mut reloader) = watching(A);
        let mut log = Log::start();
        let file = reloader.file.display().to_string();
        for (panic, said) in [
            (
                (|| panic!("line {}", 7)) as fn() -> Result<(), String>,
                "line 7",
            ),
            (|| panic!("static"), "static"),
            (|| std::panic::panic_any(7), "reading it panicked"),
        ] {
            reloader.attempt(panic).await;
            let why = format!("{file}: a bug in govanityurls, not in the file: {said}");
            assert_eq!(reloader.status(), format!("reload refused: {why}"));
            let line = format!("ERROR reload refused, the old configuration stays\n{why}\n");
            assert_eq!(log.take(), line);
        }
        assert!(metric(
            &reloader,
            "config_reloads_total{outcome=\"failure\"} 3"
        ));
        reloader.attempt(|| Ok(())).await;
        assert_eq!(reloader.status(), "1 module on a.example");
    }
}
