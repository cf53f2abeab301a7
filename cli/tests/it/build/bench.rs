//! One project at a stand-in for the service, a source, and a build host with a home of its own.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use capy_protocol::env_map::SecretValue;
use capy_protocol::id::ProjectId;
use capy_protocol::store_keys::StoreKeys;
use capy_protocol::store_row::Binding;
use serde_json::{Value, json};

use crate::build::engine::{IMAGE, Store, write_program};
use crate::stand_in::{ADMIN_TOKEN, StandIn};

pub(crate) const CANARY: &str = "canary";
pub(crate) const PROJECT: &str = "prj_0123456789abcdef";
const CAPY: &str = env!("CARGO_BIN_EXE_capy");
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Bench {
    root: tempfile::TempDir,
    pub(crate) service: StandIn,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) project: Value,
    pub(crate) rows: Value,
}

pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A build that runs.
pub(crate) struct Build {
    pub(crate) child: Child,
    output: thread::JoinHandle<(String, String)>,
}

impl Bench {
    /// A project named `shop` whose build writes a server into `dist`, with one secret. None where no container runs.
    pub(crate) fn new() -> Option<Self> {
        crate::build::engine::is_there().then(Self::make)
    }

    fn make() -> Self {
        let root = tempfile::tempdir().unwrap();
        for folder in ["home", "source", "bin"] {
            fs::create_dir(root.path().join(folder)).unwrap();
        }
        let service = StandIn::start();
        let key = "5a".repeat(32);
        let path = format!("{}:{}", root.path().join("bin").display(), std::env::var("PATH").unwrap());
        let env = [
            ("PATH", path),
            ("HOME", root.path().join("home").display().to_string()),
            ("CAPY_TIMEOUT", "20".into()),
            ("CAPY_SERVICE_URL", service.url()),
            ("CAPY_TOKEN", ADMIN_TOKEN.into()),
            ("ENCRYPTION_KEY", key),
        ];
        let env = env.map(|(name, value)| (name.to_owned(), value)).into();
        let project = json!({
            "project_id": PROJECT, "name": "shop", "created_at": 1, "created_by": "bootstrap", "updated_at": 1,
            "output_directory": "dist", "image": IMAGE,
            "build_command": "mkdir -p dist && echo 'require(\"http\")' > dist/server.js",
        });
        let bench = Self { root, service, env, project, rows: json!([]) };
        Store::shared().wrapper(bench.root.path(), &bench.path("calls"), "");
        fs::write(bench.path("source/a.txt"), "1").unwrap();
        let mut bench = bench;
        bench.secrets(&[("STRIPE_KEY", "canary.STRIPE_KEY.x9")]);
        bench
    }

