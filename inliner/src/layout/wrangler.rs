//! Parser for wrangler's configuration: which file is the Worker, and which folder is served beside
//! it.
//!
//! Supports the three file formats, environments, and the redirection that build tools write.
//! Variables and bindings are not read, and a configuration that does not parse is not quoted,
//! because `vars` may hold secrets.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::manifest::{ManifestFault, join, read_json};
use super::{Entry, Runtime};
use crate::Error;
use crate::line_index::line_and_column;
use crate::tree::{Kind, Tree};

/// In the order in which wrangler looks for them.
const NAMES: [&str; 3] = ["wrangler.json", "wrangler.jsonc", "wrangler.toml"];
/// The file in which build tools name another configuration for wrangler to use.
const REDIRECTION: &str = ".wrangler/deploy/config.json";

/// The parts of a configuration that say where files are.
#[derive(Debug)]
pub(super) struct Wrangler {
    /// The configuration file's own path.
    pub(super) path: PathBuf,
    /// The main modules that it deploys: the top level's, if it has one, then each environment's.
    pub(super) mains: Vec<Main>,
    /// Folders that are served as they are, in any environment.
    pub(super) public: Vec<PathBuf>,
    /// A build tool's redirection named it.
    pub(super) redirected: bool,
}

impl Wrangler {
    /// The modules that Cloudflare's runtime loads first, if these are bundles.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> {
        self.mains.iter().map(|main| Entry { path: main.path.clone(), runtime: Runtime::Workers })
    }
}

/// The module that a Worker starts with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Main {
    /// A source file, or a bundle if `no_bundle`.
    pub(super) path: PathBuf,
    /// It is deployed as it is.
    pub(super) no_bundle: bool,
    /// Further modules in its folder are deployed as they are.
    pub(super) more_modules: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Redirection {
    config_path: PathBuf,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Text {
    main: Option<PathBuf>,
    no_bundle: Option<bool>,
    find_additional_modules: Option<bool>,
    rules: Option<Vec<Rule>>,
    assets: Option<Assets>,
    site: Option<Site>,
    pages_build_output_dir: Option<PathBuf>,
    env: BTreeMap<String, Text>,
}

impl Text {
    /// The main module of an environment, which inherits unset options from the configuration
    /// around it.
    fn main(&self, tree: &Tree<'_>, around: Option<&Self>, folder: &Path) -> Option<Main> {
        let path = self.main.as_ref().or_else(|| around?.main.as_ref())?;
        let either = |says: fn(&Self) -> Option<bool>| says(self).or_else(|| says(around?)).unwrap_or(false);
        Some(Main {
            path: join(tree, folder, path),
            no_bundle: either(|text| text.no_bundle),
            more_modules: either(|text| text.find_additional_modules) || either(Self::has_modules),
        })
    }

    fn has_modules(&self) -> Option<bool> {
        let is_module = |rule: &Rule| rule.kind == "ESModule" || rule.kind == "CommonJS";
        self.rules.as_ref().map(|rules| rules.iter().any(is_module))
    }

    fn public(&self) -> impl Iterator<Item = &PathBuf> {
        let assets = self.assets.as_ref().and_then(|assets| assets.directory.as_ref());
        let site = self.site.as_ref().map(|site| &site.bucket);
        assets.into_iter().chain(site).chain(&self.pages_build_output_dir)
    }
}

#[derive(Deserialize)]
struct Rule {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Assets {
    directory: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Site {
    bucket: PathBuf,
}

/// The configuration that wrangler would use in this folder.
pub(super) fn of_folder(tree: &Tree<'_>, folder: &Path) -> Result<Option<Wrangler>, Error> {
    let redirection = folder.join(REDIRECTION);
    if tree.is_file(&redirection) {
        let target: Redirection = read_json(tree, &redirection)?;
        let beside = redirection.parent().unwrap_or(folder);
        let path = join(tree, beside, &target.config_path);
        return Ok(if tree.find(&path)? == Some(Kind::File) {
            Some(Wrangler { redirected: true, ..of_file(tree, &path)? })
        } else {
            None
        });
    }
    let found = NAMES.map(|name| folder.join(name)).into_iter().find(|path| tree.is_file(path));
    found.map(|path| of_file(tree, &path)).transpose()
}

/// Reads one configuration file. Paths in it are relative to its folder.
pub(super) fn of_file(tree: &Tree<'_>, path: &Path) -> Result<Wrangler, Error> {
    let text = tree.read_text(path)?;
    let parsed = parse(path, &text).map_err(|source| Error::Manifest { path: path.to_owned(), source })?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut wrangler =
        Wrangler { path: path.to_owned(), mains: Vec::new(), public: Vec::new(), redirected: false };
    wrangler.mains.extend(parsed.main(tree, None, folder));
    wrangler.mains.extend(parsed.env.values().filter_map(|text| text.main(tree, Some(&parsed), folder)));
    let all = std::iter::once(&parsed).chain(parsed.env.values());
    wrangler.public.extend(all.flat_map(Text::public).map(|public| join(tree, folder, public)));
    let mut seen = BTreeSet::new();
    wrangler.public.retain(|public| seen.insert(public.clone()));
    Ok(wrangler)
}

fn parse(path: &Path, text: &str) -> Result<Text, ManifestFault> {
    if path.extension().is_some_and(|extension| extension == "toml") {
        return toml::from_str(text).map_err(|error| {
            let (line, column) = line_and_column(text, error.span().map_or(0, |span| span.start));
            ManifestFault { line, column }
        });
    }
    Ok(jsonc_parser::parse_to_serde_value(text, &jsonc_parser::ParseOptions::default())?)
}
