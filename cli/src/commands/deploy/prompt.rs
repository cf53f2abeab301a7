//! Asks at the terminal what the setup page asks, for a machine without a browser.
//!
//! Returns a checked request. Nothing is minted here, and no value is asked for or shown.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::cli::OptionValue;
use crate::deployment::{
    BlobFile, BlobPlace, CheckedRequest, DeployContext, DeployRequest, PartialRequest, Terms, lifetime,
};
use crate::error::{Error, Result};
use crate::platforms::{self, FILE, Platform};
use crate::{input, printer, push};

/// How the variables get to the platform.
pub(super) enum Delivery {
    Print,
    /// Writes them to a new file.
    Write(PathBuf),
    /// Sets them for the project of this name, or for this folder's.
    Push {
        project: Option<String>,
    },
}

/// Asks for everything that the command line leaves open; `None` if nothing is to be made.
pub(super) fn ask(
    context: &DeployContext,
    mut request: PartialRequest,
) -> Result<Option<(CheckedRequest, Delivery)>> {
    let platform = match &request.platform {
        Some(id) => platforms::find(id)?,
        None => ask_platform(context)?,
    };
    request.platform = Some(platform.id.into());
    if request.environment.is_none() && platform.has_choice() {
        request.environment = ask_environment(&platform)?;
    }
    if request.only.is_none() {
        request.only = ask_variables(context)?;
    }
    if request.label.is_none() {
        request.label = Some(line("a label for `capy deploy list` [the environment, if any]: ")?);
    }
    request.terms = ask_terms(request.terms)?;
    if is_yes(&line("is it for another client than capy? [y/N] ")?) {
        request.credential = choose("the credential beside the blob", OptionValue(request.credential))?.0;
        request.format = choose("the blob's format", OptionValue(request.format))?.0;
    }
    let mut request = request.complete()?;
    offer_alternatives(context, &mut request)?;
    let checked = context.check(request, confirm_overwrite(false))?;
    let delivery = ask_delivery(&checked.request)?;
    Ok(delivery.map(|delivery| (checked, delivery)))
}

fn ask_delivery(request: &DeployRequest) -> Result<Option<Delivery>> {
    let name = &request.platform.name;
    let push = request.platform.push().ok().filter(|push| push::find(&push.program).is_some());
    let push = push.filter(|_| request.platform.sets(request.environment.as_deref()));
    // An existing file may hold another deployment's variables.
    let can_write = !Path::new(FILE).exists();
    let set = push.map(|push| format!("(s)et by {}, ", push.program)).unwrap_or_default();
    let write = if can_write { format!("(w)ritten to {FILE}, ") } else { String::new() };
    let or = if set.is_empty() && write.is_empty() { "" } else { "or " };
    let question = format!("make a deployment for {name}; its variables: {set}{write}{or}(p)rinted here? ");
    loop {
        match (line(&question)?.to_lowercase().as_str(), push) {
            ("p" | "print", _) => return Ok(Some(Delivery::Print)),
            ("w" | "write", _) if can_write => return Ok(Some(Delivery::Write(FILE.into()))),
            ("s" | "set", Some(push)) => {
                let option = push.project.as_deref();
                let ask = |option: &str| line(&format!("project ({option}) [this folder's]: "));
                let project = option.map(ask).transpose()?.filter(|project| !project.is_empty());
                return Ok(Some(Delivery::Push { project }));
            }
            ("n" | "no" | "q" | "quit", _) => return Ok(None),
            _ => printer::note("type one of the letters, or n to stop"),
        }
    }
}

/// Asks for one of the values that an option takes.
fn choose<T: ValueEnum + Copy>(what: &str, usual: T) -> Result<T> {
    let name = |one: &T| one.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    let words: Vec<_> = T::value_variants().iter().map(name).collect();
    loop {
        let typed = line(&format!("{what}: {}? [{}]: ", words.join(" or "), name(&usual)))?;
        if typed.is_empty() {
            return Ok(usual);
        }
        match T::from_str(&typed, true) {
            Ok(chosen) => return Ok(chosen),
            Err(_) => printer::note("none of these"),
        }
    }
}

fn ask_platform(context: &DeployContext) -> Result<Platform> {
    let all = platforms::all();
    let folder = context.project.folder();
    let (found, others): (Vec<_>, Vec<_>) = all.iter().partition(|one| one.marker_in(&folder).is_some());
    for platform in &found {
        let marker = platform.marker_in(&folder).unwrap_or_default();
        printer::note(&format!("  {:<20} {} (found {marker})", platform.id, platform.name));
    }
    for platform in others {
        printer::note(&format!("  {:<20} {}", platform.id, platform.name));
    }
    let usual = found.first().map(|platform| platform.id);
    loop {
        let shown = usual.map(|id| format!(" [{id}]")).unwrap_or_default();
        let typed = line(&format!("platform{shown}: "))?.to_lowercase();
        let typed = if typed.is_empty() { usual.unwrap_or_default().to_owned() } else { typed };
        match matching(&all, &typed)[..] {
            [only] => return Ok(only.clone()),
            [] => printer::note("none of these; type a part of its name"),
            ref several => {
                let names: Vec<_> = several.iter().map(|platform| platform.id).collect();
                printer::note(&format!("did you mean {}?", names.join(", ")));
            }
        }
    }
}

