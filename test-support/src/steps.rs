//! Says what is being done, on stderr, while it is done: a step, its time, and the output of what failed.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Nothing is silent for longer.
const TOLD_EVERY: Duration = Duration::from_secs(5);

/// One line to stderr.
pub fn say(line: impl AsRef<str>) {
    // Nothing is left to do when stderr is gone.
    let _ = writeln!(std::io::stderr(), "{}", line.as_ref());
}

/// A heading.
pub fn heading(text: &str) {
    say(format!("\n== {text}"));
}

/// Runs a command whose output nobody needs: a line every few seconds tells that it goes on, and the last how long it took.
///
/// # Errors
/// When it cannot start, or fails: then with everything that it printed.
pub fn quiet(what: &str, command: &mut Command) -> Result<()> {
    waiting(what, || {
        let output =
            command.stdin(Stdio::null()).output().with_context(|| format!("{what}: cannot start"))?;
        ensure_success(what, output)
    })
}

/// [`quiet`], and ends whatever the command left running: build tools start servers that outlive them.
///
/// # Errors
/// As [`quiet`].
pub fn quiet_group(what: &str, command: &mut Command) -> Result<()> {
    waiting(what, || {
        let output = output_of_group(command).with_context(|| format!("{what}: cannot start"))?;
        ensure_success(what, output)
    })
}

/// Does something that is silent itself: says what, every few seconds for how long, and in the end how long it took.
///
/// # Errors
/// Those of what is done.
pub fn waiting<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    say(format!("   {what} …"));
    let start = Instant::now();
    let told = Told::new(what);
    let done = work()?;
    drop(told);
    say(format!("   {what}: {:.1} s", start.elapsed().as_secs_f32()));
    Ok(done)
}

/// Runs a command and shows every line that it prints, indented; while it prints none, a line every few seconds.
///
/// # Errors
/// When it cannot start.
pub fn shown(what: &str, command: &mut Command) -> Result<ExitStatus> {
    let pipes = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().with_context(|| format!("{what}: cannot start"))?;
    let told = Told::new(what);
    let show = |pipe: &mut dyn Read| {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            told.again();
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

/// Tells every few seconds that something goes on, until it is dropped.
struct Told {
    stop: Option<Sender<()>>,
    teller: Option<JoinHandle<()>>,
}

impl Told {
    fn new(what: &str) -> Self {
        let (stop, stopped) = mpsc::channel();
        let what = what.to_owned();
        let teller = thread::spawn(move || {
            let start = Instant::now();
            loop {
                match stopped.recv_timeout(TOLD_EVERY) {
                    // Something else was printed just now.
                    Ok(()) => {}
                    Err(RecvTimeoutError::Timeout) => {
                        say(format!("   {what}: {} s so far", start.elapsed().as_secs()));
                    }
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        });
        Self { stop: Some(stop), teller: Some(teller) }
    }

    /// Waits as long as at first until the next line.
    fn again(&self) {
        // Fails only when the thread is gone, which then tells nothing any more.
        let _ = self.stop.as_ref().map(|stop| stop.send(()));
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        drop(self.stop.take());
        let _ = self.teller.take().map(JoinHandle::join);
    }
}

/// Runs a command to its end in a process group of its own, and ends what is left of the group.
///
/// # Errors
/// When it cannot start.
pub fn output_of_group(command: &mut Command) -> std::io::Result<Output> {
    let pipes = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = pipes.process_group(0).spawn()?;
    let group = rustix::process::Pid::from_child(&child);
    let output = child.wait_with_output();
    // Mostly there is nobody left.
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
/// When it cannot start, or fails.
pub fn loud(what: &str, command: &mut Command) -> Result<()> {
    say(format!("   {what} …"));
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("{what}: cannot start"))?;
    if !status.success() {
        bail!("{what}: {status}");
    }
    Ok(())
}
