//! Opens files that others may have created, and only if they are regular files.
//!
//! Opening a named pipe would block the program and consume data that is meant for another reader;
//! a device may never end.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// The name of a pipe in [`other_kind`], named or anonymous.
pub const PIPE: &str = "a pipe";
/// The name of a character device, such as a terminal, in [`other_kind`].
pub const DEVICE: &str = "a device";

/// The kind of a file that is not regular; `None` for a regular file.
pub fn other_kind(metadata: &Metadata) -> Option<&'static str> {
    if metadata.is_file() {
        return None;
    }
    if metadata.is_dir() {
        return Some("a folder");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        let kind = metadata.file_type();
        if kind.is_fifo() {
            return Some(PIPE);
        }
        if kind.is_char_device() {
            return Some(DEVICE);
        }
        if kind.is_socket() {
            return Some("a socket");
        }
    }
    Some("something else")
}

/// Opens a regular file for reading. Follows symbolic links.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] for a file that is not regular, and I/O errors of opening.
pub fn open(path: &Path) -> io::Result<File> {
    // Check first: merely opening a pipe can take away its writer's data.
    check(&path.metadata()?)?;
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // Non-blocking, in case a pipe replaced the file after the check.
        options.custom_flags(i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0));
    }
    let file = options.open(path)?;
    check(&file.metadata()?)?;
    Ok(file)
}

/// Reads a regular file of at most `max_bytes`.
///
/// # Errors
/// Those of [`open`]; [`ErrorKind::FileTooLarge`].
pub fn read(path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    // Allocates everything at once: a buffer that grows leaves copies behind, which a caller that
    // wipes the content does not reach.
    let room = usize::try_from(file.metadata()?.len().min(max_bytes)).unwrap_or(0) + 1;
    let mut content = Vec::with_capacity(room);
    file.take(max_bytes + 1).read_to_end(&mut content)?;
    if content.len() as u64 > max_bytes {
        return Err(ErrorKind::FileTooLarge.into());
    }
    Ok(content)
}

/// Reads a regular file of at most `max_bytes` as UTF-8.
///
/// # Errors
/// Those of [`read`]; [`ErrorKind::InvalidData`] for content that is not UTF-8.
pub fn read_to_string(path: &Path, max_bytes: u64) -> io::Result<String> {
    String::from_utf8(read(path, max_bytes)?).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
}

fn check(metadata: &Metadata) -> io::Result<()> {
    match other_kind(metadata) {
        None => Ok(()),
        Some(kind) => {
            Err(io::Error::new(ErrorKind::InvalidInput, format!("it is {kind}, and no regular file")))
        }
    }
}
