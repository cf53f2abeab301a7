//! JSON serialization of this module's types for the Worker: the same fields as the serde derives,
//! in less code, because upload size matters. Requests are only read, answers are only written;
//! types that the database keeps are both.

use alloc::string::String;
use alloc::vec::Vec;

use super::projects::{
    NewProject, NewSecret, Project, ProjectChange, ProjectDetail, ProjectList, Recipe, RemovedProject,
    RemovedSecret, RotateRequest, Rotated, SecretInfo, StoreKeyList, StoreKeyState, StoreRow, StoreRows,
    UnopenedRow,
};
use super::tokens::{Bearer, CreatedToken, NewToken, RevokedToken, TokenInfo, TokenList};
use super::trusts::{NewTrust, RemovedTrust, Trust, TrustClaims, TrustList};
use super::{
    AuditEvent, AuditList, AuditVerification, Bindings, Checkpoint, Credential, DecryptRequest,
    DecryptResponse, Deploy, DeployList, ErrorBody, ErrorCode, Finding, Flaw, Health, RegisterRequest,
    RegisterResponse, RevokeAllResponse, RevokeResponse, RowFinding, RowFlaw, RowId, RowVerification,
    SealRows, SealedRows, SealingHealth, SecretText, WrapRootList, WrapRootState, WriteOffRequest,
    WriteOffResponse,
};
use crate::blob::Format;
use crate::json::{FromJson, InvalidField, Json, Record, ToJson, Writer};
use crate::{from_json, to_json};

from_json!(RegisterRequest {
    deploy_id,
    project_id,
    inner_blob,
    format or Format::V1.number(),
    credential or Credential::default(),
    label,
    platform,
    expires_in,
    max_uses,
    cidrs or Vec::new(),
});
from_json!(DecryptRequest { ciphertext });
from_json!(WriteOffRequest { key_ids, dry_run or false });
from_json!(SealRows { cursor, dry_run or false });
from_json!(NewSecret { key, value });
from_json!(RotateRequest { after });
from_json!(NewToken { scopes, label, expires_in });
from_json!(NewTrust { issuer, audience, claims, scope });

impl Recipe {
    fn take(record: &mut Record) -> Result<Self, InvalidField> {
        Ok(Self {
            repository_url: record.field("repository_url")?,
            branch: record.field("branch")?,
            install_command: record.field("install_command")?,
            build_command: record.field("build_command")?,
            output_directory: record.field("output_directory")?,
            image: record.field("image")?,
        })
    }
}

impl FromJson for NewProject {
    fn from_json(json: Json) -> Result<Self, InvalidField> {
        let mut record = Record::from_json(json)?;
        let read = Self {
            project_id: record.field("project_id")?,
            name: record.field("name")?,
            recipe: Recipe::take(&mut record)?,
            secrets: record.field_or("secrets", Vec::new())?,
        };
        record.finish()?;
        Ok(read)
    }
}

impl FromJson for ProjectChange {
    fn from_json(json: Json) -> Result<Self, InvalidField> {
        let mut record = Record::from_json(json)?;
        let read = Self {
            name: record.field("name")?,
            recipe: Recipe::take(&mut record)?,
            secrets: record.field_or("secrets", Vec::new())?,
        };
        record.finish()?;
        Ok(read)
    }
}

to_json!(Health { status, version, commit, bindings, sealing });
to_json!(SealingHealth { state, since, reason });
to_json!(Bindings { database, revocations, limits, secrets, store });
to_json!(ErrorBody { error, code });

to_json!(RegisterResponse { outer_blob });
to_json!(DecryptResponse { service_key, project_id, inner_blob: optional });
to_json!(RevokeResponse { deploy_id, revoked_at });
to_json!(RevokeAllResponse { revoked, more });
to_json!(Deploy {
    deploy_id,
    label,
    platform,
    credential,
    format,
    created_at,
    last_used_at,
    uses,
    revoked_at,
    expires_at,
    max_uses,
    cidrs,
    created_by,
});
to_json!(DeployList { deploys, next });

