//! Progress messages on stderr: each step with its time, and the output of a command that failed.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// The longest time without a message.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(5);

/// Prints one line to stderr.
pub fn say(line: impl AsRef<str>) {
    // If stderr is closed, nothing can be done about it.
    let _ = writeln!(std::io::stderr(), "{}", line.as_ref());
}

/// Prints a heading.
pub fn heading(text: &str) {
    say(format!("\n== {text}"));
}

/// Runs a command without showing its output. Prints a line every few seconds while it runs, and at
/// the end how long it took.
///
/// # Errors
/// If the command cannot start, or fails: then with everything that the command printed.
pub fn quiet(what: &str, command: &mut Command) -> Result<()> {
    waiting(what, || {
        let output =
            command.stdin(Stdio::null()).output().with_context(|| format!("{what}: cannot start"))?;
        ensure_success(what, output)
    })
}

/// [`quiet`], and ends all processes that the command left running: build tools start servers that
/// outlive them.
///
/// # Errors
/// As [`quiet`].
pub fn quiet_group(what: &str, command: &mut Command) -> Result<()> {
    waiting(what, || {
        let output = output_of_group(command).with_context(|| format!("{what}: cannot start"))?;
        ensure_success(what, output)
    })
}

/// Runs work that prints nothing itself. Prints what it is, every few seconds how long it has run,
/// and at the end how long it took.
///
/// # Errors
/// The errors of `work`.
pub fn waiting<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    say(format!("   {what} …"));
    let start = Instant::now();
    let heartbeat = Heartbeat::new(what);
    let done = work()?;
    drop(heartbeat);
    say(format!("   {what}: {:.1} s", start.elapsed().as_secs_f32()));
    Ok(done)
}

/// Runs a command and shows every line that it prints, indented. Prints a line every few seconds
/// while the command prints none.
///
/// # Errors
/// If the command cannot start.
pub fn shown(what: &str, command: &mut Command) -> Result<ExitStatus> {
    let pipes = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().with_context(|| format!("{what}: cannot start"))?;
    let heartbeat = Heartbeat::new(what);
    let show = |pipe: &mut dyn Read| {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            heartbeat.restart();
            say(format!("   | {}", String::from_utf8_lossy(&line).trim_end()));
        }
    };
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        scope.spawn(|| stderr.map(|mut pipe| show(&mut pipe)));
        if let Some(mut pipe) = stdout {
            show(&mut pipe);
        }
    });
    Ok(child.wait()?)
}

/// Prints a message every few seconds that something still runs, until drop.
struct Heartbeat {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Heartbeat {
    fn new(what: &str) -> Self {
        let (stop, stopped) = mpsc::channel();
        let what = what.to_owned();
        let thread = thread::spawn(move || {
            let start = Instant::now();
            loop {
                match stopped.recv_timeout(HEARTBEAT_INTERVAL) {
                    // Something else was printed just now, so wait again.
                    Ok(()) => {}
                    Err(RecvTimeoutError::Timeout) => {
                        say(format!("   {what}: {} s so far", start.elapsed().as_secs()));
                    }
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        });
        Self { stop: Some(stop), thread: Some(thread) }
    }

    /// Starts the interval until the next message again.
    fn restart(&self) {
        // Sending fails only if the thread is gone, which then prints nothing more.
        let _ = self.stop.as_ref().map(|stop| stop.send(()));
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        drop(self.stop.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Runs a command to its end in a process group of its own, and ends what is left of the group.
///
/// # Errors
/// If the command cannot start.
pub fn output_of_group(command: &mut Command) -> std::io::Result<Output> {
    let pipes = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = pipes.process_group(0).spawn()?;
    let group = rustix::process::Pid::from_child(&child);
    let output = child.wait_with_output();
    // Usually no process is left.
    let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    output
}

fn ensure_success(what: &str, output: Output) -> Result<()> {
    if !output.status.success() {
        let printed = [output.stdout, output.stderr].concat();
        bail!("{what}: {}\n{}", output.status, String::from_utf8_lossy(&printed));
    }
    Ok(())
}

/// Runs a command with its output on the terminal.
///
/// # Errors
/// If the command cannot start, or fails.
pub fn loud(what: &str, command: &mut Command) -> Result<()> {
    say(format!("   {what} …"));
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("{what}: cannot start"))?;
    if !status.success() {
        bail!("{what}: {status}");
    }
    Ok(())
}
