//! The protocol between systemd and the program, and the units in contrib/systemd.

use std::collections::BTreeSet;
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::load::{Client, answers};
use crate::support::{
    self, PATIENCE, SEED, Server, passed_sockets, program, repository_file, wait_until,
};

/// A directory with a vanity.yaml, and a socket in place of systemd's.
struct Manager {
    directory: tempfile::TempDir,
    socket: UnixDatagram,
}

impl Manager {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("vanity.yaml"), SEED).unwrap();
        let socket = UnixDatagram::bind(directory.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { directory, socket }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Returns the program, connected to this manager.
    fn program(&self) -> Command {
        let mut command = program();
        command
            .env("NOTIFY_SOCKET", self.path("notify"))
            .args(["-host", "tonybai.com", "-config"])
            .arg(self.path("vanity.yaml"));
        command
    }

    /// Receives the next message, one variable per element.
    fn told(&self) -> Vec<String> {
        let mut bytes = [0; 4096];
        let length = self.socket.recv(&mut bytes).unwrap();
        let text = String::from_utf8(bytes[..length].to_vec()).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

/// Returns CLOCK_MONOTONIC, read from the only file that exposes it.
fn uptime() -> Duration {
    let text = fs::read_to_string("/proc/uptime").unwrap();
    Duration::from_secs_f64(text.split(' ').next().unwrap().parse().unwrap())
}

#[test]
fn notifies_systemd_of_each_state_change() {
    let manager = Manager::new();
    let http = manager.path("http.sock");
    let mut command = manager.program();
    command.arg(format!("-listen=unix:{}", http.display()));
    let mut server = Server::spawn(command);

    let ready = ["READY=1", "STATUS=2 modules on tonybai.com"];
    assert_eq!(manager.told(), ready);
    UnixStream::connect(&http).unwrap();

    let reload = || {
        let before = uptime();
        server.signal("HUP");
        let told = manager.told();
        assert_eq!(told[0], "RELOADING=1", "{told:?}");
        let micros = told[1].strip_prefix("MONOTONIC_USEC=").unwrap();
        let at = Duration::from_micros(micros.parse().unwrap());
        // The file counts in hundredths of a second; both clocks measure the same time.
        let slack = Duration::from_millis(100);
        assert!(before < at + slack && at < uptime() + slack, "{at:?}");
        manager.told()
    };
    fs::write(
        manager.path("vanity.yaml"),
        "/gowechat:\n  repo: https://github.com/bigwhite/gowechat\n",
    )
    .unwrap();
    let one = ["READY=1", "STATUS=1 module on tonybai.com"];
    assert_eq!(reload(), one);
    // A rejected reload also ends; the status gives the reason until a reload succeeds.
    fs::write(manager.path("vanity.yaml"), "/gowechat:\n  rep: x\n").unwrap();
    for _ in 0..2 {
        let told = reload();
        assert_eq!(told[0], "READY=1");
        let problem = told[1].strip_prefix("STATUS=reload refused: ").unwrap();
        assert!(
            problem.ends_with("vanity.yaml:2:3: unknown key `rep`"),
            "{told:?}"
        );
        assert_eq!(told.len(), 2, "{told:?}");
    }
    fs::write(manager.path("vanity.yaml"), SEED).unwrap();
    assert_eq!(reload(), ready);

    server.signal("TERM");
    assert_eq!(manager.told(), ["STOPPING=1", "STATUS=stopping"]);
    assert!(server.wait().success());
    manager.socket.set_nonblocking(true).unwrap();
    assert!(manager.socket.recv(&mut [0]).is_err(), "told more");
}

#[test]
fn failed_start_sends_no_notification() {
    let manager = Manager::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = manager.program();
    command.arg(format!("-listen={}", taken.local_addr().unwrap()));
    assert_eq!(command.output().unwrap().status.code(), Some(1));
    manager.socket.set_nonblocking(true).unwrap();
    assert!(manager.socket.recv(&mut [0]).is_err());
}

#[test]
fn pings_the_watchdog_in_time() {
    let manager = Manager::new();
    let within = Duration::from_secs(2);
    let mut command = manager.program();
    command
        .args(["-listen", "127.0.0.1:0"])
        .env("WATCHDOG_USEC", within.as_micros().to_string());
    let _server = Server::spawn(command);
    let mut pings = 0;
    let mut last = Instant::now();
    while pings < 3 {
        if manager.told() == ["WATCHDOG=1"] {
            assert!(last.elapsed() < within, "{:?}", last.elapsed());
            last = Instant::now();
            pings += 1;
        }
    }
}

#[test]
fn missing_service_manager_is_tolerated() {
    let manager = Manager::new();
    let mut command = manager.program();
    command.args(["-listen", "127.0.0.1:0"]);
    fs::remove_file(manager.path("notify")).unwrap();
    let mut server = Server::spawn(command);
    server.wait_for_line("cannot tell the service manager");
    assert_eq!(server.get("/gowechat").status, 200);
}

/// Returns the program with these sockets passed to it.
fn passed<const N: usize>(sockets: [OwnedFd; N], names: &str) -> Command {
    let mut command = passed_sockets(N, names);
    command
        .args(["-host", "tonybai.com", "-config"])
        .arg(repository_file("vanity.yaml.example"));
    let mut sockets = sockets.into_iter();
    command.stdin(Stdio::from(sockets.next().unwrap()));
    if let Some(second) = sockets.next() {
        command.stdout(Stdio::from(second));
    }
    command
}

fn tcp() -> (TcpListener, SocketAddr) {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = socket.local_addr().unwrap();
    (socket, addr)
}

fn get(addr: SocketAddr, target: &str) -> u16 {
    let mut client = Client::connect(addr).unwrap();
    client.get(target, "close").unwrap().status
}

#[test]
fn passed_sockets_are_identified_by_name() {
    for (names, http_is_first) in [
        ("http:admin", true),
        ("admin:http", false),
        ("admin", false),
    ] {
        let (one, other) = (tcp(), tcp());
        let (http, admin) = if http_is_first {
            (one.1, other.1)
        } else {
            (other.1, one.1)
        };
        let mut command = passed([one.0.into(), other.0.into()], names);
        // Passed sockets take precedence over flags.
        command.args(["-listen", "127.0.0.1:1", "-admin", "127.0.0.1:1"]);
        let server = Server::spawn(command);
        for (addr, target, status) in [
            (http, "/gowechat", 200),
            (http, "/readyz", 404),
            (admin, "/gowechat", 404),
            (admin, "/readyz", 200),
        ] {
            assert_eq!(get(addr, target), status, "{names}: {target} at {addr}");
        }
        for flag in ["-listen", "-admin"] {
            let warning =
                format!(" WARN {flag} 127.0.0.1:1 has no effect: systemd passed a socket");
            let warnings = server.log.iter().filter(|line| line.contains(&warning));
            assert_eq!(warnings.count(), 1, "{:?}", server.log);
        }
    }
}

#[test]
fn passed_socket_replaces_the_same_listen_address() {
    let (socket, addr) = tcp();
    let mut command = passed([socket.into()], "http");
    command.env("GOVANITYURLS_LISTEN", addr.to_string());
    let server = Server::spawn(command);
    assert_eq!(server.log.len(), 1, "{:?}", server.log);
}

#[test]
fn admin_address_of_a_passed_socket_is_in_use() {
    let (socket, addr) = tcp();
    let mut command = passed([socket.into()], "http");
    let output = command
        .args(["-admin", &addr.to_string()])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("the port is in use"), "{said}");
}

#[test]
fn an_admin_socket_alone_leaves_listen_as_it_is() {
    let (socket, admin) = tcp();
    let mut command = passed([socket.into()], "admin");
    command.args(["-listen", "127.0.0.1:0"]);
    let server = Server::spawn(command);
    assert_eq!(server.get("/gowechat").status, 200);
    assert_eq!(get(admin, "/readyz"), 200);
}

#[test]
fn passed_unix_socket_file_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("http.sock");
    let socket = UnixListener::bind(&path).unwrap();
    let mut server = Server::spawn(passed([socket.into()], "http"));
    assert!(server.log[0].ends_with(&format!("on unix:{}", path.display())));
    UnixStream::connect(&path).unwrap();
    server.signal("TERM");
    assert!(server.wait().success());
    assert!(path.exists());
}

