//! Which credentials the environment holds. The variables' NAMES choose, never their values.
//!
//! | blob                 | key                 | who holds what                                              |
//! |----------------------|---------------------|-------------------------------------------------------------|
//! | `SECRETS_BLOB`       | `PROJECT_KEY`       | the platform holds `K_d`                                    |
//! | `_CAPY_SECRETS_BLOB` | `_CAPY_DEPLOY_KEY`  | the platform holds the deploy token, the service hands `K_d` over sealed |
//!
//! An empty or blank variable counts as unset: platforms keep a variable whose value was emptied. Half a pair,
//! or variables of both pairs, are refused. White space and one pair of quotes around a value are forgiven.

use std::ffi::OsString;

use capy_protocol::Error as ProtocolError;
use capy_protocol::api::DecryptResponse;
use capy_protocol::blob::{Format, SecretsBlob};
use capy_protocol::env_map::EnvMap;
use capy_protocol::key::{DeployProjectKey, DeployToken};
use capy_protocol::text::strip_wrapping;
use capy_protocol::wrap::InnerBlob;
use zeroize::Zeroizing;

use crate::{Error, Result, ServiceUrl, text_of};

/// The two variables of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Names {
    /// Holds the blob.
    pub blob: &'static str,
    /// Holds the key.
    pub key: &'static str,
}

impl Names {
    /// The default pair.
    pub const PROJECT_KEY: Self = Self { blob: "SECRETS_BLOB", key: "PROJECT_KEY" };
    /// The pair of `--credential deploy-key`.
    pub const DEPLOY_KEY: Self = Self { blob: "_CAPY_SECRETS_BLOB", key: "_CAPY_DEPLOY_KEY" };

    fn all(self) -> [&'static str; 2] {
        [self.blob, self.key]
    }
}

/// Every credential's variable. A child process never sees them.
pub const VARIABLES: [&str; 4] =
    [Names::PROJECT_KEY.blob, Names::PROJECT_KEY.key, Names::DEPLOY_KEY.blob, Names::DEPLOY_KEY.key];

/// A parsed blob and the key that goes with it.
#[derive(Debug)]
pub struct Credentials {
    blob: SecretsBlob,
    key: Key,
}

#[derive(Debug)]
enum Key {
    Project(DeployProjectKey),
    Deploy(DeployToken),
}

