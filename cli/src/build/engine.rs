//! Command lines of the container engine, docker or podman.
//!
//! All arguments and environment variables of the engine are set here. Arguments carry names,
//! numbers and paths, never a value: secrets go through the container's standard input
//! (`startup_script`). Of this program's environment, the engine gets only a fixed list of
//! variables, those that it needs to find its service, its settings and the network. Others, such
//! as `BASH_ENV`, `NODE_OPTIONS` and `LD_PRELOAD`, would change what the engine does, or a wrapper
//! script around it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::id::BuildId;
use crate::error::BuildFault as Fault;
use crate::process::cancellation::{Cancellation, IgnoredSignals};
use crate::process::running;

/// Variables of this program's environment that the engine gets.
const VARIABLES: [&str; 46] = [
    // Where programs, settings and runtime files are.
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "TMPDIR",
    "XDG_RUNTIME_DIR",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_CACHE_HOME",
    // Which engine, and how to reach it, with the ssh agent for an engine that is reached over ssh.
    "DOCKER_HOST",
    "DOCKER_CONTEXT",
    "DOCKER_CONFIG",
    "DOCKER_CERT_PATH",
    "DOCKER_TLS",
    "DOCKER_TLS_VERIFY",
    "DOCKER_API_VERSION",
    "DOCKER_DEFAULT_PLATFORM",
    "DOCKER_CONTENT_TRUST",
    "DOCKER_CONTENT_TRUST_SERVER",
    "CONTAINER_HOST",
    "CONTAINER_CONNECTION",
    "CONTAINER_SSHKEY",
    "SSH_AUTH_SOCK",
    // How podman keeps images and runs containers.
    "CONTAINERS_CONF",
    "CONTAINERS_CONF_OVERRIDE",
    "CONTAINERS_REGISTRIES_CONF",
    "CONTAINERS_STORAGE_CONF",
    "STORAGE_DRIVER",
    "STORAGE_OPTS",
    "REGISTRY_AUTH_FILE",
    // Podman without root asks systemd for a cgroup over this bus.
    "DBUS_SESSION_BUS_ADDRESS",
    // Proxies, and certificates to trust, on the way to registries.
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "FTP_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "ftp_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    // Language and terminal, as people read the engine's output and this program does not parse it.
    "LANG",
    "LC_ALL",
    "TERM",
];

/// How long an engine may take to answer a question or to end a container.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// Which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Engine {
    Docker,
    Podman,
}

/// Resource limits and network of a container.
#[derive(Debug, Clone, Default)]
pub(crate) struct Limits {
    pub(crate) memory: Option<String>,
    pub(crate) cpus: Option<String>,
    pub(crate) network: Option<String>,
}

/// A container that runs a build's commands.
pub(super) struct Container<'a> {
    pub(super) build: &'a BuildId,
    pub(super) folder: &'a Path,
    pub(super) image: &'a str,
    /// The file that is mounted over the image's `/etc/passwd`.
    pub(super) passwd: Option<&'a Path>,
    pub(super) limits: &'a Limits,
    /// Variables that every build gets, as `NAME=value`.
    pub(super) settings: &'a [&'static str],
}

impl Engine {
    /// The engine that is asked for, else the first of docker and podman that answers.
    pub(super) fn choose(asked: Option<Self>, cancellation: &Cancellation) -> Result<Self, Fault> {
        let candidates = asked.map_or(vec![Self::Docker, Self::Podman], |one| vec![one]);
        let mut tried = Vec::new();
        for engine in candidates {
            match engine.is_available(cancellation)? {
                true => return Ok(engine),
                false => tried.push(engine.name()),
            }
        }
        Err(Fault::NoEngine { tried: tried.join(", ") })
    }

