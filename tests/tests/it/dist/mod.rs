//! What `cargo xtask dist` makes, as its users get it: archives, packages, images, the layer of AWS
//! Lambda and the installer, on machines without a compiler or a C library. The programs are built
//! once, for Linux on x86-64.

mod action;
mod archives;
mod arm;
mod deb;
mod formula;
mod image;
mod installer;
mod lambda;
pub(crate) mod npm;
mod npm_container;
mod npm_entry;
mod publish;
mod sbom;
pub(crate) mod workflow;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use capy_journeys::printed;
use capy_test_support::workspace_root;
use xtask::dist::{Arguments, Part, Target};

/// The folder of a release for Linux on x86-64, made once for all tests.
///
/// # Panics
/// When it cannot be made.
fn release() -> &'static Path {
    static RELEASE: OnceLock<PathBuf> = OnceLock::new();
    RELEASE.get_or_init(|| {
        let parts = [Part::Archives, Part::Deb, Part::Image, Part::Lambda, Part::Installer];
        make("dist-tests", &parts, Target::LinuxX64)
    })
}

/// Parts of a release for one target, in a folder of cargo's: the folder.
fn make(name: &str, parts: &[Part], target: Target) -> PathBuf {
    let out = workspace_root().join("target").join(name);
    let _ = fs::remove_dir_all(&out);
    let (only, target) = (parts.to_vec(), vec![target]);
    // Programs that were built elsewhere, as in `capy_journeys::static_program`.
    let programs = std::env::var_os("CAPY_PROGRAMS").map(PathBuf::from);
    let arguments = Arguments { only, target, out: Some(out.clone()), programs, verify: false };
    xtask::dist::run(arguments).expect("a release is made");
    out
}

/// The bytes of a file of the release.
fn read(name: &str) -> Vec<u8> {
    fs::read(release().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The version of the workspace.
fn version() -> String {
    let manifest = fs::read_to_string(workspace_root().join("Cargo.toml")).unwrap();
    let line = manifest.lines().find_map(|line| line.strip_prefix("version = \"")).unwrap();
    line.trim_end_matches('"').to_owned()
}

/// What a command prints that has to succeed.
#[track_caller]
fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", printed(&output));
    printed(&output)
}
