//! The secrets as a file, and what no file can carry.
//!
//! Owns `.env` in the source's folder, which two kinds of readers share: the engine takes lines as they are, without
//! quotes or escapes, and knows `#` and a name alone; the program that builds reads it with a dotenv library, of which each
//! understands quotes, `#`, `$` and blanks in its own way, and some scripts let their shell read it. A value is written there only if all of them read it alike.
//! Every other one goes by `-e NAME`, out of the engine's own environment; a variable that is set wins over `.env` with
//! all those libraries. It refuses to write over anything.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use capy_protocol::env_map::EnvMap;
use zeroize::Zeroizing;

use super::engine::Engine;
use super::error::Fault;

/// Docker reads no longer line (`bufio.MaxScanTokenSize`, 64 KiB); other readers have less room.
const LONGEST: usize = 4096;

/// Where each value goes: into the file, or by its name.
#[derive(Default)]
pub(super) struct Split<'v> {
    in_file: Vec<(&'v str, &'v str)>,
    /// Names whose values the engine takes from its own environment.
    pub(super) by_name: Vec<&'v str>,
}

/// Decides for each value.
///
/// # Errors
/// [`Fault::ValueUnhandable`] for one that would change what the engine itself does.
pub(super) fn split(values: &EnvMap, engine: Engine) -> Result<Split<'_>, Fault> {
    let mut split = Split::default();
    for (name, value) in values.iter() {
        let value = value.expose_secret();
        if is_plain(value) {
            split.in_file.push((name, value));
        } else if engine.heeds(name) {
            return Err(Fault::ValueUnhandable { name: name.into(), engine: engine.name() });
        } else {
            split.by_name.push(name);
        }
    }
    Ok(split)
}

/// Letters, digits and signs that mean nothing to any reader.
fn is_plain(value: &str) -> bool {
    const SIGNS: &[u8] = b"-_./:@%+=,^?[]{}";
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || SIGNS.contains(&byte);
    (1..=LONGEST).contains(&value.len()) && value.bytes().all(is_plain)
}

/// Writes `.env`, and keeps it out of images that are made of the folder. Returns what was written.
pub(super) fn write(folder: &Path, split: &Split<'_>) -> Result<Zeroizing<String>, Fault> {
    let path = folder.join(".env");
    let room = split.in_file.iter().map(|(name, value)| name.len() + value.len() + 2).sum();
    // Room for everything at once: a buffer that grows leaves copies behind that nobody wipes.
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

/// The last rule that fits decides: `.env` stands at the end. Links in the folder were found to stay in it.
fn keep_out_of_images(path: &Path) -> io::Result<()> {
    let mut text = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        result => result?,
    };
    if !text.is_empty() && !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    text.extend_from_slice(b".env\n");
    fs::write(path, text)
}

/// Takes the file away again: nobody needs it once the container ended.
pub(super) fn remove(folder: &Path) -> Result<(), Fault> {
    let path = folder.join(".env");
    match fs::remove_file(&path) {
        // A build may write one of its own in its place, or a folder.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result.map_err(Fault::file("remove", &path)),
    }
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
        let doubtful =
            ["", " a", "a b", "a#b", "$A", "a'b", "\"a\"", "a\\n", "a\nb", "a\r", "`a`", "é", "\t", &long];
        let for_shells = ["a&b", "a;b", "a|b", "<a>", "(a)", "~/a", "!a", "*"];
        let doubtful = doubtful.into_iter().chain(for_shells);
        for value in doubtful {
            assert!(!is_plain(value), "{value:?}");
        }
    }

    #[test]
    fn the_file_is_private_new_and_kept_out_of_images() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(".dockerignore"), "node_modules\n!.env").unwrap();
        let values = values(&[("B", "two words"), ("A", "1"), ("C", "3")]);
        let split = split(&values, Engine::Docker).unwrap();
        assert_eq!(split.by_name, ["B"]);
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
    fn a_value_does_not_become_a_setting_of_the_engine() {
        let values = values(&[("DOCKER_HOST", "tcp://other host")]);
        assert!(
            matches!(split(&values, Engine::Docker), Err(Fault::ValueUnhandable { name, .. }) if name == "DOCKER_HOST")
        );
        for name in
            ["PATH", "HOME", "LD_PRELOAD", "CONTAINERS_CONF", "https_proxy", "XDG_RUNTIME_DIR", "TMPDIR"]
        {
            assert!(Engine::Podman.heeds(name) && Engine::Docker.heeds(name), "{name}");
        }
        assert!(!Engine::Docker.heeds("DATABASE_URL"));
    }
}
