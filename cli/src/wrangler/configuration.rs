//! wrangler's configuration: which file wrangler reads, what a Worker's main module is, and a copy
//! that uploads modules as they are.

use std::fs;
use std::path::{Path, PathBuf};

use capy_protocol::env_map::EnvMap;
use serde_json::{Map, Value, json};

use super::Bundled;
use crate::build_command::WranglerCommand;
use crate::error::{Error, Result};

/// In the order in which wrangler looks for them, each in all folders above.
const NAMES: [&str; 3] = ["wrangler.json", "wrangler.jsonc", "wrangler.toml"];
/// The file in which build tools name another configuration.
const REDIRECTION: &str = ".wrangler/deploy/config.json";
/// What wrangler reads for the environment if `--env` is not given.
const ENVIRONMENT: &str = "CLOUDFLARE_ENV";

/// The type of rules for modules in JavaScript.
const SCRIPTS: &str = "ESModule";
/// Modules that the inliner adds.
const ADDED_MODULES: [&str; 2] = ["**/capy-prelude*.js", "**/capy-prelude*.mjs"];

/// A configuration file's contents.
#[derive(Debug)]
pub(crate) struct Configuration {
    path: PathBuf,
    value: Map<String, Value>,
    environment: Option<String>,
    is_redirected: bool,
}

/// The folder in which wrangler starts.
pub(super) fn start(command: &WranglerCommand) -> PathBuf {
    command.words.value("cwd").map_or_else(|| command.folder.clone(), |folder| command.folder.join(folder))
}

/// The folder of the configuration that wrangler reads, or else where wrangler looks for one.
pub(super) fn base(command: &WranglerCommand) -> PathBuf {
    let path = given(command).or_else(|| find_above(&first_folder(command), &NAMES));
    path.and_then(|path| path.parent().map(Path::to_owned)).unwrap_or_else(|| start(command))
}

fn given(command: &WranglerCommand) -> Option<PathBuf> {
    command.words.value("config").map(|path| start(command).join(path))
}

/// Where the search for a configuration begins: at the script, if one is given.
fn first_folder(command: &WranglerCommand) -> PathBuf {
    let start = start(command);
    let script = command.words.path().map(|path| start.join(path));
    script.and_then(|path| path.parent().map(Path::to_owned)).unwrap_or(start)
}

/// The nearest file with the first of these names that is anywhere above.
fn find_above(folder: &Path, names: &[&str]) -> Option<PathBuf> {
    let folder = std::path::absolute(folder).ok()?;
    names.iter().find_map(|name| folder.ancestors().map(|above| above.join(name)).find(|path| path.is_file()))
}

/// The environment that a command names, or else the variable that wrangler starts with: one that
/// stands before wrangler's words, then one that is opened, then one that is set.
fn environment(command: &WranglerCommand, variables: &EnvMap) -> Option<String> {
    let assigned = command.script.iter().flat_map(|script| &script.assignments);
    let assigned = assigned.map(|(name, value)| (name.as_str(), value.as_str()));
    let mut assigned = assigned.chain(command.program.iter().filter_map(|word| word.split_once('=')));
    let before = || assigned.rfind(|(name, _)| *name == ENVIRONMENT).map(|(_, value)| value.to_owned());
    let opened = || variables.get(ENVIRONMENT).map(|value| value.expose_secret().to_owned());
    let given = command.words.value("env").map(str::to_owned).or_else(before).or_else(opened);
    given.or_else(|| std::env::var(ENVIRONMENT).ok())
}

