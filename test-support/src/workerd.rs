//! Runs a built Worker in the real runtime, `workerd` under `wrangler dev`, on a loopback port of
//! its own.
//!
//! No process is left, however the caller ends. Secrets are left nowhere, since wrangler gets them
//! in its environment, never in an argument or a file. Nothing is printed here: errors contain what
//! wrangler printed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use tempfile::{NamedTempFile, TempDir};
use toml::{Table, Value};

use crate::node::Node;
use crate::server_process::ServerProcess;
use crate::workspace_root;

const READY: &str = "Ready on ";

/// What to run, with which data and secrets.
#[derive(Clone, Debug)]
pub struct Options<'a> {
    /// The built entry, as [`build_worker`](crate::build_worker::build_worker) returns it.
    pub entry: &'a Path,
    /// The folder in which D1 and KV are kept.
    pub persist: &'a Path,
    /// The Worker's secrets by name.
    pub secrets: &'a [(&'a str, &'a str)],
}

/// The rate limits of a Worker.
enum RateLimits {
    /// The limits of its configuration.
    Own,
    /// Limits so high that no test reaches them.
    FarAway,
}

/// A running Worker. Stopped on drop.
#[derive(Debug)]
pub struct Workerd {
    server: ServerProcess,
    /// Files that it reads while it runs. Removed on drop.
    _files: (TempDir, Option<NamedTempFile>),
}

impl Workerd {
    /// Applies the migrations and starts the Worker with the bindings of the workspace's
    /// `wrangler.toml`. Its rate limits are raised, since all requests of the tests come from one
    /// address.
    ///
    /// # Errors
    /// If a migration fails, or there is no answer after a minute: then with what wrangler printed.
    pub fn start(node: &Node, options: &Options<'_>) -> Result<Self> {
        Self::start_with(node, options, &workspace_root(), &RateLimits::FarAway)
    }

    /// The same as [`Workerd::start`], with the rate limits of `wrangler.toml`.
    ///
    /// # Errors
    /// As [`Workerd::start`].
    pub fn start_limited(node: &Node, options: &Options<'_>) -> Result<Self> {
        Self::start_with(node, options, &workspace_root(), &RateLimits::Own)
    }

    /// The same as [`Workerd::start`], with the bindings of a release, whose archive holds
    /// `wrangler.toml` and the entry `worker/entry.mjs`.
    ///
    /// # Errors
    /// As [`Workerd::start`].
    pub fn start_released(node: &Node, options: &Options<'_>) -> Result<Self> {
        let folder = options.entry.ancestors().nth(2).context("the entry lies in no release")?;
        Self::start_with(node, options, folder, &RateLimits::FarAway)
    }

    /// `root` is the folder of `wrangler.toml`.
    fn start_with(node: &Node, options: &Options<'_>, root: &Path, limits: &RateLimits) -> Result<Self> {
        let config = write_config(options, root, limits)?;
        migrate(node, config.path(), options.persist)?;
        let mut command = dev(node, config.path());
        command.arg("--persist-to").arg(options.persist).envs(options.secrets.iter().copied());
        Self::spawn(&command, (config, None))
    }

    /// Starts the Worker of another configuration in that configuration's folder, with `variables`
    /// as its `vars`. wrangler gets a copy of the configuration beside it, which is removed again.
    ///
    /// # Errors
    /// If the configuration cannot be read or copied, and as [`Workerd::start`].
    pub fn serve(node: &Node, config: &Path, variables: &BTreeMap<String, String>) -> Result<Self> {
        let folder = config.parent().context("the configuration lies nowhere")?;
        let home = tempfile::Builder::new().prefix("capy-workerd-").tempdir()?;
        let copy = with_vars(config, variables)?;
        let mut command = dev(node, home.path());
        command.current_dir(folder).arg("--config").arg(copy.path()).arg("--persist-to").arg(home.path());
        Self::spawn(&command, (home, Some(copy)))
    }

    fn spawn(command: &Command, files: (TempDir, Option<NamedTempFile>)) -> Result<Self> {
        let folder = command.get_current_dir().unwrap_or(files.0.path());
        let server = ServerProcess::spawn(command, folder, READY)?;
        Ok(Self { server, _files: files })
    }

    /// `http://127.0.0.1:PORT`, without a slash at its end.
    pub fn url(&self) -> &str {
        self.server.url()
    }

    /// The processes of the Worker and of wrangler.
    pub fn server(&self) -> &ServerProcess {
        &self.server
    }

    /// Ends wrangler and the Worker at once, by SIGKILL.
    ///
    /// # Errors
    /// If they cannot be ended.
    pub fn kill(self) -> Result<()> {
        self.server.kill()
    }

    /// What wrangler and the Worker printed so far.
    pub fn log(&self) -> String {
        self.server.log()
    }
}

/// `wrangler dev` on a loopback port of its own, with `home` as its home.
fn dev(node: &Node, home: &Path) -> Command {
    let mut command = node.wrangler();
    command.args(["dev", "--local", "--ip", "127.0.0.1", "--port", "0", "--inspector-port", "0"]);
    // Temporary files that are left after SIGKILL are removed with its home.
    command.arg("--show-interactive-dev-session=false").env("HOME", home).env("TMPDIR", home);
    command
}

