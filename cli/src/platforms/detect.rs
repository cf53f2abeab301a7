//! Detection of a repository's platforms, and of its build and start commands.
//!
//! It looks at file names and reads a few manifests; it runs nothing, and reads no `.env`.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::Platform;

/// Size limit of a manifest: 1 MiB. A larger file is not read.
const LARGEST_MANIFEST: u64 = 1024 * 1024;

impl Platform {
    /// The file in this folder, as a rule the one with `capy.toml`, that shows that the repository
    /// is deployed on this platform.
    pub(crate) fn marker_in(&self, folder: &Path) -> Option<&str> {
        let is_found = |marker: &&String| match marker.split_once(':') {
            None => folder.join(marker).exists(),
            Some((path, text)) => read(folder, path).is_some_and(|content| content.contains(text)),
        };
        let marker = self.detect.iter().find(is_found)?;
        Some(marker.split(':').next().unwrap_or(marker))
    }
}

/// How a project is built and started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Commands {
    pub(crate) build: String,
    pub(crate) start: String,
}

impl Default for Commands {
    fn default() -> Self {
        Self { build: "npm run build".into(), start: "node server.js".into() }
    }
}

impl Commands {
    /// The commands of the project in this folder, from `package.json` and the lock file; the
    /// defaults if they say nothing.
    pub(crate) fn detect(folder: &Path) -> Self {
        let usual = Self::default();
        let package =
            read(folder, "package.json").and_then(|text| serde_json::from_str::<Package>(&text).ok());
        let Some(package) = package else {
            return usual;
        };
        let manager = package_manager(folder);
        Self {
            build: if package.scripts.build.is_some() { format!("{manager} run build") } else { usual.build },
            start: if package.scripts.start.is_some() { format!("{manager} start") } else { usual.start },
        }
    }

    /// The start command as a JSON array of words, for container files.
    pub(crate) fn start_json(&self) -> String {
        let words: Vec<_> = self.start.split(' ').map(|word| format!("{word:?}")).collect();
        format!("[{}]", words.join(", "))
    }
}

fn package_manager(folder: &Path) -> &'static str {
    let managers =
        [("pnpm-lock.yaml", "pnpm"), ("yarn.lock", "yarn"), ("bun.lock", "bun"), ("bun.lockb", "bun")];
    let found = managers.iter().find(|(file, _)| folder.join(file).exists());
    found.map_or("npm", |(_, manager)| manager)
}

fn read(folder: &Path, path: &str) -> Option<String> {
    let path = folder.join(path);
    let small = fs::metadata(&path).is_ok_and(|data| data.is_file() && data.len() <= LARGEST_MANIFEST);
    small.then(|| fs::read_to_string(path).ok()).flatten()
}

#[derive(Deserialize)]
struct Package {
    #[serde(default)]
    scripts: Scripts,
}

#[derive(Default, Deserialize)]
struct Scripts {
    build: Option<serde::de::IgnoredAny>,
    start: Option<serde::de::IgnoredAny>,
}
