//! The examples of platforms that start a program: each is started as its platform starts it, with the secrets of a
//! running key service, and answers as with variables set by hand. Nothing is run on a platform itself.

mod docker;
mod docker_compose;
mod fly;
mod github_actions;
mod heroku;
mod kubernetes;
mod railway;
mod render;

use std::ffi::OsStr;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use capy_journeys::registry::Registry;
use capy_journeys::{printed, programs};
use capy_test_support::desk::Desk;
use capy_test_support::key_service::KeyService;
use capy_test_support::node::Node;
use capy_test_support::server_process::ServerProcess;
use capy_test_support::{needs, setup, workspace_root};
use serde_json::Value;
use tempfile::TempDir;

use crate::dist::npm::packages;

/// What a user of an example has in its folder, and git ignores.
const OF_USERS: [&str; 6] = ["dist", "node_modules", "capy", "capy.env", "capy.toml", ".env"];

/// A copy of an example, which is a project with a deployment of a running key service.
struct Example {
    desk: Desk,
    folder: TempDir,
    /// The value of `SIGNING_KEY`, which no image, file or log may hold.
    key: String,
    lines: String,
    _service: KeyService,
}

impl Example {
    /// Types the commands of the example's README from `capy init` on, behind a login. If they make no `capy.env`, the
    /// deployment's variables are printed there. `None` if the test has to be skipped.
    fn new(name: &str, platform: &str) -> Option<Self> {
        let has_openssl = Command::new("openssl").arg("version").output().is_ok();
        if !needs(has_openssl, "openssl") {
            return None;
        }
        let folder = TempDir::new().unwrap();
        copy(&workspace_root().join("examples").join(name), folder.path());
        let service = KeyService::embedded(&programs()).unwrap();
        let desk = Desk::new(&programs(), folder.path()).unwrap();
        desk.run(&["login", "--url", service.url()], service.admin_token()).unwrap();
        let page = fs::read_to_string(folder.path().join("README.md")).unwrap();
        let mut blocks = page.split("```sh\n").filter_map(|text| text.split("```").next());
        type_block(&desk, blocks.find(|block| block.contains("capy init")).unwrap());
        let key = desk.run(&["run", "--", "printenv", "SIGNING_KEY"], "").unwrap().trim().to_owned();
        assert_eq!(key.len(), 64);
        let file = folder.path().join("capy.env");
        if !file.exists() {
            fs::write(&file, desk.run(&["deploy", "--platform", platform, "--print"], "").unwrap()).unwrap();
        }
        let lines = fs::read_to_string(file).unwrap();
        assert!(lines.contains("SECRETS_BLOB=") && !lines.contains(&key), "{lines}");
        Some(Self { desk, folder, key, lines, _service: service })
    }

    /// The same, where `capy` is a dependency from the packages of a release, installed as a platform does.
    fn with_npm(node: &Node, name: &str, platform: &str) -> Option<Self> {
        let example = Self::new(name, platform)?;
        let registry = Registry::start(node, packages());
        for words in [&["install", "capy"][..], &["ci", "--omit=dev"]] {
            let npm = setup::node_tool("npm").unwrap();
            let npm = registry.command(&npm, example.folder.path()).args(words).output().unwrap();
            assert!(npm.status.success(), "{words:?}: {}", printed(&npm));
        }
        Some(example)
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.folder.path().join(inside)
    }

    fn read(&self, inside: &str) -> String {
        fs::read_to_string(self.path(inside)).unwrap()
    }

    /// The variables that the platform gets.
    fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines.lines().filter_map(|line| line.split_once('='))
    }

    fn revoke(&self) {
        self.desk.run(&["deploy", "revoke", "--all", "--yes"], "").unwrap();
    }

    /// A command in the example's folder, with these variables and nothing else in its environment.
    fn command<'a>(
        &self,
        path: &OsStr,
        variables: impl Iterator<Item = (&'a str, &'a str)>,
        shell: &str,
    ) -> Command {
        let mut command = Command::new("env");
        command.arg("-i").arg(format!("PATH={}", path.to_str().unwrap()));
        command.args(variables.map(|(name, value)| format!("{name}={value}")));
        command.args(["sh", "-c", shell]).current_dir(self.folder.path());
        command
    }

    /// What the server answers when its variables are set by hand.
    fn answer_by_hand(&self, path: &OsStr) -> String {
        let port = free_port().to_string();
        let variables = [("SIGNING_KEY", self.key.as_str()), ("PORT", &port)].into_iter();
        self.answer(&self.command(path, variables, "node server.js"), &port)
    }

    /// Starts a server, and returns its answer.
    fn answer(&self, command: &Command, port: &str) -> String {
        let server = ServerProcess::spawn(command, self.folder.path(), "listening on ").unwrap();
        let answer = ask(port);
        assert!(!server.log().contains(&self.key), "{}", server.log());
        answer
    }

    /// The start command of a platform, with the platform's own variables: it answers as by hand, and after a
    /// revocation it starts nothing.
    fn assert_starts(&self, path: &OsStr, of_platform: &[(&str, &str)], start: &str) {
        let port = free_port().to_string();
        let all = || self.variables().chain(of_platform.iter().copied()).chain([("PORT", port.as_str())]);
        let command = || self.command(path, all(), start);
        assert_eq!(self.answer(&command(), &port), self.answer_by_hand(path));
        self.revoke();
        let refused: Output = command().output().unwrap();
        let printed = printed(&refused);
        assert_eq!(refused.status.code(), Some(44), "{printed}");
        assert!(printed.contains("error[DEPLOY_REVOKED]") && !printed.contains("listening"), "{printed}");
    }
}

/// Types a block of commands at the desk, where nobody answers a question.
fn type_block(desk: &Desk, block: &str) {
    let mut bash = Command::new("bash");
    let path = std::env::var_os("PATH").unwrap();
    let path = std::iter::once(programs()).chain(std::env::split_paths(&path));
    bash.args(["-euo", "pipefail", "-c", block]).current_dir(desk.project()).stdin(Stdio::null());
    bash.env("PATH", std::env::join_paths(path).unwrap()).env("HOME", desk.home());
    let typed = bash.env("CAPY_CONFIG_DIR", desk.home().join("capy")).output().unwrap();
    assert!(typed.status.success(), "{block}\n{}", printed(&typed));
}

/// Each key of an object is one that the platform documents.
#[track_caller]
fn assert_keys(object: &Value, known: &[&str]) {
    let object = object.as_object().unwrap_or_else(|| panic!("{object} is no object"));
    for key in object.keys() {
        assert!(known.contains(&key.as_str()), "{key} is no key that the platform documents");
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if OF_USERS.iter().any(|of_users| name == *of_users) {
            continue;
        }
        let to = to.join(&name);
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&to).unwrap();
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// A port that nobody listens on.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The answer of the server at a port of this machine, once it listens.
fn ask(port: &str) -> String {
    let start = Instant::now();
    loop {
        match ureq::get(format!("http://127.0.0.1:{port}/orders/7")).call() {
            Ok(mut answer) => {
                let signature = answer.body_mut().read_to_string().unwrap();
                assert_eq!(signature.trim().len(), 64, "{signature}");
                return signature;
            }
            Err(error) => assert!(start.elapsed() < Duration::from_secs(60), "{error}"),
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
