//! `capy build` on Windows, which is not supported: an error.

use std::process::ExitCode;

use crate::cli::Build;
use crate::error::{Error, Result};

pub(in crate::commands) fn run(_: Build) -> Result<ExitCode> {
    Err(Error::BuildNotHere)
}