to_json!(CreatedToken { token, info: flat });
to_json!(TokenInfo { token_id, label, scopes, created_at, created_by, expires_at, last_used_at, revoked_at });
to_json!(TokenList { tokens, next });
to_json!(RevokedToken { token_id, revoked_at });
to_json!(Bearer { actor, scopes, expires_at });

to_json!(Trust { trust_id, issuer, audience, claims, scope, created_at, created_by });
to_json!(TrustList { trusts, next });
to_json!(RemovedTrust { trust_id });

to_json!(AuditEvent { id, at, action, result, subject, actor, address, country, user_agent, detail });
to_json!(AuditList { events, next });
to_json!(Checkpoint { id, upto, count, digest, key_id, at });
to_json!(WriteOffResponse { events, findings, checkpoint });
to_json!(AuditVerification { checkpoint, findings, pending, unsealed, next });

to_json!(WrapRootState { key_id, held, newest, live, trail, rows });
to_json!(RowFinding { kind, id, flaw });
to_json!(RowVerification { checked, findings, next });
to_json!(RowId { kind, id });
to_json!(SealedRows { sealed, refused, next });
to_json!(WrapRootList { roots });

to_json!(Recipe {
    repository_url: optional,
    branch: optional,
    install_command: optional,
    build_command: optional,
    output_directory: optional,
    image: optional,
});
to_json!(Project { project_id, name, recipe: flat, created_at, created_by, updated_at });
to_json!(ProjectDetail { project: flat, secrets });
to_json!(ProjectList { projects, next: optional });
to_json!(SecretInfo { secret_id, key, created_at, updated_at });
to_json!(RemovedProject { project_id });
to_json!(RemovedSecret { secret_id });
to_json!(StoreRows { project_id, rows });
to_json!(StoreRow { key, row, key_id });
to_json!(StoreKeyList { keys });
to_json!(StoreKeyState { key_id, held, newest, rows });
to_json!(Rotated { resealed, unopened, next: optional });
to_json!(UnopenedRow { project_id, key, key_id, key_missing });

// Types that the database keeps.
from_json!(TrustClaims {
    repository,
    git_ref as "ref",
    environment,
    repository_id,
    workflow_ref,
    job_workflow_ref,
});
to_json!(TrustClaims {
    repository,
    git_ref as "ref": optional,
    environment: optional,
    repository_id: optional,
    workflow_ref: optional,
    job_workflow_ref: optional,
});
from_json!(Finding { flaw, first, last, key_id } and others);
to_json!(Finding { flaw, first, last, key_id: optional });

/// An unknown name becomes [`Flaw::Unknown`].
impl FromJson for Flaw {
    fn from_json(json: Json) -> Result<Self, InvalidField> {
        let Json::Text(name) = json else { return Err(InvalidField::default()) };
        Ok(Self::ALL.into_iter().find(|flaw| flaw.as_str() == *name).unwrap_or(Self::Unknown))
    }
}

impl ToJson for Flaw {
    fn write(&self, to: &mut Writer) {
        to.text(self.as_str());
    }
}

impl ToJson for RowFlaw {
    fn write(&self, to: &mut Writer) {
        to.text(self.as_str());
    }
}

impl FromJson for Credential {
    fn from_json(json: Json) -> Result<Self, InvalidField> {
        let Json::Text(name) = json else { return Err(InvalidField::default()) };
        let known = [Self::ProjectKey, Self::DeployKey];
        known.into_iter().find(|credential| credential.as_str() == *name).ok_or_else(InvalidField::default)
    }
}

impl ToJson for Credential {
    fn write(&self, to: &mut Writer) {
        to.text(self.as_str());
    }
}

impl ToJson for ErrorCode {
    fn write(&self, to: &mut Writer) {
        to.text(self.as_str());
    }
}

impl FromJson for SecretText {
    fn from_json(json: Json) -> Result<Self, InvalidField> {
        String::from_json(json).map(Self)
    }
}

impl ToJson for SecretText {
    fn write(&self, to: &mut Writer) {
        to.text(&self.0);
    }
}
