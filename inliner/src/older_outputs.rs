//! Known outputs that are older than the run, because a cache kept them or nothing was built.
//!
//! Checks whether such an output holds the values anyway, from an earlier run. Never writes into
//! one.

use std::path::PathBuf;

use crate::finding::Severity;
use crate::layout::{Inventory, Layout, tree};
use crate::plan;
use crate::progress::Run;
use crate::{Error, Request};

/// The manifests of older outputs that do not hold the values.
pub(crate) fn without_values(
    request: &Request<'_>,
    older: Vec<Layout>,
    run: &Run<'_>,
) -> Result<Vec<PathBuf>, Error> {
    let mut outdated = Vec::new();
    for layout in older {
        let manifest = layout.evidence.first().map_or_else(|| layout.tree.clone(), |(path, _)| path.clone());
        match holds_values(request, layout, run) {
            Ok(true) => {}
            Err(error @ (Error::Stopped | Error::TimeOver)) => return Err(error),
            Ok(false) | Err(_) if request.refuse_older => return Err(Error::OlderThanRun { path: manifest }),
            // A broken output is reported as outdated, too.
            Ok(false) | Err(_) => outdated.push(manifest),
        }
    }
    Ok(outdated)
}

/// Whether a run would change nothing and find no failure.
fn holds_values(request: &Request<'_>, layout: Layout, run: &Run<'_>) -> Result<bool, Error> {
    let inventory = Inventory::of(tree(request)?, &[layout], &[])?;
    let (report, changes) = plan::plan(request, &inventory, run)?;
    Ok(changes.is_empty() && report.worst() != Some(Severity::Failure))
}
