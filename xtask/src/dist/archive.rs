//! Reproducible tar, gzip and zip files: the same content makes the same bytes. Entries are in a
//! fixed order. In tar files they have the commit's time, and belong to root unless the entry has
//! another owner.

use std::io::{Cursor, Write};

use anyhow::Result;
use flate2::{Compression, GzBuilder};
use zip::write::SimpleFileOptions;

/// A file, folder or link in an archive. Its path does not begin with `/`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    path: String,
    content: Content,
    mode: u32,
    owner: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Content {
    Folder,
    File(Vec<u8>),
    Link(String),
}

impl Entry {
    /// An executable file, with mode 755.
    pub(super) fn program(path: impl Into<String>, content: Vec<u8>) -> Self {
        Self { path: path.into(), content: Content::File(content), mode: 0o755, owner: 0 }
    }

    /// Any other file, with mode 644.
    pub(super) fn file(path: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), content: Content::File(content.into()), mode: 0o644, owner: 0 }
    }

    /// A symbolic link.
    pub(super) fn link(path: impl Into<String>, to: impl Into<String>) -> Self {
        Self { path: path.into(), content: Content::Link(to.into()), mode: 0o777, owner: 0 }
    }

    /// A folder with its own mode and owner. Folders that files lie in need no entry: unpacking
    /// creates them.
    pub(super) fn folder(path: impl Into<String>, mode: u32, owner: u32) -> Self {
        Self { path: path.into(), content: Content::Folder, mode, owner }
    }

    /// Moves the entry into a folder.
    pub(super) fn below(mut self, folder: &str) -> Self {
        self.path = format!("{folder}/{}", self.path);
        self
    }
}

/// Packs a tar file. All entries get the time `time`.
///
/// # Errors
/// If a path does not fit into tar.
pub(super) fn tar(mut entries: Vec<Entry>, time: u64) -> Result<Vec<u8>> {
    entries.sort();
    let mut archive = tar::Builder::new(Vec::new());
    for Entry { path, content, mode, owner } in entries {
        let mut header = tar::Header::new_ustar();
        header.set_mode(mode);
        header.set_mtime(time);
        header.set_uid(owner.into());
        header.set_gid(owner.into());
        header.set_size(0);
        match content {
            Content::File(bytes) => {
                header.set_size(bytes.len().try_into()?);
                archive.append_data(&mut header, path, &bytes[..])?;
            }
            Content::Link(to) => {
                header.set_entry_type(tar::EntryType::Symlink);
                archive.append_link(&mut header, path, to)?;
            }
            Content::Folder => {
                header.set_entry_type(tar::EntryType::Directory);
                archive.append_data(&mut header, path, std::io::empty())?;
            }
        }
    }
    Ok(archive.into_inner()?)
}

/// Compresses bytes as `gzip` does, without a name or a time.
///
/// # Errors
/// None, since it writes to memory.
pub(super) fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    // 255 stands for an unknown system.
    let mut packed = GzBuilder::new().operating_system(255).write(Vec::new(), Compression::best());
    packed.write_all(bytes)?;
    Ok(packed.finish()?)
}

/// Packs a zip file. Owners are left out, since neither Windows nor AWS Lambda has a use for them.
/// Links are refused, so programs have to be copies.
///
/// # Errors
/// If an entry is a link or a folder.
pub(super) fn zip(mut entries: Vec<Entry>) -> Result<Vec<u8>> {
    entries.sort();
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for Entry { path, content, mode, .. } in entries {
        let Content::File(bytes) = content else { anyhow::bail!("{path}: only files go into a zip file") };
        // The default time is 1980-01-01.
        let options = SimpleFileOptions::default().compression_level(Some(9)).unix_permissions(mode);
        archive.start_file(path, options.last_modified_time(zip::DateTime::default()))?;
        archive.write_all(&bytes)?;
    }
    Ok(archive.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_of_entries_changes_nothing() {
        let one = || Entry::program("bin/capy", b"program".to_vec());
        let two = || Entry::link("bin/capy-inline", "capy");
        assert_eq!(tar(vec![one(), two()], 7).unwrap(), tar(vec![two(), one()], 7).unwrap());
        let three = || Entry::file("LICENSE", "text");
        assert_eq!(zip(vec![one(), three()]).unwrap(), zip(vec![three(), one()]).unwrap());
        assert!(zip(vec![two()]).is_err());
    }

    #[test]
    fn headers_hold_nothing_of_this_machine() {
        let packed =
            tar(vec![Entry::folder("data", 0o700, 65532), Entry::file("a", "1")], 1_700_000_000).unwrap();
        let mut archive = tar::Archive::new(&packed[..]);
        let entries: Vec<_> = archive.entries().unwrap().map(Result::unwrap).collect();
        let told = entries.iter().map(|entry| {
            let header = entry.header();
            (header.uid().unwrap(), header.mode().unwrap(), header.mtime().unwrap())
        });
        assert_eq!(told.collect::<Vec<_>>(), [(0, 0o644, 1_700_000_000), (65532, 0o700, 1_700_000_000)]);
        // Magic number, method, flags, time, best compression, unknown system.
        assert_eq!(gzip(b"x").unwrap()[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255]);
    }
}
