//! A job object on Windows. Everything that the program starts belongs to it.

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

/// Lets processes that a program leaves running go on, as on Unix, once the program has ended by
/// itself.
impl Drop for Group {
    fn drop(&mut self) {
        if let Some(job) = self.0.take() {
            let _ = job.set_extended_limit_info(ExtendedLimitInfo::new().clear_limits());
        }
    }
}
