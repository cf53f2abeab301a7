//! Reads the credential pair from the environment. The variables' NAMES select the pair, never
//! their values.
//!
//! | blob                 | key                | the platform holds                               |
//! |----------------------|--------------------|--------------------------------------------------|
//! | `SECRETS_BLOB`       | `PROJECT_KEY`      | `K_d`                                            |
//! | `_CAPY_SECRETS_BLOB` | `_CAPY_DEPLOY_KEY` | the deploy token; the service sends sealed `K_d` |
//!
//! If the platform limits the length of variables, the blob continues in `SECRETS_BLOB_2` to
//! `SECRETS_BLOB_16` (likewise for the other pair). A blob that is too long for all of them is a
//! file beside the code; `SECRETS_BLOB_FILE` or `_CAPY_SECRETS_BLOB_FILE` then holds its path
//! instead. A relative path starts at the current folder.
//!
//! An empty or blank variable counts as unset, because platforms keep a variable whose value was
//! emptied. Half a pair and variables of both pairs are errors. Changes by mail, YAML, forms and
//! URL-safe base64 are undone where nothing was lost; a placeholder that a platform shows instead
//! of a value gets its own error.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use capy_protocol::Error as ProtocolError;
use capy_protocol::api::DecryptResponse;
use capy_protocol::blob::{Format, SecretsBlob};
use capy_protocol::env_map::EnvMap;
use capy_protocol::key::{DeployProjectKey, DeployToken};
use capy_protocol::text::strip_wrapping;
use capy_protocol::wrap::InnerBlob;
use zeroize::Zeroizing;

pub use crate::credential_names::{Names, all, blank, is_credential};
use crate::credential_text as text;
pub use crate::credential_text::{Placeholder, find_placeholder};
use crate::{Error, Result, ServiceUrl, text_of};

/// A parsed blob and its key.
#[derive(Debug)]
pub struct Credentials {
    /// The variable that the blob came from, as errors name it.
    origin: &'static str,
    blob: SecretsBlob,
    key: Key,
}

#[derive(Debug)]
pub(crate) enum Key {
    Project(DeployProjectKey),
    Deploy(DeployToken),
}

impl Key {
    pub(crate) fn serialize(&self) -> Zeroizing<String> {
        match self {
            Self::Project(key) => key.serialize_hex(),
            Self::Deploy(token) => token.serialize_hex(),
        }
    }
}

