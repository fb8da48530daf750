//! Verifies certificates like `Verify` in crypto/x509, with the checks in the same order, so that
//! verify and Go report the same error.

use rustls::AlertDescription;
use rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry::OID_PKCS1_SHA1WITHRSA;
use x509_parser::parse_x509_certificate;
use x509_parser::time::ASN1Time;

use super::roots::Roots;
use super::{Code, Finding, Step, plural};

/// Warn if a certificate expires in fewer days; certbot renews it 30 days before.
const WARN_DAYS: i64 = 14;
const DAY: i64 = 86_400;
/// Maximum number of signature checks; valid chains need far fewer.
const MAX_CHECKS: usize = 100;

/// Organizations of public authorities. If the unknown issuer belongs to one of them, the server
/// lacks the intermediate certificate.
const KNOWN_ISSUERS: [&str; 12] = [
    "Let's Encrypt",
    "Google Trust Services",
    "DigiCert Inc",
    "Sectigo Limited",
    "ZeroSSL",
    "GlobalSign nv-sa",
    "Amazon",
    "GoDaddy.com, Inc.",
    "Entrust, Inc.",
    "SSL Corporation",
    "Actalis S.p.A.",
    "Buypass AS-983163327",
];

/// A certificate that Go trusts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trusted {
    /// The issuer, such as `Let's Encrypt R11`.
    issuer: String,
    /// When it expires, as Unix time.
    not_after: i64,
}

/// Why Go does not trust a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// The server's own certificate cannot be parsed.
    Unreadable,
    /// Expired, or not valid yet.
    Expired { not_before: i64, not_after: i64 },
    /// Not valid for the host.
    WrongName { names: Vec<String> },
    /// Self-signed and not trusted.
    SelfSigned,
    /// The certificates sent by the server do not lead to a trusted root.
    UnknownAuthority {
        issuer: String,
        /// URLs of the issuer's certificate.
        aia: Vec<String>,
        /// Whether the issuer is a public authority.
        known: bool,
        /// Whether this machine has no root certificates.
        no_roots: bool,
    },
    /// Not valid for server authentication.
    KeyUsage,
}

/// Verifies the certificates sent by a server, its own first.
pub(super) fn verify_chain(
    chain: &[CertificateDer<'_>],
    roots: &Roots,
    host: &str,
    now: i64,
) -> Result<Trusted, Fault> {
    let Some((leaf_der, intermediates)) = chain.split_first() else {
        return Err(Fault::Unreadable);
    };
    let (_, leaf) = parse_x509_certificate(leaf_der).map_err(|_| Fault::Unreadable)?;
    let (not_before, not_after) = validity(&leaf);
    if now < not_before || now > not_after {
        return Err(Fault::Expired {
            not_before,
            not_after,
        });
    }
    let names = names(&leaf);
    if !names.iter().any(|name| matches(name, host)) {
        return Err(Fault::WrongName { names });
    }
    let parsed: Vec<_> = intermediates
        .iter()
        .filter_map(|der| Some(parse_x509_certificate(der).ok()?.1))
        .collect();
    let mut search = Search {
        intermediates: &parsed,
        roots,
        now,
        checks: 0,
        missing: None,
    };
    let is_root = roots.by_subject(leaf.subject().as_raw()).contains(leaf_der);
    if !is_root && !search.reaches_root(&leaf, &mut Vec::new()) {
        let (issuer, aia, known) = search.missing.take().unwrap_or_default();
        return Err(match leaf.subject() == leaf.issuer() {
            true => Fault::SelfSigned,
            false => Fault::UnknownAuthority {
                issuer,
                aia,
                known,
                no_roots: roots.is_empty(),
            },
        });
    }
    match leaf.extended_key_usage() {
        Ok(Some(usage)) if !usage.value.server_auth && !usage.value.any => Err(Fault::KeyUsage),
        _ => Ok(Trusted {
            issuer: display(leaf.issuer()),
            not_after,
        }),
    }
}

/// Searches for a chain to a root, like `buildChains` of crypto/x509.
struct Search<'a> {
    intermediates: &'a [X509Certificate<'a>],
    roots: &'a Roots,
    now: i64,
    checks: usize,
    /// The last issuer that was not found: name, URLs, and whether it is a public authority.
    missing: Option<(String, Vec<String>, bool)>,
}

