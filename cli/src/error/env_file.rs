//! What is wrong with a `.env`: with its encoding, or with one of its lines.

use std::fmt;

/// No `.env` is longer. A device that never ends is not read to its end.
pub(crate) const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Text that is not UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EncodingFault {
    /// By its name for `iconv`.
    Wide(&'static str),
    /// UTF-8, but for a byte that no text has.
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
            Self::Wide(name) => write!(f, "is written in {name}, and no variable can be read from it"),
            Self::Zero { line } => write!(f, "has a zero byte in line {line}"),
            Self::NotUtf8 { line } => write!(f, "is not written in UTF-8: see line {line}"),
        }
    }
}

/// A line that may mean something else than it is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Doubt {
    /// Counted from 1.
    pub(crate) line: usize,
    pub(crate) kind: DoubtKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DoubtKind {
    NoAssignment,
    BadName,
    /// dotenv takes letters, digits, `_`, `.` and `-`; an `А` of another alphabet looks like one of ours.
    OddName,
    /// Node takes a variable from it.
    IndentedComment,
    /// Node takes the next line for the value.
    BlankValue,
    /// Node makes `export` a part of the name.
    ExportOfNothing,
    HashInValue,
    TextAfterQuote,
    OpenQuote,
    /// A backslash in double quotes, but for `\n`.
    Escape,
    /// dotenv takes the quote that follows for a part of the value.
    BackslashBeforeQuote,
    /// A quote of a word processor, which quotes nothing.
    TypographicQuote,
    /// dotenv ends the line there, and Node drops it.
    LoneCarriageReturn,
    /// Node makes it a part of the first name.
    ByteOrderMark,
    Invisible(char),
}

impl fmt::Display for DoubtKind {
    /// What is odd about the line, without quoting it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoAssignment => "is no NAME=value, and no variable is read from it",
            Self::BadName => "has a name that cannot be used, and no variable is read from it",
            Self::OddName => {
                "has a name with a character that other readers of .env do not take: use A-Z, 0-9 and `_`"
            }
            Self::IndentedComment => {
                "is an indented comment with a `=` in it: Node would take a variable from it"
            }
            Self::BlankValue => "has blanks for a value: Node would take the next line for it",
            Self::ExportOfNothing => {
                "has `export` and no value: Node would make `export` a part of the name; write NAME= alone"
            }
            Self::HashInValue => {
                "has a `#` that begins a comment; put quotes around the value if it belongs to it"
            }
            Self::TextAfterQuote => "has text after the closing quote, which is not read",
            Self::OpenQuote => "has a quote that is never closed",
            Self::Escape => {
                "has a backslash in double quotes, which other readers of .env take away; put single quotes \
                 around the value to keep it"
            }
            Self::BackslashBeforeQuote => {
                "has a backslash before the closing quote, so that other readers of .env read on behind it"
            }
            Self::TypographicQuote => {
                "has typographic quotes, which become a part of the value; use ' or \" instead"
            }
            Self::LoneCarriageReturn => {
                "has a carriage return without a new line, where other readers of .env end the line"
            }
            Self::ByteOrderMark => {
                "begins with a byte order mark, which Node makes a part of the first name; save the file as \
                 UTF-8 without it"
            }
            Self::Invisible(letter) => {
                return write!(f, "has a character that cannot be seen (U+{:04X})", u32::from(*letter));
            }
        })
    }
}
