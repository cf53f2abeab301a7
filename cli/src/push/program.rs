//! Finds and runs a platform's own program: values on its stdin, its output captured.
//!
//! The program runs in a process group of its own, so that one that hangs is killed with everything
//! that it started. Whether a program that was killed did its work is not known, and reported so.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use capy_client::project_file::check_owner;
use zeroize::Zeroizing;

use crate::names;
use crate::process_group::ProcessGroup;
use crate::program::{in_folder, on_path};

/// How long a program may run. Only one that waits for somebody takes longer.
const TIMEOUT: Duration = Duration::from_secs(120);
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// How long to wait for the rest of a program's output after its end: a process that it started may
/// keep the output open.
const OUTPUT_TIMEOUT: Duration = Duration::from_secs(1);

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Success,
    Failure,
    /// Killed: nobody knows what the program did.
    Killed,
}

/// A program that ended, with its output.
pub(super) struct Finished {
    pub(super) outcome: Outcome,
    pub(super) stdout: Zeroizing<Vec<u8>>,
    pub(super) stderr: Zeroizing<Vec<u8>>,
}

/// Finds the repository's own copy of a program, as `npx` does, else the one on PATH.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let here = std::env::current_dir().ok();
    let path = std::env::var_os("PATH").unwrap_or_default();
    here.and_then(|here| in_repository(program, &here)).or_else(|| on_path(program, &path))
}

/// Searches `node_modules/.bin` up to the top of the repository. Files and folders of other users
/// do not count.
fn in_repository(program: &str, here: &Path) -> Option<PathBuf> {
    let mut found = None;
    for folder in here.ancestors() {
        let candidate = in_folder(program, &folder.join("node_modules").join(".bin"));
        let is_own = |candidate: &PathBuf| check_owner(candidate).is_ok() && check_owner(folder).is_ok();
        found = candidate.filter(is_own);
        if found.is_some() || folder.join(".git").exists() {
            break;
        }
    }
    found
}

/// Runs a program to its end, until `TIMEOUT` is over, or until `stop` is set.
pub(super) fn run(
    program: &Path,
    arguments: &[String],
    stdin: &str,
    stop: &AtomicBool,
) -> io::Result<Finished> {
    run_within(TIMEOUT, program, arguments, stdin, stop)
}

fn run_within(
    timeout: Duration,
    program: &Path,
    arguments: &[String],
    stdin: &str,
    stop: &AtomicBool,
) -> io::Result<Finished> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(names::is_reserved) {
            command.env_remove(name);
        }
    }
    let mut group = ProcessGroup::spawn(&mut command)?;
    let child = group.child();
    write_all(child, stdin);
    let (stdout, stderr) = (Collected::of(child.stdout.take()), Collected::of(child.stderr.take()));
    let outcome = wait(&mut group, timeout, stop)?;
    let deadline = Instant::now() + OUTPUT_TIMEOUT;
    Ok(Finished { outcome, stdout: stdout.take(deadline), stderr: stderr.take(deadline) })
}

fn write_all(child: &mut Child, text: &str) {
    let stdin = child.stdin.take();
    let text = Zeroizing::new(text.to_owned());
    thread::spawn(move || {
        // A program that does not read its input closes it.
        let _ = stdin.map(|mut stdin| stdin.write_all(text.as_bytes()));
    });
}

/// The bytes that come out of a pipe, read in a thread.
struct Collected {
    bytes: Arc<Mutex<Zeroizing<Vec<u8>>>>,
    reader: JoinHandle<()>,
}

impl Collected {
    fn of(stream: Option<impl Read + Send + 'static>) -> Self {
        let bytes = Arc::new(Mutex::new(Zeroizing::new(Vec::new())));
        let shared = Arc::clone(&bytes);
        let reader = thread::spawn(move || {
            let Some(mut stream) = stream else { return };
            let mut chunk = Zeroizing::new([0; 4096]);
            while let Ok(count @ 1..) = stream.read(chunk.as_mut()) {
                let mut bytes = shared.lock().unwrap_or_else(PoisonError::into_inner);
                bytes.extend_from_slice(&chunk[..count]);
            }
        });
        Self { bytes, reader }
    }