/// Platforms by their whole id, else by a part of id or name, or by a search word.
fn matching<'a>(all: &'a [Platform], typed: &str) -> Vec<&'a Platform> {
    if let Some(exact) = all.iter().find(|platform| platform.id == typed) {
        return vec![exact];
    }
    let matches = |platform: &&Platform| {
        !typed.is_empty()
            && (platform.id.contains(typed)
                || platform.name.to_lowercase().contains(typed)
                || platform.search.iter().any(|word| word == typed))
    };
    all.iter().filter(matches).collect()
}

pub(super) fn ask_environment(platform: &Platform) -> Result<Option<String>> {
    let own = if platform.own_environments { "another by its name" } else { "" };
    let known: Vec<_> = platform
        .environments
        .iter()
        .map(String::as_str)
        .chain([own])
        .filter(|name| !name.is_empty())
        .collect();
    let usual = platform.environments.first().map_or("none", String::as_str);
    loop {
        let typed = line(&format!("environment: {} [{usual}]: ", known.join(", ")))?;
        match platform.environment(Some(&typed).filter(|typed| !typed.is_empty()).map(String::as_str)) {
            Ok(environment) => return Ok(environment),
            Err(error) => printer::note(&error.to_string()),
        }
    }
}

pub(super) fn ask_variables(context: &DeployContext) -> Result<Option<Vec<String>>> {
    let names: Vec<_> = context.values.names().collect();
    printer::note(&format!("variables: {}", names.join(", ")));
    loop {
        let typed = line("which of them? [all]: ")?;
        if typed.is_empty() || typed == "all" {
            return Ok(None);
        }
        let chosen: Vec<_> =
            typed.split([',', ' ']).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        match chosen.iter().find(|name| context.values.get(name).is_none()) {
            None => return Ok(Some(chosen)),
            Some(unknown) => printer::note(&format!("{unknown} is not one of them")),
        }
    }
}

/// Asks for the terms that the command line does not set.
fn ask_terms(mut terms: Terms) -> Result<Terms> {
    while terms.expires.is_none() {
        let typed = line("expires after, such as 90d [never]: ")?;
        if typed.is_empty() {
            break;
        }
        match lifetime(&typed) {
            Ok(time) => terms.expires = Some(time),
            Err(reason) => printer::note(&format!("invalid time: {reason}")),
        }
    }
    while terms.max_uses.is_none() {
        let typed = line("how many builds or starts may open it? [any number]: ")?;
        if typed.is_empty() {
            break;
        }
        terms.max_uses = typed.parse().ok().filter(|uses| *uses > 0);
    }
    Ok(terms)
}

/// Offers to split a blob that does not fit into a variable, or to keep it in a file.
fn offer_alternatives(context: &DeployContext, request: &mut DeployRequest) -> Result<()> {
    let size = context.check_size(request)?;
    let (Some(exceeded), alternatives) = (&size.exceeded, size.alternatives) else {
        return Ok(());
    };
    printer::note(&format!("the variables are too large for {}: {exceeded}", request.platform.name));
    if alternatives.split && !is_no(&line("split the blob over several variables? [Y/n] ")?) {
        request.blob = BlobPlace::Split;
        return Ok(());
    }
    let question = format!("keep the blob in {}, to deploy with the code? [Y/n] ", BlobFile::NAME);
    if alternatives.file && !is_no(&line(&question)?) {
        request.blob = BlobPlace::File(BlobFile::in_folder(&context.project.folder()));
    }
    Ok(())
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.to_lowercase().as_str(), "y" | "yes")
}

fn is_no(answer: &str) -> bool {
    matches!(answer.to_lowercase().as_str(), "n" | "no")
}

fn line(prompt: &str) -> Result<String> {
    printer::prompt(prompt);
    let mut text = String::new();
    if io::stdin().read_line(&mut text).map_err(Error::Input)? == 0 {
        return Err(Error::NothingTyped);
    }
    Ok(text.trim().to_owned())
}

/// Whether a person can be asked at the terminal.
pub(super) fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks before a file for the blob replaces that of a live deployment, which the error names.
/// Where nobody can be asked, `--yes` (`yes`) is needed.
pub(super) fn confirm_overwrite(yes: bool) -> impl FnOnce(Error) -> Result<()> {
    move |in_use| {
        if !yes && !is_interactive() {
            return Err(in_use);
        }
        let question =
            format!("{in_use}: with a new blob, the platform needs the new variables, too\nreplace it?");
        input::confirm(&question, yes)
    }
}
