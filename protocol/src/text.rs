//! Text that others chose: base64 as this protocol writes it (the standard alphabet, padded, canonical: RFC 4648,
//! section 4), what platforms put around a value, and characters that must not reach a terminal.

use alloc::string::String;
use alloc::vec::Vec;

use base64ct::{Base64, Encoding};

use crate::{Error, Result};

/// Canonical standard base64 with padding.
pub fn serialize_base64(bytes: &[u8]) -> String {
    Base64::encode_string(bytes)
}

/// The inverse of [`serialize_base64`]; nothing else is accepted.
///
/// # Errors
/// [`Error::Base64`].
pub fn parse_base64(text: &str) -> Result<Vec<u8>> {
    Base64::decode_vec(text).map_err(|_| Error::Base64)
}

/// Takes off what platforms add around a pasted value: white space, and one pair of matching quotes.
pub fn strip_wrapping(text: &str) -> &str {
    let text = text.trim();
    ['"', '\'']
        .into_iter()
        .find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote))
        .map_or(text, str::trim)
}

/// Whether a character steers a terminal instead of being shown there: controls, line ends, and the marks that change the
/// order of what is read (Unicode's annex 9).
pub fn steers_terminal(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(letter, '\u{2066}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_spelling_of_base64_is_read() {
        assert_eq!(parse_base64("AQI=").unwrap(), [1, 2]);
        for bad in ["AQI", "AQJ=", "AQI=\n", "AQ-_", "AQI==", " AQI=", "A"] {
            assert_eq!(parse_base64(bad), Err(Error::Base64), "{bad:?}");
        }
    }

    #[test]
    fn what_steers_a_terminal_is_told_from_what_is_shown() {
        for steering in "\n\t\r\0\u{1b}\u{7f}\u{9b}\u{61c}\u{200f}\u{2028}\u{202e}\u{2066}\u{2069}".chars() {
            assert!(steers_terminal(steering), "{steering:?}");
        }
        // A joiner inside a picture is none.
        assert!(!"a ~é🦫👩\u{200d}💻".chars().any(steers_terminal));
    }

    #[test]
    fn one_pair_of_matching_quotes_is_forgiven() {
        for text in ["AQI=", " AQI=\r\n", "\"AQI=\"", "'AQI='", " 'AQI=' "] {
            assert_eq!(strip_wrapping(text), "AQI=", "{text:?}");
        }
        assert_eq!(strip_wrapping("\"AQI='"), "\"AQI='");
        assert_eq!(strip_wrapping("\"\"AQI=\"\""), "\"AQI=\"");
        assert_eq!(strip_wrapping("\""), "\"");
    }
}
