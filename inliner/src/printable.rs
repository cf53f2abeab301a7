//! Escapes names and paths for display on a terminal.
//!
//! A file's name comes from somebody else and may move the cursor, forge a line of the report or
//! reverse the text after it. Such characters are shown as escapes.

use std::fmt::{self, Display, Formatter, Write as _};
use std::path::{Path, PathBuf};

use capy_protocol::text::steers_terminal;
use serde::Serializer;

/// A path with control and invisible characters escaped.
pub(crate) fn path(path: &Path) -> impl Display {
    name(&path.to_string_lossy()).to_string()
}

/// A name with control and invisible characters escaped.
pub(crate) fn name(text: &str) -> impl Display {
    Printable(text)
}

/// A path for scripts. JSON cannot hold invalid Unicode, so such bytes become U+FFFD.
pub(crate) fn serialize_path<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&path.to_string_lossy())
}

/// Several paths, serialised in the same way.
pub(crate) fn serialize_paths<S: Serializer>(paths: &[PathBuf], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(paths.iter().map(|path| path.to_string_lossy()))
}

struct Printable<'t>(&'t str);

impl Display for Printable<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|letter| match letter {
            letter if is_unseen(letter) => write!(out, "{}", letter.escape_default()),
            letter => out.write_char(letter),
        })
    }
}

/// Whether a character controls the terminal or has no width: two names could look the same
/// otherwise.
fn is_unseen(letter: char) -> bool {
    steers_terminal(letter)
        || matches!(letter, '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_escaped() {
        for (text, expected) in [
            ("a b/[c]~é😀.js", "a b/[c]~é😀.js"),
            ("a\nerror: b\r\u{1b}[2J", "a\\nerror: b\\r\\u{1b}[2J"),
            ("\u{202e}sj.a\u{2066}\u{200f}\u{9b}\u{7f}", "\\u{202e}sj.a\\u{2066}\\u{200f}\\u{9b}\\u{7f}"),
        ] {
            assert_eq!(name(text).to_string(), expected);
            assert_eq!(path(Path::new(text)).to_string(), expected);
        }
    }
}
