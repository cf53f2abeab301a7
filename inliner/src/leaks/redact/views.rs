//! The views of a redacted stream: the text without terminal colours, without escapes, without
//! quotes.
//!
//! Each stage undoes one of these, incrementally across piece boundaries, and keeps the position of
//! each byte in the original text. A stage reads the previous stage's output. Bytes that may still
//! become an escape are held back until that is decided, so that a piece may end anywhere; the
//! amount held back is bounded.

use zeroize::Zeroizing;

use crate::unescape;

/// Limit of a terminal control sequence, except for those that carry text. Longer ones are left as
/// they are.
const MAX_SEQUENCE_LENGTH: usize = 64;
const MAX_STRING_SEQUENCE_LENGTH: usize = 4096;
/// `\ud83d\ude00` and `&#x0001F600;`.
const MAX_ESCAPE_LENGTH: usize = 12;

/// Bytes, each with its start and end offset in the whole text.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct TracedBytes {
    pub(super) bytes: Zeroizing<Vec<u8>>,
    pub(super) spans: Vec<(u64, u64)>,
}

impl TracedBytes {
    pub(super) fn push(&mut self, byte: u8, span: (u64, u64)) {
        self.bytes.push(byte);
        self.spans.push(span);
    }

    pub(super) fn append(&mut self, other: &Self) {
        self.bytes.extend_from_slice(&other.bytes);
        self.spans.extend_from_slice(&other.spans);
    }

    pub(super) fn drop_first(&mut self, count: usize) {
        self.bytes.drain(..count);
        self.spans.drain(..count);
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.spans.clear();
    }
}

/// What a stage undoes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Undo {
    /// Terminal control sequences, such as colours.
    Sequences,
    /// One layer of backslash escapes, percent-encoding and character references.
    Escapes,
    /// Quotes of shell words, and the `$` before them.
    Quotes,
    /// Line breaks, and the blanks after them.
    Lines,
}

/// A stage with its state.
pub(super) struct Stage {
    undo: Undo,
    /// Bytes that are not decided yet.
    kept: TracedBytes,
    after_line: bool,
}

/// The meaning of the bytes at the start of a text.
enum Step {
    /// The bytes that they stand for, how many of these there are (possibly zero), and how many
    /// bytes are consumed.
    Means([u8; 4], usize, usize),
    /// Undecided until more bytes arrive.
    Open,
}

fn as_it_is(byte: u8) -> Step {
    Step::Means([byte, 0, 0, 0], 1, 1)
}

fn nothing(length: usize) -> Step {
    Step::Means([0; 4], 0, length)
}

impl Stage {
    pub(super) fn new(undo: Undo) -> Self {
        Self { undo, kept: TracedBytes::default(), after_line: false }
    }

    /// Reads more bytes; `is_end` if no more follow.
    pub(super) fn read(&mut self, more: &TracedBytes, is_end: bool) -> TracedBytes {
        self.kept.append(more);
        let mut out = TracedBytes::default();
        let mut at = 0;
        while at < self.kept.bytes.len() {
            let Step::Means(bytes, count, length) = self.step(at, is_end) else { break };
            let span = (self.kept.spans[at].0, self.kept.spans[at + length - 1].1);
            bytes[..count].iter().for_each(|byte| out.push(*byte, span));
            at += length;
        }
        self.kept.drop_first(at);
        out
    }

    /// Offset in the whole text of the first undecided byte.
    pub(super) fn open(&self) -> Option<u64> {
        self.kept.spans.first().map(|span| span.0)
    }

    /// Drops the undecided bytes.
    pub(super) fn clear(&mut self) {
        self.kept.clear();
    }

    fn step(&mut self, at: usize, is_end: bool) -> Step {
        let rest = &self.kept.bytes[at..];
        let first = rest[0];
        match self.undo {
            Undo::Sequences => sequence(rest, is_end),
            Undo::Escapes => escape(rest, is_end),
            Undo::Quotes => match first {
                b'\'' | b'"' => nothing(1),
                b'$' => match rest.get(1) {
                    Some(b'\'' | b'"') => nothing(1),
                    None if !is_end => Step::Open,
                    _ => as_it_is(first),
                },
                _ => as_it_is(first),
            },
            Undo::Lines => {
                let is_break = matches!(first, b'\r' | b'\n');
                let is_left_out = is_break || self.after_line && matches!(first, b' ' | b'\t');
                self.after_line = is_left_out;
                if is_left_out { nothing(1) } else { as_it_is(first) }
            }
        }
    }
}

/// Undoes a complete text at once.
pub(super) fn undone(text: &[u8], undo: Undo) -> Vec<u8> {
    let mut letters = TracedBytes::default();
    text.iter().for_each(|byte| letters.push(*byte, (0, 0)));
    Stage::new(undo).read(&letters, true).bytes.to_vec()
}

