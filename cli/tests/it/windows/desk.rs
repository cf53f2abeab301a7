//! A folder in which somebody works on Windows, with a key service of its own.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::windows::service::Service;
use crate::windows::wine::{Wine, named};

/// Part of every secret in these tests: one search finds every leak.
pub(crate) const CANARY: &str = "canary";
/// Wine starts slowly, and the machine does other things.
const PATIENCE: Duration = Duration::from_secs(180);

pub(crate) struct Desk {
    pub(crate) wine: &'static Wine,
    root: tempfile::TempDir,
    pub(crate) service: Service,
    pub(crate) env: BTreeMap<String, String>,
}

pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Desk {
    /// An empty folder, and a settings folder of its own; `None` where the test is skipped.
    pub(crate) fn new() -> Option<Self> {
        let wine = Wine::find()?;
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("project")).unwrap();
        // Wine hands on a folder's access list in any case: nobody else is in these.
        for folder in ["", "project"] {
            fs::set_permissions(root.path().join(folder), fs::Permissions::from_mode(0o700)).unwrap();
        }
        let service = Service::start(&root.path().join("service"));
        let path = format!("{};{}", named(&root.path().join("project/bin")), named(&wine.node));
        let settings = named(&root.path().join("settings").join("capy"));
        let env = [("WINEPATH", path), ("CAPY_CONFIG_DIR", settings), ("CAPY_TIMEOUT", "20".to_owned())];
        let env = env.map(|(name, value)| (name.to_owned(), value)).into();
        Some(Self { wine, root, service, env })
    }

    /// Logged in, and initialised.
    pub(crate) fn with_project() -> Option<Self> {
        let desk = Self::new()?;
        desk.capy_with(&["login", "--url", &desk.service.url], &desk.service.admin_token).succeeds();
        desk.capy(&["init"]).succeeds();
        Some(desk)
    }

    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.root.path().join("project").join(inside)
    }

    pub(crate) fn settings(&self, inside: &str) -> PathBuf {
        self.root.path().join("settings/capy").join(inside)
    }

    pub(crate) fn read(&self, inside: &str) -> String {
        fs::read_to_string(self.path(inside)).unwrap()
    }

    pub(crate) fn write(&self, inside: &str, text: &str) {
        fs::create_dir_all(self.path(inside).parent().unwrap()).unwrap();
        fs::write(self.path(inside), text).unwrap();
    }

    /// A script of Node's in `PATH`, with a `NAME.cmd` as package managers write it. Not npm's newest one: it needs more
    /// of `cmd` than Wine's has.
    pub(crate) fn write_program(&self, name: &str, script: &str) {
        self.write(&format!("packages/{name}/cli.js"), script);
        let begin = "@SETLOCAL\r\n@SET PATHEXT=%PATHEXT:;.JS;=;%\r\n";
        self.write(
            &format!("bin/{name}.cmd"),
            &format!("{begin}@node \"%~dp0\\..\\packages\\{name}\\cli.js\" %*\r\n"),
        );
    }

    pub(crate) fn capy(&self, arguments: &[&str]) -> Outcome {
        self.capy_with(arguments, "")
    }

    pub(crate) fn capy_with(&self, arguments: &[&str], stdin: &str) -> Outcome {
        let run = || self.finish(self.command("capy.exe", arguments), stdin);
        let outcome = run();
        // On a busy machine Wine sometimes fails to start a program, with an error of its own.
        if outcome.stderr.contains("(os error 1359)") { run() } else { outcome }
    }

    /// One of the programs under test, in the project's folder.
    pub(crate) fn command(&self, program: &str, arguments: &[&str]) -> Command {
        self.command_of(self.wine.programs.join(program).as_ref(), arguments)
    }

    /// Any program of Windows there.
    pub(crate) fn command_of(&self, program: &OsStr, arguments: &[&str]) -> Command {
        let mut command = self.wine.command(program.to_str().unwrap(), arguments);
        command.current_dir(self.path("")).envs(&self.env);
        command
    }

    pub(crate) fn finish(&self, mut command: Command, stdin: &str) -> Outcome {
        let (out, err) = (self.root.path().join("out"), self.root.path().join("err"));
        command.stdin(Stdio::piped());
        command.stdout(fs::File::create(&out).unwrap()).stderr(fs::File::create(&err).unwrap());
        let mut child = command.spawn().unwrap();
        // A program that does not read its input closes it.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        let code = ended(&mut child);
        let text = |path: PathBuf| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
        Outcome { code, stdout: text(out), stderr: text(err) }
    }

    /// Takes the lines that `capy deploy --print` wrote into the environment, and the local files away.
    pub(crate) fn become_platform(&mut self, lines: &str) {
        for line in lines.lines() {
            let (name, value) = line.split_once('=').unwrap();
            self.env.insert(name.into(), value.into());
        }
        for file in [".env", "capy.toml"] {
            let _ = fs::remove_file(self.path(file));
        }
        let _ = fs::remove_dir_all(self.settings(""));
    }
}

impl Outcome {
    #[track_caller]
    pub(crate) fn succeeds(self) -> Self {
        self.ends(0)
    }

    /// With an exit code, of which Wine hands on the lowest eight bits.
    #[track_caller]
    pub(crate) fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n-- stderr\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn fails(self, exit_code: i32, code: &str) -> Self {
        let this = self.ends(exit_code);
        assert!(this.stderr.contains(&format!("error[{code}]: ")), "{}", this.stderr);
        assert!(!this.stderr.contains(CANARY), "{}", this.stderr);
        assert_eq!(this.stdout, "", "{}", this.stderr);
        this
    }
}

/// A program that is ended on drop, with what it started: a test that failed leaves nothing behind.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    /// As Ctrl-C does it: to every program of the terminal.
    pub(crate) fn interrupt(&self) {
        kill_process_group(Pid::from_child(&self.0), Signal::INT).unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
        let _ = self.0.wait();
    }
}

pub(crate) fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// The exit code, once it has ended.
pub(crate) fn ended(child: &mut Child) -> i32 {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code().expect("Wine ends with an exit code");
        }
        if start.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("the program did not end");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
