//! Searches recordings and files for leaked secrets, in every encoding that a leak could have.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use memchr::memmem;

/// A secret in all its encodings.
pub struct Needle {
    what: String,
    spellings: Vec<Vec<u8>>,
}

impl Needle {
    /// The encodings of a secret: raw, hexadecimal in either case, and base64 in either alphabet at
    /// each of the three alignments.
    ///
    /// # Panics
    /// If the secret is shorter than 8 bytes.
    pub fn new(what: impl Into<String>, secret: &[u8]) -> Self {
        assert!(secret.len() >= 8, "too short to be searched for");
        let hex = hex::encode(secret);
        let mut spellings = vec![secret.to_vec(), hex.to_uppercase().into_bytes(), hex.into_bytes()];
        for skipped in 0..3 {
            // Whole groups of three bytes have the same base64 whatever comes before them.
            let aligned = &secret[skipped..];
            let whole = &aligned[..aligned.len() - aligned.len() % 3];
            for alphabet in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
                spellings.push(alphabet.encode(whole).into_bytes());
            }
        }
        Self { what: what.into(), spellings }
    }

    /// Whether the secret is in these bytes.
    pub fn is_in(&self, haystack: &[u8]) -> bool {
        self.spellings.iter().any(|spelling| memmem::find(haystack, spelling).is_some())
    }
}

/// Asserts that none of the secrets is in these bytes.
///
/// # Panics
/// If one is: then with the place and the secret's name.
pub fn assert_absent(place: &str, haystack: &[u8], needles: &[Needle]) {
    for needle in needles {
        assert!(!needle.is_in(haystack), "{} stands in {place}", needle.what);
    }
}

/// [`assert_absent`] for every file below a folder.
///
/// # Panics
/// If a secret is found, a file cannot be read, or there is no file.
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
