//! Pure decisions. No IO and no clock, so that each rule is one row of a table.

pub mod tokens;

use capy_protocol::api::RegisterRequest;
use capy_protocol::blob::Format;

use crate::host::HostError;
use crate::store::deploys::Record;

/// The longest label, in characters.
pub const LABEL_MAX: usize = 200;
/// The longest platform id, in bytes.
pub const PLATFORM_MAX: usize = 64;

/// Why no key is released.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Denial {
    /// No deployment has the id.
    Unknown,
    /// The deployment is revoked.
    Revoked,
}

/// What a new deployment asks for that it cannot have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unfit {
    /// Neither 0 nor 1.
    #[error("format must be 0 or 1")]
    Format,
    /// Too long, or it would move a terminal's cursor when listed.
    #[error("label must have at most {LABEL_MAX} characters, and no control characters")]
    Label,
    /// Not an id.
    #[error("platform must be 1 to {PLATFORM_MAX} of a-z, 0-9 and -")]
    Platform,
}

/// The revocation list only ever refuses. A list that is stale or cannot be read decides nothing.
///
/// # Errors
/// [`Denial::Revoked`].
pub fn by_list(listed: &Result<bool, HostError>) -> Result<(), Denial> {
    match listed {
        Ok(true) => Err(Denial::Revoked),
        Ok(false) | Err(_) => Ok(()),
    }
}

/// The record is the authority.
///
/// # Errors
/// The reason for a refusal.
pub fn by_record(record: Option<Record>) -> Result<Record, Denial> {
    match record {
        None => Err(Denial::Unknown),
        Some(record) if record.deploy.revoked_at.is_some() => Err(Denial::Revoked),
        Some(record) => Ok(record),
    }
}

/// Whether a deployment may be registered as asked; its format, if so.
///
/// # Errors
/// The first field that is not as it must be.
pub fn registration(request: &RegisterRequest) -> Result<Format, Unfit> {
    let format = Format::from_number(request.format).map_err(|_| Unfit::Format)?;
    if request.label.as_deref().is_some_and(|label| !is_label(label)) {
        return Err(Unfit::Label);
    }
    if request.platform.as_deref().is_some_and(|platform| !is_platform(platform)) {
        return Err(Unfit::Platform);
    }
    Ok(format)
}

fn is_label(text: &str) -> bool {
    text.chars().count() <= LABEL_MAX && !text.chars().any(char::is_control)
}

fn is_platform(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=PLATFORM_MAX).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use capy_protocol::api::{Credential, Deploy, SecretText};
    use capy_protocol::id::{DeployId, KeyId, ProjectId};
    use capy_protocol::wrap::{INNER_LEN, InnerBlob};

    use super::*;

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
        };
        Record { project_id: ProjectId::parse("prj_a").unwrap(), key_id: KeyId(1), deploy }
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
            let decision = by_list(&listed).and_then(|()| by_record(row.map(record)).map(drop));
            assert_eq!(decision, expected, "{listed:?} {row:?}");
        }
    }

    #[test]
    fn a_registration_is_refused_by_its_first_unfit_field() {
        let long = "é".repeat(LABEL_MAX + 1);
        let fits = "é".repeat(LABEL_MAX);
        for (format, label, platform, expected) in [
            (1, None, None, Ok(Format::V1)),
            (0, Some(fits.as_str()), Some("cloudflare-pages"), Ok(Format::V0)),
            (2, None, None, Err(Unfit::Format)),
            (1, Some(long.as_str()), None, Err(Unfit::Label)),
            (1, Some("a\u{1b}[2J"), None, Err(Unfit::Label)),
            (1, Some("a\nb"), None, Err(Unfit::Label)),
            (1, None, Some(""), Err(Unfit::Platform)),
            (1, None, Some("Vercel"), Err(Unfit::Platform)),
            (1, None, Some("a b"), Err(Unfit::Platform)),
        ] {
            let request = RegisterRequest {
                deploy_id: DeployId::new([1; 32]),
                project_id: ProjectId::parse("prj_a").unwrap(),
                inner_blob: SecretText::from(&InnerBlob::from_bytes(&[7; INNER_LEN]).unwrap()),
                format,
                credential: Credential::ProjectKey,
                label: label.map(str::to_owned),
                platform: platform.map(str::to_owned),
            };
            assert_eq!(registration(&request), expected, "{format} {label:?} {platform:?}");
        }
    }
}
