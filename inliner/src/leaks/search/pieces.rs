//! Joins values that a text holds in pieces.
//!
//! Handles base64 in lines, literals joined by `+`, lists of bytes, a payload that several scripts
//! of one page push, and CSS, whose escapes end with a blank of their own. Each joined text keeps
//! the origin of its pieces.

use memchr::memmem;

use super::super::Encoding;

/// Pieces of a text joined into one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Joined {
    pub(super) text: Vec<u8>,
    /// The encoding to report for a value that this text holds plainly.
    pub(super) encoding: Encoding,
    /// Offset of each piece in the joined text and in the original text; in order.
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

    /// The offset in the original text.
    pub(super) fn origin(&self, at: usize) -> usize {
        let piece = self.starts.partition_point(|(start, _)| *start <= at).saturating_sub(1);
        self.starts.get(piece).map_or(at, |(start, origin)| origin + (at - start))
    }
}

/// Calls `found` with everything in `text` that reads differently when its pieces are joined.
pub(super) fn each(text: &[u8], mut found: impl FnMut(Joined)) {
    lines_of_base64(text).into_iter().for_each(&mut found);
    literals(text).into_iter().for_each(&mut found);
    numbers(text, &mut found);
    payload(text).into_iter().for_each(&mut found);
    css(text).into_iter().for_each(&mut found);
}

/// Calls with which pages push their payloads: Next's, and React Router's.
pub(in super::super) const PAYLOAD_CALLS: [&[u8]; 2] =
    [b"__next_f.push([1,\"", b"streamController.enqueue(\""];

/// The strings that a page's scripts push, joined if there is more than one.
fn payload(text: &[u8]) -> Option<Joined> {
    let mut joined = Joined::new(Encoding::Json);
    for push in PAYLOAD_CALLS {
        for at in memmem::find_iter(text, push) {
            let start = at + push.len();
            let end = end_of_string(&text[start..]);
            joined.push(&text[start..start + end], start);
        }
    }
    (joined.starts.len() > 1).then_some(joined)
}

/// How many bytes precede the quote that ends a string.
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

/// Shorter runs at the end of a line are mostly words.
const MIN_LINE_LENGTH: usize = 8;

/// Each base64 text that spans several lines, without its line breaks, which may be escaped.
fn lines_of_base64(text: &[u8]) -> Vec<Joined> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = memchr::memchr2(b'\n', b'\\', &text[from..]).map(|at| from + at) {
        let line_end = at - usize::from(at > from && text[at - 1] == b'\r');
        let before = text[from..line_end].iter().rev().take_while(|byte| is_base64(byte)).count();
        from = at + 1;
        let next = after_break(text, line_end);
        if before < MIN_LINE_LENGTH || next.is_none() {
            continue;
        }
        let mut joined = Joined::new(Encoding::Base64);
        joined.push(&text[line_end - before..line_end], line_end - before);
        let mut next = next;
        while let Some(start) = next {
            let length = text[start..].iter().take_while(|byte| is_base64(byte)).count();
            joined.push(&text[start..start + length], start);
            from = start + length;
            next = after_break(text, from).filter(|_| length >= MIN_LINE_LENGTH);
        }
        found.push(joined);
    }
    found
}

/// Offset of the next line's first base64 character, if `at` is the end of a line.
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

/// How many bytes before a `+` are searched for the start of a literal.
const MAX_LITERAL_LENGTH: usize = 1 << 16;

/// The contents of literals that are joined: `"…" + '…'`.
fn literals(text: &[u8]) -> Vec<Joined> {
    let mut found: Vec<Joined> = Vec::new();
    // Offset of the end of the last joined literal.
    let mut last = usize::MAX;
    let mut from = 0;
    for at in memchr::memchr_iter(b'+', text) {
        if at < from {
            continue;
        }
        let Some(end) = last_of(&text[..at], is_blank).filter(|end| is_quote(&text[*end])) else { continue };
        let blanks = text[at + 1..].iter().take_while(|byte| is_blank(byte)).count();
        let next = at + 1 + blanks;
        let Some(quote) = text.get(next).copied().filter(is_quote) else { continue };
        let Some(length) = length_of_literal(&text[next + 1..], quote) else { continue };
        if end != last {
            let start = end.saturating_sub(MAX_LITERAL_LENGTH).max(from.min(end));
            let Some(open) = opening_quote(&text[start..end], text[end]) else { continue };
            let mut joined = Joined::new(Encoding::Plain);
            joined.push(&text[start + open + 1..end], start + open + 1);
            found.push(joined);
        }
        if let Some(joined) = found.last_mut() {
            joined.push(&text[next + 1..next + 1 + length], next + 1);
        }
        last = next + 1 + length;
        from = last;
    }
    found
}

