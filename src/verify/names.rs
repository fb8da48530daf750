//! The host's addresses, and whether each takes a connection.

use std::net::SocketAddr;

use super::{Code, Finding, Step, plural};

/// Why a host has no addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LookupError {
    /// DNS has no such name.
    NotFound,
    /// DNS did not answer, or not in time.
    Failed(String),
}

/// Why an address takes no connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ConnectError {
    /// Nothing listens.
    Refused,
    /// No answer in time.
    TimedOut,
    /// The system's words.
    Other(String),
}

/// An address, and what came of connecting to it.
pub(super) type Attempt = (SocketAddr, Result<(), ConnectError>);

/// Reports a name that has no address. `server` is the DNS server that Go asks first.
pub(super) fn not_found(host: &str, error: &LookupError, server: Option<&str>) -> Finding {
    let code = Code::DnsNotFound;
    let at = server.map_or(String::new(), |server| format!(" on {server}:53"));
    match error {
        LookupError::NotFound => {
            Finding::fail(Step::Names, code, format!("DNS has no address for {host}"))
                .go(format!("lookup {host}{at}: no such host"))
                .fix(format!(
                    "{host}. IN A ADDRESS    # in your DNS zone, with the web server's address"
                ))
        }
        LookupError::Failed(why) => Finding::fail(
            Step::Names,
            code,
            format!("DNS does not answer for {host}: {why}"),
        )
        .go(format!("lookup {host}"))
        .fix(format!(
            "dig {host}    # on this machine; see /etc/resolv.conf"
        )),
    }
}

/// Reports connections to all addresses of a host.
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
                    "{addr} does not answer ({}), other addresses do: the go command waits for it, \
                     and fails where it is the only one",
                    words(error)
                ),
            )
            .fix(match addr.is_ipv6() {
                true => format!(
                    "listen [::]:{port} ssl;    # in nginx, or remove the {record} record {}",
                    addr.ip()
                ),
                false => format!(
                    "remove the {record} record {}, or start what it is for",
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
            format!("no answer from port {port} of {host} ({addresses}): a firewall drops it"),
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

/// Reports a server that takes connections and then says nothing.
pub(super) fn silent(host: &str, seconds: u64) -> Finding {
    Finding::fail(
        Step::Connect,
        Code::ConnectTimeout,
        format!("{host} takes connections, but no TLS handshake in {seconds} s"),
    )
    .go("net/http: TLS handshake timeout")
    .fix("systemctl restart nginx    # or find what listens: ss -ltnp 'sport = :443'")
}

fn words(error: &ConnectError) -> &str {
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
    fn a_dead_address_is_a_warning_where_another_answers() {
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
        let finding = not_found("a.example", &LookupError::NotFound, Some("127.0.0.53"));
        assert_eq!(
            finding.go.unwrap(),
            "lookup a.example on 127.0.0.53:53: no such host"
        );
    }
}
