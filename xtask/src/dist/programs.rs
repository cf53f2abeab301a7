//! Reproducible builds of a target's programs, with cargo's profiles `dist-capy` and `dist-server`:
//! every clone of a commit makes the same bytes.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{Target, tools};
use crate::setup::target_dir;
use crate::steps::{loud, quiet};
use crate::workspace_root;

/// The programs that were built for a target. `capy-inline` is `capy`, called by another name.
#[derive(Clone, Debug)]
pub struct Programs {
    /// The target that they were built for.
    pub target: Target,
    /// `capy`.
    pub capy: PathBuf,
}

/// A program that cargo builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Program {
    Capy,
    /// `capy-server`, which `capy serve` runs by `exec`.
    Server,
}

impl Program {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Capy => "capy",
            Self::Server => "capy-server",
        }
    }

    /// The programs that a target has. The key service runs only on Unix.
    pub(super) const fn of(target: Target) -> &'static [Self] {
        match target {
            Target::WindowsX64 => &[Self::Capy],
            _ => &[Self::Capy, Self::Server],
        }
    }

    const fn profile(self) -> &'static str {
        match self {
            Self::Capy => "dist-capy",
            Self::Server => "dist-server",
        }
    }

    pub(super) fn file(self, target: Target) -> String {
        format!("{}{}", self.name(), target.exe_suffix())
    }
}

/// The path of a program that was built elsewhere.
pub(super) fn find(folder: &Path, target: Target, program: Program) -> Result<PathBuf> {
    let path = folder.join(target.triple()).join(program.file(target));
    ensure!(path.is_file(), "there is no {}", path.display());
    Ok(path)
}

/// Builds a program of a commit, whose time is in seconds since the Unix epoch. Uses
/// cargo-zigbuild, except for Apple's targets on macOS.
pub(super) fn build(target: Target, program: Program, commit: &str, epoch: u64) -> Result<PathBuf> {
    let triple = target.triple();
    tools::rust_target(triple)?;
    let mut fetch = Command::new(env!("CARGO"));
    quiet("cargo fetch", fetch.args(["fetch", "--locked"]).current_dir(workspace_root()))?;
    let mut cargo = if cfg!(target_os = "macos") && target.is_mac() {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.arg("build");
        cargo
    } else {
        tools::zigbuild()?
    };
    cargo.args(["--locked", "--target", triple, "--profile", program.profile()]);
    cargo.args(["--package", "capy", "--bin", program.name()]).current_dir(workspace_root());
    for name in env::vars_os().map(|(name, _)| name).filter(|name| is_of_this_run(&name.to_string_lossy())) {
        cargo.env_remove(name);
    }
    cargo.env("SOURCE_DATE_EPOCH", epoch.to_string()).env("CAPY_COMMIT", commit);
    let target_dir = target_dir()?;
    let paths = Paths::find(&target_dir)?;
    let rust_flags = [paths.rust_flags(), linker_flags(target, program)].concat();
    cargo.env("CARGO_ENCODED_RUSTFLAGS", rust_flags.join("\u{1f}"));
    cargo.env(format!("CFLAGS_{}", triple.replace('-', "_")), paths.c_flags().join(" "));
    loud(&format!("cargo build {} for {triple}", program.name()), &mut cargo)?;
    Ok(target_dir.join(triple).join(program.profile()).join(program.file(target)))
}

/// Whether a variable comes from cargo, which runs this program, or holds compiler flags of the
/// machine. Some build scripts depend on such variables, and would run again.
fn is_of_this_run(variable: &str) -> bool {
    const NAMES: [&str; 10] = [
        "CARGO",
        "CARGO_CRATE_NAME",
        "CARGO_MANIFEST_DIR",
        "CARGO_MANIFEST_PATH",
        "CARGO_PRIMARY_PACKAGE",
        "LD_LIBRARY_PATH",
        "RUSTFLAGS",
        "CFLAGS",
        "CXXFLAGS",
        "LDFLAGS",
    ];
    NAMES.contains(&variable) || variable.starts_with("CARGO_PKG_") || variable.starts_with("CARGO_BIN_")
}

/// Linker flags: for Linux Rust's own linker, with Rust's own musl. Unlike zig's, this linker
/// merges functions with the same code and packs relocations.
fn linker_flags(target: Target, program: Program) -> Vec<String> {
    // For a package that has a profile of its own Cargo takes `strip = "debuginfo"` in place of what
    // the profile says.
    if !target.is_linux() {
        let mut flags = vec!["-Cstrip=symbols".to_owned()];
        if target.is_mac() {
            // rustc strips after the link, and the linker has by then made `LC_UUID` from all of the
            // file. This includes the debug map (`N_OSO`), which holds the object files' paths, the names
            // of temporary folders and times. With `-S` the linker writes no debug map.
            flags.push("-Clink-arg=-Wl,-S".to_owned());
        }
        return flags;
    }
    let mut flags = vec!["-Clinker=rust-lld", "-Clinker-flavor=ld.lld"];
    flags.extend(["-Clink-arg=--icf=all", "-Clink-arg=--pack-dyn-relocs=relr"]);
    flags.push("-Clink-arg=--strip-all");
    if program == Program::Capy {
        // The path is relative to the workspace, where cargo runs rustc.
        flags.extend(["-Clink-arg=--no-eh-frame-hdr", "-Clink-arg=-Txtask/src/dist/no-unwind-tables.ld"]);
    }
    flags.into_iter().map(str::to_owned).collect()
}

/// The paths of this machine that compilers would write into programs, each with its replacement.
struct Paths(Vec<(PathBuf, String)>);

impl Paths {
    fn find(target_dir: &Path) -> Result<Self> {
        let home = env::var_os("CARGO_HOME").map(PathBuf::from);
        let home = home.or_else(|| Some(env::home_dir()?.join(".cargo"))).context("no home of cargo's")?;
        // The last prefix that matches is used.
        let mut paths = vec![
            (home.clone(), "/cargo".to_owned()),
            (workspace_root(), "/capy".to_owned()),
            (target_dir.to_owned(), "/target".to_owned()),
        ];
        // Each registry, mirrors included, has a folder with a name of its own.
        for registry in fs::read_dir(home.join("registry/src")).context("cargo's registry")? {
            paths.push((registry?.path(), "/crates".to_owned()));
        }
        // If the component `rust-src` is installed, paths in the standard library are those of this
        // machine's copy.
        let version = tools::rustc(&["-vV"])?;
        let commit = version.lines().find_map(|line| line.strip_prefix("commit-hash: "));
        let library = format!("/rustc/{}", commit.context("rustc names no commit")?);
        paths.push((tools::sysroot()?.join("lib/rustlib/src/rust"), library));
        Ok(Self(paths))
    }

    fn rust_flags(&self) -> Vec<String> {
        let flag = |(from, to): &(PathBuf, String)| format!("--remap-path-prefix={}={to}", from.display());
        self.0.iter().map(flag).collect()
    }

    fn c_flags(&self) -> Vec<String> {
        let flag = |(from, to): &(PathBuf, String)| format!("-ffile-prefix-map={}={to}", from.display());
        // mimalloc prints when it was compiled. `SOURCE_DATE_EPOCH` is not enough: caches keep what was
        // compiled at another commit's time.
        let times = ["-Wno-builtin-macro-redefined", "-D__DATE__=\"\"", "-D__TIME__=\"\""];
        self.0.iter().map(flag).chain(times.map(str::to_owned)).collect()
    }
}
