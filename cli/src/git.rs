//! Keeps `.env` out of git: the ignore file's lines, and a look at what git already tracks.

use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::disk;
use crate::error::{Error, Result};

/// Each needed line, and the lines that do the same.
const NEEDED: [(&str, &[&str]); 3] = [
    (".env", &[".env", "/.env", "**/.env", ".env*", "/.env*"]),
    (".env.*", &[".env.*", "/.env.*", "**/.env.*", ".env*", "/.env*"]),
    ("!.env.example", &["!.env.example", "!/.env.example", "!**/.env.example"]),
];

/// Adds what is missing to `.gitignore` in `folder`, at its end; whether anything was.
///
/// Also outside of a repository: the day that somebody runs `git init` there, it is too late.
pub(crate) fn ensure_ignored(folder: &Path) -> Result<bool> {
    let path = folder.join(".gitignore");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Error::file("read", &path)(error)),
    };
    let Some(new) = with_needed_lines(&text) else {
        return Ok(false);
    };
    disk::replace(&path, new.as_bytes(), 0o644).map_err(Error::file("write", &path))?;
    Ok(true)
}

fn with_needed_lines(text: &str) -> Option<String> {
    let has = |same: &[&str]| text.lines().any(|line| same.contains(&line.trim_end()));
    let missing: Vec<_> = NEEDED.iter().filter(|(_, same)| !has(same)).map(|(line, _)| *line).collect();
    if missing.is_empty() {
        return None;
    }
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut new = text.to_owned();
    if !new.is_empty() && !new.ends_with('\n') {
        new.push_str(newline);
    }
    for line in missing {
        new.push_str(line);
        new.push_str(newline);
    }
    // A pattern that was just added must not hide the example that an earlier line had spared.
    if !new.trim_end().ends_with("!.env.example") {
        new.push_str("!.env.example");
        new.push_str(newline);
    }
    Some(new)
}

/// Whether git tracks the file. `false` without git and outside of a repository.
pub(crate) fn is_tracked(path: &Path) -> bool {
    git(path, &["ls-files", "--error-unmatch", "--"])
}

/// Whether git would take the file up: it is in a repository and no rule ignores it.
pub(crate) fn is_exposed(path: &Path) -> bool {
    git(path, &["rev-parse", "--is-inside-work-tree", "--"]) && !git(path, &["check-ignore", "--quiet", "--"])
}

fn git(path: &Path, arguments: &[&str]) -> bool {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let mut command = Command::new("git");
    command
        .current_dir(folder.unwrap_or(Path::new(".")))
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if arguments[0] != "rev-parse" {
        command.arg(path.file_name().unwrap_or_default());
    }
    command.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_is_added_once() {
        let whole = ".env\n.env.*\n!.env.example\n";
        for (text, expected) in [
            ("", Some(whole)),
            (whole, None),
            ("/.env\n.env.*\n!.env.example", None),
            ("node_modules", Some("node_modules\n.env\n.env.*\n!.env.example\n")),
            ("a\r\n.env\r\n", Some("a\r\n.env\r\n.env.*\r\n!.env.example\r\n")),
            (".env*\n", Some(".env*\n!.env.example\n")),
            ("!.env.example\n.env\n", Some("!.env.example\n.env\n.env.*\n!.env.example\n")),
            ("# .env\n", Some("# .env\n.env\n.env.*\n!.env.example\n")),
        ] {
            let new = with_needed_lines(text);
            assert_eq!(new.as_deref(), expected, "{text:?}");
            assert_eq!(new.as_deref().and_then(with_needed_lines), None, "{text:?}");
        }
    }
}
