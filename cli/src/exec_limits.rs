//! Size limits of arguments and environment when a program is started: of one string, and of all of
//! them together.
//!
//! Source: execve(2), "Limits on size of arguments and environment", and Linux's `fs/exec.c`.
//! Messages contain variable names and sizes, never a value and never an argument.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::process::Command;

/// How many of the largest variables a message names.
const NAMED: usize = 3;

/// Limit of one string in an environment on Linux with pages of 4 KiB: name, `=`, value and a zero
/// byte.
pub(crate) const MAX_ARG_STRLEN: usize = 128 * 1024;

/// A limit that is exceeded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Excess {
    /// One variable is too long; `bytes` includes its name.
    Variable { name: String, bytes: usize, most: usize },
    /// One argument is too long. Arguments are counted from 1; 0 is the program itself.
    Argument { number: usize, bytes: usize, most: usize },
    /// Everything together is too long, in bytes; `most` is `None` if the system's limit is not
    /// known.
    Together { bytes: usize, most: Option<usize>, arguments: usize, largest: Vec<(String, usize)> },
}

/// Checks a command against the limits before it is started. The limits are known on Linux and, for
/// one string, on Windows.
pub(crate) fn check(command: &Command) -> Option<Excess> {
    let sizes = Sizes::of(command);
    sizes.single(single_limit()?).or_else(|| {
        let most = total_limit()?;
        (sizes.total() > most).then(|| sizes.together(Some(most)))
    })
}

/// Describes the sizes after the system has refused to start the command.
pub(crate) fn explain(command: &Command) -> Excess {
    Sizes::of(command).together(total_limit())
}

/// Limit of one string in bytes. On Linux it is `MAX_ARG_STRLEN`: 32 pages, with the zero byte at
/// the end.
fn single_limit() -> Option<usize> {
    #[cfg(target_os = "linux")]
    {
        use nix::unistd::{SysconfVar, sysconf};
        // The page size does not come from the auxiliary vector: before Linux 6.4 that is read from
        // a file in /proc, which is not mounted everywhere.
        let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten()?;
        Some(32 * usize::try_from(page).ok()?)
    }
    // On Windows it is the limit of a variable: 32,767 UTF-16 units of two bytes each
    // (SetEnvironmentVariable).
    #[cfg(windows)]
    return Some(2 * 32_767);
    #[cfg(not(any(target_os = "linux", windows)))]
    None
}

/// Limit of all strings together, in bytes: a quarter of the stack's limit, but at least 128 KiB
/// and at most three quarters of 8 MiB.
fn total_limit() -> Option<usize> {
    #[cfg(target_os = "linux")]
    {
        const LEAST: u64 = 128 * 1024;
        const MOST: u64 = 6 * 1024 * 1024;
        let stack = rustix::process::getrlimit(rustix::process::Resource::Stack).current;
        usize::try_from(stack.map_or(MOST, |bytes| bytes / 4).clamp(LEAST, MOST)).ok()
    }
    #[cfg(not(target_os = "linux"))]
    None
}

/// Length of a string in bytes, in the system's encoding.
#[cfg(unix)]
fn length(text: &OsStr) -> usize {
    text.len()
}

#[cfg(windows)]
fn length(text: &OsStr) -> usize {
    2 * std::os::windows::ffi::OsStrExt::encode_wide(text).count()
}

/// Length of each string in bytes as the system counts it: with `=` and the zero byte.
struct Sizes {
    arguments: Vec<usize>,
    variables: BTreeMap<OsString, usize>,
}

impl Sizes {
    fn of(command: &Command) -> Self {
        let of_variable = |name: &OsStr, value: &OsStr| length(name) + length(value) + "=\0".len();
        let mut variables: BTreeMap<_, _> = std::env::vars_os()
            .map(|(name, value)| {
                let bytes = of_variable(&name, &value);
                (name, bytes)
            })
            .collect();
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => variables.insert(name.into(), of_variable(name, value)),
                None => variables.remove(name),
            };
        }
        let arguments = [command.get_program()].into_iter().chain(command.get_args());
        Self { arguments: arguments.map(|argument| length(argument) + 1).collect(), variables }
    }

    fn single(&self, most: usize) -> Option<Excess> {
        let variable = self.variables.iter().find(|(_, bytes)| **bytes > most).map(|(name, bytes)| {
            Excess::Variable { name: name.to_string_lossy().into_owned(), bytes: *bytes, most }
        });
        variable.or_else(|| {
            let number = self.arguments.iter().position(|bytes| *bytes > most)?;
            Some(Excess::Argument { number, bytes: self.arguments[number], most })
        })
    }

    /// Length of all strings, with a pointer to each one.
    fn total(&self) -> usize {
        let pointers = (self.arguments.len() + self.variables.len()) * size_of::<usize>();
        self.arguments.iter().chain(self.variables.values()).sum::<usize>() + pointers
    }

    fn together(&self, most: Option<usize>) -> Excess {
        let mut largest: Vec<_> = self
            .variables
            .iter()
            .map(|(name, bytes)| (name.to_string_lossy().into_owned(), *bytes))
            .collect();
        largest.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        largest.truncate(NAMED);
        Excess::Together { bytes: self.total(), most, arguments: self.arguments.iter().sum(), largest }
    }
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable { name, bytes, most } => {
                write!(
                    f,
                    "variable {name} has {bytes} bytes with its name, but a program can get at most {most}"
                )
            }
            Self::Argument { number, bytes, most } => {
                write!(
                    f,
                    "argument {number} of the command has {bytes} bytes, but a program can get at most {most}"
                )
            }
            Self::Together { bytes, most, arguments, largest } => {
                write!(f, "the variables and arguments have {bytes} bytes together, ")?;
                match most {
                    Some(most) => write!(f, "but a program can get at most {most}")?,
                    None => f.write_str("which is more than a program can get")?,
                }
                let largest: Vec<_> = largest.iter().map(|(name, bytes)| format!("{name} {bytes}")).collect();
                write!(f, "; the arguments have {arguments}, the largest variables: {}", largest.join(", "))
            }
        }
    }
}
