//! Seals of deployments, API tokens and trusts in the database: verifies live rows page by page,
//! writes first seals, and moves seals under a newer root.

use capy_protocol::api::{RowFinding, RowFlaw, RowId};
use capy_protocol::id::KeyId;
use capy_protocol::to_json;
use capy_protocol::wrap::WrapRoots;

use super::audit::EVENT;
use super::{tokens, trusts};
use crate::audit::Row as Event;
use crate::deploy_record::Record;
use crate::host::{Host, Result, Row, Rows, Statement, Value, query};
use crate::row_seals::{self, SealStatus};

/// The number of rows in a page.
const PAGE: u64 = 100;
/// The most API tokens, and the most trusts, that move under a newer root in one run.
const RESEALED_AT_ONCE: u64 = 200;

/// A table with sealed rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Deployments.
    Deploy,
    /// API tokens.
    Token,
    /// Trusts in CI identities.
    Trust,
}

/// A page of live rows, each with the number of its events that end it or count a use. The
/// condition on action and detail makes SQLite use the partial index of these events. Arguments: a
/// table, its id column, the condition for a live row, and the action that ends one.
macro_rules! live_rows {
    ($table:literal, $id:literal, $live:literal, $end:literal) => {
        concat!(
            "SELECT *, (SELECT count(*) FROM audit WHERE subject = ",
            $id,
            " AND (action <> 'decrypt' OR detail IS NOT NULL) AND action = '",
            $end,
            "') AS ends, (SELECT count(*) FROM audit WHERE subject = ",
            $id,
            " AND (action <> 'decrypt' OR detail IS NOT NULL) AND action = 'decrypt' AND result = 'ok' \
            AND detail = 'counted') AS counted FROM ",
            $table,
            " WHERE ",
            $id,
            " > ?1 AND ",
            $live,
            " ORDER BY ",
            $id,
            " LIMIT ?2"
        )
    };
}

/// At most ?2 live deployments after ?1.
pub const DEPLOYS: &str = live_rows!("deploys", "deploy_id", "revoked_at IS NULL", "revoke");

/// At most ?2 live API tokens after ?1.
pub const TOKENS: &str = live_rows!("tokens", "token_id", "revoked_at IS NULL", "revoke-token");

/// At most ?2 trusts after ?1.
pub const TRUSTS: &str = live_rows!("oidc_trusts", "trust_id", "1", "remove-trust");

/// Writes seals of rows that have none: a JSON array of objects with `id` and `seal`.
macro_rules! first_seals {
    ($table:literal, $id:literal, $live:literal) => {
        concat!(
            "UPDATE ",
            $table,
            " SET seal = (SELECT value ->> 'seal' FROM json_each(?1) WHERE value ->> 'id' = ",
            $id,
            ") WHERE ",
            $id,
            " IN (SELECT value ->> 'id' FROM json_each(?1)) AND seal IS NULL AND ",
            $live
        )
    };
}

/// Writes first seals of deployments.
pub const SEAL_DEPLOYS: &str = first_seals!("deploys", "deploy_id", "revoked_at IS NULL");

/// Writes first seals of API tokens.
pub const SEAL_TOKENS: &str = first_seals!("tokens", "token_id", "revoked_at IS NULL");

/// Writes first seals of trusts.
pub const SEAL_TRUSTS: &str = first_seals!("oidc_trusts", "trust_id", "1");

impl Kind {
    const ALL: [Self; 3] = [Self::Deploy, Self::Token, Self::Trust];

    fn as_str(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Token => "token",
            Self::Trust => "trust",
        }
    }

    fn next(self) -> Option<Self> {
        match self {
            Self::Deploy => Some(Self::Token),
            Self::Token => Some(Self::Trust),
            Self::Trust => None,
        }
    }

    /// The statement of a page, the id column, and the statement that writes first seals.
    fn statements(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Deploy => (DEPLOYS, "deploy_id", SEAL_DEPLOYS),
            Self::Token => (TOKENS, "token_id", SEAL_TOKENS),
            Self::Trust => (TRUSTS, "trust_id", SEAL_TRUSTS),
        }
    }
}

/// Where a page begins: after this row of this table. As text: the kind, a dash and the id's bytes
/// as hexadecimal digits, since a row that somebody else wrote may have any text as its id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Cursor {
    kind: Kind,
    after: String,
}

impl Cursor {
    /// The cursor of the first page.
    pub(crate) fn start() -> Self {
        Self { kind: Kind::Deploy, after: String::new() }
    }

    /// Parses a cursor.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (kind, after) = text.split_once('-')?;
        let kind = Kind::ALL.into_iter().find(|known| known.as_str() == kind)?;
        let after = String::from_utf8(hex::decode(after).ok()?).ok()?;
        Some(Self { kind, after })
    }

    /// The cursor as text.
    pub(crate) fn text(&self) -> String {
        format!("{}-{}", self.kind.as_str(), hex::encode(&self.after))
    }
}

