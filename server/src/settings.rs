//! The operator's settings, and the service's own secrets from variables or files.

use std::env;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use capy_protocol::network::Network;
use zeroize::Zeroizing;

use crate::{Error, Result, private_file};

/// The settings of a service.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The address of the routes; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The address of `/metrics`. It is apart from the routes, since metrics are not for the
    /// public.
    pub metrics: Option<SocketAddr>,
    /// The folder with the database.
    pub data: PathBuf,
    /// The certificate, if this process terminates TLS.
    pub tls: Option<Tls>,
    /// Proxies whose `x-forwarded-for` is trusted.
    pub trusted_proxies: Vec<Network>,
    /// How many times in ten seconds a deployment's key may be asked for.
    pub deploy_limit: NonZeroU32,
    /// How many times in ten seconds one address may ask for keys.
    pub address_limit: NonZeroU32,
    /// The most connections at once. `None`: as many as there are file descriptors for, at most
    /// 2048.
    pub connections: Option<NonZeroUsize>,
    /// The most connections from one IPv4 address, or one IPv6 /64. `None`: an eighth of all, at
    /// least 4.
    pub address_connections: Option<NonZeroUsize>,
    /// The grace period: how long calls in flight may take once the service is asked to stop.
    pub grace: Duration,
}

/// PEM files of the certificate. They are read again on SIGHUP.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The certificate chain, the server's own certificate first.
    pub certificate: PathBuf,
    /// The certificate's private key.
    pub key: PathBuf,
}

/// The secret `NAME`: the value of the variable, or else the content of the file that the variable
/// `NAME_FILE` names.
///
/// # Errors
/// [`Error::SecretFile`] if that file cannot be read, [`Error::SecretExposed`] if other users can
/// read it.
pub fn secret(name: &str) -> Result<Option<Zeroizing<String>>> {
    if let Ok(value) = env::var(name) {
        return Ok(Some(Zeroizing::new(value)));
    }
    let variable = format!("{name}_FILE");
    let Some(path) = env::var_os(&variable).map(PathBuf::from) else { return Ok(None) };
    match private_file::read(&path) {
        Ok(Some(text)) => Ok(Some(text)),
        Ok(None) => Err(Error::SecretExposed { path }),
        Err(source) => Err(Error::SecretFile { variable, path, source }),
    }
}
