//! Converts byte offsets to lines and columns.
//!
//! Counts from one for people and from zero for source maps; columns are UTF-16 units. A line ends
//! with `\n`, `\r\n` or a lone `\r`.

/// The lines of one text, for offsets in ascending order: one pass over the text converts all.
pub(crate) struct LineIndex<'t> {
    text: &'t [u8],
    at: usize,
    line: u32,
    column: u32,
}

impl<'t> LineIndex<'t> {
    pub(crate) fn new(text: &'t (impl AsRef<[u8]> + ?Sized)) -> Self {
        let text = text.as_ref();
        // A byte order mark does not count as part of the text.
        let at = if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        Self { text, at, line: 0, column: 0 }
    }

    /// Line and column from zero. Offsets must not decrease.
    pub(crate) fn zero_based(&mut self, offset: usize) -> (u32, u32) {
        let end = offset.min(self.text.len()).max(self.at);
        let mut line_start = None;
        for at in memchr::memchr2_iter(b'\n', b'\r', &self.text[self.at..end]).map(|found| self.at + found) {
            // A `\r` in front of a `\n` is a part of the same line end, in UTF-16 as well.
            let is_in_pair = matches!(self.text.get(at + 1..), Some([b'\n', ..] | [0, b'\n', ..]));
            if self.text[at] == b'\n' || !is_in_pair {
                self.line += 1;
                line_start = Some(at + 1);
            }
        }
        if line_start.is_some() {
            self.column = 0;
        }
        self.column += utf16_units(&self.text[line_start.unwrap_or(self.at)..end]);
        self.at = end;
        (self.line, self.column)
    }

    /// Line and column from one, for people. Offsets must not decrease.
    fn one_based(&mut self, offset: usize) -> (usize, usize) {
        let (line, column) = self.zero_based(offset);
        (line as usize + 1, column as usize + 1)
    }

    /// The line from one. Offsets must not decrease.
    pub(crate) fn line(&mut self, offset: usize) -> usize {
        self.one_based(offset).0
    }
}

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Length in UTF-16 units: one for each character, two for characters of four bytes.
fn utf16_units(text: &[u8]) -> u32 {
    let units = |byte: &u8| u32::from(byte & 0xc0 != 0x80) + u32::from(*byte >= 0xf0);
    text.iter().map(units).sum()
}

/// Line and column of an offset, both from one.
pub(crate) fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    LineIndex::new(text).one_based(text.floor_char_boundary(offset))
}

/// Lines and columns of many offsets in any order, with one pass over the text.
pub(crate) fn lines_and_columns(text: &str, offsets: impl Iterator<Item = usize>) -> Vec<(usize, usize)> {
    let mut order: Vec<(usize, usize)> =
        offsets.enumerate().map(|(index, at)| (text.floor_char_boundary(at), index)).collect();
    order.sort_unstable();
    let mut found = vec![(1, 1); order.len()];
    let mut lines = LineIndex::new(text);
    for (at, index) in order {
        found[index] = lines.one_based(at);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_offsets_are_converted_as_one_by_one() {
        let text = "a😀b\r\nbc\n\nd";
        let offsets = [8, 0, 5, 8, 99, 2];
        let expected: Vec<_> = offsets.iter().map(|at| line_and_column(text, *at)).collect();
        assert_eq!(lines_and_columns(text, offsets.into_iter()), expected);
    }

    #[test]
    fn columns_count_utf16_units() {
        assert_eq!(line_and_column("a😀b", 5), (1, 4));
        assert_eq!(line_and_column("a\r\nbc\n\nd", 8), (4, 2));
        assert_eq!(line_and_column("a\rb", 2), (2, 1));
        let with_mark = "\u{feff}ab";
        assert_eq!((line_and_column(with_mark, 4), line_and_column(with_mark, 0)), ((1, 2), (1, 1)));
    }

    #[test]
    fn a_line_end_of_two_bytes_counts_once_wherever_the_index_stops() {
        let mut lines = LineIndex::new("a\r\nb\rc\nd");
        let found: Vec<usize> = (0..=8).map(|at| lines.line(at)).collect();
        assert_eq!(found, [1, 1, 1, 2, 2, 3, 3, 4, 4]);
    }
}
