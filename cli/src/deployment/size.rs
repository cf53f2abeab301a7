//! Size check: whether the variables of a deployment fit the limits of its platform, and which
//! other places for the blob would.
//!
//! The sizes are computed from the lengths of names and values. Nothing is sealed or registered.

use std::path::Path;

use capy_client::ServiceUrl;
use capy_protocol::blob::SecretsBlob;
use capy_protocol::env_map::EnvMap;
use capy_protocol::key::HEX_LEN;

use super::request::{BlobFile, BlobPlace, DeployRequest};
use super::variables::{self, Content};
use crate::error::{Alternatives, Error, LimitExceeded, Result};
use crate::platforms::{Limits, Platform};

/// The sizes of the variables in bytes, and how they compare with the platform's limits.
pub(crate) struct SizeCheck {
    pub(crate) sizes: Vec<(&'static str, usize)>,
    pub(crate) exceeded: Option<LimitExceeded>,
    pub(crate) warning: Option<String>,
    pub(crate) alternatives: Alternatives,
}

impl SizeCheck {
    /// Computes the sizes of the requested variables, which hold the values of `env`.
    pub(super) fn new(request: &DeployRequest, env: &EnvMap, service_url: &ServiceUrl) -> Self {
        let blob_len = SecretsBlob::sealed_len(request.format, env);
        let sizes = |place: &BlobPlace| sizes(request, place, blob_len, service_url);
        let limits = &request.platform.limits;
        let chosen = sizes(&request.blob);
        let (whole, split) = (sizes(&BlobPlace::Variable), sizes(&BlobPlace::Split));
        let file = sizes(&BlobPlace::File(BlobFile::in_folder(Path::new(""))));
        Self {
            exceeded: limits.check(&chosen).err(),
            warning: limits.warning(&chosen),
            alternatives: Alternatives {
                split: split.len() > whole.len() && fits(limits, &split),
                file: fits(limits, &file),
            },
            sizes: chosen,
        }
    }

    /// # Errors
    ///
    /// [`Error::TooLarge`] if a limit is exceeded.
    pub(crate) fn require(&self, platform: &Platform) -> Result<()> {
        self.exceeded.as_ref().map_or(Ok(()), |exceeded| {
            Err(Error::TooLarge {
                platform: platform.name.clone(),
                exceeded: exceeded.clone(),
                source_url: platform.limits.source.clone().unwrap_or_default(),
                alternatives: self.alternatives,
            })
        })
    }
}

/// Name of each variable that the platform would hold with the blob in this place, with the length
/// of its value.
fn sizes(
    request: &DeployRequest,
    place: &BlobPlace,
    blob_len: usize,
    service_url: &ServiceUrl,
) -> Vec<(&'static str, usize)> {
    let len = |content| match content {
        Content::ServiceUrl => service_url.as_str().len(),
        Content::Key => HEX_LEN,
        Content::BlobFileName(name) => name.len(),
        Content::Blob(part) => part.len(),
    };
    let layout = variables::layout(request, place, blob_len);
    layout.into_iter().map(|(name, content)| (name, len(content))).collect()
}

/// Whether no limit is exceeded, not even one that is only warned of.
fn fits(limits: &Limits, sizes: &[(&str, usize)]) -> bool {
    limits.check(sizes).is_ok() && limits.warning(sizes).is_none()
}

#[cfg(test)]
mod tests {
    use capy_client::service_url::PlainHttp;
    use capy_protocol::env_map::SecretValue;

    use super::super::request::PartialRequest;
    use super::*;

    fn check(platform: &str, value_len: usize, blob: BlobPlace) -> SizeCheck {
        let platform = Some(platform.to_owned());
        let request = PartialRequest { platform, blob, ..PartialRequest::default() }.complete().unwrap();
        let mut env = EnvMap::new();
        env.try_insert("A", SecretValue::new("x".repeat(value_len))).unwrap();
        let url = ServiceUrl::parse("https://keys.example", "test", PlainHttp::Loopback).unwrap();
        SizeCheck::new(&request, &env, &url)
    }

    #[test]
    fn what_is_too_long_for_one_variable_fits_split_or_in_a_file() {
        let short = check("cloudflare-pages", 100, BlobPlace::Variable);
        let names: Vec<_> = short.sizes.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["CAPY_SERVICE_URL", "PROJECT_KEY", "SECRETS_BLOB"]);
        assert!(short.exceeded.is_none() && short.alternatives == Alternatives { split: false, file: true });

        let long = check("cloudflare-pages", 6000, BlobPlace::Variable);
        let (name, blob_len) = long.sizes[2];
        assert_eq!(
            long.exceeded,
            Some(LimitExceeded::Value { name: name.into(), bytes: blob_len, limit: 5120 })
        );
        assert_eq!(long.alternatives, Alternatives { split: true, file: true });

        let split = check("cloudflare-pages", 6000, BlobPlace::Split);
        assert!(split.exceeded.is_none());
        assert_eq!(split.sizes[2..], [("SECRETS_BLOB", 5120), ("SECRETS_BLOB_2", blob_len - 5120)]);
        let file = check("cloudflare-pages", 6000, BlobPlace::File(BlobFile::in_folder(Path::new("/app"))));
        assert_eq!(file.sizes[2], ("SECRETS_BLOB_FILE", "capy.blob".len()));
    }
}
