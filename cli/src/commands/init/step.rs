//! One file that `capy init` offers to change: its content before and after, and how the change is
//! shown.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use capy_client::regular_file;
use capy_protocol::id::ProjectId;
use zeroize::Zeroizing;

use super::record::InitRecord;
use crate::error::{ENV_FILE_MAX_BYTES, Error, InitFault, Result};
use crate::local::private_file::{self, Access};

/// The most bytes of a file that is changed.
const MAX_BYTES: u64 = ENV_FILE_MAX_BYTES as u64;

/// The content of a file; `None` if there is none. It may hold values.
pub(super) type Content = Option<Zeroizing<Vec<u8>>>;

/// A change of one file.
pub(super) struct Step {
    pub(super) path: PathBuf,
    pub(super) before: Content,
    pub(super) after: Content,
    /// The lines that go and come, without values.
    pub(super) diff: String,
    /// The access of a file that is made anew.
    pub(super) access: Access,
}

impl Step {
    /// Writes the change, whole or not at all, if the file is still as it was shown. `note` enters
    /// the change in the folder's record before.
    pub(super) fn write(&self, project: &ProjectId, note: impl FnOnce(&mut InitRecord)) -> Result<()> {
        let _lock = self.lock_unchanged()?;
        let folder = folder_of(&self.path);
        let mut record = InitRecord::read(folder, project)?;
        let old = record.clone();
        note(&mut record);
        record.save(folder)?;
        self.replace().inspect_err(|_| {
            // What was not written must not take the place of an earlier change in an undo.
            let _ = old.save(folder);
        })
    }

    /// Like [`Step::write`], but `note` takes the change out of the record afterwards.
    pub(super) fn take_back(&self, project: &ProjectId, note: impl FnOnce(&mut InitRecord)) -> Result<()> {
        let _lock = self.lock_unchanged()?;
        self.replace()?;
        let folder = folder_of(&self.path);
        let mut record = InitRecord::read(folder, project)?;
        note(&mut record);
        record.save(folder)
    }

    /// Locks the file's folder, in which records of changes are made one after another, too.
    fn lock_unchanged(&self) -> Result<File> {
        let lock = private_file::lock_beside(&self.path)?;
        match read(&self.path)? == self.before {
            true => Ok(lock),
            false => Err(InitFault::ChangedMeanwhile { path: self.path.clone() }.into()),
        }
    }

    fn replace(&self) -> Result<()> {
        match &self.after {
            Some(content) => private_file::replace(&self.path, content, &self.access)
                .map_err(Error::file("write", &self.path)),
            None => private_file::remove_if_exists(&self.path)
                .map(drop)
                .map_err(Error::file("remove", &self.path)),
        }
    }
}

/// Reads a file that may be missing.
pub(super) fn read(path: &Path) -> Result<Content> {
    match regular_file::read(path, MAX_BYTES) {
        Ok(content) => Ok(Some(Zeroizing::new(content))),
        Err(error) if error.kind() == ErrorKind::NotFound && !path.is_symlink() => Ok(None),
        Err(error) => Err(Error::file("read", path)(error)),
    }
}

/// Refuses a file whose owner protected it from writing: replacing it would go around that.
pub(super) fn check_writable(path: &Path) -> Result<()> {
    match fs::metadata(path) {
        Ok(data) if data.permissions().readonly() => Err(InitFault::ReadOnly { path: path.into() }.into()),
        _ => Ok(()),
    }
}

/// A difference for a person: the file's name, the lines that go, and those that come.
pub(super) fn diff<'a>(
    name: &str,
    gone: impl IntoIterator<Item = &'a str>,
    new: impl IntoIterator<Item = &'a str>,
) -> String {
    let gone = gone.into_iter().map(|line| format!("\n-{line}"));
    let new = new.into_iter().map(|line| format!("\n+{line}"));
    gone.chain(new).fold(name.to_owned(), |text, line| text + &line)
}

/// The folder of a file, whose record the file's changes are in.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