impl Configuration {
    /// The configuration that wrangler reads for a command with these variables.
    pub(super) fn find(command: &WranglerCommand, variables: &EnvMap) -> Result<Option<Self>> {
        let environment = environment(command, variables).filter(|name| !name.is_empty());
        let folder = first_folder(command);
        let redirection = find_above(&folder, &[REDIRECTION]).filter(|_| given(command).is_none());
        if let Some(redirection) = redirection {
            let target = read(&redirection)?.get("configPath").and_then(Value::as_str).map(PathBuf::from);
            let malformed = || Error::WranglerConfiguration { path: redirection.clone() };
            let path = redirection.parent().zip(target).map(|(folder, target)| folder.join(target));
            let path = path.ok_or_else(malformed)?;
            // A build tool wrote it for one environment.
            return Ok(Some(Self { value: read(&path)?, path, environment: None, is_redirected: true }));
        }
        let path = given(command).or_else(|| find_above(&folder, &NAMES));
        path.map(|path| Ok(Self { value: read(&path)?, path, environment, is_redirected: false })).transpose()
    }

    /// A configuration without options, in this folder.
    pub(super) fn empty(folder: &Path) -> Self {
        let path = folder.join(NAMES[0]);
        Self { path, value: Map::new(), environment: None, is_redirected: false }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    /// An option of the environment, or else of the configuration around it.
    fn get(&self, name: &str) -> Option<&Value> {
        let environment = self.environment.as_ref();
        let own = environment.and_then(|environment| self.value.get("env")?.get(environment)?.get(name));
        own.or_else(|| self.value.get(name))
    }

    pub(super) fn main(&self) -> Option<PathBuf> {
        let site = || self.get("site")?.get("entry-point")?.as_str();
        self.get("main").and_then(Value::as_str).or_else(site).map(|main| self.folder().join(main))
    }

    /// The folder that the names of modules are relative to, if it is not the main module's.
    pub(super) fn base_folder(&self) -> Option<PathBuf> {
        Some(self.folder().join(self.get("base_dir")?.as_str()?))
    }

    pub(super) fn is_not_bundled(&self) -> bool {
        self.get("no_bundle") == Some(&Value::Bool(true))
    }

    pub(super) fn pages_folder(&self) -> Option<PathBuf> {
        Some(self.folder().join(self.get("pages_build_output_dir")?.as_str()?))
    }

    /// Whether a build tool's file names this configuration.
    pub(super) fn is_redirected(&self) -> bool {
        self.is_redirected
    }

    /// Whether wrangler would not find the modules of another folder with this configuration, or
    /// would build them again.
    pub(super) fn is_in_the_way(&self) -> bool {
        let builds = self
            .get("build")
            .is_some_and(|build| build.get("command").is_some_and(|text| *text != json!("")));
        let finds_nothing = self.get("find_additional_modules") == Some(&Value::Bool(false));
        let rules = self.get("rules").and_then(Value::as_array).into_iter().flatten();
        builds || finds_nothing || self.get("base_dir").is_some() || rules.into_iter().any(is_of_source)
    }

    /// Whether a rule makes modules of all scripts.
    pub(super) fn takes_scripts(&self) -> bool {
        let rules = self.get("rules").and_then(Value::as_array).into_iter().flatten();
        rules.into_iter().any(|rule| {
            let globs = rule.get("globs").and_then(Value::as_array);
            let has = |glob: &&str| globs.is_some_and(|globs| globs.iter().any(|known| known == *glob));
            rule.get("type").and_then(Value::as_str) == Some(SCRIPTS)
                && ["**/*.js", "**/*.mjs"].iter().all(has)
        })
    }

    /// The text of a configuration by which wrangler uploads the modules of a folder as they are.
    /// Other paths lead to where they led.
    pub(super) fn for_modules(&self, bundled: &Bundled, added_module: bool) -> String {
        let rules = self.get("rules").cloned();
        let mut copy = self.value.clone();
        self.adapt(&mut copy);
        for environment in
            copy.get_mut("env").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut)
        {
            environment.as_object_mut().into_iter().for_each(|environment| self.adapt(environment));
        }
        if !bundled.has_code {
            return Value::Object(copy).to_string();
        }
        let mut rules: Vec<Value> = rules.and_then(|rules| rules.as_array().cloned()).unwrap_or_default();
        rules.iter_mut().for_each(find_in_output);
        if added_module {
            rules.insert(0, json!({ "type": SCRIPTS, "globs": ADDED_MODULES, "fallthrough": true }));
        }
        let paths = |path: &Path| path.to_string_lossy().into_owned();
        copy.insert("main".into(), paths(&bundled.entry).into());
        copy.insert("base_dir".into(), paths(&bundled.output).into());
        copy.insert("no_bundle".into(), true.into());
        copy.insert("find_additional_modules".into(), true.into());
        copy.insert("rules".into(), rules.into());
        Value::Object(copy).to_string()
    }

