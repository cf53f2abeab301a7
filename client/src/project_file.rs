//! The project file `capy.toml`: the project of a folder, and its key service. The file holds no
//! secret and is committed.
//!
//! A file above the start folder that belongs to another user is an error: whoever can write to
//! `/tmp` must not choose the service and the variables of everybody who works below it (compare
//! CVE-2022-24765 in git).

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use capy_protocol::id::ProjectId;
use serde::{Deserialize, Serialize};

use crate::service_url::{PlainHttp, ServiceUrl};
use crate::text_of;
use crate::{Error, Result, regular_file};

/// The file's name.
pub const NAME: &str = "capy.toml";

/// The size limit in bytes. A real `capy.toml` has three lines.
const MAX_BYTES: u64 = 64 * 1024;

/// The content of `capy.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
// An older program must not ignore a setting that a newer one relies on.
#[serde(deny_unknown_fields)]
pub struct ProjectFile {
    /// The project.
    pub project_id: ProjectId,
    /// The key service's URL.
    pub service_url: String,
    /// The number of the project's key, counted from 0; it increases when the key is rotated.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub epoch: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde asks for")]
fn is_zero(epoch: &u32) -> bool {
    *epoch == 0
}

impl ProjectFile {
    /// Finds the nearest file at or above `start_dir`, and returns its path too; `None` if there is
    /// none up to the root.
    ///
    /// # Errors
    /// Those of [`ProjectFile::read`], and of [`check_owner`] for a file above `start_dir`.
    pub fn find(start_dir: &Path) -> Result<Option<(PathBuf, Self)>> {
        for folder in start_dir.ancestors() {
            let path = folder.join(NAME);
            if folder != start_dir {
                check_owner(&path)?;
            }
            match Self::read(&path) {
                Ok(file) => return Ok(Some((path, file))),
                Err(Error::ProjectFileUnreadable { source, .. })
                    if source.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Reads one file.
    ///
    /// # Errors
    /// [`Error::ProjectFileUnreadable`], [`Error::ProjectFileMalformed`].
    pub fn read(path: &Path) -> Result<Self> {
        let text = regular_file::read_to_string(path, MAX_BYTES)
            .map_err(|source| Error::ProjectFileUnreadable { path: path.into(), source })?;
        toml::from_str(&text).map_err(|fault| Error::ProjectFileMalformed {
            path: path.into(),
            reason: fault.message().into(),
        })
    }

    /// The file's text.
    pub fn serialize(&self) -> String {
        toml::to_string(self).expect("two strings and a number are always TOML")
    }
}

/// Fails for a file that belongs neither to this user nor to root or an administrator. For a
/// symbolic link, checks the link and its target. A missing file passes.
///
/// # Errors
/// [`Error::FileOfAnotherUser`].
pub fn check_owner(path: &Path) -> Result<()> {
    match capy_access::foreign_owner(path) {
        Some(owner) => Err(Error::FileOfAnotherUser { path: path.into(), owner }),
        None => Ok(()),
    }
}

/// `CAPY_SERVICE_URL`, else the `service_url` of the nearest `capy.toml` at or above `start_dir`.
///
/// # Errors
/// [`Error::ServiceUrlMissing`], [`Error::ServiceUrlMalformed`], [`Error::VariableNotUnicode`], and
/// those of [`ProjectFile::find`].
pub fn service_url(lookup: impl Fn(&str) -> Option<OsString>, start_dir: &Path) -> Result<ServiceUrl> {
    let plain = PlainHttp::from_env(&lookup);
    if let Some(text) = text_of(&lookup, "CAPY_SERVICE_URL")? {
        return Ok(ServiceUrl::parse(&text, "CAPY_SERVICE_URL", plain)?);
    }
    let (path, file) = ProjectFile::find(start_dir)?.ok_or(Error::ServiceUrlMissing)?;
    Ok(ServiceUrl::parse(&file.service_url, &path.display().to_string(), plain)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn another_users_file_above_the_start_folder_is_refused() {
        use std::os::unix::fs::{chown, symlink};
        let is_root = rustix::process::geteuid().is_root();
        if !capy_test_support::needs(is_root, "root, who can give a file away") {
            return;
        }
        let root = tempfile::tempdir().unwrap();
        let (below, path) = (root.path().join("below"), root.path().join(NAME));
        std::fs::create_dir(&below).unwrap();
        std::fs::write(&path, "project_id = \"prj_a\"\nservice_url = \"https://a\"\n").unwrap();
        assert!(ProjectFile::find(&below).unwrap().is_some());
        chown(&path, Some(65534), None).unwrap();
        assert_eq!(ProjectFile::find(&below).unwrap_err().code(), "FILE_OF_ANOTHER_USER");
        assert!(ProjectFile::find(root.path()).unwrap().is_some(), "this folder was chosen by the user");
        // Refused: one's own link to another user's file, and another user's link to one's own
        // file.
        let linked = below.join(NAME);
        symlink("../capy.toml", &linked).unwrap();
        assert_eq!(check_owner(&linked).unwrap_err().code(), "FILE_OF_ANOTHER_USER");
        chown(&path, Some(0), None).unwrap();
        assert!(check_owner(&linked).is_ok());
        std::os::unix::fs::lchown(&linked, Some(65534), None).unwrap();
        assert_eq!(check_owner(&linked).unwrap_err().code(), "FILE_OF_ANOTHER_USER");
    }

    #[test]
    fn project_file_format_unchanged() {
        let mut file = ProjectFile {
            project_id: ProjectId::parse("prj_a").unwrap(),
            service_url: "https://keys.example.com".into(),
            epoch: 0,
        };
        let text = "project_id = \"prj_a\"\nservice_url = \"https://keys.example.com\"\n";
        assert_eq!(file.serialize(), text);
        assert_eq!(toml::from_str::<ProjectFile>(text).unwrap(), file);
        file.epoch = 2;
        assert_eq!(file.serialize(), format!("{text}epoch = 2\n"));
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_regular_file_is_refused_and_holds_nobody_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        let link = |target: &str| std::os::unix::fs::symlink(target, &path).unwrap();
        let made = std::process::Command::new("mkfifo").arg(folder.path().join("pipe")).status().unwrap();
        assert!(made.success());
        for target in ["pipe", "/dev/zero", "."] {
            link(target);
            assert_eq!(ProjectFile::find(folder.path()).unwrap_err().code(), "PROJECT_FILE_UNREADABLE");
            std::fs::remove_file(&path).unwrap();
        }
        std::fs::write(&path, "#".repeat(70_000)).unwrap();
        assert_eq!(ProjectFile::find(folder.path()).unwrap_err().code(), "PROJECT_FILE_UNREADABLE");
    }

    #[test]
    fn an_unknown_setting_or_a_bad_id_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        for bad in [
            "",
            "project_id = \"prj_a\"",
            "project_id = \"../a\"\nservice_url = \"https://a\"",
            "project_id = \"prj_a\"\nservice_url = \"https://a\"\nsecret = \"x\"",
        ] {
            std::fs::write(&path, bad).unwrap();
            let error = ProjectFile::find(folder.path()).unwrap_err();
            assert_eq!(error.code(), "PROJECT_FILE_MALFORMED", "{bad}");
        }
    }

    #[test]
    fn the_environment_wins_over_the_project_file_and_the_nearest_file_over_others() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("a/b");
        std::fs::create_dir_all(&inner).unwrap();
        let none = |_: &str| None;
        assert_eq!(service_url(none, &inner).unwrap_err().code(), "SERVICE_URL_MISSING");
        let write = |folder: &Path, url: &str| {
            let text = format!("project_id = \"prj_a\"\nservice_url = \"{url}\"\n");
            std::fs::write(folder.join("capy.toml"), text).unwrap();
        };
        write(root.path(), "https://outer.example");
        assert_eq!(service_url(none, &inner).unwrap().as_str(), "https://outer.example");
        write(&inner, "https://inner.example");
        assert_eq!(service_url(none, &inner).unwrap().as_str(), "https://inner.example");
        let env = |name: &str| (name == "CAPY_SERVICE_URL").then(|| "https://env.example".into());
        assert_eq!(service_url(env, &inner).unwrap().as_str(), "https://env.example");
        let blank = |name: &str| (name == "CAPY_SERVICE_URL").then(|| "".into());
        assert_eq!(service_url(blank, &inner).unwrap().as_str(), "https://inner.example");
    }
}
