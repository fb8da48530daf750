//! Listening sockets: binding and accepting.

use std::fs::{self, File};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tracing::{info, warn};

use super::ListenAddr;
use crate::http::Peer;

/// How many connections may wait to be accepted; the kernel's own limit (net.core.somaxconn) may
/// be lower.
const BACKLOG: i32 = 4096;
/// How long to wait before accepting again after an error that only time fixes.
const BACK_OFF: Duration = Duration::from_millis(50);
/// How long after the last such error accepting counts as recovered. Sooner, a success is not
/// news: one connection ended and made room for one, and the next accept fails again.
const MENDED: Duration = Duration::from_secs(10);
/// How long to wait for the lock on a Unix socket's directory, and how often to retry.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
const LOCK_RETRY: Duration = Duration::from_millis(10);
/// The kernel's limit for the path of a Unix socket, in bytes, without the trailing NUL.
const LONGEST_SOCKET_PATH: usize = 107;

/// Why the program cannot listen on an address, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {why}")]
pub struct BindError {
    address: String,
    why: String,
}

impl BindError {
    fn new(address: &ListenAddr, error: &io::Error) -> Self {
        let why = match (address.port(), error.kind()) {
            (Some(port), io::ErrorKind::AddrInUse) => format!(
                "the port is in use; stop what uses it (`ss -ltnp 'sport = :{port}'` names it), \
                 or choose another with -listen, PORT or -admin"
            ),
            (Some(port), io::ErrorKind::PermissionDenied) => format!(
                "permission denied; a port below 1024 needs CAP_NET_BIND_SERVICE, \
                 or choose another with -listen, PORT or -admin (this is {port})"
            ),
            (_, io::ErrorKind::AddrNotAvailable) => {
                "this machine has no such address; use 0.0.0.0 for all of its addresses".to_owned()
            }
            (None, io::ErrorKind::AddrInUse) => {
                "another process listens there; stop it, or choose another path".to_owned()
            }
            (None, io::ErrorKind::PermissionDenied) => {
                "permission denied; the user that the server runs as must be able to write to \
                 the directory"
                    .to_owned()
            }
            (None, io::ErrorKind::NotFound) => {
                "there is no such directory; create it, or let systemd create it with \
                 RuntimeDirectory="
                    .to_owned()
            }
            _ => error.to_string(),
        };
        Self {
            address: address.to_string(),
            why,
        }
    }
}

/// A socket that listens.
#[derive(Debug)]
pub struct Listener {
    socket: Accepting,
    address: ListenAddr,
    /// When accepting last failed, until it recovers.
    failed: Option<Instant>,
    /// Removed when the listener is dropped; `None` if systemd owns it.
    _file: Option<SocketFile>,
}

#[derive(Debug)]
enum Accepting {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// An accepted connection.
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Listener {
    /// Listens on each address, in the current runtime. `socket_mode` is the file mode of Unix
    /// sockets. Port 0 means any free port.
    ///
    /// # Errors
    ///
    /// The operating system refuses an address.
    pub fn bind_all(addresses: &[ListenAddr], socket_mode: u32) -> Result<Vec<Self>, BindError> {
        addresses
            .iter()
            .map(|address| {
                match address {
                    ListenAddr::Port(port) => bind_port(*port),
                    ListenAddr::Tcp(tcp) => bind_tcp(*tcp, addresses),
                    ListenAddr::Unix(path) => bind_unix(path, socket_mode),
                }
                .map_err(|error| BindError::new(address, &error))
            })
            .collect()
    }

    /// Takes over a TCP or Unix socket that already listens. The file of a Unix socket is left
    /// for its owner to remove.
    pub(super) fn new(socket: Socket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let bound = socket.local_addr()?;
        let (socket, address) = match bound.as_socket() {
            Some(tcp) => {
                // A response goes out in one write, so Nagle's algorithm gains nothing. Accepted
                // sockets inherit the option, which saves a system call per connection.
                socket.set_tcp_nodelay(true)?;
                let address = match tcp.ip() {
                    IpAddr::V6(ip) if ip.is_unspecified() && !socket.only_v6()? => {
                        ListenAddr::Port(tcp.port())
                    }
                    _ => ListenAddr::Tcp(tcp),
                };
                let socket = TcpListener::from_std(socket.into())?;
                (Accepting::Tcp(socket), address)
            }
            None => {
                let path = bound.as_pathname().unwrap_or(Path::new(""));
                let socket = UnixListener::from_std(socket.into())?;
                (Accepting::Unix(socket), ListenAddr::Unix(path.to_owned()))
            }
        };
        Ok(Self {
            socket,
            address,
            failed: None,
            _file: None,
        })
    }

    /// Returns the address, with the actual port if port 0 was asked for.
    pub fn address(&self) -> &ListenAddr {
        &self.address
    }

    /// Returns the address as the log shows it.
    pub fn description(&self) -> String {
        match &self.address {
            ListenAddr::Port(port) => format!("[::]:{port} (IPv6 and IPv4)"),
            address => address.to_string(),
        }
    }

    /// Returns the next connection. Retries after every error, as none of them is permanent;
    /// `on_error` is called for each one that kept a client waiting.
    pub(super) async fn accept(&mut self, on_error: impl Fn()) -> (Stream, Peer) {
        loop {
            match self.try_accept().await {
                Ok(accepted) => {
                    let recovered = self.failed.take_if(|failed| failed.elapsed() > MENDED);
                    if recovered.is_some() {
                        info!("{}: accepting connections again", self.address);
                    }
                    return accepted;
                }
                // The client gave up before it was accepted.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => on_error(),
                // Out of file descriptors or memory: connections that end will free some.
                Err(error) => {
                    on_error();
                    // Log it once, not on every retry: disk space may be short as well.
                    if self.failed.replace(Instant::now()).is_none() {
                        warn!(
                            "{}: cannot accept connections: {error}; retrying",
                            self.address
                        );
                    }
                    tokio::time::sleep(BACK_OFF).await;
                }
            }
        }
    }

    async fn try_accept(&self) -> io::Result<(Stream, Peer)> {
        match &self.socket {
            Accepting::Tcp(socket) => {
                let (stream, peer) = socket.accept().await?;
                Ok((Stream::Tcp(stream), Peer::Tcp(peer.ip().to_canonical())))
            }
            Accepting::Unix(socket) => {
                let (stream, _) = socket.accept().await?;
                Ok((Stream::Unix(stream), Peer::Unix))
            }
        }
    }
}

/// Listens on a port of every address; IPv4 only if there is no IPv6.
fn bind_port(port: u16) -> io::Result<Listener> {
    match bind((Ipv6Addr::UNSPECIFIED, port).into(), false) {
        Err(error)
            if !matches!(
                error.kind(),
                io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied
            ) =>
        {
            bind((Ipv4Addr::UNSPECIFIED, port).into(), false)
        }
        bound => bound,
    }
}

fn bind_tcp(address: SocketAddr, all: &[ListenAddr]) -> io::Result<Listener> {
    // On its own, [::]:80 accepts IPv4 too, as in Go programs; next to 0.0.0.0:80 it must not.
    let beside_ipv4 = all.iter().any(|other| {
        matches!(other, ListenAddr::Tcp(other) if other.is_ipv4() && other.port() == address.port())
    });
    bind(address, beside_ipv4)
}

fn bind(address: SocketAddr, only_v6: bool) -> io::Result<Listener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // A restart must not wait for connections of the last run that are in TIME_WAIT.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // Set explicitly, because the default depends on net.ipv6.bindv6only.
        socket.set_only_v6(only_v6)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Listener::new(socket)
}