    /// Takes out what the first step used up, and makes the paths of the rest absolute.
    fn adapt(&self, options: &mut Map<String, Value>) {
        for used in ["main", "base_dir", "no_bundle", "find_additional_modules", "rules", "build", "tsconfig"]
        {
            options.remove(used);
        }
        let absolute = |value: &mut Value| {
            if let Some(path) = value.as_str() {
                *value = self.folder().join(path).to_string_lossy().into_owned().into();
            }
        };
        let mut at =
            |keys: [&str; 2]| options.get_mut(keys[0]).and_then(|value| value.get_mut(keys[1])).map(absolute);
        at(["assets", "directory"]);
        at(["site", "bucket"]);
        at(["site", "entry-point"]);
        for named in ["wasm_modules", "text_blobs", "data_blobs"] {
            let files = options.get_mut(named).and_then(Value::as_object_mut);
            files.into_iter().flat_map(Map::values_mut).for_each(absolute);
        }
        let containers = options.get_mut("containers").and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            container.get_mut("image_build_context").map(absolute);
            // An image is a Dockerfile, or a name in a registry.
            let image = container.get_mut("image");
            image
                .filter(|image| image.as_str().is_some_and(|path| self.folder().join(path).is_file()))
                .map(absolute);
        }
        let databases = options.get_mut("d1_databases").and_then(Value::as_array_mut);
        for database in databases.into_iter().flatten() {
            database.get_mut("migrations_dir").map(absolute);
        }
    }
}

/// Whether a rule may not fit files of wrangler's output, because it names a folder of the source.
fn is_of_source(rule: &Value) -> bool {
    let globs = rule.get("globs").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let mut names = globs.map(|glob| glob.strip_prefix("**/").unwrap_or(glob));
    names.any(|glob| !glob.starts_with('*') || glob.contains('/'))
}

/// Makes a rule fit wrangler's output, where a file's name is `HASH-NAME` or its old path.
fn find_in_output(rule: &mut Value) {
    if let Some(globs) = rule.get_mut("globs").and_then(Value::as_array_mut) {
        let names =
            globs.iter().filter_map(Value::as_str).map(|glob| glob.rsplit('/').next().unwrap_or(glob));
        let names: Vec<Value> =
            names.map(|name| format!("**/*{}", name.trim_start_matches('*')).into()).collect();
        *globs = names;
    }
}

fn read(path: &Path) -> Result<Map<String, Value>> {
    let malformed = || Error::WranglerConfiguration { path: path.to_owned() };
    let text = fs::read_to_string(path).map_err(Error::file("read", path))?;
    let value = if path.extension().is_some_and(|extension| extension == "toml") {
        toml::from_str(&text).ok().map(|table: toml::Table| json_of(toml::Value::Table(table)))
    } else {
        jsonc_parser::parse_to_serde_value(&text, &jsonc_parser::ParseOptions::default()).ok()
    };
    match value {
        Some(Value::Object(options)) => Ok(options),
        _ => Err(malformed()),
    }
}

/// A date becomes a text, as wrangler reads dates in quotation marks.
fn json_of(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(flag) => flag.into(),
        toml::Value::Datetime(date) => date.to_string().into(),
        toml::Value::Array(values) => values.into_iter().map(json_of).collect(),
        toml::Value::Table(table) => {
            table.into_iter().map(|(key, value)| (key, json_of(value))).collect::<Map<_, _>>().into()
        }
    }
}
