//! Files that others may have put there: opened for reading only where they are regular files.
//!
//! A named pipe would hold the program up, and lose what its writer has for somebody else; a device may never end.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// What [`other_kind`] calls a pipe, with a name or without.
pub const PIPE: &str = "a pipe";
/// What [`other_kind`] calls a device of characters, such as a terminal.
pub const DEVICE: &str = "a device";

/// What a file is that is not regular.
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

/// Opens a regular file for reading. A link is followed.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] for what is no regular file, and those of opening one.
pub fn open(path: &Path) -> io::Result<File> {
    // Looked at first: the opening of a pipe alone takes its writer's text away.
    check(&path.metadata()?)?;
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // For a pipe that took the file's place in between.
        options.custom_flags(i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0));
    }
    let file = options.open(path)?;
    check(&file.metadata()?)?;
    Ok(file)
}

/// The content of a regular file of at most `max_bytes`.
///
/// # Errors
/// Those of [`open`]; [`ErrorKind::FileTooLarge`].
pub fn read(path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    open(path)?.take(max_bytes + 1).read_to_end(&mut content)?;
    if content.len() as u64 > max_bytes {
        return Err(ErrorKind::FileTooLarge.into());
    }
    Ok(content)
}

/// The same as text.
///
/// # Errors
/// Those of [`read`]; [`ErrorKind::InvalidData`] for what is not UTF-8.
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
