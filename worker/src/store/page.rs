//! Pages of lists, newest first: of two that were made in one millisecond the smaller id comes first.

use std::fmt;

/// How many entries a page has.
pub const PAGE: usize = 200;
/// Past every time that is kept, and the largest number that D1 keeps exactly.
const AFTER_ALL: u64 = (1 << 53) - 1;

/// Where a page of a list begins: after this entry. As text, `created_at-id`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Cursor<I> {
    pub(crate) created_at: u64,
    pub(crate) id: I,
}

impl<I: fmt::Display> Cursor<I> {
    /// Reads it, the id by `parse`.
    pub(crate) fn parse<E>(text: &str, parse: impl FnOnce(&str) -> Result<I, E>) -> Option<Self> {
        let (created_at, id) = text.split_once('-')?;
        let created_at = created_at.parse().ok().filter(|time| *time <= AFTER_ALL)?;
        Some(Self { created_at, id: parse(id).ok()? })
    }

    /// The parameters of a page's statement: the time and the id that it begins after. Without a cursor, before all.
    pub(crate) fn after(cursor: Option<&Self>) -> (u64, String) {
        cursor.map_or((AFTER_ALL, String::new()), |cursor| (cursor.created_at, cursor.id.to_string()))
    }
}

impl<I: fmt::Display> fmt::Display for Cursor<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.created_at, self.id)
    }
}

/// Cuts what was asked for with one entry too many to a page; where the next one begins, if there is one.
pub(crate) fn cut<T, I>(entries: &mut Vec<T>, cursor: impl FnOnce(&T) -> Cursor<I>) -> Option<Cursor<I>> {
    let more = entries.len() > PAGE;
    entries.truncate(PAGE);
    entries.last().filter(|_| more).map(cursor)
}
