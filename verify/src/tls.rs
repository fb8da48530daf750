//! Verifies certificates with rustls's verifier, in the order of `Verify` in crypto/x509, so that
//! verify and Go report the same error.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, PeerIncompatible,
    RootCertStore, SignatureScheme,
};
use rustls_native_certs::{load_certs_from_paths, load_native_certs};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::parse_x509_certificate;
use x509_parser::public_key::PublicKey;
use x509_parser::time::ASN1Time;
use x509_parser::x509::{X509Name, X509Version};

use super::{Code, Finding, Step, plural};

/// Warn if a certificate expires in fewer days; certbot renews it 30 days before.
const WARN_DAYS: i64 = 14;
const DAY: i64 = 86_400;
const RELOAD: &str = "nginx -t && systemctl reload nginx";
/// The smallest RSA key that ring can check, in bits. Go accepts smaller ones.
const MIN_RSA: usize = 2048;
/// The number of names above which Go leaves them out.
const MAX_NAMES: usize = 100;

/// Go's list of files with root certificates; it uses the first.
const ROOT_FILES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
/// Go's list of directories with root certificates; it uses both.
const ROOT_DIRECTORIES: [&str; 2] = ["/etc/ssl/certs", "/etc/pki/tls/certs"];

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

/// The certificates that Go trusts on this machine.
#[derive(Debug)]
pub(super) struct Roots {
    certificates: Vec<CertificateDer<'static>>,
    store: RootCertStore,
}

impl Roots {
    /// Loads the certificates at SSL_CERT_FILE and SSL_CERT_DIR. Like Go, uses the system's
    /// files or directories in place of a variable that is not set.
    pub(super) fn load() -> Self {
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let (file, directory) = (is_set("SSL_CERT_FILE"), is_set("SSL_CERT_DIR"));
        let mut certificates = load_native_certs().certs;
        if file && !directory {
            for directory in ROOT_DIRECTORIES {
                certificates.extend(load_certs_from_paths(None, Some(Path::new(directory))).certs);
            }
        }
        if directory && !file {
            let mut files = ROOT_FILES.iter().map(PathBuf::from);
            let first = files.find(|file| file.exists());
            certificates.extend(load_certs_from_paths(first.as_deref(), None).certs);
        }
        Self::new(certificates)
    }

    fn new(certificates: Vec<CertificateDer<'static>>) -> Self {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(certificates.iter().cloned());
        Self {
            certificates,
            store,
        }
    }
}

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
    /// Has the host as its common name only, which Go no longer reads.
    CommonName,
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
    /// rustls cannot check it, but Go perhaps can; the reason.
    Unsupported(String),
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
        let has_names = matches!(leaf.subject_alternative_name(), Ok(Some(_)));
        let mut common_names = leaf.subject().iter_common_name();
        let is_common_name = common_names.any(|it| it.as_str().is_ok_and(|it| matches(it, host)));
        return Err(if is_common_name && !has_names {
            Fault::CommonName
        } else {
            Fault::WrongName { names }
        });
    }
    let trusted = Trusted {
        issuer: display(leaf.issuer()),
        not_after,
    };
    if roots.certificates.contains(leaf_der) {
        return Ok(trusted);
    }
    if leaf.subject() == leaf.issuer() {
        return Err(Fault::SelfSigned);
    }
    let parsed = ParsedCertificate::try_from(leaf_der)
        .map_err(|error| Fault::Unsupported(error.to_string()))?;
    let result = verify_server_cert_signed_by_trust_anchor(
        &parsed,
        &roots.store,
        intermediates,
        UnixTime::since_unix_epoch(Duration::from_secs(now.unsigned_abs())),
        ring::default_provider()
            .signature_verification_algorithms
            .all,
    );
    let Err(rustls::Error::InvalidCertificate(error)) = result else {
        return result
            .map(|()| trusted)
            .map_err(|error| Fault::Unsupported(error.to_string()));
    };
    // webpki refuses a server's own certificate that may sign others; Go does not.
    if leaf.is_ca() && !is_for_others(&leaf) {
        return if reaches_root(&leaf, intermediates, roots) {
            Ok(trusted)
        } else {
            Err(unknown_authority(&leaf, intermediates, roots))
        };
    }
    Err(match error {
        // Go looks for another chain, and then says that there is none.
        CertificateError::UnknownIssuer
        | CertificateError::BadSignature
        | CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => {
            unknown_authority(&leaf, intermediates, roots)
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            Fault::KeyUsage
        }
        error => Fault::Unsupported(error.to_string()),
    })
}

