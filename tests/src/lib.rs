//! Support code of the journeys: the programs under test, frameworks' apps, a search for leaked
//! secrets, containers, an npm registry, Python's packages, and a recording proxy.

pub mod frameworks;
pub mod needles;
pub mod podman;
pub mod python;
pub mod recorder;
pub mod registry;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use capy_test_support::workspace_root;

/// The folder of the programs that cargo built with these tests.
///
/// # Panics
/// If `capy`, `capy-server` or `capy-inline` is not there.
pub fn programs() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let folder = test.ancestors().nth(2).expect("tests lie in deps/").to_path_buf();
    for program in ["capy", "capy-server", "capy-inline"] {
        assert!(
            folder.join(program).is_file(),
            "{program} is not built: run `cargo xtask test`, or `cargo build`"
        );
    }
    folder
}

/// The variable with the path of a folder with programs that were built elsewhere, as
/// `FOLDER/TRIPLE/capy`.
const PROGRAMS: &str = "CAPY_PROGRAMS";

/// The static `capy` of a release for Linux: from the folder in `CAPY_PROGRAMS`, or built by
/// `cargo xtask dist`, once in each process.
///
/// # Panics
/// If the program cannot be built or is not there.
pub fn static_program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        const TARGET: &str = "x86_64-unknown-linux-musl";
        let folder = match std::env::var_os(PROGRAMS) {
            Some(elsewhere) => PathBuf::from(elsewhere).join(TARGET),
            None => {
                let out = workspace_root().join("target/dist-tests-programs");
                let dist = ["xtask", "dist", "--only", "programs", "--target", TARGET, "--out"];
                let built =
                    Command::new(env!("CARGO")).args(dist).arg(out).current_dir(workspace_root()).output();
                let built = built.expect("cargo starts");
                assert!(built.status.success(), "{}", printed(&built));
                workspace_root().join("target/dist-programs").join(TARGET)
            }
        };
        let program = folder.join("capy");
        assert!(program.is_file(), "there is no {}", program.display());
        program
    })
}

/// stdout and stderr as one text, for messages and searches.
pub fn printed(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
