//! JSON parser and writer (RFC 8259) of the key service, made to keep the upload to Workers small:
//! serde's derived readers for each type, with a parser that knows decimal fractions, would take a
//! sixth of the upload. Clients read and write the same types with serde; `protocol/tests/it/json/`
//! checks that both produce the same bytes.
//!
//! [`read`] accepts what `serde_json` accepts, and also numbers too large for a double, but
//! rejects, with line and column:
//! - a name that occurs twice in an object, which parsers interpret differently;
//! - an object with more than [`NAMES_MAX`] names, a name of more than [`NAME_MAX`] bytes, or a
//!   document with more than [`VALUES_MAX`] values: no document of this protocol needs them.
//!
//! Integers from 0 to 2^64 - 1 keep their value; any other number becomes [`Json::Number`], which
//! no field accepts. Every text may be a secret: texts in [`Json`] are wiped on drop, never appear
//! in errors, and are never copied during parsing.

mod read;
mod record;
mod values;
mod write;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

pub use read::{NAME_MAX, NAMES_MAX, VALUES_MAX};
pub use record::{FromJson, InvalidField, Record};
pub use write::{FieldRule, ToJson, Writer};

/// A parsed JSON value.
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number written as an integer that fits into `u64`.
    Integer(u64),
    /// Any other number.
    Number,
    /// A string.
    Text(Zeroizing<String>),
    /// An array.
    List(Vec<Json>),
    /// An object.
    Record(Record),
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Json(…)")
    }
}

/// Why bytes could not be read. Contains nothing of their content.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ReadError {
    /// The bytes are not JSON, or exceed a limit. Line and column count from 1; columns count
    /// bytes.
    #[error("no JSON (line {line}, column {column})")]
    Syntax {
        /// The line of the fault.
        line: usize,
        /// The column of the fault.
        column: usize,
    },
    /// The bytes are JSON, but not of the expected type.
    #[error("unexpected at `{0}`")]
    InvalidField(#[from] InvalidField),
}

/// Parses bytes that hold one JSON value, with optional white space around it.
///
/// # Errors
/// [`ReadError`].
pub fn read<T: FromJson>(bytes: &[u8]) -> Result<T, ReadError> {
    Ok(T::from_json(read::value(bytes)?)?)
}

/// Serializes a value as JSON without white space.
pub fn write<T: ToJson + ?Sized>(value: &T) -> String {
    let mut to = Writer::default();
    value.write(&mut to);
    to.finish()
}