impl Search<'_> {
    /// `seen` has the indices of the intermediates in the current chain.
    fn reaches_root(&mut self, child: &X509Certificate<'_>, seen: &mut Vec<usize>) -> bool {
        let issuer = child.issuer().as_raw();
        for der in self.roots.by_subject(issuer) {
            if let Ok((_, root)) = parse_x509_certificate(der)
                && self.has_signed(&root, child)
            {
                return true;
            }
        }
        let mut found = false;
        for (index, candidate) in self.intermediates.iter().enumerate() {
            if candidate.subject().as_raw() == issuer
                && !seen.contains(&index)
                && candidate.is_ca()
                && self.has_signed(candidate, child)
            {
                found = true;
                seen.push(index);
                if self.reaches_root(candidate, seen) {
                    return true;
                }
                seen.pop();
            }
        }
        if !found {
            let organizations = child.issuer().iter_organization();
            let known = organizations
                .filter_map(|name| name.as_str().ok())
                .any(|name| KNOWN_ISSUERS.contains(&name));
            self.missing = Some((display(child.issuer()), issuer_urls(child), known));
        }
        false
    }

    fn has_signed(&mut self, parent: &X509Certificate<'_>, child: &X509Certificate<'_>) -> bool {
        self.checks += 1;
        let (not_before, not_after) = validity(parent);
        // Go no longer accepts SHA-1.
        let insecure = child.signature_algorithm.algorithm == OID_PKCS1_SHA1WITHRSA;
        self.checks <= MAX_CHECKS
            && !insecure
            && (not_before..=not_after).contains(&self.now)
            && child.verify_signature(Some(parent.public_key())).is_ok()
    }
}

fn validity(certificate: &X509Certificate<'_>) -> (i64, i64) {
    let validity = certificate.validity();
    (
        validity.not_before.timestamp(),
        validity.not_after.timestamp(),
    )
}

/// Returns the DNS names of a certificate.
fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    let names = extension.value.general_names.iter();
    names
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            _ => None,
        })
        .collect()
}

/// Matches like `matchHostnames` of crypto/x509: `*` stands for the whole first label.
fn matches(pattern: &str, host: &str) -> bool {
    let pattern = pattern.strip_suffix('.').unwrap_or(pattern);
    if pattern.eq_ignore_ascii_case(host) {
        return true;
    }
    let below = |name: &str| {
        name.split_once('.')
            .map(|(_, rest)| rest.to_ascii_lowercase())
    };
    pattern.starts_with("*.") && below(pattern) == below(host)
}

/// Returns the URLs of the issuer's certificate (`caIssuers` of Authority Information Access).
fn issuer_urls(certificate: &X509Certificate<'_>) -> Vec<String> {
    let mut urls = Vec::new();
    for extension in certificate.extensions() {
        if let ParsedExtension::AuthorityInfoAccess(access) = extension.parsed_extension() {
            for description in access.iter() {
                // The OID of caIssuers is 1.3.6.1.5.5.7.48.2.
                if description.access_method.to_id_string().ends_with(".48.2")
                    && let GeneralName::URI(url) = &description.access_location
                {
                    urls.push((*url).to_owned());
                }
            }
        }
    }
    urls
}

/// Formats an issuer: its organization and common name.
fn display(name: &x509_parser::x509::X509Name<'_>) -> String {
    let organization = name.iter_organization().next();
    let common_name = name.iter_common_name().next();
    let parts = [organization, common_name];
    let parts: Vec<_> = parts
        .into_iter()
        .flatten()
        .filter_map(|part| part.as_str().ok())
        .collect();
    match parts[..] {
        [] => "an unnamed issuer".to_owned(),
        [organization, name] if name.starts_with(organization) => name.to_owned(),
        _ => parts.join(" "),
    }
}

/// Formats the date of a Unix time.
fn date(seconds: i64) -> String {
    let Ok(time) = ASN1Time::from_timestamp(seconds) else {
        return "an unknown date".to_owned();
    };
    let time = time.to_datetime();
    let month: u8 = time.month().into();
    format!("{}-{month:02}-{:02}", time.year(), time.day())
}

/// Returns the command that requests a new certificate.
fn certbot(host: &str) -> String {
    format!(
        "certbot certonly --webroot -w /var/www/html -d {host} \
         --deploy-hook 'systemctl reload nginx'"
    )
}

/// Reports a certificate that Go trusts.
pub(super) fn trusted(certificate: &Trusted, host: &str, now: i64) -> Finding {
    let days = (certificate.not_after - now) / DAY;
    let message = format!(
        "{}, {}",
        certificate.issuer,
        plural(usize::try_from(days).unwrap_or(0), "day")
    );
    if days >= WARN_DAYS {
        return Finding::pass(Step::Tls, message);
    }
    let message = format!(
        "{message}: expires on {} and has not been renewed",
        date(certificate.not_after)
    );
    Finding::warn(Step::Tls, Code::TlsExpiresSoon, message).fix(format!(
        "certbot renew --cert-name {host} && systemctl reload nginx"
    ))
}

