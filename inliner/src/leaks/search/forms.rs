//! The forms of a value that the search looks for: plain, base64, hexadecimal, UTF-16.
//!
//! Also lists the common words that are not searched for. Escapes need no forms of their own,
//! because they are undone before the search.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::super::Encoding;
use super::{MAX_LAYERS, MIN_LENGTH};
use crate::unescape;

/// Longer values are not searched for in rare forms.
const MAX_RARE_LENGTH: usize = 16 << 10;
/// A shorter base64 fragment may match by chance.
const MIN_BASE64_LENGTH: usize = 8;

/// Words that occur in public files regardless of secrets.
const COMMON_WORDS: [&str; 24] = [
    "production",
    "development",
    "staging",
    "preview",
    "localhost",
    "default",
    "enabled",
    "disabled",
    "postgres",
    "primary",
    "public",
    "private",
    "secret",
    "password",
    "nodejs",
    "vercel",
    "cloudflare",
    "127.0.0.1",
    "0.0.0.0",
    "us-east-1",
    "eu-west-1",
    "eu-central-1",
    "Europe/Berlin",
    "undefined",
];

/// Whether the text is a common word that a public file may hold.
pub(in super::super) fn is_common(text: &[u8]) -> bool {
    COMMON_WORDS.iter().any(|word| text.eq_ignore_ascii_case(word.as_bytes()))
}

/// All texts that stand for the value once escapes are undone, without duplicates.
pub(in super::super) fn forms(value: &str) -> Vec<(Zeroizing<Vec<u8>>, Encoding)> {
    let mut forms: Vec<(Zeroizing<Vec<u8>>, Encoding)> = Vec::new();
    // Programs often trim values, and the trimmed value also matches the untrimmed one.
    let value = if value.trim().len() >= MIN_LENGTH { value.trim() } else { value };
    let mut add = |text: Vec<u8>, encoding| {
        if !forms.iter().any(|(known, _)| **known == text) {
            forms.push((Zeroizing::new(text), encoding));
        }
    };
    for text in unescaped(value) {
        // Form encoding writes a space as `+`, and unescaping does not undo it, because a `+` may
        // be literal.
        let plus = text.iter().map(|byte| if *byte == b' ' { b'+' } else { *byte }).collect();
        add(text, Encoding::Plain);
        add(plus, Encoding::Url);
    }
    for text in [value, &json(value)] {
        base64_forms(text.as_bytes()).into_iter().for_each(|text| add(text.into(), Encoding::Base64));
    }
    for text in hex_forms(value.as_bytes()) {
        add(text.into(), Encoding::Hex);
    }
    for order in [u16::to_le_bytes, u16::to_be_bytes] {
        add(value.encode_utf16().flat_map(order).collect(), Encoding::Utf16);
    }
    forms
}

/// Rare forms of a value, which no program prints but a file may hold: base64 of base64 or of
/// UTF-16, and hexadecimal bytes with separators.
pub(super) fn rare_forms(value: &str) -> Vec<(Zeroizing<Vec<u8>>, Encoding)> {
    let value = if value.trim().len() >= MIN_LENGTH { value.trim() } else { value };
    // Each of these forms would be several times as long as a value of a file's length.
    if value.len() > MAX_RARE_LENGTH {
        return Vec::new();
    }
    let mut forms: Vec<(Zeroizing<Vec<u8>>, Encoding)> = Vec::new();
    let mut add = |text: Vec<u8>, encoding| {
        if !forms.iter().any(|(known, _)| **known == text) {
            forms.push((Zeroizing::new(text), encoding));
        }
    };
    let wide: Zeroizing<Vec<u8>> = Zeroizing::new(value.encode_utf16().flat_map(u16::to_le_bytes).collect());
    base64_forms(&wide).into_iter().for_each(|text| add(text.into(), Encoding::Base64));
    for once in base64_forms(value.as_bytes()).into_iter().map(Zeroizing::new) {
        base64_forms(once.as_bytes()).into_iter().for_each(|text| add(text.into(), Encoding::Base64));
    }
    for hex in hex_forms(value.as_bytes()).map(Zeroizing::new) {
        // `=` is the separator of quoted-printable.
        for between in [" ", ":", "-", "="] {
            let pairs: Vec<&str> =
                hex.as_bytes().chunks(2).filter_map(|pair| std::str::from_utf8(pair).ok()).collect();
            add(pairs.join(between).into(), Encoding::Hex);
        }
    }
    forms
}

/// The value, and its unescaped layers: unescaping a text also undoes escapes that belong to the
/// value.
fn unescaped(value: &str) -> Vec<Vec<u8>> {
    let mut layers = vec![value.as_bytes().to_vec()];
    while let Some(next) = unescape::once(&layers[layers.len() - 1]).filter(|_| layers.len() <= MAX_LAYERS) {
        layers.push(next);
    }
    let own = layers.split_off(1);
    layers.extend(own.into_iter().filter(|text| {
        text.iter().filter(|byte| byte.is_ascii_graphic() || !byte.is_ascii()).count() >= MIN_LENGTH
            && !is_common(text)
    }));
    layers
}

/// The inside of a JSON string.
pub(super) fn json(text: &str) -> String {
    let quoted = serde_json::to_string(text).expect("a string is always JSON");
    quoted[1..quoted.len() - 1].to_owned()
}

fn hex_forms(value: &[u8]) -> [String; 2] {
    let write = |mut text: String, byte: &u8| {
        let _ = write!(text, "{byte:02x}");
        text
    };
    let lower = value.iter().fold(String::new(), write);
    let upper = lower.to_ascii_uppercase();
    [lower, upper]
}

/// Base64 of the value at each of its three alignments within a longer text, reduced to the
/// characters that do not depend on the neighbouring bytes.
fn base64_forms(value: &[u8]) -> Vec<String> {
    let mut forms = Vec::new();
    for lead in 0..3 {
        let mut padded = vec![0; lead];
        padded.extend_from_slice(value);
        let first = [0, 2, 3][lead];
        let last = padded.len() / 3 * 4 + [0, 1, 2][padded.len() % 3];
        for text in [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
            if last >= first + MIN_BASE64_LENGTH {
                forms.push(text[first..last].to_owned());
            }
        }
    }
    forms
}
