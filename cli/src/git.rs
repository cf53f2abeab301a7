//! Keeping `.env` and `capy.env` out of git: adds rules to `.gitignore`, and finds out whether git
//! tracks or ignores a file.

mod index;
mod repository;

use std::io::{self, ErrorKind};
use std::path::Path;

use capy_client::regular_file;
use repository::Repository;

use crate::error::{Error, Result};
use crate::local::private_file;

/// The lines that `.gitignore` needs, each with the lines that have the same effect.
///
/// `capy.env` is the file that the guides save a deployment's variables in.
const NEEDED: [(&str, &[&str]); 4] = [
    (".env", &[".env", "/.env", "**/.env", ".env*", "/.env*"]),
    (".env.*", &[".env.*", "/.env.*", "**/.env.*", ".env*", "/.env*"]),
    ("capy.env", &["capy.env", "/capy.env", "**/capy.env", "*.env"]),
    ("!.env.example", &["!.env.example", "!/.env.example", "!**/.env.example"]),
];

const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// The result of [`ensure_ignored`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ignoring {
    /// `.gitignore` had the lines already.
    Kept,
    /// The missing lines were added.
    Added(Addition),
    /// `.gitignore` is a link that leads out of the project's folder or to nothing, so it is not
    /// changed.
    LinkedElsewhere,
}

/// The lines that a `.gitignore` lacks.
pub(crate) enum Missing {
    Nothing,
    Lines(Addition),
    /// As [`Ignoring::LinkedElsewhere`].
    LinkedElsewhere,
}

/// A `.gitignore` with the lines that it lacked: `after` begins with all of `before`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Addition {
    /// `None` if there is no such file.
    pub(crate) before: Option<Vec<u8>>,
    pub(crate) after: Vec<u8>,
}

/// Finds the lines that the `.gitignore` in `folder` lacks. Writes nothing.
pub(crate) fn missing_lines(folder: &Path) -> Result<Missing> {
    let path = folder.join(".gitignore");
    if leads_out_of(folder, &path).map_err(Error::file("follow", &path))? {
        return Ok(Missing::LinkedElsewhere);
    }
    let before = match regular_file::read(&path, MAX_BYTES) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(Error::file("read", &path)(error)),
    };
    Ok(match with_needed_lines(before.as_deref().unwrap_or_default()) {
        None => Missing::Nothing,
        Some(after) => Missing::Lines(Addition { before, after }),
    })
}

/// Appends the missing lines to the `.gitignore` in `folder`.
///
/// This is also done outside of a repository: it would be too late on the day that somebody runs
/// `git init` there.
pub(crate) fn ensure_ignored(folder: &Path) -> Result<Ignoring> {
    let path = folder.join(".gitignore");
    let addition = match missing_lines(folder)? {
        Missing::Nothing => return Ok(Ignoring::Kept),
        Missing::LinkedElsewhere => return Ok(Ignoring::LinkedElsewhere),
        Missing::Lines(addition) => addition,
    };
    private_file::replace(&path, &addition.after, &private_file::Access::READABLE)
        .map_err(Error::file("write", &path))?;
    Ok(Ignoring::Added(addition))
}

