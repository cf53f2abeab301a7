//! Prompt for one line at the terminal, without echo.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

/// Length limit of one string in an environment on Linux (`MAX_ARG_STRLEN`): name, `=`, value and a
/// zero byte.
pub(crate) const MAX_BYTES: usize = 128 * 1024;

#[cfg(unix)]
pub(crate) use unix::{discard_typed, read_hidden};
#[cfg(windows)]
pub(crate) use windows::{discard_typed, read_hidden};
