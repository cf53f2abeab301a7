//! The recovery phrase: 24 English BIP-39 words, from which the master key is derived.

use alloc::string::{String, ToString};
use core::fmt;

use bip39::{Language, Mnemonic};
use zeroize::Zeroizing;

use crate::key::MasterKey;
use crate::{Error, Result};

const WORDS: usize = 24;

/// 24 words (256 bits of entropy and a checksum), wiped on drop. Only `expose_secret` reads them.
pub struct RecoveryPhrase(Mnemonic);

impl RecoveryPhrase {
    /// Generates a random phrase.
    ///
    /// # Errors
    /// [`Error::Randomness`].
    pub fn generate() -> Result<Self> {
        let entropy = Zeroizing::new(crate::seal::random::<32>()?);
        Mnemonic::from_entropy_in(Language::English, entropy.as_slice())
            .map(Self)
            .map_err(|_| Error::MalformedPhrase)
    }

    /// Parses 24 words with a valid checksum; case and the white space between them do not matter.
    ///
    /// # Errors
    /// [`Error::MalformedPhrase`].
    pub fn parse(text: &str) -> Result<Self> {
        let lower = Zeroizing::new(text.to_lowercase());
        let phrase = Mnemonic::parse_in_normalized(Language::English, &lower);
        match phrase {
            Ok(phrase) if phrase.word_count() == WORDS => Ok(Self(phrase)),
            _ => Err(Error::MalformedPhrase),
        }
    }

    /// The words, separated by single spaces.
    pub fn expose_secret(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.to_string())
    }

    /// `M`: the first 32 bytes of the BIP-39 seed (PBKDF2-HMAC-SHA512, 2048 rounds, empty
    /// passphrase).
    pub fn master_key(&self) -> MasterKey {
        let seed = Zeroizing::new(self.0.to_seed_normalized(""));
        MasterKey::new(*seed.first_chunk().expect("a seed has 64 bytes"))
    }
}

impl fmt::Debug for RecoveryPhrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryPhrase(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_survives_paper() {
        let phrase = RecoveryPhrase::generate().unwrap();
        let words = phrase.expose_secret();
        assert_eq!(words.split(' ').count(), WORDS);
        let typed = words.to_uppercase().replace(' ', "  \n");
        assert_eq!(RecoveryPhrase::parse(&typed).unwrap().master_key(), phrase.master_key());
    }

    #[test]
    fn a_wrong_word_or_count_is_refused() {
        let twelve = format!("{}about", "abandon ".repeat(11));
        let bad_sum = "abandon ".repeat(24);
        for bad in ["", &twelve, &bad_sum, "not words at all"] {
            assert_eq!(RecoveryPhrase::parse(bad).unwrap_err(), Error::MalformedPhrase, "{bad}");
        }
    }
}
