//! The sender of a request: the peer, or the client that a trusted proxy names.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use axum::http::HeaderMap;

use crate::text::quoted;

/// The other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// A client at this address.
    Tcp(IpAddr),
    /// A process on this machine, over a Unix socket.
    Unix,
}

impl Peer {
    /// Returns whether the peer is a proxy that may name the client's address: one on this
    /// machine, or one in a network that the operator trusts.
    fn is_trusted(self, networks: &[Network]) -> bool {
        match self {
            Self::Tcp(address) => {
                // On a dual-stack socket, IPv4 peers have IPv6 addresses.
                let address = address.to_canonical();
                address.is_loopback() || networks.iter().any(|network| network.contains(address))
            }
            Self::Unix => true,
        }
    }
}

/// A network of trusted proxies. IPv4 is stored as IPv4-mapped IPv6, so that both compare alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: u128,
    /// How many trailing bits of the address may differ.
    host_bits: u32,
}

impl Network {
    fn contains(&self, address: IpAddr) -> bool {
        let differing = self.address ^ mapped(address);
        differing.checked_shr(self.host_bits).unwrap_or(0) == 0
    }
}

impl FromStr for Network {
    type Err = String;

    /// Parses `10.0.0.0/8`, `2001:db8::/32`, or a single address.
    fn from_str(text: &str) -> Result<Self, String> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let network = address.parse::<IpAddr>().ok().and_then(|address| {
            let width = if address.is_ipv4() { 32 } else { 128 };
            let length = length.map_or(Some(width), |length| length.parse().ok())?;
            Some(Self {
                address: mapped(address),
                host_bits: u32::checked_sub(width, length)?,
            })
        });
        network.ok_or_else(|| {
            format!(
                "{} is not a valid network; write ADDRESS/LENGTH, such as `10.0.0.0/8` or \
                 `2001:db8::/32`, or a single address",
                quoted(text)
            )
        })
    }
}

