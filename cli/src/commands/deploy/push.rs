//! `capy deploy --push`: sets the variables by the platform's own command line.
//!
//! Shows the commands and asks, then mints, then runs them. If certainly nothing arrived, the
//! deployment is revoked again. If that is not known, it stays and is named.

use capy_client::signals::Interrupt;

use super::deliver;
use crate::deployment::{CheckedRequest, DeployContext, Deployment};
use crate::error::{DeploymentFault, Error, Result};
use crate::platforms::Push;
use crate::push::{self, PushPlan, Report};
use crate::{input, printer};

/// What to do next where a platform lists names alone.
const NEXT_CHECK: &str = "next, see whether the values are whole: save what the platform holds to FILE, where it shows \
                          values, and run\n     capy deploy --check --held FILE\nwhere it shows none, `capy deploy \
                          list` counts a use once its first build or start has opened them";

pub(in crate::commands) fn run(
    context: &DeployContext,
    checked: &CheckedRequest,
    project: Option<String>,
    yes: bool,
) -> Result<()> {
    let push = checked.request.platform.push()?;
    if push::find(&push.program).is_none() {
        return Err(Error::PushProgramMissing { program: push.program.clone() });
    }
    show_commands(push, checked, project.as_deref())?;
    input::confirm("run them?", yes)?;
    let deployment = context.mint(checked)?;
    // If a signal ends a program that runs, this still reports what became of the deployment.
    let interrupt = Interrupt::catch().map_err(Error::Input)?;
    let pushed = PushPlan::of(&deployment, project.as_deref()).and_then(|plan| plan.run(interrupt.stop()));
    let result = match pushed {
        Ok(report) if !report.nothing_was_set() => deployment
            .mark_delivered()
            .and_then(|()| report_result(&deployment, &report, Some(deployment.short_id()))),
        nothing_arrived => {
            let is_revoked = deliver::revoke_after_failure(context, &deployment);
            if is_revoked {
                printer::note("nothing was set, so the new deployment is revoked again");
            }
            let live = (!is_revoked).then(|| deployment.short_id());
            nothing_arrived.and_then(|report| report_result(&deployment, &report, live))
        }
    };
    if let (Err(error), true) = (&result, interrupt.stop().load(std::sync::atomic::Ordering::SeqCst)) {
        printer::error(error);
        interrupt.end();
    }
    interrupt.release();
    result
}

/// Prints the command lines that are going to be run.
fn show_commands(push: &Push, checked: &CheckedRequest, project: Option<&str>) -> Result<()> {
    printer::note("these commands run, and get the values only on standard input:");
    for line in push::commands_of(checked, project)? {
        printer::note(&format!("  {line}"));
    }
    if let Some(note) = &push.note {
        printer::note(&format!("note: {note}"));
    }
    Ok(())
}

/// Prints what became of each variable, and what to do next.
fn report_result(deployment: &Deployment, report: &Report, live: Option<String>) -> Result<()> {
    for (what, names) in [
        ("set, and verified", &report.stored),
        ("set, but the platform does not show whether the value is whole", &report.listed),
        ("set, but the platform stored a different value", &report.altered),
        ("set, but not listed by the platform", &report.missing),
        ("unknown whether set", &report.unknown),
        ("not set", &report.failed),
    ] {
        if !names.is_empty() {
            printer::note(&format!("{what}: {}", names.join(", ")));
        }
    }
    if let Some(message) = &report.program_message {
        printer::note(&format!("its command line printed: {message}"));
    }
    if live.is_some() {
        deliver::print_blob_file(deployment);
        deliver::print_command(&deployment.guide);
        deliver::print_preset_notes(deployment);
        let short = deployment.short_id();
        if !report.listed.is_empty() && report.is_complete() {
            printer::note(&format!("\n{NEXT_CHECK}"));
        }
        printer::note(&format!("\nto revoke deployment {short}: capy deploy revoke {short}"));
    }
    outcome(deployment, report, live)
}

/// What of the push is an error: variables that are not set, or others that keep them from opening.
fn outcome(deployment: &Deployment, report: &Report, live: Option<String>) -> Result<()> {
    if report.is_complete() {
        return Ok(());
    }
    let platform = deployment.platform.name.clone();
    let (unset, unknown) = (report.not_set(), report.unknown.clone());
    let error = if unset.is_empty() && unknown.is_empty() {
        let (names, removals) = (report.left_over.clone(), report.removals.clone());
        DeploymentFault::PushLeftOver { platform, names, removals }
    } else {
        DeploymentFault::PushIncomplete { platform, unset, unknown, live }
    };
    Err(error.into())
}
