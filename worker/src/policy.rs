//! Access decisions, as pure functions. No I/O and no clock, so that each rule is one row of a
//! table in a test.

pub mod oidc;
pub mod projects;
pub mod tokens;

use std::net::IpAddr;

use capy_protocol::api::{Deploy, RegisterRequest};
use capy_protocol::blob::Format;
use capy_protocol::limits::{LABEL_MAX, is_label};

use crate::deploy_record::Record;
use crate::host::HostError;
use crate::row_seals::SealStatus;

/// The longest platform id, in bytes.
pub const PLATFORM_MAX: usize = 64;
/// The longest lifetime of a deployment, in seconds: a hundred years.
pub const EXPIRES_IN_MAX: u64 = 100 * 366 * 86_400;
/// The highest limit on uses.
pub const MAX_USES_MAX: u64 = 1_000_000_000;
/// The most addresses and prefixes of a deployment.
pub const CIDRS_MAX: usize = 32;

/// Why no key is released.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Denial {
    /// No deployment has the id.
    Unknown,
    /// The deployment is revoked.
    Revoked,
    /// Somebody other than the service changed the deployment's row.
    Altered,
    /// The deployment's row has no seal.
    Unsealed,
    /// The deployment has expired.
    Expired,
    /// The deployment has no uses left.
    UsedUp,
    /// The deployment may not be used from the caller's address, or that address is unknown.
    Address,
}

/// The parts of a request for a key that decisions depend on.
#[derive(Clone, Copy, Debug)]
pub struct DecryptContext<'a> {
    /// Milliseconds since the Unix epoch.
    pub now: u64,
    /// The caller's address, where the host knows it.
    pub address: Option<&'a str>,
    /// Whether the same client was given the key within the last minute: then this is not another
    /// use.
    pub repeated: bool,
}

/// Why a deployment cannot be registered as requested.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidRegistration {
    /// Neither 0 nor 1.
    #[error("format must be 0 or 1")]
    Format,
    /// Too long, or with control characters, which could move a terminal's cursor when listed.
    #[error("label must have at most {LABEL_MAX} characters, and no control characters")]
    Label,
    /// Zero, or more than [`EXPIRES_IN_MAX`].
    #[error("expires_in must be 1 to {EXPIRES_IN_MAX} seconds")]
    ExpiresIn,
    /// Zero, or more than [`MAX_USES_MAX`].
    #[error("max_uses must be 1 to {MAX_USES_MAX}")]
    MaxUses,
    /// Too many: every release of a key compares the caller with each entry.
    #[error("cidrs must have at most {CIDRS_MAX} entries")]
    Cidrs,
    /// Empty, too long, or with other characters.
    #[error("platform must be 1 to {PLATFORM_MAX} of a-z, 0-9 and -")]
    Platform,
}

/// Decides by the revocation list, which can only refuse. A list that is stale or cannot be read
/// decides nothing.
///
/// # Errors
/// [`Denial::Revoked`].
pub fn by_list(listed: &Result<bool, HostError>) -> Result<(), Denial> {
    match listed {
        Ok(true) => Err(Denial::Revoked),
        Ok(false) | Err(_) => Ok(()),
    }
}

/// Decides by the record, which is the authority.
///
/// # Errors
/// The reason for a refusal.
pub fn by_record(record: Option<&Record>, context: DecryptContext<'_>) -> Result<(), Denial> {
    let deploy = &record.ok_or(Denial::Unknown)?.deploy;
    if deploy.revoked_at.is_some() {
        return Err(Denial::Revoked);
    }
    by_terms(deploy, context)
}

/// Decides by a record and its seal. The terms count only when the service wrote the record; a
/// revocation counts whoever wrote it.
///
/// # Errors
/// The reason for a refusal.
pub fn by_sealed_record(
    record: &Record,
    status: SealStatus,
    context: DecryptContext<'_>,
) -> Result<(), Denial> {
    if record.deploy.revoked_at.is_some() {
        return Err(Denial::Revoked);
    }
    match status {
        SealStatus::Valid => by_terms(&record.deploy, context),
        // The root that opened the blob is held, so a row that names another root was changed.
        SealStatus::Altered | SealStatus::RootGone => Err(Denial::Altered),
        SealStatus::Unsealed => Err(Denial::Unsealed),
    }
}

fn by_terms(deploy: &Deploy, context: DecryptContext<'_>) -> Result<(), Denial> {
    if deploy.expires_at.is_some_and(|expires_at| expires_at <= context.now) {
        return Err(Denial::Expired);
    }
    if !context.repeated && deploy.max_uses.is_some_and(|max_uses| deploy.uses >= max_uses) {
        return Err(Denial::UsedUp);
    }
    by_address(deploy, context.address)
}