fn is_quote(byte: &u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

fn is_blank(byte: &u8) -> bool {
    byte.is_ascii_whitespace()
}

/// Offset of the last byte that is not `skipped`.
fn last_of(text: &[u8], skipped: impl Fn(&u8) -> bool) -> Option<usize> {
    text.iter().rposition(|byte| !skipped(byte))
}

/// Offset of the last quote that is not escaped.
fn opening_quote(text: &[u8], quote: u8) -> Option<usize> {
    let mut end = text.len();
    loop {
        end = memchr::memrchr(quote, &text[..end])?;
        if !text[..end].ends_with(b"\\") {
            return Some(end);
        }
    }
}

/// How many bytes precede the quote that ends a literal.
fn length_of_literal(text: &[u8], quote: u8) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr2(quote, b'\\', text.get(at..)?)?;
        if text[at] == quote {
            return Some(at);
        }
        at += 2;
    }
}

/// Shorter lists are too short for a value that is searched for.
const MIN_NUMBERS: usize = 6;

/// Lists of numbers as bytes, or as characters: `[115, 107]`, `0x73,0x6b`,
/// `String.fromCharCode(115,107)`.
fn numbers(text: &[u8], found: &mut impl FnMut(Joined)) {
    let mut from = 0;
    while let Some(comma) = memchr::memchr(b',', &text[from..]).map(|at| from + at) {
        let before = &text[from..comma];
        from = comma + 1;
        // A quick check, because most commas do not separate numbers.
        let may_follow = |byte: &u8| byte.is_ascii_digit() || *byte == b'-' || is_blank(byte);
        let may_end = |byte: &u8| byte.is_ascii_hexdigit() || is_blank(byte);
        if !text.get(comma + 1).is_some_and(may_follow) || !before.last().is_some_and(may_end) {
            continue;
        }
        let end = comma - before.iter().rev().take_while(|byte| is_blank(byte)).count();
        let before = &before[..before.len() - (comma - end)];
        let digits = before.iter().rev().take_while(|byte| is_digit(byte)).count();
        let starts = |at: usize| text[at].is_ascii_digit() || text[at] == b'-';
        if digits == 0 || digits > MAX_NUMBER_LENGTH || !starts(end - digits) {
            continue;
        }
        let mut list = Vec::new();
        let mut at = end - digits;
        while let Some((number, after)) = number(text, at) {
            list.push((number, at));
            if list.len() == MAX_NUMBERS {
                from = list[MAX_NUMBERS - OVERLAP].1;
                break;
            }
            from = from.max(after);
            let blanks = text[after..].iter().take_while(|byte| is_blank(byte)).count();
            if text.get(after + blanks) != Some(&b',') {
                break;
            }
            let next = after + blanks + 1;
            at = next + text[next..].iter().take_while(|byte| is_blank(byte)).count();
        }
        if list.len() >= MIN_NUMBERS {
            found(as_bytes(&list));
            // Beyond ASCII, the number of a character is not one of its bytes.
            if list.iter().any(|(number, _)| *number > 0x7f) {
                found(as_letters(&list));
            }
        }
    }
}

/// The numbers as bytes; signed bytes count, as Java writes them.
fn as_bytes(list: &[(i64, usize)]) -> Joined {
    let mut joined = Joined::new(Encoding::Bytes);
    list.iter().for_each(|(number, at)| joined.push(&number.to_le_bytes()[..1], *at));
    joined
}

/// The numbers as UTF-16 code units or code points, with surrogate pairs combined.
fn as_letters(list: &[(i64, usize)]) -> Joined {
    let mut joined = Joined::new(Encoding::Bytes);
    let mut high = None;
    for (number, at) in list {
        let pair = high.take().filter(|_| (0xdc00..0xe000).contains(number));
        let letter = pair.map_or(*number, |high: i64| 0x10000 + ((high - 0xd800) << 10) + (number - 0xdc00));
        if (0xd800..0xdc00).contains(number) {
            high = Some(*number);
            continue;
        }
        let letter = u32::try_from(letter).ok().and_then(char::from_u32);
        let letter = letter.unwrap_or(char::REPLACEMENT_CHARACTER);
        joined.push(letter.encode_utf8(&mut [0; 4]).as_bytes(), *at);
    }
    joined
}

