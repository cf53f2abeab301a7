//! The framework applications of `tests/apps`: installs, builds and starts each with its own tools.
//!
//! Each folder has an `app.toml`, with one table for each variant of the app:
//!
//! ```toml
//! [node]
//! build = [["vite", "build"]]       # commands; a first word is looked up in node_modules/.bin
//! environment = { ADAPTER = "node" } # of the build; never one of the probes' variables
//! keep = ["build", "package.json"]  # what is deployed, beside node_modules
//! private = ["build/server"]        # the only folders of it whose scripts may hold a value
//! start = ["node", "build"]         # started with PORT and HOST …
//! config = "wrangler.json"          # … or wrangler's configuration of a Worker …
//! platform = "vercel"               # … or run by a platform's stand-in in `tests/platforms`
//! files = ["dist/index.cjs"]        # bundles to name, where no layout tells them from sources
//! paths = ["/probes"]               # what is asked
//! crash = "/probes?crash"           # ends a Node server with an error that nobody catches
//! ```
//!
//! Finished builds are cached by what they were made from. Builds run with an environment of their
//! own, without the probes' variables.

mod cache;
mod probes;
mod server;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use tempfile::TempDir;

pub use probes::{Answers, canary_in, variables};
pub use server::Server;

use crate::node::Node;
use crate::shop::copy_tree;
use crate::{setup, workspace_root};

/// One variant of an app.
#[derive(Debug)]
pub struct App {
    /// The app's folder and the variant, such as `sveltekit-cloudflare`.
    pub label: String,
    source: PathBuf,
    recipe: Recipe,
    node: Node,
}

/// How to build and run a variant: its table in `app.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recipe {
    build: Vec<Vec<String>>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    keep: Vec<PathBuf>,
    private: Vec<PathBuf>,
    #[serde(default)]
    start: Vec<String>,
    config: Option<PathBuf>,
    platform: Option<String>,
    #[serde(default)]
    files: Vec<PathBuf>,
    paths: Vec<String>,
    crash: Option<String>,
}

/// A temporary copy of an app's build or of its sources, with its packages.
#[derive(Debug)]
pub struct Copy<'a> {
    app: &'a App,
    scratch: TempDir,
}

impl App {
    /// The app in `tests/apps/<name>`, as its `app.toml` describes this variant.
    ///
    /// # Errors
    /// When there is no such app or variant.
    pub fn find(node: &Node, name: &str, variant: &str) -> Result<Self> {
        let source = apps_folder().join(name);
        let path = source.join("app.toml");
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let mut variants: BTreeMap<String, Recipe> =
            toml::from_str(&text).with_context(|| path.display().to_string())?;
        let recipe = variants.remove(variant);
        let recipe = recipe.with_context(|| format!("{} has no variant {variant}", path.display()))?;
        let ways = [!recipe.start.is_empty(), recipe.config.is_some(), recipe.platform.is_some()];
        ensure!(
            ways.into_iter().filter(|way| *way).count() == 1,
            "{}: one of `start`, `config` and `platform`",
            path.display()
        );
        Ok(Self { label: format!("{name}-{variant}"), source, recipe, node: node.clone() })
    }

    /// A copy of the finished build, as the app's tool left it. Builds the app unless the cache has
    /// it.
    ///
    /// # Errors
    /// When it cannot be installed or built.
    pub fn built(&self) -> Result<Copy<'_>> {
        let cache = cache::Cache::open(self)?;
        let built = cache.built()?;
        let copy = self.scratch(&cache)?;
        copy_tree(&built.join("."), copy.dir())?;
        copy.link_packages(&cache)?;
        Ok(copy)
    }

    /// A copy of the sources, ready to be built.
    ///
    /// # Errors
    /// When it cannot be installed.
    pub fn sources(&self) -> Result<Copy<'_>> {
        let cache = cache::Cache::open(self)?;
        let copy = self.scratch(&cache)?;
        self.copy_sources(copy.dir())?;
        copy.link_packages(&cache)?;
        Ok(copy)
    }

    fn scratch(&self, cache: &cache::Cache<'_>) -> Result<Copy<'_>> {
        let scratch =
            tempfile::Builder::new().prefix(&format!("{}-", self.label)).tempdir_in(cache.scratch())?;
        Ok(Copy { app: self, scratch })
    }

    fn copy_sources(&self, to: &Path) -> Result<()> {
        copy_tree(&self.source.join("."), to)?;
        copy_tree(&apps_folder().join("shared"), to)
    }

    /// A build command of this app, without any variable of the caller's but PATH.
    fn build_command(&self, folder: &Path, words: &[String]) -> Result<Command> {
        let (program, rest) = words.split_first().context("an empty build command")?;
        let local = folder.join("node_modules/.bin").join(program);
        let mut command = Command::new(if local.is_file() { local } else { PathBuf::from(program) });
        command.args(rest).current_dir(folder).env_clear().envs(self.build_environment(folder));
        Ok(command)
    }

    /// The environment of every build: our Node first on PATH, a home of its own, and no telemetry.
    fn build_environment(&self, folder: &Path) -> BTreeMap<String, std::ffi::OsString> {
        let mut all: BTreeMap<String, std::ffi::OsString> = BTreeMap::new();
        all.insert("PATH".to_owned(), self.node.path());
        all.insert("HOME".to_owned(), folder.join(".home").into());
        for name in QUIET {
            all.insert(name.to_owned(), "1".into());
        }
        all.insert("WRANGLER_SEND_METRICS".to_owned(), "false".into());
        all.insert("CLOUDFLARE_CF_FETCH_ENABLED".to_owned(), "false".into());
        all.extend(self.recipe.environment.iter().map(|(name, value)| (name.clone(), value.into())));
        all
    }
}

