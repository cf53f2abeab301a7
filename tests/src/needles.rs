//! Secrets in every spelling that a leak could have, to be searched for in recordings and files.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use memchr::memmem;

/// One secret in all its spellings.
pub struct Needle {
    what: String,
    spellings: Vec<Vec<u8>>,
}

impl Needle {
    /// Raw, hexadecimal of either case, and base64 of either alphabet at each of the three alignments.
    pub fn new(what: impl Into<String>, secret: &[u8]) -> Self {
        assert!(secret.len() >= 8, "too short to be searched for");
        let hex = hex::encode(secret);
        let mut spellings = vec![secret.to_vec(), hex.to_uppercase().into_bytes(), hex.into_bytes()];
        for skipped in 0..3 {
            // Whole groups of three bytes read the same whatever stands before them.
            let aligned = &secret[skipped..];
            let whole = &aligned[..aligned.len() - aligned.len() % 3];
            for alphabet in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
                spellings.push(alphabet.encode(whole).into_bytes());
            }
        }
        Self { what: what.into(), spellings }
    }

    /// Whether the secret stands in these bytes.
    pub fn is_in(&self, haystack: &[u8]) -> bool {
        self.spellings.iter().any(|spelling| memmem::find(haystack, spelling).is_some())
    }
}

/// Fails when one of the secrets stands in these bytes.
///
/// # Panics
/// Then, naming place and secret.
pub fn assert_absent(place: &str, haystack: &[u8], needles: &[Needle]) {
    for needle in needles {
        assert!(!needle.is_in(haystack), "{} stands in {place}", needle.what);
    }
}

/// [`assert_absent`] for every file below a folder.
///
/// # Panics
/// When a secret is found, when a file cannot be read, and when there is none.
pub fn assert_absent_below(folder: &Path, needles: &[Needle]) {
    let mut files: Vec<PathBuf> = Vec::new();
    capy_test_support::shop::collect(folder, &mut files).expect("the folder can be read");
    assert!(!files.is_empty(), "{} holds no file", folder.display());
    for file in files {
        let bytes = std::fs::read(&file).expect("the file can be read");
        assert_absent(&file.display().to_string(), &bytes, needles);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_found() {
        let needle = Needle::new("key", b"0123456789abcdef");
        for before in ["", "x", "xy"] {
            let text = format!("{before}0123456789abcdef and more");
            assert!(needle.is_in(text.as_bytes()));
            assert!(needle.is_in(STANDARD_NO_PAD.encode(&text).as_bytes()), "{before}");
        }
        assert!(needle.is_in(hex::encode(b"..0123456789abcdef..").as_bytes()));
        assert!(!needle.is_in(b"0123456789abcde"));
    }
}
