//! Reads a file that holds a secret, unless other users can read it, too.

#[cfg(unix)]
mod unix;

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
