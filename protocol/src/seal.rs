//! `SEAL` and `OPEN`: AES-256-GCM (NIST SP 800-38D) under a fresh random nonce.
//!
//! ```text
//! +-----------+------------------+---------+
//! | nonce  12 | ciphertext  |pt| | tag  16 |
//! +-----------+------------------+---------+
//! ```
//!
//! Each key of this protocol seals few messages (a deployment's key exactly one), so random 96-bit
//! nonces stay far below the limit of 2^32 messages for each key (SP 800-38D, section 8.3).

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce};
use alloc::vec::Vec;
use zeroize::Zeroizing;

use crate::{Error, Result};

/// The length of the nonce in bytes.
pub const NONCE_LEN: usize = 12;
/// The length of the tag in bytes.
pub const TAG_LEN: usize = 16;
/// How many bytes sealing adds.
pub const OVERHEAD: usize = NONCE_LEN + TAG_LEN;

/// `N` random bytes from the operating system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| Error::Randomness)?;
    Ok(bytes)
}

/// `SEAL(key, aad, pt)`.
///
/// # Errors
/// [`Error::Randomness`]; [`Error::TooLarge`] past AES-GCM's 64 GiB.
pub(crate) fn seal(key: &[u8; 32], aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
    seal_with_nonce(key, &random()?, aad, plaintext)
}

/// [`seal`] with a given nonce, for tests. A key must never use one nonce twice.
pub(crate) fn seal_with_nonce(
    key: &[u8; 32],
    nonce: &[u8; NONCE_LEN],
    aad: &[u8],
    plaintext: &[u8],
) -> Result<Vec<u8>> {
    let mut sealed = Vec::with_capacity(plaintext.len() + OVERHEAD);
    sealed.extend_from_slice(nonce);
    sealed.extend_from_slice(plaintext);
    let tag = Aes256Gcm::new(key.into())
        .encrypt_inout_detached(&Nonce::from(*nonce), aad, (&mut sealed[NONCE_LEN..]).into())
        .map_err(|_| Error::TooLarge)?;
    sealed.extend_from_slice(&tag);
    Ok(sealed)
}

/// `OPEN(key, aad, sealed)`. On failure it returns nothing decrypted and leaves nothing decrypted
/// in memory.
///
/// # Errors
/// [`Error::Truncated`] when the input is shorter than nonce and tag; [`Error::Unauthentic`] for
/// any other fault.
pub(crate) fn open(key: &[u8; 32], aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(Error::Truncated)?;
    let (ciphertext, tag) = rest.split_last_chunk::<TAG_LEN>().ok_or(Error::Truncated)?;
    let mut plaintext = Zeroizing::new(ciphertext.to_vec());
    Aes256Gcm::new(key.into())
        .decrypt_inout_detached(&Nonce::from(*nonce), aad, plaintext.as_mut_slice().into(), tag.into())
        .map_err(|_| Error::Unauthentic)?;
    Ok(plaintext)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_format_unchanged() {
        let sealed = seal_with_nonce(&[1; 32], &[2; 12], b"aad", b"text").unwrap();
        assert_eq!(hex::encode(&sealed), "02020202020202020202020273b3b13d54cfe228cbad2d6628ff5360ab2ade42");
    }

    #[test]
    fn every_flipped_bit_is_refused() {
        let sealed = seal(&[1; 32], b"aad", b"text").unwrap();
        assert_eq!(open(&[1; 32], b"aad", &sealed).unwrap().as_slice(), b"text");
        for bit in 0..sealed.len() * 8 {
            let mut bad = sealed.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open(&[1; 32], b"aad", &bad), Err(Error::Unauthentic), "bit {bit}");
        }
        assert_eq!(open(&[1; 32], b"other", &sealed), Err(Error::Unauthentic));
        assert_eq!(open(&[3; 32], b"aad", &sealed), Err(Error::Unauthentic));
    }

    #[test]
    fn too_few_bytes_are_truncated_not_a_panic() {
        for len in 0..OVERHEAD {
            assert_eq!(open(&[1; 32], b"", &alloc::vec![0; len]), Err(Error::Truncated), "{len}");
        }
    }

    #[test]
    fn two_seals_of_one_text_differ() {
        assert_ne!(seal(&[1; 32], b"", b"text").unwrap(), seal(&[1; 32], b"", b"text").unwrap());
    }
}