    fn take(self, deadline: Instant) -> Zeroizing<Vec<u8>> {
        while !self.reader.is_finished() && Instant::now() < deadline {
            thread::sleep(POLL_INTERVAL);
        }
        std::mem::take(&mut *self.bytes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn wait(group: &mut ProcessGroup, timeout: Duration, stop: &AtomicBool) -> io::Result<Outcome> {
    let start = Instant::now();
    loop {
        if let Some(status) = group.child().try_wait()? {
            return Ok(match status.code() {
                Some(0) => Outcome::Success,
                Some(_) => Outcome::Failure,
                None => Outcome::Killed,
            });
        }
        if start.elapsed() > timeout || stop.load(Ordering::SeqCst) {
            group.kill()?;
            return Ok(Outcome::Killed);
        }
        thread::sleep(POLL_INTERVAL);
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;

    use super::*;

    fn sh(script: &str, timeout: Duration, stop: &AtomicBool) -> Finished {
        let arguments = ["-c".to_owned(), script.to_owned()];
        run_within(timeout, Path::new("/bin/sh"), &arguments, "canary", stop).unwrap()
    }

    fn is_running(pid: &str) -> bool {
        // A zombie that nobody reaped does not run.
        fs::read_to_string(format!("/proc/{}/stat", pid.trim())).is_ok_and(|stat| !stat.contains(") Z "))
    }

    const LONG: &str = "sleep 600 & echo $!; wait";

    #[track_caller]
    fn ends(pid: &str) {
        let start = Instant::now();
        while is_running(pid) {
            assert!(start.elapsed() < Duration::from_secs(20), "{pid} is still there");
            thread::sleep(POLL_INTERVAL);
        }
    }

    #[test]
    fn what_waits_for_ever_ends_with_all_that_it_started() {
        // Long enough for the program to start, even on a slow machine.
        for timeout in [1, 4, 16].map(Duration::from_secs) {
            let finished = sh(LONG, timeout, &AtomicBool::new(false));
            assert_eq!(finished.outcome, Outcome::Killed);
            let pid = String::from_utf8(finished.stdout.to_vec()).unwrap();
            if !pid.is_empty() {
                return ends(&pid);
            }
        }
        panic!("it did not start");
    }

    #[test]
    fn what_is_to_stop_ends_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let script = format!("sleep 600 & echo $! > {0}.part; mv {0}.part {0}; wait", file.display());
        let stop = Arc::new(AtomicBool::new(false));
        let (stopper, started) = (Arc::clone(&stop), file.clone());
        let waiting = thread::spawn(move || {
            while !started.exists() {
                thread::sleep(POLL_INTERVAL);
            }
            stopper.store(true, Ordering::SeqCst);
        });
        assert_eq!(sh(&script, TIMEOUT, &stop).outcome, Outcome::Killed);
        waiting.join().unwrap();
        ends(&fs::read_to_string(file).unwrap());
    }

    #[test]
    fn what_a_program_leaves_running_holds_nobody_up() {
        let finished = sh("cat; sleep 5 & exit 3", TIMEOUT, &AtomicBool::new(false));
        assert_eq!((finished.outcome, finished.stdout.as_slice()), (Outcome::Failure, b"canary".as_slice()));
        assert_eq!(sh("kill -9 $$", TIMEOUT, &AtomicBool::new(false)).outcome, Outcome::Killed);
    }

    #[test]
    fn the_repositorys_own_copy_comes_first_and_nothing_above_the_repository() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        let place = |folder: &str| {
            let bin = root.path().join(folder).join("node_modules/.bin");
            fs::create_dir_all(&bin).unwrap();
            fs::write(bin.join("wrangler"), "").unwrap();
            fs::set_permissions(bin.join("wrangler"), fs::Permissions::from_mode(0o755)).unwrap();
            bin.join("wrangler")
        };
        let app = root.path().join("repo/apps/shop");
        fs::create_dir_all(&app).unwrap();
        fs::create_dir(root.path().join("repo/.git")).unwrap();
        place(".");
        assert_eq!(in_repository("wrangler", &app), None);
        let hoisted = place("repo");
        assert_eq!(in_repository("wrangler", &app), Some(hoisted));
        let own = place("repo/apps/shop");
        assert_eq!(in_repository("wrangler", &app), Some(own));
    }
}
