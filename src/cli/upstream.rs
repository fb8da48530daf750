//! The addresses that nginx passes requests to.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::str::FromStr;

use crate::server::ListenAddr;
use crate::text::quoted;

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
        let of = |address| Self {
            address,
            is_name: false,
        };
        match text.parse() {
            Ok(ListenAddr::Port(port)) => connectable((Ipv4Addr::LOCALHOST, port).into()).map(of),
            Ok(ListenAddr::Tcp(address)) => connectable(address).map(of),
            Ok(ListenAddr::Unix(path)) => match path.to_str() {
                Some(path) if Path::new(path).is_absolute() && path.bytes().all(is_plain) => {
                    Ok(of(format!("unix:{path}")))
                }
                _ => Err(format!(
                    "nginx needs an absolute path of A-Z, a-z, 0-9 and `-._/` for the socket, \
                     not {}",
                    quoted(&path.to_string_lossy())
                )),
            },
            Err(_) if is_name_and_port(text) => Ok(Self {
                address: text.to_owned(),
                is_name: true,
            }),
            Err(_) => Err(format!(
                "write HOST:PORT, such as `127.0.0.1:8080` or `app:8080`, \
                 or `unix:/run/govanityurls/http.sock`, not {}",
                quoted(text)
            )),
        }
    }
}

/// Returns the address that nginx connects to if the program listens on this one.
fn connectable(mut address: SocketAddr) -> Result<String, String> {
    if address.port() == 0 {
        return Err("nginx needs the port that the program listens on, not 0".to_owned());
    }
    // The program may listen on every address; nginx connects to one.
    if address.ip().is_unspecified() {
        address.set_ip(match address.is_ipv4() {
            true => Ipv4Addr::LOCALHOST.into(),
            false => Ipv6Addr::LOCALHOST.into(),
        });
    }
    Ok(address.to_string())
}

fn is_plain(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-._/".contains(&b)
}

/// Returns whether the text is a host name, as in DNS or for containers, and a port.
fn is_name_and_port(text: &str) -> bool {
    let Some((name, port)) = text.rsplit_once(':') else {
        return false;
    };
    let is_label = |label: &str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
        (1..=63).contains(&label.len()) && label.bytes().all(plain) && !label.starts_with('-')
    };
    // A number as the last label means an invalid address, such as 10.0.0.256, not a name.
    let is_number = |label: &str| label.bytes().all(|b| b.is_ascii_digit());
    name.len() <= 253
        && name.split('.').all(is_label)
        && !name.rsplit('.').next().is_some_and(is_number)
        && port.bytes().all(|b| b.is_ascii_digit())
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
