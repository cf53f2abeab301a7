//! A process group on Unix. Signals of keys at the terminal, such as Ctrl-C, do not reach it.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use rustix::process::{Pid, Signal, kill_process_group};

pub(super) struct Group;

pub(super) fn spawn(command: &mut Command) -> io::Result<(Child, Group)> {
    Ok((command.process_group(0).spawn()?, Group))
}

impl Group {
    pub(super) fn kill(&mut self, leader: &Child) {
        // The leader was not reaped, so no other process has its id.
        let _ = kill_process_group(Pid::from_child(leader), Signal::KILL);
    }
}
