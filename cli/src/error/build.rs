//! Errors of `capy build`: the message, stable code, exit code and hint of each.
//!
//! Messages contain names, paths and counts, never values.

use std::io;
use std::path::{Path, PathBuf};

use super::exit;

/// Why a build stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("ENCRYPTION_KEY is not set, and this build host needs it to open the project's secrets")]
    KeyMissing,
    #[error(
        "ENCRYPTION_KEY is not a list of keys: each has 64 hexadecimal digits, the newest is first, blanks separate them"
    )]
    KeyMalformed,
    #[error("{} can be read by other users of this machine", path.display())]
    KeyExposed { path: PathBuf },
    #[error("{name} was sealed with a key that ENCRYPTION_KEY does not contain ({key_id})")]
    KeyUnknown { name: String, key_id: String },
    #[error("{name} cannot be decrypted: the key is wrong, or the row was altered or moved")]
    RowDoesNotOpen { name: String },
    #[error("the service answered with secrets of project {got} instead of {wanted}")]
    RowsOfAnother { wanted: String, got: String },
    #[error("{name:?} is not a valid variable name")]
    NameUnusable { name: String },
    #[error("{name} is too long: Linux allows 128 KiB for a variable, including its name")]
    ValueTooLong { name: String },
    #[error("the secrets have {bytes} bytes together, but a program gets at most {most}")]
    ValuesTooLong { bytes: usize, most: usize },
    #[error("the project's name {name:?} cannot be the name of a folder")]
    NameUnfit { name: String },
    #[error("the project has no repository, and --source is not given")]
    NoSource,
    #[error("{what} cannot be used: {reason}")]
    SettingUnusable { what: &'static str, reason: &'static str },
    #[error("capy does not fetch the repository from {host}: {reason}")]
    HostNotAllowed { host: String, reason: &'static str },
    #[error("git failed: {text}")]
    Clone { text: String },
    #[error("the link {} leads out of the folder", path.display())]
    LinkLeaves { path: PathBuf },
    #[error("the link {} leads to nothing", path.display())]
    LinkDangles { path: PathBuf },
    #[error("{} is too large: a build may have {} GiB in all", path.display(), most >> 30)]
    TooLarge { path: PathBuf, most: u64 },
    #[error("{} is not a file, a folder or a link", path.display())]
    SpecialFile { path: PathBuf },
    #[error("{} is inside the source", path.display())]
    InsideSource { path: PathBuf },
    #[error("other users can write to {}", path.display())]
    TempShared { path: PathBuf },
    #[error("{} has a colon in its path, which container engines do not accept", path.display())]
    ColonInPath { path: PathBuf },
    #[error("no container engine answers: {tried}")]
    NoEngine { tried: String },
    #[error("{engine} could not run the container (exit code {code}): see above")]
    Engine { engine: &'static str, code: i32 },
    #[error("{program} cannot be started: {source}")]
    Start { program: &'static str, source: io::Error },
    #[error("the build failed: its commands ended with exit code {code}")]
    Commands { code: i32 },
    #[error("the container was killed, by somebody or because memory ran out")]
    Killed,
    #[error("the build was stopped: it took too long")]
    TimeOver,
    #[error("stopped by a signal")]
    Stopped,
    #[error("the build did not write {}", path.display())]
    NoOutput { path: PathBuf },
    #[error("{} exists already", path.display())]
    ArtifactsExist { path: PathBuf },
    #[error("nothing was handed out, because the output contains values of {}: see above", names.join(", "))]
    Leak { names: Vec<String> },
    #[error("nothing was inlined: the build wrote no server bundle that capy recognises")]
    NothingToInline,
    #[error("nothing was handed out: the output is only static files, and the project has secrets")]
    Static,
    #[error(
        "nothing was handed out: the output is static files, and not all of them can be searched for values"
    )]
    StaticInPart,
    #[error("cannot remove {}: {source}", path.display())]
    Left { path: PathBuf, source: io::Error },
    #[error("there is no build {id:?}")]
    BuildUnknown { id: String },
    #[error("build {id} has no log")]
    NoLog { id: String },
    #[error("{} is not the record of a build", path.display())]
    RecordMalformed { path: PathBuf },
    #[error("cannot search {} for values", path.display())]
    NotSearched { path: PathBuf },
    #[error("cannot get random numbers: {0}")]
    Randomness(#[source] io::Error),
    #[error("cannot handle signals: {0}")]
    Signals(#[source] io::Error),
    #[error("the home folder is unknown: none of CAPY_STATE_DIR, XDG_STATE_HOME and HOME is set")]
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
        pub(crate) fn facts;
        Self::KeyMissing => ("ENCRYPTION_KEY_MISSING", exit::STORE_UNOPENED,
            "set ENCRYPTION_KEY to the service's keys, or ENCRYPTION_KEY_FILE to a file with them"),
        Self::KeyMalformed => ("ENCRYPTION_KEY_MALFORMED", exit::STORE_UNOPENED,
            "copy the service's key from where you keep it; `capy service keygen --encryption-key` makes a new one"),
        Self::KeyExposed { .. } => ("ENCRYPTION_KEY_EXPOSED", exit::STORE_UNOPENED,
            "let only its owner read it: chmod 600"),
        Self::KeyUnknown { .. } => ("ENCRYPTION_KEY_UNKNOWN", exit::STORE_UNOPENED,
            "add the service's key in front of the others"),
        Self::RowDoesNotOpen { .. } => ("ROW_DOES_NOT_OPEN", exit::STORE_UNOPENED,
            "compare ENCRYPTION_KEY with the service's, or set the secret again"),
        Self::RowsOfAnother { .. } => ("ROWS_OF_ANOTHER_PROJECT", exit::SERVICE_ERROR),
        Self::NameUnusable { .. } => ("NAME_MALFORMED", exit::USAGE,
            "use letters, digits and `_`: a shell drops other names on the way to the build"),
        Self::ValueTooLong { .. } | Self::ValuesTooLong { .. } => ("VALUE_TOO_LONG", exit::FAILED,
            "keep the value where the build can fetch it, and its key here"),
        Self::NameUnfit { .. } => ("PROJECT_NAME_UNFIT", exit::FAILED,
            "give the project a name of letters, digits, `-`, `_` and `.`"),
        Self::NoSource => ("NO_SOURCE", exit::USAGE,
            "set a repository with `capy store project update`, or pass --source DIR"),
        Self::SettingUnusable { .. } => ("SETTING_UNUSABLE", exit::USAGE),
        Self::HostNotAllowed { host, .. } => ("HOST_NOT_ALLOWED", exit::SOURCE,
            format!(
                "if capy may use this machine's keys there, pass --allow-host {host}, or add it to CAPY_BUILD_HOSTS"
            )),
        Self::Clone { .. } => ("CLONE_FAILED", exit::SOURCE,
            "try `git ls-remote` with the same address; capy cannot ask for a password"),
        Self::LinkLeaves { .. } => ("LINK_LEAVES_TREE", exit::SOURCE,
            "copy its target into the folder; if the build makes the link, let the build remove it"),
        Self::LinkDangles { .. } => ("LINK_LEADS_NOWHERE", exit::SOURCE,
            "remove the link, or create its target"),
        Self::TooLarge { .. } => ("TOO_LARGE", exit::SOURCE,
            "keep it out of the source or the build's output"),
        Self::SpecialFile { .. } => ("SPECIAL_FILE", exit::SOURCE, "remove it, or build from a clone"),
        Self::InsideSource { .. } => ("INSIDE_SOURCE", exit::USAGE, "choose a folder outside the source"),
        Self::TempShared { .. } => ("TEMP_SHARED", exit::USAGE, "choose a folder that only you can write to"),
        Self::ColonInPath { .. } => ("PATH_UNUSABLE", exit::USAGE, "choose another folder with --temp"),
        Self::NoEngine { .. } => ("NO_ENGINE", exit::ENGINE, "start docker, or install podman"),
        Self::Engine { .. } => ("ENGINE_FAILED", exit::ENGINE,
            "check that the image exists and has a shell; --image names another"),
        Self::Start { .. } => ("CANNOT_START", exit::ENGINE),
        Self::Commands { .. } => ("BUILD_FAILED", exit::BUILD_FAILED),
        Self::Killed => ("BUILD_KILLED", exit::BUILD_FAILED, "allow more memory with --memory"),
        Self::TimeOver => ("BUILD_TIMED_OUT", exit::BUILD_TIMED_OUT, "allow more time with --timeout"),
        Self::Stopped => ("STOPPED", exit::FAILED),
        Self::NoOutput { .. } => ("NO_BUILD_OUTPUT", exit::BUILD_FAILED,
            "set the project's output directory to what its build writes"),
        Self::ArtifactsExist { .. } => ("ARTIFACTS_EXIST", exit::USAGE, "choose a new or empty folder"),
        Self::Leak { .. } => ("VALUE_IN_OUTPUT", exit::VALUE_IN_OUTPUT,
            "keep the values out of the build, or pass --inline to allow them in server bundles only"),
        Self::NothingToInline => ("NOTHING_TO_INLINE", exit::FAILED,
            "build without --inline, then run `capy-inline --file` on the bundle"),
        Self::Static => ("STATIC_BLOCKED", exit::STATIC_BLOCKED,
            "read the secrets on a server; if only the build needs them, pass --static-if-clean"),
        Self::StaticInPart => ("STATIC_NOT_SEARCHED", exit::STATIC_BLOCKED,
            "leave archives out of the output"),
        Self::Left { .. } => ("NOT_REMOVED", exit::FAILED, "remove it by hand: it may contain secrets"),
        Self::BuildUnknown { .. } => ("BUILD_UNKNOWN", exit::FAILED, "`capy build list` shows the builds"),
        Self::NoLog { .. } => ("NO_LOG", exit::FAILED, "`capy build list` shows the builds"),
        Self::RecordMalformed { .. } => ("RECORD_MALFORMED", exit::FAILED),
        Self::NotSearched { .. } => ("NOT_SEARCHED", exit::FAILED),
        Self::Randomness(_) => ("NO_RANDOMNESS", exit::FAILED),
        Self::Signals(_) => ("NO_SIGNALS", exit::FAILED),
        Self::NoStateFolder => ("NO_STATE_FOLDER", exit::NOT_SET_UP,
            "set CAPY_STATE_DIR to a folder that only you can read"),
        Self::File { .. } => ("FILE_ERROR", exit::FAILED),
    }
}
