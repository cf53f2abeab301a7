//! Runs a program with a text as its input, and returns its output.
//!
//! Threads write the input and read the outputs: a program that neither reads nor writes holds
//! nobody up.
//!
//! The program runs in a process group of its own, so that one that hangs is killed with everything
//! that it started. What a program that was killed had done is not known.

use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::group::ProcessGroup;
use super::remove_variables;
use crate::names;

/// How often a thread looks again, where nothing wakes it.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// How long to wait for the rest of a program's output after its end: a process that it started may
/// keep the output open.
const OUTPUT_GRACE: Duration = Duration::from_secs(1);

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Success,
    Failure,
    /// Killed: nobody knows what the program did.
    Killed,
}

/// The end of a program, and its output.
pub(crate) struct Captured {
    pub(crate) end: End,
    pub(crate) out: Zeroizing<Vec<u8>>,
    pub(crate) err: Zeroizing<Vec<u8>>,
}

/// Runs a program to its end. Kills it after `timeout`, or once `stop` is set. The program does not
/// get capy's own variables.
pub(crate) fn run(
    program: &Path,
    arguments: &[String],
    input: &str,
    timeout: Duration,
    stop: &AtomicBool,
) -> io::Result<Captured> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    remove_variables(&mut command, names::is_reserved);
    let mut group = ProcessGroup::spawn(&mut command)?;
    let child = group.child();
    write_input(child.stdin.take(), Zeroizing::new(input.to_owned()));
    let out = CollectedOutput::begin(child.stdout.take(), usize::MAX);
    let err = CollectedOutput::begin(child.stderr.take(), usize::MAX);
    let end = wait(&mut group, timeout, stop)?;
    let deadline = Instant::now() + OUTPUT_GRACE;
    Ok(Captured { end, out: out.finish_by(deadline), err: err.finish_by(deadline) })
}

/// Looks at the program again and again: nothing wakes this thread when `stop` is set.
fn wait(group: &mut ProcessGroup, timeout: Duration, stop: &AtomicBool) -> io::Result<End> {
    let start = Instant::now();
    loop {
        if let Some(status) = group.child().try_wait()? {
            return Ok(match status.code() {
                Some(0) => End::Success,
                Some(_) => End::Failure,
                None => End::Killed,
            });
        }
        if start.elapsed() > timeout || stop.load(Ordering::SeqCst) {
            group.kill()?;
            return Ok(End::Killed);
        }
        thread::sleep(POLL_INTERVAL);
    }
}

/// Writes a text as a program's whole input. The text is wiped once it is written.
pub(super) fn write_input(stdin: Option<ChildStdin>, text: Zeroizing<String>) {
    thread::spawn(move || {
        // A program that ends or closes its input without reading it reports by its exit status
        // what is wrong.
        let _ = stdin.map(|mut stdin| stdin.write_all(text.as_bytes()));
    });
}

/// The bytes that a program writes to an output.
pub(crate) struct CollectedOutput {
    bytes: Arc<Mutex<Zeroizing<Vec<u8>>>>,
    reader: JoinHandle<()>,
}

impl CollectedOutput {
    /// Begins to read an output to its end. Keeps about the first `max_bytes`, and drops the rest.
    pub(crate) fn begin(output: Option<impl Read + Send + 'static>, max_bytes: usize) -> Self {
        let bytes = Arc::new(Mutex::new(Zeroizing::new(Vec::new())));
        let shared = Arc::clone(&bytes);
        let reader = thread::spawn(move || {
            let Some(mut output) = output else { return };
            let mut chunk = Zeroizing::new([0; 4096]);
            while let Ok(count @ 1..) = output.read(chunk.as_mut()) {
                let mut bytes = shared.lock().unwrap_or_else(PoisonError::into_inner);
                if bytes.len() < max_bytes {
                    bytes.extend_from_slice(&chunk[..count]);
                }
            }
        });
        Self { bytes, reader }
    }

    /// Waits for the end of the output, and returns its bytes.
    #[cfg(unix)]
    pub(crate) fn finish(self) -> Zeroizing<Vec<u8>> {
        let Self { bytes, reader } = self;
        let _ = reader.join();
        take(&bytes)
    }

    /// Waits for the end of the output until a deadline, and returns the bytes that came until
    /// then.
    fn finish_by(self, deadline: Instant) -> Zeroizing<Vec<u8>> {
        while !self.reader.is_finished() && Instant::now() < deadline {
            thread::sleep(POLL_INTERVAL);
        }
        take(&self.bytes)
    }
}

fn take(bytes: &Mutex<Zeroizing<Vec<u8>>>) -> Zeroizing<Vec<u8>> {
    std::mem::take(&mut *bytes.lock().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;

    use super::*;

    const LONG_TIME: Duration = Duration::from_secs(120);

    fn sh(script: &str, timeout: Duration, stop: &AtomicBool) -> Captured {
        let arguments = ["-c".to_owned(), script.to_owned()];
        run(Path::new("/bin/sh"), &arguments, "canary", timeout, stop).unwrap()
    }

    fn is_running(pid: &str) -> bool {
        // A zombie that nobody reaped does not run.
        fs::read_to_string(format!("/proc/{}/stat", pid.trim())).is_ok_and(|stat| !stat.contains(") Z "))
    }

    const HANGING: &str = "sleep 600 & echo $!; wait";

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
            let captured = sh(HANGING, timeout, &AtomicBool::new(false));
            assert_eq!(captured.end, End::Killed);
            let pid = String::from_utf8(captured.out.to_vec()).unwrap();
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
        assert_eq!(sh(&script, LONG_TIME, &stop).end, End::Killed);
        waiting.join().unwrap();
        ends(&fs::read_to_string(file).unwrap());
    }

    #[test]
    fn what_a_program_leaves_running_holds_nobody_up() {
        let captured = sh("cat; sleep 5 & exit 3", LONG_TIME, &AtomicBool::new(false));
        assert_eq!((captured.end, captured.out.as_slice()), (End::Failure, b"canary".as_slice()));
        assert_eq!(sh("kill -9 $$", LONG_TIME, &AtomicBool::new(false)).end, End::Killed);
    }
}
