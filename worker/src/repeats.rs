//! The releases of a deployment that may be repeated: a client whose answer was lost asks again, and takes no second use.
//!
//! A deployment's row names the releases of the last minute, up to 32 of them, a text for each: the time in sixteen digits, a digest of the
//! client's key, and a seal. The seal is what counts: who writes to the database cannot make one.

use capy_protocol::json;

use crate::host::{Cell, FromCell};

/// The releases that a row names.
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