/// When a deployment lists networks, a caller without an address is refused.
fn by_address(deploy: &Deploy, address: Option<&str>) -> Result<(), Denial> {
    if deploy.cidrs.is_empty() {
        return Ok(());
    }
    let address: Option<IpAddr> = address.and_then(|address| address.parse().ok());
    let inside = address.is_some_and(|address| deploy.cidrs.iter().any(|cidr| cidr.contains(address)));
    if inside { Ok(()) } else { Err(Denial::Address) }
}

/// Whether a deployment may be registered as requested; returns its format.
///
/// # Errors
/// The first field that is invalid.
pub fn registration(request: &RegisterRequest) -> Result<Format, InvalidRegistration> {
    let format = Format::from_number(request.format).map_err(|_| InvalidRegistration::Format)?;
    if request.label.as_deref().is_some_and(|label| !is_label(label)) {
        return Err(InvalidRegistration::Label);
    }
    if request.platform.as_deref().is_some_and(|platform| !is_platform(platform)) {
        return Err(InvalidRegistration::Platform);
    }
    terms(request)?;
    Ok(format)
}

fn terms(request: &RegisterRequest) -> Result<(), InvalidRegistration> {
    if request.expires_in.is_some_and(|seconds| !(1..=EXPIRES_IN_MAX).contains(&seconds)) {
        return Err(InvalidRegistration::ExpiresIn);
    }
    if request.max_uses.is_some_and(|uses| !(1..=MAX_USES_MAX).contains(&uses)) {
        return Err(InvalidRegistration::MaxUses);
    }
    if request.cidrs.len() > CIDRS_MAX { Err(InvalidRegistration::Cidrs) } else { Ok(()) }
}

