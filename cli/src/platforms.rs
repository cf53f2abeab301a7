//! What a person does on each platform, as data: one TOML file per platform in `platforms/`.
//!
//! Owns what such a file may say, and finds platforms by their ids. It refuses to hold a value: what a platform is to
//! be given comes from elsewhere.

mod detect;
mod guide;
mod limits;
mod sets;

use serde::{Deserialize, Serialize};

pub(crate) use detect::{Commands, Signs};
pub(crate) use guide::{FILE, Guide, Setting};
pub(crate) use limits::Limits;
pub(crate) use sets::note_everywhere;

use crate::error::DeploymentFault as Fault;
use crate::error::{Error, Result};

/// Ids and files; `build.rs` makes the list.
const FILES: &[(&str, &str)] = &include!(concat!(env!("OUT_DIR"), "/platforms.rs"));

/// Where secrets are opened on the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Pattern {
    /// During the build; they are inlined.
    Build,
    /// When the program starts.
    Boot,
}

impl Pattern {
    /// One sentence of what happens there.
    pub(crate) fn explain(self) -> &'static str {
        match self {
            Self::Build => "the build opens the secrets and bakes them into the server",
            Self::Boot => "the program opens the secrets when it starts",
        }
    }
}

/// What sort of place it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Functions,
    Containers,
    Ci,
    Servers,
}

/// How values reach a program's stdin when the platform's own command line sets them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Stdin {
    /// One run for each variable; its value and nothing else.
    Value,
    /// One run; `NAME=value` lines.
    Lines,
    /// One run; a JSON object.
    Json,
    /// None of them: the program gives its token, and Heroku's API gets the values.
    HerokuApi,
}

/// The platform's own command line.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Push {
    pub(crate) program: String,
    pub(crate) run: Vec<String>,
    pub(crate) stdin: Stdin,
    /// Shows which variables are there; its output is searched for the names and never shown.
    #[serde(default)]
    pub(crate) list: Vec<String>,
    /// Whether that prints `NAME=value` lines, as its documentation says.
    #[serde(default)]
    pub(crate) shows_values: bool,
    /// Removes a variable; shown where one of another deployment is left over, and never run.
    pub(crate) remove: Vec<String>,
    /// The option that names the project, where the program does not find it by itself.
    pub(crate) project: Option<String>,
    /// Whether a program gets only those variables that its configuration names.
    #[serde(default)]
    pub(crate) named_only: bool,
    /// The option that names the environment, where there need not be one.
    pub(crate) environment: Option<String>,
    /// What a person should know before it runs.
    pub(crate) note: Option<String>,
}

/// One platform.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Platform {
    #[serde(skip)]
    pub(crate) id: &'static str,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) pattern: Pattern,
    /// Words that somebody may search for.
    pub(crate) search: Vec<String>,
    pub(crate) docs: String,
    /// The platform's own names for its environments; empty where it has none.
    pub(crate) environments: Vec<String>,
    /// Whether a person may have made others.
    #[serde(default)]
    pub(crate) own_environments: bool,
    /// The environment that its own command line sets variables for, where that is not every one.
    pub(crate) only_environment: Option<String>,
    /// Files and folders of a repository that is deployed there: `path`, or `path:text in it`.
    pub(crate) detect: Vec<String>,
    #[serde(flatten)]
    words: Words,
    /// Those of an environment that there need not be.
    in_environment: Option<Words>,
    #[serde(default)]
    pub(crate) limits: Limits,
    push: Option<Push>,
    /// Why there is none, where that needs a word.
    no_push: Option<String>,
    /// What it sets in every program or build.
    #[serde(rename = "sets")]
    own_variables: Option<sets::Sets>,
}

/// What a person is told.
#[derive(Debug, Clone, Deserialize)]
struct Words {
    steps: Vec<String>,
    place: String,
    command: String,
    /// What stands for each variable in place of `{entries}`.
    entry: Option<String>,
    /// What stands between two of them, where it is not the end of a line.
    between: Option<String>,
    /// For a shell. What is to be removed afterwards is removed only if all went well.
    cli: Vec<String>,
    /// What a person should know before they paste these.
    cli_note: Option<String>,
}

impl Platform {
    /// Its own command line, where that takes values on its stdin.
    pub(crate) fn push(&self) -> Result<&Push> {
        self.push.as_ref().ok_or_else(|| {
            let usual = "it has no command line that takes values on its standard input";
            let why = self.no_push.as_deref().unwrap_or(usual).into();
            Fault::PushUnsupported { platform: self.name.clone(), why }.into()
        })
    }

    /// Why its command line cannot be used, where somebody would wonder.
    pub(crate) fn no_push(&self) -> Option<&str> {
        self.no_push.as_deref()
    }

    /// Without a command line that takes values in a way which this system has not.
    fn on_this_system(mut self) -> Self {
        let reads_device = |push: &Push| push.run.iter().any(|word| word == "/dev/stdin");
        if cfg!(windows) && self.push.as_ref().is_some_and(reads_device) {
            self.push = None;
            self.no_push = Some("its command line reads /dev/stdin, which Windows has not".into());
        }
        self
    }

    /// Whether its own command line sets variables for this environment.
    pub(crate) fn sets(&self, environment: Option<&str>) -> bool {
        self.only_environment.is_none() || self.only_environment.as_deref() == environment
    }

    /// Whether there is more than one environment, or may be.
    pub(crate) fn has_choice(&self) -> bool {
        self.own_environments || self.environments.len() > 1
    }

    /// The environment that is meant: the one that is named, else the first.
    pub(crate) fn environment(&self, named: Option<&str>) -> Result<Option<String>> {
        let Some(named) = named else {
            return Ok(self.environments.first().cloned());
        };
        // It becomes a word of a command.
        let is_plain = |name: &str| {
            !name.starts_with('-') && !name.trim().is_empty() && !name.chars().any(char::is_control)
        };
        match self.environments.iter().any(|known| known == named) || self.own_environments && is_plain(named)
        {
            true => Ok(Some(named.into())),
            false => Err(Error::EnvironmentUnknown {
                platform: self.name.clone(),
                environment: named.into(),
                known: self.environments.join(", "),
            }),
        }
    }
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

/// All platforms: by kind, then by name; the one that stands for all others is the last.
pub(crate) fn all() -> Vec<Platform> {
    let parse = |(id, text): &(&'static str, &str)| {
        let platform: Platform = toml::from_str(text).expect("the files are part of this program and tested");
        Platform { id, ..platform }.on_this_system()
    };
    let mut all: Vec<_> = FILES.iter().map(parse).collect();
    all.sort_by_key(|platform| (platform.id == "other", platform.kind, platform.name.to_lowercase()));
    all
}

#[cfg(test)]
mod tests;
