//! Rows of the audit trail that hold what the service cannot have written: a time before 1970, a number in place of a text,
//! nothing where something has to be. Only somebody who writes to the database makes one.

use capy_protocol::audit::Record;

use crate::host::{self, Cell, FromCell};

/// A row as it is, so that a checkpoint tells it from another one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage(Record);

impl Damage {
    /// What stands for a row in digests: the row as the service wrote it, or as it is where that cannot be.
    pub(super) fn record_or(damage: Option<&Self>, whole: impl FnOnce() -> Record) -> Record {
        damage.map_or_else(whole, |damage| damage.0.clone())
    }
}

/// Reads a row column by column.
pub(super) struct Cells<'a> {
    row: host::Row<'a>,
    /// All that was read, by its kind.
    read: Vec<Cell>,
    is_damaged: bool,
}

impl<'a> Cells<'a> {
    pub(super) fn of(row: host::Row<'a>) -> Self {
        Self { row, read: Vec::new(), is_damaged: false }
    }

    /// What stands in a column; its default where that is nothing that the service writes.
    pub(super) fn read<T: FromCell + Default>(&mut self, column: &'static str) -> host::Result<T> {
        let cell = self.row.cell(column)?;
        self.read.push(cell.clone());
        Ok(T::from_cell(cell).unwrap_or_else(|| {
            self.is_damaged = true;
            T::default()
        }))
    }

    /// What was wrong with any of the columns.
    pub(super) fn damage(self, domain: &str) -> Option<Damage> {
        let add = |record: Record, cell: &Cell| match cell {
            Cell::Null => record.text(None),
            Cell::Integer(number) => record.number(number.cast_unsigned()),
            Cell::Text(text) => record.text(Some(text)),
            // What it is, nobody can tell here.
            Cell::Unkept => record.number(u64::MAX).text(None),
        };
        self.is_damaged.then(|| Damage(self.read.iter().fold(Record::of(domain), add)))
    }
}
