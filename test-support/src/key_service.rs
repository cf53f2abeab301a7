//! A running key service on either host, for the demo, journeys and benchmarks: with fresh secrets
//! and empty data of its own. The Worker is built once in each process.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use anyhow::{Context, Result, anyhow};
use tempfile::TempDir;

use crate::build_worker::{Build, build_worker};
use crate::node::Node;
use crate::server_process::ServerProcess;
use crate::workerd::{Options, Workerd};

/// A running key service. Drop stops it and removes its data.
#[derive(Debug)]
pub struct KeyService {
    host: Host,
    kind: Kind,
    persist: TempDir,
    admin_token: String,
    wrap_roots: String,
    encryption_key: String,
}

#[derive(Debug)]
enum Host {
    Workerd(Workerd),
    Machine(ServerProcess),
}

/// How a server is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By SIGTERM: calls in flight may finish.
    Terminated,
    /// By SIGKILL, with all its processes.
    Killed,
}

impl fmt::Display for End {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Terminated => "stopped by SIGTERM",
            Self::Killed => "killed by SIGKILL",
        })
    }
}

/// What to start, at first and after a restart.
#[derive(Debug)]
enum Kind {
    Workers { node: Node, entry: PathBuf, start: fn(&Node, &Options<'_>) -> Result<Workerd> },
    Machine { programs: PathBuf },
}

impl KeyService {
    /// Starts the Worker with fresh secrets. Builds it if this process has not built it yet.
    ///
    /// # Errors
    /// If the Worker cannot be built or does not start.
    pub fn start(node: &Node) -> Result<Self> {
        Self::start_built(node, &built()?)
    }

    /// Starts the Worker from an entry that is already built.
    ///
    /// # Errors
    /// If the Worker does not start.
    pub fn start_built(node: &Node, entry: &Path) -> Result<Self> {
        let (node, entry) = (node.clone(), entry.to_owned());
        Self::begin(Kind::Workers { node, entry, start: Workerd::start })
    }

    /// Starts the Worker of a release whose archive was unpacked into `folder`.
    ///
    /// # Errors
    /// If the Worker does not start.
    pub fn start_released(node: &Node, folder: &Path) -> Result<Self> {
        let (node, entry) = (node.clone(), folder.join("worker/entry.mjs"));
        Self::begin(Kind::Workers { node, entry, start: Workerd::start_released })
    }

    /// The same as [`KeyService::start`], but with the rate limits of `wrangler.toml`. The others
    /// start with limits that no test reaches.
    ///
    /// # Errors
    /// As [`KeyService::start`].
    pub fn start_limited(node: &Node) -> Result<Self> {
        Self::begin(Kind::Workers { node: node.clone(), entry: built()?, start: Workerd::start_limited })
    }

    /// Starts the `capy serve` of the folder `programs`, with fresh secrets.
    ///
    /// # Errors
    /// If the server does not start.
    pub fn embedded(programs: &Path) -> Result<Self> {
        Self::begin(Kind::Machine { programs: programs.to_owned() })
    }

    fn begin(kind: Kind) -> Result<Self> {
        let persist = TempDir::with_prefix("capy-key-service-")?;
        let (admin_token, wrap_roots, encryption_key) = (random_hex()?, random_roots()?, random_hex()?);
        Self::with_data(kind, persist, admin_token, wrap_roots, encryption_key)
    }

    /// Stops the server and starts it again with the same data and secrets, on another port.
    ///
    /// # Errors
    /// If the server does not end or does not start.
    pub fn restarted(self, end: End) -> Result<Self> {
        let Self { host, kind, persist, admin_token, wrap_roots, encryption_key } = self;
        match (end, host) {
            (End::Terminated, host) => drop(host),
            (End::Killed, Host::Workerd(workerd)) => workerd.kill()?,
            (End::Killed, Host::Machine(server)) => server.kill()?,
        }
        Self::with_data(kind, persist, admin_token, wrap_roots, encryption_key)
    }

    fn with_data(
        kind: Kind,
        persist: TempDir,
        admin_token: String,
        wrap_roots: String,
        encryption_key: String,
    ) -> Result<Self> {
        let secrets = [
            ("ADMIN_TOKEN", admin_token.as_str()),
            ("WRAP_ROOTS", &wrap_roots),
            ("ENCRYPTION_KEY", &encryption_key),
        ];
        let host = kind.start(persist.path(), &secrets)?;
        Ok(Self { host, kind, persist, admin_token, wrap_roots, encryption_key })
    }

    /// Whether this is the Worker, whose schedule a test has to trigger. `capy serve` has its own
    /// timer.
    pub fn is_worker(&self) -> bool {
        matches!(self.host, Host::Workerd(_))
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        match &self.host {
            Host::Workerd(workerd) => workerd.url(),
            Host::Machine(server) => server.url(),
        }
    }

    /// The admin token, a bearer token that may do everything.
    pub fn admin_token(&self) -> &str {
        &self.admin_token
    }

    /// The value of `ENCRYPTION_KEY`, the key of the service's project store.
    pub fn encryption_key(&self) -> &str {
        &self.encryption_key
    }

    /// The folder of the data: D1 and KV as wrangler keeps them, or `capy.sqlite`.
    pub fn persist_dir(&self) -> &Path {
        self.persist.path()
    }

    /// The server's processes.
    pub fn server(&self) -> &ServerProcess {
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

impl Kind {
    fn start(&self, persist: &Path, secrets: &[(&str, &str)]) -> Result<Host> {
        match self {
            Self::Workers { node, entry, start } => {
                let options = Options { entry, persist, secrets };
                Ok(Host::Workerd(start(node, &options)?))
            }
            Self::Machine { programs } => {
                let mut capy = Command::new(programs.join("capy"));
                capy.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(persist);
                capy.args(["--deploy-limit", "1000000", "--address-limit", "1000000"]);
                capy.envs(secrets.iter().copied());
                Ok(Host::Machine(ServerProcess::spawn(&capy, persist, "listening on ")?))
            }
        }
    }
}

/// The build of this process. Another build while a server runs would restart that.
fn built() -> Result<PathBuf> {
    static ENTRY: Mutex<Option<PathBuf>> = Mutex::new(None);
    let mut entry = ENTRY.lock().map_err(|_| anyhow!("another build of the key service failed"))?;
    if entry.is_none() {
        *entry = Some(build_worker(&Build::service()).context("build of the key service")?);
    }
    entry.clone().context("the key service is built")
}

/// A random value for `WRAP_ROOTS`, with one root.
///
/// # Errors
/// If the system has no randomness.
pub fn random_roots() -> Result<String> {
    Ok(format!("{}:{}", random_key_id()?, random_hex()?))
}

fn random_key_id() -> Result<u32> {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("no randomness: {error}"))?;
    Ok(u32::from_be_bytes(bytes))
}

/// 32 random bytes in hexadecimal.
///
/// # Errors
/// When the system has no randomness.
pub fn random_hex() -> Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("no randomness: {error}"))?;
    Ok(hex::encode(bytes))
}
