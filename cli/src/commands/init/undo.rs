//! `capy init --undo`: takes back what `capy init` changed in a project's files, byte for byte.
//!
//! Nothing is taken back unless each of the files is as `capy init` left it, or its change is gone
//! already, by hand or by an undo that was killed. The values of `.env` are opened with the
//! project's key; no copy of the file with readable values exists before.

use std::cell::Cell;
use std::path::PathBuf;

use capy_protocol::env_value;
use capy_protocol::key::ProjectKey;
use zeroize::Zeroizing;

use super::offer::fingerprint;
use super::package_json;
use super::record::{Appended, InitRecord, Inserted, Sealed, hash};
use super::step::{Content, Step, check_writable, diff, read};
use crate::env_file::open::open_sealed;
use crate::env_file::{Entry, EnvFile};
use crate::error::{Error, InitFault, Result};
use crate::local::private_file::Access;
use crate::project::Project;
use crate::{git, input, printer};

/// What a file needs.
enum Need {
    /// The change is not there any more.
    Nothing,
    Step(Step),
    /// Somebody edited it.
    Changed,
}

/// Which part of the record a step is of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Package,
    Env,
    Gitignore,
}

impl Part {
    fn forget(self, record: &mut InitRecord) {
        match self {
            Self::Package => record.package = None,
            Self::Env => record.env = None,
            Self::Gitignore => record.gitignore = None,
        }
    }
}

pub(super) fn run(project: &Project, key: &ProjectKey, yes: bool) -> Result<()> {
    let folder = project.folder();
    let record = InitRecord::read(&folder, project.id())?;
    if record.is_empty() {
        return Err(InitFault::NothingToUndo.into());
    }
    let mut needs = Vec::new();
    if let Some(inserted) = &record.package {
        let path = folder.join("package.json");
        needs.push((Part::Package, path.clone(), without_insertion(path, inserted)?));
    }
    if let Some(sealed) = &record.env {
        needs.push((Part::Env, project.env_path(), without_seals(project, key, sealed)?));
    }
    if let Some(appended) = &record.gitignore {
        let path = folder.join(".gitignore");
        needs.push((Part::Gitignore, path.clone(), without_lines(path, appended)?));
    }
    let changed =
        |(_, path, need): &(Part, PathBuf, Need)| matches!(need, Need::Changed).then(|| path.clone());
    let paths: Vec<_> = needs.iter().filter_map(changed).collect();
    if !paths.is_empty() {
        return Err(InitFault::ChangedSince { paths }.into());
    }
    for (_, path, need) in &needs {
        if let Need::Step(step) = need {
            check_writable(path)?;
            printer::note(&format!("\n{}", step.diff));
        }
    }
    let has_step =
        |of: &[Part]| needs.iter().any(|(part, _, need)| of.contains(part) && matches!(need, Need::Step(_)));
    if has_step(&[Part::Package, Part::Env, Part::Gitignore]) {
        let readable =
            if has_step(&[Part::Env]) { " The values of .env will be readable again." } else { "" };
        input::confirm(&format!("Take this back?{readable}"), yes)?;
    }
    for (part, _, need) in &needs {
        match need {
            Need::Step(step) => step.take_back(project.id(), |record| part.forget(record))?,
            Need::Nothing | Need::Changed => {
                let mut record = InitRecord::read(&folder, project.id())?;
                part.forget(&mut record);
                record.save(&folder)?;
            }
        }
    }
    printer::note("what `capy init` changed is taken back; the project and its key stay");
    warn_about_git(project);
    Ok(())
}

