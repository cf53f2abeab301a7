//! `capy deploy`: mints one deployment of `.env` and hands over what its platform is to hold.
//!
//! A deployment whose variables could not be handed over is revoked again: nobody would know of it.

use std::collections::BTreeMap;

use capy_protocol::id::DeployId;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::cli::Mint;
use crate::deployment::{Deployment, Wish, Workbench};
use crate::error::{Error, Result};
use crate::{platforms, printer};

pub(super) fn run(arguments: Mint) -> Result<()> {
    if !arguments.print && !arguments.json {
        return Err(Error::NoOutput);
    }
    let wish = wish(&arguments)?;
    let workbench = Workbench::open(arguments.file.env_file)?;
    let deployment = workbench.mint(&wish)?;
    let text = if arguments.json { json(&deployment) } else { deployment.lines() };
    if let Err(error) = deployment.write_blob_file().and_then(|()| printer::data(&text)) {
        if let Err(fault) = workbench.revoke(&deployment.id) {
            printer::note(&format!(
                "warning: deployment {} could not be revoked again: {fault}",
                deployment.id
            ));
        }
        return Err(error);
    }
    if arguments.print {
        explain(&deployment);
    }
    Ok(())
}

fn wish(arguments: &Mint) -> Result<Wish> {
    let platform = platforms::find(arguments.platform.as_deref().unwrap_or_default())?;
    let environment = platform.environment(arguments.environment.as_deref())?;
    Ok(Wish {
        platform,
        environment,
        only: arguments.only.clone(),
        label: arguments.label.clone().or_else(|| arguments.environment.clone()),
        credential: arguments.credential,
        format: arguments.format,
        blob_file: arguments.blob_file.clone(),
    })
}

#[derive(Serialize)]
struct Json<'a> {
    deploy_id: &'a DeployId,
    platform: &'a str,
    command: &'a str,
    variables: BTreeMap<&'static str, &'a str>,
}

fn json(deployment: &Deployment) -> Zeroizing<String> {
    let json = Json {
        deploy_id: &deployment.id,
        platform: deployment.platform.id,
        command: &deployment.guide.command,
        variables: deployment
            .variables
            .iter()
            .map(|variable| (variable.name, variable.value.as_str()))
            .collect(),
    };
    let mut text = Zeroizing::new(serde_json::to_string_pretty(&json).expect("strings are always JSON"));
    text.push('\n');
    text
}

fn explain(deployment: &Deployment) {
    let (platform, guide) = (&deployment.platform, &deployment.guide);
    let short = deployment.short_id();
    printer::note(&format!("\ndeployment {short} for {}: {}", platform.name, platform.pattern.explain()));
    for (index, step) in guide.steps.iter().enumerate() {
        printer::note(&format!("  {}. {step}", index + 1));
    }
    printer::note(&format!("\n{}:\n{}", guide.place, indented(guide.command.lines())));
    if !guide.cli.is_empty() {
        printer::note(&format!(
            "\nor on the command line:\n{}",
            indented(guide.cli.iter().map(String::as_str))
        ));
    }
    if let Some((path, _)) = &deployment.blob_file {
        printer::note(&format!("\nthe blob is in {}: deploy it beside the code", path.display()));
    }
    let sizes: Vec<_> = deployment.variables.iter().map(|one| (one.name, one.value.len())).collect();
    if let Some(warning) = platform.limits.warning(&sizes) {
        printer::note(&format!("\nwarning: {warning}"));
    }
    let docs = if platform.docs.is_empty() { String::new() } else { format!("see {}\n", platform.docs) };
    printer::note(&format!("\n{docs}to take it back: capy deploy revoke {short}"));
}

fn indented<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    lines.map(|line| format!("     {line}")).collect::<Vec<_>>().join("\n")
}
