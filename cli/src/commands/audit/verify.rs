//! `capy audit verify`: checks that the audit trail is as the service wrote it, over all projects.
//!
//! The service checks its rows in segments. It cannot know whether the end of the trail was cut
//! off. So this machine remembers the last checkpoint that it saw, and reports a checkpoint that is
//! missing or different the next time. Verification begins there, unless `--all` is given.

use capy_client::{Service, ServiceUrl};
use capy_protocol::api::{Checkpoint, ErrorCode, Finding, Flaw, RowFinding, RowFlaw};
use capy_protocol::id::KeyId;
use serde::Serialize;

use crate::cli::AuditVerify;
use crate::error::{Error, Result};
use crate::key_service;
use crate::local::Config;
use crate::local::pinned_checkpoints::{PinnedCheckpoint, PinnedCheckpoints};
use crate::printer;
use crate::settings::deadline;

/// The result of a whole verification.
#[derive(Default, Serialize)]
struct Report {
    /// How many rows are vouched for.
    events: u64,
    checkpoints: u64,
    /// How many rows are from before rows were sealed.
    unsealed: u64,
    /// How many rows no checkpoint can be made for.
    pending: u64,
    findings: Vec<Shown>,
    /// How many live deployments, API tokens and trusts were checked; none if the service is older
    /// than their seals.
    rows_checked: Option<u64>,
    row_findings: Vec<RowFinding>,
}

/// A finding, as it is printed.
#[derive(PartialEq, Eq, Serialize)]
pub(super) struct Shown {
    flaw: &'static str,
    first: u64,
    last: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<KeyId>,
}

impl Shown {
    fn of_checkpoints(flaw: &'static str, first: u64, last: u64) -> Self {
        Self { flaw, first, last, key_id: None }
    }

    /// Whether an owner gave up the proof openly (`capy audit give-up`), so that the finding is no
    /// sign of tampering.
    fn is_known(&self) -> bool {
        [GIVEN_UP, CHECKPOINT_GIVEN_UP].contains(&self.flaw)
    }
}

pub(in crate::commands) fn run(arguments: &AuditVerify) -> Result<()> {
    let url = key_service::url(arguments.ask.url.as_deref())?;
    let config = Config::find()?;
    let service = Service::new(url.clone()).with_token(config.token(&url)?);
    let pinned = PinnedCheckpoints::of(&config);
    let pin = pinned.read(&url)?;
    let from = pin.as_ref().filter(|_| !arguments.all).map_or(1, |pin| pin.checkpoint);
    let (mut report, last) = verify(&service, pin.as_ref(), from)?;
    verify_rows(&service, &mut report)?;
    if arguments.ask.json {
        printer::json(&report)?;
    }
    for finding in &report.findings {
        printer::note(&describe(finding));
    }
    for finding in &report.row_findings {
        printer::note(&describe_row(finding));
    }
    if report.pending > 0 {
        printer::note(&format!(
            "{} events have no checkpoint, and get none until that is repaired",
            report.pending
        ));
    }
    // If the trail lost or changed the remembered checkpoint, that one stays remembered.
    let is_kept = !report.findings.iter().any(|finding| [SHORTENED, REWRITTEN].contains(&finding.flaw));
    if let Some(checkpoint) = last.filter(|_| is_kept) {
        pinned.write(&url, &PinnedCheckpoint { checkpoint: checkpoint.id, digest: checkpoint.digest })?;
    }
    if !report.findings.iter().all(Shown::is_known) || !report.row_findings.is_empty() {
        return Err(Error::AuditTampered { url });
    }
    describe_whole(&report, &url, from);
    Ok(())
}

/// Tells how much of the trail was verified and is whole.
fn describe_whole(report: &Report, url: &ServiceUrl, from: u64) {
    printer::note(&match report.rows_checked {
        Some(rows) => format!("{rows} live deployments, API tokens and trusts are as the service wrote them"),
        None => {
            "deployments, API tokens and trusts were not checked: the service is too old to seal them".into()
        }
    });
    let but = if report.findings.is_empty() { "" } else { " except for what was given up" };
    printer::note(&format!(
        "the audit trail of {url} is whole{but}: {} events under {} checkpoints{}",
        report.events,
        report.checkpoints,
        match from {
            1 => String::new(),
            _ => format!(
                ", from checkpoint {from} on, which this machine saw before (--all starts at the first)"
            ),
        }
    ));
    if report.unsealed > 0 {
        printer::note(&format!(
            "the first {} events have no proof: the service stored them before it had seals",
            report.unsealed
        ));
    }
}

const GIVEN_UP: &str = "given-up";
const CHECKPOINT_GIVEN_UP: &str = "checkpoint-given-up";
const SHORTENED: &str = "shortened";
const REWRITTEN: &str = "rewritten";

