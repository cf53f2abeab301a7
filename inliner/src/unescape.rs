//! Undoes escapes of several languages at once, for searching.
//!
//! Undoes one layer of backslash escapes (JavaScript, JSON), percent-encoding (URLs) and character
//! references (HTML). The result is only fit for searching: an unescaped program is no longer a
//! program. Each escape is longer than what it stands for, so repeated passes terminate.

use std::ops::Range;

/// The first byte of an escape.
const MARKS: [u8; 3] = [b'\\', b'%', b'&'];

/// The syntax of an escape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Backslash,
    Percent,
    Reference,
}

/// What an escape stands for: at most one character.
struct Letter {
    bytes: [u8; 4],
    length: usize,
}

/// One pass; `None` if there is nothing to undo.
pub(crate) fn once(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    for piece in (Pieces { text, at: 0 }) {
        match piece {
            Piece::Plain(plain) => out.extend_from_slice(plain),
            Piece::Escape(letter, _) => out.extend_from_slice(&letter.bytes[..letter.length]),
        }
    }
    (out.len() != text.len()).then_some(out)
}

/// The ranges of `text` in which a value may be written with escapes: up to `reach` bytes around
/// each escape whose character is among `letters`. An escape of any other character cannot be
/// inside a value, so a range ends there.
pub(crate) fn regions(text: &[u8], letters: &[bool; 256], reach: usize) -> Vec<Range<usize>> {
    let mut regions = Vec::new();
    let mut push = |(start, end): (usize, usize), limit: usize| regions.push(start..(end + reach).min(limit));
    let mut open: Option<(usize, usize)> = None;
    let mut barrier = 0;
    let [a, b, c] = MARKS;
    let mut at = 0;
    while let Some(start) = memchr::memchr3(a, b, c, &text[at..]).map(|found| at + found) {
        let Some((letter, length)) = escape(&text[start..]) else {
            at = start + 1;
            continue;
        };
        at = start + length;
        // The character of one escape may escape the next one.
        let is_next = open.is_some_and(|(_, end)| end == start);
        let matters = letter.length == 0 || letters[usize::from(letter.bytes[0])];
        match &mut open {
            Some((_, end)) if (matters || is_next) && start - *end <= reach => *end = at,
            _ => {
                open.take().into_iter().for_each(|region| push(region, start));
                if matters {
                    open = Some((start.saturating_sub(reach).max(barrier), at));
                } else {
                    barrier = at;
                }
            }
        }
    }
    open.into_iter().for_each(|region| push(region, text.len()));
    regions
}

/// Maps ascending positions in the result of [`once`] to positions in `text`.
pub(crate) fn origins(text: &[u8], places: &mut [usize]) {
    let mut places = places.iter_mut().peekable();
    let (mut read, mut written) = (0, 0);
    for piece in (Pieces { text, at: 0 }) {
        let (from, to) = match &piece {
            Piece::Plain(plain) => (plain.len(), plain.len()),
            Piece::Escape(letter, length) => (*length, letter.length),
        };
        while let Some(place) = places.next_if(|place| **place < written + to) {
            *place = if matches!(piece, Piece::Plain(_)) { read + (*place - written) } else { read };
        }
        (read, written) = (read + from, written + to);
    }
    places.for_each(|place| *place = text.len());
}

/// The syntax of the first escape in `text`.
pub(crate) fn first(text: &[u8]) -> Option<Kind> {
    let [a, b, c] = MARKS;
    memchr::memchr3_iter(a, b, c, text).find_map(|at| {
        escape(&text[at..]).map(|_| match text[at] {
            b'%' => Kind::Percent,
            b'&' => Kind::Reference,
            _ => Kind::Backslash,
        })
    })
}

/// The bytes that the escape at the start of a text stands for, how many they are, and the escape's
/// length.
pub(crate) fn first_letter(text: &[u8]) -> Option<([u8; 4], usize, usize)> {
    escape(text).map(|(letter, length)| (letter.bytes, letter.length, length))
}

/// Whether this is the beginning of a named character reference.
pub(crate) fn begins_name(text: &[u8]) -> bool {
    NAMED.iter().any(|(name, _)| name.len() >= text.len() && name[..text.len()].eq_ignore_ascii_case(text))
}

enum Piece<'t> {
    Plain(&'t [u8]),
    /// What the escape stands for, and its length.
    Escape(Letter, usize),
}

