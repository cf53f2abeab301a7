//! `POST /oidc/trusts`, `GET /oidc/trusts`, `DELETE /oidc/trusts/{id}`: which CI identities stand for a scope.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::scope::Scope;
use crate::token::TrustId;

/// The issuer of GitHub Actions' identities.
pub const GITHUB_ISSUER: &str = "https://token.actions.githubusercontent.com";

/// `POST /oidc/trusts`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTrust {
    /// Who signs the identities: an https URL, exactly as it stands in them.
    pub issuer: String,
    /// Whom they are for: this service, usually by its URL.
    pub audience: String,
    /// What they have to claim.
    pub claims: TrustClaims,
    /// What they may do: `deploy:` or `read:` and a project.
    pub scope: Scope,
}

/// What an identity has to claim. All but the repository and its number may end with `*`, for any ending.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustClaims {
    /// `owner/name`.
    pub repository: String,
    /// The branch or tag, such as `refs/heads/main`; any, where there is none.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub git_ref: Option<String>,
    /// The deployment environment; any or none, where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The repository's number, so that nobody is believed who takes over its name; any, where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository_id: Option<String>,
    /// The workflow's file at a ref, as `owner/name/path@ref`; any, where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_ref: Option<String>,
    /// The same of the reusable workflow that the job stands in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_workflow_ref: Option<String>,
}

/// One trust.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Trust {
    /// Its id.
    pub trust_id: TrustId,
    /// Who signs the identities.
    pub issuer: String,
    /// Whom they are for.
    pub audience: String,
    /// What they have to claim.
    pub claims: TrustClaims,
    /// What they may do.
    pub scope: Scope,
    /// When it was made.
    pub created_at: u64,
    /// By whom.
    pub created_by: String,
}

/// A page of `GET /oidc/trusts`: newest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TrustList {
    /// The trusts.
    pub trusts: Vec<Trust>,
    /// Where the next page begins, as `?cursor=`; none after the last one.
    #[serde(default)]
    pub next: Option<String>,
}

/// The answer to `DELETE /oidc/trusts/{id}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RemovedTrust {
    /// The trust that is no more.
    pub trust_id: TrustId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wire_format_unchanged() {
        let json = concat!(
            r#"{"issuer":"https://i.example","audience":"https://keys.example","claims":{"repository":"o/r","#,
            r#""ref":"refs/heads/main"},"scope":"deploy:prj_a"}"#
        );
        let request: NewTrust = serde_json::from_str(json).unwrap();
        assert_eq!(request.claims.git_ref.as_deref(), Some("refs/heads/main"));
        assert_eq!(serde_json::to_string(&request).unwrap(), json);
        assert!(serde_json::from_str::<TrustClaims>(r#"{"repository":"o/r","branch":"main"}"#).is_err());
    }
}
