//! JSON (RFC 8259) as the key service reads and writes it. It exists for the size of the upload to Workers: derived readers
//! of each type, with a parser that knows decimal fractions, weigh a sixth of it. Clients read and write the same types by
//! their derives; `tests/json/` holds both to the same bytes.
//!
//! [`read`] takes what `serde_json` takes, and numbers that no double holds, but refuses with its place:
//! - a name that stands twice in a record, which readers understand differently;
//! - more than [`NAMES_MAX`] names in a record, one of more than [`NAME_MAX`] bytes, or more than [`VALUES_MAX`] values in all:
//!   no document that is read here has them.
//!
//! Of numbers it knows those from 0 to 2^64 - 1, written as integers; any other is one that no field takes. Every text may
//! be a secret: it is wiped on drop, stands in no error, and is never copied while it is read.

mod read;
mod record;
mod values;
mod write;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

pub use read::{NAME_MAX, NAMES_MAX, VALUES_MAX};
pub use record::{FromJson, Record, Unfit};
pub use write::{Rule, ToJson, Writer};

/// A value that was read.
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number that `u64` holds, written as an integer.
    Integer(u64),
    /// Any other number.
    Number,
    /// A text.
    Text(Zeroizing<String>),
    /// A list.
    List(Vec<Json>),
    /// Names and values.
    Record(Record),
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Json(…)")
    }
}

/// Why bytes are not what they are read as. Never what they hold.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Fault {
    /// They are no JSON that is read here. Both counted from 1; columns in bytes.
    #[error("no JSON (line {line}, column {column})")]
    Syntax {
        /// The line where that shows.
        line: usize,
        /// The column.
        column: usize,
    },
    /// They are JSON of another form.
    #[error("unexpected at `{0}`")]
    Unfit(#[from] Unfit),
}

/// Reads bytes that are one value, with white space around it.
///
/// # Errors
/// [`Fault`].
pub fn read<T: FromJson>(bytes: &[u8]) -> Result<T, Fault> {
    Ok(T::from_json(read::value(bytes)?)?)
}

/// Writes a value, without white space.
pub fn write<T: ToJson + ?Sized>(value: &T) -> String {
    let mut to = Writer::default();
    value.write(&mut to);
    to.finish()
}
