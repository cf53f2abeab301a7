//! Encrypted values in `.env`, sealed on the laptop: `capy:v1:` and the base64 of the sealed text.
//!
//! Project id and variable name are associated data of the encryption, so that a value moved to
//! another name does not open.

use alloc::format;
use alloc::string::String;

use zeroize::Zeroizing;

use crate::env_map::SecretValue;
use crate::id::ProjectId;
use crate::kdf::hkdf;
use crate::key::ProjectKey;
use crate::{Error, Result, seal, text};

/// The prefix of every sealed value.
pub const PREFIX: &str = "capy:v1:";
/// The prefix of a sealed value of any version.
const ANY_VERSION_PREFIX: &str = "capy:v";

/// Whether `text` has the prefix of a sealed value, of this version or another.
pub fn is_sealed(text: &str) -> bool {
    text.strip_prefix(ANY_VERSION_PREFIX)
        .and_then(|rest| rest.split_once(':'))
        .is_some_and(|(version, _)| !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Seals one value for its project and name.
///
/// # Errors
/// [`Error::Randomness`], [`Error::TooLarge`].
pub fn seal(key: &ProjectKey, project_id: &ProjectId, name: &str, value: &SecretValue) -> Result<String> {
    let sealed = seal::seal(
        &value_key(key, project_id),
        aad(project_id, name).as_bytes(),
        value.expose_secret().as_bytes(),
    )?;
    Ok(format!("{PREFIX}{}", text::serialize_base64(&sealed)))
}

/// Opens one value.
///
/// # Errors
/// [`Error::MalformedSealedValue`] without the prefix or for a value that is not UTF-8,
/// [`Error::Base64`], [`Error::Truncated`], [`Error::Unauthentic`] for another key, project, name
/// or altered text.
pub fn open(key: &ProjectKey, project_id: &ProjectId, name: &str, text: &str) -> Result<SecretValue> {
    let sealed = text.strip_prefix(PREFIX).ok_or(Error::MalformedSealedValue)?;
    let plaintext = seal::open(
        &value_key(key, project_id),
        aad(project_id, name).as_bytes(),
        &text::parse_base64(sealed)?,
    )?;
    let value = core::str::from_utf8(&plaintext).map_err(|_| Error::MalformedSealedValue)?;
    Ok(SecretValue::new(value.into()))
}

fn value_key(key: &ProjectKey, project_id: &ProjectId) -> Zeroizing<[u8; 32]> {
    hkdf(&[key.expose_secret()], project_id.as_bytes(), &[b"capy/v1/env-value"])
}

fn aad(project_id: &ProjectId, name: &str) -> String {
    format!("capy/v1/env-value/{project_id}/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_moved_to_another_name_or_project_does_not_open() {
        let key = ProjectKey::new([1; 32]);
        let project = ProjectId::parse("prj_a").unwrap();
        let sealed = seal(&key, &project, "A", &SecretValue::new("x".into())).unwrap();
        assert!(is_sealed(&sealed));
        assert_eq!(open(&key, &project, "A", &sealed).unwrap().expose_secret(), "x");
        assert_eq!(open(&key, &project, "B", &sealed), Err(Error::Unauthentic));
        assert_eq!(open(&key, &ProjectId::parse("prj_b").unwrap(), "A", &sealed), Err(Error::Unauthentic));
        assert_eq!(open(&ProjectKey::new([2; 32]), &project, "A", &sealed), Err(Error::Unauthentic));
    }

    #[test]
    fn only_the_prefix_makes_a_sealed_value() {
        assert!(is_sealed("capy:v2:AAAA"));
        for plain in ["", "capy", "capy:", "capy:v:", "capy:vx:AAAA", "CAPY:v1:AAAA", " capy:v1:AAAA"] {
            assert!(!is_sealed(plain), "{plain}");
        }
    }
}
