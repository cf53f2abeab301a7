//! The repeatable releases of a deployment: a client whose answer was lost asks again, without
//! another use being counted.
//!
//! A deployment's row lists the releases of the last minute, up to 32 of them. Each is a text: the
//! time in sixteen digits, a digest of the client's idempotency key, and a seal. Only the seal
//! proves a release, since somebody who can write to the database cannot make one.

use capy_protocol::json;

use crate::host::{Cell, FromCell};

/// The releases in a deployment's row.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Repeats(pub(crate) Vec<String>);

impl FromCell for Repeats {
    const WHAT: &'static str = "a list of releases";

    fn from_cell(cell: Cell) -> Option<Self> {
        match cell {
            Cell::Null => Some(Self::default()),
            cell => json::read(String::from_cell(cell)?.as_bytes()).ok().map(Self),
        }
    }
}