/// ECMA-48 control sequences: `ESC [ … letter`, strings such as `ESC ] … BEL`, shorter
/// sequences, and the one-character CSI.
fn sequence(text: &[u8], is_end: bool) -> Step {
    let wait = |is_short: bool| if is_short && !is_end { Step::Open } else { as_it_is(text[0]) };
    let start = match text {
        [0x1b, ..] => 1,
        [0xc2, 0x9b, ..] => return control(text, 2, is_end),
        [0xc2] => return wait(true),
        _ => return as_it_is(text[0]),
    };
    match text.get(start) {
        None => wait(true),
        Some(b'[') => control(text, 2, is_end),
        Some(b']' | b'P' | b'X' | b'^' | b'_') => {
            let body = &text[2..text.len().min(MAX_STRING_SEQUENCE_LENGTH)];
            let end = body.iter().position(|byte| matches!(byte, 0x07 | 0x1b));
            match end {
                Some(end) if body[end] == 0x07 => nothing(2 + end + 1),
                Some(end) => match body.get(end + 1) {
                    Some(b'\\') => nothing(2 + end + 2),
                    None => wait(text.len() < MAX_STRING_SEQUENCE_LENGTH),
                    Some(_) => as_it_is(text[0]),
                },
                None => wait(text.len() < MAX_STRING_SEQUENCE_LENGTH),
            }
        }
        Some(_) => {
            let middle = text[1..].iter().take(3).take_while(|byte| matches!(byte, 0x20..=0x2f)).count();
            match text.get(1 + middle) {
                Some(0x30..=0x7e) => nothing(2 + middle),
                None => wait(true),
                Some(_) => as_it_is(text[0]),
            }
        }
    }
}

fn control(text: &[u8], start: usize, is_end: bool) -> Step {
    let body = &text[start..text.len().min(MAX_SEQUENCE_LENGTH)];
    match body.iter().position(|byte| !matches!(byte, 0x20..=0x3f)) {
        Some(end) if matches!(body[end], 0x40..=0x7e) => nothing(start + end + 1),
        None if text.len() < MAX_SEQUENCE_LENGTH && !is_end => Step::Open,
        _ => as_it_is(text[0]),
    }
}

/// Escapes that [`unescape`] reads, and those with which Python and bash write bytes: `\xc3\xbc`,
/// `\303\274`, `\U0001f600`, `\E`.
fn escape(text: &[u8], is_end: bool) -> Step {
    if !matches!(text[0], b'\\' | b'%' | b'&') {
        return as_it_is(text[0]);
    }
    if !is_end && text.len() < MAX_ESCAPE_LENGTH && may_go_on(text) {
        return Step::Open;
    }
    if let Some(step) = byte_or_letter(text) {
        return step;
    }
    match unescape::first_letter(text) {
        Some((bytes, count, length)) => Step::Means(bytes, count, length),
        None => as_it_is(text[0]),
    }
}

fn byte_or_letter(text: &[u8]) -> Option<Step> {
    let number = |digits: &[u8], radix: u32| {
        let digit = |number: u32, byte: &u8| Some(number * radix + char::from(*byte).to_digit(radix)?);
        (!digits.is_empty()).then(|| digits.iter().try_fold(0, digit)).flatten()
    };
    let byte = |byte: u32, length| Some(Step::Means([byte as u8, 0, 0, 0], 1, length));
    match text.get(1).filter(|_| text[0] == b'\\')? {
        b'x' => byte(number(text.get(2..4)?, 16)?, 4),
        b'0'..=b'7' => {
            let length = text[1..].iter().take(3).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
            byte(number(&text[1..=length], 8)?, 1 + length)
        }
        b'E' | b'e' => byte(0x1b, 2),
        b'a' => byte(0x07, 2),
        b'U' => {
            let letter = char::from_u32(number(text.get(2..10)?, 16)?)?;
            let mut bytes = [0; 4];
            let count = letter.encode_utf8(&mut bytes).len();
            Some(Step::Means(bytes, count, 10))
        }
        _ => None,
    }
}

