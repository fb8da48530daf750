//! Findings about DNS lookups and TCP connections.

use std::net::SocketAddr;

use super::{Code, Finding, Step, plural};

/// Why a connection failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ConnectError {
    Refused,
    TimedOut,
    /// The operating system's message.
    Other(String),
}

/// An address and the result of connecting to it.
pub(super) type Attempt = (SocketAddr, Result<(), ConnectError>);

/// Reports a failed lookup. `why` is `None` if the name has no address; `server` is the DNS server
/// that Go queries first.
pub(super) fn lookup_failed(host: &str, why: Option<&str>, server: Option<&str>) -> Finding {
    let code = Code::DnsNotFound;
    let at = server.map_or(String::new(), |server| format!(" on {server}:53"));
    match why {
        None => Finding::fail(Step::Names, code, format!("DNS has no address for {host}"))
            .go(format!("lookup {host}{at}: no such host"))
            .fix(format!(
                "{host}. IN A ADDRESS    # in your DNS zone, with the web server's address"
            )),
        Some(why) => Finding::fail(
            Step::Names,
            code,
            format!("the DNS lookup of {host} failed: {why}"),
        )
        .go(format!("lookup {host}"))
        .look(format!(
            "dig {host}    # on this machine: SERVFAIL: its zone is wrong; no answer: see /etc/resolv.conf"
        )),
    }
}

/// Returns whether /etc/hosts has a name.
pub(super) fn is_in_hosts_file(host: &str, hosts: &str) -> bool {
    hosts.lines().any(|line| {
        let line = line.split('#').next().unwrap_or_default();
        let mut names = line.split_whitespace().skip(1);
        names.any(|name| name.eq_ignore_ascii_case(host))
    })
}

/// Reports a name that only this machine knows.
pub(super) fn only_in_hosts_file(host: &str) -> Finding {
    let message =
        format!("{host} is in /etc/hosts of this machine, but not in DNS: others cannot find it");
    Finding::warn(Step::Names, Code::DnsNotFound, message).fix(format!(
        "{host}. IN A ADDRESS    # in your DNS zone, with the web server's address"
    ))
}

