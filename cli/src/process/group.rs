//! Process groups: a program that can be killed together with everything that it started.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::io;
use std::process::{Child, Command};

#[cfg(unix)]
use unix as system;
#[cfg(windows)]
use windows as system;

/// A running program, with the processes that it started.
pub(crate) struct ProcessGroup {
    child: Child,
    group: system::Group,
}

impl ProcessGroup {
    /// Starts the program in a process group of its own on Unix, in a job object on Windows.
    pub(crate) fn spawn(command: &mut Command) -> io::Result<Self> {
        let (child, group) = system::spawn(command)?;
        Ok(Self { child, group })
    }

    /// The program itself.
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Kills the program and everything that it started. The program must not have been reaped yet.
    pub(crate) fn kill(&mut self) -> io::Result<()> {
        self.group.kill(&self.child);
        self.child.wait().map(drop)
    }
}