struct Pieces<'t> {
    text: &'t [u8],
    at: usize,
}

impl<'t> Iterator for Pieces<'t> {
    type Item = Piece<'t>;

    fn next(&mut self) -> Option<Piece<'t>> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        if let Some((letter, length)) = escape(rest) {
            self.at += length;
            return Some(Piece::Escape(letter, length));
        }
        let [a, b, c] = MARKS;
        let end = memchr::memchr3(a, b, c, &rest[1..]).map_or(rest.len(), |at| at + 1);
        self.at += end;
        Some(Piece::Plain(&rest[..end]))
    }
}

/// The escape at the start of `text`, and its length.
fn escape(text: &[u8]) -> Option<(Letter, usize)> {
    match text.split_first()? {
        (b'\\', rest) => backslash(rest),
        (b'%', rest) => percent(rest),
        (b'&', rest) => reference(rest),
        _ => None,
    }
    .map(|(letter, length)| (letter, length + 1))
}

fn backslash(text: &[u8]) -> Option<(Letter, usize)> {
    let simple = match *text.first()? {
        b'u' => return unicode(&text[1..]).map(|(letter, length)| (letter, length + 1)),
        b'x' => return Some((letter(digits(text.get(1..3)?, 16)?), 3)),
        b'0'..=b'7' => {
            let length = text.iter().take(3).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
            return Some((letter(digits(&text[..length], 8)?), length));
        }
        // An escaped line break stands for nothing.
        b'\n' => return Some((Letter { bytes: [0; 4], length: 0 }, 1)),
        b'\r' => {
            return Some((Letter { bytes: [0; 4], length: 0 }, 1 + usize::from(text.get(1) == Some(&b'\n'))));
        }
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'f' => 12,
        b'v' => 11,
        other => other,
    };
    Some((byte(simple), 1))
}

/// `XXXX`, two of them for a surrogate pair, or `{X…}`.
fn unicode(text: &[u8]) -> Option<(Letter, usize)> {
    if let Some(inside) = text.strip_prefix(b"{") {
        let length = inside.iter().take(9).position(|byte| *byte == b'}')?;
        return Some((letter(digits(&inside[..length], 16)?), length + 2));
    }
    let first = digits(text.get(..4)?, 16)?;
    let second =
        text.get(4..10).filter(|next| next.starts_with(b"\\u")).and_then(|next| digits(&next[2..], 16));
    match (first, second) {
        (0xd800..0xdc00, Some(second @ 0xdc00..0xe000)) => {
            Some((letter(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)), 10))
        }
        _ => Some((letter(first), 4)),
    }
}

fn percent(text: &[u8]) -> Option<(Letter, usize)> {
    if text.first() == Some(&b'u') {
        return Some((letter(digits(text.get(1..5)?, 16)?), 5));
    }
    Some((byte(u8::try_from(digits(text.get(..2)?, 16)?).ok()?), 2))
}

/// `#38;`, `#x26;`, `amp;`: numeric references may lack the semicolon, as in browsers.
fn reference(text: &[u8]) -> Option<(Letter, usize)> {
    let Some(number) = text.strip_prefix(b"#") else {
        let end = text.iter().take(8).position(|byte| *byte == b';')?;
        let (_, meaning) = NAMED.iter().find(|(name, _)| name.eq_ignore_ascii_case(&text[..end]))?;
        return Some((letter(u32::from(*meaning)), end + 1));
    };
    let (radix, skipped) = if matches!(number.first(), Some(b'x' | b'X')) { (16, 1) } else { (10, 0) };
    let number = &number[skipped..];
    let length = number.iter().take(8).take_while(|byte| char::from(**byte).is_digit(radix)).count();
    let semicolon = usize::from(number.get(length) == Some(&b';'));
    Some((letter(digits(&number[..length], radix)?), 1 + skipped + length + semicolon))
}