    fn is_available(self, cancellation: &Cancellation) -> Result<bool, Fault> {
        let mut command = self.command();
        // Docker's client may be installed without its server, so this asks for the server's
        // version. Podman needs no server.
        command.args([
            "version",
            "--format",
            if self == Self::Docker { "{{.Server.Version}}" } else { "{{.Version}}" },
        ]);
        let answers = succeeds(&mut command, cancellation, IgnoredSignals::None);
        cancellation.check()?;
        Ok(answers)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
        }
    }

    /// A command of the engine, with only the listed part of this program's environment.
    fn command(self) -> Command {
        let mut command = Command::new(self.name());
        command.env_clear().stdin(Stdio::null());
        command.envs(VARIABLES.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command
    }

    /// The beginning of a `run` command for a build. The container's name is the build's, so there
    /// is one of them at a time.
    fn container(self, build: &BuildId) -> Command {
        let mut command = self.command();
        command.args([
            "run",
            "--rm",
            "--name",
            &build.container(),
            "--label",
            &format!("capy.build={build}"),
        ]);
        command.args(self.user());
        command.args(["--security-opt", "no-new-privileges"]);
        command
    }

    /// The command that runs a script of this program's own in an image, without source and
    /// network.
    pub(super) fn ask(self, build: &BuildId, image: &str, script: &str) -> Command {
        let mut command = self.container(build);
        command.args(["--network", "none", "--entrypoint", "sh", image, "-c", script]);
        command
    }

    /// The command that runs a build's container, whose shell reads a script from standard input.
    pub(super) fn run(self, container: &Container<'_>) -> Command {
        let mut command = self.container(container.build);
        command.arg("--interactive");
        let folder = container.folder.display();
        command.args(["--volume", &format!("{folder}:/app{}", relabel(":Z")), "--workdir", "/app"]);
        if let Some(passwd) = container.passwd {
            let volume = format!("{}:/etc/passwd:ro{}", passwd.display(), relabel(",Z"));
            command.args(["--volume", &volume]);
        }
        for setting in container.settings {
            command.args(["-e", setting]);
        }
        let Limits { memory, cpus, network } = container.limits;
        for (option, limit) in [("--memory", memory), ("--cpus", cpus), ("--network", network)] {
            if let Some(limit) = limit {
                command.arg(format!("{option}={limit}"));
            }
        }
        command.args(["--entrypoint", "sh", container.image, "-s"]);
        command
    }

    /// Options that run the container as this user, so that this user owns what is built. Podman
    /// without root has to map the user into the container first.
    fn user(self) -> Vec<String> {
        let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
        let mut words = vec!["--user".into(), format!("{}:{}", uid.as_raw(), gid.as_raw())];
        if self == Self::Podman && !uid.is_root() {
            words.push("--userns=keep-id".into());
        }
        words
    }

    /// Kills a container, and returns whether the engine did.
    pub(super) fn kill_container(self, build: &BuildId, cancellation: &Cancellation) -> bool {
        self.run_silently(&["kill", &build.container()], cancellation)
    }

    /// Kills and removes a container, if there is one.
    pub(super) fn remove_container(self, build: &BuildId, cancellation: &Cancellation) {
        self.run_silently(&["rm", "--force", &build.container()], cancellation);
    }

    /// Empties a folder as root in a container, for files that this user cannot remove.
    pub(super) fn empty(self, folder: &Path, image: &str, cancellation: &Cancellation) {
        let volume = format!("{}:/app{}", folder.display(), relabel(":Z"));
        let script = "rm -rf /app/* /app/.[!.]* /app/..?*";
        self.run_silently(
            &[
                "run",
                "--rm",
                "--network=none",
                "--user=0:0",
                "--volume",
                &volume,
                "--entrypoint",
                "sh",
                image,
                "-c",
                script,
            ],
            cancellation,
        );
    }

    fn run_silently(self, arguments: &[&str], cancellation: &Cancellation) -> bool {
        let mut command = self.command();
        command.args(arguments);
        succeeds(&mut command, cancellation, IgnoredSignals::First)
    }
}

/// Runs a command of the engine that is answered at once, and returns whether it succeeded in time.
fn succeeds(command: &mut Command, cancellation: &Cancellation, ignored: IgnoredSignals) -> bool {
    let output = running::output(command, cancellation, Some(Instant::now() + ANSWER_TIMEOUT), ignored);
    output.is_ok_and(|output| output.is_ok_and(|output| output.status.success()))
}

/// The option of a mount where there is SELinux, else nothing. `Z` labels the mount for its
/// container alone.
fn relabel(option: &'static str) -> &'static str {
    if Path::new("/sys/fs/selinux/enforce").exists() { option } else { "" }
}

/// Parses the value of an option such as `--memory`: a name or a number, which cannot carry further
/// options.
pub(crate) fn word(text: &str) -> Result<String, String> {
    let is_fit = |letter: char| letter.is_ascii_alphanumeric() || "._-:/".contains(letter);
    if text.is_empty() || !text.chars().all(is_fit) {
        return Err("letters, digits and ._-:/ alone".into());
    }
    Ok(text.into())
}

/// Parses an image's name, which may not look like an option or hold a blank.
pub(crate) fn image(text: &str) -> Result<String, String> {
    let is_fit = |letter: char| letter.is_ascii_alphanumeric() || "._-:/@".contains(letter);
    if text.is_empty() || text.starts_with('-') || !text.chars().all(is_fit) {
        return Err("this is not the name of an image".into());
    }
    Ok(text.into())
}
