//! The root certificates that the go command trusts on this machine: `loadSystemRoots` of
//! crypto/x509 (root.go, root_linux.go).

use std::collections::HashMap;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use x509_parser::parse_x509_certificate;

/// Only the first readable file is used.
const FILES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
/// All files in these directories are used.
const DIRECTORIES: [&str; 2] = ["/etc/ssl/certs", "/etc/pki/tls/certs"];

/// Trusted certificates by subject.
#[derive(Debug, Default)]
pub(super) struct Roots(HashMap<Vec<u8>, Vec<CertificateDer<'static>>>);

impl Roots {
    /// Loads the certificates at SSL_CERT_FILE and SSL_CERT_DIR, or the system's.
    pub(super) fn load() -> Self {
        let variable = |name| env::var_os(name).filter(|value| !value.is_empty());
        Self::load_from(
            variable("SSL_CERT_FILE").as_deref(),
            variable("SSL_CERT_DIR").as_deref(),
        )
    }

    fn load_from(file: Option<&OsStr>, directories: Option<&OsStr>) -> Self {
        let mut roots = Self::default();
        let files = file.map_or_else(
            || FILES.map(PathBuf::from).to_vec(),
            |file| vec![file.into()],
        );
        if let Some(pem) = files.iter().find_map(|file| fs::read(file).ok()) {
            roots.add(&pem);
        }
        let directories = match directories {
            Some(list) => env::split_paths(list).collect(),
            None => DIRECTORIES.map(PathBuf::from).to_vec(),
        };
        for directory in directories {
            for file in entries(&directory) {
                if let Ok(pem) = fs::read(file) {
                    roots.add(&pem);
                }
            }
        }
        roots
    }

    /// Adds the certificates of a PEM file. Like Go, skips those that cannot be parsed.
    pub(super) fn add(&mut self, pem: &[u8]) {
        for der in CertificateDer::pem_slice_iter(pem).flatten() {
            if let Ok((_, parsed)) = parse_x509_certificate(&der) {
                let same = self.0.entry(parsed.subject().as_raw().to_vec());
                let same = same.or_default();
                if !same.contains(&der) {
                    same.push(der);
                }
            }
        }
    }

    /// Returns the certificates with a subject, in DER.
    pub(super) fn by_subject(&self, subject: &[u8]) -> &[CertificateDer<'static>] {
        self.0.get(subject).map_or(&[], Vec::as_slice)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Returns a directory's entries, except symlinks to each other (OpenSSL's hash names).
fn entries(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let paths = entries.flatten().map(|entry| entry.path());
    let is_alias =
        |path: &PathBuf| fs::read_link(path).is_ok_and(|target| target.components().count() == 1);
    paths.filter(|path| !is_alias(path)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tls::tests::pem;
    use super::*;

    #[test]
    fn variables_replace_the_system_roots() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        for sub in ["one", "two"] {
            fs::create_dir(path(sub)).unwrap();
        }
        fs::write(path("root.pem"), pem("root")).unwrap();
        fs::write(path("one/other.pem"), pem("other-root")).unwrap();
        fs::write(path("two/broken.pem"), "-----BEGIN CERTIFICATE-----\nx\n").unwrap();
        std::os::unix::fs::symlink("other.pem", path("one/abcd.0")).unwrap();
        let list = env::join_paths([path("one"), path("two"), path("missing")]).unwrap();
        let none = path("missing");

        let count = |file: &Path, list: &OsStr| {
            Roots::load_from(Some(file.as_os_str()), Some(list)).0.len()
        };
        assert_eq!(count(&path("root.pem"), &list), 2);
        assert_eq!(count(&path("root.pem"), none.as_os_str()), 1);
        assert_eq!(count(&none, &list), 1);
        assert!(Roots::load_from(Some(none.as_os_str()), Some(none.as_os_str())).is_empty());
        assert_eq!(entries(&path("one")).len(), 1);
    }
}
