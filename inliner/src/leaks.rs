//! The search for values in everything that must not hold one: public files, source maps, caches.
//!
//! | module | content |
//! |---|---|
//! | `files` | searches all files, each read once and in parts |
//! | `decompress` | streaming decompression of compressed files |
//! | `text` | the leaks in one text: UTF-16, UTF-32, inline source maps |
//! | `search` | searches one text for all values in all their forms |
//! | `multi_pattern` | the fast search for many patterns at once |
//! | `client_names` | the variables that client scripts name |
//! | `origin` | the kind of file that holds a value, with a way out |
//! | `redact` | removes values from streamed text, such as a program's output |

mod client_names;
mod decompress;
mod files;
mod multi_pattern;
mod origin;
mod redact;
mod search;
mod text;

use std::path::PathBuf;

use serde::Serialize;

use crate::printable;

pub(crate) use files::{SearchedFiles, search_files};
pub use origin::Origin;
pub use redact::{RedactedStream, Redactor};
pub(crate) use search::Search;
pub(crate) use text::leaks_in_inline_map;

/// The encoding in which a value was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Encoding {
    Plain,
    Json,
    Url,
    Html,
    Base64,
    Hex,
    Css,
    Utf16,
    Utf32,
    /// A list of numbers, one for each byte or character.
    Bytes,
}

/// A value in a public file, in a source map, or in another place that is searched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct Leak {
    #[serde(serialize_with = "printable::serialize_path")]
    pub file: PathBuf,
    pub line: usize,
    pub name: String,
    /// Which part of the value, if not the whole: `password`, `private_key`.
    pub part: Option<String>,
    pub encoding: Encoding,
    /// The kind of file, which tells how the value got there.
    pub origin: Origin,
    /// The caller allowed this value in public files.
    pub allowed: bool,
}

/// Why a value was not searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NotSearched {
    /// Too short to be distinctive.
    Short,
    /// A word such as `production`.
    Common,
    /// The name, or another name with the same value, is public by its prefix.
    Public,
}

/// Why a file was not searched, or only in part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NotScanned {
    /// Packed in an unsupported format: archives, Turbopack's cache.
    Unknown,
    /// The compressed contents are damaged.
    Damaged,
    /// The file, or what it unpacks to, exceeds the limit for one file or for all files together.
    TooLarge,
    /// A pipe, a device, a socket.
    Special,
}

/// A file that was not searched completely.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct Unscanned {
    #[serde(serialize_with = "printable::serialize_path")]
    pub file: PathBuf,
    pub reason: NotScanned,
}
