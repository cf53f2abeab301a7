//! Rows as every host gives them: cells by the names of their columns, and what a cell stands for. Read by hand, column
//! by column: readers that are derived for each kind of row were a fifth of what is uploaded to Workers.
//!
//! A column that is missing or holds something else is an error that names it, and never what it holds.

use capy_protocol::id::{DeployId, KeyId, ProjectId};
use capy_protocol::scope::Scope;
use capy_protocol::token::{SecretId, TokenId, TrustId};

use super::{HostError, Result};

/// What a row has in a column.
#[derive(Clone, PartialEq, Eq)]
pub enum Cell {
    /// NULL.
    Null,
    /// INTEGER; on D1 of 53 bits.
    Integer(i64),
    /// TEXT.
    Text(String),
    /// Neither, nor an integer that the host gives exactly.
    Unkept,
}

/// What one statement answered.
pub trait Rows {
    /// How many rows there are.
    fn count(&self) -> usize;

    /// What the row at `place`, which is below [`Self::count`], has in a column.
    ///
    /// # Errors
    /// [`missing`].
    fn cell(&self, place: usize, column: &'static str) -> Result<Cell>;

    /// All rows, each by `read`.
    ///
    /// # Errors
    /// The first that `read` answers.
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

    /// The first row, by `read`; `None` when there is no row.
    ///
    /// # Errors
    /// What `read` answers.
    fn first<T>(&self, read: impl FnOnce(Row<'_>) -> Result<T>) -> Result<Option<T>>
    where
        Self: Sized,
    {
        (self.count() > 0).then(|| read(Row { rows: self, place: 0 })).transpose()
    }

    /// What all rows have in one column.
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

/// One row of an answer.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    rows: &'a dyn Rows,
    place: usize,
}

impl Row<'_> {
    /// What stands in a column.
    ///
    /// # Errors
    /// [`HostError::Database`] where it is missing, or no `T`.
    pub fn read<T: FromCell>(self, column: &'static str) -> Result<T> {
        match self.cell(column)? {
            Cell::Unkept => Err(unkept(column)),
            cell => T::from_cell(cell).ok_or_else(|| fault(column, "does not hold", T::WHAT)),
        }
    }

    /// What stands in a column, if it is a `T`.
    ///
    /// # Errors
    /// [`HostError::Database`] where it is missing.
    pub fn read_if_fit<T: FromCell>(self, column: &'static str) -> Result<Option<T>> {
        self.cell(column).map(T::from_cell)
    }

    /// What stands in a column, whatever it is.
    ///
    /// # Errors
    /// [`HostError::Database`] where it is missing.
    pub fn cell(self, column: &'static str) -> Result<Cell> {
        self.rows.cell(self.place, column)
    }
}

/// What a column may hold.
pub trait FromCell: Sized {
    /// What it is called where it is not there, with its article.
    const WHAT: &'static str;

    /// Reads it; `None` for anything else.
    fn from_cell(cell: Cell) -> Option<Self>;
}

/// NULL is none. Anything else is a `T`.
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

/// The error of a column that the rows do not have.
pub fn missing(column: &'static str) -> HostError {
    fault(column, "is missing", "")
}

fn unkept(column: &'static str) -> HostError {
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
