//! A job, which everything that the program starts belongs to.

use std::io;
use std::os::windows::io::AsRawHandle;
use std::process::{Child, Command};

use win32job::{ExtendedLimitInfo, Job};

/// `None` once it was ended.
pub(super) struct Group(Option<Job>);

pub(super) fn spawn(command: &mut Command) -> io::Result<(Child, Group)> {
    let job = Job::create_with_limit_info(ExtendedLimitInfo::new().limit_kill_on_job_close())?;
    let mut child = command.spawn()?;
    // The program still loads, and has started nothing.
    if let Err(error) = job.assign_process(child.as_raw_handle() as isize) {
        let _ = child.kill();
        let _ = child.wait();
        return Err(error.into());
    }
    Ok((child, Group(Some(job))))
}

impl Group {
    /// The last handle to a job of this kind ends what is in it.
    pub(super) fn kill(&mut self, _: &Child) {
        self.0 = None;
    }
}

/// What a program leaves running goes on, as on Unix, once it has ended by itself.
impl Drop for Group {
    fn drop(&mut self) {
        if let Some(job) = self.0.take() {
            let _ = job.set_extended_limit_info(ExtendedLimitInfo::new().clear_limits());
        }
    }
}