fn is_platform(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=PLATFORM_MAX).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use capy_protocol::api::{Credential, SecretText};
    use capy_protocol::id::{DeployId, KeyId, ProjectId};
    use capy_protocol::network::Network;
    use capy_protocol::wrap::{INNER_LEN, InnerBlob};

    use super::*;
    use crate::deploy_record::Repeats;

    const NOWHERE: DecryptContext<'_> = DecryptContext { now: 100, address: None, repeated: false };

    fn record(revoked_at: Option<u64>) -> Record {
        let deploy = Deploy {
            deploy_id: DeployId::new([1; 32]),
            label: None,
            platform: None,
            credential: Credential::ProjectKey,
            format: 1,
            created_at: 1,
            last_used_at: None,
            uses: 0,
            revoked_at,
            expires_at: None,
            max_uses: None,
            cidrs: Vec::new(),
            created_by: None,
        };
        let (project_id, repeats) = (ProjectId::parse("prj_a").unwrap(), Repeats::default());
        Record { project_id, key_id: KeyId(1), deploy, seal: None, repeats }
    }

    #[test]
    fn the_list_refuses_and_never_grants() {
        let unreadable = || Err(HostError::RevocationList("down".into()));
        for (listed, row, expected) in [
            (Ok(false), None, Err(Denial::Unknown)),
            (Ok(false), Some(None), Ok(())),
            (Ok(false), Some(Some(5)), Err(Denial::Revoked)),
            (Ok(true), None, Err(Denial::Revoked)),
            (Ok(true), Some(None), Err(Denial::Revoked)),
            (Ok(true), Some(Some(5)), Err(Denial::Revoked)),
            (unreadable(), None, Err(Denial::Unknown)),
            (unreadable(), Some(None), Ok(())),
            (unreadable(), Some(Some(5)), Err(Denial::Revoked)),
        ] {
            let record = row.map(record);
            let decision = by_list(&listed).and_then(|()| by_record(record.as_ref(), NOWHERE));
            assert_eq!(decision, expected, "{listed:?} {row:?}");
        }
    }

    /// Rows: revoked, expiry, limit on uses, uses, networks, the caller's address.
    #[test]
    fn terms_are_kept_to_the_millisecond_the_use_and_the_address() {
        let networks = |text: &str| -> Vec<Network> {
            text.split_whitespace().map(|network| Network::parse(network).unwrap()).collect()
        };
        for (revoked_at, expires_at, max_uses, uses, cidrs, address, expected) in [
            (None, None, None, 9, "", None, Ok(())),
            (None, Some(101), Some(2), 1, "10.0.0.0/8 2001:db8::/32", Some("10.1.2.3"), Ok(())),
            (None, None, None, 0, "10.0.0.0/8 2001:db8::/32", Some("2001:db8::1"), Ok(())),
            (None, Some(100), None, 0, "", None, Err(Denial::Expired)),
            (None, Some(99), None, 0, "", None, Err(Denial::Expired)),
            (None, None, Some(2), 2, "", None, Err(Denial::UsedUp)),
            (None, None, Some(2), 3, "", None, Err(Denial::UsedUp)),
            (None, None, None, 0, "10.0.0.0/8", Some("11.0.0.1"), Err(Denial::Address)),
            (None, None, None, 0, "10.0.0.0/8", Some("unix:"), Err(Denial::Address)),
            (None, None, None, 0, "0.0.0.0/0", None, Err(Denial::Address)),
            (Some(1), Some(1), Some(1), 1, "10.0.0.0/8", None, Err(Denial::Revoked)),
            (None, Some(1), Some(1), 1, "10.0.0.0/8", None, Err(Denial::Expired)),
        ] {
            let mut record = record(revoked_at);
            (record.deploy.expires_at, record.deploy.max_uses) = (expires_at, max_uses);
            (record.deploy.uses, record.deploy.cidrs) = (uses, networks(cidrs));
            let decide = |repeated| by_record(Some(&record), DecryptContext { now: 100, address, repeated });
            assert_eq!(decide(false), expected, "{record:?} {address:?}");
            let repeated = if expected == Err(Denial::UsedUp) { Ok(()) } else { expected };
            assert_eq!(decide(true), repeated, "{record:?} {address:?}");
            let sealed = |status| {
                by_sealed_record(&record, status, DecryptContext { now: 100, address, repeated: false })
            };
            assert_eq!(sealed(SealStatus::Valid), expected);
            let revoked = revoked_at.map_or(Ok(()), |_| Err(Denial::Revoked));
            assert_eq!(sealed(SealStatus::Altered), revoked.and(Err(Denial::Altered)));
            assert_eq!(sealed(SealStatus::RootGone), revoked.and(Err(Denial::Altered)));
            assert_eq!(sealed(SealStatus::Unsealed), revoked.and(Err(Denial::Unsealed)));
        }
    }

    #[test]
    fn terms_that_cannot_be_kept_are_refused() {
        let network = Network::parse("10.0.0.0/8").unwrap();
        for (expires_in, max_uses, cidrs, expected) in [
            (Some(1), Some(1), CIDRS_MAX, Ok(())),
            (Some(EXPIRES_IN_MAX), Some(MAX_USES_MAX), 0, Ok(())),
            (Some(0), None, 0, Err(InvalidRegistration::ExpiresIn)),
            (Some(EXPIRES_IN_MAX + 1), None, 0, Err(InvalidRegistration::ExpiresIn)),
            (Some(u64::MAX), None, 0, Err(InvalidRegistration::ExpiresIn)),
            (None, Some(0), 0, Err(InvalidRegistration::MaxUses)),
            (None, Some(MAX_USES_MAX + 1), 0, Err(InvalidRegistration::MaxUses)),
            (None, None, CIDRS_MAX + 1, Err(InvalidRegistration::Cidrs)),
        ] {
            let mut request = request(1, None, None);
            (request.expires_in, request.max_uses) = (expires_in, max_uses);
            request.cidrs = vec![network; cidrs];
            assert_eq!(registration(&request).map(drop), expected, "{request:?}");
        }
    }

    fn request(format: u8, label: Option<&str>, platform: Option<&str>) -> RegisterRequest {
        RegisterRequest {
            deploy_id: DeployId::new([1; 32]),
            project_id: ProjectId::parse("prj_a").unwrap(),
            inner_blob: SecretText::from(&InnerBlob::from_bytes(&[7; INNER_LEN]).unwrap()),
            format,
            credential: Credential::ProjectKey,
            label: label.map(str::to_owned),
            platform: platform.map(str::to_owned),
            expires_in: None,
            max_uses: None,
            cidrs: Vec::new(),
        }
    }

    #[test]
    fn a_registration_is_refused_by_its_first_invalid_field() {
        let long = "é".repeat(LABEL_MAX + 1);
        let fits = "é".repeat(LABEL_MAX);
        for (format, label, platform, expected) in [
            (1, None, None, Ok(Format::V1)),
            (0, Some(fits.as_str()), Some("cloudflare-pages"), Ok(Format::V0)),
            (2, None, None, Err(InvalidRegistration::Format)),
            (1, Some(long.as_str()), None, Err(InvalidRegistration::Label)),
            (1, Some("a\u{1b}[2J"), None, Err(InvalidRegistration::Label)),
            (1, Some("a\nb"), None, Err(InvalidRegistration::Label)),
            (1, None, Some(""), Err(InvalidRegistration::Platform)),
            (1, None, Some("Vercel"), Err(InvalidRegistration::Platform)),
            (1, None, Some("a b"), Err(InvalidRegistration::Platform)),
        ] {
            let request = request(format, label, platform);
            assert_eq!(registration(&request), expected, "{format} {label:?} {platform:?}");
        }
    }
}
