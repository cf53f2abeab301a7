//! Says what is being done, on stderr, while it is done: a step, its time, and the output of what failed.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// One line to stderr.
pub fn say(line: impl AsRef<str>) {
    // Nothing is left to do when stderr is gone.
    let _ = writeln!(std::io::stderr(), "{}", line.as_ref());
}

/// A heading.
pub fn heading(text: &str) {
    say(format!("\n== {text}"));
}

/// Runs a command quietly and says how long it took.
///
/// # Errors
/// When it cannot start, or fails: then with everything that it printed.
pub fn quiet(what: &str, command: &mut Command) -> Result<()> {
    say(format!("   {what} …"));
    let start = Instant::now();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("{what}: cannot start"))?;
    ensure_success(what, output)?;
    say(format!("   {what}: {:.1} s", start.elapsed().as_secs_f32()));
    Ok(())
}

/// [`quiet`], and ends whatever the command left running: build tools start servers that outlive them.
///
/// # Errors
/// As [`quiet`].
pub fn quiet_group(what: &str, command: &mut Command) -> Result<()> {
    say(format!("   {what} …"));
    let start = Instant::now();
    let output = output_of_group(command).with_context(|| format!("{what}: cannot start"))?;
    ensure_success(what, output)?;
    say(format!("   {what}: {:.1} s", start.elapsed().as_secs_f32()));
    Ok(())
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
