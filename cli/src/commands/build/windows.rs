//! `capy build` on Windows: refused.

use std::process::ExitCode;

use crate::cli::Build;
use crate::error::{Error, Result};

pub(in crate::commands) fn run(_: Build) -> Result<ExitCode> {
    Err(Error::BuildNotHere)
}
