//! Parses JSON Web Tokens of CI identities (RFC 7519, RFC 7515 in its compact form), without
//! verifying them. The claims count only after the signature has been verified.

use base64ct::{Base64UrlUnpadded, Encoding};
use capy_protocol::api::trusts::GITHUB_ISSUER;
use capy_protocol::from_json;
use capy_protocol::json::{self, FromJson, InvalidField, Json, Record};

use crate::address::Address;

/// The longest token that is parsed, in bytes. GitHub's have about two thousand.
const TOKEN_MAX: usize = 8 * 1024;
/// The longest claim that is accepted, in bytes.
const CLAIM_MAX: usize = 512;
/// The only algorithm that is verified, whatever a header says: RSASSA-PKCS1-v1_5 with SHA-256.
pub(crate) const ALGORITHM: &str = "RS256";

/// A parsed token.
#[derive(Debug)]
pub struct Jwt<'a> {
    /// The id of the key that the header names.
    pub key_id: String,
    /// The claims.
    pub claims: Claims,
    /// The signed text: header and claims as they were sent.
    pub signed: &'a str,
    /// The signature.
    pub signature: Vec<u8>,
}

/// The claims that the service reads. Times are seconds since the Unix epoch.
#[derive(Clone, Debug)]
pub struct Claims {
    /// The issuer.
    pub iss: String,
    /// The audience.
    pub aud: Audience,
    /// The expiry: the token is invalid from this time on.
    pub exp: u64,
    /// The token is invalid before this time.
    pub nbf: Option<u64>,
    /// When the token was issued.
    pub iat: Option<u64>,
    /// The repository whose workflow runs: `owner/name`.
    pub repository: Option<String>,
    /// The branch or tag: `refs/heads/main`.
    pub git_ref: Option<String>,
    /// The deployment environment of the job.
    pub environment: Option<String>,
    /// The repository's number. A renamed repository keeps it, and a repository that takes over the
    /// old name has another one.
    pub repository_id: Option<String>,
    /// The workflow's file, and the ref that it was taken from:
    /// `owner/name/.github/workflows/x.yml@refs/heads/main`. The claim with the workflow's display
    /// name is not read, because anyone who may push chooses it.
    pub workflow_ref: Option<String>,
    /// File and ref of the reusable workflow that contains the job, when another workflow calls it.
    pub job_workflow_ref: Option<String>,
}

from_json!(Claims {
    iss,
    aud,
    exp,
    nbf,
    iat,
    repository,
    git_ref as "ref",
    environment,
    repository_id,
    workflow_ref,
    job_workflow_ref,
} and others);

/// `aud`: one text or several.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Audience {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl FromJson for Audience {
    fn from_json(json: Json) -> Result<Self, InvalidField> {
        match json {
            Json::List(_) => Vec::from_json(json).map(Self::Many),
            json => String::from_json(json).map(Self::One),
        }
    }
}

impl Audience {
    /// Whether the token is for `audience`.
    pub fn names(&self, audience: &str) -> bool {
        match self {
            Self::One(one) => one == audience,
            Self::Many(many) => many.iter().any(|one| one == audience),
        }
    }
}

struct Header {
    alg: String,
    kid: String,
    /// Whether the header has `crit`: extensions that a reader must understand. None is supported.
    is_extended: bool,
}

impl FromJson for Header {
    fn from_json(json: Json) -> Result<Self, InvalidField> {
        let mut record = Record::from_json(json)?;
        let is_extended = record.take("crit").is_some();
        Ok(Self { alg: record.field("alg")?, kid: record.field("kid")?, is_extended })
    }
}

/// Whether a bearer token has the form of a JWT. An API token has no dot.
pub(crate) fn is_jwt_shaped(text: &str) -> bool {
    text.bytes().filter(|byte| *byte == b'.').count() == 2
}

/// Parses a token; `None` for anything else, and for a token that is signed with another algorithm.
pub fn parse(text: &str) -> Option<Jwt<'_>> {
    if text.len() > TOKEN_MAX {
        return None;
    }
    let (signed, signature) = text.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let header: Header = part(header)?;
    let claims: Claims = part(claims)?;
    let usual = header.alg == ALGORITHM && !header.is_extended;
    if !usual || header.kid.len() > CLAIM_MAX || !claims.are_plain() {
        return None;
    }
    let signature = Base64UrlUnpadded::decode_vec(signature).ok()?;
    Some(Jwt { key_id: header.kid, claims, signed, signature })
}

fn part<T: FromJson>(text: &str) -> Option<T> {
    json::read(&Base64UrlUnpadded::decode_vec(text).ok()?).ok()
}

impl Claims {
    /// Whether the claims are short and without control characters, which could affect a log or a
    /// terminal.
    fn are_plain(&self) -> bool {
        let optional = [
            &self.repository,
            &self.git_ref,
            &self.environment,
            &self.repository_id,
            &self.workflow_ref,
            &self.job_workflow_ref,
        ];
        let texts = optional.into_iter().flatten().chain([&self.iss]);
        texts.into_iter().all(|text| text.len() <= CLAIM_MAX && !text.chars().any(char::is_control))
    }

