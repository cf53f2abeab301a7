//! Strict JSON parser with limits on size and nesting.

use alloc::string::String;
use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::{Json, ReadError, Record};

/// The most names in one object. The parser compares each name with all others.
pub const NAMES_MAX: usize = 256;
/// The longest name in an object, in bytes.
pub const NAME_MAX: usize = 256;
/// The most values in one document, nested values included: each value takes memory beyond its own
/// bytes.
pub const VALUES_MAX: usize = 16 * 1024;
/// How deeply arrays and objects may nest.
const DEPTH_MAX: usize = 127;

/// Parses one value, and fails if anything but white space follows.
pub(super) fn value(bytes: &[u8]) -> Result<Json, ReadError> {
    let text = core::str::from_utf8(bytes).map_err(|error| fault(bytes, error.valid_up_to()))?;
    let mut reader = Reader { text, at: 0, depth: DEPTH_MAX, values: VALUES_MAX };
    let read = reader.value();
    reader.skip_whitespace();
    read.filter(|_| reader.at == bytes.len()).ok_or_else(|| fault(bytes, reader.at))
}

fn fault(bytes: &[u8], at: usize) -> ReadError {
    let before = &bytes[..at.min(bytes.len())];
    let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
    let column = 1 + before.iter().rev().take_while(|byte| **byte != b'\n').count();
    ReadError::Syntax { line, column }
}

