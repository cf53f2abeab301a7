//! The `idempotency-key` header of decrypt requests: 32 lower-case hexadecimal digits. A client
//! generates one key for each decryption and sends it with every retry, so that the service
//! recognises retries.

use alloc::string::String;
use core::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{Error, Result};

/// The header's name.
pub const HEADER: &str = "idempotency-key";

/// 128 random bits. Whoever sends these bits with the deployment's blob counts as the client that
/// generated them.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct IdempotencyKey([u8; 16]);

impl IdempotencyKey {
    /// Generates a random key.
    ///
    /// # Errors
    /// [`Error::Randomness`].
    pub fn generate() -> Result<Self> {
        crate::seal::random().map(Self)
    }

    /// Parses 32 lower-case hexadecimal digits.
    ///
    /// # Errors
    /// [`Error::MalformedIdempotencyKey`] for anything else, so that one key has one spelling.
    pub fn parse(text: &str) -> Result<Self> {
        let mut bytes = [0; 16];
        let lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        match lower && hex::decode_to_slice(text, &mut bytes).is_ok() {
            true => Ok(Self(bytes)),
            false => Err(Error::MalformedIdempotencyKey),
        }
    }

    /// The key as 32 lower-case hexadecimal digits.
    pub fn serialize_hex(&self) -> String {
        hex::encode(self.0)
    }
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdempotencyKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idempotency_key_has_one_spelling() {
        let text = "00112233445566778899aabbccddeeff";
        assert_eq!(IdempotencyKey::parse(text).unwrap().serialize_hex(), text);
        assert_ne!(IdempotencyKey::generate().unwrap(), IdempotencyKey::generate().unwrap());
        for bad in
            ["", &text[1..], &text.to_uppercase(), &alloc::format!("{text}0"), &alloc::format!("\"{text}\"")]
        {
            assert_eq!(IdempotencyKey::parse(bad), Err(Error::MalformedIdempotencyKey), "{bad}");
        }
    }
}
