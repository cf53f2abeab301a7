//! Deployment platforms as data: steps, commands and limits, in one TOML file per platform in
//! `platforms/`.
//!
//! This module defines what such a file may contain, and finds platforms by their ids. It holds no
//! secret values: what a platform is to be given comes from elsewhere.

mod detect;
mod guide;
mod limits;

use serde::{Deserialize, Serialize};

pub(crate) use detect::Commands;
pub(crate) use guide::{FILE, Guide, Setting};
pub(crate) use limits::Limits;

use crate::error::{DeploymentFault, Error, Result};

/// The platforms' ids with the text of their files. `build.rs` makes the list.
const FILES: &[(&str, &str)] = &include!(concat!(env!("OUT_DIR"), "/platforms.rs"));

/// Variables that the system, the shell or the image sets (POSIX, "Environment Variables"; Docker's
/// run reference), and `NODE_ENV`, which JavaScript's build tools set.
const EVERYWHERE: [&str; 9] =
    ["HOME", "HOSTNAME", "LOGNAME", "NODE_ENV", "PATH", "PWD", "SHELL", "TERM", "USER"];

/// Where secrets are opened on the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Pattern {
    /// During the build, which inlines them into the server's bundles.
    Build,
    /// When the program starts.
    Boot,
}

impl Pattern {
    /// One sentence that says what happens there.
    pub(crate) fn explain(self) -> &'static str {
        match self {
            Self::Build => "the build opens the secrets and inlines them into the server",
            Self::Boot => "the program opens the secrets when it starts",
        }
    }
}

/// What sort of platform it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Functions,
    Containers,
    Ci,
    Servers,
}

/// How the platform's own command line takes values: on standard input, or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Stdin {
    /// One run for each variable, with its value alone on standard input.
    Value,
    /// One run, with `NAME=value` lines on standard input.
    Lines,
    /// One run, with a JSON object on standard input.
    Json,
    /// Nothing on standard input: the program prints its token, and the values go to Heroku's API.
    HerokuApi,
}

/// The option that makes variables unreadable on the platform, where the program has one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecretOption {
    pub(crate) option: String,
    /// The environments in which the platform allows it.
    pub(crate) environments: Vec<String>,
}

/// How the platform's own command line sets variables.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Push {
    pub(crate) program: String,
    pub(crate) run: Vec<String>,
    pub(crate) stdin: Stdin,
    pub(crate) secret: Option<SecretOption>,
    /// Arguments that list the variables. The output is searched for names, and never shown.
    #[serde(default)]
    pub(crate) list: Vec<String>,
    /// Whether the list has `NAME=value` lines, according to the program's documentation.
    #[serde(default)]
    pub(crate) shows_values: bool,
    /// Arguments that remove a variable. They are shown if a variable of another deployment is left
    /// over, and never run.
    pub(crate) remove: Vec<String>,
    /// The option that names the project, for a program that does not find the project itself.
    pub(crate) project: Option<String>,
    /// Whether a deployed program gets only the variables that its configuration names.
    #[serde(default)]
    pub(crate) named_only: bool,
    /// The option that names the environment, for a platform on which an environment is optional.
    pub(crate) environment: Option<String>,
    /// What a person should know before the command runs.
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
    /// Search terms for the platform.
    pub(crate) search: Vec<String>,
    pub(crate) docs: String,
    /// The platform's own names for its environments; empty where it has none.
    pub(crate) environments: Vec<String>,
    /// Whether users of the platform can make environments of their own.
    #[serde(default)]
    pub(crate) own_environments: bool,
    /// The only environment that the platform's own command line sets variables for; `None` if it
    /// does for all of them.
    pub(crate) only_environment: Option<String>,
    /// Files and folders that show that a repository is deployed there, as `path` or as `path:text
    /// in it`.
    pub(crate) detect: Vec<String>,
    #[serde(flatten)]
    words: Words,
    /// The texts to use when an environment is named, on a platform on which that is optional.
    in_environment: Option<Words>,
    #[serde(default)]
    pub(crate) limits: Limits,
    push: Option<Push>,
    /// Why there is no `push`, if that needs an explanation.
    no_push: Option<String>,
    /// The variables that the platform itself sets in every program or build.
    #[serde(rename = "sets")]
    own_variables: Option<Sets>,
}

/// Texts that tell a person what to do.
#[derive(Debug, Clone, Deserialize)]
struct Words {
    steps: Vec<String>,
    place: String,
    command: String,
    /// Text for each variable; together they replace `{entries}`.
    entry: Option<String>,
    /// Separator of the entries; a newline by default.
    between: Option<String>,
    /// Commands for a shell. A file that they remove afterwards is removed only if all of them
    /// succeeded.
    cli: Vec<String>,
    /// What a person should know before they paste these commands.
    cli_note: Option<String>,
}

