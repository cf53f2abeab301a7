//! A git repository, read only to find out whether a file is tracked or ignored.
//!
//! This module reads files and runs no program, not even git: the configuration of a repository
//! names programs (`core.fsmonitor`, hooks, filters, `core.sshCommand`, and whatever a later git
//! adds), and the folder may be an archive that somebody sent. For the same reason it does not read
//! the configuration of a repository. The cost: a repository's own `core.excludesFile` and
//! `core.worktree` have no effect. The `core.excludesFile` of the user's configuration does.

use std::path::{Path, PathBuf};

use capy_client::regular_file;
use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder, gitconfig_excludes_path};

use super::index;

const MAX_RULES: u64 = 4 * 1024 * 1024;
const MAX_PATH: u64 = 64 * 1024;

/// A work tree, with the path of its git directory.
pub(super) struct Repository {
    root: PathBuf,
    git_dir: PathBuf,
}

impl Repository {
    /// The nearest repository at or above a folder.
    pub(super) fn around(folder: &Path) -> Option<Self> {
        folder.canonicalize().ok()?.ancestors().find_map(Self::at)
    }

    fn at(root: &Path) -> Option<Self> {
        let path = root.join(".git");
        let git_dir = match path.metadata().ok()?.is_dir() {
            true => path,
            // In a linked work tree and in a submodule, `.git` is a file.
            false => root.join(path_after("gitdir: ", &path)?),
        };
        let is_one = git_dir.join("HEAD").symlink_metadata().is_ok();
        is_one.then(|| Self { root: root.to_owned(), git_dir })
    }

    /// Whether git tracks the file; `None` if the index cannot be read, or the file's folder does
    /// not exist in this work tree.
    pub(super) fn tracks(&self, file: &Path) -> Option<bool> {
        let parts: Vec<_> =
            self.relative(file)?.iter().map(|part| part.as_encoded_bytes().to_vec()).collect();
        // The index has slashes, on Windows, too.
        index::names(&self.git_dir, &parts.join(&b'/'))
    }

    /// Whether a rule ignores the file or a folder above it.
    pub(super) fn ignores(&self, file: &Path) -> bool {
        let Some(relative) = self.relative(file) else {
            return false;
        };
        let mut path = self.root.clone();
        let mut rules = self.rules_of_all();
        for (index, part) in relative.iter().enumerate() {
            rules.push(rules_in(&path, &path.join(".gitignore")));
            path.push(part);
            let is_folder = index + 1 < relative.iter().count();
            // The deepest rules come last, and the last rules with an answer decide.
            let said =
                rules.iter().rev().map(|rules| rules.matched(&path, is_folder)).find(|said| !said.is_none());
            if matches!(said, Some(Match::Ignore(_))) {
                return true;
            }
        }
        false
    }

    /// The user's own rules, then the repository's uncommitted ones (`info/exclude`).
    fn rules_of_all(&self) -> Vec<Gitignore> {
        let common = path_after("", &self.git_dir.join("commondir"));
        let common = common.map_or_else(|| self.git_dir.clone(), |path| self.git_dir.join(path));
        let files = gitconfig_excludes_path().into_iter().chain([common.join("info/exclude")]);
        files.map(|file| rules_in(&self.root, &file)).collect()
    }

    fn relative(&self, file: &Path) -> Option<PathBuf> {
        let folder = file.parent().filter(|parent| !parent.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).canonicalize().ok()?;
        Some(folder.strip_prefix(&self.root).ok()?.join(file.file_name()?))
    }
}

/// The rules of an ignore file, for paths below `root`. A missing file has no rules, and neither
/// has a symbolic link below `root`: git does not follow one in the place of a `.gitignore`.
fn rules_in(root: &Path, file: &Path) -> Gitignore {
    let mut builder = GitignoreBuilder::new(root);
    let is_link = file.starts_with(root) && file.is_symlink();
    let text = if is_link { Vec::new() } else { regular_file::read(file, MAX_RULES).unwrap_or_default() };
    for line in String::from_utf8_lossy(text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text)).lines() {
        // git does not understand a rule that fails here, either.
        let _ = builder.add_line(None, line);
    }
    builder.build().unwrap_or_else(|_| Gitignore::empty())
}

