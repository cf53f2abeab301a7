//! The container engine: docker or podman, by its own command line.
//!
//! Owns every argument and every variable that it gets. Names, numbers and paths are among the arguments, and never a
//! value: secrets go by the container's standard input (`startup_script`). Of this program's environment it gets what it
//! needs to find its service, its settings and the network, by a list: a wrapper around it, and the engine itself, would
//! heed many others, as `BASH_ENV`, `NODE_OPTIONS`, `LD_PRELOAD`.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::id::BuildId;
use super::process;
use super::stops::{Patience, Stops};
use crate::error::BuildFault as Fault;

/// Variables of this program's environment that the engine gets.
const VARIABLES: [&str; 46] = [
    // Where programs, settings and what runs are found.
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "TMPDIR",
    "XDG_RUNTIME_DIR",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_CACHE_HOME",
    // Which engine, and how it is reached; ssh's agent for one that is reached by ssh.
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
    // Podman without root asks systemd for a cgroup there.
    "DBUS_SESSION_BUS_ADDRESS",
    // The way to registries, and whom to trust on it.
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
    // What it says is read by people and not by this program.
    "LANG",
    "LC_ALL",
    "TERM",
];

/// What an engine may take to answer a question, and to end a container.
const ANSWER: Duration = Duration::from_secs(20);

/// Which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Engine {
    Docker,
    Podman,
}

/// What a container may use.
#[derive(Debug, Clone, Default)]
pub(crate) struct Limits {
    pub(crate) memory: Option<String>,
    pub(crate) cpus: Option<String>,
    pub(crate) network: Option<String>,
}

/// One container.
pub(super) struct Container<'a> {
    pub(super) build: &'a BuildId,
    pub(super) folder: &'a Path,
    pub(super) image: &'a str,
    /// What is mounted over the image's `/etc/passwd`.
    pub(super) passwd: Option<&'a Path>,
    pub(super) limits: &'a Limits,
    /// `NAME=value`, for what every build gets.
    pub(super) settings: &'a [&'static str],
}

impl Engine {
    /// The one that is asked for, else the first that answers.
    pub(super) fn choose(asked: Option<Self>, stops: &Stops) -> Result<Self, Fault> {
        let candidates = asked.map_or(vec![Self::Docker, Self::Podman], |one| vec![one]);
        let mut tried = Vec::new();
        for engine in candidates {
            match engine.answers(stops)? {
                true => return Ok(engine),
                false => tried.push(engine.name()),
            }
        }
        Err(Fault::NoEngine { tried: tried.join(", ") })
    }

    fn answers(self, stops: &Stops) -> Result<bool, Fault> {
        let mut command = self.command();
        // Docker's command line is there without an engine, too; podman is its own.
        command.args([
            "version",
            "--format",
            if self == Self::Docker { "{{.Server.Version}}" } else { "{{.Version}}" },
        ]);
        let output = process::output(&mut command, stops, Some(Instant::now() + ANSWER), Patience::None);
        stops.check()?;
        Ok(output.is_ok_and(|output| output.is_ok_and(|output| output.status.success())))
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
        }
    }

    /// The engine with its part of this program's environment.
    fn command(self) -> Command {
        let mut command = Command::new(self.name());
        command.env_clear().stdin(Stdio::null());
        command.envs(VARIABLES.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command
    }

    /// A container of a build, with nothing in it yet; there is one of them at a time.
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

    /// What runs a script of this program's own in an image, which sees neither the source nor the network.
    pub(super) fn ask(self, build: &BuildId, image: &str, script: &str) -> Command {
        let mut command = self.container(build);
        command.args(["--network", "none", "--entrypoint", "sh", image, "-c", script]);
        command
    }

    /// What runs the container, whose shell reads a script from the standard input.
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

    /// This user, so that what is built is this user's: podman without root maps it into the container first.
    fn user(self) -> Vec<String> {
        let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
        let mut words = vec!["--user".into(), format!("{}:{}", uid.as_raw(), gid.as_raw())];
        if self == Self::Podman && !uid.is_root() {
            words.push("--userns=keep-id".into());
        }
        words
    }

    /// Ends a container at once; whether the engine did.
    pub(super) fn kill_container(self, build: &BuildId, stops: &Stops) -> bool {
        self.quietly(&["kill", &build.container()], stops)
    }

    /// Ends and removes a container, if there is one.
    pub(super) fn remove_container(self, build: &BuildId, stops: &Stops) {
        self.quietly(&["rm", "--force", &build.container()], stops);
    }

    /// Removes what is in a folder, as the user who is root in containers.
    pub(super) fn empty(self, folder: &Path, image: &str, stops: &Stops) {
        let volume = format!("{}:/app{}", folder.display(), relabel(":Z"));
        let script = "rm -rf /app/* /app/.[!.]* /app/..?*";
        self.quietly(
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
            stops,
        );
    }

    fn quietly(self, arguments: &[&str], stops: &Stops) -> bool {
        let mut command = self.command();
        command.args(arguments);
        let output = process::output(&mut command, stops, Some(Instant::now() + ANSWER), Patience::One);
        output.is_ok_and(|output| output.is_ok_and(|output| output.status.success()))
    }
}

/// Where SELinux rules, what is mounted needs a label that containers may use; it is this build's alone.
fn relabel(option: &'static str) -> &'static str {
    if Path::new("/sys/fs/selinux/enforce").exists() { option } else { "" }
}

/// A word that an option takes after `=`: a name or a number, and no further options.
pub(crate) fn word(text: &str) -> Result<String, String> {
    let is_fit = |letter: char| letter.is_ascii_alphanumeric() || "._-:/".contains(letter);
    if text.is_empty() || !text.chars().all(is_fit) {
        return Err("letters, digits and ._-:/ alone".into());
    }
    Ok(text.into())
}

/// An image's name: no option, no blank.
pub(crate) fn image(text: &str) -> Result<String, String> {
    let is_fit = |letter: char| letter.is_ascii_alphanumeric() || "._-:/@".contains(letter);
    if text.is_empty() || text.starts_with('-') || !text.chars().all(is_fit) {
        return Err("that is no image's name".into());
    }
    Ok(text.into())
}
