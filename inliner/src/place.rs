//! Converts byte offsets to lines and columns.
//!
//! Counts from one for people and from zero for source maps, both in UTF-16 units. Converting
//! sorted offsets takes one pass over the text.

/// A forward-only cursor.
pub(crate) struct Places<'a> {
    text: &'a str,
    at: usize,
    line: u32,
    column: u32,
}

impl<'a> Places<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        // A byte order mark does not count as part of the text.
        let at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Self { text, at, line: 0, column: 0 }
    }

    /// Line and column from zero. Offsets must not decrease.
    pub(crate) fn zero_based(&mut self, offset: usize) -> (u32, u32) {
        let passed = &self.text[self.at..offset.max(self.at)];
        let rest = match last_line_end(passed) {
            Some((lines, end)) => {
                self.line += lines;
                self.column = 0;
                &passed[end..]
            }
            None => passed,
        };
        self.column += utf16_units(rest);
        self.at += passed.len();
        (self.line, self.column)
    }
}

/// Length in UTF-16 units: one for each character, two for characters of four bytes.
fn utf16_units(text: &str) -> u32 {
    let units = |byte: &u8| u32::from(byte & 0xc0 != 0x80) + u32::from(*byte >= 0xf0);
    text.as_bytes().iter().map(units).sum()
}

/// The number of line ends in `text`, and the offset after the last one. `\r\n` is one line end,
/// and so is a lone `\r`.
fn last_line_end(text: &str) -> Option<(u32, usize)> {
    let bytes = text.as_bytes();
    let (mut lines, mut end) = (0, 0);
    for at in memchr::memchr2_iter(b'\n', b'\r', bytes) {
        if bytes[at] == b'\r' && bytes.get(at + 1) == Some(&b'\n') {
            continue;
        }
        lines += 1;
        end = at + 1;
    }
    (lines > 0).then_some((lines, end))
}

/// Line and column from one, for people.
pub(crate) fn of(text: &str, offset: usize) -> (usize, usize) {
    let (line, column) = Places::new(text).zero_based(floor(text, offset));
    (line as usize + 1, column as usize + 1)
}

/// Lines and columns of many offsets in any order, with one pass over the text.
pub(crate) fn all(text: &str, offsets: impl Iterator<Item = usize>) -> Vec<(usize, usize)> {
    let mut order: Vec<(usize, usize)> =
        offsets.enumerate().map(|(index, at)| (floor(text, at), index)).collect();
    order.sort_unstable();
    let mut places = vec![(1, 1); order.len()];
    let mut cursor = Places::new(text);
    for (at, index) in order {
        let (line, column) = cursor.zero_based(at);
        places[index] = (line as usize + 1, column as usize + 1);
    }
    places
}

fn floor(text: &str, offset: usize) -> usize {
    text.floor_char_boundary(offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_places_are_the_places_one_by_one() {
        let text = "a😀b\r\nbc\n\nd";
        let offsets = [8, 0, 5, 8, 99, 2];
        let expected: Vec<_> = offsets.iter().map(|at| of(text, *at)).collect();
        assert_eq!(all(text, offsets.into_iter()), expected);
    }

    #[test]
    fn columns_count_utf16_units() {
        assert_eq!(of("a😀b", 5), (1, 4));
        assert_eq!(of("a\r\nbc\n\nd", 8), (4, 2));
        assert_eq!(of("a\rb", 2), (2, 1));
        assert_eq!((of("\u{feff}ab", 4), of("\u{feff}a", 0)), ((1, 2), (1, 1)));
    }
}
