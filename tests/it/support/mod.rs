//! Shared by the integration tests: the real program on its own port, and a client that sends
//! exactly the bytes it is given.

use std::fmt::Display;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, prlimit};

/// Longer than anything here takes; past it, a test has hung.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The contract's sample: two modules, no settings.
pub const SEED: &str = "\
/gowechat:
  repo: https://github.com/bigwhite/gowechat
/x/experiments:
  repo: https://github.com/bigwhite/experiments
";

/// Returns a command for the program.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_govanityurls"));
    // Variables set on the machine must not affect a test.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GOVANITYURLS_") {
            command.env_remove(name);
        }
    }
    for name in [
        "PORT",
        "NOTIFY_SOCKET",
        "JOURNAL_STREAM",
        "NO_COLOR",
        "CLICOLOR_FORCE",
        // There, anstream colours whatever TERM says.
        "CI",
    ] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// Returns the program as systemd starts it with `count` sockets: as standard input and, if two,
/// standard output, which the caller sets. `names` are their names, separated by colons.
pub fn passed_sockets(count: usize, names: &str) -> Command {
    let program = program();
    let mut shell = Command::new("sh");
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    // `exec` keeps the process id.
    shell
        .args([
            "-c",
            "LISTEN_PID=$$ exec \"$@\" 3<&0 4<&1 </dev/null >&2",
            "sh",
        ])
        .arg(program.get_program())
        .env("LISTEN_FDS", count.to_string())
        .env("LISTEN_FDNAMES", names);
    shell
}

/// A running server, killed when dropped.
pub struct Server {
    child: Child,
    /// Where it listens, with 0.0.0.0 and [::] replaced by a loopback address.
    pub addr: SocketAddr,
    lines: mpsc::Receiver<String>,
    /// The lines of its standard error read so far.
    pub log: Vec<String>,
    directory: Option<tempfile::TempDir>,
}

impl Server {
    /// Starts the program with `config` as its vanity.yaml, for tonybai.com, on a free port.
    pub fn start(config: &str) -> Self {
        Self::start_with(config, &[])
    }

    /// The same, with more arguments.
    pub fn start_with(config: &str, args: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("vanity.yaml"), config).unwrap();
        let mut command = program();
        command
            .args(["-host", "tonybai.com", "-listen", "127.0.0.1:0"])
            .args(args);
        Self::spawn_in(directory, command)
    }

    /// Starts `command`; removes `directory` at the end.
    pub fn spawn_in(directory: tempfile::TempDir, mut command: Command) -> Self {
        command.current_dir(directory.path());
        let mut server = Self::spawn(command);
        server.directory = Some(directory);
        server
    }

    /// Starts `command` and waits until it logs where it listens.
    pub fn spawn(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let mut server = Self {
            child,
            addr: ([127, 0, 0, 1], 0).into(),
            lines,
            log: Vec::new(),
            directory: None,
        };
        let line = server.wait_for_line("serving ");
        // In JSON, a quotation mark follows. `[::]:PORT (IPv6 and IPv4)` means all addresses.
        if let Some((_, address)) = line.rsplit_once(" on ")
            && let Ok(addr) = address.split(['"', ' ']).next().unwrap().parse()
        {
            server.addr = addr;
            if server.addr.ip().is_unspecified() {
                server.addr.set_ip([127, 0, 0, 1].into());
            }
        }
        server
    }

    /// Returns the file that the server reads, if [`Server::start`] started it.
    pub fn config(&self) -> PathBuf {
        self.directory.as_ref().unwrap().path().join("vanity.yaml")
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the next line of its standard error that contains `text`.
    pub fn wait_for_line(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    self.log.push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(_) => panic!("no line with {text:?} in:\n{}", self.log.join("\n")),
            }
        }
    }

    /// Returns its peak memory use so far, in bytes.
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.unwrap().trim().strip_suffix(" kB").unwrap();
        kilobytes.parse::<u64>().unwrap() << 10
    }

    /// Lowers its limit on descriptors: it may open no descriptor at or above this number.
    pub fn limit_descriptors(&self, number: u64) {
        let limit = Rlimit {
            current: Some(number),
            maximum: Some(number),
        };
        let pid = Pid::from_raw(self.pid().try_into().unwrap());
        prlimit(pid, Resource::Nofile, limit).unwrap();
    }

    /// Sends a signal; the name is without SIG.
    pub fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    /// Waits for it to exit.
    pub fn wait(&mut self) -> ExitStatus {
        wait_until("the server ends", || self.child.try_wait().unwrap())
    }

    /// Sends one GET request on its own connection.
    pub fn get(&self, target: &str) -> Response {
        self.request("GET", target, &[])
    }

    /// Sends one request with more headers on its own connection.
    pub fn request(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Response {
        let mut head = format!("{method} {target} HTTP/1.1\r\nConnection: close\r\n");
        if !headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("host"))
        {
            head.push_str("Host: tonybai.com\r\n");
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let mut stream = self.connect();
        stream.write_all(head.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        Response::parse(&bytes)
    }

    /// Opens a connection with a read timeout.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.addr).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A response as received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    /// Names in lower case, in the order received.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Response {
    /// Parses the bytes of a closed connection.
    pub fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("no response: {text:?}"));
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        Self {
            status: status.parse().unwrap(),
            headers: lines
                .map(|line| {
                    let (name, value) = line.split_once(':').unwrap();
                    (name.to_ascii_lowercase(), value.trim().to_owned())
                })
                .collect(),
            body: body.to_owned(),
        }
    }

    /// Returns the value of a header, which must not be repeated.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(given, _)| given == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(
            values.next().is_none(),
            "{name} twice in {:?}",
            self.headers
        );
        value
    }
}

/// Polls until `poll` returns a value.
pub fn wait_until<T>(what: &str, mut poll: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = poll() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Sends a signal to a process; the name is without SIG.
pub fn signal(pid: impl Display, name: &str) {
    let pid = pid.to_string();
    let status = Command::new("kill").args(["-s", name, &pid]).status();
    assert!(status.unwrap().success());
}

/// Returns the indented blocks below a heading of a document, as they are typed.
pub fn blocks(document: &str, heading: &str) -> Vec<String> {
    let text = std::fs::read_to_string(repository_file(document)).unwrap();
    let lines = text
        .lines()
        .skip_while(|line| line.trim_start_matches('#') != format!(" {heading}"));
    let mut blocks = vec![String::new()];
    for line in lines.skip(1).take_while(|line| !line.starts_with('#')) {
        let block = blocks.last_mut().unwrap();
        match line.strip_prefix("    ") {
            Some(typed) => *block += &format!("{typed}\n"),
            // An empty line inside a block, or after it.
            None if line.is_empty() && !block.is_empty() => block.push('\n'),
            None if line.is_empty() => {}
            None => blocks.push(String::new()),
        }
    }
    let blocks = blocks.iter().map(|block| block.trim_end());
    let blocks = blocks.filter(|block| !block.is_empty());
    blocks.map(|block| format!("{block}\n")).collect()
}

/// Returns the path of a file in the repository.
pub fn repository_file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
