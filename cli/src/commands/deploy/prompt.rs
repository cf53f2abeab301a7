//! Asks at the terminal what the setup page asks, for a machine without a browser.
//!
//! Returns what the user wants. Nothing is minted here, and no value is asked for or shown.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::cli::{CredentialArg, FormatArg};
use crate::deployment::{BlobFile, BlobPlace, Replaces, Terms, Wish, Wishes, Workbench, lifetime};
use crate::error::DeploymentFault as Fault;
use crate::error::{Error, Result};
use crate::input;
use crate::platforms::{self, FILE, Platform};
use crate::{printer, push};

/// What to do with a wish.
pub(super) enum Then {
    Print(Wish),
    /// Write the variables to a new file.
    Write(Wish, PathBuf),
    /// Set them for the project of this name, or for this folder's.
    Push(Wish, Option<String>),
    Nothing,
}

/// Asks for everything that the command line leaves open.
pub(super) fn ask(workbench: &Workbench, wishes: &Wishes) -> Result<Then> {
    let mut wishes = wishes.clone();
    let platform = match &wishes.platform {
        Some(id) => platforms::find(id)?,
        None => ask_platform(workbench)?,
    };
    wishes.platform = Some(platform.id.into());
    if wishes.environment.is_none() && platform.has_choice() {
        wishes.environment = ask_environment(&platform)?;
    }
    if wishes.only.is_none() {
        wishes.only = ask_variables(workbench)?;
    }
    if wishes.label.is_none() {
        wishes.label = Some(line("a label for `capy deploy list` [the environment, if any]: ")?);
    }
    wishes.terms = ask_terms(&wishes.terms)?;
    if is_yes(&line("is it for another client than capy? [y/N] ")?) {
        wishes.credential =
            choose("what the platform holds beside the blob", CredentialArg::from(wishes.credential))?.into();
        wishes.format = choose("the blob's layout", FormatArg::from(wishes.format))?.into();
    }
    let mut wish = wishes.wish()?;
    offer_ways(workbench, &mut wish)?;
    ask_what_then(agreed(workbench, wish, false)?)
}

fn ask_what_then(wish: Wish) -> Result<Then> {
    let name = &wish.platform.name;
    let push = wish.platform.push().ok().filter(|push| push::find(&push.program).is_some());
    let push = push.filter(|_| wish.platform.sets(wish.environment.as_deref()));
    // An existing file may hold another deployment's variables.
    let can_write = !Path::new(FILE).exists();
    let set = push.map(|push| format!("(s)et by {}, ", push.program)).unwrap_or_default();
    let write = if can_write { format!("(w)ritten to {FILE}, ") } else { String::new() };
    let or = if set.is_empty() && write.is_empty() { "" } else { "or " };
    let question = format!("make a deployment for {name}; its variables: {set}{write}{or}(p)rinted here? ");
    loop {
        match (line(&question)?.to_lowercase().as_str(), push) {
            ("p" | "print", _) => return Ok(Then::Print(wish)),
            ("w" | "write", _) if can_write => return Ok(Then::Write(wish, FILE.into())),
            ("s" | "set", Some(push)) => {
                let option = push.project.as_deref();
                let ask = |option: &str| line(&format!("project ({option}) [this folder's]: "));
                let project = option.map(ask).transpose()?.filter(|project| !project.is_empty());
                return Ok(Then::Push(wish, project));
            }
            ("n" | "no" | "q" | "quit", _) => return Ok(Then::Nothing),
            _ => printer::note("type one of the letters, or n to make nothing"),
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

fn ask_platform(workbench: &Workbench) -> Result<Platform> {
    let all = platforms::all();
    let (found, others): (Vec<_>, Vec<_>) = all.iter().partition(|one| workbench.sign_of(one).is_some());
    for platform in &found {
        let sign = workbench.sign_of(platform).unwrap_or_default();
        printer::note(&format!("  {:<20} {} (found {sign})", platform.id, platform.name));
    }
    for platform in others {
        printer::note(&format!("  {:<20} {}", platform.id, platform.name));
    }
    let usual = found.first().map(|platform| platform.id);
    loop {
        let shown = usual.map(|id| format!(" [{id}]")).unwrap_or_default();
        let typed = line(&format!("where is it deployed?{shown}: "))?.to_lowercase();
        let typed = if typed.is_empty() { usual.unwrap_or_default().to_owned() } else { typed };
        match matching(&all, &typed)[..] {
            [only] => return Ok(only.clone()),
            [] => printer::note("none of these; type a part of its name"),
            ref several => {
                let names: Vec<_> = several.iter().map(|platform| platform.id).collect();
                printer::note(&format!("that may be {}", names.join(", ")));
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
        let typed = line(&format!("which environment: {}? [{usual}]: ", known.join(", ")))?;
        match platform.environment(Some(&typed).filter(|typed| !typed.is_empty()).map(String::as_str)) {
            Ok(environment) => return Ok(environment),
            Err(error) => printer::note(&error.to_string()),
        }
    }
}

pub(super) fn ask_variables(workbench: &Workbench) -> Result<Option<Vec<String>>> {
    let names: Vec<_> = workbench.values.names().collect();
    printer::note(&format!("variables: {}", names.join(", ")));
    loop {
        let typed = line("which of them? [all]: ")?;
        if typed.is_empty() || typed == "all" {
            return Ok(None);
        }
        let chosen: Vec<_> =
            typed.split([',', ' ']).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        match chosen.iter().find(|name| workbench.values.get(name).is_none()) {
            None => return Ok(Some(chosen)),
            Some(unknown) => printer::note(&format!("{unknown} is not one of them")),
        }
    }
}

/// Asks for the terms that the command line does not set.
fn ask_terms(wished: &Terms) -> Result<Terms> {
    let mut terms = wished.clone();
    while terms.expires.is_none() {
        let typed = line("does it expire? in a time such as 90d [never]: ")?;
        if typed.is_empty() {
            break;
        }
        match lifetime(&typed) {
            Ok(time) => terms.expires = Some(time),
            Err(reason) => printer::note(&format!("that is no time: {reason}")),
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
fn offer_ways(workbench: &Workbench, wish: &mut Wish) -> Result<()> {
    let Err(Error::TooLarge { misfit, ways, .. }) = workbench.check(wish) else {
        return Ok(());
    };
    printer::note(&format!("this does not fit {}: {misfit}", wish.platform.name));
    if ways.split && !is_no(&line("split the blob over several variables? [Y/n] ")?) {
        wish.blob = BlobPlace::Split;
        return Ok(());
    }
    let question = format!("keep the blob in {}, to be deployed beside the code? [Y/n] ", BlobFile::NAME);
    if ways.file && !is_no(&line(&question)?) {
        wish.blob = BlobPlace::File(BlobFile::in_folder(&workbench.project.folder()));
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

pub(super) fn somebody_is_there() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Checks a wish, and asks before its file replaces the blob of a live deployment.
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