impl Credentials {
    /// Chooses and parses; `None` when no variable of either pair is set.
    ///
    /// # Errors
    /// [`Error::CredentialsIncomplete`], [`Error::CredentialsAmbiguous`]; [`Error::BlobMalformed`],
    /// [`Error::BlobUnsupported`], [`Error::KeyMalformed`], [`Error::VariableNotUnicode`].
    pub fn from_env(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Option<Self>> {
        let Some(names) = choose(&lookup)? else {
            return Ok(None);
        };
        let read = |name| -> Result<Zeroizing<String>> {
            Ok(Zeroizing::new(text_of(&lookup, name)?.unwrap_or_default()))
        };
        Ok(Some(Self {
            blob: parse_blob(names.blob, &read(names.blob)?)?,
            key: parse_key(names, &read(names.key)?)?,
        }))
    }

    /// The sealed variables.
    pub fn blob(&self) -> &SecretsBlob {
        &self.blob
    }

    fn names(&self) -> Names {
        match self.key {
            Key::Project(_) => Names::PROJECT_KEY,
            Key::Deploy(_) => Names::DEPLOY_KEY,
        }
    }

    /// Opens the variables with the service's answer.
    ///
    /// # Errors
    /// [`Error::WrongKey`], [`Error::BlobTampered`], [`Error::BlobDoesNotOpen`] (original format),
    /// [`Error::WrongCredentialKind`], [`Error::ContentMalformed`]; [`Error::ServiceProtocol`] when the answer's
    /// own parts cannot be parsed.
    pub fn open(&self, answer: &DecryptResponse, url: &ServiceUrl) -> Result<EnvMap> {
        let service_key =
            answer.parse_service_key().map_err(|_| garbled(url, "its service_key is not a key"))?;
        let opened = match &self.key {
            Key::Project(k_d) => self.blob.open(k_d, &service_key),
            Key::Deploy(token) => self.blob.open(&self.unwrap_key(token, answer, url)?, &service_key),
        };
        opened.map_err(|fault| self.explain(fault))
    }

    fn unwrap_key(
        &self,
        token: &DeployToken,
        answer: &DecryptResponse,
        url: &ServiceUrl,
    ) -> Result<DeployProjectKey> {
        let names = self.names();
        let inner = answer.inner_blob.as_ref().ok_or(Error::WrongCredentialKind { names })?;
        let inner = InnerBlob::parse_base64(inner.expose_secret())
            .map_err(|_| garbled(url, "its inner_blob is not one"))?;
        self.blob
            .format()
            .open_inner(&inner, token, &self.blob.deploy_id(), &answer.project_id)
            .map_err(|_| Error::WrongKey { names })
    }

    /// The blob was altered.
    pub(crate) fn tampered(&self) -> Error {
        Error::BlobTampered { blob: self.names().blob }
    }

    fn explain(&self, fault: ProtocolError) -> Error {
        let names = self.names();
        match fault {
            ProtocolError::WrongKey => Error::WrongKey { names },
            ProtocolError::MalformedEnvMap => Error::ContentMalformed { blob: names.blob },
            _ if self.blob.format() == Format::V0 => Error::BlobDoesNotOpen { names },
            _ => self.tampered(),
        }
    }
}

fn choose(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Option<Names>> {
    let mut found = Vec::new();
    for name in VARIABLES {
        if text_of(&lookup, name)?.map(Zeroizing::new).is_some() {
            found.push(name);
        }
    }
    for names in [Names::PROJECT_KEY, Names::DEPLOY_KEY] {
        let [blob, key] = names.all();
        match found[..] {
            [] => return Ok(None),
            [a, b] if [a, b] == [blob, key] => return Ok(Some(names)),
            [only] if only == blob => {
                return Err(Error::CredentialsIncomplete { found: blob, missing: key });
            }
            [only] if only == key => {
                return Err(Error::CredentialsIncomplete { found: key, missing: blob });
            }
            _ => {}
        }
    }
    Err(Error::CredentialsAmbiguous { found })
}

fn parse_blob(variable: &'static str, text: &str) -> Result<SecretsBlob> {
    SecretsBlob::parse(text).map_err(|fault| match fault {
        ProtocolError::UnknownVersion(version) => Error::BlobUnsupported { variable, version },
        source => Error::BlobMalformed { variable, source },
    })
}

fn parse_key(names: Names, text: &str) -> Result<Key> {
    let text = strip_wrapping(text);
    let key = if names == Names::PROJECT_KEY {
        DeployProjectKey::parse_hex(text).map(Key::Project)
    } else {
        DeployToken::parse_hex(text).map(Key::Deploy)
    };
    key.map_err(|_| Error::KeyMalformed { variable: names.key })
}

fn garbled(url: &ServiceUrl, reason: &str) -> Error {
    Error::ServiceProtocol { url: url.clone(), reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code_for(set: &[(&str, &str)]) -> Option<&'static str> {
        let lookup = |name: &str| {
            let (_, value) = set.iter().find(|(known, _)| *known == name)?;
            Some(OsString::from(value))
        };
        Credentials::from_env(lookup).err().map(|error| error.code())
    }

    #[test]
    fn only_a_whole_pair_is_taken() {
        for (set, code) in [
            (&[][..], None),
            (&["SECRETS_BLOB"], Some("CREDENTIALS_INCOMPLETE")),
            (&["PROJECT_KEY"], Some("CREDENTIALS_INCOMPLETE")),
            (&["_CAPY_SECRETS_BLOB"], Some("CREDENTIALS_INCOMPLETE")),
            (&["_CAPY_DEPLOY_KEY"], Some("CREDENTIALS_INCOMPLETE")),
            (&["SECRETS_BLOB", "_CAPY_DEPLOY_KEY"], Some("CREDENTIALS_AMBIGUOUS")),
            (&["_CAPY_SECRETS_BLOB", "PROJECT_KEY"], Some("CREDENTIALS_AMBIGUOUS")),
            (&["SECRETS_BLOB", "PROJECT_KEY", "_CAPY_DEPLOY_KEY"], Some("CREDENTIALS_AMBIGUOUS")),
            (&VARIABLES, Some("CREDENTIALS_AMBIGUOUS")),
            (&["SECRETS_BLOB", "PROJECT_KEY"], Some("BLOB_MALFORMED")),
            (&["_CAPY_SECRETS_BLOB", "_CAPY_DEPLOY_KEY"], Some("BLOB_MALFORMED")),
        ] {
            let set: Vec<_> = set.iter().map(|name| (*name, "x")).collect();
            assert_eq!(code_for(&set), code, "{set:?}");
        }
    }

    #[test]
    fn an_emptied_variable_counts_as_unset() {
        assert_eq!(code_for(&[("SECRETS_BLOB", ""), ("PROJECT_KEY", " \n")]), None);
        assert_eq!(code_for(&[("SECRETS_BLOB", "x"), ("PROJECT_KEY", "")]), Some("CREDENTIALS_INCOMPLETE"));
    }

    #[test]
    fn the_error_names_what_was_found_and_no_value() {
        let lookup = |name: &str| name.ends_with("BLOB").then(|| "canary".into());
        let error = Credentials::from_env(lookup).unwrap_err();
        assert_eq!(
            error.to_string(),
            "variables of two credential pairs are set: SECRETS_BLOB, _CAPY_SECRETS_BLOB"
        );
    }

    #[test]
    fn quotes_around_a_key_are_forgiven_and_nothing_else() {
        let key = "5a".repeat(32);
        for text in [key.clone(), format!("\"{key}\""), format!(" '{key}'\n")] {
            assert!(parse_key(Names::PROJECT_KEY, &text).is_ok(), "{text}");
        }
        for bad in [&key[1..], &format!("0x{key}"), &format!("'\"{key}\"'")] {
            assert!(parse_key(Names::PROJECT_KEY, bad).is_err(), "{bad}");
        }
    }
}
