//! `capy token trust`: CI identities that the service accepts in place of an API token.

use capy_protocol::api::trusts::{GITHUB_ISSUER, NewTrust, Trust, TrustClaims};
use capy_protocol::scope::Scope;
use capy_protocol::token::TrustId;
use serde::Serialize;

use crate::cli::{AskService, TokenTrust, TrustAdd, TrustRemove};
use crate::error::{Error, Result};
use crate::key_service;
use crate::printer::{self, shown, table, time};
use crate::project::parse_scope;
use crate::settings::deadline;

const HEAD: [&str; 5] = ["id", "repository", "only", "scope", "created"];

pub(in crate::commands) fn run(command: TokenTrust) -> Result<()> {
    match command {
        TokenTrust::Add(add) => self::add(add),
        TokenTrust::List(list) => self::list(&list),
        TokenTrust::Remove(remove) => self::remove(&remove),
    }
}

/// Adds a trust. Its audience is by default the service's own URL: `capy` asks GitHub for identity
/// tokens with that audience.
fn add(arguments: TrustAdd) -> Result<()> {
    let service = key_service::with_token(arguments.ask.url.as_deref())?;
    let trust = NewTrust {
        issuer: arguments.issuer.unwrap_or_else(|| GITHUB_ISSUER.into()),
        audience: arguments.audience.unwrap_or_else(|| service.url().to_string()),
        claims: TrustClaims {
            workflow_ref: arguments.workflow.map(|path| of_repository(&arguments.repository, path)),
            repository: arguments.repository,
            repository_id: arguments.repository_id,
            git_ref: arguments.git_ref,
            environment: arguments.environment,
            job_workflow_ref: arguments.job_workflow,
        },
        scope: parse_scope(&arguments.scope)?,
    };
    let trust = service.add_trust(&trust, deadline()?)?;
    let warnings = warnings(&trust.claims);
    if arguments.ask.json {
        report(&warnings);
        return printer::json(&Added { trust, warnings });
    }
    let id = trust.trust_id;
    printer::note(&format!(
        "{id}: jobs of {} have {}{}; to remove this trust: capy token trust remove {id}",
        shown(Some(&trust.claims.repository)),
        trust.scope,
        limits(&trust.claims).map(|only| format!(", with {only}")).unwrap_or_default(),
    ));
    report(&warnings);
    Ok(())
}

/// A new trust, with warnings about it.
#[derive(Serialize)]
struct Added {
    #[serde(flatten)]
    trust: Trust,
    warnings: Vec<String>,
}

/// Warnings for claims whose `*` does not follow a `/`: whoever can push a branch that begins alike
/// has the scope.
fn warnings(claims: &TrustClaims) -> Vec<String> {
    let is_loose = |value: &str| value.strip_suffix('*').is_some_and(|begin| !begin.ends_with('/'));
    let warning = |(claim, value): (&str, &str)| {
        let (value, begin) = (shown(Some(value)), shown(value.strip_suffix('*')));
        format!("{claim} {value} also matches names such as {begin}-x")
    };
    named(claims).filter(|(_, value)| is_loose(value)).map(warning).collect()
}

fn report(warnings: &[String]) {
    for warning in warnings {
        printer::note(&format!("warning: {warning}"));
    }
    if !warnings.is_empty() {
        printer::note("\nhint: write the whole name, or put a / before the *, as in refs/heads/release/*");
    }
}

/// A workflow's path with the repository in front, as the identity names it.
fn of_repository(repository: &str, path: String) -> String {
    match path.starts_with(".github/") {
        true => format!("{repository}/{path}"),
        false => path,
    }
}

fn list(arguments: &AskService) -> Result<()> {
    let list = key_service::with_token(arguments.url.as_deref())?.trusts(deadline()?)?;
    report(&list.trusts.iter().flat_map(|trust| warnings(&trust.claims)).collect::<Vec<_>>());
    if arguments.json {
        return printer::json(&list);
    }
    if list.trusts.is_empty() {
        printer::note("no CI identity is trusted yet");
        return Ok(());
    }
    printer::data(&table(HEAD, list.trusts.iter().map(row)))
}

fn row(trust: &Trust) -> [String; 5] {
    [
        trust.trust_id.to_string(),
        shown(Some(&trust.claims.repository)),
        shown(limits(&trust.claims).as_deref()),
        Scope::to_string(&trust.scope),
        time(trust.created_at),
    ]
}

/// The claims that narrow a trust within its repository.
fn limits(claims: &TrustClaims) -> Option<String> {
    let limits: Vec<_> =
        named(claims).map(|(name, value)| format!("{name} {}", shown(Some(value)))).collect();
    (!limits.is_empty()).then(|| limits.join(", "))
}

/// The claims that are set, each with its name for people.
fn named(claims: &TrustClaims) -> impl Iterator<Item = (&'static str, &str)> {
    let all = [
        ("number", &claims.repository_id),
        ("ref", &claims.git_ref),
        ("environment", &claims.environment),
        ("workflow", &claims.workflow_ref),
        ("reusable workflow", &claims.job_workflow_ref),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)))
}

fn remove(arguments: &TrustRemove) -> Result<()> {
    let id = arguments.id.trim();
    let id = TrustId::parse(id).map_err(|_| Error::TrustIdMalformed { text: id.into() })?;
    key_service::with_token(arguments.service.url.as_deref())?.remove_trust(&id, deadline()?)?;
    printer::note(&format!("trust {id} is removed: from now on the service refuses those jobs"));
    Ok(())
}