    /// The token's name in the audit trail: begins with `github:` only for GitHub's own issuer,
    /// otherwise with the issuer's host.
    pub fn actor(&self) -> String {
        let repository = self.repository.as_deref().unwrap_or_default();
        let issuer = match Address::parse(&self.iss).map(|address| address.host) {
            _ if self.iss == GITHUB_ISSUER => "github",
            Some(host) if host != "github" => host,
            _ => "unknown",
        };
        match &self.git_ref {
            Some(git_ref) => format!("{issuer}:{repository}@{git_ref}"),
            None => format!("{issuer}:{repository}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = r#"{"typ":"JWT","alg":"RS256","kid":"one"}"#;
    const CLAIMS: &str = r#"{"iss":"https://i.example","aud":["a","b"],"exp":9,"iat":1,"repository":"o/r",
        "ref":"refs/heads/main","actor":"somebody","run_attempt":"1","odd":[-1.5e9,{"deep":[null,true]}],"nbf":null}"#;

    fn token(header: &str, claims: &str) -> String {
        [header, claims, "signature"].map(|part| Base64UrlUnpadded::encode_string(part.as_bytes())).join(".")
    }

    #[test]
    fn a_token_is_taken_apart_and_keeps_what_was_signed() {
        let text = token(HEADER, CLAIMS);
        assert!(is_jwt_shaped(&text));
        let jwt = parse(&text).unwrap();
        assert_eq!((jwt.key_id.as_str(), jwt.signature.as_slice()), ("one", b"signature".as_slice()));
        assert_eq!(jwt.signed, text.rsplit_once('.').unwrap().0);
        assert_eq!(jwt.claims.actor(), "i.example:o/r@refs/heads/main");
        assert!(jwt.claims.aud.names("b") && !jwt.claims.aud.names("c"));
        assert_eq!((jwt.claims.exp, jwt.claims.nbf, jwt.claims.iat), (9, None, Some(1)));
    }

    #[test]
    fn only_githubs_own_issuer_is_called_github() {
        for (issuer, expected) in [
            (GITHUB_ISSUER, "github:o/r"),
            ("https://token.actions.githubusercontent.com/", "token.actions.githubusercontent.com:o/r"),
            ("https://github.example:8443/x", "github.example:o/r"),
            ("http://[::1]:1", "[::1]:o/r"),
            ("https://github", "unknown:o/r"),
        ] {
            let text =
                token(HEADER, &format!(r#"{{"iss":"{issuer}","aud":"a","exp":9,"repository":"o/r"}}"#));
            assert_eq!(parse(&text).unwrap().claims.actor(), expected);
        }
    }

    #[test]
    fn what_is_signed_otherwise_or_not_understood_is_none() {
        for header in [
            r#"{"alg":"none","kid":"one"}"#,
            r#"{"alg":"HS256","kid":"one"}"#,
            r#"{"alg":"rs256","kid":"one"}"#,
            r#"{"alg":"RS256"}"#,
            r#"{"alg":"RS256","kid":"one","crit":["b64"],"b64":false}"#,
            r#"{"alg":"RS256","kid":"one","crit":null}"#,
            r#"{"alg":"RS256","alg":"RS256","kid":"one"}"#,
            r#"{"alg":"RS256","kid":"one","typ":"a","typ":"b"}"#,
            "",
        ] {
            assert!(parse(&token(header, CLAIMS)).is_none(), "{header}");
        }
        for claims in [
            r#"{"iss":"i","aud":"a"}"#,
            r#"{"iss":"i","aud":"a","exp":"9"}"#,
            r#"{"iss":"i","aud":"a","exp":-1}"#,
            r#"{"iss":"i","aud":"a","exp":9.5}"#,
            r#"{"iss":"i","aud":"a","exp":18446744073709551616}"#,
            r#"{"iss":"i","aud":1,"exp":9}"#,
            r#"{"iss":"i","aud":["a",1],"exp":9}"#,
            r#"{"iss":"i","iss":"j","aud":"a","exp":9}"#,
            "{\"iss\":\"i\",\"aud\":\"a\",\"exp\":9,\"repository\":\"o/\\u001br\"}",
            &format!(r#"{{"iss":"i","aud":"a","exp":9,"ref":"{}"}}"#, "x".repeat(CLAIM_MAX + 1)),
            "[]",
        ] {
            assert!(parse(&token(HEADER, claims)).is_none(), "{claims}");
        }
        let whole = token(HEADER, CLAIMS);
        for text in ["", "..", "a.b.c", &whole.replace('.', ""), &format!("{whole}="), &format!("{whole}.x")]
        {
            assert!(parse(text).is_none(), "{text}");
        }
        assert!(parse(&token(HEADER, &format!("{CLAIMS}{}", " ".repeat(TOKEN_MAX)))).is_none());
    }
}
