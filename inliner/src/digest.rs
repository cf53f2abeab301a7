//! Short digests, which identify a text without showing it.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// The first `length` bytes of the SHA-256 digest, in hexadecimal.
pub(crate) fn short_digest(text: impl AsRef<[u8]>, length: usize) -> String {
    let digest = Sha256::digest(text);
    digest.iter().take(length).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_as_long_as_asked_for() {
        assert_eq!(short_digest("abc", 4), "ba7816bf");
        assert_eq!(short_digest(b"", 2), "e3b0");
    }
}
