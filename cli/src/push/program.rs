//! Finds and runs a platform's own program: values on its stdin, its output captured.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use capy_client::project_file::check_owner;

use crate::process::{captured, find_in_folder, find_on_path};

pub(super) use crate::process::captured::{Captured, End};

/// How long a program may run. Only one that waits for somebody takes longer.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Finds the repository's own copy of a program, as `npx` does, else the one on PATH.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let here = std::env::current_dir().ok();
    let path = std::env::var_os("PATH").unwrap_or_default();
    here.and_then(|here| in_repository(program, &here)).or_else(|| find_on_path(program, &path))
}

/// Searches `node_modules/.bin` up to the top of the repository. Files and folders of other users
/// do not count.
fn in_repository(program: &str, here: &Path) -> Option<PathBuf> {
    let mut found = None;
    for folder in here.ancestors() {
        let candidate = find_in_folder(program, &folder.join("node_modules").join(".bin"));
        let is_own = |candidate: &PathBuf| check_owner(candidate).is_ok() && check_owner(folder).is_ok();
        found = candidate.filter(is_own);
        if found.is_some() || folder.join(".git").exists() {
            break;
        }
    }
    found
}

/// Runs a program to its end, until [`TIMEOUT`] is over, or until `stop` is set.
pub(super) fn run(
    program: &Path,
    arguments: &[String],
    stdin: &str,
    stop: &AtomicBool,
) -> io::Result<Captured> {
    captured::run(program, arguments, stdin, TIMEOUT, stop)
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_repositorys_own_copy_comes_first_and_nothing_above_the_repository() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        let place = |folder: &str| {
            let bin = root.path().join(folder).join("node_modules/.bin");
            fs::create_dir_all(&bin).unwrap();
            fs::write(bin.join("wrangler"), "").unwrap();
            fs::set_permissions(bin.join("wrangler"), fs::Permissions::from_mode(0o755)).unwrap();
            bin.join("wrangler")
        };
        let app = root.path().join("repo/apps/shop");
        fs::create_dir_all(&app).unwrap();
        fs::create_dir(root.path().join("repo/.git")).unwrap();
        place(".");
        assert_eq!(in_repository("wrangler", &app), None);
        let hoisted = place("repo");
        assert_eq!(in_repository("wrangler", &app), Some(hoisted));
        let own = place("repo/apps/shop");
        assert_eq!(in_repository("wrangler", &app), Some(own));
    }
}
