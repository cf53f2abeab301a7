//! Test vectors of row seals of deployments, API tokens, trusts and repeated releases.

use capy_protocol::audit::Record;
use capy_protocol::id::{DeployId, KeyId, ProjectId};
use capy_protocol::row_seal::{DeployTerms, RepeatTerms, TokenTerms, TrustTerms};
use capy_protocol::token::{TokenId, TrustId};
use capy_protocol::wrap::WrapRoots;
use serde::Deserialize;

use crate::{Check, Outcome, StepName, same};

/// `row_seals.json`.
#[derive(Debug, Deserialize)]
pub struct Rows {
    row_seals: Vec<Row>,
}

#[derive(Debug, Deserialize)]
struct Row {
    name: String,
    wrap_root: String,
    key_id: KeyId,
    seal: String,
    #[serde(flatten)]
    of: Kind,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Kind {
    Deploy {
        deploy_id: DeployId,
        project_id: ProjectId,
        format: u8,
        credential: String,
        expires_at: Option<u64>,
        max_uses: Option<u64>,
        uses: u64,
        cidrs: Option<String>,
    },
    Token {
        token_id: TokenId,
        digest: String,
        scopes: String,
        expires_at: Option<u64>,
    },
    Trust {
        trust_id: TrustId,
        issuer: String,
        audience: String,
        claims: String,
        scope: String,
    },
    Repeat {
        deploy_id: DeployId,
        idempotency_key: String,
        at: u64,
    },
}

impl Rows {
    pub(crate) fn check(&self) -> Vec<Outcome> {
        let rows = self.row_seals.iter();
        rows.map(|row| Outcome::of(format!("row seal, {}", row.name), row.check())).collect()
    }
}

impl Row {
    fn check(&self) -> Check {
        let roots = WrapRoots::parse(&format!("{}:{}", self.key_id, self.wrap_root)).in_step("wrap root")?;
        let key = roots.row_key(self.key_id).in_step("key")?;
        same("seal", key.seal(&self.record()), self.seal.clone())?;
        same("verdict", key.is_seal(&self.record(), &self.seal), true)
    }

    fn record(&self) -> Record {
        let key_id = self.key_id;
        match &self.of {
            Kind::Deploy { deploy_id, project_id, format, credential, expires_at, max_uses, uses, cidrs } => {
                DeployTerms {
                    deploy_id,
                    project_id,
                    key_id,
                    format: *format,
                    credential,
                    expires_at: *expires_at,
                    max_uses: *max_uses,
                    uses: *uses,
                    cidrs: cidrs.as_deref(),
                }
                .record()
            }
            Kind::Token { token_id, digest, scopes, expires_at } => {
                TokenTerms { token_id, digest, scopes, expires_at: *expires_at }.record(key_id)
            }
            Kind::Trust { trust_id, issuer, audience, claims, scope } => {
                TrustTerms { trust_id, issuer, audience, claims, scope }.record(key_id)
            }
            Kind::Repeat { deploy_id, idempotency_key, at } => {
                RepeatTerms { deploy_id, idempotency_key, at: *at, key_id }.record()
            }
        }
    }
}