/// Variables that turn off telemetry, questions and colours of the tools.
const QUIET: [&str; 8] = [
    "ASTRO_TELEMETRY_DISABLED",
    "CI",
    "DO_NOT_TRACK",
    "NEXT_TELEMETRY_DISABLED",
    "NO_COLOR",
    "NO_UPDATE_NOTIFIER",
    "NUXT_TELEMETRY_DISABLED",
    "VERCEL_TELEMETRY_DISABLED",
];

impl Copy<'_> {
    /// The folder of the copy.
    pub fn dir(&self) -> &Path {
        self.scratch.path()
    }

    /// The bundles that the inliner has to be told; empty where it recognises the layout.
    pub fn named_files(&self) -> Vec<PathBuf> {
        self.app.recipe.files.iter().map(|file| self.dir().join(file)).collect()
    }

    /// The build's commands, each as a list of words, as a platform's shell would run them here.
    pub fn build_words(&self) -> &[Vec<String>] {
        &self.app.recipe.build
    }

    /// The environment of a build on the platform, without the secrets.
    pub fn build_environment(&self) -> BTreeMap<String, std::ffi::OsString> {
        self.app.build_environment(self.dir())
    }

    /// Starts the build with these variables, and otherwise only those that any process has.
    ///
    /// # Errors
    /// If the server does not answer in time: then with what it printed.
    pub fn start(&self, variables: &BTreeMap<String, String>) -> Result<Server> {
        let recipe = &self.app.recipe;
        let node = &self.app.node;
        if let Some(config) = &recipe.config {
            return Server::start_worker(node, &self.dir().join(config), variables);
        }
        let Some(platform) = &recipe.platform else {
            return Server::start_node(node, self.dir(), &recipe.start, variables);
        };
        let program = workspace_root().join("tests/platforms").join(platform).join("platform.mjs");
        let words = ["node".to_owned(), program.to_string_lossy().into_owned()];
        Server::start_node(node, self.dir(), &words, variables)
    }

    /// Asks each of the app's paths, and returns the answers.
    ///
    /// # Errors
    /// If the server does not answer.
    pub fn ask(&self, server: &Server) -> Result<Answers> {
        probes::ask(server.url(), &self.app.recipe.paths)
    }

    /// Stops the server and returns all that it printed. If the app has a request that crashes the
    /// server, sends that first: Node then prints the whole source line that threw the error.
    ///
    /// # Errors
    /// If the server does not end by that request.
    pub fn stop(&self, server: Server) -> Result<String> {
        let Some(path) = &self.app.recipe.crash else {
            return Ok(server.stop());
        };
        probes::ask_to_crash(&format!("{}{path}", server.url()));
        let printed = server.wait_for_end()?;
        ensure!(printed.contains("crashed with"), "the server ended otherwise:\n{printed}");
        Ok(printed)
    }

    /// Checks that values are in private scripts only, and in one of them at least.
    ///
    /// # Errors
    /// If a value is anywhere else, or nowhere.
    pub fn check_places(&self) -> Result<()> {
        let mut files = Vec::new();
        for kept in &self.app.recipe.keep {
            let kept = self.dir().join(kept);
            if kept.is_file() { files.push(kept) } else { crate::shop::collect(&kept, &mut files)? }
        }
        let mut baked = 0;
        for file in files {
            if let Some(name) = canary_in(&std::fs::read(&file)?) {
                let inside = file.strip_prefix(self.dir())?;
                ensure!(self.is_private(inside), "the value of {name} stands in {}", inside.display());
                baked += 1;
            }
        }
        ensure!(baked > 0, "no server file holds a value: nothing was inlined");
        Ok(())
    }

    fn is_private(&self, inside: &Path) -> bool {
        let script = inside.extension().is_some_and(|kind| kind == "js" || kind == "mjs" || kind == "cjs");
        script && self.app.recipe.private.iter().any(|private| inside.starts_with(private))
    }

    fn link_packages(&self, cache: &cache::Cache<'_>) -> Result<()> {
        setup::link_packages(&cache.packages()?.join("node_modules"), self.dir())
    }
}

fn apps_folder() -> PathBuf {
    workspace_root().join("tests/apps")
}
