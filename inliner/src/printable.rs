//! Names and paths of files, for a terminal and for scripts.
//!
//! A file's name comes from somebody else and may move the cursor, forge a line of the report or
//! reverse the text after it. For a terminal, such characters become escapes.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use capy_protocol::terminal_text::escape_name;
use serde::Serializer;

/// A path with control and invisible characters escaped.
pub(crate) fn path(path: &Path) -> impl Display + use<> {
    escape_name(&path.to_string_lossy())
}

/// A name with control and invisible characters escaped.
pub(crate) fn name(text: &str) -> impl Display + use<> {
    escape_name(text)
}

/// A path for scripts. JSON cannot hold invalid Unicode, so such bytes become U+FFFD.
pub(crate) fn serialize_path<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&path.to_string_lossy())
}

/// Several paths, serialised in the same way.
pub(crate) fn serialize_paths<S: Serializer>(paths: &[PathBuf], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(paths.iter().map(|path| path.to_string_lossy()))
}