/// The path in a file with one line, after a prefix.
fn path_after(prefix: &str, file: &Path) -> Option<PathBuf> {
    let text = String::from_utf8(regular_file::read(file, MAX_PATH).ok()?).ok()?;
    Some(PathBuf::from(text.strip_prefix(prefix)?.trim_end_matches(['\n', '\r'])))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use super::*;

    fn git(folder: &Path, arguments: &[&str]) -> bool {
        let mut command = Command::new("git");
        let identity = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgSign=false"];
        command.args(identity).args(arguments).current_dir(folder);
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        command.output().unwrap().status.success()
    }

    fn tracked_by_git(folder: &Path, file: &str) -> bool {
        git(folder, &["ls-files", "--error-unmatch", "--", file])
    }

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn the_index_is_read_as_git_reads_it_in_every_version() {
        let steps: [(&str, &[&[&str]]); 6] = [
            ("sha1", &[]),
            ("sha1", &[&["update-index", "--skip-worktree", "a/.env"]]),
            ("sha1", &[&["update-index", "--index-version", "4"]]),
            ("sha1", &[&["update-index", "--split-index"], &["add", "-f", "late"]]),
            ("sha256", &[]),
            ("sha256", &[&["update-index", "--index-version", "4"], &["update-index", "--split-index"]]),
        ];
        for (format, steps) in steps {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path();
            assert!(git(root, &["init", "-q", "--object-format", format]));
            let files = [".env", "a/.env", "a/b.txt", "aa", "aaa", "z/.env", "late", "never"];
            for file in files {
                write(&root.join(file), "A=1\n");
            }
            assert!(git(root, &["add", "a", "aa", "z"]));
            for step in steps {
                assert!(git(root, step), "{step:?}");
            }
            for file in files {
                let expected = tracked_by_git(root, file);
                let found = Repository::around(root).unwrap().tracks(&root.join(file));
                assert_eq!(found, Some(expected), "{format} {steps:?} {file}");
            }
            assert!(tracked_by_git(root, "a/.env") && !tracked_by_git(root, ".env"));
        }
    }

    #[test]
    fn a_second_work_tree_has_its_own_index_and_a_repository_without_one_tracks_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (root, second) = (folder.path().join("first"), folder.path().join("second"));
        fs::create_dir(&root).unwrap();
        assert!(git(&root, &["init", "-q"]));
        assert_eq!(Repository::around(&root).unwrap().tracks(&root.join(".env")), Some(false));
        write(&root.join("a"), "");
        assert!(git(&root, &["add", "a"]) && git(&root, &["commit", "-qm", "a"]));
        assert!(git(&root, &["worktree", "add", "-q", "../second"]));
        write(&second.join("below/.env"), "");
        write(&root.join(".git/info/exclude"), "secret\n");
        assert!(git(&second, &["add", "-f", "below/.env"]));
        let repository = Repository::around(&second.join("below")).unwrap();
        assert_eq!(repository.tracks(&second.join("below/.env")), Some(true));
        assert_eq!(repository.tracks(&second.join("a")), Some(true));
        assert!(repository.ignores(&second.join("secret")) && !repository.ignores(&second.join("a")));
        assert_eq!(Repository::around(&root).unwrap().tracks(&root.join("below/.env")), None);
        fs::create_dir(root.join("below")).unwrap();
        assert_eq!(Repository::around(&root).unwrap().tracks(&root.join("below/.env")), Some(false));
        write(&second.join("empty/.git/x"), "");
        assert_eq!(Repository::around(&second.join("empty")).unwrap().root, second.canonicalize().unwrap());
    }

    #[test]
    fn rules_mean_what_they_mean_to_git() {
        let texts = [
            "",
            ".env",
            "/.env",
            "**/.env",
            ".env*",
            "*.env",
            "*\n!.env",
            "*\n!*/\n!.env",
            ".env\n!.env",
            "!.env\n.env",
            ".env/",
            "a",
            "a/",
            "/a/",
            "a/*\n!a/.env",
            "a/**",
            "a/.env",
            "b/.env",
            "**/b",
            "a/**/.env",
            "# .env",
            "\\#x\n.env",
            ".env\r\n",
            "\u{feff}.env\n",
            ".env   ",
            ".e?v",
            ".[a-f]nv",
            ".[!a]nv",
            ".ENV",
            "[",
            "!.env",
        ];
        let files = [".env", "a/.env", "a/b/.env", "a/b/c", ".env.example"];
        let mut ignored = 0;
        for (index, text) in texts.iter().enumerate() {
            for (nested, exclude) in
                [(None, ""), (Some("!.env\n"), ""), (Some(".env\n"), ""), (None, ".env\n")]
            {
                let folder = tempfile::tempdir().unwrap();
                let root = folder.path();
                assert!(git(root, &["init", "-q"]));
                for file in files {
                    write(&root.join(file), "");
                }
                write(&root.join(".gitignore"), text);
                write(&root.join(".git/info/exclude"), exclude);
                if let Some(nested) = nested {
                    write(&root.join("a/.gitignore"), nested);
                }
                for file in files {
                    let expected = git(root, &["check-ignore", "--quiet", "--no-index", "--", file]);
                    let repository = Repository::around(root).unwrap();
                    assert_eq!(
                        repository.ignores(&root.join(file)),
                        expected,
                        "{index} {text:?} {nested:?} {file}"
                    );
                    ignored += usize::from(expected);
                }
            }
        }
        assert!(ignored > 100, "{ignored}");
    }

    #[test]
    fn a_linked_or_special_rule_file_has_no_rules_and_holds_nobody_up() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        assert!(git(root, &["init", "-q"]));
        write(&root.join("rules"), ".env\n");
        std::os::unix::fs::symlink("rules", root.join(".gitignore")).unwrap();
        assert!(!Repository::around(root).unwrap().ignores(&root.join(".env")));
        for file in [".gitignore", ".git/info/exclude", ".git/index"] {
            let _ = fs::remove_file(root.join(file));
            assert!(Command::new("mkfifo").arg(root.join(file)).status().unwrap().success());
        }
        let repository = Repository::around(root).unwrap();
        assert!(!repository.ignores(&root.join(".env")));
        assert_eq!(repository.tracks(&root.join(".env")), None);
    }
}
