//! `capy init`: a new project, or with `--recover` the key of a known one on a new machine; then
//! what is left to do in its files.
//!
//! The words are shown before anything is written, as they cannot be computed from the stored key.

mod offer;
mod package_json;
mod record;
mod step;
mod undo;

use std::path::Path;

use capy_client::project_file::NAME;
use capy_client::{ProjectFile, ServiceUrl};
use capy_protocol::env_value;
use capy_protocol::id::ProjectId;
use capy_protocol::key::MasterKey;
use capy_protocol::phrase::RecoveryPhrase;
use zeroize::Zeroizing;

use crate::cli::Init;
use crate::env_file::open::{open_sealed, read_env_file};
use crate::env_file::text::PipeInput;
use crate::error::{Error, Result};
use crate::git::{Ignoring, Missing};
use crate::local::Config;
use crate::local::allowed::Folder;
use crate::local::private_file;
use crate::project::Project;
use crate::settings::plain_http;
use crate::{git, input, printer};

const WORDS: usize = 24;

pub(super) fn run(arguments: &Init) -> Result<()> {
    if arguments.recover {
        return recover();
    }
    let path = Path::new(NAME);
    let is_project = path.symlink_metadata().is_ok();
    if arguments.undo {
        let project = if is_project { here()? } else { return Err(Error::NotInitialised) };
        return undo::run(&project, &project.key()?, arguments.yes);
    }
    if is_project && arguments.url.is_some() {
        return Err(Error::AlreadyInitialised { path: path.into() });
    }
    if !is_project {
        create(arguments.url.as_deref())?;
    }
    let project = here()?;
    let is_any = offer::run(&project, &project.key()?, arguments.yes)?;
    if is_project {
        match git::missing_lines(&project.folder())? {
            // They were offered.
            Missing::Lines(_) => {}
            Missing::Nothing => report_on_git(&Ignoring::Kept),
            Missing::LinkedElsewhere => report_on_git(&Ignoring::LinkedElsewhere),
        }
        if !is_any {
            printer::note("this folder is a project already, and `capy init` has nothing left to do");
        }
    }
    Ok(())
}

/// The project of this very folder: a `capy.toml` here that is no file must not lead to one above.
fn here() -> Result<Project> {
    let project = Project::find()?;
    let folder = std::env::current_dir().map_err(Error::file("find", Path::new(".")))?;
    if project.folder() == folder {
        Ok(project)
    } else {
        Err(Error::AlreadyInitialised { path: NAME.into() })
    }
}

fn create(url: Option<&str>) -> Result<()> {
    let config = Config::find()?;
    let url = choose_url(url, &config)?;
    let phrase = RecoveryPhrase::generate().map_err(Error::Seal)?;
    let project_id = ProjectId::generate().map_err(Error::Seal)?;
    let ignoring = git::ensure_ignored(Path::new("."))?;
    show(&phrase)?;
    write(&config, &project_id, &phrase.master_key(), &url)?;
    printer::note(&format!(
        "\nproject {project_id} is ready: commit {NAME}, which contains no secret\n\
         next: capy set NAME, or capy encrypt to seal an .env that is there"
    ));
    if let Ignoring::Added(addition) = &ignoring {
        offer::remember(&here()?, addition)?;
    }
    report_on_git(&ignoring);
    Ok(())
}

/// Prints the words to stdout, numbered; the explanation goes to stderr.
fn show(phrase: &RecoveryPhrase) -> Result<()> {
    printer::note(
        "These 24 words are the project's recovery phrase. Write them on paper: capy shows them only once,\nand whoever has them can open every value of this project.\n",
    );
    let mut text = Zeroizing::new(String::with_capacity(1024));
    let words = phrase.expose_secret();
    for (index, word) in words.split(' ').enumerate() {
        let end = if index % 4 == 3 { "\n" } else { "" };
        let gap = if index % 4 == 3 { 0 } else { 10 };
        text.push_str(&Zeroizing::new(format!("{:>2}. {word:<gap$}{end}", index + 1)));
    }
    printer::data(&text)
}

