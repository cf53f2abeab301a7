//! Delivers a deployment's variables, printed or in a file, with instructions.

use std::collections::BTreeMap;
use std::path::Path;

use capy_protocol::id::DeployId;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::deployment::{CheckedRequest, DeployContext, Deployment, lines};
use crate::error::Result;
use crate::local::private_file;
use crate::platforms::Guide;
use crate::printer;

/// Mints, prints the variables, and explains what to do with them.
pub(super) fn print(context: &DeployContext, checked: &CheckedRequest, as_json: bool) -> Result<()> {
    let deployment = context.mint(checked)?;
    let text = if as_json { json(&deployment) } else { lines(&deployment.variables) };
    mark_delivered_or_revoke(context, &deployment, printer::data(&text))?;
    if !as_json {
        explain(&deployment, None);
    }
    Ok(())
}

/// Mints, writes the variables to a new file of this user's alone, and explains what to do with
/// them.
pub(super) fn write(context: &DeployContext, checked: &CheckedRequest, path: &Path) -> Result<()> {
    let deployment = context.mint(checked)?;
    let text = lines(&deployment.variables);
    let written = private_file::create_private(path, text.as_bytes());
    mark_delivered_or_revoke(context, &deployment, written)?;
    explain(&deployment, Some(path));
    Ok(())
}

/// Notes that the deployment was delivered, or revokes it if that failed.
fn mark_delivered_or_revoke(
    context: &DeployContext,
    deployment: &Deployment,
    delivered: Result<()>,
) -> Result<()> {
    if let Err(error) = delivered {
        revoke_after_failure(context, deployment);
        return Err(error);
    }
    deployment.mark_delivered()
}

/// Revokes a deployment after an error, which the caller reports. Returns whether that worked, and
/// prints a warning if not.
pub(super) fn revoke_after_failure(context: &DeployContext, deployment: &Deployment) -> bool {
    let revoked = context.revoke_and_restore(deployment);
    if let Err(error) = &revoked {
        printer::note(&format!("warning: cannot revoke deployment {} again: {error}", deployment.id));
    }
    revoked.is_ok()
}

/// The output of `--json`.
#[derive(Serialize)]
struct Json<'a> {
    deploy_id: &'a DeployId,
    platform: &'a str,
    command: &'a str,
    variables: BTreeMap<&'static str, &'a str>,
}

fn json(deployment: &Deployment) -> Zeroizing<String> {
    printer::json_text(&Json {
        deploy_id: &deployment.id,
        platform: deployment.platform.id,
        command: &deployment.guide.command,
        variables: deployment
            .variables
            .iter()
            .map(|variable| (variable.name, variable.value.as_str()))
            .collect(),
    })
}

fn explain(deployment: &Deployment, saved: Option<&Path>) {
    let (platform, guide) = (&deployment.platform, &deployment.guide);
    let short = deployment.short_id();
    if let Some(path) = saved {
        let path = path.display();
        printer::note(&format!(
            "\nthe variables are in {path}: keep it out of git, and remove it when {} has them",
            platform.name
        ));
    }
    printer::note(&format!("\ndeployment {short} for {}: {}", platform.name, platform.pattern.explain()));
    for (index, step) in guide.steps.iter().enumerate() {
        printer::note(&format!("  {}. {step}", index + 1));
    }
    print_command(guide);
    let is_saved = |note: &&String| saved.is_some() && note.starts_with("first save");
    if let Some(note) = guide.cli_note.as_ref().filter(|note| !is_saved(note)) {
        printer::note(&format!("\non the command line: {note}"));
    } else if !guide.cli.is_empty() {
        printer::note("\nor on the command line:");
    }
    if !guide.cli.is_empty() {
        printer::note(&indented(guide.cli.iter().flat_map(|line| line.lines())));
    }
    print_blob_file(deployment);
    print_preset_notes(deployment);
    if let Some(warning) = platform.limits.warning(&deployment.sizes()) {
        printer::note(&format!("\nwarning: {warning}"));
    }
    let docs = if platform.docs.is_empty() { String::new() } else { format!("see {}\n", platform.docs) };
    printer::note(&format!("\n{docs}to revoke it: capy deploy revoke {short}"));
}

/// Prints the command that goes into the build step or in front of the program.
pub(super) fn print_command(guide: &Guide) {
    printer::note(&format!("\n{}:\n{}", guide.place, indented(guide.command.lines())));
}

pub(super) fn print_blob_file(deployment: &Deployment) {
    if let Some(written) = &deployment.blob_file {
        printer::note(&format!("\nthe blob is in {}: deploy it with the code", written.file.path.display()));
    }
}

/// Prints notes on variables that the platform, or the system there, sets itself.
pub(super) fn print_preset_notes(deployment: &Deployment) {
    for note in &deployment.preset_notes {
        printer::note(&format!("\nnote: {note}"));
    }
}

fn indented<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    lines.map(|line| format!("     {line}")).collect::<Vec<_>>().join("\n")
}
