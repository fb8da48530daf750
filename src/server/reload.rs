//! Reloads the configuration: the new site replaces the old one in one step, or the old one
//! stays.

use std::fs::{self, File};
use std::future::pending;
use std::hash::{DefaultHasher, Hasher as _};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::signal::unix::Signal;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tracing::{error, info, warn};

use super::systemd;
use crate::config::Config;
use crate::http::App;
use crate::module::Host;
use crate::site::{Changes, Site};
use crate::text::counted;

/// How often a watched file is read. Reading sees every way of replacing a file, including those
/// that inotify does not report: on a network file system, under a bind mount, or behind a chain of
/// symlinks as in Kubernetes.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A reload's log line names at most this many modules for each kind of change.
const NAMED: usize = 10;

/// Watcher and reader of the file that the site is made from.
#[derive(Debug)]
pub struct Reloader {
    file: PathBuf,
    /// The host from the command line, which overrides the file's.
    host: Option<Host>,
    app: Arc<App>,
    /// The content that was last read for the site; `None` if the file is not watched.
    read: Option<FileHash>,
    /// Whether the watched file was missing when last looked at.
    missing: bool,
    /// The first line of the last reload's error, if it failed.
    problem: Option<String>,
}

impl Reloader {
    /// Returns a reloader for the site of `app`, which was read from `file` with `host` from the
    /// command line. It watches the file if `read` is given: its content when it was read.
    pub fn new(file: PathBuf, host: Option<Host>, app: Arc<App>, read: Option<FileHash>) -> Self {
        Self {
            file,
            host,
            app,
            read,
            missing: false,
            problem: None,
        }
    }

    /// Reloads on each SIGHUP and, if the file is watched, on each change. Signals that arrive
    /// during a reload cause one more.
    pub async fn run(mut self, mut hang_up: Signal) {
        loop {
            tokio::select! {
                _ = hang_up.recv() => info!("SIGHUP: reloading"),
                () = self.changed() => info!("the file has changed: reloading"),
            }
            systemd::reloading();
            self.reload().await;
            systemd::ready(&self.status());
        }
    }

    /// Waits until the watched file has changed and then stayed the same for a second, so that an
    /// editor that truncates and then writes is not caught in between.
    async fn changed(&mut self) {
        let Some(read) = self.read else {
            return pending().await;
        };
        let mut last = read;
        loop {
            sleep(LOOK_EVERY).await;
            let now = self.look().await;
            if !self.missing && now == last && now != read {
                return;
            }
            last = now;
        }
    }

    /// Reads the watched file, and reports if it is missing.
    async fn look(&mut self) -> FileHash {
        let file = self.file.clone();
        // Outside the thread that answers requests: a network file system may hang.
        let hash = spawn_blocking(move || FileHash::of(&file)).await;
        let hash = hash.unwrap_or(FileHash(None));
        let missing = hash == FileHash(None);
        if missing && !self.missing {
            warn!(
                "{} is missing or cannot be read; the old configuration stays, and is reloaded \
                 once the file is back",
                self.file.display()
            );
        }
        self.missing = missing;
        self.app.metrics.reloads.file_missing(missing);
        hash
    }

    /// Returns the status for `systemctl status`.
    fn status(&self) -> String {
        match &self.problem {
            Some(problem) => format!("reload refused: {problem}"),
            None => self.app.serving().site.summary(),
        }
    }

    async fn reload(&mut self) {
        if self.read.is_some() {
            // Before the file is read for the site, so that a change in between is noticed.
            self.read = Some(self.look().await);
        }
        let (file, host, app) = (self.file.clone(), self.host.clone(), self.app.clone());
        // Outside the thread that answers requests.
        let reloaded = spawn_blocking(move || reload(&file, host.as_ref(), &app)).await;
        let result = reloaded.unwrap_or_else(|panic| {
            let file = self.file.display();
            Err(format!(
                "{file}: a bug in govanityurls, not in the file: {panic}"
            ))
        });
        self.problem = None;
        if let Err(why) = result {
            self.app.metrics.reloads.failed();
            error!("reload refused, the old configuration stays\n{why}");
            self.problem = why.lines().next().map(str::to_owned);
        }
    }
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

/// Returns what changed, in one line.
fn summary(changes: &Changes) -> String {
    let mut parts = Vec::new();
    for (what, modules) in [
        ("added", &changes.added),
        ("removed", &changes.removed),
        ("altered", &changes.altered),
    ] {
        if modules.is_empty() {
            continue;
        }
        let named = modules[..modules.len().min(NAMED)].join(", ");
        let more = if modules.len() > NAMED { ", …" } else { "" };
        parts.push(format!("{} {what} ({named}{more})", modules.len()));
    }
    if !parts.is_empty() {
        parts.join(", ")
    } else if changes.settings {
        "settings changed".to_owned()
    } else {
        "nothing changed".to_owned()
    }
}

/// The content of a watched file at one time, by its hash; none for a file that is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileHash(Option<u64>);

impl FileHash {
    /// Reads a file.
    pub fn of(path: &Path) -> Self {
        Self(hash(path))
    }
}

fn hash(path: &Path) -> Option<u64> {
    // A pipe or a device may block, or never end.
    if !fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let mut file = File::open(path).ok()?;
    let mut hasher = DefaultHasher::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let length = file.read(&mut buffer).ok()?;
        if length == 0 {
            return Some(hasher.finish());
        }
        hasher.write(&buffer[..length]);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

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
        let hash = FileHash::of(&file);
        let app = App::new(read(&file, None).unwrap());
        let reloader = Reloader::new(file, None, Arc::new(app), Some(hash));
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
        let file = File::options().append(true).open(&reloader.file).unwrap();
        file.set_modified(std::time::UNIX_EPOCH).unwrap();
        assert_no_change(&mut reloader).await;
        let copy = reloader.file.with_extension("new");
        fs::write(&copy, A).unwrap();
        fs::rename(copy, &reloader.file).unwrap();
        assert_no_change(&mut reloader).await;
        fs::write(&reloader.file, format!("# a comment\n{A}")).unwrap();
        reloader.changed().await;
    }

    #[tokio::test(start_paused = true)]
    async fn missing_file_is_reloaded_once_it_is_back() {
        let (_directory, mut reloader) = watching(A);
        fs::remove_file(&reloader.file).unwrap();
        assert_no_change(&mut reloader).await;
        assert!(metric(&reloader, "config_file_missing 1"));
        fs::write(&reloader.file, A).unwrap();
        assert_no_change(&mut reloader).await;
        assert!(metric(&reloader, "config_file_missing 0"));

        fs::remove_file(&reloader.file).unwrap();
        assert_no_change(&mut reloader).await;
        fs::write(&reloader.file, B).unwrap();
        reloader.changed().await;
        reloader.reload().await;
        assert!(metric(&reloader, "config_file_missing 0"));
        assert_no_change(&mut reloader).await;
    }
}