/// Returns a DNS packet that asks for the IPv4 addresses of a name.
pub(super) fn dns_question(host: &str) -> Vec<u8> {
    // An identifier, "recursion desired", and one question.
    let mut packet = vec![0x60, 0x76, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in host.split('.').filter(|label| !label.is_empty()) {
        packet.push(u8::try_from(label.len()).unwrap_or(0));
        packet.extend_from_slice(label.as_bytes());
    }
    // The root, type A, class IN.
    packet.extend_from_slice(&[0, 0, 1, 0, 1]);
    packet
}

/// Returns whether a DNS server knows a name; `None` if it does not say.
pub(super) fn dns_answer(packet: &[u8]) -> Option<bool> {
    match packet.get(3)? & 0xf {
        0 => Some(true),
        3 => Some(false),
        _ => None,
    }
}

/// Reports the connections to all addresses of a host. `has_http` says whether port 80 answers
/// although this port does not; `flags` are those of this run.
pub(super) fn connected(
    host: &str,
    port: u16,
    attempts: &[Attempt],
    has_http: bool,
    flags: Option<&str>,
) -> Vec<Finding> {
    let failed: Vec<_> = attempts
        .iter()
        .filter_map(|(addr, result)| Some((addr, result.as_ref().err()?)))
        .collect();
    let all: Vec<_> = attempts
        .iter()
        .map(|(addr, _)| addr.ip().to_string())
        .collect();
    let names = Finding::pass(Step::Names, all.join(", "));
    let Some((first, error)) = failed.first() else {
        let count = plural(attempts.len(), "address");
        return vec![
            names,
            Finding::pass(Step::Connect, format!("port {port} on {count}")),
        ];
    };
    if failed.len() < attempts.len() {
        let mut warnings = vec![names];
        for (addr, error) in failed {
            warnings.push(unreachable(addr, error));
        }
        return warnings;
    }
    let addresses = plural(attempts.len(), "address");
    let go = match attempts {
        [(addr, _)] => format!("dial tcp {addr}: "),
        _ => String::new(),
    };
    let connect = match error {
        ConnectError::Refused => {
            let message = format!("nothing listens on port {port} of {host} ({addresses})");
            let finding = Finding::fail(Step::Connect, Code::ConnectRefused, message)
                .go(format!("{go}connect: connection refused"));
            let print = match flags {
                Some(flags) => format!("; if no line is for {host}: govanityurls nginx -server {flags}, which prints the \
                                        block and the command for its certificate"),
                None => String::new(),
            };
            if has_http {
                finding.look(format!(
                    "nginx -T 2>/dev/null | grep -n -B3 -A3 'listen.*{port}'    # port 80 answers, so the web server runs{print}"
                ))
            } else {
                finding.look(format!(
                    "ss -ltnp 'sport = :{port}'    # on the server: no line: start its web server (systemctl start nginx); \
                     otherwise it is not the server that `dig +short {host}` prints, or listens at another address"
                ))
            }
        }
        ConnectError::TimedOut => Finding::fail(
            Step::Connect,
            Code::ConnectTimeout,
            format!("no answer from port {port} of {host} ({addresses}): a firewall may drop the packets"),
        )
        .go("i/o timeout")
        .look(format!(
            "ufw status    # on the server: allow {port}/tcp there, and in your provider's firewall"
        )),
        ConnectError::Other(why) => Finding::fail(
            Step::Connect,
            Code::AddressUnreachable,
            format!("{first} cannot be reached: {why}"),
        )
        .go(format!("{go}connect: {why}"))
        .look(format!(
            "dig +short {host} A {host} AAAA    # is it the address of the web server? does this machine have a route?"
        )),
    };
    vec![names, connect]
}

/// Reports an address that does not answer while another does.
fn unreachable(addr: &SocketAddr, error: &ConnectError) -> Finding {
    let record = if addr.is_ipv6() { "AAAA" } else { "A" };
    let (ip, port) = (addr.ip(), addr.port());
    let message = format!(
        "{addr} does not answer ({}), but another address does: the go command waits for it, and \
         fails if it cannot use another",
        reason(error)
    );
    let finding = Finding::warn(Step::Names, Code::AddressUnreachable, message);
    if addr.is_ipv6() {
        return finding.look(format!(
            "ss -ltn 'sport = :{port}'    # on the server: if it does not listen on [::], in each server block of nginx: \
             listen [::]:{port} ssl; then nginx -t && systemctl reload nginx; if {ip} is not the server's: \
             remove its {record} record"
        ));
    }
    finding.look(format!(
        "ss -ltn 'sport = :{port}'    # at that address: start its server, or remove its {record} record"
    ))
}

/// Reports a server that accepts a connection but does not complete the TLS handshake.
pub(super) fn handshake_timed_out(host: &str, seconds: u64) -> Finding {
    Finding::fail(
        Step::Connect,
        Code::ConnectTimeout,
        format!("{host} accepts connections, but no TLS handshake within {seconds} s"),
    )
    .go("net/http: TLS handshake timeout")
    .look("ss -ltnp 'sport = :443'    # on the server: the process that listens; restart it")
}

pub(super) fn reason(error: &ConnectError) -> &str {
    match error {
        ConnectError::Refused => "connection refused",
        ConnectError::TimedOut => "timed out",
        ConnectError::Other(why) => why,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;

    fn of(attempts: &[(&str, Result<(), ConnectError>)]) -> Vec<(Status, Option<Code>)> {
        let attempts: Vec<_> = attempts
            .iter()
            .map(|(addr, result)| (addr.parse().unwrap(), result.clone()))
            .collect();
        let findings = connected("a.example", 443, &attempts, false, None);
        findings.iter().map(|f| (f.status, f.code)).collect()
    }

    #[test]
    fn dead_address_is_a_warning_if_another_answers() {
        use ConnectError::{Other, Refused, TimedOut};
        let pass = (Status::Pass, None);
        assert_eq!(of(&[("1.2.3.4:443", Ok(()))]), [pass, pass]);
        assert_eq!(
            of(&[("[::1]:443", Err(TimedOut)), ("1.2.3.4:443", Ok(()))]),
            [pass, (Status::Warn, Some(Code::AddressUnreachable))]
        );
        for (error, code) in [
            (Refused, Code::ConnectRefused),
            (TimedOut, Code::ConnectTimeout),
            (Other("no route to host".into()), Code::AddressUnreachable),
        ] {
            let failed = of(&[("1.2.3.4:443", Err(error))]);
            assert_eq!(failed, [pass, (Status::Fail, Some(code))]);
        }
    }

    #[test]
    fn names_of_the_hosts_file_are_known() {
        let hosts = "127.0.1.1 a.example A # b.example\n#1.2.3.4 c.example\n";
        for (name, known) in [
            ("a.example", true),
            ("b.example", false),
            ("c.example", false),
        ] {
            assert_eq!(is_in_hosts_file(name, hosts), known, "{name}");
        }
        let question = dns_question("a.example");
        assert!(question.ends_with(b"\x01a\x07example\0\0\x01\0\x01"));
        assert_eq!(dns_answer(&[0, 0, 0x81, 0x83]), Some(false));
        assert_eq!(dns_answer(&[0, 0, 0x81, 0x80]), Some(true));
        assert_eq!(dns_answer(&[0, 0, 0x81, 0x82]), None);
    }

    #[test]
    fn go_names_the_dns_server() {
        let finding = lookup_failed("a.example", None, Some("127.0.0.53"));
        assert_eq!(
            finding.go.unwrap(),
            "lookup a.example on 127.0.0.53:53: no such host"
        );
    }
}
