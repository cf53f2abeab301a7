//! Decisions about CI identities: which tokens are accepted, and which trusts can be added.

use capy_protocol::api::trusts::{NewTrust, Trust, TrustClaims};
use capy_protocol::scope::Scope;

use crate::issuer_keys::is_allowed_url;
use crate::jwt::Claims;

/// The largest difference between an issuer's clock and the service's, in seconds.
const LEEWAY: u64 = 60;
/// The longest text in a trust, in bytes.
pub const TEXT_MAX: usize = 512;

/// Why a CI identity token is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IdentityRefusal {
    /// Not three parts with JSON, signed by RS256.
    Malformed,
    /// No trust names the token's issuer.
    Issuer,
    /// The token has expired, or is not valid yet.
    Time,
    /// The issuer has no key with the token's key id, or the signature does not verify.
    Signature,
    /// No trust has the token's audience, repository, ref, environment and workflow.
    NoTrust,
    /// The trusts that fit have no valid seal, or their wrap root is not held.
    Unproven,
}

impl IdentityRefusal {
    /// The reason, for people who read it in a CI job's log.
    pub fn text(self) -> &'static str {
        match self {
            Self::Malformed => "the bearer is no identity token that this service reads",
            Self::Issuer => "no trust names the identity token's issuer",
            Self::Time => "the identity token is not valid at this time",
            Self::Signature => "the identity token's signature does not verify",
            Self::Unproven => {
                "the trust that fits the identity token was altered in the service's database, bears no seal, or its \
                wrap root is gone: an admin can add it anew"
            }
            Self::NoTrust => {
                "no trust fits the identity token's audience, repository, ref, environment and workflow"
            }
        }
    }
}

/// Why a trust cannot be added as requested.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidTrust {
    /// Not a URL that the service would send requests to.
    #[error("issuer must be an https URL without a query")]
    Issuer,
    /// Empty, too long, or with control characters.
    #[error("audience must have 1 to {TEXT_MAX} bytes, and no control characters")]
    Audience,
    /// Not exactly one repository.
    #[error("claims.repository must be owner/name, without *")]
    Repository,
    /// Not a number.
    #[error("claims.repository_id must be a number")]
    RepositoryId,
    /// Not a file at a ref. The display name of a workflow proves nothing, because anyone who may
    /// push chooses it.
    #[error("claims.workflow_ref and claims.job_workflow_ref must be owner/name/path@ref")]
    Workflow,
    /// Empty, too long, or with a `*` that is not at the end.
    #[error("claims must be texts of 1 to {TEXT_MAX} bytes with * at their end only")]
    Claims,
    /// The admin scope, which nobody may obtain by pushing to a repository.
    #[error("scope must be deploy:, read: or build: and a project")]
    Scope,
}

/// Whether the token is valid now, with a minute of leeway.
///
/// # Errors
/// [`IdentityRefusal::Time`].
pub fn by_time(claims: &Claims, now_millis: u64) -> Result<(), IdentityRefusal> {
    let now = now_millis / 1000;
    let begun = |time: Option<u64>| time.is_none_or(|time| time <= now.saturating_add(LEEWAY));
    let valid = claims.exp.saturating_add(LEEWAY) > now && begun(claims.nbf) && begun(claims.iat);
    if valid { Ok(()) } else { Err(IdentityRefusal::Time) }
}

/// The scopes of all trusts that fit the claims.
///
/// # Errors
/// [`IdentityRefusal::NoTrust`] when no trust fits.
pub fn scopes(claims: &Claims, trusts: Vec<Trust>) -> Result<Vec<Scope>, IdentityRefusal> {
    let fitting = trusts.into_iter().filter(|trust| fits(claims, trust));
    let scopes: Vec<Scope> = fitting.map(|trust| trust.scope).collect();
    if scopes.is_empty() { Err(IdentityRefusal::NoTrust) } else { Ok(scopes) }
}

fn fits(claims: &Claims, trust: &Trust) -> bool {
    let wanted = &trust.claims;
    claims.iss == trust.issuer
        && claims.aud.names(&trust.audience)
        && claims.repository.as_deref() == Some(&wanted.repository)
        && matches(wanted.git_ref.as_deref(), claims.git_ref.as_deref())
        && matches(wanted.environment.as_deref(), claims.environment.as_deref())
        && wanted.repository_id.as_ref().is_none_or(|id| claims.repository_id.as_ref() == Some(id))
        && matches(wanted.workflow_ref.as_deref(), claims.workflow_ref.as_deref())
        && matches(wanted.job_workflow_ref.as_deref(), claims.job_workflow_ref.as_deref())
}

/// Compares a claim with what a trust requires. Without a requirement any claim matches, even a
/// missing one.
fn matches(wanted: Option<&str>, claim: Option<&str>) -> bool {
    match (wanted, claim) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(wanted), Some(claim)) => match wanted.strip_suffix('*') {
            Some(start) => claim.starts_with(start),
            None => claim == wanted,
        },
    }
}

