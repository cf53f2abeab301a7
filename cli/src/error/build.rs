//! Errors of `capy build`: the message, stable code, exit code and hint of each.
//!
//! Messages contain names, paths and counts, never values.

use std::io;
use std::path::{Path, PathBuf};

use super::exit;

/// Why a build stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("ENCRYPTION_KEY is not set: the project's secrets are opened here, on the build host")]
    KeyMissing,
    #[error(
        "ENCRYPTION_KEY is no list of keys: 64 hexadecimal digits each, the newest first, with blanks between"
    )]
    KeyMalformed,
    #[error("{} can be read by other users of this machine", path.display())]
    KeyExposed { path: PathBuf },
    #[error("{name} was sealed with a key that ENCRYPTION_KEY does not hold ({key_id})")]
    KeyUnknown { name: String, key_id: String },
    #[error("{name} does not open: another key, or the row was altered or belongs elsewhere")]
    RowDoesNotOpen { name: String },
    #[error("the service's answer holds rows of project {got}, and {wanted} was asked for")]
    RowsOfAnother { wanted: String, got: String },
    #[error("{name:?} cannot be a variable's name")]
    NameUnusable { name: String },
    #[error("{name} is longer than a variable can be: Linux takes 128 KiB, the name included")]
    ValueTooLong { name: String },
    #[error("the secrets have {bytes} bytes together, and no program takes more than {most}")]
    ValuesTooLong { bytes: usize, most: usize },
    #[error("the project's name {name:?} cannot name a folder")]
    NameUnfit { name: String },
    #[error("the project has no repository, and no --source was given")]
    NoSource,
    #[error("{what} cannot be used: {reason}")]
    SettingUnusable { what: &'static str, reason: &'static str },
    #[error("{host} is not asked for the repository: {reason}")]
    HostNotAllowed { host: String, reason: &'static str },
    #[error("git failed: {text}")]
    Clone { text: String },
    #[error("{} leads out of the folder", path.display())]
    LinkLeaves { path: PathBuf },
    #[error("{} leads to nothing", path.display())]
    LinkDangles { path: PathBuf },
    #[error("{} is too large: a build may hold {} GiB in all", path.display(), most >> 30)]
    TooLarge { path: PathBuf, most: u64 },
    #[error("{} is no file, folder or link", path.display())]
    SpecialFile { path: PathBuf },
    #[error("{} lies inside of the source", path.display())]
    InsideSource { path: PathBuf },
    #[error("{} can be written by other users", path.display())]
    TempShared { path: PathBuf },
    #[error("{}: a container engine cannot be told of a folder with a colon in its path", path.display())]
    ColonInPath { path: PathBuf },
    #[error("no container engine answers: {tried}")]
    NoEngine { tried: String },
    #[error("{engine} could not run the container (exit code {code}): see above")]
    Engine { engine: &'static str, code: i32 },
    #[error("{program} cannot be started: {source}")]
    Start { program: &'static str, source: io::Error },
    #[error("the build failed: its commands ended with exit code {code}")]
    Commands { code: i32 },
    #[error("the container was killed: by somebody, or for want of memory")]
    Killed,
    #[error("the build took longer than it may, and was stopped")]
    TimeOver,
    #[error("stopped by a signal")]
    Stopped,
    #[error("the build left no {}", path.display())]
    NoOutput { path: PathBuf },
    #[error("{} exists already", path.display())]
    ArtifactsExist { path: PathBuf },
    #[error("the output holds values of {}: see above, so nothing was handed out", names.join(", "))]
    Leak { names: Vec<String> },
    #[error("the build left no server bundles that are recognised, so nothing was inlined")]
    NothingToInline,
    #[error("the output is static files alone, and the project has secrets: it was not handed out")]
    Static,
    #[error(
        "the output is static files, and not all of them can be searched for values: it was not handed out"
    )]
    StaticInPart,
    #[error("{} could not be removed: {source}", path.display())]
    Left { path: PathBuf, source: io::Error },
    #[error("no build is {id:?}")]
    BuildUnknown { id: String },
    #[error("build {id} has no log")]
    NoLog { id: String },
    #[error("{} does not hold a build's record", path.display())]
    RecordMalformed { path: PathBuf },
    #[error("{} cannot be searched for values", path.display())]
    NotSearched { path: PathBuf },
    #[error("no random number could be had: {0}")]
    Randomness(#[source] io::Error),
    #[error("signals cannot be caught: {0}")]
    Signals(#[source] io::Error),
    #[error("the home folder is not known: neither CAPY_STATE_DIR, XDG_STATE_HOME nor HOME is set")]
    NoStateFolder,
    #[error("cannot {doing} {}: {source}", path.display())]
    File { doing: &'static str, path: PathBuf, source: io::Error },
}

impl Fault {
    /// Wraps an IO error with the action (`doing`) and the path of the file.
    pub(crate) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File { doing, path: path.into(), source }
    }

    capy_client::error_codes! {
        pub(crate) fn codes;
        Self::KeyMissing => ("ENCRYPTION_KEY_MISSING", exit::STORE_UNOPENED),
        Self::KeyMalformed => ("ENCRYPTION_KEY_MALFORMED", exit::STORE_UNOPENED),
        Self::KeyExposed { .. } => ("ENCRYPTION_KEY_EXPOSED", exit::STORE_UNOPENED),
        Self::KeyUnknown { .. } => ("ENCRYPTION_KEY_UNKNOWN", exit::STORE_UNOPENED),
        Self::RowDoesNotOpen { .. } => ("ROW_DOES_NOT_OPEN", exit::STORE_UNOPENED),
        Self::RowsOfAnother { .. } => ("ROWS_OF_ANOTHER_PROJECT", exit::SERVICE_ERROR),
        Self::NameUnusable { .. } => ("NAME_MALFORMED", exit::USAGE),
        Self::ValueTooLong { .. } | Self::ValuesTooLong { .. } => ("VALUE_TOO_LONG", exit::FAILED),
        Self::NameUnfit { .. } => ("PROJECT_NAME_UNFIT", exit::FAILED),
        Self::NoSource => ("NO_SOURCE", exit::USAGE),
        Self::SettingUnusable { .. } => ("SETTING_UNUSABLE", exit::USAGE),
        Self::HostNotAllowed { .. } => ("HOST_NOT_ALLOWED", exit::SOURCE),
        Self::Clone { .. } => ("CLONE_FAILED", exit::SOURCE),
        Self::LinkLeaves { .. } => ("LINK_LEAVES_TREE", exit::SOURCE),
        Self::LinkDangles { .. } => ("LINK_LEADS_NOWHERE", exit::SOURCE),
        Self::TooLarge { .. } => ("TOO_LARGE", exit::SOURCE),
        Self::SpecialFile { .. } => ("SPECIAL_FILE", exit::SOURCE),
        Self::InsideSource { .. } => ("INSIDE_SOURCE", exit::USAGE),
        Self::TempShared { .. } => ("TEMP_SHARED", exit::USAGE),
        Self::ColonInPath { .. } => ("PATH_UNUSABLE", exit::USAGE),
        Self::NoEngine { .. } => ("NO_ENGINE", exit::ENGINE),
        Self::Engine { .. } => ("ENGINE_FAILED", exit::ENGINE),
        Self::Start { .. } => ("CANNOT_START", exit::ENGINE),
        Self::Commands { .. } => ("BUILD_FAILED", exit::BUILD_FAILED),
        Self::Killed => ("BUILD_KILLED", exit::BUILD_FAILED),
        Self::TimeOver => ("BUILD_TIMED_OUT", exit::BUILD_TIMED_OUT),
        Self::Stopped => ("STOPPED", exit::FAILED),
        Self::NoOutput { .. } => ("NO_BUILD_OUTPUT", exit::BUILD_FAILED),
        Self::ArtifactsExist { .. } => ("ARTIFACTS_EXIST", exit::USAGE),
        Self::Leak { .. } => ("VALUE_IN_OUTPUT", exit::VALUE_IN_OUTPUT),
        Self::NothingToInline => ("NOTHING_TO_INLINE", exit::FAILED),
        Self::Static => ("STATIC_BLOCKED", exit::STATIC_BLOCKED),
        Self::StaticInPart => ("STATIC_NOT_SEARCHED", exit::STATIC_BLOCKED),
        Self::Left { .. } => ("NOT_REMOVED", exit::FAILED),
        Self::BuildUnknown { .. } => ("BUILD_UNKNOWN", exit::FAILED),
        Self::NoLog { .. } => ("NO_LOG", exit::FAILED),
        Self::RecordMalformed { .. } => ("RECORD_MALFORMED", exit::FAILED),
        Self::NotSearched { .. } => ("NOT_SEARCHED", exit::FAILED),
        Self::Randomness(_) => ("NO_RANDOMNESS", exit::FAILED),
        Self::Signals(_) => ("NO_SIGNALS", exit::FAILED),
        Self::NoStateFolder => ("NO_STATE_FOLDER", exit::NOT_SET_UP),
        Self::File { .. } => ("FILE_ERROR", exit::FAILED),
    }

    /// One action that may resolve the error, if there is one.
    pub(crate) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::HostNotAllowed { host, .. } => {
                return Some(format!(
                    "if this machine may fetch from it with its own keys: --allow-host {host}, or add it to \
                     CAPY_BUILD_HOSTS"
                ));
            }
            Self::KeyMissing => {
                "set ENCRYPTION_KEY, or ENCRYPTION_KEY_FILE to a file that holds it, as the service has it"
            }
            Self::KeyMalformed => {
                "take it as the service has it; `capy service keygen --encryption-key` makes one"
            }
            Self::KeyExposed { .. } => "take it away from the others: chmod 600",
            Self::KeyUnknown { .. } => "add the key that the service has, in front of the others",
            Self::RowDoesNotOpen { .. } => {
                "compare ENCRYPTION_KEY with the service's, or set the secret again"
            }
            Self::NameUnusable { .. } => {
                "give it a name of letters, digits and `_`: a shell drops every other one on its way to the build"
            }
            Self::ValueTooLong { .. } | Self::ValuesTooLong { .. } => {
                "keep what is that long where the build can fetch it, and its key here"
            }
            Self::NameUnfit { .. } => "give the project a name of letters, digits, `-`, `_` and `.`",
            Self::NoSource => "set its repository with `capy store project update`, or pass --source DIR",
            Self::Clone { .. } => "try the same with `git ls-remote`: nobody is asked for a password here",
            Self::LinkLeaves { .. } => {
                "copy what it leads to into the folder; or, if the build makes it, let the build remove it at its end"
            }
            Self::LinkDangles { .. } => "remove it, or make what it leads to",
            Self::TooLarge { .. } => "keep it out of the source, or of what the build writes",
            Self::SpecialFile { .. } => "remove it, or build from a clone",
            Self::InsideSource { .. } => "name a folder outside of the source",
            Self::TempShared { .. } => "name a folder that is yours alone",
            Self::ColonInPath { .. } => "name another folder with --temp",
            Self::NoEngine { .. } => "start docker, install podman, or name one with --engine",
            Self::Engine { .. } => "check the image's name with --image, and that it has a shell",
            Self::Killed => "give it more with --memory",
            Self::TimeOver => "give it more time with --timeout",
            Self::NoOutput { .. } => "set the project's output directory to what its build writes",
            Self::ArtifactsExist { .. } => "name a folder that is new, or empty",
            Self::Leak { .. } => {
                "keep values out of what is built; --inline lets them stand in server bundles, and there alone"
            }
            Self::NothingToInline => {
                "build without --inline, and name the bundle afterwards: capy-inline --file"
            }
            Self::Static => {
                "read secrets on a server, or pass --static-if-clean if the build alone needs them and none is in its output"
            }
            Self::StaticInPart => "leave archives out of what is deployed",
            Self::Left { .. } => "remove it by hand: it may hold secrets",
            Self::BuildUnknown { .. } | Self::NoLog { .. } => "`capy build list` shows the builds",
            Self::NoStateFolder => "set CAPY_STATE_DIR to a folder that only you can read",
            _ => return None,
        };
        Some(hint.into())
    }
}
