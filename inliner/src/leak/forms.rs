//! The ways in which a value can be written.
//!
//! Owns the texts to look for, and the words that are not worth it. What escapes do to a value is not its part: those
//! are undone before the search.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::{LAYERS, SHORTEST};
use crate::report::Encoding;
use crate::unescape;

/// Longer values are not looked for in rare forms.
const LONGEST_RARE: usize = 16 << 10;
/// A base64 fragment needs this many letters to be told from chance.
const SHORTEST_BASE64: usize = 8;

/// Words that stand in public files whatever anybody's secrets are.
const COMMON: [&str; 24] = [
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

/// Whether nobody would be surprised by it in a public file.
pub(crate) fn is_common(text: &[u8]) -> bool {
    COMMON.iter().any(|word| text.eq_ignore_ascii_case(word.as_bytes()))
}

/// Every text that stands for the value once the escapes are undone, without repetition.
pub(crate) fn forms(value: &str) -> Vec<(Zeroizing<Vec<u8>>, Encoding)> {
    let mut forms: Vec<(Zeroizing<Vec<u8>>, Encoding)> = Vec::new();
    // Whoever writes a value often trims it: what is left is also part of the untrimmed one.
    let value = if value.trim().len() >= SHORTEST { value.trim() } else { value };
    let mut add = |text: Vec<u8>, encoding| {
        if !forms.iter().any(|(known, _)| **known == text) {
            forms.push((Zeroizing::new(text), encoding));
        }
    };
    for text in unescaped(value) {
        // The one escape of forms that is not told from itself.
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

/// Further ways to write a value, which nobody prints and a file may hold: base64 of base64 or of UTF-16, bytes in
/// hexadecimal with something between them.
pub(super) fn rare_forms(value: &str) -> Vec<(Zeroizing<Vec<u8>>, Encoding)> {
    let value = if value.trim().len() >= SHORTEST { value.trim() } else { value };
    // A value as long as a file would make each of these several times as long.
    if value.len() > LONGEST_RARE {
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
        // The last is quoted-printable's.
        for between in [" ", ":", "-", "="] {
            let pairs: Vec<&str> =
                hex.as_bytes().chunks(2).filter_map(|pair| std::str::from_utf8(pair).ok()).collect();
            add(pairs.join(between).into(), Encoding::Hex);
        }
    }
    forms
}

/// The value, and what is left of it in a text whose escapes were undone although some of them were the value's own.
fn unescaped(value: &str) -> Vec<Vec<u8>> {
    let mut layers = vec![value.as_bytes().to_vec()];
    while let Some(next) = unescape::once(&layers[layers.len() - 1]).filter(|_| layers.len() <= LAYERS) {
        layers.push(next);
    }
    let own = layers.split_off(1);
    layers.extend(own.into_iter().filter(|text| {
        text.iter().filter(|byte| byte.is_ascii_graphic() || !byte.is_ascii()).count() >= SHORTEST
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

/// Base64 of the value at each of the three places it can have within a longer text: only the letters that do not
/// depend on its neighbours.
fn base64_forms(value: &[u8]) -> Vec<String> {
    let mut forms = Vec::new();
    for lead in 0..3 {
        let mut padded = vec![0; lead];
        padded.extend_from_slice(value);
        let first = [0, 2, 3][lead];
        let last = padded.len() / 3 * 4 + [0, 1, 2][padded.len() % 3];
        for text in [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
            if last >= first + SHORTEST_BASE64 {
                forms.push(text[first..last].to_owned());
            }
        }
    }
    forms
}
