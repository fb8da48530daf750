//! Child processes that end with the program, and their resource usage.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio, exit};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};

use crate::Error;

/// Process groups to stop. Locked while a process starts, so that none is missed.
static RUNNING: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

fn running() -> MutexGuard<'static, BTreeSet<u32>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A process and its descendants: a process group, killed when dropped.
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a command with its output redirected to the file `log`.
    pub fn start(command: &mut Command, log: PathBuf) -> Result<Self, Error> {
        let output = File::create(&log)?;
        let mut running = running();
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .spawn()
            .map_err(|error| format!("{:?}: {error}", command.get_program()))?;
        running.insert(child.id());
        Ok(Self { child, log })
    }

    /// Returns the output so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn end_of_log(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Waits for the process to exit and returns its output.
    pub fn finish(mut self) -> Result<String, Error> {
        let status = self.child.wait()?;
        if !status.success() {
            return Err(format!("a program failed, {status}:\n{}", self.end_of_log()).into());
        }
        Ok(self.log())
    }

    /// Polls until `poll` returns a value; fails if the process exits first, or after a minute.
    pub fn wait_for<T>(
        &mut self,
        what: &str,
        mut poll: impl FnMut(&Self) -> Option<T>,
    ) -> Result<T, Error> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(value) = poll(self) {
                return Ok(value);
            }
            if self.child.try_wait()?.is_some() || Instant::now() > deadline {
                return Err(format!("gave up waiting until {what}:\n{}", self.end_of_log()).into());
            }
            thread::sleep(Duration::from_micros(200));
        }
    }

    /// Sends a signal to the first process; the name is without SIG.
    pub fn signal(&self, name: &str) -> io::Result<()> {
        kill(name, &self.child.id().to_string())
    }

    /// Returns the size of the executable, in bytes.
    pub fn executable_size(&self) -> io::Result<u64> {
        Ok(fs::metadata(format!("/proc/{}/exe", self.child.id()))?.len())
    }

    /// Returns the CPU time of all its processes; the kernel counts in steps of 10 ms.
    pub fn cpu(&self) -> Duration {
        // utime, stime, and those of children that have exited.
        let ticks = self.each_stat(|stat| (11..15).map(|index| number(stat, index)).sum());
        Duration::from_millis(10 * ticks)
    }

    /// Returns the resident memory of all its processes, in bytes; shared pages count once per
    /// process.
    pub fn resident(&self) -> u64 {
        4096 * self.each_stat(|stat| number(stat, 21))
    }

    /// Sums a value from /proc/PID/stat over its processes. `value` gets the fields after the name.
    fn each_stat(&self, value: impl Fn(&[&str]) -> u64) -> u64 {
        let group = self.child.id().to_string();
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        entries
            .filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok())
            .filter_map(|stat| {
                let (_, fields) = stat.rsplit_once(") ")?;
                let fields: Vec<_> = fields.split(' ').collect();
                (fields.get(2) == Some(&group.as_str())).then(|| value(&fields))
            })
            .sum()
    }
}

fn number(fields: &[&str], index: usize) -> u64 {
    fields
        .get(index)
        .and_then(|field| field.parse().ok())
        .unwrap_or(0)
}

impl Drop for Process {
    fn drop(&mut self) {
        let id = self.child.id();
        let mut running = running();
        let _ = kill("KILL", &format!("-{id}"));
        let _ = self.child.wait();
        running.remove(&id);
    }
}

fn kill(signal: &str, target: &str) -> io::Result<()> {
    let mut command = Command::new("kill");
    // kill fails if the group has already exited.
    command
        .args(["-s", signal, "--", target])
        .stderr(Stdio::null());
    command.status().map(drop)
}

/// On Ctrl-C, SIGTERM or SIGHUP: stops every process, removes `dir`, and exits.
pub fn stop_all_on_signal(dir: PathBuf) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let guard = runtime.enter();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    drop(guard);
    thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
        });
        let running = running();
        for id in running.iter() {
            let _ = kill("KILL", &format!("-{id}"));
        }
        let _ = fs::remove_dir_all(dir);
        exit(130);
    });
    Ok(())
}

/// Finds the program of a Debian package of the same name.
pub fn tool(name: &str) -> Result<PathBuf, Error> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        // On Debian, only root has sbin in PATH.
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|dir| dir.join(name))
        .find(|file| Path::is_file(file))
        .ok_or_else(|| format!("{name} is missing: apt-get install {name}").into())
}

/// Returns a free port of 127.0.0.1.
pub fn free_port() -> io::Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .port())
}
