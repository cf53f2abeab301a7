//! Seals of the audit trail: HMACs under a wrap root. Whoever does not have the wrap root cannot
//! forge a row.
//!
//! ```text
//! key   = HKDF(wrap_root[key_id], "", "capy/v1/audit", 32)
//! mac   = HMAC-SHA-256(key, record)
//! record = field(domain) || field || field …
//! field = 0x00                                  nothing
//!       | 0x01 || u32(length) || bytes          text, UTF-8
//!       | 0x02 || u64                           a number
//! ```

use alloc::string::String;
use alloc::vec::Vec;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::Result;
use crate::id::KeyId;
use crate::kdf::hkdf;
use crate::key::AuditKey;
use crate::wrap::WrapRoots;

/// The input of a seal: fields with their kinds and lengths, so that no two field lists have the
/// same bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record(Vec<u8>);

impl Record {
    /// An empty record of a domain. Records of two domains never have the same bytes.
    pub fn of(domain: &str) -> Self {
        Self(Vec::new()).text(Some(domain))
    }

    /// Adds a text field, or an empty one for `None`.
    #[must_use]
    pub fn text(mut self, text: Option<&str>) -> Self {
        let Some(text) = text else {
            self.0.push(0);
            return self;
        };
        // No field comes near 4 GiB: requests are limited to kilobytes.
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        self.0.push(1);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    /// Adds a number field.
    #[must_use]
    pub fn number(mut self, number: u64) -> Self {
        self.0.push(2);
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    /// Adds a number field, or an empty one for `None`.
    #[must_use]
    pub fn number_or_nothing(self, number: Option<u64>) -> Self {
        match number {
            Some(number) => self.number(number),
            None => self.text(None),
        }
    }

    /// SHA-256 of the bytes, as 64 hexadecimal digits.
    pub fn digest(&self) -> String {
        hex::encode(Sha256::digest(&self.0))
    }

    /// Appends the bytes of another record.
    pub fn append(&mut self, other: &Self) {
        self.0.extend_from_slice(&other.0);
    }
}

impl AuditKey {
    /// The seal of a record: 64 lower-case hexadecimal digits.
    pub fn seal(&self, record: &Record) -> String {
        hmac(self.expose_secret(), record)
    }

    /// Whether `seal` is the record's seal, compared in constant time.
    pub fn is_seal(&self, record: &Record, seal: &str) -> bool {
        is_hmac(self.expose_secret(), record, seal)
    }
}

/// HMAC-SHA-256 of a record: 64 lower-case hexadecimal digits.
pub(crate) fn hmac(key: &[u8; 32], record: &Record) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    hex::encode(mac.chain_update(&record.0).finalize().into_bytes())
}

/// Whether `seal` is the HMAC of the record, compared in constant time.
pub(crate) fn is_hmac(key: &[u8; 32], record: &Record, seal: &str) -> bool {
    hmac(key, record).as_bytes().ct_eq(seal.as_bytes()).into()
}

impl WrapRoots {
    /// The key that seals the audit trail, derived from the wrap root `kid`.
    ///
    /// # Errors
    /// [`crate::Error::UnknownWrapRoot`].
    pub fn audit_key(&self, kid: KeyId) -> Result<AuditKey> {
        let root = self.root(kid)?;
        Ok(AuditKey::new(*hkdf(&[root.expose_secret()], b"", &[b"capy/v1/audit"])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record::of("capy/v1/test").text(Some("é")).text(None).number(7)
    }

    /// Computed with Python's `hmac` and `hashlib`, HKDF by RFC 5869.
    #[test]
    fn seal_format_unchanged() {
        let roots = WrapRoots::parse(&alloc::format!("9:{}", "22".repeat(32))).unwrap();
        let key = roots.audit_key(KeyId(9)).unwrap();
        assert_eq!(
            hex::encode(&record().0),
            "010000000c636170792f76312f746573740100000002c3a900020000000000000007"
        );
        assert_eq!(record().digest(), "db737af8be1e0f91911ffe55d189c8267a166bb96086e5b537e6fcd18ebf70e3");
        let seal = "5a74e23977bfd52bdb234fd9f764bf33e276ea261a424f22acada24c5c80d65f";
        assert_eq!(key.seal(&record()), seal);
        assert!(key.is_seal(&record(), seal));
        for other in ["", &seal[1..], &seal.to_uppercase()] {
            assert!(!key.is_seal(&record(), other), "{other}");
        }
    }

    #[test]
    fn no_two_lists_of_fields_have_the_same_bytes() {
        let of = || Record::of("d");
        let records = [
            of(),
            of().text(None),
            of().text(Some("")),
            of().text(Some("")).text(Some("")),
            of().text(Some("ab")).text(Some("c")),
            of().text(Some("a")).text(Some("bc")),
            of().number(0),
            of().text(Some("\0\0\0\0\0\0\0\0")),
        ];
        for (index, one) in records.iter().enumerate() {
            assert!(records[index + 1..].iter().all(|other| one != other), "{one:?}");
        }
    }
}