#[test]
fn passed_socket_of_the_wrong_type_is_rejected() {
    let directory = tempfile::tempdir().unwrap();
    let datagram = UnixDatagram::bind(directory.path().join("x")).unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    // Accept=yes would pass such a socket.
    let (listener, addr) = tcp();
    let connected = TcpStream::connect(addr).unwrap();
    let accepted = listener.accept().unwrap().0;
    for socket in [
        OwnedFd::from(datagram),
        udp.into(),
        accepted.into(),
        fs::File::open("/dev/null").unwrap().into(),
    ] {
        let output = passed([socket], "http").output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains("ListenStream="), "{said}");
    }
    drop(connected);
}

#[test]
fn sockets_for_another_process_are_not_taken() {
    let manager = Manager::new();
    let mut command = manager.program();
    command
        .args(["-listen", "127.0.0.1:0"])
        .envs([("LISTEN_PID", "1"), ("LISTEN_FDS", "1")]);
    assert_eq!(Server::spawn(command).get("/gowechat").status, 200);
}

#[test]
#[ignore = "needs systemd-socket-activate; tests/run runs it"]
fn works_with_systemd_socket_activate() {
    let addr = tcp().1;
    let program = program();
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL", "systemd-socket-activate"])
        .args(["--listen", &addr.to_string()])
        .arg(program.get_program())
        .args(["-host", "tonybai.com", "-config"])
        .arg(repository_file("vanity.yaml.example"))
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    // The connection that starts the program is the first to get a response.
    let mut client = wait_until("it listens", || Client::connect(addr).ok());
    assert_eq!(client.get("/gowechat", "close").unwrap().status, 200);
    child.kill().unwrap();
    child.wait().unwrap();
}

