//! Verifies the sealed rows of deployments, API tokens and trusts, and seals those from before row
//! seals existed.

use std::sync::Arc;

use capy_protocol::api::{RowVerification, SealRows, SealedRows};

use crate::app::App;
use crate::audit::{Action, Subject};
use crate::auth;
use crate::call::{Answer, Call, Outcome};
use crate::error::ApiError;
use crate::host::Host;
use crate::query::{self, InvalidQuery};
use crate::store::row_seals::{self, Cursor};

/// `GET /admin/rows/verify?cursor=`: verifies a page of sealed rows.
///
/// 1. Require an admin's bearer: 401, 403. Parse the cursor: 400.
/// 2. Answer 200 with the findings about a page of live deployments, API tokens and trusts, and the
///    cursor of the next page. 503 without the database.
pub(crate) async fn verify<H: Host>(app: Arc<App<H>>, call: Call) -> Outcome {
    auth::admin(&app, call.authorization()).await?;
    let cursor = cursor(query::only(call.query(), "cursor")?)?;
    let page = row_seals::verify_page(&app.host, &*app.secrets.wrap_roots()?, &cursor).await?;
    let next = page.next.as_ref().map(Cursor::text);
    Answer::ok(&RowVerification { checked: page.checked, findings: page.findings, next })
}

/// `POST /admin/rows/seal`: seals a page of rows that have no seal.
///
/// 1. Require an admin's bearer: 401, 403. Read the body: 400, 413, 415. Parse the cursor: 400.
/// 2. Seal the live rows of a page that have no seal, unless the audit trail contradicts them, and
///    write one event: 503. A dry run writes nothing.
/// 3. Answer 200 with the sealed rows, the findings that remain, and the cursor of the next page.
pub(crate) async fn seal<H: Host>(app: Arc<App<H>>, call: Call) -> Outcome {
    let identity = auth::admin(&app, call.authorization()).await?;
    let caller = call.caller();
    let request: SealRows = call.json().await?;
    let cursor = cursor(request.cursor.as_deref())?;
    let page = row_seals::verify_page(&app.host, &*app.secrets.wrap_roots()?, &cursor).await?;
    let sealed = page.sealable();
    if !request.dry_run && !sealed.is_empty() {
        let ids: Vec<_> = sealed.iter().map(|row| row.id.as_str()).collect();
        let detail = format!("{} of kind {}: {}", sealed.len(), sealed[0].kind, ids.join(" "));
        let subject = Subject::of_service(&"rows", Some(detail));
        let event = app.seal(&identity.event(Action::SealRows, app.clock.now(), caller), subject, "ok")?;
        row_seals::seal(&app.host, &page, &event).await?;
    }
    Answer::ok(&SealedRows { sealed, refused: page.refused(), next: page.next.as_ref().map(Cursor::text) })
}

fn cursor(text: Option<&str>) -> Result<Cursor, ApiError> {
    let cursor = text.map_or_else(|| Some(Cursor::start()), Cursor::parse);
    Ok(cursor.ok_or(InvalidQuery::Cursor)?)
}