/// Returns whether a certificate says that it is not for servers.
fn is_for_others(leaf: &X509Certificate<'_>) -> bool {
    match leaf.extended_key_usage() {
        Ok(Some(usage)) => !usage.value.server_auth && !usage.value.any,
        _ => false,
    }
}

/// Follows the signatures from a certificate to a root, through what the server sent.
fn reaches_root(
    leaf: &X509Certificate<'_>,
    intermediates: &[CertificateDer<'_>],
    roots: &Roots,
) -> bool {
    let has_signed = |der: &CertificateDer<'_>, child: &X509Certificate<'_>| {
        parse_x509_certificate(der).is_ok_and(|(_, parent)| {
            parent.subject() == child.issuer()
                && parent.is_ca()
                && parent.validity().is_valid()
                && child.verify_signature(Some(parent.public_key())).is_ok()
        })
    };
    let mut child = leaf.clone();
    for _ in 0..=intermediates.len() {
        if roots
            .certificates
            .iter()
            .any(|root| has_signed(root, &child))
        {
            return true;
        }
        let parent = intermediates.iter().find(|der| has_signed(der, &child));
        let Some(Ok((_, parent))) = parent.map(|der| parse_x509_certificate(der)) else {
            return false;
        };
        child = parent;
    }
    false
}

/// Follows the issuers that the server sent, to name the one that is missing.
fn unknown_authority(
    leaf: &X509Certificate<'_>,
    intermediates: &[CertificateDer<'_>],
    roots: &Roots,
) -> Fault {
    let mut parsed = Vec::new();
    for der in intermediates {
        if let Ok((_, certificate)) = parse_x509_certificate(der) {
            parsed.push(certificate);
        }
    }
    let mut last = leaf;
    for _ in 0..parsed.len() {
        let mut issuers = parsed.iter().filter(|it| it.subject() == last.issuer());
        match issuers.next() {
            Some(issuer) if issuer.subject() != issuer.issuer() => last = issuer,
            _ => break,
        }
    }
    Fault::UnknownAuthority {
        issuer: display(last.issuer()),
        aia: issuer_urls(last),
        known: is_known(last.issuer()),
        no_roots: roots.store.is_empty(),
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

/// Returns whether the names are those of a public authority.
fn is_known(issuer: &X509Name<'_>) -> bool {
    let organizations = issuer.iter_organization();
    let mut names = organizations.filter_map(|name| name.as_str().ok());
    names.any(|name| KNOWN_ISSUERS.contains(&name))
}

/// Formats an issuer: its organization and common name.
fn display(name: &X509Name<'_>) -> String {
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

/// Returns what shows whether certbot has a certificate for a host, and what to do with it.
fn certbot(host: &str) -> String {
    format!(
        "certbot certificates -d {host}    # VALID: nginx -t && systemctl reload nginx\n\
         # EXPIRED or INVALID: certbot renew && systemctl reload nginx\n\
         # none: renew it where it was issued, then {RELOAD}"
    )
}

/// Returns what shows which certificate a host's server block uses, and how to get one.
fn server_block(host: &str, flags: Option<&str>) -> String {
    let prints = match flags {
        Some(flags) => format!(
            "govanityurls nginx -server {flags}, which prints one and the command for its certificate"
        ),
        None => "it needs one".to_owned(),
    };
    format!(
        "nginx -T 2>/dev/null | grep -n -A9 'server_name.*{host}'    # is there a block of {host}, with listen 443 and [::]:443?\n\
         # no: {prints}\n\
         # yes: certbot certonly --webroot -w /var/www/html -d {host}; then in the block: \
         ssl_certificate /etc/letsencrypt/live/{host}/fullchain.pem; \
         ssl_certificate_key /etc/letsencrypt/live/{host}/privkey.pem;\n\
         # then: {RELOAD}"
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
        "{message}: expires on {} and has not been renewed, or not been loaded",
        date(certificate.not_after)
    );
    Finding::warn(Step::Tls, Code::TlsExpiresSoon, message).look(certbot(host))
}

/// Reports why Go does not trust a certificate. `issuer_fetched` is true if Go would trust it with
/// an issuer's certificate that the server does not send; `flags` are those of this run.
pub(super) fn distrusted(
    fault: &Fault,
    host: &str,
    now: i64,
    issuer_fetched: bool,
    flags: Option<&str>,
) -> Finding {
    let fail = |code, message: String| Finding::fail(Step::Tls, code, message);
    let unknown = |message: String| {
        fail(Code::TlsUnknownAuthority, message).go("x509: certificate signed by unknown authority")
    };
    match fault {
        Fault::Unreadable => fail(Code::TlsFailed, "the certificate cannot be parsed".to_owned())
            .go("tls: failed to parse certificate from server")
            .look(format!("openssl s_client -connect {host}:443 -servername {host} </dev/null")),
        Fault::Expired {
            not_before,
            not_after,
        } => {
            let message = if now < *not_before {
                format!(
                    "the certificate is not valid before {}; check the clocks of both machines",
                    date(*not_before)
                )
            } else {
                format!(
                    "the certificate expired on {}, {} ago; nginx keeps using an old one until it \
                     is reloaded",
                    date(*not_after),
                    plural(usize::try_from((now - not_after) / DAY).unwrap_or(0), "day")
                )
            };
            fail(Code::TlsExpired, message)
                .go("x509: certificate has expired or is not yet valid")
                .look(certbot(host))
        }
        Fault::CommonName => {
            let message = format!(
                "the certificate names {host} only as its common name; it needs a subject alternative name"
            );
            fail(Code::TlsWrongName, message)
                .go("x509: certificate relies on legacy Common Name field, use SANs instead")
                .look(server_block(host, flags))
        }
        Fault::WrongName { names } => {
            let shown = names[..names.len().min(5)].join(", ");
            let more = names.len().saturating_sub(5);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let (message, go) = if names.is_empty() {
                (
                    "the certificate contains no host names".to_owned(),
                    format!("x509: certificate is not valid for any names, but wanted to match {host}"),
                )
            } else if names.len() > MAX_NAMES {
                (
                    format!("the certificate is for {shown}{more}, not {host}"),
                    "x509: certificate is valid for ".to_owned(),
                )
            } else {
                (
                    format!(
                        "the certificate is for {shown}{more}, not {host}: the server has no block for \
                         {host} on port 443, or that block uses another certificate"
                    ),
                    format!("x509: certificate is valid for {}, not {host}", names.join(", ")),
                )
            };
            fail(Code::TlsWrongName, message)
                .go(go)
                .look(server_block(host, flags))
        }
        Fault::SelfSigned => unknown("the certificate is self-signed".to_owned())
            .look(server_block(host, flags)),
        Fault::UnknownAuthority { issuer, aia, known, .. } if issuer_fetched || *known => {
            let message = format!(
                "the server does not send the certificate of its issuer, {issuer}; browsers may have it already"
            );
            let other = match aia.first() {
                Some(url) => format!("curl -s {url} | openssl x509 -inform der >> FILE"),
                None => "append the issuer's certificate to FILE".to_owned(),
            };
            let mut finding = unknown(message);
            finding.code = Some(Code::TlsIncompleteChain);
            finding.look(format!(
                "nginx -T 2>/dev/null | grep -n 'ssl_certificate '    # certbot's cert.pem: write fullchain.pem instead\n\
                 # any other FILE: {other}\n\
                 # then: {RELOAD}"
            ))
        }
        Fault::UnknownAuthority { no_roots: true, .. } => unknown(
            "this machine has no root certificates, neither at SSL_CERT_FILE and SSL_CERT_DIR nor \
             in the system's files"
                .to_owned(),
        )
        .look("apt-get install ca-certificates    # unless SSL_CERT_FILE or SSL_CERT_DIR is wrong: env | grep SSL_CERT"),
        Fault::UnknownAuthority { issuer, .. } => unknown(format!(
            "the certificate is issued by {issuer}, which this machine does not trust"
        ))
        .look(format!(
            "openssl s_client -connect {host}:443 -servername {host} -showcerts </dev/null    # who issued it?\n\
             # your company's authority: every machine that runs go needs its certificate: \
             cp CA.crt /usr/local/share/ca-certificates/ && update-ca-certificates\n\
             # somebody else: {host} needs a certificate of a public authority"
        )),
        Fault::KeyUsage => fail(
            Code::TlsFailed,
            "the certificate's extended key usage does not include servers".to_owned(),
        )
        .go("x509: certificate specifies an incompatible key usage")
        .look(server_block(host, flags)),
        Fault::Unsupported(why) => Finding::skip(
            Step::Tls,
            format!("verify cannot check the certificate, but the go command perhaps can: {why}"),
        )
        .look(format!("go list -m {host}/PATH@latest    # with the path of a module")),
    }
}

/// Reports a handshake that failed before the certificate could be verified.
pub(super) fn handshake_failed(
    error: Option<&rustls::Error>,
    text: &str,
    host: &str,
    flags: Option<&str>,
) -> Finding {
    use rustls::Error;
    let fail = |message: &str| Finding::fail(Step::Tls, Code::TlsFailed, message);
    let old_version = || {
        fail("the server supports only TLS 1.1 or older, which Go no longer accepts").look(format!(
            "nginx -T 2>/dev/null | grep -n ssl_protocols    # the one in the default server of the address counts; \
             there: ssl_protocols TLSv1.2 TLSv1.3;\n# then: {RELOAD}"
        ))
    };
    match error {
        Some(Error::AlertReceived(AlertDescription::ProtocolVersion)) => {
            old_version().go("tls: protocol version not supported")
        }
        Some(Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13)) => {
            old_version().go("tls: server selected unsupported protocol version")
        }
        Some(Error::AlertReceived(AlertDescription::UnrecognisedName)) => fail(&format!(
            "the server has no block for {host} on port 443 (ssl_reject_handshake)"
        ))
        .go("tls: unrecognized name")
        .look(server_block(host, flags)),
        Some(Error::InvalidMessage(_)) => {
            fail("the server does not use TLS on this port: nginx's listen line lacks `ssl`")
                .go("http: server gave HTTP response to HTTPS client")
                .look(server_block(host, flags))
        }
        // Go also has cipher suites with CBC, and the curve P-521.
        Some(
            Error::AlertReceived(
                AlertDescription::HandshakeFailure
                | AlertDescription::InsufficientSecurity
                | AlertDescription::IllegalParameter,
            )
            | Error::PeerIncompatible(_)
            | Error::PeerMisbehaved(_),
        ) => Finding::skip(
            Step::Tls,
            format!(
                "verify and the server have no cipher suite, curve or key in common, but the go \
                 command has some more: {text}"
            ),
        )
        .look(format!(
            "go list -m {host}/PATH@latest    # with the path of a module"
        )),
        _ => fail(&format!("the TLS handshake failed: {text}")).look(format!(
            "openssl s_client -connect {host}:443 -servername {host} </dev/null"
        )),
    }
}

/// Returns a TLS configuration that accepts every certificate, so that a bad one can be examined:
/// [`verify_chain`] does it before a request is sent.
pub(super) fn config() -> ClientConfig {
    let provider = Arc::new(ring::default_provider());
    let verifier = Arc::new(Lenient(provider.clone()));
    let builder = ClientConfig::builder_with_provider(provider);
    #[allow(clippy::expect_used, reason = "ring supports both versions")]
    let mut config = builder
        .with_safe_default_protocol_versions()
        .expect("ring has cipher suites for TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

#[derive(Debug)]
struct Lenient(Arc<CryptoProvider>);

impl Lenient {
    /// Accepts the signature of a key that Go can check and ring cannot.
    fn checked(
        result: Result<HandshakeSignatureValid, rustls::Error>,
        certificate: &CertificateDer<'_>,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let Ok((_, parsed)) = parse_x509_certificate(certificate) else {
            return result;
        };
        let is_beyond_ring = match parsed.public_key().parsed() {
            Ok(PublicKey::RSA(key)) => key.key_size() < MIN_RSA,
            Ok(PublicKey::EC(point)) => point.key_size() > 384,
            _ => false,
        };
        if is_beyond_ring || parsed.version() != X509Version::V3 {
            return Ok(HandshakeSignatureValid::assertion());
        }
        result
    }
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        Self::checked(verify_tls12_signature(message, cert, dss, algorithms), cert)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        Self::checked(verify_tls13_signature(message, cert, dss, algorithms), cert)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = self.0.signature_verification_algorithms.supported_schemes();
        schemes.push(SignatureScheme::ECDSA_NISTP521_SHA512);
        schemes
    }
}

#[cfg(test)]
pub(super) mod tests;