    /// Another setting of the project.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.project[name] = value.into();
    }

    /// The project's secrets, sealed as the service keeps them.
    pub(crate) fn secrets(&mut self, values: &[(&str, &str)]) {
        let keys = StoreKeys::parse(&"5a".repeat(32)).unwrap();
        let project = ProjectId::parse(PROJECT).unwrap();
        let row = |(name, value): &(&str, &str)| {
            let place = Binding { project: &project, name };
            let row = keys.seal(place, &SecretValue::new((*value).to_owned())).unwrap();
            json!({"key": name, "row": row, "key_id": keys.newest()})
        };
        self.rows = values.iter().map(row).collect();
    }

    /// What runs before the engine, with its arguments in `$@`.
    pub(crate) fn before_engine(&self, script: &str) {
        Store::shared().wrapper(self.root.path(), &self.path("calls"), script);
    }

    /// A program in front of all others.
    pub(crate) fn program(&self, name: &str, script: &str) {
        write_program(&self.path("bin").join(name), script);
    }

    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.root.path().join(inside)
    }

    pub(crate) fn write(&self, inside: &str, text: &str) {
        let path = self.path("source").join(inside);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn artifact(&self, inside: &str) -> String {
        let path = self.path("out").join(inside);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Builds the source folder into `out`.
    pub(crate) fn build(&self, arguments: &[&str]) -> Outcome {
        self.start(arguments).finish()
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> Build {
        let (source, out) =
            (self.path("source").display().to_string(), self.path("out").display().to_string());
        let mut all = vec!["build", "shop", "--network", "none"];
        if !arguments.contains(&"--engine") {
            all.extend(["--engine", "podman"]);
        }
        if !arguments.iter().any(|argument| ["--ref", "--source"].contains(argument)) {
            all.extend(["--source", &source]);
        }
        if !arguments.contains(&"--artifacts") {
            all.extend(["--artifacts", &out]);
        }
        all.extend(
            arguments.iter().filter(|argument| **argument != "--ref" || arguments.last() != Some(argument)),
        );
        self.start_with(&all)
    }

    pub(crate) fn capy(&self, arguments: &[&str]) -> Outcome {
        self.start_with(arguments).finish()
    }

    fn start_with(&self, arguments: &[&str]) -> Build {
        self.spawn(&mut self.command(Path::new(CAPY), arguments))
    }

    /// The program, and a service that knows the project.
    fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        self.service.can("/api/project/projects", json!({"projects": [self.project]}));
        let mut detail = self.project.clone();
        detail["secrets"] = json!([]);
        self.service.can(&format!("/api/project/projects/{PROJECT}"), detail);
        let rows = json!({"project_id": PROJECT, "rows": self.rows});
        self.service.can(&format!("/api/build/projects/{PROJECT}/rows"), rows);
        // Whatever the test's own caller ignores: a child inherits that.
        let mut command = Command::new("env");
        command.arg("--default-signal=HUP,INT,QUIT,TERM").arg(program).args(arguments);
        command.current_dir(self.root.path()).env_clear().envs(&self.env);
        command
    }

    /// Builds as `nobody`, to whom all of the bench is given.
    pub(crate) fn start_as_nobody(&self, engine: &str) -> Build {
        let program = self.path("bin/capy");
        fs::copy(CAPY, &program).unwrap();
        let given = Command::new("chown").args(["-R", "65534:65534"]).arg(self.root.path()).status();
        assert!(given.unwrap().success());
        let (source, out) =
            (self.path("source").display().to_string(), self.path("out").display().to_string());
        let arguments = ["build", "shop", "--engine", engine, "--source", &source, "--artifacts", &out];
        self.spawn(self.command(&program, &arguments).uid(65534).gid(65534))
    }

    fn spawn(&self, command: &mut Command) -> Build {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let output = thread::spawn(move || {
            let errors = thread::spawn(move || {
                let mut text = Vec::new();
                let _ = stderr.read_to_end(&mut text);
                String::from_utf8(text).unwrap()
            });
            let mut text = Vec::new();
            let _ = stdout.read_to_end(&mut text);
            (String::from_utf8(text).unwrap(), errors.join().unwrap())
        });
        Build { child, output }
    }

    /// The only folder of a build that there is, once it is there.
    pub(crate) fn wait_for_folder(&self) -> PathBuf {
        wait_for("a build's folder", || self.left_in_temp().into_iter().find(|path| path.is_dir()))
    }

    pub(crate) fn left_in_temp(&self) -> Vec<PathBuf> {
        let temp = self.path("home/.local/state/capy/temp");
        let entries = fs::read_dir(temp).into_iter().flatten().flatten().map(|entry| entry.path());
        entries.filter(|path| path.file_name().unwrap() != ".lock").collect()
    }

    /// What was said to the engine, one argument a line.
    pub(crate) fn calls(&self) -> String {
        fs::read_to_string(self.path("calls")).unwrap_or_default()
    }

    /// The last build's record.
    pub(crate) fn record(&self) -> Value {
        let list = self.capy(&["build", "list", "--json"]);
        assert_eq!(list.code, 0, "{}", list.stderr);
        serde_json::from_str::<Value>(&list.stdout).unwrap()[0].clone()
    }

    pub(crate) fn log(&self) -> String {
        let id = self.record()["id"].as_str().unwrap().to_owned();
        let logs = self.capy(&["build", "logs", &id]);
        assert_eq!(logs.code, 0, "{}", logs.stderr);
        logs.stdout
    }

    /// Nothing is left of the build: no folder, no container, no half of an output, and no canary anywhere but in the
    /// source that was given.
    #[track_caller]
    pub(crate) fn is_clean(&self) {
        assert_eq!(self.left_in_temp(), Vec::<PathBuf>::new());
        let ours = self.calls();
        let names: Vec<&str> = ours.lines().filter(|line| line.starts_with("capy-")).collect();
        let containers = Store::shared().containers();
        assert!(!containers.iter().any(|name| names.contains(&name.as_str())), "{containers:?}");
        let halves = fs::read_dir(self.root.path()).unwrap().flatten();
        assert!(
            !halves.map(|entry| entry.file_name()).any(|name| name.to_string_lossy().starts_with(".capy-"))
        );
        for (path, content) in files(self.root.path()) {
            if !path.starts_with(self.path("source")) && !path.starts_with(self.path("repository")) {
                assert!(!contains(&content, CANARY), "a canary in {}", path.display());
            }
        }
    }
}

impl Build {
    pub(crate) fn finish(mut self) -> Outcome {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if start.elapsed() > PATIENCE {
                self.child.kill().unwrap();
                panic!("capy did not end");
            }
            thread::sleep(Duration::from_millis(10));
        };
        let code = status.code().unwrap_or_else(|| -status.signal().unwrap());
        let (stdout, stderr) = self.output.join().unwrap();
        Outcome { code, stdout, stderr }
    }
}

impl Outcome {
    #[track_caller]
    pub(crate) fn passes(self) -> Self {
        assert_eq!(self.code, 0, "{}", self.stderr);
        assert!(!self.stderr.contains(CANARY) && !self.stdout.contains(CANARY), "{}", self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn fails(self, exit_code: i32, code: &str) -> Self {
        assert_eq!(self.code, exit_code, "{}", self.stderr);
        assert!(self.stderr.contains(&format!("error[{code}]: ")), "{}", self.stderr);
        assert!(!self.stderr.contains(CANARY) && self.stdout.is_empty(), "{}", self.stderr);
        self
    }
}

pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "{what} did not come");
        thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn files(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let (mut files, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                files.push((entry.path(), fs::read(entry.path()).unwrap()));
            }
        }
    }
    files
}

pub(crate) fn contains(haystack: &[u8], needle: &str) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle.as_bytes())
}