fn mapped(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// Returns the client's address as the access log shows it; empty if there is no peer.
///
/// Each proxy appends the address that it saw to X-Forwarded-For. So, from the right, entries are
/// reliable up to and including the first that is not a trusted proxy; the client may have sent
/// everything to the left of it. X-Real-IP counts if X-Forwarded-For names nobody.
pub(super) fn address(peer: Option<Peer>, headers: &HeaderMap, networks: &[Network]) -> String {
    let named = |peer| {
        let named = |name| nearest_untrusted(peer, headers, name, networks);
        named("x-forwarded-for").or_else(|| named("x-real-ip"))
    };
    match peer.map(|peer| named(peer).unwrap_or(peer)) {
        Some(Peer::Tcp(address)) => address.to_canonical().to_string(),
        Some(Peer::Unix) => "unix".to_owned(),
        None => String::new(),
    }
}

/// Returns the leftmost entry of a header that a trusted proxy vouches for; `None` if the peer is
/// not trusted, or its entry is invalid. Several header lines are one list.
fn nearest_untrusted(
    peer: Peer,
    headers: &HeaderMap,
    name: &str,
    networks: &[Network],
) -> Option<Peer> {
    let lines = headers.get_all(name).iter().rev();
    let entries = lines.flat_map(|line| line.as_bytes().rsplit(|&b| b == b','));
    let mut client = None;
    for entry in entries
        .map(<[u8]>::trim_ascii)
        .filter(|entry| !entry.is_empty())
    {
        let next = parse_entry(entry).filter(|_| client.unwrap_or(peer).is_trusted(networks));
        if next.is_none() {
            break;
        }
        client = next;
    }
    client
}

/// Parses an address, optionally in brackets or with a port, as some proxies write it, or nginx's
/// name for a client on a Unix socket.
fn parse_entry(entry: &[u8]) -> Option<Peer> {
    if entry == b"unix:" {
        return Some(Peer::Unix);
    }
    let text = str::from_utf8(entry).ok()?;
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let address = bare.unwrap_or(text).parse().ok();
    address
        .or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()))
        .map(Peer::Tcp)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const FORWARDED: &str = "x-forwarded-for";

    #[track_caller]
    fn assert_client(peer: Peer, headers: &[(&'static str, &str)], networks: &str, expected: &str) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let networks: Vec<Network> = networks.split_whitespace().flat_map(str::parse).collect();
        let client = address(Some(peer), &map, &networks);
        assert_eq!(client, expected, "{peer:?} {headers:?} {networks:?}");
    }

    fn tcp(address: &str) -> Peer {
        Peer::Tcp(address.parse().unwrap())
    }

    #[test]
    fn only_a_trusted_peer_can_name_the_client() {
        let (loopback, other) = (tcp("127.0.0.1"), tcp("192.0.2.1"));
        let real = "x-real-ip";
        for (peer, headers, expected) in [
            (loopback, &[][..], "127.0.0.1"),
            (Peer::Unix, &[], "unix"),
            (loopback, &[(FORWARDED, "192.0.2.7")], "192.0.2.7"),
            (tcp("::1"), &[(FORWARDED, "192.0.2.7")], "192.0.2.7"),
            (
                tcp("::ffff:127.0.0.1"),
                &[(FORWARDED, "192.0.2.7")],
                "192.0.2.7",
            ),
            (Peer::Unix, &[(FORWARDED, "2001:db8::7")], "2001:db8::7"),
            (other, &[(FORWARDED, "192.0.2.7")], "192.0.2.1"),
            (other, &[(real, "192.0.2.7")], "192.0.2.1"),
            (loopback, &[(real, "192.0.2.8")], "192.0.2.8"),
            (
                loopback,
                &[(real, "6.6.6.6"), (FORWARDED, "192.0.2.7")],
                "192.0.2.7",
            ),
            (
                loopback,
                &[(real, "192.0.2.8"), (FORWARDED, "")],
                "192.0.2.8",
            ),
        ] {
            assert_client(peer, headers, "", expected);
        }
        assert_client(other, &[(real, "192.0.2.7")], "192.0.2.0/30", "192.0.2.7");
        assert_eq!(address(None, &HeaderMap::new(), &[]), "");
    }

    #[test]
    fn client_is_the_last_untrusted_address() {
        let proxy = tcp("10.0.0.2");
        for (value, expected) in [
            ("203.0.113.9", "203.0.113.9"),
            ("6.6.6.6, 203.0.113.9", "203.0.113.9"),
            (
                "6.6.6.6, 203.0.113.9, 10.9.9.9, 127.0.0.1, unix:",
                "203.0.113.9",
            ),
            ("6.6.6.6,203.0.113.9,::ffff:10.9.9.9", "203.0.113.9"),
            // All are proxies: the leftmost is the closest known to the client.
            ("10.1.1.1, 10.2.2.2", "10.1.1.1"),
            // An invalid entry ends the search at the last valid address.
            ("203.0.113.9, nonsense, 10.2.2.2", "10.2.2.2"),
            ("203.0.113.9, nonsense", "10.0.0.2"),
            ("203.0.113.9, unknown", "10.0.0.2"),
            ("203.0.113.9, 1.2.3.4.5", "10.0.0.2"),
            ("\u{e9}, 203.0.113.9", "203.0.113.9"),
            // Empty list elements are skipped.
            (" , 203.0.113.9 ,, ", "203.0.113.9"),
            ("203.0.113.9:4711", "203.0.113.9"),
            ("[2001:db8::7]:443", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
            ("[2001:db8::7", "10.0.0.2"),
        ] {
            let headers = &[(FORWARDED, value)];
            assert_client(proxy, headers, "10.0.0.0/8", expected);
            // The peer is not trusted.
            assert_client(proxy, headers, "10.0.0.1 10.1.0.0/16", "10.0.0.2");
        }
        let lines = [(FORWARDED, "6.6.6.6, 203.0.113.9"), (FORWARDED, "10.1.1.1")];
        assert_client(proxy, &lines, "10.0.0.0/8", "203.0.113.9");
    }

    #[test]
    fn network_contains_its_addresses() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("10.1.2.3/8", "10.255.0.1", "11.0.0.0"),
            ("10.0.0.1", "10.0.0.1", "10.0.0.2"),
            ("0.0.0.0/0", "255.255.255.255", "2001:db8::1"),
            ("::ffff:10.0.0.0/104", "10.255.0.1", "11.0.0.0"),
            ("10.0.0.0/8", "::ffff:10.255.0.1", "::ffff:11.0.0.0"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::1", "::1", "::2"),
        ] {
            let network: Network = network.parse().unwrap();
            let contains = |address: &str| network.contains(address.parse().unwrap());
            assert!(contains(inside), "{network:?} {inside}");
            assert!(!contains(outside), "{network:?} {outside}");
        }
        assert!(
            "::/0"
                .parse::<Network>()
                .unwrap()
                .contains([1, 2, 3, 4].into())
        );
        for text in [
            "",
            "/",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/",
            "10.0.0/8",
            "nginx",
            "a/8",
        ] {
            let error = text.parse::<Network>().unwrap_err();
            let said = format!("`{text}` is not a valid network; write ADDRESS/LENGTH");
            assert!(error.starts_with(&said), "{error}");
        }
    }
}
