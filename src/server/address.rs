//! Addresses to listen on, as flags name them.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use crate::text::quoted;

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAddr {
    /// A TCP port on every address, IPv6 and IPv4; IPv4 only if the kernel has no IPv6.
    Port(u16),
    /// A TCP port on one address, or on every address of one family.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

impl ListenAddr {
    pub(super) fn port(&self) -> Option<u16> {
        match self {
            Self::Port(port) => Some(*port),
            Self::Tcp(address) => Some(address.port()),
            Self::Unix(_) => None,
        }
    }
}

impl FromStr for ListenAddr {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            if path.is_empty() {
                return Err("`unix:` needs the path of a socket after it".to_owned());
            }
            return Ok(Self::Unix(path.into()));
        }
        if let Some(port) = text.strip_prefix(':')
            && let Ok(port) = port.parse()
        {
            return Ok(Self::Port(port));
        }
        let with_ip = text.replacen("localhost:", "127.0.0.1:", 1);
        match with_ip.parse() {
            Ok(address) => Ok(Self::Tcp(address)),
            Err(_) => Err(format!(
                "{} is not a valid address; {}",
                quoted(text),
                hint(text)
            )),
        }
    }
}

/// Returns what to write instead of an invalid address.
fn hint(text: &str) -> String {
    if text.starts_with('/') {
        format!("write `unix:{text}`")
    } else if text.parse::<u16>().is_ok() {
        format!("write `:{text}`")
    } else {
        "write IP:PORT, such as `127.0.0.1:8080` or `[::1]:8080`, or `:8080`, \
         or `unix:/run/govanityurls/http.sock`; a port is a number from 0 to 65535"
            .to_owned()
    }
}

impl fmt::Display for ListenAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(port) => write!(f, ":{port}"),
            Self::Tcp(addr) => addr.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, addr) in [
            ("127.0.0.1:80", "127.0.0.1:80"),
            (":8080", ":8080"),
            ("[::1]:0", "[::1]:0"),
            ("localhost:1", "127.0.0.1:1"),
            ("unix:/run/x.sock", "unix:/run/x.sock"),
        ] {
            assert_eq!(text.parse::<ListenAddr>().unwrap().to_string(), addr);
        }
        for (text, hint) in [
            ("8080", "write `:8080`"),
            ("/run/x.sock", "write `unix:/run/x.sock`"),
            ("example.com:80", "write IP:PORT"),
            ("unix:", "needs the path"),
            (":70000", "a port is a number from 0 to 65535"),
            (":http", "write IP:PORT"),
            ("", "write IP:PORT"),
            ("::1:8080", "`[::1]:8080`"),
            ("127.0.0.1", "`127.0.0.1:8080`"),
        ] {
            let error = text.parse::<ListenAddr>().unwrap_err();
            assert!(error.contains(hint), "{error}");
        }
    }
}
