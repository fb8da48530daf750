//! Where the server listens, and its errors if it cannot.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv6Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{PATIENCE, Response, SEED, Server, program, wait_until};

const ASK: &[u8] = b"GET /gowechat HTTP/1.1\r\nHost: tonybai.com\r\nConnection: close\r\n\r\n";

/// A directory with a vanity.yaml.
fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("vanity.yaml"), SEED).unwrap();
    directory
}

/// Returns `command`, or `program`, set up to serve the vanity.yaml of a directory.
fn serving(mut command: Command, directory: &Path, listen: &[&str]) -> Command {
    command
        .args(["-host", "tonybai.com", "-config"])
        .arg(directory.join("vanity.yaml"));
    for address in listen {
        command.args(["-listen", address]);
    }
    command
}

fn start(directory: &Path, listen: &[&str]) -> Server {
    Server::spawn(serving(program(), directory, listen))
}

/// Runs a program that cannot listen; returns its message, which must be one paragraph.
fn refused(directory: &Path, listen: &[&str]) -> String {
    refusal(serving(program(), directory, listen))
}

fn refusal(mut command: Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(
        said.starts_with("govanityurls: cannot listen on "),
        "{said}"
    );
    assert!(said.len() < 400, "{said}");
    said
}

fn unix(path: &Path) -> String {
    format!("unix:{}", path.display())
}

/// Returns whether a connection gets a response.
fn answers(mut stream: impl std::io::Read + std::io::Write) -> bool {
    let mut bytes = Vec::new();
    stream.write_all(ASK).unwrap();
    stream.read_to_end(&mut bytes).unwrap();
    Response::parse(&bytes).status == 200
}

fn answers_at(path: &Path) -> bool {
    answers(UnixStream::connect(path).unwrap())
}

/// Returns the addresses from the log, in the order of -listen.
fn addresses(server: &mut Server, count: usize) -> Vec<String> {
    while server.log.len() < count {
        server.wait_for_line("serving ");
    }
    let address = |line: &String| {
        let (_, address) = line.rsplit_once(" on ").unwrap();
        address.split(' ').next().unwrap().to_owned()
    };
    server.log.iter().map(address).collect()
}

fn stop(server: &mut Server) {
    server.signal("TERM");
    assert!(server.wait().success());
}

#[test]
fn listens_on_several_addresses() {
    let directory = directory();
    let socket = directory.path().join("http.sock");
    let mut server = start(
        directory.path(),
        &["127.0.0.1:0", "[::1]:0", &unix(&socket), "localhost:0"],
    );
    let said = addresses(&mut server, 4);
    assert!(said[0].starts_with("127.0.0.1:"), "{said:?}");
    assert!(said[1].starts_with("[::1]:"), "{said:?}");
    assert_eq!(said[2], unix(&socket));
    for index in [0, 1, 3] {
        assert!(
            answers(TcpStream::connect(&said[index]).unwrap()),
            "{}",
            said[index]
        );
    }
    assert!(answers_at(&socket));
    stop(&mut server);
    assert!(!socket.exists());
}

#[test]
fn ipv6_any_includes_ipv4_unless_it_has_its_own_listener() {
    let directory = directory();
    let mut alone = start(directory.path(), &["[::]:0"]);
    let port = addresses(&mut alone, 1)[0]
        .rsplit(':')
        .next()
        .unwrap()
        .to_owned();
    assert!(answers(
        TcpStream::connect(format!("127.0.0.1:{port}")).unwrap()
    ));
    assert!(answers(
        TcpStream::connect(format!("[::1]:{port}")).unwrap()
    ));
    stop(&mut alone);

    // The port that was just free.
    let (four, six) = (format!("0.0.0.0:{port}"), format!("[::]:{port}"));
    for listen in [[&four, &six], [&six, &four]] {
        let mut both = start(directory.path(), &listen.map(String::as_str));
        assert_eq!(addresses(&mut both, 2).len(), 2);
        assert!(answers(
            TcpStream::connect(format!("127.0.0.1:{port}")).unwrap()
        ));
        assert!(answers(
            TcpStream::connect((Ipv6Addr::LOCALHOST, port.parse().unwrap())).unwrap()
        ));
        stop(&mut both);
    }
}

#[test]
fn bare_port_listens_on_every_address() {
    let directory = directory();
    let mut server = start(directory.path(), &[":0"]);
    let address = addresses(&mut server, 1).remove(0);
    let (ip, port) = address.rsplit_once(':').unwrap();
    assert_eq!(ip, "[::]");
    assert!(
        server.log[0].ends_with(" (IPv6 and IPv4)"),
        "{:?}",
        server.log
    );
    for ip in ["127.0.0.1", "[::1]"] {
        let stream = TcpStream::connect(format!("{ip}:{port}")).unwrap();
        assert!(answers(stream), "{ip}");
    }
    stop(&mut server);
}

