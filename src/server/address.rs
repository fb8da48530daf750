//! Addresses to listen on, as flags name them.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
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
    /// Returns whether one process cannot listen on both: they are equal, or one includes the
    /// other.
    pub fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Port(port), other) | (other, Self::Port(port)) => {
                *port != 0 && other.port() == Some(*port)
            }
            (Self::Tcp(one), Self::Tcp(other)) => {
                let (a, b) = (one.ip(), other.ip());
                one.port() == other.port()
                    && one.port() != 0
                    // [::] leaves IPv4 to listeners with an IPv4 address.
                    && a.is_ipv4() == b.is_ipv4()
                    && (a == b || a.is_unspecified() || b.is_unspecified())
            }
            (Self::Unix(one), Self::Unix(other)) => one == other,
            _ => false,
        }
    }

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
            return match path {
                "" => Err("`unix:` needs the path of a socket after it".to_owned()),
                path => Ok(Self::Unix(path.into())),
            };
        }
        let port_only = text.strip_prefix(':').and_then(|port| port.parse().ok());
        if let Some(port) = port_only {
            return Ok(Self::Port(port));
        }
        let with_host = text.replacen("localhost:", "127.0.0.1:", 1);
        with_host
            .parse()
            .map(Self::Tcp)
            .map_err(|_| format!("{} is not a valid address; {}", quoted(text), hint(text)))
    }
}

/// Returns what to write instead of an invalid address.
fn hint(text: &str) -> String {
    const MOST: &str = "a port is a number from 0 to 65535";
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let ip = text.parse::<IpAddr>();
    match text.rsplit_once(':') {
        _ if text.starts_with('/') => format!("write `unix:{text}`"),
        None if text.parse::<u16>().is_ok() => format!("write `:{text}`"),
        None if is_number(text) => MOST.to_owned(),
        None if ip.is_ok() || text == "localhost" => format!("add a port: `{text}:8080`"),
        Some(_) if text.ends_with(']') && format!("{text}:0").parse::<SocketAddr>().is_ok() => {
            format!("add a port: `{text}:8080`")
        }
        // `::1:8080` is an IPv6 address without a port; to have one, it needs brackets.
        Some((host, port)) if host.parse::<Ipv6Addr>().is_ok() && port.parse::<u16>().is_ok() => {
            format!("write `[{host}]:{port}`")
        }
        Some(_) if ip.is_ok() => format!("write `[{text}]:8080`"),
        Some((host, port))
            if is_number(port)
                && port.parse::<u16>().is_err()
                && (host.is_empty() || format!("{host}:0").parse::<SocketAddr>().is_ok()) =>
        {
            MOST.to_owned()
        }
        _ => "write IP:PORT, such as `127.0.0.1:8080`, or `:8080`, \
              or `unix:/run/govanityurls/http.sock`"
            .to_owned(),
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
            ("70000", "a port is a number from 0 to 65535"),
            ("127.0.0.1:70000", "a port is a number from 0 to 65535"),
            (":http", "write IP:PORT"),
            ("", "write IP:PORT"),
            ("::1:8080", "write `[::1]:8080`"),
            ("::1", "write `[::1]:8080`"),
            ("::", "write `[::]:8080`"),
            ("2001:db8::7:80", "write `[2001:db8::7]:80`"),
            ("127.0.0.1", "`127.0.0.1:8080`"),
            ("localhost", "`localhost:8080`"),
            ("[::1]", "add a port: `[::1]:8080`"),
        ] {
            let error = text.parse::<ListenAddr>().unwrap_err();
            assert!(error.contains(hint), "{error}");
        }
    }

    #[test]
    fn overlapping_addresses_are_rejected() {
        for (one, other, expected) in [
            (":8080", ":8080", true),
            (":8080", "127.0.0.1:8080", true),
            (":8080", "[::1]:8080", true),
            (":8080", ":8081", false),
            (":0", ":0", false),
            ("127.0.0.1:0", "127.0.0.1:0", false),
            ("127.0.0.1:80", "127.0.0.1:80", true),
            ("127.0.0.1:80", "127.0.0.2:80", false),
            ("0.0.0.0:80", "127.0.0.1:80", true),
            ("0.0.0.0:80", "[::]:80", false),
            ("127.0.0.1:80", "[::]:80", false),
            ("[::1]:80", "[::]:80", true),
            ("unix:/a", "unix:/a", true),
            ("unix:/a", "unix:/b", false),
            ("unix:/a", ":80", false),
        ] {
            let address = |text: &str| text.parse::<ListenAddr>().unwrap();
            let (a, b) = (address(one), address(other));
            assert_eq!(a.overlaps(&b), expected, "{one} {other}");
            assert_eq!(b.overlaps(&a), expected, "{other} {one}");
        }
    }
}
