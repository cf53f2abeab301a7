//! Database rows, the same for every host: cells by column name, and conversions from cells. Read
//! column by column without serde: derived readers for each kind of row were a fifth of the upload
//! to Workers.
//!
//! A column that is missing or has a value of another type is an error that names the column, and
//! never its content.

use capy_protocol::id::{DeployId, KeyId, ProjectId};
use capy_protocol::scope::Scope;
use capy_protocol::token::{SecretId, TokenId, TrustId};

use super::{HostError, Result};

/// The value of a column in one row.
#[derive(Clone, PartialEq, Eq)]
pub enum Cell {
    /// NULL.
    Null,
    /// INTEGER; on D1 limited to 53 bits.
    Integer(i64),
    /// TEXT.
    Text(String),
    /// Any other value, such as an integer that the host does not return exactly.
    Unsupported,
}

/// The rows that one statement answered.
pub trait Rows {
    /// The number of rows.
    fn count(&self) -> usize;

    /// The cell of a column in the row at `place`, which is below [`Self::count`].
    ///
    /// # Errors
    /// [`missing`], when there is no such column.
    fn cell(&self, place: usize, column: &'static str) -> Result<Cell>;

    /// Reads all rows, each by `read`.
    ///
    /// # Errors
    /// The first error of `read`.
    fn parse<T>(&self, read: impl Fn(Row<'_>) -> Result<T>) -> Result<Vec<T>>
    where
        Self: Sized,
    {
        let mut all = Vec::with_capacity(self.count());
        for place in 0..self.count() {
            all.push(read(Row { rows: self, place })?);
        }
        Ok(all)
    }

    /// Reads the first row by `read`; `None` when there is no row.
    ///
    /// # Errors
    /// The error of `read`.
    fn first<T>(&self, read: impl FnOnce(Row<'_>) -> Result<T>) -> Result<Option<T>>
    where
        Self: Sized,
    {
        (self.count() > 0).then(|| read(Row { rows: self, place: 0 })).transpose()
    }

    /// Reads one column of all rows.
    ///
    /// # Errors
    /// As [`Row::read`].
    fn column<T: FromCell>(&self, column: &'static str) -> Result<Vec<T>>
    where
        Self: Sized,
    {
        self.parse(|row| row.read(column))
    }
}

/// One row.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    rows: &'a dyn Rows,
    place: usize,
}

impl Row<'_> {
    /// Reads a column as a `T`.
    ///
    /// # Errors
    /// [`HostError::Database`] when the column is missing, or has no `T`.
    pub fn read<T: FromCell>(self, column: &'static str) -> Result<T> {
        match self.cell(column)? {
            Cell::Unsupported => Err(unsupported(column)),
            cell => T::from_cell(cell).ok_or_else(|| fault(column, "does not hold", T::WHAT)),
        }
    }

    /// Reads a column; `None` when its value is no `T`.
    ///
    /// # Errors
    /// [`HostError::Database`] when the column is missing.
    pub fn read_if_valid<T: FromCell>(self, column: &'static str) -> Result<Option<T>> {
        self.cell(column).map(T::from_cell)
    }

    /// The cell of a column, whatever its type.
    ///
    /// # Errors
    /// [`HostError::Database`] when the column is missing.
    pub fn cell(self, column: &'static str) -> Result<Cell> {
        self.rows.cell(self.place, column)
    }
}

/// A type that a column can hold.
pub trait FromCell: Sized {
    /// The name of the type in error messages, with its article.
    const WHAT: &'static str;

    /// Converts a cell; `None` for a value of another type.
    fn from_cell(cell: Cell) -> Option<Self>;
}

/// NULL is `None`. Anything else has to be a `T`.
impl<T: FromCell> FromCell for Option<T> {
    const WHAT: &'static str = T::WHAT;

    fn from_cell(cell: Cell) -> Option<Self> {
        match cell {
            Cell::Null => Some(None),
            cell => T::from_cell(cell).map(Some),
        }
    }
}

impl FromCell for String {
    const WHAT: &'static str = "a text";

    fn from_cell(cell: Cell) -> Option<Self> {
        match cell {
            Cell::Text(text) => Some(text),
            _ => None,
        }
    }
}

macro_rules! integers {
    ($($integer:ty),*) => {$(
        impl FromCell for $integer {
            const WHAT: &'static str = concat!("an integer of ", stringify!($integer));

            fn from_cell(cell: Cell) -> Option<Self> {
                match cell {
                    Cell::Integer(number) => Self::try_from(number).ok(),
                    _ => None,
                }
            }
        }
    )*};
}

integers!(u64, u32, u8);

impl FromCell for KeyId {
    const WHAT: &'static str = "a key's id";

    fn from_cell(cell: Cell) -> Option<Self> {
        u32::from_cell(cell).map(Self)
    }
}

macro_rules! texts {
    ($($text:ty: $what:literal),*) => {$(
        impl FromCell for $text {
            const WHAT: &'static str = $what;

            fn from_cell(cell: Cell) -> Option<Self> {
                Self::parse(&String::from_cell(cell)?).ok()
            }
        }
    )*};
}

texts!(
    DeployId: "a deployment's id",
    ProjectId: "a project's id",
    TokenId: "a token's id",
    SecretId: "a secret's id",
    TrustId: "a trust's id",
    Scope: "a scope"
);

/// The error of a column that is not in the answer.
pub fn missing(column: &'static str) -> HostError {
    fault(column, "is missing", "")
}

fn unsupported(column: &'static str) -> HostError {
    fault(column, "holds neither a text nor an exact integer", "")
}

#[cold]
fn fault(column: &str, what: &str, of: &str) -> HostError {
    let mut text = format!("column {column} {what}");
    if !of.is_empty() {
        text.push(' ');
        text.push_str(of);
    }
    HostError::Database(text)
}
