//! The container engine: docker or podman, by its own command line.
//!
//! Owns every argument that it gets. Names, numbers and paths are among them, and never a value. It refuses to hand on
//! capy's own settings and the store's key.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::error::Fault;
use super::process;
use super::record::BuildId;
use super::source::scrub;
use super::stops::{Patience, Stops};

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
    /// What the shell runs.
    pub(super) script: &'a str,
    pub(super) limits: &'a Limits,
    /// Variables that come out of the engine's environment.
    pub(super) by_name: &'a [&'a str],
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

    /// Whether the engine's own command line would take a variable of this name as a setting.
    pub(super) fn heeds(self, name: &str) -> bool {
        const EXACTLY: [&str; 18] = [
            "PATH",
            "HOME",
            "USER",
            "LOGNAME",
            "SHELL",
            "TERM",
            "TZ",
            "TMPDIR",
            "TMP",
            "TEMP",
            "LANG",
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "NO_PROXY",
            "ALL_PROXY",
            "FTP_PROXY",
            "NOTIFY_SOCKET",
            "HOSTNAME",
        ];
        const BEGINNINGS: [&str; 17] = [
            "DOCKER_",
            "COMPOSE_",
            "BUILDKIT_",
            "BUILDX_",
            "CONTAINER",
            "_CONTAINERS_",
            "PODMAN_",
            "BUILDAH_",
            "STORAGE_",
            "REGISTRY_",
            "XDG_",
            "DBUS_",
            "LD_",
            "LC_",
            "GO",
            "SSL_",
            "LISTEN_",
        ];
        let name = name.to_ascii_uppercase();
        EXACTLY.contains(&name.as_str())
            || BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
            || name.starts_with("SSH_")
            || name.starts_with("OTEL_")
    }

    /// The engine with an environment that holds nothing of capy's.
    fn command(self) -> Command {
        let mut command = Command::new(self.name());
        scrub(&mut command);
        command.stdin(Stdio::null());
        command
    }

    /// What runs the container; the caller adds the variables that go by name.
    pub(super) fn run(self, container: &Container<'_>) -> Command {
        let mut command = self.command();
        let folder = container.folder.display();
        command.args(["run", "--rm", "--name", &container.build.container()]);
        command.args(["--label", &format!("capy.build={}", container.build)]);
        command.args(["--volume", &format!("{folder}:/app{}", relabel()), "--workdir", "/app"]);
        command.args(self.user());
        command.args(["--security-opt", "no-new-privileges"]);
        command.args(["--env-file", &format!("{folder}/.env")]);
        for name in container.by_name {
            command.args(["-e", name]);
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
        command.args(["--entrypoint", "sh", container.image, "-c", container.script]);
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
        let volume = format!("{}:/app{}", folder.display(), relabel());
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

/// Where SELinux rules, the folder needs a label that containers may use; the folder is this build's alone.
fn relabel() -> &'static str {
    if Path::new("/sys/fs/selinux/enforce").exists() { ":Z" } else { "" }
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
