//! One hidden line at the terminal.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use unix::{drop_typed, read_hidden};
#[cfg(windows)]
pub(crate) use windows::{drop_typed, read_hidden};
