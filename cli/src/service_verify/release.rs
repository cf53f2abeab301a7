//! Reader for a release of the key service: the modules and settings that wrangler uploads.
//!
//! A release is read from its archive, from the folder that the archive was unpacked to, or from a
//! folder whose `wrangler.toml` names the installed npm package. wrangler uploads the modules of a
//! release unchanged (`no_bundle`), so that Node is not needed to know what it uploads.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::Value;

use crate::error::ReleaseFault as Fault;

const SETTINGS: &str = "wrangler.toml";
const MANIFEST: &str = "package.json";
/// Size limit in bytes, for an unpacked archive and for each file that is read from a folder.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// A release: the modules that wrangler uploads, and their settings.
#[derive(Debug)]
pub(crate) struct ServiceRelease {
    /// The Worker's name.
    pub(crate) name: String,
    /// The name of the entry module.
    pub(crate) main: String,
    pub(crate) modules: BTreeMap<String, Vec<u8>>,
    pub(crate) settings: Settings,
    /// The version in `package.json`; `commit` is its `gitHead`.
    pub(crate) version: Option<String>,
    pub(crate) commit: Option<String>,
}

/// The parts of `wrangler.toml` that decide what a Worker gets.
#[derive(Debug, Deserialize)]
pub(crate) struct Settings {
    name: String,
    main: String,
    #[serde(default)]
    no_bundle: bool,
    build: Option<toml::Value>,
    pub(crate) compatibility_date: Option<String>,
    #[serde(default)]
    pub(crate) compatibility_flags: Vec<String>,
    #[serde(default)]
    pub(crate) triggers: Triggers,
    #[serde(default)]
    pub(crate) secrets: Secrets,
    #[serde(default)]
    pub(crate) d1_databases: Vec<Bound>,
    #[serde(default)]
    pub(crate) kv_namespaces: Vec<Bound>,
    #[serde(default)]
    pub(crate) ratelimits: Vec<RateLimit>,
    #[serde(default)]
    pub(crate) vars: BTreeMap<String, toml::Value>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Triggers {
    #[serde(default)]
    pub(crate) crons: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Secrets {
    #[serde(default)]
    pub(crate) required: Vec<String>,
}

/// A binding, with the id of its target if the file names it.
#[derive(Debug, Deserialize)]
pub(crate) struct Bound {
    pub(crate) binding: String,
    /// Id of a KV namespace.
    pub(crate) id: Option<String>,
    /// Id of a D1 database.
    pub(crate) database_id: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct RateLimit {
    pub(crate) name: String,
    pub(crate) namespace_id: String,
    pub(crate) simple: Value,
}

impl ServiceRelease {
    /// Reads the archive or folder at `path`.
    pub(crate) fn read(path: &Path) -> Result<Self, Fault> {
        let files = Files::open(path)?;
        let malformed = |reason: String| Fault::Malformed { path: path.to_owned(), reason };
        let text = files.get(SETTINGS)?.ok_or_else(|| Fault::NoSettings { path: path.to_owned() })?;
        let text = String::from_utf8(text).map_err(|_| malformed(format!("{SETTINGS} is not text")))?;
        // Only `message()` is shown: the whole error quotes the line, which may hold what must not
        // be in a log.
        let settings: Settings =
            toml::from_str(&text).map_err(|error| malformed(format!("{SETTINGS}: {}", error.message())))?;
        if settings.build.is_some() || !settings.no_bundle {
            return Err(malformed(format!("its {SETTINGS} lets wrangler build or bundle the modules")));
        }
        let main = Path::new(&settings.main);
        let (Some(folder), Some(name)) = (main.parent(), main.file_name().and_then(|name| name.to_str()))
        else {
            return Err(malformed(format!("{SETTINGS} names no main module")));
        };
        let modules = files.below(folder)?;
        if let Some(other) = modules.keys().find(|name| !is_module(name)) {
            return Err(malformed(format!("{} is not a module", folder.join(other).display())));
        }
        if !modules.contains_key(name) {
            return Err(malformed(format!("{} is missing", settings.main)));
        }
        let manifest = folder.parent().unwrap_or(Path::new("")).join(MANIFEST);
        let manifest = files.get(&manifest.display().to_string())?.unwrap_or_default();
        let manifest: Value = serde_json::from_slice(&manifest).unwrap_or_default();
        let text = |field: &str| manifest[field].as_str().map(str::to_owned);
        Ok(Self {
            name: settings.name.clone(),
            main: name.to_owned(),
            modules,
            version: text("version"),
            commit: text("gitHead"),
            settings,
        })
    }
}

/// Whether a file is a module: by its file name extension, as in the rules of a release's
/// `wrangler.toml`.
fn is_module(name: &str) -> bool {
    [".mjs", ".js", ".wasm"].iter().any(|end| name.ends_with(end))
}

/// The files of a release, by their paths below its top folder, with `/`.
enum Files {
    Folder(PathBuf),
    Archive(BTreeMap<String, Vec<u8>>),
}

impl Files {
    fn open(path: &Path) -> Result<Self, Fault> {
        let failed = |source| Fault::Read { path: path.to_owned(), source };
        if path.metadata().map_err(failed)?.is_dir() {
            return Ok(Self::Folder(path.to_owned()));
        }
        unpack(File::open(path).map_err(failed)?).map(Self::Archive).map_err(failed)
    }

    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Fault> {
        match self {
            Self::Archive(files) => Ok(files.get(name).cloned()),
            Self::Folder(folder) => {
                let path = folder.join(name);
                match File::open(&path).and_then(read) {
                    Ok(bytes) => Ok(Some(bytes)),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                    Err(source) => Err(Fault::Read { path, source }),
                }
            }
        }
    }

    /// All files below a folder, by their paths relative to it.
    fn below(&self, folder: &Path) -> Result<BTreeMap<String, Vec<u8>>, Fault> {
        match self {
            Self::Archive(files) => {
                let prefix = folder.join("").display().to_string();
                let below =
                    files.iter().filter_map(|(name, bytes)| Some((name.strip_prefix(&prefix)?, bytes)));
                Ok(below.map(|(name, bytes)| (name.to_owned(), bytes.clone())).collect())
            }
            Self::Folder(top) => {
                let mut found = BTreeMap::new();
                let folder = top.join(folder);
                for entry in walkdir::WalkDir::new(&folder).sort_by_file_name() {
                    let failed = |source| Fault::Read { path: folder.clone(), source };
                    let entry = entry.map_err(|error| failed(error.into()))?;
                    if entry.file_type().is_dir() {
                        continue;
                    }
                    let path = entry.path().strip_prefix(&folder).unwrap_or(entry.path());
                    let name = path.components().map(|part| part.as_os_str().to_string_lossy());
                    let bytes = File::open(entry.path()).and_then(read).map_err(failed)?;
                    found.insert(name.collect::<Vec<_>>().join("/"), bytes);
                }
                Ok(found)
            }
        }
    }
}

fn read(file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match file.take(MAX_BYTES + 1).read_to_end(&mut bytes)? as u64 > MAX_BYTES {
        true => Err(io::Error::other("it is too large")),
        false => Ok(bytes),
    }
}

/// Unpacks the regular files of an archive, without the top folder that all of them are in.
fn unpack(file: File) -> io::Result<BTreeMap<String, Vec<u8>>> {
    // The unpacked size is limited: a small archive can unpack to more than the memory holds.
    let mut archive = tar::Archive::new(GzDecoder::new(file).take(MAX_BYTES));
    let mut files = BTreeMap::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let parts: Option<Vec<&str>> = path
            .components()
            .map(|part| match part {
                Component::Normal(name) => name.to_str(),
                _ => None,
            })
            .collect();
        let Some([_, inside @ ..]) = parts.as_deref() else {
            return Err(io::Error::other("it contains a path that leads out of it, or is not text"));
        };
        if entry.header().entry_type() != tar::EntryType::Regular {
            continue;
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        if files.insert(inside.join("/"), bytes).is_some() {
            return Err(io::Error::other("it contains a file twice"));
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const TOML: &str = "name = \"capy\"\nmain = \"worker/entry.mjs\"\nno_bundle = true\n\
                        compatibility_date = \"2026-10-01\"\n[triggers]\ncrons = [\"* * * * *\"]\n";

    fn folder(settings: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("worker/deep")).unwrap();
        fs::write(folder.path().join(SETTINGS), settings).unwrap();
        fs::write(folder.path().join(MANIFEST), r#"{"version":"1.2.3","gitHead":"abc"}"#).unwrap();
        for (name, text) in [("entry.mjs", "1"), ("deep/more.js", "2")] {
            fs::write(folder.path().join("worker").join(name), text).unwrap();
        }
        folder
    }

    /// Packs the folder as a gzipped tar file, under the top folder `top`.
    fn packed(folder: &Path, top: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let encoder = flate2::write::GzEncoder::new(file.reopen().unwrap(), flate2::Compression::fast());
        let mut archive = tar::Builder::new(encoder);
        archive.append_dir_all(top, folder).unwrap();
        archive.into_inner().unwrap().finish().unwrap();
        file
    }

    #[test]
    fn archive_and_folder_are_the_same_release() {
        let folder = folder(TOML);
        let archive = packed(folder.path(), "capy-service-1.2.3");
        for path in [folder.path(), archive.path()] {
            let release = ServiceRelease::read(path).unwrap();
            assert_eq!((release.name.as_str(), release.main.as_str()), ("capy", "entry.mjs"));
            let modules: Vec<_> =
                release.modules.iter().map(|(name, bytes)| (&name[..], &bytes[..])).collect();
            assert_eq!(modules, [("deep/more.js", &b"2"[..]), ("entry.mjs", b"1")]);
            assert_eq!((release.version.as_deref(), release.commit.as_deref()), (Some("1.2.3"), Some("abc")));
            assert_eq!(release.settings.triggers.crons, ["* * * * *"]);
        }
    }

    #[test]
    fn what_wrangler_would_bundle_is_no_release() {
        let built = TOML.replace("[triggers]", "[build]\ncommand = \"x\"\n[triggers]");
        for settings in [TOML.replace("no_bundle = true", ""), built] {
            let error = ServiceRelease::read(folder(&settings).path()).unwrap_err().to_string();
            assert!(error.contains("build or bundle"), "{error}");
        }
        let error = ServiceRelease::read(tempfile::tempdir().unwrap().path()).unwrap_err();
        assert!(matches!(error, Fault::NoSettings { .. }), "{error}");
    }

    #[test]
    fn a_file_that_is_no_module_is_named() {
        let folder = folder(TOML);
        fs::write(folder.path().join("worker/secret.txt"), "x").unwrap();
        let error = ServiceRelease::read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("secret.txt"), "{error}");
    }

    #[test]
    fn a_damaged_archive_is_refused() {
        let whole = fs::read(packed(folder(TOML).path(), "top").path()).unwrap();
        let half = tempfile::NamedTempFile::new().unwrap();
        for bytes in [&whole[..whole.len() / 2], b"not an archive", b""] {
            fs::write(half.path(), bytes).unwrap();
            assert!(ServiceRelease::read(half.path()).is_err());
        }
    }
}
