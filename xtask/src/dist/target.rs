//! Targets: the platforms that programs are built for.

use std::env::consts::{ARCH, OS};

use anyhow::{Result, bail};
use clap::ValueEnum;

/// A platform with programs in a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Target {
    /// Linux on x86-64, static
    #[value(name = "x86_64-unknown-linux-musl")]
    LinuxX64,
    /// Linux on ARM64, static
    #[value(name = "aarch64-unknown-linux-musl")]
    LinuxArm64,
    /// macOS on Apple's processors
    #[value(name = "aarch64-apple-darwin")]
    MacArm64,
    /// macOS on Intel's processors
    #[value(name = "x86_64-apple-darwin")]
    MacX64,
    /// Windows on x86-64
    #[value(name = "x86_64-pc-windows-gnu")]
    WindowsX64,
}

impl Target {
    /// All targets, in the order of their definition.
    pub const ALL: &[Self] =
        &[Self::LinuxX64, Self::LinuxArm64, Self::MacArm64, Self::MacX64, Self::WindowsX64];

    /// The target whose programs run on this machine.
    ///
    /// # Errors
    /// When a release has none for it.
    pub fn of_this_machine() -> Result<Self> {
        Ok(match (OS, ARCH) {
            ("linux", "x86_64") => Self::LinuxX64,
            ("linux", "aarch64") => Self::LinuxArm64,
            ("macos", "aarch64") => Self::MacArm64,
            ("macos", "x86_64") => Self::MacX64,
            ("windows", "x86_64") => Self::WindowsX64,
            _ => bail!("a release has no programs for {OS} on {ARCH}"),
        })
    }

    /// The target triple, as rustc names it.
    pub const fn triple(self) -> &'static str {
        match self {
            Self::LinuxX64 => "x86_64-unknown-linux-musl",
            Self::LinuxArm64 => "aarch64-unknown-linux-musl",
            Self::MacArm64 => "aarch64-apple-darwin",
            Self::MacX64 => "x86_64-apple-darwin",
            Self::WindowsX64 => "x86_64-pc-windows-gnu",
        }
    }

    /// Node's `process.platform`, which is npm's `os`.
    pub const fn npm_os(self) -> &'static str {
        match self {
            Self::LinuxX64 | Self::LinuxArm64 => "linux",
            Self::MacArm64 | Self::MacX64 => "darwin",
            Self::WindowsX64 => "win32",
        }
    }

    /// Node's `process.arch`, which is npm's `cpu`.
    pub const fn npm_cpu(self) -> &'static str {
        match self {
            Self::LinuxX64 | Self::MacX64 | Self::WindowsX64 => "x64",
            Self::LinuxArm64 | Self::MacArm64 => "arm64",
        }
    }

    /// The suffix of a program's file name.
    pub const fn exe_suffix(self) -> &'static str {
        match self {
            Self::WindowsX64 => ".exe",
            _ => "",
        }
    }

    /// Whether the target is Linux, whose programs are static, as images and `.deb` packages need
    /// them.
    pub const fn is_linux(self) -> bool {
        matches!(self, Self::LinuxX64 | Self::LinuxArm64)
    }

    /// Whether the target is macOS.
    pub const fn is_mac(self) -> bool {
        matches!(self, Self::MacArm64 | Self::MacX64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_named_by_their_triples() {
        assert_eq!(Target::ALL, Target::value_variants());
        for target in Target::ALL {
            assert_eq!(target.to_possible_value().unwrap().get_name(), target.triple());
        }
    }
}
