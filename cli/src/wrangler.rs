//! An upload of a Worker in two steps: wrangler bundles it into a private folder (`--dry-run`), and
//! later uploads that folder as it is (`--no-bundle`).
//!
//! Nothing of the project is changed. The folder lies where wrangler keeps temporary files of its
//! own, so that wrangler finds the same configuration from there, and source maps name the same
//! sources. Only this user can read it, git ignores it, and if this process is killed, the next one
//! removes it. wrangler reads the project's configuration for both steps, except for what would undo
//! the first step: then it reads a copy in the private folder.

mod configuration;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use capy_access::make_folder_private;
use capy_protocol::env_map::{EnvMap, SecretValue};
use tempfile::TempDir;
use walkdir::WalkDir;

use crate::build_command::{Keep, WranglerCommand};
use crate::error::{Error, Result};
pub(crate) use configuration::Configuration;

/// wrangler's folder for temporary files. wrangler removes what is left in it after a day.
const TEMPORARY: &str = ".wrangler/tmp";
const PREFIX: &str = "capy-";
/// In the private folder; locked while the folder is in use.
const LOCK: &str = ".lock";
/// What wrangler uploads for a Worker that consists of assets alone.
const NO_OP: &str = "no-op-worker.js";
/// wrangler's note about the folder, which a rule such as `**/*.md` would upload.
const NOTE: &str = "README.md";

/// A command and the folder in which it starts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) command: Vec<String>,
    pub(crate) folder: PathBuf,
}

/// An upload of a Worker whose modules go through a private folder.
pub(crate) struct WorkerUpload<'a> {
    command: &'a WranglerCommand,
    /// The folder of the configuration that wrangler reads, or else where wrangler starts.
    project: PathBuf,
    /// Released before the folder is removed.
    lock: File,
    private: TempDir,
}

/// What wrangler bundled.
#[derive(Debug)]
pub(crate) struct Bundled {
    /// The folder of the Worker's modules.
    pub(crate) output: PathBuf,
    /// The module that starts, or the empty one in place of a Worker without code.
    pub(crate) entry: PathBuf,
    pub(crate) configuration: Option<Configuration>,
    /// Folders that the command line says are served.
    pub(crate) public: Vec<PathBuf>,
    /// Whether there is more than assets.
    has_code: bool,
}

impl<'a> WorkerUpload<'a> {
    /// Creates the private folder, and removes those of killed processes.
    pub(crate) fn begin(command: &'a WranglerCommand) -> Result<Self> {
        let project = configuration::base(command);
        let project = std::path::absolute(&project).map_err(Error::file("find", &project))?;
        let folder = project.join(TEMPORARY);
        fs::create_dir_all(&folder).map_err(Error::file("create", &folder))?;
        remove_leftovers(&folder);
        let private = tempfile::Builder::new().prefix(PREFIX).tempdir_in(&folder);
        let private = private.map_err(Error::file("write to", &folder))?;
        let lock = make_private(private.path()).map_err(Error::file("write to", private.path()))?;
        Ok(Self { command, project, lock, private })
    }

    /// Removes the private folder, which contains values.
    pub(crate) fn close(self) -> Result<()> {
        drop(self.lock);
        let path = self.private.path().to_owned();
        self.private.close().map_err(Error::file("remove", &path))
    }

    /// The project's folder.
    pub(crate) fn project(&self) -> &Path {
        &self.project
    }

    fn output(&self) -> PathBuf {
        self.private.path().join("worker")
    }

    /// The command that bundles and does not upload. A package's script gets further words, and may
    /// build the application first.
    pub(crate) fn bundling(&self) -> Step {
        let output = self.output().to_string_lossy().into_owned();
        let added = ["--dry-run", "--outdir", &output];
        let command = match &self.command.script {
            Some(script) => {
                let own = script.command.iter().cloned();
                own.chain(added.map(str::to_owned)).collect()
            }
            None => self.starting(self.command.words.rewritten(&added, Keep::Path, &["outdir", "outfile"])),
        };
        Step { command, folder: PathBuf::from(".") }
    }

