//! `capy service`: draws the key service's own secrets, prints which wrap roots it holds, and seals
//! rows from before rows had seals.

pub(super) mod verify;

use std::path::Path;

use capy_client::Service;
use capy_protocol::api::{RowFinding, RowId, SealRows, WrapRootState};
use capy_protocol::key::{StoreKey, WrapRoot};
use capy_protocol::service_secrets::{ADMIN_TOKEN, WRAP_ROOTS};
use capy_protocol::token::Token;
use capy_protocol::wrap::WrapRoots;
use serde::Serialize;
use zeroize::Zeroizing;

use super::audit::verify::describe_row;
use crate::cli::{AskService, Keygen, SealRowsArguments};
use crate::error::{Error, Result};
use crate::local::private_file;
use crate::printer::{self, table};
use crate::settings::deadline;
use crate::{input, key_service};

/// `capy service keygen`: prints a wrap root (`kid:hex`), an API token or a key, and nothing else,
/// so that it can be piped. With `--secrets-file`, writes the two secrets of a new service to a
/// file.
pub(super) fn keygen(arguments: &Keygen) -> Result<()> {
    let text = match arguments {
        Keygen { secrets_file: Some(path), .. } => return write_secrets(path),
        Keygen { admin_token: true, .. } => draw_admin_token(),
        Keygen { encryption_key: true, .. } => draw_encryption_key(),
        _ => draw_wrap_root(),
    };
    printer::data(&text?)
}

/// Writes one `NAME=value` per line to a new file. An existing file is not replaced, as its secrets
/// cannot be had again from anywhere.
fn write_secrets(path: &Path) -> Result<()> {
    let (token, root) = (draw_admin_token()?, draw_wrap_root()?);
    let text = Zeroizing::new(format!("{ADMIN_TOKEN}={}{WRAP_ROOTS}={}", *token, *root));
    private_file::create_private(path, text.as_bytes())?;
    printer::note(&format!("wrote {ADMIN_TOKEN} and {WRAP_ROOTS} to {}", path.display()));
    Ok(())
}

/// An admin token, in the form of all API tokens; one line.
pub(crate) fn draw_admin_token() -> Result<Zeroizing<String>> {
    let token = Token::generate().map_err(Error::Seal)?;
    Ok(Zeroizing::new(format!("{}\n", token.expose_secret())))
}

/// A wrap root as `kid:hex`; one line.
pub(crate) fn draw_wrap_root() -> Result<Zeroizing<String>> {
    let root = WrapRoot::generate().map_err(Error::Seal)?;
    let kid = WrapRoots::draw_key_id().map_err(Error::Seal)?;
    Ok(Zeroizing::new(format!("{kid}:{}\n", *root.serialize_hex())))
}

/// An encryption key as 64 hexadecimal digits; one line.
pub(crate) fn draw_encryption_key() -> Result<Zeroizing<String>> {
    let key = StoreKey::generate().map_err(Error::Seal)?;
    let mut text = key.serialize_hex();
    text.push('\n');
    Ok(text)
}

/// `capy service roots`: prints which wrap roots the service holds, and which may be removed.
pub(super) fn roots(arguments: &AskService) -> Result<()> {
    let list = key_service::with_token(arguments.url.as_deref())?.wrap_roots(deadline()?)?;
    if arguments.json {
        return printer::json(&list);
    }
    printer::data(&table(
        ["key id", "state", "live deployments", "tokens and trusts", "audit trail"],
        list.roots.iter().map(row),
    ))?;
    for gone in list.roots.iter().filter(|root| !root.held && root.live > 0) {
        printer::note(&format!(
            "\nwarning: wrap root {} is missing and {} live deployments need it: put it back, or deploy again",
            gone.key_id, gone.live
        ));
    }
    for gone in list.roots.iter().filter(|root| !root.held && root.rows > 0) {
        printer::note(&format!(
            "\nwarning: wrap root {} is missing and sealed {} API tokens and trusts: put it back, or create them again",
            gone.key_id, gone.rows
        ));
    }
    for gone in list.roots.iter().filter(|root| !root.held && root.trail > 0) {
        printer::note(&format!(
            "\nwarning: wrap root {0} is missing and the audit trail needs it: put it back, \
            or give it up (`capy audit give-up {0}`)",
            gone.key_id
        ));
    }
    Ok(())
}

fn row(root: &WrapRootState) -> [String; 5] {
    let state = match root {
        WrapRootState { held: false, .. } => "missing",
        WrapRootState { newest: true, .. } => "newest: new deployments use it",
        WrapRootState { live: 0, trail: 0, rows: 0, .. } => "not needed any more: can be removed",
        _ => "still needed",
    };
    [
        root.key_id.to_string(),
        state.into(),
        root.live.to_string(),
        root.rows.to_string(),
        root.trail.to_string(),
    ]
}

/// The rows that `capy service seal-rows` sealed and refused, of all calls together.
#[derive(Default, Serialize)]
struct SealedRows {
    sealed: Vec<RowId>,
    refused: Vec<RowFinding>,
}

/// `capy service seal-rows`: seals deployments, API tokens and trusts from before rows had seals,
/// once that is confirmed.
pub(super) fn seal_rows(arguments: &SealRowsArguments) -> Result<()> {
    let service = key_service::with_token(arguments.ask.url.as_deref())?;
    let planned = seal_all(&service, true)?;
    for finding in &planned.refused {
        printer::note(&describe_row(finding));
    }
    let count = |kind: &str| planned.sealed.iter().filter(|row| row.kind == kind).count();
    let (deploys, tokens, trusts) = (count("deploy"), count("token"), count("trust"));
    let done = match planned.sealed.is_empty() {
        true => planned,
        false => {
            for row in planned.sealed.iter().filter(|row| row.kind != "deploy") {
                printer::note(&format!("without a seal: {} {}", row.kind, row.id));
            }
            let rows = format!("{deploys} deployments, {tokens} API tokens and {trusts} trusts");
            printer::note(&format!("sealing confirms that {rows} are as the service wrote them"));
            input::confirm("are you sure that nobody else wrote to the database?", arguments.yes)?;
            seal_all(&service, false)?
        }
    };
    if arguments.ask.json {
        return printer::json(&done);
    }
    printer::note(&match done.sealed.len() {
        0 => "every row that can have a seal already has one".to_owned(),
        rows => {
            format!("sealed {rows} rows; from now on, a row without a seal is one that somebody else wrote")
        }
    });
    Ok(())
}

/// Seals the rows of all pages, or only says which rows that would be.
fn seal_all(service: &Service, dry_run: bool) -> Result<SealedRows> {
    let (mut report, mut cursor) = (SealedRows::default(), None);
    loop {
        let page = service.seal_rows(&SealRows { cursor, dry_run }, deadline()?)?;
        report.sealed.extend(page.sealed);
        report.refused.extend(page.refused);
        match page.next {
            Some(next) => cursor = Some(next),
            None => return Ok(report),
        }
    }
}
