//! Encrypted values of the project store, as text: `<iv-hex>:<auth-tag-hex>:<ciphertext-hex>`.
//!
//! AES-256-GCM under `ENCRYPTION_KEY` with a random 16-byte IV, which GCM hashes into its first
//! counter block (NIST SP 800-38D, section 7.1). The layout is that of an existing store and stays
//! as it is.
//!
//! Associated data binds a row to its project and name, so that a ciphertext that was moved to
//! another name or project does not open:
//!
//! ```text
//! aad = "capy/v1/store-row" || u32(length) || project id || u32(length) || name
//! ```
//!
//! Rows of the existing store have no such binding. The key id that the database keeps beside each
//! row tells the two kinds apart: a row with a key id is bound, a row without one is not. No row is
//! tried both ways. See [`crate::store_keys`].

use aes_gcm::aead::consts::U16;
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::aes::Aes256;
use aes_gcm::{AesGcm, Nonce};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use zeroize::Zeroizing;

use crate::env_map::SecretValue;
use crate::id::ProjectId;
use crate::key::StoreKey;
use crate::seal::random;
use crate::{Error, Result};

type Cipher = AesGcm<Aes256, U16>;

/// The characters of a row without its ciphertext: IV, tag, two colons.
pub const OVERHEAD: usize = 32 + 1 + 32 + 1;

/// What a row is bound to: its project and name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Binding<'a> {
    /// The project.
    pub project: &'a ProjectId,
    /// The variable's name.
    pub name: &'a str,
}

impl Binding<'_> {
    fn aad(&self) -> Result<Vec<u8>> {
        let mut aad = b"capy/v1/store-row".to_vec();
        for field in [self.project.as_bytes(), self.name.as_bytes()] {
            let length = u32::try_from(field.len()).map_err(|_| Error::TooLarge)?;
            aad.extend_from_slice(&length.to_be_bytes());
            aad.extend_from_slice(field);
        }
        Ok(aad)
    }
}

/// Seals a value for its binding.
///
/// # Errors
/// [`Error::Randomness`], [`Error::TooLarge`].
pub fn seal(key: &StoreKey, binding: Binding<'_>, value: &SecretValue) -> Result<String> {
    seal_with_iv(key, random()?, &binding.aad()?, value)
}

fn seal_with_iv(key: &StoreKey, iv: [u8; 16], aad: &[u8], value: &SecretValue) -> Result<String> {
    let mut bytes = Zeroizing::new(value.expose_secret().as_bytes().to_vec());
    let tag = Cipher::new(key.expose_secret().into())
        .encrypt_inout_detached(&Nonce::from(iv), aad, bytes.as_mut_slice().into())
        .map_err(|_| Error::TooLarge)?;
    Ok(format!("{}:{}:{}", hex::encode(iv), hex::encode(tag), hex::encode(&*bytes)))
}

/// Opens a row that was sealed for this binding.
///
/// # Errors
/// [`Error::MalformedSealedValue`] for another layout or a value that is not UTF-8,
/// [`Error::Unauthentic`] for another key or binding, or an altered row.
pub fn open(key: &StoreKey, binding: Binding<'_>, row: &str) -> Result<SecretValue> {
    open_with(key, &binding.aad()?, row)
}

/// Opens a row of the existing store, which is bound to nothing.
///
/// # Errors
/// As [`open`].
pub fn open_v0(key: &StoreKey, row: &str) -> Result<SecretValue> {
    open_with(key, b"", row)
}

fn open_with(key: &StoreKey, aad: &[u8], row: &str) -> Result<SecretValue> {
    let (iv, tag, ciphertext) = parse(row).ok_or(Error::MalformedSealedValue)?;
    let mut bytes = Zeroizing::new(ciphertext);
    Cipher::new(key.expose_secret().into())
        .decrypt_inout_detached(&Nonce::from(iv), aad, bytes.as_mut_slice().into(), &tag.into())
        .map_err(|_| Error::Unauthentic)?;
    let value = core::str::from_utf8(&bytes).map_err(|_| Error::MalformedSealedValue)?;
    Ok(SecretValue::new(value.into()))
}

fn parse(row: &str) -> Option<([u8; 16], [u8; 16], Vec<u8>)> {
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

    fn project() -> ProjectId {
        ProjectId::parse("prj_a").unwrap()
    }

    /// Both rows were computed by another implementation (Node's crypto).
    #[test]
    fn row_format_unchanged() {
        let (key, value) = (StoreKey::new([1; 32]), SecretValue::new("text".into()));
        let unbound = seal_with_iv(&key, [2; 16], b"", &value).unwrap();
        assert_eq!(unbound, "02020202020202020202020202020202:7a3b6c35d89db5a30563a855175aaa2f:0453ef3e");
        let aad = Binding { project: &project(), name: "A" }.aad().unwrap();
        let bound = seal_with_iv(&key, [2; 16], &aad, &value).unwrap();
        assert_eq!(bound, "02020202020202020202020202020202:1ead22cf44da0b24e01ab92072a8315f:0453ef3e");
        assert_eq!(bound.len(), OVERHEAD + 2 * "text".len());
    }

    #[test]
    fn a_malformed_row_is_named_as_such() {
        let (key, project) = (StoreKey::new([1; 32]), project());
        let binding = Binding { project: &project, name: "A" };
        for bad in ["", ":", "::", "00:00:00", &format!("{0}:{0}:0", "00".repeat(16)), "a:b:c:d"] {
            assert_eq!(open(&key, binding, bad), Err(Error::MalformedSealedValue), "{bad}");
            assert_eq!(open_v0(&key, bad), Err(Error::MalformedSealedValue), "{bad}");
        }
        let row = seal(&key, binding, &SecretValue::new("naïve 🦫".into())).unwrap();
        assert_eq!(open(&key, binding, &row).unwrap().expose_secret(), "naïve 🦫");
        assert_eq!(open(&StoreKey::new([2; 32]), binding, &row), Err(Error::Unauthentic));
    }

    /// Project and name whose concatenations are equal are still two bindings.
    #[test]
    fn a_row_opens_in_its_own_place_alone() {
        let key = StoreKey::new([1; 32]);
        let projects = ["p", "pA"].map(|id| ProjectId::parse(id).unwrap());
        let names = ["A", "AB", "B", ""];
        let all: Vec<_> = projects
            .iter()
            .flat_map(|project| names.iter().map(move |name| Binding { project, name }))
            .collect();
        for sealed in &all {
            let row = seal(&key, *sealed, &SecretValue::new("v".into())).unwrap();
            for binding in &all {
                assert_eq!(open(&key, *binding, &row).is_ok(), binding == sealed, "{sealed:?} {binding:?}");
            }
            assert_eq!(open_v0(&key, &row), Err(Error::Unauthentic));
        }
    }
}