/// Whether further bytes may change what this escape means.
fn may_go_on(text: &[u8]) -> bool {
    let is_hex = |text: &[u8]| text.iter().all(u8::is_ascii_hexdigit);
    match *text {
        [_] | [b'\\', b'\r'] => true,
        [b'\\', b'x', ref digits @ ..] => digits.len() < 2 && is_hex(digits),
        [b'\\', b'U', ref digits @ ..] => digits.len() < 8 && is_hex(digits),
        [b'\\', b'u', b'{', ref digits @ ..] => is_hex(digits),
        [b'\\', b'u', ref digits @ ..] => unicode_may_go_on(digits),
        [b'\\', ref digits @ ..] => digits.len() < 3 && digits.iter().all(|byte| matches!(byte, b'0'..=b'7')),
        [b'%', b'u', ref digits @ ..] => digits.len() < 4 && is_hex(digits),
        [b'%', ref digits @ ..] => digits.len() < 2 && is_hex(digits),
        [b'&', b'#', b'x' | b'X', ref digits @ ..] => is_hex(digits),
        [b'&', b'#', ref digits @ ..] => digits.iter().all(u8::is_ascii_digit),
        [b'&', ref name @ ..] => unescape::begins_name(name),
        _ => false,
    }
}

fn unicode_may_go_on(digits: &[u8]) -> bool {
    let is_hex = |text: &[u8]| text.iter().all(u8::is_ascii_hexdigit);
    if digits.len() <= 4 {
        let is_whole = digits.len() == 4;
        return is_hex(digits) && (!is_whole || is_high_surrogate(digits));
    }
    let (first, rest) = digits.split_at(4);
    let is_begun = match rest {
        [b'\\'] | [b'\\', b'u'] => true,
        [b'\\', b'u', digits @ ..] => digits.len() < 4 && is_hex(digits),
        _ => false,
    };
    is_high_surrogate(first) && is_begun
}

fn is_high_surrogate(digits: &[u8]) -> bool {
    matches!(digits, [b'd' | b'D', b'8' | b'9' | b'a' | b'b' | b'A' | b'B', ..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(undo: Undo, text: &str) -> String {
        String::from_utf8_lossy(&undone(text.as_bytes(), undo)).into_owned()
    }

    #[test]
    fn what_steers_a_terminal_is_left_out() {
        for (written, expected) in [
            ("a\u{1b}[31mb\u{1b}[0;1mc\u{1b}[Kd", "abcd"),
            ("a\u{9b}31mb", "ab"),
            ("a\u{1b}]8;;http://x\u{7}b\u{1b}]8;;\u{1b}\\c", "abc"),
            ("a\u{1b}(Bb\u{1b}=c\u{1b}7d", "abcd"),
            ("a\u{1b}[31", "a\u{1b}[31"),
            ("a\u{1b}", "a\u{1b}"),
            ("ü\u{c2}", "ü\u{c2}"),
        ] {
            assert_eq!(text(Undo::Sequences, written), expected, "{written:?}");
        }
        let long = format!("\u{1b}[{}m", "1;".repeat(100));
        assert_eq!(text(Undo::Sequences, &long), long, "nothing is waited for without end");
    }

    #[test]
    fn escapes_of_every_language_are_undone_once() {
        for (written, expected) in [
            (r"\xc3\xbc\303\274\U0001f600\u00fc\E\e\a\n\'\ \$", "üü😀ü\u{1b}\u{1b}\u{7}\n' $"),
            ("&#39;&#x27;&#X27;&#039;&#0000039;&apos;&APOS;&Quot;&#x22", "''''''\'\"\""),
            ("%27%2F%2f%252f", "'//%2f"),
            ("100% &c. \\", "100% &c. \\"),
        ] {
            assert_eq!(text(Undo::Escapes, written), expected, "{written:?}");
        }
    }

    #[test]
    fn quotes_of_words_and_ends_of_lines_are_left_out() {
        assert_eq!(text(Undo::Quotes, r#"'a'$'\n''b' "$x" $"#), r"a\nb $x $");
        assert_eq!(text(Undo::Lines, "ab\r\n  cd \n\nef"), "abcd ef");
    }

    proptest! {
        #[test]
        fn a_piece_may_end_anywhere(
            written in r"([ab\\%&#;x0-9ufUdD'$\x1b\[m\n]|&#x27;|\\ud83d\\ude00|\\U0001f600|&amp;){0,30}",
            at in any::<prop::sample::Index>(),
        ) {
            for undo in [Undo::Sequences, Undo::Escapes, Undo::Quotes, Undo::Lines] {
                let mut stage = Stage::new(undo);
                let mut out = Vec::new();
                let at = if written.is_empty() { 0 } else { at.index(written.len()) };
                let (one, two) = written.as_bytes().split_at(at);
                for (piece, is_end) in [(one, false), (two, true)] {
                    let mut letters = TracedBytes::default();
                    piece.iter().for_each(|byte| letters.push(*byte, (0, 0)));
                    out.extend_from_slice(&stage.read(&letters, is_end).bytes);
                }
                prop_assert_eq!(out, undone(written.as_bytes(), undo));
            }
        }
    }
}
