//! Writes the secrets to a `.env` file in the source's folder, for programs that read one.
//!
//! Every dotenv library reads quotes, `#`, `$` and blanks in its own way, and some scripts let
//! their shell read the file. So a value is written only if all of them read it alike. Every secret
//! is in the environment as well (`startup_script`), and with all those libraries a variable that
//! is set wins over `.env`. An existing `.env` is never overwritten.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use capy_protocol::env_map::EnvMap;
use zeroize::Zeroizing;

use crate::error::BuildFault as Fault;
use crate::local::private_file;

/// The longest value in the file, in bytes. Some readers have no room for longer lines.
const MAX_VALUE_BYTES: usize = 4096;

/// Which values go into the file, and why the others do not.
#[derive(Default)]
pub(super) struct Split<'v> {
    in_file: Vec<(&'v str, &'v str)>,
    left_out: BTreeMap<&'static str, Vec<&'v str>>,
}

/// Decides for each value whether it goes into the file.
pub(super) fn split(values: &EnvMap) -> Split<'_> {
    let mut split = Split::default();
    for (name, value) in values.iter() {
        let value = value.expose_secret();
        match ambiguity(value) {
            None => split.in_file.push((name, value)),
            Some(reason) => split.left_out.entry(reason).or_default().push(name),
        }
    }
    split
}

impl Split<'_> {
    /// One line for each reason, with the names of the variables that it keeps out of the file.
    pub(super) fn reasons(&self) -> impl Iterator<Item = String> {
        let line = |(reason, names): (&&str, &Vec<&str>)| format!("{reason}: {}", names.join(", "));
        self.left_out.iter().map(line)
    }
}

/// Why readers of a `.env` disagree on a value; none if they agree.
fn ambiguity(value: &str) -> Option<&'static str> {
    const AMBIGUOUS: [(&str, &str); 6] = [
        ("\n\r", "has several lines"),
        ("$", "has `$`"),
        ("'\"`", "has a quote"),
        ("#", "has `#`"),
        ("\\", "has a backslash"),
        (" \t", "has a blank"),
    ];
    if is_plain(value) {
        return None;
    }
    if value.is_empty() {
        return Some("is empty");
    }
    let has = |letters: &str| value.contains(|letter| letters.contains(letter));
    let reason = AMBIGUOUS.iter().find(|(letters, _)| has(letters)).map(|(_, reason)| *reason);
    let other = if value.is_ascii() { "has a sign that shells read" } else { "has letters beyond ASCII" };
    Some(reason.unwrap_or(if value.len() > MAX_VALUE_BYTES { "is longer than 4096 bytes" } else { other }))
}

/// Whether a value has 1 to 4096 bytes, all of them letters, digits or signs without a special
/// meaning to any reader.
fn is_plain(value: &str) -> bool {
    const SIGNS: &[u8] = b"-_./:@%+=,^?[]{}";
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || SIGNS.contains(&byte);
    (1..=MAX_VALUE_BYTES).contains(&value.len()) && value.bytes().all(is_plain)
}

/// Writes `.env`, adds it to `.dockerignore` to keep it out of images, and returns what was
/// written.
pub(super) fn write(folder: &Path, split: &Split<'_>) -> Result<Zeroizing<String>, Fault> {
    let path = folder.join(".env");
    let room = split.in_file.iter().map(|(name, value)| name.len() + value.len() + 2).sum();
    // Reserves the whole capacity at once: a buffer that grows leaves copies that nobody wipes.
    let mut text = Zeroizing::new(String::with_capacity(room));
    for (name, value) in &split.in_file {
        [name, "=", value, "\n"].iter().for_each(|part| text.push_str(part));
    }
    let create = || {
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?.write_all(text.as_bytes())
    };
    create().map_err(Fault::file("write", &path))?;
    let ignore = folder.join(".dockerignore");
    keep_out_of_images(&ignore).map_err(Fault::file("write", &ignore))?;
    Ok(text)
}

