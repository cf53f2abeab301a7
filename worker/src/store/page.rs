//! Pages of lists, newest first. Entries of the same millisecond are ordered by id, ascending.

use std::fmt;

/// The number of entries in a page.
pub const PAGE: usize = 200;
/// Later than every stored time: the greatest integer that D1 stores exactly.
const LAST_TIME: u64 = (1 << 53) - 1;

/// Where a page of a list begins: after this entry. As text: `created_at-id`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cursor<I> {
    /// When the entry was created.
    pub created_at: u64,
    /// The id of the entry.
    pub id: I,
}

impl<I: fmt::Display> Cursor<I> {
    /// Parses a cursor, its id by `parse`.
    pub fn parse<E>(text: &str, parse: impl FnOnce(&str) -> Result<I, E>) -> Option<Self> {
        let (created_at, id) = text.split_once('-')?;
        let created_at = created_at.parse().ok().filter(|time| *time <= LAST_TIME)?;
        Some(Self { created_at, id: parse(id).ok()? })
    }

    /// The time and id parameters of a page's statement. Without a cursor, those of the first page.
    pub(crate) fn parameters(cursor: Option<&Self>) -> (u64, String) {
        cursor.map_or((LAST_TIME, String::new()), |cursor| (cursor.created_at, cursor.id.to_string()))
    }
}

impl<I: fmt::Display> fmt::Display for Cursor<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.created_at, self.id)
    }
}

/// Truncates a list to a page, after a query for one entry more. Returns the cursor of the next
/// page, if there is one.
pub(crate) fn truncate<T, I>(
    entries: &mut Vec<T>,
    cursor: impl FnOnce(&T) -> Cursor<I>,
) -> Option<Cursor<I>> {
    let more = entries.len() > PAGE;
    entries.truncate(PAGE);
    entries.last().filter(|_| more).map(cursor)
}
