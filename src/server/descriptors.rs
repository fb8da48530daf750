//! File descriptors: as many as the system lets the process have, with some kept back.

use std::fs;

use rustix::process::{Resource, getrlimit, setrlimit};

/// What a thread's runtime opens.
const PER_THREAD: usize = 6;
/// Kept for what is opened only now and then: the file on a reload, the service manager's socket.
const RESERVE: usize = 8;

/// Raises the soft limit to the hard one. The soft limit protects programs that use `select`.
/// Returns how many descriptors connections may take once `sockets` listen in `threads`; none
/// where there is no limit.
pub fn descriptors_left(threads: usize, sockets: usize) -> Option<usize> {
    let mut limit = getrlimit(Resource::Nofile);
    let soft = limit.current;
    limit.current = limit.maximum;
    // Lifting a limit to the hard one needs no privilege; if it fails, the soft one holds.
    let most = match setrlimit(Resource::Nofile, limit) {
        Ok(()) => limit.maximum,
        Err(_) => soft,
    };
    let most = usize::try_from(most?).ok()?;
    let open = fs::read_dir("/proc/self/fd").map_or(sockets + 16, Iterator::count);
    Some(most.saturating_sub(open + sockets + threads * PER_THREAD + RESERVE))
}
