//! A progress bar on standard error.
//!
//! Written by hand: the crates for this link libm, which would add a tenth to the server's
//! resident memory.

use std::io::{Write as _, stderr};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::client::lock;

/// Columns of the bar.
const WIDTH: usize = 40;
/// Minimum time between two redraws.
const INTERVAL: Duration = Duration::from_millis(100);

/// Shows how many checks are done.
pub(super) struct Progress {
    /// `None` if progress is not shown.
    bar: Option<Mutex<Bar>>,
}

struct Bar {
    done: usize,
    length: usize,
    drawn: Instant,
}

impl Progress {
    pub(super) fn new(is_shown: bool, length: usize) -> Self {
        let bar = is_shown.then(|| Bar {
            done: 0,
            length,
            drawn: Instant::now(),
        });
        Self {
            bar: bar.map(Mutex::new),
        }
    }

    /// Raises the number of checks to do.
    pub(super) fn add(&self, count: usize) {
        if let Some(bar) = &self.bar {
            lock(bar).length += count;
        }
    }

    /// Counts a check as done.
    pub(super) fn done(&self) {
        let Some(bar) = &self.bar else {
            return;
        };
        let mut bar = lock(bar);
        bar.done += 1;
        if bar.drawn.elapsed() >= INTERVAL {
            bar.drawn = Instant::now();
            // Write errors are ignored: there is nowhere to report them.
            let _ = write!(stderr(), "\r{}", bar.line());
        }
    }

    /// Removes the bar.
    pub(super) fn clear(&self) {
        if self.bar.is_some() {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}

impl Bar {
    fn line(&self) -> String {
        let filled = (self.done * WIDTH).checked_div(self.length).unwrap_or(0);
        let filled = filled.min(WIDTH);
        let (done, rest) = ("#".repeat(filled), "-".repeat(WIDTH - filled));
        format!("[{done}{rest}] {} of {} checks", self.done, self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_bar_fills() {
        let line = |done, length| {
            let drawn = Instant::now();
            Bar {
                done,
                length,
                drawn,
            }
            .line()
        };
        assert_eq!(
            line(1, 4),
            format!("[{}{}] 1 of 4 checks", "#".repeat(10), "-".repeat(30))
        );
        assert!(line(9, 4).starts_with("[####"));
        assert!(line(0, 0).ends_with("0 of 0 checks"));
    }
}
