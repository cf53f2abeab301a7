//! Test vectors of damaged blobs and keys: each must fail for its named reason, with nothing
//! decrypted.

use capy_protocol::Error;
use capy_protocol::blob::SecretsBlob;
use capy_protocol::env_map::EnvMap;
use capy_protocol::key::{DeployProjectKey, ServiceKey};
use serde::Deserialize;

use crate::{Check, Outcome, same};

/// One damaged case.
#[derive(Debug, Deserialize)]
pub struct Case {
    name: String,
    reason: String,
    #[serde(rename = "SECRETS_BLOB")]
    secrets_blob: String,
    #[serde(rename = "PROJECT_KEY")]
    project_key: String,
    service_key: String,
}

impl Case {
    pub(crate) fn check(&self) -> Outcome {
        Outcome::of(format!("bad {}", self.name), self.run())
    }

    fn run(&self) -> Check {
        match self.open() {
            Ok(env) => Err(format!("opened to {env:?}")),
            Err(error) => same("reason", reason(error), &self.reason),
        }
    }

    fn open(&self) -> Result<EnvMap, Error> {
        let k_d = DeployProjectKey::parse_hex(&self.project_key)?;
        SecretsBlob::parse(&self.secrets_blob)?.open(&k_d, &ServiceKey::parse_hex(&self.service_key)?)
    }
}

/// The vector files' names for this crate's errors.
fn reason(error: Error) -> &'static str {
    match error {
        Error::Base64 | Error::Truncated => "malformed",
        Error::UnknownVersion(_) => "unsupported version",
        Error::MalformedKey => "malformed key",
        Error::WrongKey => "wrong key",
        Error::Unauthentic => "tampered",
        _ => "another reason",
    }
}
