//! Detection of a repository's platforms, and of its build and start commands.
//!
//! It looks at file names and reads a few manifests; it runs nothing, and reads no `.env`.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Platform;

/// Size limit of a manifest: 1 MiB. A larger file is not read.
const LARGEST_MANIFEST: u64 = 1024 * 1024;

/// The repository's folder, in which signs of platforms are searched.
pub(crate) struct Signs(PathBuf);

impl Signs {
    /// Searches a folder: as a rule the one with `capy.toml`.
    pub(crate) fn of(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// The file that shows that the repository is deployed on this platform.
    pub(crate) fn of_platform<'a>(&self, platform: &'a Platform) -> Option<&'a str> {
        let found = |sign: &&String| match sign.split_once(':') {
            None => self.0.join(sign).exists(),
            Some((path, text)) => self.read(path).is_some_and(|content| content.contains(text)),
        };
        let sign = platform.detect.iter().find(found)?;
        Some(sign.split(':').next().unwrap_or(sign))
    }

    /// The commands that build and start the project, from `package.json` and the lock file; the
    /// defaults if they say nothing.
    pub(crate) fn commands(&self) -> Commands {
        let usual = Commands::default();
        let package = self.read("package.json").and_then(|text| serde_json::from_str::<Package>(&text).ok());
        let Some(package) = package else {
            return usual;
        };
        let manager = self.package_manager();
        Commands {
            build: if package.scripts.build.is_some() { format!("{manager} run build") } else { usual.build },
            start: if package.scripts.start.is_some() { format!("{manager} start") } else { usual.start },
        }
    }

    fn package_manager(&self) -> &'static str {
        let managers =
            [("pnpm-lock.yaml", "pnpm"), ("yarn.lock", "yarn"), ("bun.lock", "bun"), ("bun.lockb", "bun")];
        let found = managers.iter().find(|(file, _)| self.0.join(file).exists());
        found.map_or("npm", |(_, manager)| manager)
    }

    fn read(&self, path: &str) -> Option<String> {
        let path = self.0.join(path);
        let small = fs::metadata(&path).is_ok_and(|data| data.is_file() && data.len() <= LARGEST_MANIFEST);
        small.then(|| fs::read_to_string(path).ok()).flatten()
    }
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
    /// The start command as a JSON array of words, for container files.
    pub(crate) fn start_json(&self) -> String {
        let words: Vec<_> = self.start.split(' ').map(|word| format!("{word:?}")).collect();
        format!("[{}]", words.join(", "))
    }
}