#[test]
#[ignore = "needs strace; tests/run runs it"]
fn bare_port_falls_back_to_ipv4() {
    let directory = directory();
    // The program's first socket is the IPv6 one.
    let refuse = "inject=socket:error=EAFNOSUPPORT:when=1";
    // With -D, the child process is the program, not strace.
    let strace = "strace -D -f -q -o /dev/null -e trace=socket -e";
    let strace: Vec<_> = strace.split(' ').chain([refuse]).collect();
    let server = Server::spawn(serving(started_by(&strace), directory.path(), &[":0"]));
    assert!(server.log[0].contains(" on 0.0.0.0:"), "{:?}", server.log);
    assert_eq!(server.get("/gowechat").status, 200);
}

#[test]
fn duplicate_addresses_are_rejected() {
    let directory = directory();
    let socket = unix(&directory.path().join("http.sock"));
    for (address, words) in [
        ("127.0.0.1:18080", "the port is in use"),
        (&*socket, "another process listens there"),
    ] {
        let said = refused(directory.path(), &[address, address]);
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn idle_listener_holds_no_permit() {
    let directory = directory();
    let listen = ["127.0.0.1:0", "127.0.0.1:0"];
    let mut command = serving(program(), directory.path(), &listen);
    command.args(["-max-connections", "1"]);
    let mut server = Server::spawn(command);
    for address in addresses(&mut server, 2) {
        for _ in 0..3 {
            let stream = TcpStream::connect(&address).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            assert!(answers(stream), "{address}");
        }
    }
}

#[test]
fn socket_file_has_the_requested_mode() {
    let directory = directory();
    let path = directory.path().join("http.sock");
    for (args, mode) in [
        (&[][..], 0o660),
        (&["-socket-mode", "600"], 0o600),
        (&["-socket-mode=0666"], 0o666),
    ] {
        let mut command = serving(program(), directory.path(), &[&unix(&path)]);
        command.args(args);
        let mut server = Server::spawn(command);
        let is = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(is, mode, "{is:o}");
        stop(&mut server);
        assert!(!path.exists());
    }
}

#[test]
fn killed_server_reuses_its_socket() {
    let directory = directory();
    let socket = directory.path().join("http.sock");
    let mut server = start(directory.path(), &["127.0.0.1:0", &unix(&socket)]);
    let tcp = addresses(&mut server, 2).remove(0);
    for _ in 0..3 {
        // Leaves connections in TIME_WAIT.
        let mut kept = TcpStream::connect(&tcp).unwrap();
        kept.write_all(b"GET /gowechat HTTP/1.1\r\n").unwrap();
        assert!(answers(TcpStream::connect(&tcp).unwrap()));
        server.signal("KILL");
        assert!(!server.wait().success());
        assert!(socket.exists());
        server = start(directory.path(), &[&tcp, &unix(&socket)]);
        assert_eq!(addresses(&mut server, 2)[0], tcp);
        assert!(answers(TcpStream::connect(&tcp).unwrap()));
        assert!(answers_at(&socket));
        let _ = kept.read(&mut [0]);
    }
}

#[test]
fn socket_of_a_live_server_is_refused() {
    let directory = directory();
    let path = directory.path().join("http.sock");
    let _live = start(directory.path(), &[&unix(&path)]);
    let said = refused(directory.path(), &[&unix(&path)]);
    assert!(
        said.contains("another process listens there; stop it"),
        "{said}"
    );
    assert!(answers_at(&path));

    // A server that listens but never responds also counts as running.
    let path = directory.path().join("mute.sock");
    let _mute = UnixListener::bind(&path).unwrap();
    let said = refused(directory.path(), &[&unix(&path)]);
    assert!(said.contains("another process listens there"), "{said}");
}

/// The program must not take over any of these, nor block on them.
#[test]
fn a_socket_that_is_busy_or_not_ready_is_refused() {
    let directory = directory();
    let at = |name: &str| directory.path().join(name);
    let address = |path: &Path| socket2::SockAddr::unix(path).unwrap();
    let new = || socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();

    let bound = new();
    bound.bind(&address(&at("bound"))).unwrap();
    let full = new();
    full.bind(&address(&at("full"))).unwrap();
    full.listen(0).unwrap();
    let mut waiting = Vec::new();
    wait_until("the backlog is full", || {
        let client = new();
        client.set_nonblocking(true).unwrap();
        let result = client.connect(&address(&at("full")));
        waiting.push(client);
        result.is_err().then_some(())
    });
    let _datagrams = UnixDatagram::bind(at("datagrams")).unwrap();
    for name in ["bound", "full", "datagrams"] {
        let said = refused(directory.path(), &[&unix(&at(name))]);
        assert!(said.contains("another process listens there"), "{said}");
    }
    bound.listen(1).unwrap();
    UnixStream::connect(at("bound")).unwrap();
}

#[test]
fn file_that_is_not_a_socket_is_left_alone() {
    let directory = directory();
    let path = directory.path().join("notes.txt");
    fs::write(&path, "mine").unwrap();
    let link = directory.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    for path in [&path, &link] {
        let said = refused(directory.path(), &[&unix(path)]);
        assert!(
            said.contains("not a socket is there; remove it, or choose another"),
            "{said}"
        );
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    assert!(link.is_symlink());
}

#[test]
fn unavailable_addresses_are_errors() {
    let directory = directory();
    let at = |path: &str| unix(&directory.path().join(path));
    let said = refused(directory.path(), &[&at(&"x".repeat(120))]);
    assert!(said.contains("longer than the 107 bytes"), "{said}");
    let said = refused(directory.path(), &[&at("no/such/http.sock")]);
    assert!(said.contains("no such directory; create it"), "{said}");
    let said = refused(directory.path(), &[&at("vanity.yaml/http.sock")]);
    assert!(said.contains("vanity.yaml/http.sock: "), "{said}");
    // An address reserved for documentation, which no machine has.
    let said = refused(directory.path(), &["192.0.2.1:8080"]);
    assert!(said.contains("no such address"), "{said}");

    // A path of the maximum length, including the directory's name.
    let room = 107 - directory.path().as_os_str().len() - 1;
    let longest = directory.path().join("x".repeat(room));
    let mut server = start(directory.path(), &[&unix(&longest)]);
    assert!(answers_at(&longest));
    stop(&mut server);
}

#[test]
fn a_port_in_use() {
    let directory = directory();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let said = refused(directory.path(), &[&address.to_string()]);
    assert!(
        said.contains(&format!("on {address}: the port is in use")),
        "{said}"
    );
    assert!(
        said.contains(&format!("ss -ltnp 'sport = :{}'", address.port())),
        "{said}"
    );

    // The same for the admin endpoints. The sockets that could be bound leave no file behind.
    let socket = directory.path().join("http.sock");
    let mut command = serving(program(), directory.path(), &[&unix(&socket)]);
    command.args(["-admin", &address.to_string()]);
    assert!(refusal(command).contains("the port is in use"));
    assert!(!socket.exists());

    let twice = refused(directory.path(), &["127.0.0.1:0", &address.to_string()]);
    assert!(twice.contains("the port is in use"), "{twice}");
}

/// Drops all of root's capabilities; other users have none.
const POWERLESS: [&str; 3] = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"];

/// Returns the program, started by another one.
fn started_by(wrapper: &[&str]) -> Command {
    let mut command = Command::new(wrapper[0]);
    command.args(&wrapper[1..]);
    let program = program();
    for (name, _) in program.get_envs() {
        command.env_remove(name);
    }
    command.arg(program.get_program());
    command
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().unwrap().stdout == b"0\n"
}

#[test]
#[ignore = "needs setpriv; tests/run runs it"]
fn a_directory_that_may_not_be_written() {
    let directory = directory();
    let closed = directory.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o555)).unwrap();
    let path: PathBuf = closed.join("http.sock");
    let powerless = || match is_root() {
        true => started_by(&POWERLESS),
        false => program(),
    };
    let said = refusal(serving(powerless(), directory.path(), &[&unix(&path)]));
    assert!(said.contains("permission denied"), "{said}");
    assert!(said.contains("able to write to the directory"), "{said}");

    // A socket that belongs to another user does not count as stale.
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o755)).unwrap();
    drop(UnixListener::bind(&path).unwrap());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o0)).unwrap();
    let said = refusal(serving(powerless(), directory.path(), &[&unix(&path)]));
    assert!(said.contains("permission denied"), "{said}");
    assert!(path.exists());
}

