//! Trusted certificate authorities (CAs) for TLS: the built-in CAs that browsers trust or, as with
//! OpenSSL, only those of the PEM file that `SSL_CERT_FILE` names.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use crate::regular_file;

/// The variable that names the PEM file.
pub const VARIABLE: &str = "SSL_CERT_FILE";
/// The size limit of the PEM file. A bundle of all public CAs has about 250 KB.
const MAX_BYTES: u64 = 16 << 20;

/// Why the PEM file cannot be used.
#[derive(Debug, Clone)]
pub struct Unusable {
    path: PathBuf,
    reason: String,
}

impl Unusable {
    /// What to do about it.
    pub const HINT: &str =
        "name a PEM file with all certificate authorities to trust, or unset it to trust those of browsers";
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{VARIABLE} names {}, which cannot be used: {}", self.path.display(), self.reason)
    }
}

impl std::error::Error for Unusable {}

/// The TLS configuration with the trusted CAs. An empty variable counts as unset.
///
/// # Errors
/// When the file cannot be read, is no intact PEM file, or contains no certificate.
pub fn tls_config(lookup: impl Fn(&str) -> Option<OsString>) -> Result<TlsConfig, Unusable> {
    let Some(path) = lookup(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from) else {
        return Ok(TlsConfig::default());
    };
    let certificates = regular_file::read(&path, MAX_BYTES)
        .map_err(|error| error.to_string())
        .and_then(|pem| certificates(&pem))
        .map_err(|reason| Unusable { path, reason })?;
    Ok(TlsConfig::builder().root_certs(RootCerts::new_with_certs(&certificates)).build())
}

/// All certificates of a PEM file; other items are ignored.
fn certificates(pem: &[u8]) -> Result<Vec<Certificate<'static>>, String> {
    let mut found = Vec::new();
    for item in parse_pem(pem) {
        match item {
            Ok(PemItem::Certificate(certificate)) => found.push(certificate),
            Ok(_) => {}
            Err(_) => return Err("it is not a complete PEM file".into()),
        }
    }
    if found.is_empty() { Err("it contains no certificate".into()) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(path: &std::path::Path) -> Result<TlsConfig, Unusable> {
        tls_config(|name| (name == VARIABLE).then(|| path.into()))
    }

    #[test]
    fn a_file_of_authorities_counts_alone_and_without_one_those_of_browsers_do() {
        for unset in [None, Some(OsString::new())] {
            let config = tls_config(|_| unset.clone()).unwrap();
            assert!(matches!(config.root_certs(), RootCerts::WebPki));
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        // Text between the certificates of a bundle is for people.
        let one = "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n";
        std::fs::write(&path, format!("# ours\n{one}\n# theirs\n{one}")).unwrap();
        match with(&path).unwrap().root_certs() {
            RootCerts::Specific(found) => assert_eq!(found.len(), 2),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_that_vouches_for_nobody_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        assert!(with(&path).unwrap_err().to_string().contains("ca.pem, which cannot be used: No such file"));
        for (text, reason) in [
            ("", "it contains no certificate"),
            ("canary", "it contains no certificate"),
            ("-----BEGIN CERTIFICATE-----\nMAMCAQE=\n", "it is not a complete PEM file"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = with(&path).unwrap_err().to_string();
            assert!(error.ends_with(reason) && !error.contains("canary"), "{text}: {error}");
        }
        assert!(with(folder.path()).unwrap_err().to_string().contains("it is a folder"));
    }
}
