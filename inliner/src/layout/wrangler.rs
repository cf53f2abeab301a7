//! Wrangler's configuration: which file is the Worker, which folder is served beside it.
//!
//! Owns its three notations, and the redirection that build tools write. It reads no variables and no bindings, and
//! refuses a configuration that does not parse without quoting it: `vars` may hold anything.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::manifest::{ManifestFault, join, read_json, read_text};
use crate::{Error, place};

/// In the order in which wrangler looks.
const NAMES: [&str; 3] = ["wrangler.json", "wrangler.jsonc", "wrangler.toml"];
/// Where build tools say which configuration wrangler is to use instead.
const REDIRECTION: &str = ".wrangler/deploy/config.json";

/// What of a configuration says where files are.
#[derive(Debug)]
pub(super) struct Wrangler {
    /// The configuration's own path.
    pub(super) path: PathBuf,
    /// A source, or a bundle if `no_bundle`.
    pub(super) main: Option<PathBuf>,
    /// `main` is deployed as it is.
    pub(super) no_bundle: bool,
    /// More modules than `main` are deployed as they are, from its folder.
    pub(super) more_modules: bool,
    /// Served as it is.
    pub(super) public: Vec<PathBuf>,
    /// It was named by a build tool.
    pub(super) redirected: bool,
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
    no_bundle: bool,
    find_additional_modules: bool,
    rules: Vec<Rule>,
    assets: Option<Assets>,
    site: Option<Site>,
    pages_build_output_dir: Option<PathBuf>,
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
pub(super) fn of_folder(folder: &Path) -> Result<Option<Wrangler>, Error> {
    let redirection = folder.join(REDIRECTION);
    if redirection.is_file() {
        let target: Redirection = read_json(&redirection)?;
        let beside = redirection.parent().unwrap_or(folder);
        let path = join(beside, &target.config_path);
        return Ok(if path.is_file() {
            Some(Wrangler { redirected: true, ..of_file(&path)? })
        } else {
            None
        });
    }
    let found = NAMES.map(|name| folder.join(name)).into_iter().find(|path| path.is_file());
    found.map(|path| of_file(&path)).transpose()
}

/// One configuration file. What it names is relative to where it lies.
pub(super) fn of_file(path: &Path) -> Result<Wrangler, Error> {
    let text = read_text(path)?;
    let parsed = parse(path, &text).map_err(|source| Error::Manifest { path: path.to_owned(), source })?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let public = [
        parsed.assets.and_then(|assets| assets.directory),
        parsed.site.map(|site| site.bucket),
        parsed.pages_build_output_dir,
    ];
    let is_module = |rule: &Rule| rule.kind == "ESModule" || rule.kind == "CommonJS";
    Ok(Wrangler {
        path: path.to_owned(),
        main: parsed.main.map(|main| join(folder, &main)),
        no_bundle: parsed.no_bundle,
        more_modules: parsed.find_additional_modules || parsed.rules.iter().any(is_module),
        public: public.into_iter().flatten().map(|public| join(folder, &public)).collect(),
        redirected: false,
    })
}

fn parse(path: &Path, text: &str) -> Result<Text, ManifestFault> {
    if path.extension().is_some_and(|extension| extension == "toml") {
        return toml::from_str(text).map_err(|error| {
            let (line, column) = place::of(text, error.span().map_or(0, |span| span.start));
            ManifestFault { line, column }
        });
    }
    Ok(jsonc_parser::parse_to_serde_value(text, &jsonc_parser::ParseOptions::default())?)
}
