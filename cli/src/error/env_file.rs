//! What is wrong with a `.env`: with its encoding, or with one of its lines.

use std::fmt;

/// Size limit of a `.env`: 16 MiB. With it, an endless device is not read forever.
pub(crate) const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Why the bytes of a `.env` are not read as text: only UTF-8 without zero bytes is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EncodingFault {
    /// UTF-16 or UTF-32, by the name that `iconv` has for the encoding.
    Wide(&'static str),
    /// A zero byte in a file that is neither UTF-16 nor UTF-32.
    Zero {
        line: usize,
    },
    NotUtf8 {
        line: usize,
    },
}

impl EncodingFault {
    pub(crate) fn hint(self) -> String {
        match self {
            Self::Wide(name) => format!(
                "save it as UTF-8: in PowerShell with -Encoding utf8, elsewhere with iconv -f {name} -t UTF-8"
            ),
            Self::Zero { .. } => "remove the byte, or write the file again".into(),
            Self::NotUtf8 { .. } => {
                "save it as UTF-8: in an editor, or with iconv -f WINDOWS-1252 -t UTF-8".into()
            }
        }
    }
}

impl fmt::Display for EncodingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wide(name) => write!(f, "is encoded in {name}, so no variable can be read from it"),
            Self::Zero { line } => write!(f, "has a zero byte in line {line}"),
            Self::NotUtf8 { line } => write!(f, "is not valid UTF-8: see line {line}"),
        }
    }
}

/// A line of a `.env` that its author or another reader may understand differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ambiguity {
    /// Counted from 1.
    pub(crate) line: usize,
    pub(crate) kind: AmbiguityKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AmbiguityKind {
    NoAssignment,
    BadName,
    /// A character in a name that dotenv does not take: it takes ASCII letters, digits, `_`, `.`
    /// and `-`. The Cyrillic `А`, for example, looks like the Latin letter. Also the name
    /// `__proto__`.
    OddName,
    /// An indented comment with a `=`: Node reads a variable from the comment.
    IndentedComment,
    /// A value of blanks alone: Node takes the next line as the value.
    BlankValue,
    /// `export` in front of a name without a value: Node makes `export` a part of the name.
    ExportOfNothing,
    HashInValue,
    TextAfterQuote,
    OpenQuote,
    /// A backslash in double quotes that is not part of a `\n`.
    Escape,
    /// A backslash before the closing quote: dotenv takes that quote as a part of the value.
    BackslashBeforeQuote,
    /// A typographic quote, as word processors write it: it becomes a part of the value.
    TypographicQuote,
    /// A carriage return without a newline: dotenv ends the line there, and Node drops it.
    LoneCarriageReturn,
    /// A byte order mark at the start of the file: Node makes it a part of the first name.
    ByteOrderMark,
    Invisible(char),
}

impl fmt::Display for AmbiguityKind {
    /// Describes what is odd about a line, without quoting the line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoAssignment => "is not NAME=value, so no variable is read from it",
            Self::BadName => "has an invalid name, so no variable is read from it",
            Self::OddName => {
                "has a name with a character that other readers of .env do not accept: use A-Z, 0-9 and `_`"
            }
            Self::IndentedComment => {
                "is an indented comment with a `=` in it: Node would read a variable from it"
            }
            Self::BlankValue => "has only blanks as its value: Node would take the next line as the value",
            Self::ExportOfNothing => {
                "has `export` but no value: Node would make `export` a part of the name; write only NAME="
            }
            Self::HashInValue => {
                "has a `#` that begins a comment; if it is part of the value, put quotes around the value"
            }
            Self::TextAfterQuote => "has text after the closing quote, which is ignored",
            Self::OpenQuote => "has a quote that is never closed",
            Self::Escape => {
                "has a backslash in double quotes, which other readers of .env remove; put single quotes \
                 around the value to keep it"
            }
            Self::BackslashBeforeQuote => {
                "has a backslash before the closing quote, so other readers of .env do not end the value there"
            }
            Self::TypographicQuote => {
                "has typographic quotes, which become a part of the value; use ' or \" instead"
            }
            Self::LoneCarriageReturn => {
                "has a carriage return without a newline, where other readers of .env end the line"
            }
            Self::ByteOrderMark => {
                "begins with a byte order mark, which Node makes a part of the first name; save the file as \
                 UTF-8 without one"
            }
            Self::Invisible(letter) => {
                return write!(f, "has an invisible character (U+{:04X})", u32::from(*letter));
            }
        })
    }
}
