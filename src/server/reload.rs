//! Reading the configuration again: the new site in one step, or the old one still.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{error, info};

use crate::config::Config;
use crate::http::App;
use crate::module::{Host, counted};
use crate::site::{Changes, Site};

/// How often a watched file is looked at. A look is a `stat`, which sees every way of
/// replacing a file, also those that inotify does not report: on a network file system,
/// under a bind mount, behind a chain of symlinks as Kubernetes makes them.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// No reload's log line names more modules than this.
const NAMED: usize = 10;

/// Reads the file that the site was made from, again and again.
#[derive(Debug)]
pub struct Reloader {
    file: PathBuf,
    /// The host of the command line, which beats the file's.
    host: Option<Host>,
    app: Arc<App>,
}

impl Reloader {
    /// A reloader for the site of `app`, which was read from `file` with `host` on the command
    /// line.
    pub fn new(file: PathBuf, host: Option<Host>, app: Arc<App>) -> Self {
        Self { file, host, app }
    }

    /// Reads the file and replaces the site, or logs why not and leaves it. Blocks for as long
    /// as reading takes: not for a task that answers requests.
    pub fn reload(&self) {
        let start = Instant::now();
        match self.read() {
            Ok(site) => {
                let modules = site.module_count();
                let old = self.app.replace_site(site);
                self.app.metrics().reloads.succeeded(modules);
                let current = self.app.site();
                info!(
                    "reloaded {} in {:.0?}: {}; {}",
                    self.file.display(),
                    start.elapsed(),
                    counted(modules),
                    summary(&Changes::between(old.site(), current.site())),
                );
            }
            Err(why) => {
                self.app.metrics().reloads.failed();
                error!("reload refused, the old configuration stays\n{why}");
            }
        }
    }

    fn read(&self) -> Result<Site, String> {
        let config =
            Config::read(&self.file, self.host.as_ref()).map_err(|error| error.to_string())?;
        let host = config.host.clone().ok_or_else(|| {
            format!(
                "{}: it names no host any more, and the command line none",
                self.file.display()
            )
        })?;
        Ok(Site::new(host, config))
    }

    /// Waits until the file is another than `seen`, which then follows it, and has been left
    /// alone since the last look: an editor that truncates and writes is not caught between.
    pub async fn changed(&self, seen: &mut Seen) {
        let mut last = *seen;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            // Not here, where requests are answered: a network file system may hang.
            let file = self.file.clone();
            let Ok(now) = tokio::task::spawn_blocking(move || Seen::of(&file)).await else {
                continue;
            };
            // A file that is gone for the moment is on its way to be replaced.
            if now == last && now != *seen && now.0.is_some() {
                *seen = now;
                return;
            }
            last = now;
        }
    }
}

/// What tells one state of a file from another: device, inode, size, and the times of the
/// last change to its content and to its inode, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen(Option<(u64, u64, u64, i128, i128)>);

impl Seen {
    /// The file as it is now.
    pub fn of(path: &Path) -> Self {
        let nanos =
            |seconds: i64, nanos: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
        Self(fs::metadata(path).ok().map(|file| {
            (
                file.dev(),
                file.ino(),
                file.size(),
                nanos(file.mtime(), file.mtime_nsec()),
                nanos(file.ctime(), file.ctime_nsec()),
            )
        }))
    }
}

/// What changed, in a line.
fn summary(changes: &Changes) -> String {
    let parts: Vec<_> = [
        ("added", &changes.added),
        ("removed", &changes.removed),
        ("altered", &changes.altered),
    ]
    .into_iter()
    .filter(|(_, modules)| !modules.is_empty())
    .map(|(what, modules)| {
        let named = modules
            .iter()
            .take(NAMED)
            .cloned()
            .collect::<Vec<_>>()
            .join(", ");
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
