//! The limit on file descriptors, and how many of them connections may use.

use std::fs;

use rustix::process::{Resource, getrlimit, setrlimit};

/// Descriptors kept free for occasional use: the file on a reload, the service manager's socket.
const RESERVE: usize = 8;

/// Raises the soft limit to the hard one; the soft limit only protects programs that use
/// `select`. Returns how many descriptors are left for connections; `usize::MAX` if there is no
/// limit.
pub fn descriptors_left() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    let soft = limit.current;
    limit.current = limit.maximum;
    // Raising the soft limit needs no privilege. If it fails all the same, the soft limit
    // applies.
    let most = match setrlimit(Resource::Nofile, limit) {
        Ok(()) => limit.maximum,
        Err(_) => soft,
    };
    let Some(most) = most.and_then(|most| usize::try_from(most).ok()) else {
        return usize::MAX;
    };
    let open = fs::read_dir("/proc/self/fd").map_or(32, Iterator::count);
    most.saturating_sub(open + RESERVE)
}
