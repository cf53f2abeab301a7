//! `capy serve`: runs `capy-server`, which lies beside `capy` or is on PATH.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::cli::ServeArguments;
use crate::error::{Error, Result};
#[cfg(windows)]
use crate::process::child;
use crate::process::find_in_folder;
#[cfg(windows)]
use crate::process::signals::SignalForwarder;

const PROGRAM: &str = "capy-server";

/// Replaces this process on Unix, so that signals, the exit code and the output are the server's
/// own.
pub(super) fn run(arguments: &ServeArguments) -> Result<ExitCode> {
    let program = find(env::current_exe().ok().as_deref(), env::var_os("PATH").as_deref());
    let program = program.ok_or(Error::ServerMissing)?;
    let mut command = Command::new(&program);
    command.args(&arguments.arguments);
    start(command).map_err(Error::file("start", &program))
}

#[cfg(unix)]
fn start(mut command: Command) -> std::io::Result<ExitCode> {
    use std::os::unix::process::CommandExt;
    // The name in the server's help.
    Err(command.arg0("capy serve").exec())
}

/// Starts the server and waits for it. Ctrl-C reaches the server directly, which decides what to
/// do.
#[cfg(windows)]
fn start(mut command: Command) -> std::io::Result<ExitCode> {
    let _signals = SignalForwarder::catch()?;
    child::wait_for(&mut command).map(child::exit_with)
}

/// Finds the server, first beside this program, as the two are of one release.
fn find(capy: Option<&Path>, path: Option<&OsStr>) -> Option<PathBuf> {
    let beside = capy.and_then(Path::parent).map(Path::to_owned);
    let mut folders = beside.into_iter().chain(path.map(env::split_paths).into_iter().flatten());
    folders.find_map(|folder| find_in_folder(PROGRAM, &folder))
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn server_beside_capy_comes_before_one_on_path() {
        let folder = tempfile::tempdir().unwrap();
        let [beside, on_path] = ["beside", "on-path"].map(|name| folder.path().join(name));
        let capy = beside.join("capy");
        for place in [&beside, &on_path] {
            fs::create_dir(place).unwrap();
            fs::write(place.join(PROGRAM), "").unwrap();
        }
        let find = || find(Some(&capy), Some(on_path.as_os_str()));
        let allow = |place: &Path| {
            fs::set_permissions(place.join(PROGRAM), fs::Permissions::from_mode(0o755)).unwrap();
        };
        assert_eq!(find(), None, "what cannot be run is no program");
        allow(&on_path);
        assert_eq!(find(), Some(on_path.join(PROGRAM)));
        allow(&beside);
        assert_eq!(find(), Some(beside.join(PROGRAM)));
    }
}
