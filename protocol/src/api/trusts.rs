//! OIDC trusts, which give CI identities a scope: the types of `POST /oidc/trusts`,
//! `GET /oidc/trusts` and `DELETE /oidc/trusts/{id}`.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::scope::Scope;
use crate::token::TrustId;

/// The OIDC issuer of GitHub Actions.
pub const GITHUB_ISSUER: &str = "https://token.actions.githubusercontent.com";

/// The body of `POST /oidc/trusts`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTrust {
    /// The issuer of the identity tokens: an https URL, exactly as the tokens' `iss` claim has it.
    pub issuer: String,
    /// The audience of the identity tokens: this service, usually by its URL.
    pub audience: String,
    /// The claims that an identity token must have.
    pub claims: TrustClaims,
    /// The scope that the trust grants: `deploy:`, `read:` or `build:` and a project.
    pub scope: Scope,
}

/// The claims that an identity token must have. All values but the repository and its number may
/// end with `*`, which matches any ending.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustClaims {
    /// `owner/name`.
    pub repository: String,
    /// The branch or tag, such as `refs/heads/main`; none for any.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub git_ref: Option<String>,
    /// The deployment environment; none for any or no environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The repository's number, so that whoever takes over the repository's name later is not
    /// trusted; none for any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository_id: Option<String>,
    /// The workflow file at a ref, as `owner/name/path@ref`; none for any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_ref: Option<String>,
    /// The file of the reusable workflow that defines the job, in the same form; none for any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_workflow_ref: Option<String>,
}

/// One trust.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Trust {
    /// The trust's id.
    pub trust_id: TrustId,
    /// The issuer of the identity tokens.
    pub issuer: String,
    /// The audience of the identity tokens.
    pub audience: String,
    /// The claims that an identity token must have.
    pub claims: TrustClaims,
    /// The scope that the trust grants.
    pub scope: Scope,
    /// When the trust was made.
    pub created_at: u64,
    /// Who made the trust.
    pub created_by: String,
}

/// A page of `GET /oidc/trusts`: newest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TrustList {
    /// The trusts.
    pub trusts: Vec<Trust>,
    /// The cursor of the next page, for `?cursor=`; none after the last page.
    #[serde(default)]
    pub next: Option<String>,
}

/// The answer to `DELETE /oidc/trusts/{id}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RemovedTrust {
    /// The removed trust.
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