    fn starting(&self, words: Vec<String>) -> Vec<String> {
        self.command.program.iter().cloned().chain(words).collect()
    }

    /// What the first step left.
    pub(crate) fn bundled(&self, variables: &EnvMap) -> Result<Bundled> {
        let output = self.output();
        let configuration = Configuration::find(self.command, variables)?;
        let base = configuration::start(self.command);
        let script = self.command.words.path().map(|path| base.join(path));
        let served = script.iter().filter(|path| path.is_dir()).cloned();
        let given = ["assets", "site"].into_iter().filter_map(|name| self.command.words.value(name));
        let public = given.map(|folder| base.join(folder)).chain(served).collect();
        let main = script.or_else(|| configuration.as_ref()?.main());
        let is_bundled = !self.command.words.has("no-bundle")
            && self.command.words.value("bundle") != Some("false")
            && !configuration.as_ref().is_some_and(Configuration::is_not_bundled);
        let name = main.as_deref().and_then(|main| match is_bundled {
            true => Some(format!("{}.js", main.file_stem()?.to_string_lossy()).into()),
            false => main.file_name().map(PathBuf::from),
        });
        if let Some(main) = main.as_deref().filter(|_| !is_bundled) {
            let modules = configuration.as_ref().and_then(Configuration::base_folder);
            copy_maps(modules.as_deref().or(main.parent()).unwrap_or(&base), &output)?;
        }
        let entry = name.map(|name: PathBuf| output.join(name)).filter(|entry| entry.is_file());
        let no_op = Some(output.join(NO_OP)).filter(|path| path.is_file());
        let has_code = entry.is_some();
        let entry = entry.or(no_op).ok_or_else(|| Error::WranglerEntryMissing { path: output.clone() })?;
        let note = output.join(NOTE);
        if fs::read(&note)
            .is_ok_and(|text| text.starts_with(b"This folder contains the built output assets "))
        {
            fs::remove_file(&note).map_err(Error::file("remove", &note))?;
        }
        Ok(Bundled { output, entry, configuration, public, has_code })
    }

    /// The command that uploads the folder's modules.
    pub(crate) fn uploading(&self, bundled: &Bundled) -> Result<Step> {
        let words = &self.command.words;
        let folder = match self.command.script {
            Some(_) => self.command.folder.clone(),
            None => PathBuf::from("."),
        };
        let (mut added, mut dropped, mut path) = (Vec::new(), Vec::new(), Keep::Path);
        let entry = bundled.entry.to_string_lossy();
        if bundled.has_code {
            added.extend([&*entry, "--no-bundle"]);
            dropped.extend(["bundle", "no-bundle", "minify", "metafile"]);
            path = Keep::OptionsOnly;
        }
        let copy = self.private.path().join("wrangler.json");
        let copied = copy.to_string_lossy();
        let added_module = has_added_module(&bundled.output);
        let none = Configuration::empty(&self.project);
        let configuration = bundled.configuration.as_ref().unwrap_or(&none);
        if configuration.is_in_the_way() || added_module && !configuration.takes_scripts() {
            let text = configuration.for_modules(bundled, added_module);
            fs::write(&copy, text).map_err(Error::file("write", &copy))?;
            added.extend(["--config", &*copied]);
            dropped.push("config");
            if configuration.is_redirected() {
                // It describes one environment, and names none.
                dropped.push("env");
            }
        }
        let command = self.starting(words.rewritten(&added, path, &dropped));
        Ok(Step { command, folder })
    }

    /// The variables of the first step. wrangler's record of what it deployed, which CI reads, is
    /// that of the second step alone.
    pub(crate) fn bundling_variables(&self, env: &EnvMap) -> Result<EnvMap> {
        let mut variables = env.clone();
        let record = self.private.path().join("record.ndjson").to_string_lossy().into_owned();
        let set = variables.try_insert("WRANGLER_OUTPUT_FILE_PATH", SecretValue::new(record));
        set.map(|()| variables).map_err(|_| Error::ValueUnusable)
    }