/// The result of verifying a page.
pub(crate) struct VerifiedPage {
    kind: Kind,
    /// The number of rows in the page.
    pub(crate) checked: u64,
    /// The findings about these rows.
    pub(crate) findings: Vec<RowFinding>,
    /// Seals for those rows that have none and can get one.
    first_seals: Vec<NewSeal>,
    /// The cursor of the next page.
    pub(crate) next: Option<Cursor>,
}

impl VerifiedPage {
    /// The rows that can get a seal.
    pub(crate) fn sealable(&self) -> Vec<RowId> {
        let id = |seal: &NewSeal| RowId { kind: self.kind.as_str().to_owned(), id: seal.id.clone() };
        self.first_seals.iter().map(id).collect()
    }

    /// The findings that remain once those rows are sealed.
    pub(crate) fn refused(&self) -> Vec<RowFinding> {
        let is_sealable = |found: &RowFinding| {
            found.flaw == RowFlaw::Unsealed && self.first_seals.iter().any(|seal| seal.id == found.id)
        };
        self.findings.iter().filter(|found| !is_sealable(found)).cloned().collect()
    }
}

/// A new seal for a row, and the seal that it replaces, if any.
struct NewSeal {
    id: String,
    was: Option<String>,
    seal: String,
}

to_json!(NewSeal { id, was, seal });

/// Verifies a page of live rows.
pub(crate) async fn verify_page<H: Host>(
    host: &H,
    roots: &WrapRoots,
    cursor: &Cursor,
) -> Result<VerifiedPage> {
    let kind = cursor.kind;
    let (statement, id_column, _) = kind.statements();
    let rows = query(host, statement, vec![cursor.after.as_str().into(), PAGE.into()]).await?;
    let mut page =
        VerifiedPage { kind, checked: 0, findings: Vec::new(), first_seals: Vec::new(), next: None };
    let seen = rows.parse(|row| {
        let id = row.read_if_valid::<String>(id_column)?.unwrap_or_default();
        let ends = row.read_if_valid::<u64>("ends")?.unwrap_or(0);
        let counted = row.read_if_valid::<u64>("counted")?.unwrap_or(0);
        let verdict = judge(kind, row, roots, counted);
        Ok((id, ends, verdict))
    })?;
    page.checked = seen.len() as u64;
    let last = seen.last().map(|(id, ..)| id.clone());
    for (id, ends, verdict) in seen {
        let flaws = [(ends > 0).then_some(RowFlaw::PutBack), verdict.flaw, verdict.set_back];
        let flaws: Vec<_> = flaws.into_iter().flatten().collect();
        // A row that the audit trail contradicts gets no seal.
        if flaws == [RowFlaw::Unsealed]
            && let Some(seal) = verdict.first_seal
        {
            page.first_seals.push(NewSeal { id: id.clone(), was: None, seal });
        }
        let finding = |flaw| RowFinding { kind: kind.as_str().to_owned(), id: id.clone(), flaw };
        page.findings.extend(flaws.into_iter().map(finding));
    }
    page.next = match last {
        Some(after) if page.checked >= PAGE => Some(Cursor { kind, after }),
        _ => kind.next().map(|kind| Cursor { kind, after: String::new() }),
    };
    Ok(page)
}

/// The result of verifying a row by its seal and, for deployments, by the number of its uses in the
/// audit trail.
#[derive(Default)]
struct Verdict {
    flaw: Option<RowFlaw>,
    set_back: Option<RowFlaw>,
    first_seal: Option<String>,
}

fn judge(kind: Kind, row: Row<'_>, roots: &WrapRoots, counted: u64) -> Verdict {
    let judged = match kind {
        Kind::Deploy => judge_deploy(row, roots, counted),
        Kind::Token => judge_token(row, roots),
        Kind::Trust => judge_trust(row, roots),
    };
    judged.unwrap_or(Verdict { flaw: Some(RowFlaw::Unreadable), ..Verdict::default() })
}

fn judge_deploy(row: Row<'_>, roots: &WrapRoots, counted: u64) -> Result<Verdict> {
    let record = Record::read(row)?;
    let key = roots.row_key(record.key_id).ok();
    let flaw = flaw(row_seals::verify_deploy(key.as_ref(), &record));
    let is_set_back = record.deploy.max_uses.is_some() && record.deploy.uses < counted;
    Ok(Verdict {
        flaw,
        set_back: is_set_back.then_some(RowFlaw::SetBack),
        first_seal: key.map(|key| row_seals::seal_deploy(&key, &record, record.deploy.uses)),
    })
}

fn judge_token(row: Row<'_>, roots: &WrapRoots) -> Result<Verdict> {
    let token = tokens::read_info(row)?;
    let (digest, seal) = (row.read::<String>("digest")?, row.read::<Option<String>>("seal")?);
    let flaw = flaw(row_seals::verify_token(roots, &token, &digest, seal.as_deref()));
    let first_seal = row_seals::seal_token(roots, &token, &digest).ok();
    Ok(Verdict { flaw, set_back: None, first_seal })
}

fn judge_trust(row: Row<'_>, roots: &WrapRoots) -> Result<Verdict> {
    let trust = trusts::read_trust(row)?;
    let seal = row.read::<Option<String>>("seal")?;
    let flaw = flaw(row_seals::verify_trust(roots, &trust, seal.as_deref()));
    Ok(Verdict { flaw, set_back: None, first_seal: row_seals::seal_trust(roots, &trust).ok() })
}

