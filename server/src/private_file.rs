//! Reads a file that holds a secret, unless other users can read it, too.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

#[cfg(unix)]
use unix::is_exposed;

use zeroize::Zeroizing;

/// The longest secret, in bytes.
const LENGTH_MAX: u64 = 1024 * 1024;

/// Reads the file at `path`. `None` if other users can read it.
///
/// On Unix its group may read it in one case: root owns the file, and it is one of this service's
/// systemd credentials or in a file system in memory. That is how systemd (`LoadCredential=`, whose
/// access list shows in the mode as the group's bits), Docker and Kubernetes give a secret to a
/// user that is not root, who cannot change the mode.
pub(crate) fn read(path: &Path) -> io::Result<Option<Zeroizing<String>>> {
    let file = File::open(path)?;
    let data = file.metadata()?;
    if is_exposed(path, &file)? {
        return Ok(None);
    }
    // Allocated in full at once: a buffer that grows leaves copies behind that are not wiped.
    let room = usize::try_from(data.len().min(LENGTH_MAX)).unwrap_or(0);
    let mut text = Zeroizing::new(String::with_capacity(room + 1));
    file.take(LENGTH_MAX + 1).read_to_string(&mut text)?;
    match text.len() as u64 > LENGTH_MAX {
        true => Err(io::Error::other("it is too long for a secret")),
        false => Ok(Some(text)),
    }
}

/// There is no exception for credentials on Windows.
#[cfg(windows)]
fn is_exposed(_: &Path, file: &File) -> io::Result<bool> {
    capy_access::is_exposed(file)
}

#[cfg(unix)]
mod unix {
    //! Unix permissions, with the exception for credentials that root hands over.

    use std::env;
    use std::fs::{File, Metadata};
    use std::io;
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;

    const OTHERS: u32 = 0o007;
    const GROUP_WRITES: u32 = 0o020;
    const GROUP: u32 = 0o070;

    /// Whether other users can read an open file.
    pub(super) fn is_exposed(path: &Path, file: &File) -> io::Result<bool> {
        Ok(is_mode_exposed(&file.metadata()?, || is_handed_over(path, file)))
    }

    pub(super) fn is_mode_exposed(data: &Metadata, is_handed_over: impl Fn() -> bool) -> bool {
        let mode = data.mode();
        if mode & (OTHERS | GROUP_WRITES) != 0 {
            return true;
        }
        mode & GROUP != 0 && !(data.uid() == 0 && is_handed_over())
    }

    /// Whether it is one of this service's systemd credentials, or in a file system in memory.
    fn is_handed_over(path: &Path, file: &File) -> bool {
        let folder =
            env::var_os("CREDENTIALS_DIRECTORY").and_then(|folder| Path::new(&folder).canonicalize().ok());
        let is_credential = folder
            .zip(path.canonicalize().ok())
            .is_some_and(|(folder, path)| path.parent() == Some(folder.as_path()));
        is_credential || is_in_memory(file)
    }

    #[cfg(target_os = "linux")]
    fn is_in_memory(file: &File) -> bool {
        const TMPFS: i64 = 0x0102_1994;
        const RAMFS: i64 = 0x8584_58f6;
        #[expect(clippy::useless_conversion, reason = "its width differs from machine to machine")]
        rustix::fs::fstatfs(file).is_ok_and(|system| [TMPFS, RAMFS].contains(&i64::from(system.f_type)))
    }

    #[cfg(not(target_os = "linux"))]
    fn is_in_memory(_: &File) -> bool {
        false
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::unix::is_mode_exposed;
    use super::*;

    #[test]
    fn a_file_that_others_may_read_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "canary.FILE.x9").unwrap();
        for (mode, is_read) in [
            (0o600, true),
            (0o400, true),
            (0o640, false),
            (0o440, false),
            (0o620, false),
            (0o604, false),
            (0o644, false),
            (0o444, false),
            (0o601, false),
        ] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            // A file that is not handed over, even if root owns it.
            let read = is_mode_exposed(&fs::metadata(&path).unwrap(), || false);
            assert_eq!(!read, is_read, "{mode:o}");
        }
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert_eq!(read(&path).unwrap().unwrap().as_str(), "canary.FILE.x9");
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert!(read(&path).unwrap().is_none());
    }

    #[test]
    fn the_group_may_read_what_root_handed_over_and_others_never() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "x").unwrap();
        let data = |mode| {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            fs::metadata(&path).unwrap()
        };
        let is_root = data(0o600).uid() == 0;
        for (mode, is_exposed) in
            [(0o440, !is_root), (0o640, !is_root), (0o660, true), (0o444, true), (0o644, true)]
        {
            assert_eq!(is_mode_exposed(&data(mode), || true), is_exposed, "{mode:o}");
        }
    }

    #[test]
    fn what_does_not_end_is_not_read_to_its_end() {
        let endless = read(Path::new("/dev/zero"));
        assert!(endless.is_err() || endless.is_ok_and(|text| text.is_none()));
    }
}
