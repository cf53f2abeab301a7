//! `capy encrypt`: seals every plaintext value of `.env` in place. Sealed, public, reserved and
//! empty values stay.

use std::path::Path;

use capy_protocol::env_value;
use capy_protocol::key::ProjectKey;
use zeroize::Zeroizing;

use crate::cli::EnvFileArg;
use crate::env_file::open::{env_path, read_env_file, refuse_ambiguities};
use crate::env_file::text::PipeInput;
use crate::env_file::{Entry, EnvFile};
use crate::error::{ENV_FILE_MAX_BYTES, Error, Result};
use crate::local::private_file;
use crate::project::Project;
use crate::{git, names, printer};

pub(super) fn run(arguments: EnvFileArg) -> Result<()> {
    let project = Project::find()?;
    let key = project.key()?;
    let path = env_path(arguments.env_file, Some(&project));
    let _lock = private_file::lock_beside(&path)?;
    let file =
        read_env_file(&path, PipeInput::Refuse)?.ok_or_else(|| Error::NoEnvFile { path: path.clone() })?;
    let text = seal_all(&file, &path, &project, &key)?;
    let sealed = file.entries().iter().filter(|entry| wants_sealing(entry)).count();
    if sealed > 0 {
        private_file::replace(&path, text.as_bytes(), &private_file::Access::PRIVATE)
            .map_err(Error::file("write", &path))?;
    }
    report(&file, &path, sealed);
    Ok(())
}

/// The text of the file with each value sealed that wants it.
pub(super) fn seal_all(
    file: &EnvFile,
    path: &Path,
    project: &Project,
    key: &ProjectKey,
) -> Result<Zeroizing<String>> {
    // If half of a secret were sealed, the other half would stay readable.
    refuse_ambiguities(file, path)?;
    let text = file.try_rewrite(|entry| match wants_sealing(entry) {
        true => {
            env_value::seal(key, project.id(), &entry.name, &entry.value).map(|sealed| Some(sealed.into()))
        }
        false => Ok(None),
    });
    let text = text.map_err(Error::Seal)?;
    // capy would not read such a file any more.
    if text.len() > ENV_FILE_MAX_BYTES { Err(Error::EnvFileTooLarge { path: path.into() }) } else { Ok(text) }
}

/// Whether the value is readable and may not stay so.
pub(super) fn wants_sealing(entry: &Entry) -> bool {
    let value = entry.value.expose_secret();
    !(value.is_empty()
        || env_value::is_sealed(value)
        || names::is_public(&entry.name)
        || names::is_reserved(&entry.name))
}

/// Tells what was sealed, and what to do about a file that git tracks.
pub(super) fn report(file: &EnvFile, path: &Path, sealed: usize) {
    let s = printer::plural(sealed);
    printer::note(&format!("{sealed} value{s} sealed in {}", path.display()));
    let plain: Vec<_> = file
        .effective()
        .filter(|entry| names::is_public(&entry.name) && !env_value::is_sealed(entry.value.expose_secret()))
        .map(|entry| entry.name.as_str())
        .collect();
    if !plain.is_empty() {
        printer::note(&format!("not sealed, because the prefix makes them public: {}", plain.join(", ")));
    }
    if sealed == 0 {
        return;
    }
    match git::is_tracked(path) {
        Some(false) => {}
        Some(true) => printer::note(
            "warning: git tracks this file, so its history may contain the plain values\n\nhint: run `git rm --cached .env`, and change the values that were committed",
        ),
        None => printer::note(git::NOT_KNOWN),
    }
}