#[test]
#[ignore = "needs unshare and setpriv; tests/run runs it"]
fn a_port_below_1024() {
    let directory = directory();
    // In its own network namespace, where low ports are always privileged.
    let mut with = vec!["unshare", "--net"];
    if !is_root() {
        with.push("--map-root-user");
    }
    let without = [&with, &POWERLESS[..]].concat();
    let said = refusal(serving(started_by(&without), directory.path(), &[":80"]));
    assert!(
        said.contains("permission denied; a port below 1024 needs"),
        "{said}"
    );
    assert!(said.contains("CAP_NET_BIND_SERVICE"), "{said}");
    let mut server = Server::spawn(serving(started_by(&with), directory.path(), &[":80"]));
    stop(&mut server);
}

#[test]
fn fd_exhaustion_is_logged_once() {
    let directory = directory();
    let mut server = start(directory.path(), &["127.0.0.1:0"]);
    assert_eq!(server.get("/gowechat").status, 200);
    // Lowered only now: at startup, the program would adapt to the limit.
    server.limit_descriptors(24);
    // More than the limit allows. Each connection that ends admits another, and the limit is hit
    // again.
    let mut streams: Vec<_> = (0..40).map(|_| server.connect()).collect();
    server.wait_for_line("cannot accept connections: ");
    for stream in &mut streams {
        assert!(answers(stream));
    }
    wait_until("it answers as ever", || {
        (server.get("/gowechat").status == 200).then_some(())
    });
    stop(&mut server);
    server.wait_for_line("stopped");
    let told = server
        .log
        .iter()
        .filter(|line| line.contains("cannot accept"));
    assert_eq!(told.count(), 1, "{:#?}", server.log);
}
