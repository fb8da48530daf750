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
        .fix(format!(
            "dig {host}    # on this machine; see /etc/resolv.conf"
        )),
    }
}

/// Reports the connections to all addresses of a host.
pub(super) fn connected(host: &str, port: u16, attempts: &[Attempt]) -> Vec<Finding> {
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
        let warnings = failed.iter().map(|(addr, error)| {
            let record = if addr.is_ipv6() { "AAAA" } else { "A" };
            Finding::warn(
                Step::Names,
                Code::AddressUnreachable,
                format!(
                    "{addr} does not answer ({}), but another address does: the go command waits for \
                     it, and fails if it cannot use another",
                    reason(error)
                ),
            )
            .fix(match addr.is_ipv6() {
                true => format!(
                    "listen [::]:{port} ssl;    # in nginx, or remove the {record} record {}",
                    addr.ip()
                ),
                false => format!(
                    "remove the {record} record {}, or start the server at that address",
                    addr.ip()
                ),
            })
        });
        return warnings.collect();
    }
    let addresses = plural(attempts.len(), "address");
    let go = match attempts {
        [(addr, _)] => format!("dial tcp {addr}: "),
        _ => String::new(),
    };
    let connect = match error {
        ConnectError::Refused => Finding::fail(
            Step::Connect,
            Code::ConnectRefused,
            format!("nothing listens on port {port} of {host} ({addresses})"),
        )
        .go(format!("{go}connect: connection refused"))
        .fix("systemctl start nginx    # and: listen 443 ssl; in its server block"),
        ConnectError::TimedOut => Finding::fail(
            Step::Connect,
            Code::ConnectTimeout,
            format!("no answer from port {port} of {host} ({addresses}): a firewall may drop the packets"),
        )
        .go("i/o timeout")
        .fix(format!(
            "ufw allow {port}/tcp    # or in your provider's firewall"
        )),
        ConnectError::Other(why) => Finding::fail(
            Step::Connect,
            Code::AddressUnreachable,
            format!("{first} cannot be reached: {why}"),
        )
        .go(format!("{go}connect: {why}"))
        .fix(format!("correct the address of {host} in your DNS zone")),
    };
    vec![names, connect]
}

/// Reports a server that accepts a connection but does not complete the TLS handshake.
pub(super) fn handshake_timed_out(host: &str, seconds: u64) -> Finding {
    Finding::fail(
        Step::Connect,
        Code::ConnectTimeout,
        format!("{host} accepts connections, but no TLS handshake within {seconds} s"),
    )
    .go("net/http: TLS handshake timeout")
    .fix("systemctl restart nginx    # or find the process that listens: ss -ltnp 'sport = :443'")
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
        let findings = connected("a.example", 443, &attempts);
        findings.iter().map(|f| (f.status, f.code)).collect()
    }

    #[test]
    fn dead_address_is_a_warning_if_another_answers() {
        use ConnectError::{Other, Refused, TimedOut};
        let pass = (Status::Pass, None);
        assert_eq!(of(&[("1.2.3.4:443", Ok(()))]), [pass, pass]);
        assert_eq!(
            of(&[("[::1]:443", Err(TimedOut)), ("1.2.3.4:443", Ok(()))]),
            [(Status::Warn, Some(Code::AddressUnreachable))]
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
    fn go_names_the_dns_server() {
        let finding = lookup_failed("a.example", None, Some("127.0.0.53"));
        assert_eq!(
            finding.go.unwrap(),
            "lookup a.example on 127.0.0.53:53: no such host"
        );
    }
}
