//! The addresses that nginx passes requests to.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::str::FromStr;

use crate::server::ListenAddr;
use crate::text::{is_digits, quoted};

/// An address of the program, in nginx's syntax.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    address: String,
    /// Whether nginx has to resolve it.
    pub is_name: bool,
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)
    }
}

impl FromStr for Upstream {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let address = match text.parse() {
            Ok(ListenAddr::Port(port)) => connectable((Ipv4Addr::LOCALHOST, port).into())?,
            Ok(ListenAddr::Tcp(address)) => connectable(address)?,
            Ok(ListenAddr::Unix(path)) => socket(&path)?,
            Err(_) if is_name_and_port(text) => {
                return Ok(Self {
                    address: text.to_owned(),
                    is_name: true,
                });
            }
            Err(_) => {
                return Err(format!(
                    "write HOST:PORT, such as `127.0.0.1:8080` or `app:8080`, \
                     or `unix:/run/govanityurls/http.sock`, not {}",
                    quoted(text)
                ));
            }
        };
        Ok(Self {
            address,
            is_name: false,
        })
    }
}

/// Returns the address that nginx connects to if the program listens on this one.
fn connectable(mut address: SocketAddr) -> Result<String, String> {
    if address.port() == 0 {
        return Err("nginx needs the port that the program listens on, not 0".to_owned());
    }
    // The program may listen on every address; nginx connects to one.
    if address.ip().is_unspecified() && address.is_ipv4() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    } else if address.ip().is_unspecified() {
        address.set_ip(Ipv6Addr::LOCALHOST.into());
    }
    Ok(address.to_string())
}

fn socket(path: &Path) -> Result<String, String> {
    let text = path.to_string_lossy();
    if path.is_absolute() && text.bytes().all(|b| is_plain(b) || b == b'/') {
        return Ok(format!("unix:{text}"));
    }
    Err(format!(
        "nginx needs an absolute path of A-Z, a-z, 0-9 and `-._/` for the socket, not {}",
        quoted(&text)
    ))
}

fn is_plain(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-._".contains(&b)
}

/// Returns whether the text is a host name, as in DNS or for containers, and a port.
fn is_name_and_port(text: &str) -> bool {
    let Some((name, port)) = text.rsplit_once(':') else {
        return false;
    };
    // A number as the last label means an invalid address, such as 10.0.0.256, not a name.
    let last_label = name.rsplit('.').next().unwrap_or_default();
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(is_plain)
        && !name.contains("..")
        && !is_digits(last_label)
        && is_digits(port)
        && port.parse::<u16>().is_ok_and(|port| port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upstreams_are_addresses_nginx_can_connect_to() {
        let of = |text: &str| text.parse::<Upstream>();
        for (address, upstream, is_name) in [
            ("127.0.0.1:1", "127.0.0.1:1", false),
            (":1", "127.0.0.1:1", false),
            ("[::]:1", "[::1]:1", false),
            ("localhost:1", "127.0.0.1:1", false),
            ("unix:/run/g.sock", "unix:/run/g.sock", false),
            ("app:8080", "app:8080", true),
            ("my_app-1.internal:65535", "my_app-1.internal:65535", true),
        ] {
            let parsed = of(address).unwrap();
            assert_eq!(
                (parsed.to_string().as_str(), parsed.is_name),
                (upstream, is_name)
            );
        }
        for bad in [
            "unix:g.sock",
            "unix:/a b",
            "unix:/a;}",
            "unix:/a:b",
            ":0",
            "app",
            "app:0",
            "app:",
            "app:+1",
            "app:65536",
            "a;b:1",
            "a b:1",
            "a\n:1",
            ":",
            "a..b:1",
            "-a:1",
            "http://app:1",
            "10.0.0.256:1",
            "$host:1",
            "app:1/",
            "a:b:1",
        ] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }
}
