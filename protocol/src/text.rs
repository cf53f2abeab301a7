//! Text helpers: canonical base64 (RFC 4648, section 4: standard alphabet, padded), and white space
//! and quotes around pasted values.

use alloc::string::String;
use alloc::vec::Vec;

use base64ct::{Base64, Encoding};

use crate::{Error, Result};

/// Encodes as canonical standard base64 with padding.
pub fn serialize_base64(bytes: &[u8]) -> String {
    Base64::encode_string(bytes)
}

/// The length of the output of [`serialize_base64`] for this many bytes.
pub fn base64_len(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4
}

/// Decodes the output of [`serialize_base64`]; accepts nothing else.
///
/// # Errors
/// [`Error::Base64`].
pub fn parse_base64(text: &str) -> Result<Vec<u8>> {
    Base64::decode_vec(text).map_err(|_| Error::Base64)
}

/// Strips what platforms add around a pasted value: white space, and one pair of matching quotes.
pub fn strip_wrapping(text: &str) -> &str {
    let text = text.trim();
    ['"', '\'']
        .into_iter()
        .find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote))
        .map_or(text, str::trim)
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
    fn one_pair_of_matching_quotes_is_forgiven() {
        for text in ["AQI=", " AQI=\r\n", "\"AQI=\"", "'AQI='", " 'AQI=' "] {
            assert_eq!(strip_wrapping(text), "AQI=", "{text:?}");
        }
        assert_eq!(strip_wrapping("\"AQI='"), "\"AQI='");
        assert_eq!(strip_wrapping("\"\"AQI=\"\""), "\"AQI=\"");
        assert_eq!(strip_wrapping("\""), "\"");
    }
}
