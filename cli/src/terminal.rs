//! One hidden line at the terminal.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

/// Linux takes no longer string into an environment (`MAX_ARG_STRLEN`): name, `=`, value and a zero byte.
pub(crate) const MAX_BYTES: usize = 128 * 1024;

#[cfg(unix)]
pub(crate) use unix::{drop_typed, read_hidden};
#[cfg(windows)]
pub(crate) use windows::{drop_typed, read_hidden};