/// Writes the key first: a project file without its key would be worse than a key without its
/// project.
fn write(config: &Config, id: &ProjectId, key: &MasterKey, url: &ServiceUrl) -> Result<()> {
    let folder = Folder::of(Path::new("."), Some(id))?;
    let key_path = config.save_master_key(id, key)?;
    if let Err(error) = folder.allow() {
        let _ = std::fs::remove_file(key_path);
        return Err(error);
    }
    let file = ProjectFile { project_id: id.clone(), service_url: url.as_str().into(), epoch: 0 };
    let path = Path::new(NAME);
    private_file::create(path, file.serialize().as_bytes(), &private_file::Access::READABLE).map_err(
        |error| {
            let _ = std::fs::remove_file(key_path);
            let _ = folder.deny();
            Error::file("write", path)(error)
        },
    )
}

fn choose_url(named: Option<&str>, config: &Config) -> Result<ServiceUrl> {
    if let Some(text) = named {
        return Ok(ServiceUrl::parse(text, "--url", plain_http())?);
    }
    match &config.services()?[..] {
        [only] => Ok(ServiceUrl::parse(only, "the login", plain_http())?),
        several => Err(Error::WhichService { known: several.to_vec() }),
    }
}

fn report_on_git(ignoring: &Ignoring) {
    let env = Path::new(".env");
    match ignoring {
        Ignoring::Kept => {}
        Ignoring::Added(_) => printer::note(".gitignore now keeps .env and capy.env out of git"),
        Ignoring::LinkedElsewhere => printer::note(
            "warning: .gitignore is a link out of this folder, so capy did not change it\n\nhint: add .env, .env.* and capy.env to it",
        ),
    }
    let tracked = git::is_tracked(env);
    if tracked.is_none() {
        printer::note(git::NOT_KNOWN);
    } else if tracked == Some(true) {
        printer::note("warning: git tracks .env already\n\nhint: run `git rm --cached .env`");
    } else if git::is_exposed(env) {
        printer::note(
            "warning: a later rule of .gitignore includes .env again\n\nhint: find the rule with `git check-ignore -v .env`",
        );
    }
}

fn recover() -> Result<()> {
    let project = Project::find()?;
    let config = Config::find()?;
    let typed = input::words("The project's 24 words:\n", WORDS)?;
    let phrase = parse(&typed)?;
    let key = phrase.master_key();
    let checked = check_against_env_file(&project, &key)?;
    match config.master_key(project.id()) {
        Ok(known) if known == key => {
            project.allowable()?.allow()?;
            printer::note("this machine already has this key");
            return Ok(());
        }
        Ok(_) => return Err(Error::LocalKeyDiffers { path: config.key_path(project.id()) }),
        Err(Error::LocalKeyMissing { .. }) => {
            config.save_master_key(project.id(), &key)?;
        }
        Err(Error::LocalKeyMalformed { .. }) => config.replace_master_key(project.id(), &key)?,
        Err(error) => return Err(error),
    }
    // Whoever types the words here means this folder.
    project.allowable()?.allow()?;
    let note = if checked { "" } else { ", but capy cannot check the words: .env has no sealed value" };
    printer::note(&format!("the key of project {} is on this machine{note}", project.id()));
    Ok(())
}

/// Parses the words. The numbers in front of them, as `capy init` prints them, are skipped.
fn parse(typed: &str) -> Result<RecoveryPhrase> {
    let words: Vec<_> = input::unnumbered(typed).collect();
    RecoveryPhrase::parse(&Zeroizing::new(words.join(" "))).map_err(|_| Error::PhraseMalformed)
}

/// Checks the key with the sealed values of `.env`. False if there is none, an error if none opens.
fn check_against_env_file(project: &Project, key: &MasterKey) -> Result<bool> {
    let path = project.env_path();
    let Some(file) = read_env_file(&path, PipeInput::Refuse)? else {
        return Ok(false);
    };
    let key = project.key_of(key);
    let sealed = |entry: &&crate::env_file::Entry| env_value::is_sealed(entry.value.expose_secret());
    let mut sealed = file.effective().filter(sealed).peekable();
    let Some(first) = sealed.peek().map(|entry| entry.name.clone()) else {
        return Ok(false);
    };
    if sealed.any(|entry| open_sealed(entry, &path, project, &key).is_ok()) {
        return Ok(true);
    }
    Err(Error::PhraseWrong { name: first, path })
}
