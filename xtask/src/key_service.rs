//! The key service as an owner would run it, on either host, for demo, journeys and benchmarks: with fresh secrets and
//! empty data of its own. The Worker is built once for each process.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use anyhow::{Context, Result, anyhow};
use tempfile::TempDir;

use crate::build_worker::{Build, build_worker};
use crate::guarded::Guarded;
use crate::node::Node;
use crate::workerd::{Options, Workerd};

/// A running key service. Stopped, and its data removed, on drop.
#[derive(Debug)]
pub struct KeyService {
    host: Host,
    persist: TempDir,
    admin_token: String,
    encryption_key: String,
}

#[derive(Debug)]
enum Host {
    Workerd(Workerd),
    Machine(Guarded),
}

impl KeyService {
    /// Builds the Worker if this process has not yet, and starts it with secrets of its own.
    ///
    /// # Errors
    /// When it cannot be built or does not start.
    pub fn start(node: &Node) -> Result<Self> {
        Self::start_with(node, Workerd::start)
    }

    /// The same with its rate limits as an owner gets them; else they are far away.
    ///
    /// # Errors
    /// As [`KeyService::start`].
    pub fn start_limited(node: &Node) -> Result<Self> {
        Self::start_with(node, Workerd::start_limited)
    }

    fn start_with(node: &Node, start: impl FnOnce(&Node, &Options<'_>) -> Result<Workerd>) -> Result<Self> {
        let entry = built()?;
        let persist = TempDir::with_prefix("capy-key-service-")?;
        let (admin_token, wrap_roots) = (random_hex()?, random_roots()?);
        let encryption_key = random_hex()?;
        let secrets = [
            ("ADMIN_TOKEN", admin_token.as_str()),
            ("WRAP_ROOTS", &wrap_roots),
            ("ENCRYPTION_KEY", &encryption_key),
        ];
        let options = Options { entry: &entry, persist: persist.path(), secrets: &secrets };
        let host = Host::Workerd(start(node, &options)?);
        Ok(Self { host, persist, admin_token, encryption_key })
    }

    /// Starts `capy serve`, of the programs in a folder, with secrets of its own.
    ///
    /// # Errors
    /// When it does not start.
    pub fn embedded(programs: &Path) -> Result<Self> {
        let persist = TempDir::with_prefix("capy-key-service-")?;
        let (admin_token, wrap_roots) = (random_hex()?, random_roots()?);
        let encryption_key = random_hex()?;
        let mut capy = Command::new(programs.join("capy"));
        capy.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(persist.path());
        capy.args(["--deploy-limit", "1000000", "--address-limit", "1000000"]);
        capy.env("ADMIN_TOKEN", &admin_token)
            .env("WRAP_ROOTS", &wrap_roots)
            .env("ENCRYPTION_KEY", &encryption_key);
        let host = Host::Machine(Guarded::spawn(&capy, persist.path(), "listening on ")?);
        Ok(Self { host, persist, admin_token, encryption_key })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        match &self.host {
            Host::Workerd(workerd) => workerd.url(),
            Host::Machine(server) => server.url(),
        }
    }

    /// The bearer token that may do everything.
    pub fn admin_token(&self) -> &str {
        &self.admin_token
    }

    /// The key of its project store.
    pub fn encryption_key(&self) -> &str {
        &self.encryption_key
    }

    /// Where the database is kept: D1 and KV as wrangler does, or `capy.sqlite`.
    pub fn persist_dir(&self) -> &Path {
        self.persist.path()
    }

    /// The server's processes.
    pub(crate) fn server(&self) -> &Guarded {
        match &self.host {
            Host::Workerd(workerd) => workerd.server(),
            Host::Machine(server) => server,
        }
    }

    /// What the runtime and the service printed.
    pub fn log(&self) -> String {
        match &self.host {
            Host::Workerd(workerd) => workerd.log(),
            Host::Machine(server) => server.log(),
        }
    }
}

/// The build of this process: another while a server runs would restart it.
fn built() -> Result<PathBuf> {
    static ENTRY: Mutex<Option<PathBuf>> = Mutex::new(None);
    let mut entry = ENTRY.lock().map_err(|_| anyhow!("another build of the key service failed"))?;
    if entry.is_none() {
        *entry = Some(build_worker(&Build::service()).context("build of the key service")?);
    }
    entry.clone().context("the key service is built")
}

/// One root for `WRAP_ROOTS`.
pub(crate) fn random_roots() -> Result<String> {
    Ok(format!("{}:{}", random_key_id()?, random_hex()?))
}

fn random_key_id() -> Result<u32> {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("no randomness: {error}"))?;
    Ok(u32::from_be_bytes(bytes))
}

/// 32 random bytes.
pub(crate) fn random_hex() -> Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("no randomness: {error}"))?;
    Ok(hex::encode(bytes))
}
