//! Child processes: how they are found, started, given signals, waited for and killed.
//!
//! | module | what it does |
//! | --- | --- |
//! | `lookup` | finds a program's file |
//! | `environment` | takes variables out of a program's environment |
//! | `child`, `signals` | runs the command that gets the secrets, and passes signals on to it |
//! | `container_init` | stays beside that command as PID 1 of a container |
//! | `group` | kills a program with everything that it started |
//! | `pipes`, `wait` | a program's input and outputs, and its end |
//! | `running`, `cancellation` | runs a program until its end, a deadline or a signal |
//! | `captured` | runs a program with a text as its input, and returns its output |
//!
//! A program that may have to be killed leads a process group of its own, so that everything that
//! it started is killed, too. The command that gets the secrets is never killed: it gets signals,
//! and decides itself.

#[cfg(unix)]
pub(crate) mod cancellation;
pub(crate) mod captured;
pub(crate) mod child;
#[cfg(target_os = "linux")]
pub(crate) mod container_init;
pub(crate) mod environment;
mod group;
pub(crate) mod lookup;
pub(crate) mod pipes;
#[cfg(unix)]
pub(crate) mod running;
pub(crate) mod signals;
#[cfg(unix)]
mod wait;