    /// The variables of the second step: a script's own assignments, and a `PATH` on which the
    /// package's programs are found, as package managers make it.
    pub(crate) fn uploading_variables(&self, env: &EnvMap) -> Result<EnvMap> {
        let mut variables = env.clone();
        let Some(script) = &self.command.script else { return Ok(variables) };
        let mut set = |name: &str, value: String| {
            variables.try_insert(name, SecretValue::new(value)).map_err(|_| Error::ValueUnusable)
        };
        let folder =
            std::path::absolute(&self.command.folder).map_err(Error::file("find", &self.command.folder))?;
        let programs = folder.ancestors().map(|folder| folder.join("node_modules/.bin"));
        let given = env.get("PATH").map(|path| path.expose_secret().into());
        let given = given.or_else(|| std::env::var_os("PATH")).unwrap_or_default();
        let given: Vec<PathBuf> = std::env::split_paths(&given).collect();
        if let Ok(path) = std::env::join_paths(programs.chain(given)).map(|path| path.into_string())
            && let Ok(path) = path
        {
            set("PATH", path)?;
        }
        for (name, value) in &script.assignments {
            set(name, value.clone())?;
        }
        Ok(variables)
    }
}

/// Makes a new folder private, keeps it out of git, and locks it.
fn make_private(folder: &Path) -> io::Result<File> {
    make_folder_private(folder)?;
    fs::write(folder.join(".gitignore"), "*\n")?;
    // Locked before it has its name, so that nobody takes the folder for a leftover.
    let unnamed = folder.join(".lock-new");
    let lock = File::create_new(&unnamed)?;
    // Not every file system has locks. Then another process may remove no leftovers.
    if lock.try_lock().is_ok() {
        fs::rename(&unnamed, folder.join(LOCK))?;
    }
    Ok(lock)
}

/// Removes the private folders of processes that were killed. What cannot be removed stays.
fn remove_leftovers(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        let lock = entry.path().join(LOCK);
        let is_file = || lock.symlink_metadata().is_ok_and(|data| data.is_file());
        if is_ours
            && entry.file_type().is_ok_and(|kind| kind.is_dir())
            && is_file()
            && let Ok(lock) = File::open(&lock)
            && lock.try_lock().is_ok()
        {
            drop(lock);
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Whether the inliner added a module: wrangler uploads the scripts beside the main module only by a
/// rule.
fn has_added_module(output: &Path) -> bool {
    let mut files = WalkDir::new(output).into_iter().flatten();
    files.any(|file| file.file_name().to_str().is_some_and(capy_inliner::is_added_module))
}

/// Copies the source maps of modules that wrangler copied: it leaves them out, and looks for them at
/// the upload.
fn copy_maps(modules: &Path, output: &Path) -> Result<()> {
    for file in WalkDir::new(output).into_iter().flatten().filter(|file| file.file_type().is_file()) {
        let map = |path: &Path| {
            let mut map = path.as_os_str().to_owned();
            map.push(".map");
            PathBuf::from(map)
        };
        let inside = file.path().strip_prefix(output).unwrap_or(file.path());
        let (from, to) = (map(&modules.join(inside)), map(file.path()));
        if from.is_file() && !to.exists() {
            fs::copy(&from, &to).map_err(Error::file("copy", &from))?;
        }
    }
    Ok(())
}

/// The folder that `wrangler pages deploy` uploads.
pub(crate) fn pages_folder(command: &WranglerCommand, variables: &EnvMap) -> Result<PathBuf> {
    let start = configuration::start(command);
    if let Some(path) = command.words.path() {
        return Ok(start.join(path));
    }
    let configured = Configuration::find(command, variables)?;
    let configured = configured.and_then(|configuration| configuration.pages_folder());
    Ok(configured.unwrap_or(start))
}