/// Reports why Go does not trust a certificate. `issuer_fetched` is true if Go would trust it with
/// an issuer's certificate that the server does not send.
pub(super) fn distrusted(fault: &Fault, host: &str, now: i64, issuer_fetched: bool) -> Finding {
    let fail = |code, message: String| Finding::fail(Step::Tls, code, message);
    match fault {
        Fault::Unreadable => fail(Code::TlsFailed, "the certificate cannot be parsed".to_owned())
            .go("tls: failed to parse certificate from server"),
        Fault::Expired {
            not_before,
            not_after,
        } => {
            let message = match now < *not_before {
                true => format!(
                    "the certificate is not valid before {}; check the clocks of both machines",
                    date(*not_before)
                ),
                false => format!(
                    "the certificate expired on {}, {} ago; nginx keeps using an old one until it \
                     is reloaded",
                    date(*not_after),
                    plural(usize::try_from((now - not_after) / DAY).unwrap_or(0), "day")
                ),
            };
            fail(Code::TlsExpired, message)
                .go("x509: certificate has expired or is not yet valid")
                .fix(format!("certbot renew --cert-name {host} && systemctl reload nginx"))
        }
        Fault::WrongName { names } => {
            let (message, go) = match &names[..] {
                [] => (
                    "the certificate contains no host names".to_owned(),
                    format!("x509: certificate is not valid for any names, but wanted to match {host}"),
                ),
                names => (
                    format!(
                        "the certificate is for {}, not {host}: nginx has no server block for \
                         {host} on port 443, or that block uses another certificate",
                        names[..names.len().min(5)].join(", ")
                    ),
                    format!("x509: certificate is valid for {}, not {host}", names.join(", ")),
                ),
            };
            fail(Code::TlsWrongName, message).go(go).fix(certbot(host))
        }
        Fault::SelfSigned => fail(
            Code::TlsUnknownAuthority,
            "the certificate is self-signed".to_owned(),
        )
        .go("x509: certificate signed by unknown authority")
        .fix(certbot(host)),
        Fault::UnknownAuthority { issuer, known, .. } if issuer_fetched || *known => fail(
            Code::TlsIncompleteChain,
            format!("the server does not send the certificate of its issuer, {issuer}; browsers may have it already"),
        )
        .go("x509: certificate signed by unknown authority")
        .fix(format!(
            "ssl_certificate /etc/letsencrypt/live/{host}/fullchain.pem;    # in nginx, instead of cert.pem"
        )),
        Fault::UnknownAuthority { no_roots: true, .. } => fail(
            Code::TlsUnknownAuthority,
            "this machine has no root certificates, neither at SSL_CERT_FILE and SSL_CERT_DIR nor \
             in the system's files"
                .to_owned(),
        )
        .go("x509: certificate signed by unknown authority")
        .fix("apt-get install ca-certificates"),
        Fault::UnknownAuthority { issuer, .. } => fail(
            Code::TlsUnknownAuthority,
            format!("the certificate is issued by {issuer}, which this machine does not trust"),
        )
        .go("x509: certificate signed by unknown authority")
        .fix(certbot(host)),
        Fault::KeyUsage => fail(
            Code::TlsFailed,
            "the certificate's extended key usage does not include servers".to_owned(),
        )
        .go("x509: certificate specifies an incompatible key usage")
        .fix(certbot(host)),
    }
}

/// Reports a handshake that failed before the certificate could be verified.
pub(super) fn handshake_failed(error: Option<&rustls::Error>, text: &str, host: &str) -> Finding {
    use rustls::{Error, PeerIncompatible};
    let fail = |message: &str| Finding::fail(Step::Tls, Code::TlsFailed, message);
    let old_version = || {
        fail("the server supports only TLS 1.1 or older, which Go no longer accepts")
            .fix("ssl_protocols TLSv1.2 TLSv1.3;    # in nginx")
    };
    match error {
        Some(Error::AlertReceived(AlertDescription::ProtocolVersion)) => {
            old_version().go("tls: protocol version not supported")
        }
        Some(Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13)) => {
            old_version().go("tls: server selected unsupported protocol version")
        }
        Some(Error::AlertReceived(AlertDescription::UnrecognisedName)) => fail(&format!(
            "nginx has no server block for {host} on port 443 (ssl_reject_handshake)"
        ))
        .go("tls: unrecognized name")
        .fix("govanityurls nginx -server"),
        Some(Error::AlertReceived(AlertDescription::HandshakeFailure)) => {
            fail("the server and Go have no cipher suite in common").go("tls: handshake failure")
        }
        Some(Error::InvalidMessage(_)) => {
            fail("the server does not use TLS: nginx's listen line lacks `ssl`")
                .go("http: server gave HTTP response to HTTPS client")
                .fix("listen 443 ssl;    # in nginx")
        }
        _ => fail(&format!("the TLS handshake failed: {text}")),
    }
}

#[cfg(test)]
pub(super) mod tests;