/// The names that encoders use for ASCII; everything else is written numerically or literally.
const NAMED: [(&[u8], char); 38] = [
    (b"amp", '&'),
    (b"lt", '<'),
    (b"gt", '>'),
    (b"quot", '"'),
    (b"apos", '\''),
    (b"AMP", '&'),
    (b"LT", '<'),
    (b"GT", '>'),
    (b"QUOT", '"'),
    (b"nbsp", '\u{a0}'),
    (b"Tab", '\t'),
    (b"NewLine", '\n'),
    (b"excl", '!'),
    (b"num", '#'),
    (b"dollar", '$'),
    (b"percnt", '%'),
    (b"lpar", '('),
    (b"rpar", ')'),
    (b"ast", '*'),
    (b"plus", '+'),
    (b"comma", ','),
    (b"period", '.'),
    (b"sol", '/'),
    (b"colon", ':'),
    (b"semi", ';'),
    (b"equals", '='),
    (b"quest", '?'),
    (b"commat", '@'),
    (b"lsqb", '['),
    (b"lbrack", '['),
    (b"bsol", '\\'),
    (b"rsqb", ']'),
    (b"rbrack", ']'),
    (b"Hat", '^'),
    (b"lowbar", '_'),
    (b"grave", '`'),
    (b"lbrace", '{'),
    (b"rbrace", '}'),
];

/// Parses at least one digit and nothing else.
fn digits(text: &[u8], radix: u32) -> Option<u32> {
    let value =
        |number: u32, byte: &u8| number.checked_mul(radix)?.checked_add(char::from(*byte).to_digit(radix)?);
    (!text.is_empty()).then(|| text.iter().try_fold(0, value)).flatten()
}

fn byte(byte: u8) -> Letter {
    Letter { bytes: [byte, 0, 0, 0], length: 1 }
}

/// Encodes a code point as UTF-8; an unpaired surrogate becomes U+FFFD.
fn letter(number: u32) -> Letter {
    let mut bytes = [0; 4];
    let length = char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER).encode_utf8(&mut bytes).len();
    Letter { bytes, length }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn undone(text: &str) -> String {
        once(text.as_bytes()).map_or_else(|| text.to_owned(), |out| String::from_utf8(out).unwrap())
    }

    #[test]
    fn every_escape_is_undone_once() {
        for (text, expected) in [
            (r#"a\\\"b\/c\n"#, "a\\\"b/c\n"),
            (r"\u003c\u003C\x3c\x3C\u{3c}\74", "<<<<<<"),
            (r"\ud83d\ude00\uD83D\uDE00\u{1f600}\xfc", "😀😀😀ü"),
            ("a\\\nb\\\r\nc", "abc"),
            ("%3c%3C%u003c%f0%9f%98%80", "<<<😀"),
            ("&#60;&#x3c;&#X3C;&#60 &lt;&quot;&#128512;&percnt;", "<<<< <\"😀%"),
            ("&amp;lt;%255c", "&lt;%5c"),
            ("a&&b%c\\", "a&&b%c\\"),
            (r"\u00g0\x0g%0g%u00&#;&#x;&nothing;&", r"\u00g0\x0g%0g%u00&#;&#x;&nothing;&"),
        ] {
            assert_eq!(undone(text), expected, "{text}");
        }
    }

    #[test]
    fn only_what_is_around_an_escape_of_a_values_letter_is_looked_at() {
        let mut letters = [false; 256];
        [b'<', b'\\'].into_iter().for_each(|letter| letters[usize::from(letter)] = true);
        let found = |text: &'static str| -> Vec<&'static str> {
            regions(text.as_bytes(), &letters, 3).into_iter().map(|region| &text[region]).collect()
        };
        for (text, expected) in [
            (r"abcdef\n&amp;%20\d", vec![]),
            (r"abcdef\x3cghijkl", vec![r"def\x3cghi"]),
            (r"a\nb&lt;c\nd", vec!["b&lt;c"]),
            (r"&lt;abc&lt;defg&lt;", vec!["&lt;abc&lt;def", "efg&lt;"]),
            // What the first pass leaves is an escape again.
            ("ab\\\\\\ncd", vec!["ab\\\\\\ncd"]),
            ("ab\\\ncd", vec!["ab\\\ncd"]),
        ] {
            assert_eq!(found(text), expected, "{text}");
        }
    }

    #[test]
    fn every_byte_has_an_origin() {
        let text = b"a%3cb\\u00fcc&amp;d";
        let out = once(text).unwrap();
        let mut places: Vec<usize> = (0..=out.len()).collect();
        origins(text, &mut places);
        assert_eq!(places, [0, 1, 4, 5, 5, 11, 12, 17, 18]);
    }
}
