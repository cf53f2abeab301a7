//! What a person does on each platform, as data: one TOML file per platform in `platforms/`.

use serde::Deserialize;

use crate::error::{Error, Result};

const FILES: [&str; 5] = [
    include_str!("../platforms/vercel.toml"),
    include_str!("../platforms/cloudflare-pages.toml"),
    include_str!("../platforms/cloudflare-workers.toml"),
    include_str!("../platforms/docker.toml"),
    include_str!("../platforms/other.toml"),
];

/// Where secrets are opened on the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Pattern {
    /// During the build; they are inlined.
    Build,
    /// When the program starts.
    Boot,
}

/// One platform.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Platform {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) pattern: Pattern,
    pub(crate) steps: Vec<String>,
    pub(crate) command: String,
    /// The longest value that the platform takes, where it is known to be a narrow limit.
    pub(crate) max_bytes: Option<usize>,
    pub(crate) docs: String,
}

/// Finds a platform by its id.
pub(crate) fn find(id: &str) -> Result<Platform> {
    let mut all = all();
    match all.iter().position(|platform| platform.id == id) {
        Some(index) => Ok(all.swap_remove(index)),
        None => Err(Error::PlatformUnknown { id: id.into(), known: ids() }),
    }
}

/// Every id, for people.
pub(crate) fn ids() -> String {
    let ids: Vec<_> = all().into_iter().map(|platform| platform.id).collect();
    ids.join(", ")
}

fn all() -> Vec<Platform> {
    let parse = |text| toml::from_str(text).expect("the files are part of this program and tested");
    FILES.into_iter().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_platform_file_is_complete_and_is_built_in() {
        let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/platforms")).unwrap();
        assert_eq!(files.count(), FILES.len());
        for platform in all() {
            assert!(!platform.steps.is_empty() && platform.command.contains("capy"), "{}", platform.id);
            let command = format!("`{}`", platform.command);
            assert_eq!(find(&platform.id).unwrap().name, platform.name, "{command}");
        }
    }
}
