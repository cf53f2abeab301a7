//! Signals that stop a running service, or make it read its files again.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use unix::{Reload, Stop};
#[cfg(windows)]
pub(crate) use windows::{Reload, Stop};