/// Whether a trust can be added as requested.
///
/// # Errors
/// The first field that is invalid.
pub fn new_trust(request: &NewTrust) -> Result<(), InvalidTrust> {
    let TrustClaims { repository, repository_id, git_ref, environment, workflow_ref, job_workflow_ref } =
        &request.claims;
    if !is_text(&request.issuer) || !is_allowed_url(&request.issuer) || request.issuer.contains('?') {
        return Err(InvalidTrust::Issuer);
    }
    if !is_text(&request.audience) {
        return Err(InvalidTrust::Audience);
    }
    let named = repository.split_once('/').is_some_and(|(owner, name)| {
        !owner.is_empty() && !name.is_empty() && !name.contains('/') && !repository.contains('*')
    });
    if !is_text(repository) || !named {
        return Err(InvalidTrust::Repository);
    }
    let is_number =
        |id: &String| (1..=20).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit());
    if !repository_id.as_ref().is_none_or(is_number) {
        return Err(InvalidTrust::RepositoryId);
    }
    let files = || [workflow_ref, job_workflow_ref].into_iter().flatten();
    if !files().all(|file| is_file_at_ref(file)) {
        return Err(InvalidTrust::Workflow);
    }
    let patterns = [git_ref, environment].into_iter().flatten().chain(files());
    if !patterns.into_iter().all(|pattern| is_pattern(pattern)) {
        return Err(InvalidTrust::Claims);
    }
    match request.scope {
        Scope::Admin => Err(InvalidTrust::Scope),
        Scope::Deploy(_) | Scope::Read(_) | Scope::Build(_) => Ok(()),
    }
}

