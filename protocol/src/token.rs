//! API tokens of the key service, and the ids of tokens, trusts and store secrets.
//!
//! ```text
//! +---------+----------------------------------+------------------------------------------+
//! | "capy_" | 32 random bytes, 43 digits       | CRC-32 of all before it, 6 digits        |
//! +---------+----------------------------------+------------------------------------------+
//! ```
//!
//! Digits are base 62 (`0-9 A-Z a-z`), the most significant first, padded with `0`. The fixed
//! prefix and length let secret scanners find a token (`capy_[0-9A-Za-z]{49}`). The checksum
//! (CRC-32 of IEEE 802.3) lets scanners and clients detect a mistyped token offline. The checksum
//! adds no security: the 256 random bits do.

use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{Error, Result};

/// The prefix of every token.
pub const PREFIX: &str = "capy_";
const RANDOM_DIGITS: usize = 43;
const CHECKSUM_DIGITS: usize = 6;
/// The length of a token in bytes.
pub const TOKEN_LEN: usize = PREFIX.len() + RANDOM_DIGITS + CHECKSUM_DIGITS;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A bearer token: whoever has it may do what its scopes allow.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Token(String);

impl Token {
    /// Generates a random token.
    ///
    /// # Errors
    /// [`Error::Randomness`].
    pub fn generate() -> Result<Self> {
        Ok(Self::from_random(&Zeroizing::new(crate::seal::random()?)))
    }

    fn from_random(bytes: &[u8; 32]) -> Self {
        // Full capacity from the start: a string that grows leaves unwiped copies behind.
        let mut text = String::with_capacity(TOKEN_LEN);
        text.push_str(PREFIX);
        push_digits(&mut text, bytes, RANDOM_DIGITS);
        let checksum = crc32(text.as_bytes());
        push_digits(&mut text, &checksum.to_be_bytes(), CHECKSUM_DIGITS);
        Self(text)
    }

    /// Parses a token and checks its checksum.
    ///
    /// # Errors
    /// [`Error::MalformedToken`], also for a single wrong character.
    pub fn parse(text: &str) -> Result<Self> {
        let digits = text.strip_prefix(PREFIX).ok_or(Error::MalformedToken)?;
        if text.len() != TOKEN_LEN || !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(Error::MalformedToken);
        }
        let cut = text.split_at_checked(TOKEN_LEN - CHECKSUM_DIGITS);
        let (body, checksum) = cut.ok_or(Error::MalformedToken)?;
        let mut expected = String::with_capacity(CHECKSUM_DIGITS);
        push_digits(&mut expected, &crc32(body.as_bytes()).to_be_bytes(), CHECKSUM_DIGITS);
        if checksum != expected {
            return Err(Error::MalformedToken);
        }
        let mut token = String::with_capacity(TOKEN_LEN);
        token.push_str(text);
        Ok(Self(token))
    }

    /// The token's text. Search for this call to find every place that can see it.
    pub fn expose_secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Appends a big-endian number as `count` digits.
fn push_digits(text: &mut String, number: &[u8], count: usize) {
    let mut number = Zeroizing::new(number.to_vec());
    let mut digits = Zeroizing::new([0; RANDOM_DIGITS]);
    for digit in digits[..count].iter_mut().rev() {
        *digit = DIGITS[usize::from(divide(&mut number))];
    }
    text.extend(digits[..count].iter().map(|digit| char::from(*digit)));
}

/// Divides a big-endian number by 62 in place and returns the remainder.
fn divide(number: &mut [u8]) -> u8 {
    let mut rest = 0;
    for byte in number {
        let dividend = rest * 256 + u16::from(*byte);
        // The quotient is below 256, because `rest` is below 62.
        [_, *byte] = (dividend / 62).to_be_bytes();
        rest = dividend % 62;
    }
    let [_, rest] = rest.to_be_bytes();
    rest
}

/// CRC-32 of IEEE 802.3, bit by bit: a table would be larger than all data it is used for.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

/// Defines an id type: a prefix and 16 lower-case hexadecimal digits (64 random bits). The id is
/// not secret.
macro_rules! short_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $fault:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; 8]);

        impl $name {
            /// Generates a random id.
            ///
            /// # Errors
            /// [`Error::Randomness`].
            pub fn generate() -> Result<Self> {
                crate::seal::random().map(Self)
            }

            /// Parses an id, which has only one spelling.
            ///
            /// # Errors
            #[doc = concat!("[`Error::", stringify!($fault), "`].")]
            pub fn parse(text: &str) -> Result<Self> {
                parse_short_id(text, $prefix).map(Self).ok_or(Error::$fault)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", $prefix, hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> core::result::Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> core::result::Result<Self, D::Error> {
                Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
            }
        }
    };
}

short_id! {
    /// The id of an API token: `tok_` and 16 digits.
    TokenId, "tok_", MalformedTokenId
}

short_id! {
    /// The id of a trust in CI identities: `tru_` and 16 digits.
    TrustId, "tru_", MalformedTrustId
}

short_id! {
    /// The id of a secret in the project store: `sec_` and 16 digits.
    SecretId, "sec_", MalformedSecretId
}

fn parse_short_id(text: &str, prefix: &str) -> Option<[u8; 8]> {
    let digits = text.strip_prefix(prefix)?;
    let mut bytes = [0; 8];
    let lower = !digits.bytes().any(|byte| byte.is_ascii_uppercase());
    (lower && hex::decode_to_slice(digits, &mut bytes).is_ok()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn the_checksum_is_crc_32_of_ieee_802_3() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn token_format_unchanged() {
        for (bytes, expected) in [
            ([0; 32], "capy_00000000000000000000000000000000000000000001tTuRo"),
            ([0xff; 32], "capy_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp13kimns"),
            (core::array::from_fn(|i| i as u8), "capy_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf1MWohI"),
        ] {
            let token = Token::from_random(&bytes);
            assert_eq!(token.expose_secret(), expected);
            assert_eq!(Token::parse(expected).unwrap().expose_secret(), expected);
            assert_eq!(format!("{token:?}"), "Token(…)");
        }
    }

    #[test]
    fn one_wrong_character_is_known_without_asking() {
        let token = Token::generate().unwrap();
        let text = token.expose_secret();
        assert!(Token::parse(text).is_ok());
        for at in 0..text.len() {
            let other = if &text[at..=at] == "x" { "y" } else { "x" };
            let mistyped = format!("{}{other}{}", &text[..at], &text[at + 1..]);
            assert_eq!(Token::parse(&mistyped).err(), Some(Error::MalformedToken), "at {at}");
        }
        for bad in
            ["", "capy_", &text[1..], &text[..text.len() - 1], &format!("{text}0"), &format!(" {text}")]
        {
            assert!(Token::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Token::parse(&format!("capy_{}", "é".repeat(24))).is_err());
    }

    #[test]
    fn token_id_format_unchanged() {
        let id = TokenId([0xab; 8]);
        assert_eq!(id.to_string(), "tok_abababababababab");
        assert_eq!(TokenId::parse("tok_abababababababab"), Ok(id));
        for bad in
            ["", "tok_", "tok_ABABABABABABABAB", "tok_abab", "dep_abababababababab", "tok_ababababababababab"]
        {
            assert_eq!(TokenId::parse(bad), Err(Error::MalformedTokenId), "{bad}");
        }
        assert_eq!(TrustId([0xab; 8]).to_string(), "tru_abababababababab");
        assert_eq!(TrustId::parse("tru_abababababababab"), Ok(TrustId([0xab; 8])));
        assert_eq!(TrustId::parse("tok_abababababababab"), Err(Error::MalformedTrustId));
    }
}
