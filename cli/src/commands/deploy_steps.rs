//! The setup page's steps at the terminal, for a machine without a browser.
//!
//! It asks and returns what is wished; nothing is minted here, and no value is asked for or shown.

use std::io;

use super::deploy;
use crate::cli::{Terms, lifetime};
use crate::deployment::{BlobFile, BlobPlace, Wish, Wishes, Workbench};
use crate::error::{Error, Result};
use crate::platforms::{self, Platform};
use crate::printer;

/// What the person wishes; `None` when they would rather not.
pub(super) fn ask(workbench: &Workbench, wishes: &Wishes) -> Result<Option<Wish>> {
    let mut wishes = wishes.clone();
    let platform = match &wishes.platform {
        Some(id) => platforms::find(id)?,
        None => ask_platform(workbench)?,
    };
    wishes.platform = Some(platform.id.into());
    if wishes.environment.is_none() && platform.environments.len() > 1 {
        wishes.environment = Some(ask_environment(&platform)?);
    }
    if wishes.only.is_none() {
        wishes.only = ask_variables(workbench)?;
    }
    if wishes.label.is_none() {
        wishes.label = Some(line("a note for `capy deploy list` [none]: ")?);
    }
    wishes.terms = ask_terms(&wishes.terms)?;
    let mut wish = wishes.wish()?;
    offer_ways(workbench, &mut wish)?;
    let wish = deploy::agreed(workbench, wish, false)?;
    let question =
        format!("make a deployment for {}, and print its variables here? [Y/n] ", wish.platform.name);
    Ok((!is_no(&line(&question)?)).then_some(wish))
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

/// By the whole id, else by a part of a name or a word that stands for it.
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

pub(super) fn ask_environment(platform: &Platform) -> Result<String> {
    loop {
        let usual = &platform.environments[0];
        let typed = line(&format!("which environment: {}? [{usual}]: ", platform.environments.join(", ")))?;
        match platform.environment(Some(&typed).filter(|typed| !typed.is_empty()).map(String::as_str)) {
            Ok(environment) => return Ok(environment.unwrap_or_default()),
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

/// What the command line did not say of them.
fn ask_terms(wished: &Terms) -> Result<Terms> {
    let mut terms = wished.clone();
    while terms.expires.is_none() {
        let typed = line("no key is released after, such as 90d [for ever]: ")?;
        if typed.is_empty() {
            break;
        }
        match lifetime(&typed) {
            Ok(time) => terms.expires = Some(time),
            Err(reason) => printer::note(&format!("that is no time: {reason}")),
        }
    }
    while terms.max_uses.is_none() {
        let typed = line("builds or starts that may open it [any number]: ")?;
        if typed.is_empty() {
            break;
        }
        terms.max_uses = typed.parse().ok().filter(|uses| *uses > 0);
    }
    Ok(terms)
}

/// What is too long for a variable may be several, or a file.
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