fn unit(name: &str) -> String {
    fs::read_to_string(repository_file("contrib/systemd").join(name)).unwrap()
}

/// Writes the units to a directory, with the path of this program in place of the installed one's,
/// because systemd verifies that ExecStart exists.
fn units(directory: &Path) -> [PathBuf; 4] {
    [
        "govanityurls.service",
        "govanityurls.socket",
        "govanityurls-verify.service",
        "govanityurls-verify.timer",
    ]
    .map(|name| {
        let program = program();
        let program = program.get_program().to_str().unwrap();
        let path = directory.join(name);
        fs::write(
            &path,
            unit(name).replace("=govanityurls ", &format!("={program} ")),
        )
        .unwrap();
        path
    })
}

#[test]
#[ignore = "needs systemd-analyze; tests/run runs it"]
fn systemd_analyze_accepts_the_units() {
    let directory = tempfile::tempdir().unwrap();
    let units = units(directory.path());
    let mut verify = Command::new("systemd-analyze");
    let output = verify.arg("verify").args(&units).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert_eq!(String::from_utf8(said).unwrap(), "");
    assert!(output.status.success());

    // The exposure score in tenths. Unlike the server, the check needs access to the whole
    // internet.
    for (unit, most) in [(&units[0], 12), (&units[2], 17)] {
        let mut security = Command::new("systemd-analyze");
        let output = security
            .args(["security", "--offline=true", "--no-pager"])
            .arg(format!("--threshold={most}"))
            .arg(unit)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains("Overall exposure level"), "{said}");
        assert!(output.status.success(), "{said}");
    }
}