/// A recursive-descent parser. Every method leaves `at` behind what it read, or at the fault.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// How many more levels of arrays and objects may open.
    depth: usize,
    /// How many more values may be read.
    values: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The text from `start` to `at`. Does not slice with an invalid range, because the panic
    /// message would contain the text.
    fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    /// Consumes this byte if it comes next, and returns whether it did.
    fn skip(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn skip_whitespace(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Skips white space, then does the same as [`Self::skip`].
    fn skip_token(&mut self, byte: u8) -> bool {
        self.skip_whitespace();
        self.skip(byte)
    }

    fn value(&mut self) -> Option<Json> {
        self.skip_whitespace();
        self.values = self.values.checked_sub(1)?;
        match self.peek()? {
            b'"' => self.text().map(Json::Text),
            b'{' => self.record(),
            b'[' => self.list(),
            b'n' => self.keyword("null", Json::Null),
            b't' => self.keyword("true", Json::Bool(true)),
            b'f' => self.keyword("false", Json::Bool(false)),
            _ => self.number(),
        }
    }

    fn keyword(&mut self, word: &str, value: Json) -> Option<Json> {
        let found = self.text.as_bytes()[self.at..].starts_with(word.as_bytes());
        self.at += if found { word.len() } else { 0 };
        found.then_some(value)
    }

    fn begin(&mut self) -> Option<()> {
        self.depth = self.depth.checked_sub(1)?;
        self.at += 1;
        Some(())
    }

    /// Whether another element follows in the array or object; `None` if neither a comma nor `end`
    /// follows.
    fn has_next(&mut self, end: u8) -> Option<bool> {
        if self.skip_token(b',') {
            return Some(true);
        }
        self.end(end).then_some(false)
    }

    fn end(&mut self, end: u8) -> bool {
        let ends = self.skip_token(end);
        self.depth += usize::from(ends);
        ends
    }

    fn list(&mut self) -> Option<Json> {
        let mut items = Vec::new();
        self.begin()?;
        let mut more = !self.end(b']');
        while more {
            items.push(self.value()?);
            more = self.has_next(b']')?;
        }
        Some(Json::List(items))
    }

    fn record(&mut self) -> Option<Json> {
        let mut record = Record::default();
        self.begin()?;
        let mut more = !self.end(b'}');
        while more {
            self.skip_whitespace();
            let start = self.at;
            let name = self.text()?;
            if name.len() > NAME_MAX || record.len() == NAMES_MAX || record.has(&name) {
                self.at = start;
                return None;
            }
            if !self.skip_token(b':') {
                return None;
            }
            record.push(name, self.value()?);
            more = self.has_next(b'}')?;
        }
        Some(Json::Record(record))
    }

    /// A number (RFC 8259, section 6).
    fn number(&mut self) -> Option<Json> {
        let mut natural = !self.skip(b'-');
        let start = self.at;
        self.digits()?;
        let digits = self.since(start);
        if digits.len() > 1 && digits.starts_with('0') {
            self.at = start;
            return None;
        }
        if self.skip(b'.') {
            natural = false;
            self.digits()?;
        }
        if self.skip(b'e') || self.skip(b'E') {
            natural = false;
            let _ = self.skip(b'+') || self.skip(b'-');
            self.digits()?;
        }
        let integer = digits.parse().ok().filter(|_| natural);
        Some(integer.map_or(Json::Number, Json::Integer))
    }

    /// One or more digits.
    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    /// A string (RFC 8259, section 7). The decoded text is never longer than its encoding, so the
    /// buffer never grows and leaves no copies behind.
    fn text(&mut self) -> Option<Zeroizing<String>> {
        if !self.skip(b'"') {
            return None;
        }
        let mut text = Zeroizing::new(String::with_capacity(self.length()?));
        loop {
            let start = self.at;
            while self.peek().is_some_and(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1f)) {
                self.at += 1;
            }
            text.push_str(self.since(start));
            match self.peek()? {
                b'"' => break,
                b'\\' => text.push(self.escape()?),
                _ => return None,
            }
        }
        self.at += 1;
        Some(text)
    }

    /// The distance to the next quote that is not escaped.
    fn length(&self) -> Option<usize> {
        let mut rest = self.text.as_bytes()[self.at..].iter();
        while let Some(byte) = rest.next() {
            match byte {
                b'"' => return Some(self.text.len() - self.at - rest.len() - 1),
                b'\\' => drop(rest.next()),
                _ => {}
            }
        }
        None
    }

    fn escape(&mut self) -> Option<char> {
        self.at += 1;
        Some(match self.next()? {
            byte @ (b'"' | b'\\' | b'/') => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return None,
        })
    }

    /// The character of a `\u` escape, or of two escapes that form a surrogate pair.
    fn unicode(&mut self) -> Option<char> {
        let first = self.code_unit()?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first);
        }
        if !(self.skip(b'\\') && self.skip(b'u')) {
            return None;
        }
        let low = self.code_unit()?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
        char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + low)
    }

    /// Four hexadecimal digits.
    fn code_unit(&mut self) -> Option<u32> {
        let mut unit = 0;
        for _ in 0..4 {
            unit = unit << 4 | char::from(self.next()?).to_digit(16)?;
        }
        Some(unit)
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    fn place(text: &[u8]) -> (usize, usize) {
        match value(text) {
            Err(ReadError::Syntax { line, column }) => (line, column),
            _ => panic!("{text:?} is JSON"),
        }
    }

    #[test]
    fn a_fault_has_its_place_and_nothing_of_the_text() {
        for (text, at) in [
            ("", (1, 1)),
            ("{", (1, 2)),
            ("{\n  \"a\": 1,\n  \"a\": 2}", (3, 3)),
            ("[1, 2] 3", (1, 8)),
            ("[1,]", (1, 4)),
            ("{\"a\" 1}", (1, 6)),
            ("01", (1, 1)),
            ("1.", (1, 3)),
            ("\"a\u{7}\"", (1, 3)),
            ("\"a\\q\"", (1, 5)),
            ("nul", (1, 1)),
        ] {
            assert_eq!(place(text.as_bytes()), at, "{text}");
        }
        assert_eq!(place(b"\"a\n\xff\""), (2, 1));
        let fault = value(br#"{"canary.A.x9": canary.B.x9}"#).unwrap_err();
        assert_eq!(format!("{fault} {fault:?}").matches("canary").count(), 0);
    }

    #[test]
    fn what_two_readers_may_understand_differently_is_refused() {
        for bad in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":1}"#,
            r#"[{"a":{"b":1,"c":[],"b":2}}]"#,
            r#""\ud800""#,
            r#""\udc00""#,
            r#""\ud800\ud800""#,
            r#""\ud800\u0041""#,
            "\u{feff}1",
            "1\u{a0}",
            "-",
            "+1",
            "0x1",
            ".5",
            "1e",
            "--1",
            "NaN",
            "'a'",
            "{a:1}",
            "[1 2]",
            "null null",
            "\"\\u+123\"",
        ] {
            assert!(value(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_natural_numbers_are_integers() {
        for (text, integer) in [
            ("0", Some(0)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("-1", None),
            ("-0", None),
            ("1.0", None),
            ("1e3", None),
            ("1E+400", None),
        ] {
            match value(text.as_bytes()) {
                Ok(Json::Integer(found)) => assert_eq!(Some(found), integer, "{text}"),
                Ok(Json::Number) => assert_eq!(None, integer, "{text}"),
                _ => panic!("{text} is no number"),
            }
        }
    }

    #[test]
    fn what_would_take_much_time_or_memory_is_refused() {
        let names = |count: usize| {
            let names: Vec<_> = (0..count).map(|name| format!("\"{name}\":0")).collect();
            format!("{{{}}}", names.join(","))
        };
        let values = |count: usize| format!("[{}0]", "0,".repeat(count - 2));
        let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let named = |length: usize| format!("{{\"{}\":0}}", "a".repeat(length));
        for (good, bad) in [
            (names(NAMES_MAX), names(NAMES_MAX + 1)),
            (named(NAME_MAX), named(NAME_MAX + 1)),
            (values(VALUES_MAX), values(VALUES_MAX + 1)),
            (deep(DEPTH_MAX), deep(DEPTH_MAX + 1)),
            (format!("[{}]", "[],".repeat(200) + "0"), "[".repeat(100_000)),
        ] {
            assert!(value(good.as_bytes()).is_ok());
            assert!(value(bad.as_bytes()).is_err());
        }
    }
}
