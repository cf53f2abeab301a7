//! A value of the project store as text: `<iv-hex>:<auth-tag-hex>:<ciphertext-hex>`.
//!
//! AES-256-GCM under `ENCRYPTION_KEY` with a random 16-byte IV, which GCM hashes into its first counter block
//! (NIST SP 800-38D, section 7.1). The layout is that of an existing store and stays as it is.

use aes_gcm::aead::consts::U16;
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::aes::Aes256;
use aes_gcm::{AesGcm, Nonce};
use alloc::format;
use alloc::string::String;

use zeroize::Zeroizing;

use crate::env_map::SecretValue;
use crate::key::StoreKey;
use crate::seal::random;
use crate::{Error, Result};

type Cipher = AesGcm<Aes256, U16>;

/// Seals one value.
///
/// # Errors
/// [`Error::Randomness`], [`Error::TooLarge`].
pub fn seal(key: &StoreKey, value: &SecretValue) -> Result<String> {
    seal_with_iv(key, random()?, value)
}

fn seal_with_iv(key: &StoreKey, iv: [u8; 16], value: &SecretValue) -> Result<String> {
    let mut bytes = Zeroizing::new(value.expose_secret().as_bytes().to_vec());
    let tag = Cipher::new(key.expose_secret().into())
        .encrypt_inout_detached(&Nonce::from(iv), b"", bytes.as_mut_slice().into())
        .map_err(|_| Error::TooLarge)?;
    Ok(format!("{}:{}:{}", hex::encode(iv), hex::encode(tag), hex::encode(&*bytes)))
}

/// Opens one row.
///
/// # Errors
/// [`Error::MalformedSealedValue`] for another layout, [`Error::Unauthentic`] for another key or altered text.
pub fn open(key: &StoreKey, row: &str) -> Result<SecretValue> {
    let (iv, tag, ciphertext) = parse(row).ok_or(Error::MalformedSealedValue)?;
    let mut bytes = Zeroizing::new(ciphertext);
    Cipher::new(key.expose_secret().into())
        .decrypt_inout_detached(&Nonce::from(iv), b"", bytes.as_mut_slice().into(), &tag.into())
        .map_err(|_| Error::Unauthentic)?;
    let value = core::str::from_utf8(&bytes).map_err(|_| Error::MalformedSealedValue)?;
    Ok(SecretValue::new(value.into()))
}

fn parse(row: &str) -> Option<([u8; 16], [u8; 16], alloc::vec::Vec<u8>)> {
    let mut parts = row.split(':');
    let (iv, tag, ciphertext) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let (mut iv_bytes, mut tag_bytes) = ([0; 16], [0; 16]);
    hex::decode_to_slice(iv, &mut iv_bytes).ok()?;
    hex::decode_to_slice(tag, &mut tag_bytes).ok()?;
    Some((iv_bytes, tag_bytes, hex::decode(ciphertext).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_format_unchanged() {
        let row = seal_with_iv(&StoreKey::new([1; 32]), [2; 16], &SecretValue::new("text".into())).unwrap();
        assert_eq!(row, "02020202020202020202020202020202:7a3b6c35d89db5a30563a855175aaa2f:0453ef3e");
    }

    #[test]
    fn a_malformed_row_is_named_as_such() {
        let key = StoreKey::new([1; 32]);
        for bad in ["", ":", "::", "00:00:00", &format!("{0}:{0}:0", "00".repeat(16)), "a:b:c:d"] {
            assert_eq!(open(&key, bad), Err(Error::MalformedSealedValue), "{bad}");
        }
        let row = seal(&key, &SecretValue::new("naïve 🦫".into())).unwrap();
        assert_eq!(open(&key, &row).unwrap().expose_secret(), "naïve 🦫");
        assert_eq!(open(&StoreKey::new([2; 32]), &row), Err(Error::Unauthentic));
    }
}
