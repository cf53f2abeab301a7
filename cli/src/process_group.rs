//! A program that ends with all that it started.

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

/// A program that runs, and what it started.
pub(crate) struct ProcessGroup {
    child: Child,
    group: system::Group,
}

impl ProcessGroup {
    /// Starts it: a process group on Unix, a job on Windows.
    pub(crate) fn spawn(command: &mut Command) -> io::Result<Self> {
        let (child, group) = system::spawn(command)?;
        Ok(Self { child, group })
    }

    /// The program itself.
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Ends all of it at once. The program must not have been waited for to its end.
    pub(crate) fn kill(&mut self) -> io::Result<()> {
        self.group.kill(&self.child);
        self.child.wait().map(drop)
    }
}
