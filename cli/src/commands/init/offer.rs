//! What `capy init` offers in a project: to seal the readable values of `.env`, to keep `.env` and
//! `capy.env` out of git, and to put `capy run --` before a script of `package.json`.
//!
//! Each change is shown as a difference, without values, and made only after a "yes" or with
//! `--yes`.

use std::io::{self, IsTerminal};

use capy_protocol::id::DeployId;
use capy_protocol::key::ProjectKey;
use zeroize::Zeroizing;

use super::package_json::{self, PREFIX, Plan};
use super::record::{Appended, InitRecord, Inserted, Sealed, SealedValue, hash};
use super::step::{Step, check_writable, diff, read};
use crate::commands::encrypt;
use crate::env_file::EnvFile;
use crate::env_file::open::read_env_file;
use crate::env_file::text::PipeInput;
use crate::env_file::written_form::WrittenForm;
use crate::error::{Error, InitFault, Result};
use crate::git::{self, Addition, Missing};
use crate::local::private_file::Access;
use crate::project::Project;
use crate::{input, printer};

/// A change, with what is asked and what is remembered about it.
struct Offer {
    step: Step,
    question: String,
    record: Record,
}

enum Record {
    Gitignore(Appended),
    Env { sealed: Sealed, file: EnvFile },
    Package { inserted: Inserted, has_capy: bool },
}

/// What the file's place in a project leaves to do.
type Found = Result<Option<Offer>>;

/// Offers what is left to do. Returns whether there was anything.
///
/// # Errors
///
/// Those of reading and writing; with `yes`, also why something could not be done that was left.
pub(super) fn run(project: &Project, key: &ProjectKey, yes: bool) -> Result<bool> {
    let found = [gitignore(project), env(project, key), package(project)];
    let (mut offers, mut failed) = (Vec::new(), None);
    for found in found {
        match found {
            Ok(offer) => offers.extend(offer),
            // The other files can be changed all the same.
            Err(error) => {
                if !yes {
                    let hint = error.hint().map(|hint| format!("\n\nhint: {hint}")).unwrap_or_default();
                    printer::note(&format!("warning: {error}{hint}"));
                }
                failed.get_or_insert(error);
            }
        }
    }
    let is_any = !offers.is_empty() || failed.is_some();
    let can_ask = io::stdin().is_terminal() && io::stderr().is_terminal();
    for offer in &offers {
        printer::note(&format!("\n{}", offer.step.diff));
        if yes || can_ask {
            take(offer, project, yes)?;
        }
    }
    if !offers.is_empty() && !yes && !can_ask {
        printer::note(
            "\nnothing of this was done, as nobody can answer\n\nhint: `capy init --yes` does all of it, and `capy init --undo` takes it back",
        );
    }
    match failed {
        Some(error) if yes => Err(error),
        _ => Ok(is_any),
    }
}

/// Asks, and makes the change.
fn take(offer: &Offer, project: &Project, yes: bool) -> Result<()> {
    match input::confirm(&offer.question, yes) {
        Ok(()) => {}
        Err(Error::NotConfirmed) => return Ok(()),
        Err(error) => return Err(error),
    }
    offer.step.write(project.id(), |record| match &offer.record {
        Record::Gitignore(appended) => record.gitignore = Some(appended.clone()),
        Record::Env { sealed, .. } => record.env = Some(sealed.clone()),
        Record::Package { inserted, .. } => record.package = Some(inserted.clone()),
    })?;
    match &offer.record {
        Record::Env { sealed, file } => encrypt::report(file, &offer.step.path, sealed.values.len()),
        Record::Gitignore(_) => printer::note(".gitignore now keeps .env and capy.env out of git"),
        Record::Package { has_capy, .. } => {
            printer::note("package.json is changed");
            if !has_capy {
                printer::note(
                    "note: the script needs capy on every machine that runs it: `npm install --save-dev capy`, or what your package manager has for that",
                );
            }
        }
    }
    Ok(())
}

/// Remembers the lines that a new project's `.gitignore` got.
pub(super) fn remember(project: &Project, addition: &Addition) -> Result<()> {
    let folder = project.folder();
    let mut record = InitRecord::read(&folder, project.id())?;
    record.gitignore = Some(appended(addition));
    record.save(&folder)
}

fn appended(addition: &Addition) -> Appended {
    let before_len = addition.before.as_ref().map(Vec::len);
    let new = &addition.after[before_len.unwrap_or(0)..];
    Appended { after: hash(&addition.after), before_len, text: String::from_utf8_lossy(new).into_owned() }
}

