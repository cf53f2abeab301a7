//! The end of child processes on Unix: waiting for it without reaping, and its exit code.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use rustix::io::Errno;
use rustix::process::{WaitId, WaitIdOptions};

/// Waits for a process to end without reaping it: its process id stays its own, so that no signal
/// goes to another process that got the same one.
pub(super) fn wait_without_reaping(whom: WaitId<'_>) -> io::Result<()> {
    loop {
        match rustix::process::waitid(whom.clone(), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
            Err(Errno::INTR) => {}
            result => return Ok(result.map(drop)?),
        }
    }
}

/// The exit code of a process that ended, or 128 + N for signal N, as shells report it.
pub(super) fn exit_code(status: ExitStatus) -> u8 {
    match status.code() {
        Some(code) => u8::try_from(code).unwrap_or(crate::error::exit::FAILED),
        None => exit_code_of_signal(status.signal().unwrap_or(0)),
    }
}

/// The exit code of a process that a signal ended: 128 + its number.
pub(super) fn exit_code_of_signal(number: i32) -> u8 {
    128 + u8::try_from(number).unwrap_or(0)
}
