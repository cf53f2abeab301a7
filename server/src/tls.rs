//! The TLS configuration, from PEM files.

use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::private_file;
use crate::settings::Tls;
use crate::{Error, Result};

/// Reads the certificate chain and its private key.
///
/// # Errors
/// [`Error::Tls`] if they cannot be used, [`Error::SecretExposed`] if other users can read the key.
pub(crate) fn load(files: &Tls) -> Result<Arc<ServerConfig>> {
    let unusable =
        |source| Error::Tls { certificate: files.certificate.clone(), key: files.key.clone(), source };
    let key = private_file::read(&files.key)
        .map_err(unusable)?
        .ok_or_else(|| Error::SecretExposed { path: files.key.clone() })?;
    config(files, &key).map(Arc::new).map_err(|fault| unusable(io::Error::other(fault)))
}

fn config(
    files: &Tls,
    key: &str,
) -> std::result::Result<ServerConfig, Box<dyn std::error::Error + Send + Sync>> {
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes())?;
    let chain =
        CertificateDer::pem_file_iter(&files.certificate)?.collect::<std::result::Result<Vec<_>, _>>()?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