fn is_text(text: &str) -> bool {
    (1..=TEXT_MAX).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// Whether the text is `owner/name/path@ref`. A `*` is allowed only after the `@`, since a pattern
/// for the file could match anybody's workflow.
fn is_file_at_ref(text: &str) -> bool {
    let split = text.split_once('@');
    split.is_some_and(|(file, git_ref)| {
        !git_ref.is_empty()
            && !file.contains('*')
            && file.split('/').filter(|part| !part.is_empty()).count() > 2
    })
}

fn is_pattern(text: &str) -> bool {
    is_text(text) && !text.strip_suffix('*').unwrap_or(text).contains('*')
}

#[cfg(test)]
mod tests {
    use capy_protocol::token::TrustId;

    use super::*;

    const NOW: u64 = 1_000_000;
    const FILE: &str = "o/r/.github/workflows/ci.yml@refs/heads/main";
    const SHARED: &str = "o/shared/.github/workflows/d.yml@refs/tags/*";

    fn claims(change: impl FnOnce(&mut Claims)) -> Claims {
        let json = r#"{"iss":"https://i.example","aud":"https://keys.example","exp":1300,"nbf":900,"iat":1000,
            "repository":"o/r","ref":"refs/heads/main","environment":"production","repository_id":"42",
            "workflow_ref":"o/r/.github/workflows/ci.yml@refs/heads/main","workflow":"deploy",
            "job_workflow_ref":"o/shared/.github/workflows/d.yml@refs/tags/v1"}"#;
        let mut claims = capy_protocol::json::read(json.as_bytes()).unwrap();
        change(&mut claims);
        claims
    }

    fn trust(claims: TrustClaims) -> Trust {
        Trust {
            trust_id: TrustId::parse("tru_0123456789abcdef").unwrap(),
            issuer: "https://i.example".into(),
            audience: "https://keys.example".into(),
            claims,
            scope: Scope::parse("deploy:prj_a").unwrap(),
            created_at: 1,
            created_by: "bootstrap".into(),
        }
    }

    fn wanted(git_ref: Option<&str>, environment: Option<&str>, workflow: Option<&str>) -> TrustClaims {
        let [git_ref, environment, workflow] =
            [git_ref, environment, workflow].map(|text| text.map(str::to_owned));
        let repository = "o/r".into();
        TrustClaims {
            repository,
            repository_id: None,
            git_ref,
            environment,
            workflow_ref: workflow,
            job_workflow_ref: None,
        }
    }

    #[test]
    fn a_token_counts_from_its_beginning_to_its_end_with_a_minute_to_spare() {
        for (exp, nbf, iat, counts) in [
            (1300, Some(900), Some(1000), true),
            (1300, None, None, true),
            (941, None, None, true),
            (940, None, None, false),
            (1300, Some(1060), Some(1060), true),
            (1300, Some(1061), None, false),
            (1300, None, Some(1061), false),
            (u64::MAX, Some(0), Some(0), true),
        ] {
            let claims = claims(|claims| (claims.exp, claims.nbf, claims.iat) = (exp, nbf, iat));
            assert_eq!(by_time(&claims, NOW).is_ok(), counts, "{exp} {nbf:?} {iat:?}");
        }
    }

    #[test]
    fn a_trust_fits_only_what_it_names() {
        let plain = || wanted(None, None, None);
        for (trusted, change, fits) in [
            (plain(), None, true),
            (wanted(Some("refs/heads/main"), Some("production"), Some(FILE)), None, true),
            (wanted(Some("refs/heads/*"), None, None), None, true),
            (wanted(Some("*"), Some("prod*"), None), None, true),
            (wanted(Some("refs/heads/mai"), None, None), None, false),
            (wanted(Some("refs/tags/*"), None, None), None, false),
            (wanted(None, Some("Production"), None), None, false),
            (wanted(None, None, Some("o/r/.github/workflows/ci.yml@*")), None, true),
            (wanted(None, None, Some("o/r/.github/workflows/other.yml@*")), None, false),
            (wanted(None, None, Some("o/r/.github/workflows/ci.yml@refs/tags/*")), None, false),
            (TrustClaims { repository_id: Some("42".into()), ..plain() }, None, true),
            (TrustClaims { repository_id: Some("4".into()), ..plain() }, None, false),
            (TrustClaims { job_workflow_ref: Some(SHARED.into()), ..plain() }, None, true),
            (TrustClaims { job_workflow_ref: Some(FILE.into()), ..plain() }, None, false),
            (plain(), Some(("iss", "https://i.example/")), false),
            (plain(), Some(("aud", "https://keys.example/")), false),
            (plain(), Some(("repository", "o/r2")), false),
            (plain(), Some(("repository", "O/R")), false),
            (wanted(None, Some("*"), None), Some(("no environment", "")), false),
        ] {
            let claims = claims(|claims| match change {
                Some(("iss", text)) => claims.iss = text.into(),
                Some(("aud", text)) => claims.aud = crate::jwt::Audience::One(text.into()),
                Some(("repository", text)) => claims.repository = Some(text.into()),
                Some(_) => claims.environment = None,
                None => {}
            });
            let found = scopes(&claims, vec![trust(trusted.clone())]);
            assert_eq!(found.is_ok(), fits, "{trusted:?} {change:?}");
        }
        let no_repository = claims(|claims| claims.repository = None);
        assert_eq!(scopes(&no_repository, vec![trust(plain())]), Err(IdentityRefusal::NoTrust));
    }

    #[test]
    fn an_invalid_trust_is_not_made() {
        let good = NewTrust {
            issuer: "https://i.example".into(),
            audience: "https://keys.example".into(),
            claims: wanted(Some("refs/heads/*"), None, Some(SHARED)),
            scope: Scope::parse("read:prj_a").unwrap(),
        };
        assert_eq!(new_trust(&good), Ok(()));
        let build = Scope::parse("build:prj_a").unwrap();
        assert_eq!(new_trust(&NewTrust { scope: build, ..good.clone() }), Ok(()));
        let repository = |text: &str| TrustClaims { repository: text.into(), ..good.claims.clone() };
        for (invalid, expected) in [
            (NewTrust { issuer: "http://i.example".into(), ..good.clone() }, InvalidTrust::Issuer),
            (NewTrust { issuer: "https://i.example/?a".into(), ..good.clone() }, InvalidTrust::Issuer),
            (NewTrust { audience: String::new(), ..good.clone() }, InvalidTrust::Audience),
            (NewTrust { audience: "a\n".into(), ..good.clone() }, InvalidTrust::Audience),
            (NewTrust { claims: repository("o"), ..good.clone() }, InvalidTrust::Repository),
            (NewTrust { claims: repository("o/*"), ..good.clone() }, InvalidTrust::Repository),
            (NewTrust { claims: repository("o/r/x"), ..good.clone() }, InvalidTrust::Repository),
            (
                NewTrust { claims: wanted(Some("refs/*/main"), None, None), ..good.clone() },
                InvalidTrust::Claims,
            ),
            (NewTrust { claims: wanted(None, Some(""), None), ..good.clone() }, InvalidTrust::Claims),
            (NewTrust { claims: wanted(None, None, Some("deploy")), ..good.clone() }, InvalidTrust::Workflow),
            (
                NewTrust { claims: wanted(None, None, Some("o/r/*@refs/heads/main")), ..good.clone() },
                InvalidTrust::Workflow,
            ),
            (
                NewTrust { claims: wanted(None, None, Some("o/r/a.yml@")), ..good.clone() },
                InvalidTrust::Workflow,
            ),
            (
                NewTrust { claims: wanted(None, None, Some("o/r@refs")), ..good.clone() },
                InvalidTrust::Workflow,
            ),
            (
                NewTrust {
                    claims: TrustClaims { repository_id: Some("4*".into()), ..good.claims.clone() },
                    ..good.clone()
                },
                InvalidTrust::RepositoryId,
            ),
            (NewTrust { scope: Scope::Admin, ..good.clone() }, InvalidTrust::Scope),
        ] {
            assert_eq!(new_trust(&invalid), Err(expected), "{invalid:?}");
        }
    }
}
