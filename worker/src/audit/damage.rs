//! Damaged audit rows: rows with values that the service cannot have written, such as a time before
//! 1970, a number in a text column, or NULL in a required column. Such a row proves that somebody
//! else wrote to the database.

use capy_protocol::audit::Record;

use crate::host::{self, Cell, FromCell};

/// A damaged row as digests cover it, so that a checkpoint distinguishes it from other rows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage(Record);

impl Damage {
    /// The record that stands for a row in digests: the damaged row as it is, or else the record of
    /// its columns.
    pub(super) fn record_or(damage: Option<&Self>, whole: impl FnOnce() -> Record) -> Record {
        damage.map_or_else(whole, |damage| damage.0.clone())
    }
}

/// Reads a row column by column, and keeps what it read.
pub(super) struct Cells<'a> {
    row: host::Row<'a>,
    /// All cells read so far.
    read: Vec<Cell>,
    is_damaged: bool,
}

impl<'a> Cells<'a> {
    pub(super) fn of(row: host::Row<'a>) -> Self {
        Self { row, read: Vec::new(), is_damaged: false }
    }

    /// Reads a column. A value that the service cannot have written marks the row as damaged, and
    /// the default is returned.
    pub(super) fn read<T: FromCell + Default>(&mut self, column: &'static str) -> host::Result<T> {
        let cell = self.row.cell(column)?;
        self.read.push(cell.clone());
        Ok(T::from_cell(cell).unwrap_or_else(|| {
            self.is_damaged = true;
            T::default()
        }))
    }

    /// The damage, when any column was damaged.
    pub(super) fn damage(self, domain: &str) -> Option<Damage> {
        let add = |record: Record, cell: &Cell| match cell {
            Cell::Null => record.text(None),
            Cell::Integer(number) => record.number(number.cast_unsigned()),
            Cell::Text(text) => record.text(Some(text)),
            // The host does not return such a value exactly, so that all of them have the same
            // record.
            Cell::Unsupported => record.number(u64::MAX).text(None),
        };
        self.is_damaged.then(|| Damage(self.read.iter().fold(Record::of(domain), add)))
    }
}
