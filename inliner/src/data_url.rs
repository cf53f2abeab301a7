//! `data:` URLs (RFC 2397), in which bundles carry inline source maps.
//!
//! Decodes and encodes both forms, base64 and percent-encoding, and keeps everything before the
//! comma unchanged.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Percent-encodes what JavaScript's `encodeURIComponent` does, and also the characters that could
/// end a comment or a string.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'!').remove(b'~');

/// A URL in its parts: `data:`, a media type with parameters, an optional `;base64`, a comma, the
/// data.
pub(crate) struct DataUrl<'a> {
    head: &'a str,
    data: &'a str,
    is_base64: bool,
}

impl<'a> DataUrl<'a> {
    pub(crate) fn parse(url: &'a str) -> Option<Self> {
        let (head, data) = url.split_once(',').filter(|(head, _)| head.starts_with("data:"))?;
        let last = head.rsplit(';').next().unwrap_or_default();
        Some(Self { head, data, is_base64: last.trim().eq_ignore_ascii_case("base64") })
    }

    /// The decoded text, if it is UTF-8.
    pub(crate) fn decode(&self) -> Option<String> {
        let data = percent_decode_str(self.data);
        if !self.is_base64 {
            return data.decode_utf8().ok().map(String::from);
        }
        let data: Vec<u8> = data.collect();
        String::from_utf8(LENIENT.decode(data).ok()?).ok()
    }

    /// The same URL with another text as its data.
    pub(crate) fn encode(&self, text: &str) -> String {
        if self.is_base64 {
            format!("{},{}", self.head, LENIENT.encode(text))
        } else {
            format!("{},{}", self.head, utf8_percent_encode(text, ESCAPED))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_are_read_and_written() {
        for (url, text) in [
            ("data:application/json;base64,eyJhIjoiw6kifQ==", r#"{"a":"é"}"#),
            ("data:application/json;charset=utf-8;base64,eyJhIjoiw6kifQ==", r#"{"a":"é"}"#),
            ("data:application/json;charset=utf-8,%7B%22a%22%3A%22%C3%A9%22%7D", r#"{"a":"é"}"#),
            ("data:,%7B%7D", "{}"),
        ] {
            let parsed = DataUrl::parse(url).unwrap();
            assert_eq!(parsed.decode().as_deref(), Some(text), "{url}");
            assert_eq!(parsed.encode(text), url);
        }
        let read = |url| DataUrl::parse(url).and_then(|url| url.decode());
        assert_eq!(read("data:application/json;BASE64,eyJhIjoiw6kifQ").as_deref(), Some(r#"{"a":"é"}"#));
        assert_eq!(read("data:;base64,eyJhIjoiw6kifQ%3D%3D").as_deref(), Some(r#"{"a":"é"}"#));
        assert_eq!(read("data:application/json,{\"a\":\"b c\"}").as_deref(), Some(r#"{"a":"b c"}"#));
        for url in ["data:application/json;base64", "x.map", "data:;base64,=", "data:,%ff"] {
            assert_eq!(read(url), None, "{url}");
        }
    }
}
