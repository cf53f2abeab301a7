//! Process groups: a program that can be killed together with everything that it started.

use std::io;
use std::process::{Child, Command};

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

/// A process group. Signals of keys at the terminal, such as Ctrl-C, do not reach it.
#[cfg(unix)]
mod system {
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
}

/// A job object. Everything that the program starts belongs to it.
#[cfg(windows)]
mod system {
    use std::io;
    use std::os::windows::io::AsRawHandle;
    use std::process::{Child, Command};

    use win32job::{ExtendedLimitInfo, Job};

    /// The job; `None` once it was ended.
    pub(super) struct Group(Option<Job>);

    pub(super) fn spawn(command: &mut Command) -> io::Result<(Child, Group)> {
        let job = Job::create_with_limit_info(ExtendedLimitInfo::new().limit_kill_on_job_close())?;
        let mut child = command.spawn()?;
        // The program is not started suspended. It is still loading at this point, and has started
        // nothing.
        if let Err(error) = job.assign_process(child.as_raw_handle() as isize) {
            let _ = child.kill();
            let _ = child.wait();
            return Err(error.into());
        }
        Ok((child, Group(Some(job))))
    }

    impl Group {
        /// Closes the last handle of the job, which ends all of its processes.
        pub(super) fn kill(&mut self, _: &Child) {
            self.0 = None;
        }
    }

    /// Lets processes that a program leaves running go on, as on Unix, once the program has ended
    /// by itself.
    impl Drop for Group {
        fn drop(&mut self) {
            if let Some(job) = self.0.take() {
                let _ = job.set_extended_limit_info(ExtendedLimitInfo::new().clear_limits());
            }
        }
    }
}