#[test]
#[ignore = "needs systemd-analyze, strace and setpriv; tests/run runs it"]
fn sandbox_allows_everything_the_program_does() {
    let manager = Manager::new();
    let http = manager.path("http.sock");
    let trace = manager.path("trace");
    let program = program();
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o"]).arg(&trace);
    // The part of the unit's sandbox that works without systemd: no capabilities, and no way to
    // gain any.
    command.args(["setpriv", "--pdeathsig", "KILL", "--no-new-privs"]);
    if Command::new("id").arg("-u").output().unwrap().stdout == b"0\n" {
        command.args(["--bounding-set=-all", "--inh-caps=-all"]);
    }
    command
        .arg(program.get_program())
        .args(["-host", "tonybai.com", "-watch", "-access-log"])
        .args(["-listen", "127.0.0.1:0", "-admin", "[::1]:0"])
        .arg(format!("-listen=unix:{}", http.display()))
        .arg("-config")
        .arg(manager.path("vanity.yaml"))
        .stdin(Stdio::null())
        .env("NOTIFY_SOCKET", manager.path("notify"))
        .env("WATCHDOG_USEC", "2000000");
    let mut server = Server::spawn(command);
    server.wait_for_line("on unix:");
    let line = |server: &Server, text| {
        let mut lines = server.log.iter();
        let line = lines.find(|line| line.contains(text)).unwrap().clone();
        let addr: SocketAddr = line.rsplit(' ').next().unwrap().parse().unwrap();
        addr
    };
    let _ = answers(line(&server, "serving "));
    assert_eq!(get(line(&server, "admin endpoints"), "/metrics"), 200);
    UnixStream::connect(&http).unwrap();
    fs::write(manager.path("vanity.yaml"), "/gowechat:\n").unwrap();
    server.wait_for_line("reload refused");
    while manager.told() != ["WATCHDOG=1"] {}
    let text = fs::read_to_string(&trace).unwrap();
    let pid = text.split(' ').next().unwrap();
    support::signal(pid, "TERM");
    assert!(server.wait().success());

    let text = fs::read_to_string(&trace).unwrap();
    // From the program's own start on: setpriv does systemd's part.
    let start = format!("execve(\"{}\"", program.get_program().to_str().unwrap());
    let (_, text) = text.split_once(&start).unwrap();
    let calls: BTreeSet<_> = text
        .lines()
        .filter_map(|line| line.split_whitespace().nth(1)?.split_once('('))
        .map(|(call, _)| call.to_owned())
        .collect();
    assert!(
        calls.contains("accept4") && calls.contains("exit_group"),
        "{calls:?}"
    );
    let allowed = allowed_calls();
    let denied: Vec<_> = calls.difference(&allowed).collect();
    assert!(denied.is_empty(), "{denied:?}");

    // MemoryDenyWriteExecute=, RestrictAddressFamilies=
    let families = ["AF_INET,", "AF_INET6,", "AF_UNIX,"];
    for line in text.lines() {
        assert!(!line.contains("PROT_WRITE|PROT_EXEC"), "{line}");
        if let Some((_, arguments)) = line.split_once(" socket(") {
            assert!(
                families.iter().any(|family| arguments.starts_with(family)),
                "{line}"
            );
        }
    }
}

/// Returns the system calls that the unit's SystemCallFilter= allows.
fn allowed_calls() -> BTreeSet<String> {
    let unit = unit("govanityurls.service");
    let mut allowed = BTreeSet::new();
    for line in unit.lines() {
        let Some(filter) = line.strip_prefix("SystemCallFilter=") else {
            continue;
        };
        let (denies, sets) = match filter.strip_prefix('~') {
            Some(sets) => (true, sets),
            None => (false, filter),
        };
        for calls in sets.split(' ').map(calls_of) {
            match denies {
                true => allowed.retain(|call| !calls.contains(call)),
                false => allowed.extend(calls),
            }
        }
    }
    assert!(allowed.len() > 100, "{allowed:?}");
    allowed
}

/// Expands one of systemd's sets, including the sets inside it.
fn calls_of(set: &str) -> BTreeSet<String> {
    let mut list = Command::new("systemd-analyze");
    let output = list.args(["syscall-filter", "--no-pager", set]).output();
    let text = String::from_utf8(output.unwrap().stdout).unwrap();
    text.lines()
        .skip(1)
        .map(str::trim)
        .filter(|line| !line.starts_with('#'))
        .flat_map(|line| match line.starts_with('@') {
            true => calls_of(line),
            false => BTreeSet::from([line.to_owned()]),
        })
        .collect()
}
