//! Listening sockets: binding and accepting.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tracing::warn;

use super::ListenAddr;
use super::connection::HEAD_TIMEOUT;
use crate::http::Peer;
use crate::metrics::Connections;

/// How many connections may wait to be accepted; the kernel's own limit (net.core.somaxconn) may
/// be lower.
const BACKLOG: i32 = 4096;
/// How long to wait before accepting again after an error: connections that end free descriptors
/// and memory.
const BACK_OFF: Duration = Duration::from_millis(50);
/// How long not to log another such error: disk space may be short as well.
const QUIET: Duration = Duration::from_secs(60);

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
            (Some(port), ErrorKind::AddrInUse) => format!(
                "the port is in use; stop what uses it (`ss -ltnp 'sport = :{port}'` names it), \
                 or choose another with -listen, PORT or -admin"
            ),
            (Some(port), ErrorKind::PermissionDenied) => format!(
                "permission denied; a port below 1024 needs CAP_NET_BIND_SERVICE, \
                 or choose another with -listen, PORT or -admin (this is {port})"
            ),
            (_, ErrorKind::AddrNotAvailable) => {
                "this machine has no such address; use 0.0.0.0 for all of its addresses".to_owned()
            }
            (None, ErrorKind::AddrInUse) => {
                "another process listens there; stop it, or choose another path".to_owned()
            }
            (None, ErrorKind::InvalidInput) => {
                "the path is longer than the 107 bytes that a Unix socket's may have; choose a \
                 shorter one, such as /run/govanityurls/http.sock"
                    .to_owned()
            }
            (None, ErrorKind::AlreadyExists) => {
                "a file that is not a socket is there; remove it, or choose another path".to_owned()
            }
            (None, ErrorKind::PermissionDenied) => {
                "permission denied; the user that the server runs as must be able to write to \
                 the directory"
                    .to_owned()
            }
            (None, ErrorKind::NotFound) => {
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
    /// When a failure to accept was last logged.
    logged: Option<Instant>,
    /// The file of a Unix socket, removed on drop; `None` if systemd owns it.
    file: Option<PathBuf>,
}

#[derive(Debug)]
enum Accepting {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A connection and its other end.
pub(super) type Accepted = (Stream, Peer);

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
        let mut listeners = Vec::new();
        for address in addresses {
            let listener = match address {
                ListenAddr::Port(port) => bind_port(*port),
                ListenAddr::Tcp(tcp) => bind_tcp(*tcp, addresses),
                ListenAddr::Unix(path) => bind_unix(path, socket_mode),
            };
            listeners.push(listener.map_err(|error| BindError::new(address, &error))?);
        }
        Ok(listeners)
    }

    /// Takes over a TCP or Unix socket that already listens. The file of a Unix socket is left
    /// for its owner to remove.
    pub(super) fn new(socket: Socket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let bound = socket.local_addr()?;
        let (socket, address) = match bound.as_socket() {
            Some(tcp) => {
                // A response goes out in one write, so Nagle's algorithm gains nothing. Accepted
                // sockets inherit both options, which saves system calls per connection.
                socket.set_tcp_nodelay(true)?;
                // The kernel cuts clients that accept nothing of a response for this long.
                socket.set_tcp_user_timeout(Some(HEAD_TIMEOUT))?;
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
            logged: None,
            file: None,
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

    /// Returns the next connection. Retries after every error, as none of them is permanent.
    pub(super) async fn accept(&mut self, metrics: &Connections) -> Accepted {
        loop {
            let error = match self.try_accept().await {
                Ok(accepted) => return accepted,
                Err(error) => error,
            };
            metrics.refused("accept");
            // Otherwise, the client gave up before it was accepted.
            if error.kind() != ErrorKind::ConnectionAborted {
                self.log(&error);
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }

    async fn try_accept(&self) -> io::Result<Accepted> {
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

    fn log(&mut self, error: &io::Error) {
        if self.logged.is_none_or(|logged| logged.elapsed() > QUIET) {
            let address = &self.address;
            warn!("{address}: cannot accept connections: {error}; retrying");
            self.logged = Some(Instant::now());
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Before the socket is closed: a server that starts now finds either a live socket or no
        // file, and never loses its own.
        if let Some(file) = &self.file {
            let _ = fs::remove_file(file);
        }
    }
}

/// Listens on a port of every address; IPv4 only if there is no IPv6.
fn bind_port(port: u16) -> io::Result<Listener> {
    match bind((Ipv6Addr::UNSPECIFIED, port).into(), false) {
        Err(error)
            if !matches!(
                error.kind(),
                ErrorKind::AddrInUse | ErrorKind::PermissionDenied
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
    remove_stale(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&socket2::SockAddr::unix(path)?)?;
    // chmod before listen, so the umask's mode is never exposed.
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    socket.listen(BACKLOG)?;
    let mut listener = Listener::new(socket)?;
    listener.file = Some(path.to_owned());
    Ok(listener)
}

/// Removes the socket left behind by a server that was killed. Keeps one that a process still has
/// open, and anything that is not a socket.
fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(file) if !file.file_type().is_socket() => return Err(ErrorKind::AlreadyExists.into()),
        Ok(_) => {}
    }
    // A datagram socket cannot connect to a stream socket: the kernel returns EPROTOTYPE if a
    // process has one open there, and ECONNREFUSED if none has. It does so at once, even if the
    // process does not listen yet or its backlog is full, and the process does not notice.
    match UnixDatagram::unbound()?.connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(error),
        _ => Err(ErrorKind::AddrInUse.into()),
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
        let (stream, _) = listener.accept(&Connections::default()).await;
        let Stream::Tcp(stream) = stream else {
            panic!("it is TCP");
        };
        assert!(stream.nodelay().unwrap());
        let timeout = socket2::SockRef::from(&stream).tcp_user_timeout();
        assert_eq!(timeout.unwrap(), Some(HEAD_TIMEOUT));
    }
}
