//! A project folder, a home and an environment of their own for each test, and the program run in them.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::stand_in::{ADMIN_TOKEN, StandIn};

/// Part of every secret in these tests: one search finds every leak.
pub(crate) const CANARY: &str = "canary";
const CAPY: &str = env!("CARGO_BIN_EXE_capy");
/// Nothing here takes longer, but for a machine that does three other builds.
const PATIENCE: Duration = Duration::from_secs(60);

const NOBODY: u32 = 65534;

pub(crate) struct Sandbox {
    root: tempfile::TempDir,
    pub(crate) service: StandIn,
    pub(crate) env: BTreeMap<String, String>,
}

pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    shown: String,
}

impl Sandbox {
    /// An empty folder and nobody logged in.
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for folder in ["home", "project"] {
            fs::create_dir(root.path().join(folder)).unwrap();
        }
        let home = root.path().join("home").display().to_string();
        let path = std::env::var("PATH").unwrap();
        let env = [("PATH", path), ("HOME", home), ("CAPY_TIMEOUT", "2".into())];
        let env = env.map(|(name, value)| (name.to_owned(), value)).into();
        Self { root, service: StandIn::start(), env }
    }

    /// Logged in, no project.
    pub(crate) fn logged_in() -> Self {
        let sandbox = Self::new();
        let url = sandbox.service.url();
        sandbox.capy_with(&["login", "--url", &url], ADMIN_TOKEN).succeeds();
        sandbox
    }

    /// Logged in, initialised.
    pub(crate) fn project() -> Self {
        let sandbox = Self::logged_in();
        sandbox.capy(&["init"]).succeeds();
        sandbox
    }

    /// The project's folder.
    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.root.path().join("project").join(inside)
    }

    pub(crate) fn config(&self, inside: &str) -> PathBuf {
        self.root.path().join("home/.config/capy").join(inside)
    }

    pub(crate) fn read(&self, inside: &str) -> String {
        fs::read_to_string(self.path(inside)).unwrap()
    }

    pub(crate) fn write(&self, inside: &str, text: &str) {
        fs::create_dir_all(self.path(inside).parent().unwrap()).unwrap();
        fs::write(self.path(inside), text).unwrap();
    }

    /// The same, for nobody else to read.
    pub(crate) fn write_private(&self, inside: &str, text: &str) {
        self.write(inside, text);
        fs::set_permissions(self.path(inside), fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// A program of this name in front of all others.
    pub(crate) fn write_program(&mut self, name: &str, script: &str) {
        let file = format!("bin/{name}");
        self.write(&file, script);
        fs::set_permissions(self.path(&file), fs::Permissions::from_mode(0o755)).unwrap();
        let bin = self.path("bin").display().to_string();
        let path = &self.env["PATH"];
        if !path.starts_with(&bin) {
            let path = format!("{bin}:{path}");
            self.env.insert("PATH".into(), path);
        }
    }

    /// Takes the lines that `capy deploy --print` wrote into the environment, and the local files away.
    pub(crate) fn become_platform(&mut self, lines: &str) {
        for line in lines.lines() {
            let (name, value) = line.split_once('=').unwrap();
            self.env.insert(name.into(), value.into());
        }
        for file in [self.path(".env"), self.path("capy.toml")] {
            let _ = fs::remove_file(file);
        }
        let _ = fs::remove_dir_all(self.config(""));
    }

    pub(crate) fn capy(&self, arguments: &[&str]) -> Outcome {
        self.capy_with(arguments, "")
    }

    pub(crate) fn capy_with(&self, arguments: &[&str], stdin: &str) -> Outcome {
        self.finish(self.command(arguments), stdin)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(CAPY);
        command.args(arguments).current_dir(self.path("")).env_clear().envs(&self.env);
        command
    }

    /// The program as an unprivileged user: where the tests run as root, as `nobody`.
    pub(crate) fn command_as_nobody(&self, arguments: &[&str]) -> Command {
        if !rustix::process::geteuid().is_root() {
            return self.command(arguments);
        }
        let program = self.path("bin/capy");
        fs::copy(CAPY, &program).unwrap();
        fs::copy(env!("CARGO_BIN_EXE_capy-server"), self.path("bin/capy-server")).unwrap();
        let root = self.root.path().to_owned();
        let folders = [root.clone(), root.join("project"), root.join("project/bin")];
        for path in folders.into_iter().chain(self.files().into_iter().map(|(path, _)| path)) {
            chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let mut nobody = Command::new(program);
        nobody.args(arguments).current_dir(self.path("")).env_clear().envs(&self.env).uid(NOBODY).gid(NOBODY);
        nobody
    }

    pub(crate) fn finish(&self, mut command: Command, stdin: &str) -> Outcome {
        let (out, err) = (self.root.path().join("out"), self.root.path().join("err"));
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(fs::File::create(&out).unwrap())
            .stderr(fs::File::create(&err).unwrap())
            .spawn()
            .unwrap();
        // A program that does not read its input closes it.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        let start = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if start.elapsed() > PATIENCE {
                child.kill().unwrap();
                panic!("{command:?} did not end");
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let (stdout, stderr) = (fs::read_to_string(out).unwrap(), fs::read_to_string(err).unwrap());
        use std::os::unix::process::ExitStatusExt;
        let code = status.code().unwrap_or_else(|| -status.signal().unwrap());
        let shown = self.redact(&format!("exit code {code}\n-- stdout\n{stdout}-- stderr\n{stderr}"));
        Outcome { code, stdout, stderr, shown }
    }

    /// Without what differs from run to run.
    fn redact(&self, text: &str) -> String {
        let root = fs::canonicalize(self.root.path()).unwrap();
        let text = text
            .replace(&self.service.url(), "http://service")
            .replace(&root.display().to_string(), "<sandbox>")
            .replace(&self.root.path().display().to_string(), "<sandbox>");
        let words = text.split_inclusive([' ', '\n', '=', '"', ',']).map(|word| {
            let body = word.trim_end_matches([' ', '\n', '=', '"', ',', ':', ';']);
            let (scope, body) = body.split_at(body.find("prj_").unwrap_or(0));
            let hex = body.len() >= 12 && body.bytes().all(|byte| byte.is_ascii_hexdigit());
            let kind = match body {
                _ if body.starts_with("prj_") => "<project>".into(),
                _ if body.starts_with("tok_") => "<token id>".into(),
                _ if body.starts_with("tru_") => "<trust id>".into(),
                _ if body.len() > 100 => "<blob>".into(),
                _ if hex => format!("<{} hex>", body.len()),
                _ => return word.to_owned(),
            };
            format!("{scope}{kind}{}", &word[scope.len() + body.len()..])
        });
        words.collect()
    }

    /// Every file under home and project, with what it holds.
    pub(crate) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        let mut folders = vec![self.root.path().join("home"), self.path("")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path)
                } else {
                    files.push((path.clone(), fs::read(path).unwrap()))
                }
            }
        }
        files
    }
}

impl Outcome {
    #[track_caller]
    pub(crate) fn succeeds(self) -> Self {
        assert_eq!(self.code, 0, "{}", self.shown);
        self
    }

    #[track_caller]
    pub(crate) fn fails(self, exit_code: i32, code: &str) -> Self {
        assert_eq!(self.code, exit_code, "{}", self.shown);
        assert!(self.stderr.contains(&format!("error[{code}]: ")), "{}", self.shown);
        assert!(!self.stderr.contains(CANARY), "{}", self.shown);
        assert_eq!(self.stdout, "", "{}", self.shown);
        self
    }

    /// Exit code, stdout and stderr as one text.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }
}

/// Puts a program's signals to their defaults, whatever the test's own caller ignores: a child inherits that.
pub(crate) const DEFAULT_SIGNALS: [&str; 2] = ["env", "--default-signal=HUP,INT,QUIT,TERM"];

/// Waits for the end of a program that was told to end.
pub(crate) fn ended(child: &mut Child) -> ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if start.elapsed() > Duration::from_secs(30) {
            child.kill().unwrap();
            panic!("the program did not end");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

pub(crate) fn contains(haystack: &[u8], needle: &str) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle.as_bytes())
}
