//! Sockets that connections come from.

use std::io;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tracing::warn;

use crate::cli::ListenAddr;

/// How long accepting rests after an error that only time mends.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Why an address cannot be listened on, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {why}")]
pub struct BindError {
    address: ListenAddr,
    why: String,
}

impl BindError {
    fn new(address: &ListenAddr, error: &io::Error) -> Self {
        let ListenAddr::Tcp(tcp) = address;
        let port = tcp.port();
        let why = match error.kind() {
            io::ErrorKind::AddrInUse => format!(
                "the port is in use; stop what uses it (`ss -ltnp 'sport = :{port}'` names it), \
                 or choose another with -listen or PORT"
            ),
            io::ErrorKind::PermissionDenied => format!(
                "permission denied; a port below 1024 needs CAP_NET_BIND_SERVICE, \
                 or choose another with -listen or PORT ({port} was asked for)"
            ),
            io::ErrorKind::AddrNotAvailable => {
                "this machine has no such address; 0.0.0.0 stands for all it has".to_owned()
            }
            _ => error.to_string(),
        };
        Self {
            address: address.clone(),
            why,
        }
    }
}

/// A bound socket.
#[derive(Debug)]
pub struct Listener {
    tcp: TcpListener,
    address: ListenAddr,
}

impl Listener {
    /// Listens on an address. Port 0 stands for any free port.
    ///
    /// # Errors
    ///
    /// The operating system refuses the address.
    pub async fn bind(address: &ListenAddr) -> Result<Self, BindError> {
        let failed = |error| BindError::new(address, &error);
        let ListenAddr::Tcp(wanted) = address;
        let tcp = TcpListener::bind(wanted).await.map_err(failed)?;
        let address = ListenAddr::Tcp(tcp.local_addr().map_err(failed)?);
        Ok(Self { tcp, address })
    }

    /// Where it listens, with the port that was chosen for port 0.
    pub fn address(&self) -> &ListenAddr {
        &self.address
    }

    /// The next connection. Errors are waited out: none of them is the listener's own.
    pub async fn accept(&self) -> TcpStream {
        loop {
            match self.tcp.accept().await {
                Ok((stream, _)) => {
                    // Pages leave in one write; waiting for more to send gains nothing.
                    let _ = stream.set_nodelay(true);
                    return stream;
                }
                // The client gave up before it was accepted.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                // Out of file descriptors or memory: others will give some back.
                Err(error) => {
                    warn!("cannot accept a connection: {error}");
                    tokio::time::sleep(BACK_OFF).await;
                }
            }
        }
    }
}
