//! The two machines of a deployment, for the demo and the journeys: the owner's laptop, where it is
//! minted, and the platform, where it is built. Each runs the real programs in an environment of
//! its own, and neither sees the other's files.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

/// The owner's laptop: a configuration folder, a project folder, and `capy`.
#[derive(Debug)]
pub struct Desk {
    programs: PathBuf,
    home: TempDir,
    project: PathBuf,
}

/// What the owner gives to a platform.
#[derive(Clone)]
pub struct Credentials {
    /// The deployment's id.
    pub deploy_id: String,
    /// Names and values for the platform, the credential pair among them.
    pub variables: Vec<(String, String)>,
}

impl Desk {
    /// A new laptop for a project folder; `programs` holds `capy` and `capy-inline`.
    ///
    /// # Errors
    /// If no temporary folder can be created.
    pub fn new(programs: &Path, project: &Path) -> Result<Self> {
        let home = TempDir::with_prefix("capy-desk-")?;
        Ok(Self { programs: programs.to_path_buf(), home, project: project.to_path_buf() })
    }

    /// A command of `capy` on the laptop, in the project folder, without the caller's variables.
    pub fn capy(&self, args: &[&str]) -> Command {
        let mut command = bare(&self.programs.join("capy"), &self.project);
        command
            .args(args)
            .env("HOME", self.home.path())
            .env("CAPY_CONFIG_DIR", self.home.path().join("capy"));
        command
    }

    /// Runs `capy` and returns its stdout.
    ///
    /// # Errors
    /// If it fails: then with its stderr.
    pub fn run(&self, args: &[&str], stdin: &str) -> Result<String> {
        let output = with_stdin(&mut self.capy(args), stdin)?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "capy {}: {}\n{errors}", args.join(" "), output.status);
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Logs in, creates a project, and seals these values in it.
    ///
    /// # Errors
    /// If a command fails.
    pub fn set_up(&self, url: &str, admin_token: &str, variables: &[(&str, &str)]) -> Result<()> {
        self.run(&["login", "--url", url], admin_token)?;
        self.run(&["init", "--url", url], "")?;
        for (name, value) in variables {
            self.run(&["set", name], value)?;
        }
        Ok(())
    }

    /// Mints a deployment and returns what the platform needs.
    ///
    /// # Errors
    /// If the command fails, or does not print the documented JSON.
    pub fn deploy(&self, more: &[&str]) -> Result<Credentials> {
        let printed = self.run(&[&["deploy", "--platform", "vercel", "--json"], more].concat(), "")?;
        let json: serde_json::Value = serde_json::from_str(&printed).context("capy deploy --json")?;
        let deploy_id = json["deploy_id"].as_str().context("no deploy_id")?.to_owned();
        let variables = json["variables"].as_object().context("no variables")?;
        let text =
            |(name, value): (&String, &serde_json::Value)| Some((name.clone(), value.as_str()?.to_owned()));
        Ok(Credentials { deploy_id, variables: variables.iter().filter_map(text).collect() })
    }

    /// A command of `capy` on the platform, with the credentials in its environment and nothing of
    /// the laptop's.
    pub fn on_platform(&self, folder: &Path, credentials: &Credentials, args: &[&str]) -> Command {
        let mut command = bare(&self.programs.join("capy"), folder);
        command.args(args).envs(credentials.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// The project's folder.
    pub fn project(&self) -> &Path {
        &self.project
    }

    /// The laptop's home folder.
    pub fn home(&self) -> &Path {
        self.home.path()
    }
}

/// A program with nothing of the caller's environment but PATH.
fn bare(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    let path: OsString = std::env::var_os("PATH").unwrap_or_default();
    command.current_dir(folder).env_clear().env("PATH", path).env("NEXT_TELEMETRY_DISABLED", "1");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs a command to its end with this text on stdin.
///
/// # Errors
/// When it cannot start.
pub fn with_stdin(command: &mut Command, text: &str) -> Result<Output> {
    let mut child = command.stdin(Stdio::piped()).spawn().context("cannot start")?;
    let mut stdin = child.stdin.take().context("no stdin")?;
    // A command that does not read its stdin may have closed it.
    let _ = stdin.write_all(text.as_bytes());
    drop(stdin);
    Ok(child.wait_with_output()?)
}