impl Credentials {
    /// Selects and parses a credential pair; `None` when no variable of either pair is set. Reads
    /// the blob's file if a variable names one.
    ///
    /// # Errors
    /// [`Error::CredentialsIncomplete`], [`Error::CredentialsAmbiguous`]; [`Error::BlobMalformed`],
    /// [`Error::BlobUnsupported`], [`Error::BlobFileUnreadable`], [`Error::KeyMalformed`],
    /// [`Error::NotTheValue`], [`Error::VariableNotUnicode`].
    pub fn from_env(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Option<Self>> {
        Self::from_env_in(lookup, &[PathBuf::new()])
    }

    /// The same as [`Self::from_env`], for the variables of another place: a relative path of the
    /// blob's file starts at the first of `folders` that contains this path.
    ///
    /// # Errors
    /// As [`Self::from_env`].
    pub fn from_env_in(
        lookup: impl Fn(&str) -> Option<OsString>,
        folders: &[PathBuf],
    ) -> Result<Option<Self>> {
        let Some((names, origin)) = choose(&lookup)? else {
            return Ok(None);
        };
        let read = |name| -> Result<Zeroizing<String>> {
            Ok(Zeroizing::new(text_of(&lookup, name)?.unwrap_or_default()))
        };
        let text = read(origin)?;
        let (text, origin) = if origin == names.blob_file {
            (read_blob_file(origin, Path::new(strip_wrapping(&text)), folders)?, origin)
        } else {
            join_parts(text, names, &lookup)?
        };
        let blob = parse_blob(origin, names.blob, &text)?;
        Ok(Some(Self { origin, blob, key: parse_key(names, &read(names.key)?)? }))
    }

    /// The sealed variables.
    pub fn blob(&self) -> &SecretsBlob {
        &self.blob
    }

    fn names(&self) -> Names {
        let names = match self.key {
            Key::Project(_) => Names::PROJECT_KEY,
            Key::Deploy(_) => Names::DEPLOY_KEY,
        };
        Names { blob: self.origin, ..names }
    }

    /// Decrypts the variables with the service's answer.
    ///
    /// # Errors
    /// [`Error::WrongKey`], [`Error::BlobTampered`], [`Error::BlobDoesNotOpen`] (original format),
    /// [`Error::WrongCredentialKind`], [`Error::ContentMalformed`]; [`Error::ServiceProtocol`] when
    /// the answer's own parts cannot be parsed.
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

    /// The key as text, as the platform holds it.
    pub fn serialize_key(&self) -> Zeroizing<String> {
        self.key.serialize()
    }

    /// The error for an altered blob.
    pub fn tampered(&self) -> Error {
        Error::BlobTampered { blob: self.names().blob }
    }

    /// The error for a key of another deployment.
    pub fn wrong_key(&self) -> Error {
        Error::WrongKey { names: self.names() }
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

/// Selects the pair, and the variable that leads to its blob.
fn choose(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Option<(Names, &'static str)>> {
    let mut found = Vec::new();
    for name in all() {
        if text_of(&lookup, name)?.map(Zeroizing::new).is_some() {
            found.push(name);
        }
    }
    if found.is_empty() {
        return Ok(None);
    }
    for names in [Names::PROJECT_KEY, Names::DEPLOY_KEY] {
        let (parts, main): (Vec<_>, Vec<_>) = found.iter().partition(|name| names.parts.contains(name));
        let is_blob = |name| name == names.blob || name == names.blob_file;
        match main[..] {
            [] => return Err(incomplete(&lookup, parts[0], names.blob)),
            [blob, key] if blob == names.blob && key == names.key => return Ok(Some((names, blob))),
            [file, key] if file == names.blob_file && key == names.key && parts.is_empty() => {
                return Ok(Some((names, file)));
            }
            [only] if is_blob(only) => {
                return Err(incomplete(&lookup, only, names.key));
            }
            [only] if only == names.key => {
                return Err(incomplete(&lookup, only, names.blob));
            }
            _ => {}
        }
    }
    Err(Error::CredentialsAmbiguous { found })
}

fn incomplete(
    lookup: impl Fn(&str) -> Option<OsString>,
    found: &'static str,
    missing: &'static str,
) -> Error {
    Error::CredentialsIncomplete { found, missing, is_empty: lookup(missing).is_some() }
}

/// Joins the parts of a split blob, and names the result for errors. A blob in one part stays as it
/// is. A gap between the numbered parts is an error.
fn join_parts(
    first: Zeroizing<String>,
    names: Names,
    lookup: impl Fn(&str) -> Option<OsString>,
) -> Result<(Zeroizing<String>, &'static str)> {
    let mut parts = Vec::new();
    for name in names.parts {
        parts.push(text_of(&lookup, name)?);
    }
    let count = parts.iter().take_while(|part| part.is_some()).count();
    let stray = names.parts.iter().zip(&parts).skip(count).find(|(_, part)| part.is_some());
    if let Some((found, _)) = stray {
        return Err(incomplete(&lookup, found, names.parts[count]));
    }
    if count == 0 {
        return Ok((first, names.blob));
    }
    let whole = |text: &str, name: &str| {
        text::unwrapped(text, name).unwrap_or_else(|| Zeroizing::new(strip_wrapping(text).to_owned()))
    };
    let mut joined = whole(&first, names.blob);
    for (name, part) in names.parts.iter().zip(&parts).take(count) {
        joined.push_str(&whole(part.as_deref().unwrap_or_default(), name));
    }
    Ok((joined, names.joined))
}

fn read_blob_file(variable: &'static str, path: &Path, folders: &[PathBuf]) -> Result<Zeroizing<String>> {
    let found = folders.iter().map(|folder| folder.join(path)).find(|path| path.exists());
    let text = std::fs::read_to_string(found.as_deref().unwrap_or(path)).map(Zeroizing::new);
    text.map_err(|source| Error::BlobFileUnreadable { variable, path: path.into(), source })
}

/// Parses a blob, first strictly, then leniently. Errors name `variable`; the text may begin with
/// `name`.
pub(crate) fn parse_blob(variable: &'static str, name: &str, text: &str) -> Result<SecretsBlob> {
    let strict = SecretsBlob::parse(text);
    if strict.is_err() {
        refuse_placeholder(variable, text)?;
    }
    let read = match strict {
        Err(ProtocolError::Base64) => {
            let unwrapped = text::unwrapped(text, name).map(|text| text::standard_base64(&text));
            unwrapped.map_or(strict, |text| SecretsBlob::parse(&text))
        }
        other => other,
    };
    read.map_err(|fault| match fault {
        ProtocolError::UnknownVersion(version) => Error::BlobUnsupported { variable, version },
        source => Error::BlobMalformed { variable, source, looks: text::looks_like(text) },
    })
}

pub(crate) fn parse_key(names: Names, text: &str) -> Result<Key> {
    let variable = names.key;
    refuse_placeholder(variable, text)?;
    let parse = |text: &str| match variable == Names::PROJECT_KEY.key {
        true => DeployProjectKey::parse_hex(text).map(Key::Project),
        false => DeployToken::parse_hex(text).map(Key::Deploy),
    };
    let key = parse(strip_wrapping(text)).or_else(|fault| {
        let unwrapped = text::unwrapped(text, variable);
        unwrapped.map_or(Err(fault), |text| parse(&text))
    });
    key.map_err(|_| Error::KeyMalformed { variable, looks: text::key_looks_like(text) })
}

fn refuse_placeholder(variable: &'static str, text: &str) -> Result<()> {
    match text::find_placeholder(text) {
        None => Ok(()),
        Some(placeholder) => Err(Error::NotTheValue { variable, placeholder }),
    }
}

fn garbled(url: &ServiceUrl, reason: &str) -> Error {
    Error::ServiceProtocol { url: url.clone(), reason: reason.into() }
}

#[cfg(test)]
mod tests;
