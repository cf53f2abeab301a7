//! `capy deploy`: mints one deployment of `.env` and hands over what its platform is to hold.
//!
//! On the setup page, or at the terminal where no browser can be; printed when a script asks. A deployment whose
//! variables could not be printed is revoked again: nobody would know of it.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::path::Path;

use capy_protocol::id::DeployId;
use serde::Serialize;
use zeroize::Zeroizing;

use super::deploy_steps::Then;
use super::{deploy_check, deploy_push, deploy_steps};
use crate::cli::Mint;
use crate::deployment::{BlobPlace, Deployment, Replaces, Wish, Wishes, Workbench, lines};
use crate::error::{DeploymentFault as Fault, Error, Result};
use crate::local::private_file;
use crate::platforms::Guide;
use crate::setup_page::{self, Way};
use crate::{input, platforms, printer};

pub(super) fn run(arguments: Mint) -> Result<()> {
    if arguments.check {
        return deploy_check::run(&arguments);
    }
    let wishes = wishes(&arguments);
    if arguments.print || arguments.json {
        let wish = wishes.wish()?;
        let workbench = Workbench::open(arguments.file.env_file)?;
        return print(&workbench, &agreed(&workbench, wish, arguments.yes)?, arguments.json);
    }
    if arguments.push {
        let wish = wishes.wish()?;
        let workbench = Workbench::open(arguments.file.env_file)?;
        let wish = agreed(&workbench, wish, arguments.yes)?;
        return deploy_push::run(&workbench, &wish, arguments.project, arguments.yes);
    }
    if let Some(id) = &wishes.platform {
        platforms::find(id)?.environment(wishes.environment.as_deref())?;
    }
    if let Some(way) = Way::find(arguments.no_open) {
        return setup_page::serve(Workbench::open(arguments.file.env_file)?, wishes, &way);
    }
    if !somebody_is_there() {
        return Err(Error::NoOutput);
    }
    let workbench = Workbench::open(arguments.file.env_file)?;
    printer::note(
        "no browser can be opened here, so this asks; --no-open prints the page's address instead\n",
    );
    match deploy_steps::ask(&workbench, &wishes)? {
        Then::Print(wish) => print(&workbench, &wish, false),
        Then::Write(wish, path) => write(&workbench, &wish, &path),
        Then::Push(wish, project) => deploy_push::run(&workbench, &wish, project, false),
        Then::Nothing => Ok(()),
    }
}

fn wishes(arguments: &Mint) -> Wishes {
    Wishes {
        platform: arguments.platform.clone(),
        environment: arguments.environment.clone(),
        only: arguments.only.clone(),
        label: arguments.label.clone(),
        terms: arguments.terms.clone().into(),
        credential: arguments.credential.into(),
        format: arguments.format.into(),
        blob: BlobPlace::of(arguments.split, arguments.blob_file.as_deref()),
    }
}

fn somebody_is_there() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// The wish, after a question where a file would lose a live deployment's blob.
pub(super) fn agreed(workbench: &Workbench, mut wish: Wish, yes: bool) -> Result<Wish> {
    match workbench.check(&wish) {
        Err(error @ Error::Deployment(Fault::BlobFileInUse { .. })) if yes || somebody_is_there() => {
            let question =
                format!("{error}: with the file, the platform will need the new variables, too\nreplace it?");
            input::confirm(&question, yes)?;
            wish.blob.replace(Replaces::Any);
        }
        result => result?,
    }
    Ok(wish)
}

/// Mints, prints, and says what to do with it.
pub(super) fn print(workbench: &Workbench, wish: &Wish, as_json: bool) -> Result<()> {
    let deployment = workbench.mint(wish)?;
    let text = if as_json { json(&deployment) } else { lines(&deployment.variables) };
    handed_over(workbench, &deployment, printer::data(&text))?;
    if !as_json {
        explain(&deployment, None);
    }
    Ok(())
}

/// Mints, writes the lines to a new file of this user's alone, and says what to do with it.
fn write(workbench: &Workbench, wish: &Wish, path: &Path) -> Result<()> {
    let deployment = workbench.mint(wish)?;
    let text = lines(&deployment.variables);
    let written = private_file::create(path, text.as_bytes(), &private_file::Access::PRIVATE)
        .map_err(Error::file("write", path));
    handed_over(workbench, &deployment, written)?;
    explain(&deployment, Some(path));
    Ok(())
}

/// What nobody could be handed is undone.
fn handed_over(workbench: &Workbench, deployment: &Deployment, result: Result<()>) -> Result<()> {
    if let Err(error) = result {
        take_back(workbench, deployment);
        return Err(error);
    }
    deployment.hand_over()
}

/// Undoes a deployment after an error that is the one to be told; whether it was undone is told here.
pub(super) fn take_back(workbench: &Workbench, deployment: &Deployment) -> bool {
    let taken = workbench.take_back(deployment);
    if let Err(fault) = &taken {
        printer::note(&format!("warning: deployment {} could not be revoked again: {fault}", deployment.id));
    }
    taken.is_ok()
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
    tell_command(guide);
    let is_saved = |note: &&String| saved.is_some() && note.starts_with("first save");
    if let Some(note) = guide.cli_note.as_ref().filter(|note| !is_saved(note)) {
        printer::note(&format!("\non the command line: {note}"));
    } else if !guide.cli.is_empty() {
        printer::note("\nor on the command line:");
    }
    if !guide.cli.is_empty() {
        printer::note(&indented(guide.cli.iter().flat_map(|line| line.lines())));
    }
    tell_blob_file(deployment);
    tell_set_there(deployment);
    if let Some(warning) = platform.limits.warning(&deployment.sizes()) {
        printer::note(&format!("\nwarning: {warning}"));
    }
    let docs = if platform.docs.is_empty() { String::new() } else { format!("see {}\n", platform.docs) };
    printer::note(&format!("\n{docs}to take it back: capy deploy revoke {short}"));
}

/// What goes into the build step or in front of the program.
pub(super) fn tell_command(guide: &Guide) {
    printer::note(&format!("\n{}:\n{}", guide.place, indented(guide.command.lines())));
}

pub(super) fn tell_blob_file(deployment: &Deployment) {
    if let Some(placed) = &deployment.blob_file {
        printer::note(&format!("\nthe blob is in {}: deploy it beside the code", placed.file.path.display()));
    }
}

/// What the platform sets itself meets these values.
pub(super) fn tell_set_there(deployment: &Deployment) {
    for note in &deployment.set_there {
        printer::note(&format!("\nnote: {note}"));
    }
}

fn indented<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    lines.map(|line| format!("     {line}")).collect::<Vec<_>>().join("\n")
}
