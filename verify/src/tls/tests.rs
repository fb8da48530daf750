use rustls::pki_types::pem::PemObject as _;

use super::*;

/// Reads a certificate from tests/certs.
fn pem(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/certs/{name}.pem", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap()
}

fn der(name: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(&pem(name)).unwrap()
}

/// Returns a time at which the certificates are valid.
fn now() -> i64 {
    let leaf = der("leaf");
    let (_, leaf) = parse_x509_certificate(&leaf).unwrap();
    let (start, end) = validity(&leaf);
    i64::midpoint(start, end)
}

fn verify_at(names: &[&str], host: &str, now: i64) -> Result<Trusted, Code> {
    let chain: Vec<_> = names.iter().map(|name| der(name)).collect();
    let roots = Roots::new(vec![der("root")]);
    let fault = match verify_chain(&chain, &roots, host, now) {
        Ok(trusted) => return Ok(trusted),
        Err(fault) => fault,
    };
    Err(distrusted(&fault, host, now, false, None).code.unwrap())
}

fn verify(names: &[&str], host: &str) -> Result<Trusted, Code> {
    verify_at(names, host, now())
}

#[test]
fn every_fault_has_a_code() {
    let a = "a.example";
    assert!(verify(&["leaf"], a).is_ok());
    assert!(verify(&["leaf"], "x.b.example").is_ok());
    assert!(verify(&["leaf-of-intermediate", "intermediate"], a).is_ok());
    let extra = ["leaf-of-intermediate", "root", "other-root", "intermediate"];
    assert!(verify(&extra, a).is_ok());
    for (chain, host, code) in [
        (&["leaf"] as &[_], "b.example", Code::TlsWrongName),
        (&["leaf"], "y.x.b.example", Code::TlsWrongName),
        (&["no-names"], a, Code::TlsWrongName),
        (&["leaf-of-intermediate"], a, Code::TlsUnknownAuthority),
        (
            &["leaf-of-intermediate", "other-root"],
            a,
            Code::TlsUnknownAuthority,
        ),
        (&["leaf-of-known"], a, Code::TlsIncompleteChain),
        (&["self-signed"], a, Code::TlsUnknownAuthority),
        (&["client-only"], a, Code::TlsFailed),
        (&[], a, Code::TlsFailed),
    ] {
        assert_eq!(verify(chain, host), Err(code), "{chain:?} {host}");
    }
    for time in [0, i64::MAX / 4] {
        assert_eq!(verify_at(&["leaf"], a, time), Err(Code::TlsExpired));
    }
}

#[test]
fn names_the_missing_issuer_and_its_location() {
    let leaf = [der("leaf-of-intermediate")];
    let roots = Roots::new(vec![der("root")]);
    let fault = verify_chain(&leaf, &roots, "a.example", now()).unwrap_err();
    let Fault::UnknownAuthority { issuer, aia, .. } = &fault else {
        panic!("{fault:?}");
    };
    assert_eq!(issuer, "Lab R1");
    assert_eq!(aia, &["http://aia.example/i.der"]);
    let finding = distrusted(&fault, "a.example", now(), true, None);
    assert_eq!(finding.code, Some(Code::TlsIncompleteChain));
}

#[test]
fn warns_two_weeks_before_expiry() {
    let trusted_until = verify(&["leaf"], "a.example").unwrap();
    let at = |days| {
        let now = trusted_until.not_after - days * DAY;
        trusted(&trusted_until, "a.example", now).code
    };
    assert_eq!(at(14), None);
    assert_eq!(at(13), Some(Code::TlsExpiresSoon));
}
