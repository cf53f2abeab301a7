//! What a byte is to the lexer.
//!
//! Owns the two tables. It refuses to know anything beyond ASCII.

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Odd,
    Blank,
    Line,
    Word,
    Digit,
    Quote,
    Backtick,
    Slash,
    Open,
    Close,
    Sign,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Odd; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b' ' | b'\t' | 0x0b | 0x0c => Class::Blank,
            b'\n' | b'\r' => Class::Line,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'$' => Class::Word,
            b'0'..=b'9' => Class::Digit,
            b'"' | b'\'' => Class::Quote,
            b'`' => Class::Backtick,
            b'/' => Class::Slash,
            b'(' | b'[' | b'{' => Class::Open,
            b')' | b']' | b'}' => Class::Close,
            b'!' | b'%' | b'&' | b'*' | b'+' | b',' | b'-' | b'.' | b':' | b';' | b'<' | b'=' | b'>'
            | b'?' | b'^' | b'|' | b'~' | b'#' => Class::Sign,
            _ => Class::Odd,
        };
        byte += 1;
    }
    classes
};

/// What a byte may begin.
pub(super) fn class(byte: u8) -> Class {
    CLASSES[byte as usize]
}

const PARTS: [bool; 256] = {
    let mut parts = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        parts[byte] = matches!(CLASSES[byte], Class::Word | Class::Digit);
        byte += 1;
    }
    parts
};

/// A letter, a digit, `_` or `$`.
pub(super) fn is_part(byte: u8) -> bool {
    PARTS[byte as usize]
}
