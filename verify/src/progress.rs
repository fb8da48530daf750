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
    is_shown: bool,
    counts: Mutex<Counts>,
}

struct Counts {
    done: usize,
    all: usize,
    drawn: Instant,
}

impl Progress {
    pub(super) fn new(is_shown: bool, all: usize) -> Self {
        Self {
            is_shown,
            counts: Mutex::new(Counts {
                done: 0,
                all,
                drawn: Instant::now(),
            }),
        }
    }

    /// Raises the number of checks to do.
    pub(super) fn add(&self, count: usize) {
        lock(&self.counts).all += count;
    }

    /// Counts a check as done.
    pub(super) fn done(&self) {
        let mut counts = lock(&self.counts);
        counts.done += 1;
        if self.is_shown && counts.drawn.elapsed() >= INTERVAL {
            counts.drawn = Instant::now();
            // Write errors are ignored: there is nowhere to report them.
            let _ = write!(stderr(), "\r{}", bar(counts.done, counts.all));
        }
    }

    /// Removes the bar.
    pub(super) fn clear(&self) {
        if self.is_shown {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}

fn bar(done: usize, all: usize) -> String {
    let filled = (done * WIDTH).checked_div(all).unwrap_or(0).min(WIDTH);
    let (full, rest) = ("#".repeat(filled), "-".repeat(WIDTH - filled));
    format!("[{full}{rest}] {done} of {all} checks")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_bar_fills() {
        assert_eq!(
            bar(1, 4),
            format!("[{}{}] 1 of 4 checks", "#".repeat(10), "-".repeat(30))
        );
        assert!(bar(9, 4).starts_with("[####"));
        assert!(bar(0, 0).ends_with("0 of 0 checks"));
    }
}