/// A copy of a configuration in the same folder, in JSON, with these `vars` in addition to its own.
fn with_vars(config: &Path, variables: &BTreeMap<String, String>) -> Result<NamedTempFile> {
    let text = fs::read_to_string(config).with_context(|| config.display().to_string())?;
    let mut settings: serde_json::Map<String, serde_json::Value> =
        if config.extension().is_some_and(|kind| kind == "toml") {
            serde_json::from_value(serde_json::to_value(text.parse::<Table>()?)?)?
        } else {
            serde_json::from_str(&text).with_context(|| config.display().to_string())?
        };
    ensure!(!settings.contains_key("build"), "{} would build again: what runs is built", config.display());
    let vars = settings.entry("vars").or_insert_with(|| serde_json::Value::Object(serde_json::Map::new()));
    let vars = vars.as_object_mut().context("`vars` is not a table")?;
    vars.extend(variables.iter().map(|(name, value)| (name.clone(), value.clone().into())));
    let folder = config.parent().context("the configuration lies nowhere")?;
    let copy = tempfile::Builder::new().prefix("wrangler-with-vars-").suffix(".json").tempfile_in(folder)?;
    serde_json::to_writer(copy.as_file(), &settings)?;
    Ok(copy)
}

/// Applies the migrations that a deployment gets to the database of the tests.
fn migrate(node: &Node, config: &Path, persist: &Path) -> Result<()> {
    let mut command = node.wrangler();
    command.args(["d1", "migrations", "apply", "DB", "--local", "--persist-to"]).arg(persist);
    let output = command.env("HOME", config).current_dir(config).stdin(Stdio::null()).output()?;
    let text = [output.stdout, output.stderr].concat();
    ensure!(output.status.success(), "the migrations failed:\n{}", String::from_utf8_lossy(&text));
    Ok(())
}

/// Makes a folder with the configuration of `root` and a copy of the build. wrangler restarts a
/// Worker whose files change, and another process may build again at any time.
fn write_config(options: &Options<'_>, root: &Path, limits: &RateLimits) -> Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("capy-workerd-").tempdir()?;
    let source = root.join("wrangler.toml");
    let text = fs::read_to_string(&source).with_context(|| source.display().to_string())?;
    let (build, name) =
        options.entry.parent().zip(options.entry.file_name()).context("the entry is not a file")?;
    let copy = folder.path().join("build");
    copy_folder(build, &copy)?;
    let config = with_secrets(&moved(&text, root, &copy.join(name), limits)?, options.secrets)?;
    fs::write(folder.path().join("wrangler.toml"), config)?;
    Ok(folder)
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy_folder(&entry.path(), &target)?,
            false => fs::copy(entry.path(), target).map(drop)?,
        }
    }
    Ok(())
}

/// The configuration for an entry that is built already, with the same bindings and the given rate
/// limits.
fn moved(config: &str, root: &Path, entry: &Path, limits: &RateLimits) -> Result<String> {
    let mut config: Table = config.parse()?;
    config.remove("build");
    config.insert("main".to_owned(), path_value(entry.to_owned())?);
    let databases = config.get_mut("d1_databases").and_then(Value::as_array_mut);
    for database in databases.into_iter().flatten().filter_map(Value::as_table_mut) {
        if let Some(migrations) = database.get("migrations_dir").and_then(Value::as_str) {
            let absolute = path_value(root.join(migrations))?;
            database.insert("migrations_dir".to_owned(), absolute);
        }
    }
    let limiters = config.get_mut("ratelimits").and_then(Value::as_array_mut);
    if let RateLimits::FarAway = limits {
        for simple in limiters.into_iter().flatten().filter_map(|limiter| limiter.get_mut("simple")) {
            simple
                .as_table_mut()
                .context("a rate limit is a table")?
                .insert("limit".into(), 1_000_000.into());
        }
    }
    Ok(toml::to_string(&config)?)
}

/// Declares the secrets in the configuration: wrangler takes from its environment only those that
/// it requires.
fn with_secrets(config: &str, secrets: &[(&str, &str)]) -> Result<String> {
    let mut config: Table = config.parse()?;
    let names = secrets.iter().map(|(name, _)| Value::from(*name)).collect::<Vec<_>>();
    config.insert("secrets".to_owned(), Table::from_iter([("required".to_owned(), names.into())]).into());
    Ok(toml::to_string(&config)?)
}

fn path_value(path: PathBuf) -> Result<Value> {
    let text = path.into_os_string().into_string();
    text.map(Value::String).ok().context("the path is not UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moved_configuration_builds_nothing_and_keeps_its_bindings() {
        let text = fs::read_to_string(workspace_root().join("wrangler.toml")).unwrap();
        let moved = |limits| moved(&text, &workspace_root(), Path::new("/x/entry.mjs"), limits).unwrap();
        let config: Table = moved(&RateLimits::FarAway).parse().unwrap();
        assert!(!config.contains_key("build"));
        assert_eq!(config["main"].as_str(), Some("/x/entry.mjs"));
        assert_eq!(config["d1_databases"][0]["binding"].as_str(), Some("DB"));
        assert_eq!(config["ratelimits"][0]["simple"]["limit"].as_integer(), Some(1_000_000));
        let limited: Table = moved(&RateLimits::Own).parse().unwrap();
        assert_eq!(limited["ratelimits"][0]["simple"]["limit"].as_integer(), Some(100));
        let migrations = config["d1_databases"][0]["migrations_dir"].as_str().unwrap();
        assert!(Path::new(migrations).join("0001_deploys.sql").is_file());
    }
}