fn without_insertion(path: PathBuf, inserted: &Inserted) -> Result<Need> {
    let before = read(&path)?;
    let Some(content) = before.as_deref() else { return Ok(Need::Nothing) };
    let Ok(text) = std::str::from_utf8(content) else { return Ok(Need::Changed) };
    let Inserted { after, script, at, text: new } = inserted;
    if hash(text.as_bytes()) != *after {
        let is_back = package_json::has_no_prefix(text, script);
        return Ok(if is_back { Need::Nothing } else { Need::Changed });
    }
    let parts =
        text.split_at_checked(*at).and_then(|(start, end)| Some((start, end.strip_prefix(new.as_str())?)));
    let Some((start, end)) = parts else { return Ok(Need::Changed) };
    let Some(written) = package_json::literal_around(text, *at) else { return Ok(Need::Changed) };
    let line = |written: &str| format!("  \"{script}\": {written}");
    let (gone, back) = (line(written), line(&written.replacen(new.as_str(), "", 1)));
    let after = Some(Zeroizing::new(format!("{start}{end}").into_bytes()));
    let diff = diff("package.json", [gone.as_str()], [back.as_str()]);
    Ok(Need::Step(Step { path, before, after, diff, access: Access::READABLE }))
}

fn without_lines(path: PathBuf, appended: &Appended) -> Result<Need> {
    let before = read(&path)?;
    let content = before.as_deref().map(Vec::as_slice);
    let is_after = content.is_some_and(|content| hash(content) == appended.after);
    let Some(content) = content.filter(|_| is_after) else {
        let is_back = !has_a_line_of(content.unwrap_or_default(), &appended.text);
        return Ok(if is_back { Need::Nothing } else { Need::Changed });
    };
    let len = appended.before_len.unwrap_or(0);
    let Some((kept, gone)) = content.split_at_checked(len) else { return Ok(Need::Changed) };
    let gone = String::from_utf8_lossy(gone).into_owned();
    let diff = diff(".gitignore", gone.lines().filter(|line| !line.is_empty()), []);
    let after: Content = appended.before_len.map(|_| Zeroizing::new(kept.to_vec()));
    Ok(Need::Step(Step { path, before, after, diff, access: Access::READABLE }))
}

/// Whether one of the lines that ignore something is in the file.
fn has_a_line_of(content: &[u8], lines: &str) -> bool {
    let has =
        |line: &str| content.split(|byte| *byte == b'\n').any(|one| one.trim_ascii_end() == line.as_bytes());
    lines.lines().any(|line| !line.is_empty() && !line.starts_with('!') && has(line))
}

fn without_seals(project: &Project, key: &ProjectKey, sealed: &Sealed) -> Result<Need> {
    let path = project.env_path();
    let before = read(&path)?;
    let Some(text) = before.as_deref().and_then(|content| std::str::from_utf8(content).ok()) else {
        return Ok(Need::Changed);
    };
    let file = EnvFile::parse(Zeroizing::new(text.to_owned()));
    if hash(text.as_bytes()) != sealed.after {
        let is_of_init = |entry: &Entry| sealed.values.iter().any(|value| value.name == entry.name);
        let is_sealed = |entry: &Entry| env_value::is_sealed(entry.value.expose_secret());
        let is_back = fingerprint(key, text) == sealed.before
            || !file.entries().iter().any(|entry| is_of_init(entry) && is_sealed(entry));
        return Ok(if is_back { Need::Nothing } else { Need::Changed });
    }
    let (index, mut names) = (Cell::new(0), Vec::new());
    let opened = file.try_rewrite(|entry| {
        let here = index.replace(index.get() + 1);
        let Some(value) = sealed.values.iter().find(|value| value.entry == here) else { return Ok(None) };
        let opened = open_sealed(entry, &path, project, key)?;
        names.push(entry.name.clone());
        Ok::<_, Error>(value.form.write(opened.expose_secret()))
    })?;
    if fingerprint(key, &opened) != sealed.before {
        return Ok(Need::Changed);
    }
    let lines = |value: &str| names.iter().map(|name| format!("{name}={value}…")).collect::<Vec<_>>();
    let (gone, back) = (lines("capy:v1:"), lines(""));
    let diff = diff(".env", gone.iter().map(String::as_str), back.iter().map(String::as_str));
    let after = Some(Zeroizing::new(opened.as_bytes().to_vec()));
    Ok(Need::Step(Step { path, before, after, diff, access: Access::PRIVATE }))
}

/// Warns if git would take up the values that are readable again.
fn warn_about_git(project: &Project) {
    let path = project.env_path();
    if path.exists() && git::is_exposed(&path) {
        printer::note(
            "warning: git would add .env now\n\nhint: add .env to .gitignore, or run `capy init` again",
        );
    }
}