/// Whether `path` is a symbolic link whose target is outside of the folder, or missing.
pub(crate) fn leads_out_of(folder: &Path, path: &Path) -> io::Result<bool> {
    if !path.is_symlink() {
        return Ok(false);
    }
    match path.canonicalize() {
        Ok(target) => Ok(!target.starts_with(folder.canonicalize()?)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// The text with the missing lines; `None` if there are none. It works on bytes, because git
/// requires no encoding.
fn with_needed_lines(text: &[u8]) -> Option<Vec<u8>> {
    const EXAMPLE: &[u8] = b"!.env.example";
    let lines = || text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    let has = |same: &[&str]| lines().any(|line| same.iter().any(|one| one.as_bytes() == line));
    let missing: Vec<_> = NEEDED.iter().filter(|(_, same)| !has(same)).map(|(line, _)| *line).collect();
    if missing.is_empty() {
        return None;
    }
    let newline: &[u8] = if text.windows(2).any(|pair| pair == b"\r\n") { b"\r\n" } else { b"\n" };
    let mut new = text.to_owned();
    if !new.is_empty() && !new.ends_with(b"\n") {
        new.extend(newline);
    }
    for line in &missing {
        new.extend(line.as_bytes());
        new.extend(newline);
    }
    // The rule for the example is repeated at the end: a pattern that was just added must not hide
    // the example, which an earlier line had excepted.
    let may_hide_example = missing.iter().any(|line| line.starts_with(".env"));
    if may_hide_example && !new.trim_ascii_end().ends_with(EXAMPLE) {
        new.extend(EXAMPLE);
        new.extend(newline);
    }
    Some(new)
}

/// The warning for a `None` of [`is_tracked`].
pub(crate) const NOT_KNOWN: &str = "warning: capy cannot read git's index here, so it does not know whether git tracks .env\n\nhint: check with `git ls-files .env`, which prints the name if it does";

/// Whether git tracks the file: `false` outside of a repository, `None` when the index cannot be
/// read.
pub(crate) fn is_tracked(path: &Path) -> Option<bool> {
    Repository::around(folder_of(path)).map_or(Some(false), |repository| repository.tracks(path))
}

/// Whether `git add` would add the file: it is in a repository, and no rule ignores it.
pub(crate) fn is_exposed(path: &Path) -> bool {
    Repository::around(folder_of(path)).is_some_and(|repository| !repository.ignores(path))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_is_added_once() {
        let whole = ".env\n.env.*\ncapy.env\n!.env.example\n";
        for (text, expected) in [
            ("", Some(whole)),
            (whole, None),
            ("/.env\n.env.*\n/capy.env\n!.env.example", None),
            ("*.env\n.env\n.env.*\n!.env.example\n", None),
            (".env\n.env.*\n!.env.example", Some(".env\n.env.*\n!.env.example\ncapy.env\n")),
            ("node_modules", Some("node_modules\n.env\n.env.*\ncapy.env\n!.env.example\n")),
            ("a\r\n.env\r\n", Some("a\r\n.env\r\n.env.*\r\ncapy.env\r\n!.env.example\r\n")),
            (".env*\n", Some(".env*\ncapy.env\n!.env.example\n")),
            (
                "!.env.example\n.env\ncapy.env\n",
                Some("!.env.example\n.env\ncapy.env\n.env.*\n!.env.example\n"),
            ),
            ("# .env\n", Some("# .env\n.env\n.env.*\ncapy.env\n!.env.example\n")),
        ] {
            let new = with_needed_lines(text.as_bytes());
            assert_eq!(new.as_deref(), expected.map(str::as_bytes), "{text:?}");
            assert_eq!(new.as_deref().and_then(with_needed_lines), None, "{text:?}");
        }
        assert_eq!(with_needed_lines(b"\xff\n").unwrap(), [b"\xff\n", whole.as_bytes()].concat());
    }

    #[test]
    fn a_link_is_followed_inside_of_the_folder_only() {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().join("project");
        std::fs::create_dir(&project).unwrap();
        let (outside, link) = (folder.path().join("outside"), project.join(".gitignore"));
        std::fs::write(&outside, "node_modules\n").unwrap();
        for target in ["../outside", "nowhere"] {
            std::os::unix::fs::symlink(target, &link).unwrap();
            assert_eq!(ensure_ignored(&project).unwrap(), Ignoring::LinkedElsewhere, "{target}");
            std::fs::remove_file(&link).unwrap();
        }
        assert_eq!(std::fs::read(&outside).unwrap(), b"node_modules\n");
        std::fs::write(project.join("rules"), "").unwrap();
        std::os::unix::fs::symlink("rules", &link).unwrap();
        let before = Some(Vec::new());
        let after = b".env\n.env.*\ncapy.env\n!.env.example\n".to_vec();
        assert_eq!(ensure_ignored(&project).unwrap(), Ignoring::Added(Addition { before, after }));
        assert_eq!(ensure_ignored(&project).unwrap(), Ignoring::Kept);
        assert!(link.is_symlink());
    }
}
