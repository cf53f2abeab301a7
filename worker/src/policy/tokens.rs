//! Decisions about API tokens.

use capy_protocol::api::tokens::{NewToken, TokenInfo};
use capy_protocol::limits::{LABEL_MAX, is_label};

use super::EXPIRES_IN_MAX;
use crate::row_seals::SealStatus;

/// The most scopes of one token.
pub const SCOPES_MAX: usize = 32;

/// Why an API token is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TokenRefusal {
    /// No token has this digest.
    Unknown,
    /// The token is past its expiry.
    Expired,
    /// The token is revoked.
    Revoked,
    /// Somebody other than the service changed the token's row.
    Altered,
    /// The token's row has no seal.
    Unsealed,
    /// The wrap root of the row's seal is not held.
    RootGone,
}

/// Why a token cannot be created as requested.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidTokenRequest {
    /// None, too many, or a duplicate.
    #[error("scopes must be 1 to {SCOPES_MAX}, each once")]
    Scopes,
    /// Too long, or with control characters, which could move a terminal's cursor when listed.
    #[error("label must have at most {LABEL_MAX} characters, and no control characters")]
    Label,
    /// Zero, or more than [`EXPIRES_IN_MAX`].
    #[error("expires_in must be 1 to {EXPIRES_IN_MAX} seconds")]
    ExpiresIn,
}

/// The bearer's token, when it is valid: known, not revoked, proven by its seal and not expired.
///
/// # Errors
/// The reason for a refusal.
pub fn by_token(token: Option<(TokenInfo, SealStatus)>, now: u64) -> Result<TokenInfo, TokenRefusal> {
    match token {
        None => Err(TokenRefusal::Unknown),
        // A revocation counts whoever wrote it.
        Some((token, _)) if token.revoked_at.is_some() => Err(TokenRefusal::Revoked),
        Some((_, SealStatus::Altered)) => Err(TokenRefusal::Altered),
        Some((_, SealStatus::Unsealed)) => Err(TokenRefusal::Unsealed),
        Some((_, SealStatus::RootGone)) => Err(TokenRefusal::RootGone),
        Some((token, SealStatus::Valid)) if token.expires_at.is_some_and(|expiry| expiry <= now) => {
            Err(TokenRefusal::Expired)
        }
        Some((token, SealStatus::Valid)) => Ok(token),
    }
}

/// Whether a token can be created as requested.
///
/// # Errors
/// The first field that is invalid.
pub fn new_token(request: &NewToken) -> Result<(), InvalidTokenRequest> {
    let scopes = &request.scopes;
    let repeats = (1..scopes.len()).any(|at| scopes[..at].contains(&scopes[at]));
    if !(1..=SCOPES_MAX).contains(&scopes.len()) || repeats {
        return Err(InvalidTokenRequest::Scopes);
    }
    if request.label.as_deref().is_some_and(|label| !is_label(label)) {
        return Err(InvalidTokenRequest::Label);
    }
    if request.expires_in.is_some_and(|seconds| !(1..=EXPIRES_IN_MAX).contains(&seconds)) {
        return Err(InvalidTokenRequest::ExpiresIn);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use capy_protocol::scope::Scope;
    use capy_protocol::token::TokenId;

    use super::*;

    fn token(expires_at: Option<u64>, revoked_at: Option<u64>) -> TokenInfo {
        TokenInfo {
            token_id: TokenId::parse("tok_0123456789abcdef").unwrap(),
            label: None,
            scopes: vec![Scope::Admin],
            created_at: 1,
            created_by: "bootstrap".into(),
            expires_at,
            last_used_at: None,
            revoked_at,
        }
    }

    #[test]
    fn a_token_ends_at_its_expiry_or_its_revocation() {
        for (found, expected) in [
            (None, Err(TokenRefusal::Unknown)),
            (Some((None, None)), Ok(())),
            (Some((Some(11), None)), Ok(())),
            (Some((Some(10), None)), Err(TokenRefusal::Expired)),
            (Some((None, Some(99))), Err(TokenRefusal::Revoked)),
            (Some((Some(5), Some(7))), Err(TokenRefusal::Revoked)),
        ] {
            let by = |status| {
                let row = found.map(|(expires_at, revoked_at)| (token(expires_at, revoked_at), status));
                by_token(row, 10).map(drop)
            };
            assert_eq!(by(SealStatus::Valid), expected, "{found:?}");
            let is_ended = matches!(expected, Err(TokenRefusal::Unknown | TokenRefusal::Revoked));
            for (status, refused) in [
                (SealStatus::Altered, TokenRefusal::Altered),
                (SealStatus::Unsealed, TokenRefusal::Unsealed),
                (SealStatus::RootGone, TokenRefusal::RootGone),
            ] {
                assert_eq!(by(status), if is_ended { expected } else { Err(refused) }, "{found:?}");
            }
        }
    }

    #[test]
    fn an_invalid_token_is_not_made() {
        let admin = || vec![Scope::Admin];
        let many = |count: usize| {
            (0..count).map(|number| Scope::parse(&format!("read:{number}")).unwrap()).collect::<Vec<_>>()
        };
        for (scopes, label, expires_in, expected) in [
            (admin(), None, None, Ok(())),
            (many(SCOPES_MAX), Some("ci"), Some(EXPIRES_IN_MAX), Ok(())),
            (many(0), None, None, Err(InvalidTokenRequest::Scopes)),
            (many(SCOPES_MAX + 1), None, None, Err(InvalidTokenRequest::Scopes)),
            (vec![Scope::Admin, Scope::Admin], None, None, Err(InvalidTokenRequest::Scopes)),
            (admin(), Some("a\u{1b}[2J"), None, Err(InvalidTokenRequest::Label)),
            (admin(), None, Some(0), Err(InvalidTokenRequest::ExpiresIn)),
            (admin(), None, Some(u64::MAX), Err(InvalidTokenRequest::ExpiresIn)),
        ] {
            let request = NewToken { scopes, label: label.map(str::to_owned), expires_in };
            assert_eq!(new_token(&request), expected, "{request:?}");
        }
    }
}
