//! Values that a text holds in pieces.
//!
//! Owns what has to be put together before it can be searched: base64 in lines, a payload that is pushed in several
//! scripts of one page, and CSS, whose escapes end with a blank that belongs to them. It keeps where each piece was.

use memchr::memmem;

use crate::report::Encoding;

/// Pieces of a text as one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Joined {
    pub(super) text: Vec<u8>,
    /// How a value is written that stands in it plainly.
    pub(super) encoding: Encoding,
    /// Where a piece starts here, and where it starts in the whole text; in order.
    starts: Vec<(usize, usize)>,
}

impl Joined {
    fn new(encoding: Encoding) -> Self {
        Self { text: Vec::new(), encoding, starts: Vec::new() }
    }

    fn push(&mut self, piece: &[u8], origin: usize) {
        self.starts.push((self.text.len(), origin));
        self.text.extend_from_slice(piece);
    }

    /// The place in the whole text.
    pub(super) fn origin(&self, at: usize) -> usize {
        let piece = self.starts.partition_point(|(start, _)| *start <= at).saturating_sub(1);
        self.starts.get(piece).map_or(at, |(start, origin)| origin + (at - start))
    }
}

/// Everything in `text` that reads differently when it is put together.
pub(super) fn all(text: &[u8]) -> Vec<Joined> {
    let mut all = lines_of_base64(text);
    all.extend(payload(text));
    all.extend(css(text));
    all
}

/// What pages push their payloads with: Next's, and React Router's.
pub(crate) const PUSHES: [&[u8]; 2] = [b"__next_f.push([1,\"", b"streamController.enqueue(\""];

/// The strings that a page's scripts push, when there are several.
fn payload(text: &[u8]) -> Option<Joined> {
    let mut joined = Joined::new(Encoding::Json);
    for push in PUSHES {
        for at in memmem::find_iter(text, push) {
            let start = at + push.len();
            let end = end_of_string(&text[start..]);
            joined.push(&text[start..start + end], start);
        }
    }
    (joined.starts.len() > 1).then_some(joined)
}

/// How many bytes there are before the quote that ends a string.
fn end_of_string(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(found) = memchr::memchr2(b'"', b'\\', &text[at..]) {
        at += found;
        if text[at] == b'"' {
            return at;
        }
        at = (at + 2).min(text.len());
    }
    text.len()
}

/// Fewer letters in a row are words.
const SHORTEST_LINE: usize = 20;

/// Each base64 text that goes over several lines, without their ends, which may be escapes themselves.
fn lines_of_base64(text: &[u8]) -> Vec<Joined> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = memchr::memchr2(b'\n', b'\\', &text[from..]).map(|at| from + at) {
        let line_end = at - usize::from(at > from && text[at - 1] == b'\r');
        let before = text[from..line_end].iter().rev().take_while(|byte| is_base64(byte)).count();
        from = at + 1;
        let next = after_break(text, line_end);
        if before < SHORTEST_LINE || next.is_none() {
            continue;
        }
        let mut joined = Joined::new(Encoding::Base64);
        joined.push(&text[line_end - before..line_end], line_end - before);
        let mut next = next;
        while let Some(start) = next {
            let length = text[start..].iter().take_while(|byte| is_base64(byte)).count();
            joined.push(&text[start..start + length], start);
            from = start + length;
            next = after_break(text, from).filter(|_| length >= SHORTEST_LINE);
        }
        found.push(joined);
    }
    found
}

/// Where the next line's first base64 letter is, if `at` is the end of a line.
fn after_break(text: &[u8], at: usize) -> Option<usize> {
    let breaks: [&[u8]; 4] = [b"\r\n", b"\n", b"\\r\\n", b"\\n"];
    let length = breaks.iter().find(|end| text[at..].starts_with(end))?.len();
    let indent = text[at + length..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let start = at + length + indent;
    text.get(start).filter(|byte| is_base64(byte)).map(|_| start)
}

fn is_base64(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// The text with the escapes of CSS undone: up to six digits, and a blank after them.
fn css(text: &[u8]) -> Option<Joined> {
    let mut joined = Joined::new(Encoding::Css);
    let mut copied = 0;
    for at in memchr::memchr_iter(b'\\', text) {
        let number = &text[at + 1..];
        let digits = number.iter().take(6).take_while(|byte| byte.is_ascii_hexdigit()).count();
        if at < copied || digits < 2 {
            continue;
        }
        let blank =
            number[digits..].first().is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\x0c'));
        let letter = std::str::from_utf8(&number[..digits]).ok();
        let letter = letter.and_then(|digits| u32::from_str_radix(digits, 16).ok()).and_then(char::from_u32);
        joined.push(&text[copied..at], copied);
        joined.push(letter.unwrap_or_default().encode_utf8(&mut [0; 4]).as_bytes(), at);
        copied = at + 1 + digits + usize::from(blank);
    }
    (copied > 0).then(|| {
        joined.push(&text[copied..], copied);
        joined
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(joined: impl IntoIterator<Item = Joined>) -> Vec<String> {
        joined.into_iter().map(|joined| String::from_utf8(joined.text).unwrap()).collect()
    }

    #[test]
    fn a_payload_is_put_together() {
        let text = br#"<script>self.__next_f.push([1,"a\"b"])</script><script>self.__next_f.push([1,"cd"])</script>"#;
        let joined = payload(text).unwrap();
        assert_eq!(joined.text, br#"a\"bcd"#);
        assert_eq!(text[joined.origin(4)], b'c');
        assert_eq!(text[joined.origin(3)], b'b');
        assert_eq!(payload(br#"self.__next_f.push([1,"a"])"#), None);
        assert_eq!(
            texts(payload(br#"x.enqueue("a"),streamController.enqueue("b\\")streamController.enqueue("c"#)),
            ["b\\\\c"]
        );
    }

    #[test]
    fn base64_is_put_together_however_its_lines_end() {
        let line = "QUJDREVGR0hJSktMTU5PUA";
        for end in ["\n", "\r\n", "\\n", "\\r\\n", "\n    \t"] {
            let text = format!("x = '{line}{end}{line}{end}QQ==' + {line}\n}}");
            let joined = lines_of_base64(text.as_bytes());
            assert_eq!(joined[0].origin(line.len()), 5 + line.len() + end.len(), "{end:?}");
            assert_eq!(texts(joined), [format!("{line}{line}QQ")], "{end:?}");
        }
        for text in ["word\nword", "\n\n\\", "QUJDREVGR0hJSktMTU5PUA\n\n", "QUJDREVGR0hJSktMTU5PUA\\"] {
            assert!(lines_of_base64(text.as_bytes()).is_empty(), "{text:?}");
        }
    }

    #[test]
    fn escapes_of_css_take_the_blank_after_them_along() {
        let joined = css(br#"a::after{content:"\63 an\000061ry\2e x9"}"#).unwrap();
        assert_eq!(joined.text, br#"a::after{content:"canary.x9"}"#);
        assert_eq!(joined.origin(18), 18);
        assert_eq!(css(br"\d\w\n no"), None);
    }
}