fn bind_unix(path: &Path, mode: u32) -> io::Result<Listener> {
    if path.as_os_str().len() > LONGEST_SOCKET_PATH {
        return Err(io::Error::other(format!(
            "the path is longer than the {LONGEST_SOCKET_PATH} bytes that a Unix socket's may \
             have; choose a shorter one, such as /run/govanityurls/http.sock"
        )));
    }
    // If several servers start at once, only one may find a stale socket and replace it. The lock
    // on the directory is released on return.
    let _lock = lock_directory_of(path)?;
    remove_stale(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&socket2::SockAddr::unix(path)?)?;
    let file = SocketFile::at(path)?;
    // chmod before listen, so the umask's mode is never exposed.
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    socket.listen(BACKLOG)?;
    Ok(Listener {
        _file: Some(file),
        ..Listener::new(socket)?
    })
}

/// Locks the directory of `path`, with a timeout: systemd-tmpfiles and others take such locks
/// too, some for a long time.
fn lock_directory_of(path: &Path) -> io::Result<File> {
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let directory = File::open(directory)?;
    let start = Instant::now();
    loop {
        match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(directory),
            Err(Errno::WOULDBLOCK) if start.elapsed() < LOCK_TIMEOUT => thread::sleep(LOCK_RETRY),
            Err(Errno::WOULDBLOCK) => {
                return Err(io::Error::other(
                    "another process has locked the directory; choose one of the server's own, \
                     such as /run/govanityurls",
                ));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Removes the socket left behind by a server that was killed. Keeps one that a process still has
/// open, and anything that is not a socket.
fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(file) if !file.file_type().is_socket() => {
            return Err(io::Error::other(
                "a file that is not a socket is there; remove it, or choose another path",
            ));
        }
        Ok(_) => {}
    }
    // A datagram socket cannot connect to a stream socket: the kernel returns EPROTOTYPE if a
    // process has one open there, and ECONNREFUSED if none has. It does so at once, even if the
    // process does not listen yet or its backlog is full, and the process does not notice.
    match UnixDatagram::unbound()?.connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(error),
        _ => Err(io::ErrorKind::AddrInUse.into()),
    }
}

/// The file of a Unix socket, removed on drop if it is still the same file: a server started in
/// the meantime may have put its own there.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    id: (u64, u64),
}

impl SocketFile {
    fn at(path: &Path) -> io::Result<Self> {
        let file = fs::symlink_metadata(path)?;
        Ok(Self {
            path: path.to_owned(),
            id: (file.dev(), file.ino()),
        })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|file| (file.dev(), file.ino()) == self.id) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connections_inherit_socket_options() {
        let address = "127.0.0.1:0".parse().unwrap();
        let mut listener = Listener::bind_all(&[address], 0).unwrap().remove(0);
        let ListenAddr::Tcp(address) = *listener.address() else {
            panic!("it is TCP");
        };
        let _client = std::net::TcpStream::connect(address).unwrap();
        let (stream, _) = listener.accept(|| ()).await;
        let Stream::Tcp(stream) = stream else {
            panic!("it is TCP");
        };
        assert!(stream.nodelay().unwrap());
    }
}