/// Longest number: `0x` and the digits of a character, or `0o` or `0b` and the digits of a byte.
const MAX_NUMBER_LENGTH: usize = 10;
/// Longer lists are searched in parts, which overlap by more than the length of most values.
const MAX_NUMBERS: usize = 1 << 18;
const OVERLAP: usize = 1 << 14;

fn is_digit(byte: &u8) -> bool {
    byte.is_ascii_hexdigit() || matches!(byte, b'x' | b'X' | b'o' | b'O' | b'-')
}

/// The number that begins here, and the offset where it ends.
fn number(text: &[u8], at: usize) -> Option<(i64, usize)> {
    let length = text[at..].iter().take(MAX_NUMBER_LENGTH + 1).take_while(|byte| is_digit(byte)).count();
    let digits = std::str::from_utf8(&text[at..at + length]).ok()?;
    let (sign, digits) = digits.strip_prefix('-').map_or((1, digits), |digits| (-1, digits));
    let number = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => i64::from_str_radix(&digits[2..], 16),
        [b'0', b'o' | b'O', ..] => i64::from_str_radix(&digits[2..], 8),
        [b'0', b'b' | b'B', ..] => i64::from_str_radix(&digits[2..], 2),
        _ => digits.parse(),
    };
    Some((number.ok()? * sign, at + length))
}

/// The text with CSS escapes undone: up to six hexadecimal digits, and a blank after them.
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
    fn joined_literals_are_one() {
        for (text, expected) in [
            (r#"x="ab"+'cd' + `ef`;y="g" +"h""#, &["abcdef", "gh"][..]),
            ("a(\"one\\n\" +\n    \"two\")", &["one\\ntwo"]),
            (r#""a\"b"+"c\"d""#, &["a\\\"bc\\\"d"]),
            ("a+b, 1 + 2, 'x' + y, '+'", &[]),
            ("'a'+'b", &[]),
        ] {
            assert_eq!(texts(literals(text.as_bytes())), expected, "{text}");
        }
        let text = br#"x="ab"+"cd""#;
        let joined = literals(text).remove(0);
        assert_eq!((joined.origin(0), joined.origin(2)), (3, 8));
    }

    #[test]
    fn lists_of_numbers_are_bytes() {
        for (text, expected) in [
            ("[115,107,95,97,98,99]", &["sk_abc"][..]),
            ("Uint8Array.from([115, 107, 95,\n  97, 98, 99])", &["sk_abc"]),
            ("{0x73,0x6B, 0x5f, 0x61, 0x62, 0x63}", &["sk_abc"]),
            ("f(1,2),String.fromCharCode(115,107,95,97,98,8364)", &["sk_ab€"]),
            ("[115,107,95,-61,-68,99]", &["sk_üc"]),
            ("a,b,c,12,13,14,d", &[]),
            ("1.5,2.5,3.5,4.5,5.5,6.5", &[]),
        ] {
            let mut found = Vec::new();
            numbers(text.as_bytes(), &mut |one| {
                let text = String::from_utf8(one.text).ok();
                found.extend(text.filter(|text| !text.contains(char::REPLACEMENT_CHARACTER)));
            });
            assert_eq!(found, expected, "{text}");
        }
        let text = b"x=[115, 107,95,97,98,99]";
        let mut joined = Vec::new();
        numbers(text, &mut |one| joined.push(one));
        let joined = joined.remove(0);
        assert_eq!((joined.origin(0), joined.origin(1), joined.origin(5)), (3, 8, 21));
    }

    #[test]
    fn escapes_of_css_take_the_blank_after_them_along() {
        let joined = css(br#"a::after{content:"\63 an\000061ry\2e x9"}"#).unwrap();
        assert_eq!(joined.text, br#"a::after{content:"canary.x9"}"#);
        assert_eq!(joined.origin(18), 18);
        assert_eq!(css(br"\d\w\n no"), None);
    }
}