fn gitignore(project: &Project) -> Found {
    let path = project.folder().join(".gitignore");
    let Missing::Lines(addition) = git::missing_lines(&project.folder())? else { return Ok(None) };
    check_writable(&path)?;
    let appended = appended(&addition);
    let step = Step {
        path,
        before: addition.before.map(Zeroizing::new),
        after: Some(Zeroizing::new(addition.after)),
        diff: diff(".gitignore", [], appended.text.lines().filter(|line| !line.is_empty())),
        access: Access::READABLE,
    };
    let record = Record::Gitignore(appended);
    Ok(Some(Offer { step, question: "Add these lines to .gitignore?".into(), record }))
}

fn env(project: &Project, key: &ProjectKey) -> Found {
    let path = project.env_path();
    let Some(file) = read_env_file(&path, PipeInput::Refuse)? else { return Ok(None) };
    let wants: Vec<_> =
        file.entries().iter().enumerate().filter(|(_, entry)| encrypt::wants_sealing(entry)).collect();
    if wants.is_empty() {
        return Ok(None);
    }
    check_writable(&path)?;
    let after = encrypt::seal_all(&file, &path, project, key)?;
    let form = |(index, entry): &(usize, &crate::env_file::Entry)| {
        let form = WrittenForm::of(file.written(entry), entry.value.expose_secret())?;
        Some(SealedValue { name: entry.name.clone(), entry: *index, form })
    };
    let values: Option<Vec<_>> = wants.iter().map(form).collect();
    let values = values.filter(|values| is_exact(&file, &after, values));
    let Some(values) = values else {
        printer::note(
            "note: capy could not take the seal of .env back byte for byte, so it does not offer it; `capy encrypt` seals the values",
        );
        return Ok(None);
    };
    let line = |value: &str| {
        let names = wants.iter().map(|(_, entry)| format!("{}={value}…", entry.name));
        names.collect::<Vec<_>>()
    };
    let (gone, new) = (line(""), line("capy:v1:"));
    let s = printer::plural(values.len());
    let question = format!("Seal {} value{s} in .env?", values.len());
    let step = Step {
        path,
        before: Some(Zeroizing::new(file.text().as_bytes().to_vec())),
        after: Some(Zeroizing::new(after.as_bytes().to_vec())),
        diff: diff(".env", gone.iter().map(String::as_str), new.iter().map(String::as_str)),
        access: Access::PRIVATE,
    };
    let sealed = Sealed { after: hash(after.as_bytes()), before: fingerprint(key, file.text()), values };
    Ok(Some(Offer { step, question, record: Record::Env { sealed, file } }))
}

/// Whether the forms lead from the sealed text back to exactly this file.
fn is_exact(file: &EnvFile, sealed: &str, values: &[SealedValue]) -> bool {
    let sealed = EnvFile::parse(Zeroizing::new(sealed.to_owned()));
    if sealed.entries().len() != file.entries().len() {
        return false;
    }
    let mut index = 0;
    let again = sealed.try_rewrite(|_| {
        let value = values.iter().find(|value| value.entry == index);
        let entry = &file.entries()[index];
        index += 1;
        let Some(value) = value else { return Ok(None) };
        value.form.write(entry.value.expose_secret()).map(Some).ok_or(())
    });
    again.is_ok_and(|again| *again == file.text())
}

/// The fingerprint by which `capy init --undo` recognises a `.env` as it was.
pub(super) fn fingerprint(key: &ProjectKey, text: &str) -> String {
    // The id of no deployment: this is no fingerprint of one.
    hex::encode(key.fingerprint(&DeployId::new([0; 32]), ".env", text))
}

fn package(project: &Project) -> Found {
    let folder = project.folder();
    let path = folder.join("package.json");
    if git::leads_out_of(&folder, &path).map_err(Error::file("follow", &path))? {
        printer::note("note: package.json stays as it is: it is a link out of this folder");
        return Ok(None);
    }
    let Some(before) = read(&path)? else { return Ok(None) };
    let malformed = |reason: String| InitFault::PackageJson { path: "package.json".into(), reason };
    let text = std::str::from_utf8(&before).map_err(|_| malformed("it is not UTF-8".into()))?;
    let edit = match package_json::plan(text, &folder).map_err(malformed)? {
        Plan::Wrap(edit) => edit,
        Plan::Leave(why) => {
            if let Some(why) = why {
                printer::note(&format!("note: package.json stays as it is: {why}"));
            }
            return Ok(None);
        }
    };
    check_writable(&path)?;
    let inserted = Inserted {
        after: hash(edit.text.as_bytes()),
        script: edit.script.into(),
        at: edit.at,
        text: PREFIX.into(),
    };
    let record = Record::Package { inserted, has_capy: edit.has_capy };
    let question = format!("Run the {} script of package.json through capy?", edit.script);
    let step = Step {
        path,
        diff: diff("package.json", [edit.lines.0.as_str()], [edit.lines.1.as_str()]),
        after: Some(Zeroizing::new(edit.text.into_bytes())),
        before: Some(before),
        access: Access::READABLE,
    };
    Ok(Some(Offer { step, question, record }))
}