/// Adds `.env` at the end of `.dockerignore`, since the last rule that matches decides. A link is
/// replaced, so that nothing is written through it.
fn keep_out_of_images(path: &Path) -> io::Result<()> {
    let mut text = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        result => result?,
    };
    if !text.is_empty() && !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    text.extend_from_slice(b".env\n");
    private_file::remove_if_exists(path)?;
    OpenOptions::new().write(true).create_new(true).mode(0o644).open(path)?.write_all(&text)
}

/// Removes `.env`, which nothing needs once the container has ended.
pub(super) fn remove(folder: &Path) -> Result<(), Fault> {
    let path = folder.join(".env");
    // The build may have removed the file, or put a file or a folder of its own in its place.
    private_file::remove_if_exists(&path).map(drop).map_err(Fault::file("remove", &path))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use capy_protocol::env_map::SecretValue;

    use super::*;

    fn values(values: &[(&str, &str)]) -> EnvMap {
        let mut map = EnvMap::new();
        values
            .iter()
            .for_each(|(name, value)| map.try_insert(name, SecretValue::new((*value).into())).unwrap());
        map
    }

    #[test]
    fn only_what_every_reader_reads_alike_is_written() {
        let plain = ["a", "https://u:p@host:5432/db?a=b", "sk_live_x.9-^", "a=b=c"];
        for value in plain {
            assert!(is_plain(value), "{value}");
        }
        let long = "a".repeat(5000);
        for (value, reason) in [
            ("", "is empty"),
            ("a\nb $", "has several lines"),
            ("{\"a\":\"$b\"}", "has `$`"),
            ("{\"a\":1}", "has a quote"),
            ("a#b", "has `#`"),
            ("a\\b", "has a backslash"),
            ("a b", "has a blank"),
            ("a&b", "has a sign that shells read"),
            ("é", "has letters beyond ASCII"),
            (&long, "is longer than 4096 bytes"),
        ] {
            assert_eq!(ambiguity(value), Some(reason), "{value:?}");
        }
        let ambiguous =
            ["", " a", "a b", "a#b", "$A", "a'b", "\"a\"", "a\\n", "a\nb", "a\r", "`a`", "é", "\t", &long];
        let for_shells = ["a&b", "a;b", "a|b", "<a>", "(a)", "~/a", "!a", "*"];
        let ambiguous = ambiguous.into_iter().chain(for_shells);
        for value in ambiguous {
            assert!(!is_plain(value), "{value:?}");
        }
    }

    #[test]
    fn the_file_is_private_new_and_kept_out_of_images() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(".dockerignore"), "node_modules\n!.env").unwrap();
        let values = values(&[("B", "two words"), ("A", "1"), ("C", "3")]);
        let split = split(&values);
        assert_eq!(split.reasons().collect::<Vec<_>>(), ["has a blank: B"]);
        write(folder.path(), &split).unwrap();
        let path = folder.path().join(".env");
        assert_eq!(fs::read_to_string(&path).unwrap(), "A=1\nC=3\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let ignored = fs::read_to_string(folder.path().join(".dockerignore")).unwrap();
        assert_eq!(ignored, "node_modules\n!.env\n.env\n");
        assert!(matches!(write(folder.path(), &split), Err(Fault::File { .. })));
        remove(folder.path()).unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn nothing_is_written_through_a_link() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let split = Split::default();
        let ignore = folder.path().join(".dockerignore");
        for there in ["there", "not there"] {
            fs::write(other.path().join("there"), "kept\n").unwrap();
            std::os::unix::fs::symlink(other.path().join(there), &ignore).unwrap();
            write(folder.path(), &split).unwrap();
            assert!(!other.path().join("not there").exists());
            assert_eq!(fs::read_to_string(other.path().join("there")).unwrap(), "kept\n");
            assert!(fs::symlink_metadata(&ignore).unwrap().is_file());
            [".env", ".dockerignore"]
                .iter()
                .for_each(|file| fs::remove_file(folder.path().join(file)).unwrap());
        }
    }
}