fn flaw(status: SealStatus) -> Option<RowFlaw> {
    match status {
        SealStatus::Valid => None,
        SealStatus::Altered => Some(RowFlaw::Altered),
        SealStatus::Unsealed => Some(RowFlaw::Unsealed),
        SealStatus::RootGone => Some(RowFlaw::Unverifiable),
    }
}

/// Writes the first seals of a page's rows, with their event.
pub(crate) async fn seal<H: Host>(host: &H, page: &VerifiedPage, event: &Event) -> Result<()> {
    let (_, _, seal) = page.kind.statements();
    let statements = vec![
        Statement::new(EVENT, event.values()),
        Statement::new(seal, vec![Value::json(&page.first_seals)]),
    ];
    host.transaction(statements).await.map(drop)
}

/// At most ?2 live API tokens under one of the wrap roots in the JSON array ?1.
pub const TOKENS_UNDER: &str = "SELECT * FROM tokens WHERE revoked_at IS NULL AND instr(seal, ':') > 0 \
    AND CAST(seal AS INTEGER) IN (SELECT value FROM json_each(?1)) LIMIT ?2";

/// At most ?2 trusts under one of the wrap roots in the JSON array ?1.
pub const TRUSTS_UNDER: &str = "SELECT * FROM oidc_trusts WHERE instr(seal, ':') > 0 \
    AND CAST(seal AS INTEGER) IN (SELECT value FROM json_each(?1)) LIMIT ?2";

/// Replaces seals of API tokens, unless they were changed: a JSON array of objects with `id`, `was`
/// and `seal`.
pub const RESEAL_TOKENS: &str = "UPDATE tokens SET seal = (SELECT value ->> 'seal' FROM json_each(?1) \
    WHERE value ->> 'id' = token_id) WHERE seal = (SELECT value ->> 'was' FROM json_each(?1) \
    WHERE value ->> 'id' = token_id) AND revoked_at IS NULL";

/// Replaces seals of trusts, as [`RESEAL_TOKENS`] does.
pub const RESEAL_TRUSTS: &str = "UPDATE oidc_trusts SET seal = (SELECT value ->> 'seal' FROM json_each(?1) \
    WHERE value ->> 'id' = trust_id) WHERE seal = (SELECT value ->> 'was' FROM json_each(?1) \
    WHERE value ->> 'id' = trust_id)";

/// Seals API tokens and trusts of older roots under the newest one, so that the older roots can be
/// removed. Deployments stay under the root that their blobs need.
pub(crate) async fn renew<H: Host>(host: &H, roots: &WrapRoots) -> Result<()> {
    let newest = roots.newest().ok();
    let older: Vec<KeyId> = roots.key_ids().filter(|key_id| Some(*key_id) != newest).collect();
    if older.is_empty() {
        return Ok(());
    }
    let values = || vec![Value::json(&older), RESEALED_AT_ONCE.into()];
    let under = vec![Statement::new(TOKENS_UNDER, values()), Statement::new(TRUSTS_UNDER, values())];
    let found = host.transaction(under).await?;
    let kinds = [(Kind::Token, RESEAL_TOKENS), (Kind::Trust, RESEAL_TRUSTS)];
    let mut statements = Vec::new();
    for ((kind, reseal), rows) in kinds.into_iter().zip(found) {
        let (_, id_column, _) = kind.statements();
        let renewed = rows.parse(|row| {
            let (id, was) = (row.read_if_valid::<String>(id_column)?, row.read_if_valid::<String>("seal")?);
            let Verdict { flaw, first_seal, .. } = judge(kind, row, roots, 0);
            let whole = first_seal.filter(|_| flaw.is_none());
            Ok(id.zip(whole).map(|(id, seal)| NewSeal { id, was, seal }))
        })?;
        let renewed: Vec<NewSeal> = renewed.into_iter().flatten().collect();
        if !renewed.is_empty() {
            statements.push(Statement::new(reseal, vec![Value::json(&renewed)]));
        }
    }
    if statements.is_empty() { Ok(()) } else { host.transaction(statements).await.map(drop) }
}

/// How many live API tokens and trusts have a seal under each wrap root.
pub const NEEDED_BY_ROWS: &str = "SELECT CAST(seal AS INTEGER) AS key_id, count(*) AS needing FROM (\
    SELECT seal FROM tokens WHERE revoked_at IS NULL UNION ALL SELECT seal FROM oidc_trusts) \
    WHERE instr(seal, ':') > 0 AND CAST(seal AS INTEGER) BETWEEN 0 AND 4294967295 GROUP BY 1 ORDER BY 1";

/// How many live API tokens and trusts need each wrap root.
pub(crate) async fn needed<H: Host>(host: &H) -> Result<Vec<(KeyId, u64)>> {
    let counts = query(host, NEEDED_BY_ROWS, vec![]).await?;
    counts.parse(|row| Ok((row.read("key_id")?, row.read("needing")?)))
}
