//! Findings: uses of the environment that a run leaves unchanged, each with its reason and severity.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::printable;

/// How severe a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Severity {
    /// For information; nothing is known to be missing.
    Note,
    /// A read that may need one of the variables; fails a strict run.
    Warning,
    /// The deployed program lacks a variable that it reads, or a value is where it must not be.
    Failure,
}

/// Why a use was left unchanged. The serialised names are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// The name is assigned, updated or deleted in some server file.
    Assigned,
    /// The read goes through a name that also takes other values.
    AliasReassigned,
    /// The read goes through a name or an expression that may hold something else at that moment.
    Sometimes,
    /// Certainly a read of the environment, but in a form that is not followed:
    /// `require("process")`, a long chain.
    NotFollowed,
    /// A direct `eval` may change what is read.
    Eval,
    /// The file, or another file with effect on all, replaces `process` or its environment.
    Replaced,
    /// The file writes variables by computed names and has this name as a key or a string; or some
    /// file copies all properties of another object to the environment.
    PerhapsAssigned,
    /// Named in a call that receives the whole environment.
    PassedOn,
    /// The pattern has a rest element or a computed key.
    OpenPattern,
    /// The destructured object is also used in other ways.
    Indirect,
    /// `"NAME" in process.env`.
    In,
    /// Inside a `with` statement.
    InsideWith,
    /// The environment is used as a whole: passed on, spread, listed, returned.
    WholeObject,
    /// `process.env[key]` with a key that is not written out.
    DynamicKey,
    /// `<something>.env[key]`, where it is not certain that this is the environment.
    UnprovenKey,
    /// A child process may be started, and it inherits the variables that are set.
    ChildProcess,
    /// Read in a function that may run elsewhere as text, where the inliner's functions are not
    /// defined.
    FunctionText,
    /// A child process may be given a different value.
    GivenToChild,
    /// A child process is not given a variable of its parent, but would find it inlined in its
    /// bundle.
    WithheldFromChild,
    /// dotenv is told to override variables that are set, so a sealed value in that file would
    /// replace a variable.
    EnvFileOverrides,
    /// `process.env[key] = …`.
    DynamicWrite,
    /// `process.env = …`.
    EnvReplaced,
    /// `process` is passed on.
    ProcessEscapes,
    /// `<something>.env.NAME`, where it is not certain that this is the environment.
    Unproven,
    /// `….process.env.NAME`, where it is not certain that this is the real `process`.
    UnprovenProcess,
    /// The name occurs as a property, a key or a string.
    Mentioned,
    /// A public file names this variable: its server-rendered copy could print the value.
    ReadByClient,
    /// The edit would move columns, and the file's source map cannot be adjusted.
    SourceMap,
    /// The file does not parse; a failure when it names a variable.
    NotJavaScript,
    /// The file needs a syntax tree, but is nested too deeply for one.
    NestedTooDeeply,
    /// The file needs analysis, but cannot be parsed with certainty.
    NotUnderstood,
    /// The file was inlined before with other values.
    OtherValues,
    /// A package inside the server's folders names it, and nothing that runs earlier could set it.
    InPackage,
    /// The variables could not be set before this file runs.
    NoPrelude,
}

impl Reason {
    /// The severity of this reason; `named` says whether a variable is named, or only may be
    /// concerned.
    pub(crate) fn severity(self, named: bool) -> Severity {
        match self {
            Self::OtherValues | Self::NestedTooDeeply | Self::NotUnderstood | Self::WithheldFromChild => {
                Severity::Failure
            }
            Self::NotJavaScript if !named => Severity::Note,
            Self::ProcessEscapes | Self::Mentioned | Self::UnprovenKey => Severity::Note,
            Self::InPackage => Severity::Warning,
            Self::NoPrelude => Severity::Failure,
            Self::WholeObject
            | Self::DynamicKey
            | Self::DynamicWrite
            | Self::EnvReplaced
            | Self::Unproven => Severity::Warning,
            _ if named => Severity::Failure,
            _ => Severity::Warning,
        }
    }

    /// Whether the environment reaches other code there.
    pub(crate) fn hands_on(self) -> bool {
        matches!(self, Self::WholeObject | Self::ProcessEscapes | Self::AliasReassigned)
    }

    /// The reason as a sentence without its subject, for the report.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Assigned => "is assigned or deleted somewhere on the server, so its reads stay",
            Self::AliasReassigned => "is read through a name that also holds other things",
            Self::Sometimes => "is read from something that is not always the environment",
            Self::NotFollowed => "is read from the environment in a way that is not followed",
            Self::Eval => "is read where `eval` may change what is read",
            Self::Replaced => "is read although the program replaces `process` or its environment",
            Self::PerhapsAssigned => "may be assigned by a computed name, so its reads stay",
            Self::PassedOn => "is named in a call that is given the whole environment",
            Self::OpenPattern => "is read by a pattern with a rest element or a computed key",
            Self::Indirect => "is read from an object that is also used in other ways",
            Self::In => "is looked up with `in`",
            Self::InsideWith => "is read inside `with`",
            Self::WholeObject => "the environment is used as a whole",
            Self::DynamicKey => "a variable is read by a computed name",
            Self::UnprovenKey => "something that may be a variable is read by a computed name",
            Self::ChildProcess => "a child process inherits the variables that are set",
            Self::FunctionText => "is read in a function that may run elsewhere as text, so the read stays",
            Self::GivenToChild => "may have another value in a child process, so its reads stay",
            Self::WithheldFromChild => {
                "is withheld from a child process, but its bundle would contain the value; pass the environment on, or remove the variable from the deployment"
            }
            Self::EnvFileOverrides => {
                "an `.env` file may override the variables that are set, also with sealed text; load it without `override`"
            }
            Self::DynamicWrite => "a variable is written by a computed name",
            Self::EnvReplaced => "the environment is replaced",
            Self::ProcessEscapes => "`process` is passed on",
            Self::Unproven => "is read from something that is not certainly the environment",
            Self::UnprovenProcess => "is read from a `process` that is not certainly the real one",
            Self::Mentioned => "is mentioned",
            Self::ReadByClient => "is named in a public file, so its server-rendered copy could print it",
            Self::SourceMap => "cannot be replaced without breaking the file's source map",
            Self::NotJavaScript => "is named in a file that does not parse",
            Self::NestedTooDeeply => "is nested too deeply to be parsed",
            Self::NotUnderstood => "cannot be parsed with certainty",
            Self::OtherValues => "holds other values from an earlier run; build again",
            Self::InPackage => "is named in a package, and nothing that runs before it could set it",
            Self::NoPrelude => "the variables could not be set before this file runs",
        }
    }
}

/// A use that was left unchanged, and its position. Lines and columns count from one, columns in
/// UTF-16 units.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct Finding {
    pub severity: Severity,
    #[serde(serialize_with = "printable::serialize_path")]
    pub file: PathBuf,
    pub line: usize,
    pub column: usize,
    pub name: Option<String>,
    pub reason: Reason,
    /// The variable, or every variable that may be concerned, is set before the program starts, so
    /// nothing is missing.
    pub prelude: bool,
}

impl Finding {
    /// A finding about a file as a whole.
    pub(crate) fn of_file(reason: Reason, name: Option<&str>, file: &Path) -> Self {
        let severity = reason.severity(name.is_some());
        let (file, name) = (file.to_owned(), name.map(str::to_owned));
        Self { severity, file, line: 1, column: 1, name, reason, prelude: false }
    }
}
