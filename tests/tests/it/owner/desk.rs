//! The owner's shell: a checkout after `npm ci`, with `capy` on PATH, and the real wrangler for the stand-in's account.
//!
//! What it runs is watched: every argument of every process is kept, to be searched for secrets.

use std::collections::HashSet;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use capy_journeys::needles::{Needle, assert_absent};
use capy_journeys::{printed, programs};
use capy_test_support::node::Node;
use capy_test_support::workspace_root;
use tempfile::TempDir;

use crate::owner::server::{ACCOUNT_ID, API_TOKEN, Cloudflare};

/// Seconds for a line. The first one builds the service.
const DEADLINE: &str = "600";

/// A person at a shell.
#[derive(Debug)]
pub(crate) struct Owner {
    node: Node,
    url: String,
    /// Where lines are typed, and whether Rust is there.
    folder: PathBuf,
    has_rust: bool,
    home: TempDir,
    watch: Watch,
    said: String,
}

impl Owner {
    pub(crate) fn of(cloudflare: &Cloudflare, node: &Node) -> Self {
        let (node, url) = (node.clone(), cloudflare.url().to_owned());
        let (folder, home) = (workspace_root(), TempDir::new().unwrap());
        Self { node, url, folder, has_rust: true, home, watch: Watch::start(), said: String::new() }
    }

    /// Types in another folder from now on, without Rust: no `cargo` and no `rustc` is on PATH.
    pub(crate) fn moves_to(&mut self, folder: &Path) {
        (self.folder, self.has_rust) = (folder.to_owned(), false);
        let found = self.types("command -v cargo rustc || echo none");
        assert_eq!(found, "none\n");
    }

    /// A folder of the owner's own.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Runs a line in the checkout. What it printed, if it came to an end as expected.
    pub(crate) fn types(&mut self, line: &str) -> String {
        let (success, text) = self.tries(line);
        assert!(success, "{line}\n{text}");
        text
    }

    /// The same of a line that has to fail.
    pub(crate) fn fails(&mut self, line: &str) -> String {
        let (success, text) = self.tries(line);
        assert!(!success, "{line}\n{text}");
        text
    }

    /// The exit code of a line, and what it printed.
    pub(crate) fn asks(&mut self, line: &str) -> (Option<i32>, String) {
        let output = self.shell(line).output().unwrap();
        let text = printed(&output);
        self.said += &text;
        (output.status.code(), text)
    }

    fn tries(&mut self, line: &str) -> (bool, String) {
        let (code, text) = self.asks(line);
        (code == Some(0), text)
    }

    fn shell(&self, line: &str) -> Command {
        let mut shell = Command::new("timeout");
        shell
            .args([DEADLINE, "bash", "-euo", "pipefail", "-c", line])
            .current_dir(&self.folder)
            .stdin(Stdio::null());
        let settings = self.node.wrangler();
        shell.envs(settings.get_envs().filter_map(|(name, value)| Some((name, value?))));
        for (name, _) in settings.get_envs().filter(|(_, value)| value.is_none()) {
            shell.env_remove(name);
        }
        shell.env("PATH", self.path()).env("HOME", self.home());
        if self.has_rust {
            shell.envs(rust_homes());
        }
        shell.env("CLOUDFLARE_API_BASE_URL", &self.url).env("CLOUDFLARE_API_TOKEN", API_TOKEN);
        shell.env("CLOUDFLARE_ACCOUNT_ID", ACCOUNT_ID);
        shell
    }

    /// The checkout's programs first, then those that were installed.
    fn path(&self) -> OsString {
        let modules = workspace_root().join("node_modules/.bin");
        let rest = self.node.path();
        let is_kept = |folder: &PathBuf| {
            self.has_rust || ["cargo", "rustc"].iter().all(|program| !folder.join(program).exists())
        };
        let rest = env::split_paths(&rest).filter(is_kept);
        env::join_paths([modules, programs()].into_iter().chain(rest)).unwrap()
    }

    /// Fails when a secret was an argument of any process, was printed, or stands in what wrangler keeps at home.
    pub(crate) fn assert_discreet(&self, needles: &[Needle]) {
        assert_absent("what was printed", self.said.as_bytes(), needles);
        let arguments = self.watch.seen.lock().unwrap();
        assert!(
            arguments.iter().any(|line| line.windows(8).any(|part| part == b"wrangler")),
            "nothing was seen"
        );
        for line in arguments.iter() {
            assert_absent(&format!("the arguments {:?}", String::from_utf8_lossy(line)), line, needles);
        }
        let mut kept: Vec<PathBuf> = Vec::new();
        capy_test_support::shop::collect(&self.home().join(".config"), &mut kept).unwrap();
        assert!(!kept.is_empty(), "wrangler keeps logs");
        for file in kept {
            assert_absent(&file.display().to_string(), &fs::read(&file).unwrap(), needles);
        }
    }
}

/// Where cargo and rustup are for someone whose home is elsewhere.
fn rust_homes() -> impl Iterator<Item = (&'static str, PathBuf)> {
    let own = env::home_dir().unwrap();
    let homes = [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")];
    homes
        .into_iter()
        .map(move |(name, folder)| (name, env::var_os(name).map_or(own.join(folder), PathBuf::from)))
}

/// Looks at the arguments of every process that it can see, many times a second.
#[derive(Debug)]
struct Watch {
    seen: Arc<std::sync::Mutex<HashSet<Vec<u8>>>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    fn start() -> Self {
        let (seen, ended) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let (all, end): (Arc<std::sync::Mutex<HashSet<Vec<u8>>>>, _) =
            (Arc::clone(&seen), Arc::clone(&ended));
        let thread = thread::spawn(move || {
            while !end.load(Ordering::Relaxed) {
                for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
                    // Others come and go meanwhile.
                    let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
                    all.lock().unwrap().insert(line);
                }
                thread::sleep(Duration::from_millis(20));
            }
        });
        Self { seen, ended, thread: Some(thread) }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
