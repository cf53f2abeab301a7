//! `ENCRYPTION_KEY`, the keys of the project store: one or more keys, the newest first, separated
//! by white space.
//!
//! ```text
//! key id = u32 of HKDF(key, "", "capy/v1/store-key-id", 4)
//! ```
//!
//! A key's id is derived from the key, so that existing keys need no new syntax. The database keeps
//! the id beside each row. The first key seals new rows and binds them to their project and name. A
//! row without a key id came from the existing store, which had one key and no binding: the last
//! key opens such a row, and resealing gives it an id and a binding.

use alloc::string::String;
use alloc::vec::Vec;

use crate::env_map::SecretValue;
use crate::id::KeyId;
use crate::kdf::hkdf;
use crate::key::StoreKey;
use crate::store_row::{self, Binding};
use crate::{Error, Result};

/// The keys with their ids, the newest first; at least one.
#[derive(Clone, Debug)]
pub struct StoreKeys {
    newest: (KeyId, StoreKey),
    older: Vec<(KeyId, StoreKey)>,
}

impl StoreKeys {
    /// Parses keys of 64 hexadecimal digits each, with white space between and around them.
    ///
    /// # Errors
    /// [`Error::MalformedStoreKeys`], also for an empty list and for a duplicate key.
    pub fn parse(text: &str) -> Result<Self> {
        let mut keys: Vec<(KeyId, StoreKey)> = Vec::new();
        for word in text.split_ascii_whitespace() {
            let key = StoreKey::parse_hex(word).map_err(|_| Error::MalformedStoreKeys)?;
            let id = key.id();
            if keys.iter().any(|(known, _)| *known == id) {
                return Err(Error::MalformedStoreKeys);
            }
            keys.push((id, key));
        }
        let mut keys = keys.into_iter();
        let newest = keys.next().ok_or(Error::MalformedStoreKeys)?;
        Ok(Self { newest, older: keys.collect() })
    }

    /// The id of the key that seals new rows.
    pub fn newest(&self) -> KeyId {
        self.newest.0
    }

    /// The key ids, the newest first.
    pub fn ids(&self) -> impl Iterator<Item = KeyId> {
        core::iter::once(self.newest.0).chain(self.older.iter().map(|(id, _)| *id))
    }

    /// Seals a value for its binding under the newest key. The caller keeps that key's id beside the
    /// row.
    ///
    /// # Errors
    /// [`Error::Randomness`], [`Error::TooLarge`].
    pub fn seal(&self, binding: Binding<'_>, value: &SecretValue) -> Result<String> {
        store_row::seal(&self.newest.1, binding, value)
    }

    /// Opens a row with the key id that the database keeps beside it.
    ///
    /// # Errors
    /// [`Error::UnknownStoreKey`]; [`Error::MalformedSealedValue`]; [`Error::Unauthentic`] for an
    /// altered row, or a row with another binding.
    pub fn open(&self, binding: Binding<'_>, key_id: Option<KeyId>, row: &str) -> Result<SecretValue> {
        match key_id {
            Some(id) => store_row::open(self.find(id)?, binding, row),
            None => store_row::open_v0(self.oldest(), row),
        }
    }

    fn find(&self, id: KeyId) -> Result<&StoreKey> {
        let mut all = core::iter::once(&self.newest).chain(&self.older);
        all.find(|(known, _)| *known == id).map(|(_, key)| key).ok_or(Error::UnknownStoreKey(id))
    }

    fn oldest(&self) -> &StoreKey {
        &self.older.last().unwrap_or(&self.newest).1
    }
}

impl StoreKey {
    /// The id under which rows name this key. It reveals nothing about the key.
    pub fn id(&self) -> KeyId {
        KeyId(u32::from_be_bytes(*hkdf(&[self.expose_secret()], b"", &[b"capy/v1/store-key-id"])))
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;
    use crate::id::ProjectId;

    fn keys(bytes: &[&str]) -> StoreKeys {
        let words: Vec<_> = bytes.iter().map(|byte| byte.repeat(32)).collect();
        StoreKeys::parse(&format!(" {}\n", words.join("\t\n"))).unwrap()
    }

    /// Computed by another implementation (Node's crypto).
    #[test]
    fn key_id_format_unchanged() {
        assert_eq!(StoreKey::new([1; 32]).id(), KeyId(3_114_993_841));
        assert_eq!(
            keys(&["02", "01"]).ids().collect::<Vec<_>>(),
            [KeyId(4_086_340_067), KeyId(3_114_993_841)]
        );
    }

    #[test]
    fn keys_are_64_hexadecimal_digits_each_once_and_one_at_least() {
        let key = "5a".repeat(32);
        for bad in
            ["", " \n", &key[1..], &format!("{key},{key}"), &format!("{key} {key}"), &format!("{key} x")]
        {
            assert_eq!(StoreKeys::parse(bad).err(), Some(Error::MalformedStoreKeys), "{bad:?}");
        }
        assert_eq!(
            StoreKeys::parse(&format!("{key} {}", "5A".repeat(32))).err(),
            Some(Error::MalformedStoreKeys)
        );
    }

    #[test]
    fn a_row_is_opened_by_its_own_key_through_a_rotation() {
        let project = ProjectId::parse("prj_a").unwrap();
        let binding = Binding { project: &project, name: "A" };
        let (old, both, new) = (keys(&["01"]), keys(&["02", "01"]), keys(&["02"]));
        let value = SecretValue::new("canary.A.x9".into());
        let row = old.seal(binding, &value).unwrap();
        let id = Some(old.newest());
        assert_eq!(both.open(binding, id, &row), Ok(value.clone()));
        assert_eq!(new.open(binding, id, &row), Err(Error::UnknownStoreKey(old.newest())));
        let again = both.seal(binding, &value).unwrap();
        assert_eq!(new.open(binding, Some(both.newest()), &again), Ok(value));
        assert_eq!(both.open(binding, id, &again), Err(Error::Unauthentic), "no other key is tried");
    }

    /// The row is from the test of `store_row`: the value `text` under a key of 32 bytes of 1,
    /// without a binding.
    #[test]
    fn a_row_without_a_key_id_is_the_existing_stores_under_the_last_key() {
        let project = ProjectId::parse("prj_a").unwrap();
        let binding = Binding { project: &project, name: "A" };
        let row = "02020202020202020202020202020202:7a3b6c35d89db5a30563a855175aaa2f:0453ef3e";
        assert_eq!(keys(&["02", "01"]).open(binding, None, row).unwrap().expose_secret(), "text");
        assert_eq!(keys(&["01", "02"]).open(binding, None, row), Err(Error::Unauthentic));
        let id = Some(StoreKey::new([1; 32]).id());
        assert_eq!(keys(&["01"]).open(binding, id, row), Err(Error::Unauthentic), "a key id means bound");
        let bound = keys(&["01"]).seal(binding, &SecretValue::new("text".into())).unwrap();
        assert_eq!(keys(&["01"]).open(binding, None, &bound), Err(Error::Unauthentic));
    }
}