/// A platform's own variables.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sets {
    /// Exact names, or prefixes that end in `*`.
    names: Vec<String>,
    /// The page of the platform's documentation that lists them.
    source: String,
    /// The year and month in which that page was read.
    read: String,
}

impl Sets {
    fn has(&self, name: &str) -> bool {
        self.names.iter().any(|known| match known.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => known == name,
        })
    }
}

impl Platform {
    /// The platform's own command line, if it takes values on its standard input.
    ///
    /// # Errors
    ///
    /// [`DeploymentFault::PushUnsupported`] if there is none.
    pub(crate) fn push(&self) -> Result<&Push> {
        self.push.as_ref().ok_or_else(|| {
            let usual = "it has no command line that takes values on its standard input";
            let why = self.no_push.as_deref().unwrap_or(usual).into();
            DeploymentFault::PushUnsupported { platform: self.name.clone(), why }.into()
        })
    }

    /// Why the platform's command line cannot be used, if that needs an explanation.
    pub(crate) fn no_push(&self) -> Option<&str> {
        self.no_push.as_deref()
    }

    /// Removes a command line that this operating system cannot run: Windows has no `/dev/stdin`.
    fn on_this_system(mut self) -> Self {
        let reads_device = |push: &Push| push.run.iter().any(|word| word == "/dev/stdin");
        if cfg!(windows) && self.push.as_ref().is_some_and(reads_device) {
            self.push = None;
            self.no_push = Some("its command line reads /dev/stdin, which Windows has not".into());
        }
        self
    }

    /// Whether the platform's own command line sets variables for this environment.
    pub(crate) fn sets(&self, environment: Option<&str>) -> bool {
        self.only_environment.is_none() || self.only_environment.as_deref() == environment
    }

    /// Whether there is more than one environment, or users can make others.
    pub(crate) fn has_choice(&self) -> bool {
        self.own_environments || self.environments.len() > 1
    }

    /// The environment that is named, else the platform's first one.
    ///
    /// # Errors
    ///
    /// [`Error::EnvironmentUnknown`] if the platform has no such environment.
    pub(crate) fn environment(&self, named: Option<&str>) -> Result<Option<String>> {
        let Some(named) = named else {
            return Ok(self.environments.first().cloned());
        };
        // The name becomes an argument of a command.
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

    /// Which of these variables the platform, or the system there, sets itself, and whose value
    /// counts: one line for the platform and one for the system, as far as they set any.
    pub(crate) fn sets_itself<'a>(&self, names: impl Iterator<Item = &'a str>) -> Vec<String> {
        let is_own = |name: &&str| self.own_variables.as_ref().is_some_and(|sets| sets.has(name));
        let (own, others): (Vec<_>, Vec<_>) = names.partition(is_own);
        let everywhere: Vec<_> = others.into_iter().filter(|name| EVERYWHERE.contains(name)).collect();
        let whose = match self.pattern {
            Pattern::Build => {
                "the build gets your value and inlines it; code that reads it at run time gets the platform's value"
            }
            Pattern::Boot => "`capy run` gives the program your value, but the platform uses its own",
        };
        let source = self.own_variables.as_ref().map(|sets| format!(" ({}, {})", sets.source, sets.read));
        [
            (self.name.as_str(), source.unwrap_or_default(), own),
            ("the system there", String::new(), everywhere),
        ]
        .into_iter()
        .filter(|(_, _, names)| !names.is_empty())
        .map(|(who, source, names)| format!("{who} sets {} itself{source}: {whose}", names.join(", ")))
        .collect()
    }
}

/// A note on a variable of `.env` that nearly every system sets; `None` for any other variable.
pub(crate) fn note_everywhere(name: &str) -> Option<String> {
    EVERYWHERE.contains(&name).then(|| {
        format!(
            "systems set {name} themselves: `capy run` keeps their value unless you pass --override; a deployment uses yours"
        )
    })
}

/// Finds a platform by its id.
pub(crate) fn find(id: &str) -> Result<Platform> {
    let mut all = all();
    match all.iter().position(|platform| platform.id == id) {
        Some(index) => Ok(all.swap_remove(index)),
        None => Err(Error::PlatformUnknown { id: id.into(), known: ids() }),
    }
}

/// All ids as a list for people.
pub(crate) fn ids() -> String {
    let ids: Vec<_> = all().into_iter().map(|platform| platform.id).collect();
    ids.join(", ")
}

/// All platforms, by kind and then by name. `other`, which stands for any other platform, is last.
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