/// Verifies the trail from a checkpoint to the end.
fn verify(
    service: &Service,
    pin: Option<&PinnedCheckpoint>,
    from: u64,
) -> Result<(Report, Option<Checkpoint>)> {
    let (mut report, mut last) = (Report::default(), None::<Checkpoint>);
    let mut at = from;
    loop {
        let segment = service.verify_audit(at, deadline()?)?;
        report.pending += segment.pending;
        report.unsealed += segment.unsealed;
        for finding in segment.findings.iter().map(shown) {
            // Each checkpoint repeats what was given up, and a changed checkpoint is reported by
            // itself and by the next one.
            if !report.findings.contains(&finding) {
                report.findings.push(finding);
            }
        }
        if let Some(checkpoint) = segment.checkpoint {
            report.events += checkpoint.count;
            report.checkpoints += 1;
            let differs =
                |pin: &&PinnedCheckpoint| pin.checkpoint == checkpoint.id && pin.digest != checkpoint.digest;
            if pin.filter(differs).is_some() {
                report.findings.push(Shown::of_checkpoints(REWRITTEN, checkpoint.id, checkpoint.id));
            }
            last = Some(checkpoint);
        }
        match segment.next {
            Some(next) => at = next,
            None => break,
        }
    }
    let reached = last.as_ref().map_or(from - 1, |checkpoint| checkpoint.id);
    if let Some(pin) = pin.filter(|pin| pin.checkpoint > reached) {
        report.findings.push(Shown::of_checkpoints(SHORTENED, reached + 1, pin.checkpoint));
    }
    Ok((report, last))
}

/// Verifies all live deployments, API tokens and trusts.
fn verify_rows(service: &Service, report: &mut Report) -> Result<()> {
    let mut cursor = None::<String>;
    loop {
        let page = match service.verify_rows(cursor.as_deref(), deadline()?) {
            Err(capy_client::Error::ServiceRefused { code: ErrorCode::NotFound, .. }) => return Ok(()),
            page => page?,
        };
        *report.rows_checked.get_or_insert(0) += page.checked;
        report.row_findings.extend(page.findings);
        match page.next {
            Some(next) => cursor = Some(next),
            None => return Ok(()),
        }
    }
}

pub(in crate::commands) fn describe_row(finding: &RowFinding) -> String {
    let RowFinding { kind, id, flaw } = finding;
    let kind = match kind.as_str() {
        "deploy" => "deployment",
        "token" => "API token",
        _ => "trust",
    };
    let what = match flaw {
        RowFlaw::Altered => "somebody altered it in the database; the service refuses it",
        RowFlaw::Unsealed => {
            "it has no seal, so the service refuses it; if an older version stored it, run `capy service seal-rows`"
        }
        RowFlaw::Unverifiable => "its wrap root is missing, so the service refuses it",
        RowFlaw::Unreadable => "the service cannot have written its contents, and refuses it",
        RowFlaw::PutBack => {
            "it is live in the database, but the audit trail says that it ended: revoke it again"
        }
        RowFlaw::SetBack => "it counts fewer uses than the audit trail: revoke it",
        RowFlaw::Unknown => "this version of capy does not know the kind of finding",
    };
    let shown: String = id.chars().filter(|c| c.is_ascii_graphic()).take(64).collect();
    format!("{kind} {shown}: {what}")
}

pub(super) fn shown(finding: &Finding) -> Shown {
    let flaw = match finding.flaw {
        Flaw::Removed => "removed",
        Flaw::Added => "added",
        Flaw::Changed => "changed",
        Flaw::Unreadable => "unreadable",
        Flaw::Unverifiable => "unverifiable",
        Flaw::CheckpointRemoved => "checkpoint-removed",
        Flaw::CheckpointChanged => "checkpoint-changed",
        Flaw::CheckpointUnverifiable => "checkpoint-unverifiable",
        Flaw::GivenUp => GIVEN_UP,
        Flaw::CheckpointGivenUp => CHECKPOINT_GIVEN_UP,
        Flaw::Unknown => "unknown",
    };
    Shown { flaw, first: finding.first, last: finding.last, key_id: finding.key_id }
}

pub(super) fn describe(finding: &Shown) -> String {
    let Shown { flaw, first, last, key_id } = finding;
    let root = key_id.map_or_else(|| "their wrap root".to_owned(), |key_id| format!("wrap root {key_id}"));
    let of = |one: &str, many: &str| match first == last {
        true => format!("{one} {first}"),
        false => format!("{many} {first} to {last}"),
    };
    let (rows, checkpoints) = (of("row", "rows"), of("checkpoint", "checkpoints"));
    match *flaw {
        "removed" => format!("{rows}: removed"),
        "added" => format!("{rows}: added, but not by the service"),
        "changed" => format!("{rows}: changed, or not written by the service"),
        "unreadable" => format!("{rows}: the service cannot have written this"),
        "unverifiable" => format!("{rows}: cannot be checked until the service has their wrap root again"),
        "checkpoint-removed" => format!("{checkpoints}: removed"),
        "checkpoint-changed" => format!("{checkpoints}: changed, or not written by the service"),
        "checkpoint-unverifiable" => {
            format!("{checkpoints}: cannot be checked until the service has the wrap root again")
        }
        GIVEN_UP => format!("{rows}: those sealed under {root} have no proof, because it was given up"),
        CHECKPOINT_GIVEN_UP => {
            format!("{checkpoints}: proved only by later checkpoints, because {root} was given up")
        }
        SHORTENED => format!("{checkpoints}: missing, although this machine saw them before"),
        REWRITTEN => format!("{checkpoints}: different from what this machine saw before"),
        _ => format!("{rows}: this version of capy does not know the kind of finding"),
    }
}
