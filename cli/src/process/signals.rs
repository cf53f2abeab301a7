//! Passes signals of this process on to the command that it runs.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use unix::SignalForwarder;
#[cfg(windows)]
pub(crate) use windows::SignalForwarder;
