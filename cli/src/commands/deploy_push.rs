//! `capy deploy --push`: the platform's own command line sets the variables.
//!
//! It shows what it will run and asks, then mints, then runs. A deployment of which nothing arrived is revoked again.

use super::deploy;
use crate::deployment::{Deployment, Wish, Workbench};
use crate::error::{Error, Result};
use crate::push::Report;
use crate::setup_page::is_on_path;
use crate::{input, printer};

pub(super) fn run(workbench: &Workbench, wish: &Wish, project: Option<String>, agreed: bool) -> Result<()> {
    let push = wish.platform.push()?;
    if !is_on_path(&push.program) {
        return Err(Error::PushProgramMissing { program: push.program.clone() });
    }
    workbench.check(wish)?;
    show(workbench, wish, project.as_deref())?;
    input::confirm("run them?", agreed)?;
    let deployment = workbench.mint(wish)?;
    match deployment.pushing(project.as_deref()).and_then(|pushing| pushing.run()) {
        Ok(report) if !report.stored.is_empty() || !report.missing.is_empty() => {
            deployment.hand_over()?;
            tell(&deployment, &report)
        }
        nothing_arrived => {
            if deploy::take_back(workbench, &deployment) {
                printer::note("nothing was set, and the deployment that was made for it is revoked again");
            }
            tell(&deployment, &nothing_arrived?)
        }
    }
}

fn show(workbench: &Workbench, wish: &Wish, project: Option<&str>) -> Result<()> {
    let push = wish.platform.push()?;
    printer::note("this runs, with the values on standard input only:");
    for line in workbench.commands_of(wish, project)? {
        printer::note(&format!("  {line}"));
    }
    if let Some(note) = &push.note {
        printer::note(&format!("note: {note}"));
    }
    Ok(())
}

fn tell(deployment: &Deployment, report: &Report) -> Result<()> {
    let platform = &deployment.platform;
    for (what, names) in [
        ("set, and listed by the platform", &report.stored),
        ("set, but not listed by the platform", &report.missing),
        ("not set", &report.failed),
    ] {
        if !names.is_empty() {
            printer::note(&format!("{what}: {}", names.join(", ")));
        }
    }
    if let Some(complaint) = &report.complaint {
        printer::note(&format!("its command line said: {complaint}"));
    }
    deploy::tell_blob_file(deployment);
    if report.is_whole() {
        let short = deployment.short_id();
        printer::note(&format!(
            "\n{}: {}\n\nto take it back: capy deploy revoke {short}",
            deployment.guide.place, deployment.guide.command
        ));
        return Ok(());
    }
    let failed = [report.missing.as_slice(), report.failed.as_slice()].concat();
    Err(Error::PushIncomplete { platform: platform.name.clone(), failed })
}
