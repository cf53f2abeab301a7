//! What the operator decides, and where the service's own secrets come from.

use std::env;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use capy_protocol::network::Network;
use zeroize::Zeroizing;

use crate::{Error, Result, private_file};

/// How to serve.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where `/metrics` is served, apart from the routes: what it tells is not for the public.
    pub metrics: Option<SocketAddr>,
    /// The folder with the database.
    pub data: PathBuf,
    /// TLS in this process.
    pub tls: Option<Tls>,
    /// Proxies whose `x-forwarded-for` is believed.
    pub trusted_proxies: Vec<Network>,
    /// How often in ten seconds a deployment's key may be asked for.
    pub deploy_limit: NonZeroU32,
    /// How often in ten seconds one address may ask for keys.
    pub address_limit: NonZeroU32,
    /// The most connections at once; as many as there are file descriptors for, and 2048 at most, if it is not said.
    pub connections: Option<NonZeroUsize>,
    /// The most of those from one address of IPv4, or one /64 of IPv6; an eighth, if it is not said.
    pub address_connections: Option<NonZeroUsize>,
    /// How long calls in flight may take once the service is asked to stop.
    pub grace: Duration,
}

/// PEM files. They are read again on SIGHUP.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The chain, the server's own certificate first.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// The secret `NAME`: the variable itself, or the content of the file that `NAME_FILE` names.
///
/// # Errors
/// [`Error::SecretFile`] when that file cannot be read, [`Error::SecretExposed`] when others may read it.
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
