//! `capy unset`: removes variables from `.env`, all that are named or none.

use crate::cli::Unset;
use crate::env_file::open::{env_path, read_env_file};
use crate::env_file::text::PipeInput;
use crate::error::{Error, Result};
use crate::local::private_file;
use crate::printer;
use crate::project::Project;

pub(super) fn run(arguments: Unset) -> Result<()> {
    let path = env_path(arguments.file.env_file, Project::find_if_any()?.as_ref());
    let _lock = private_file::lock_beside(&path).map_err(Error::file("lock the folder of", &path))?;
    let file =
        read_env_file(&path, PipeInput::Refuse)?.ok_or_else(|| Error::NoEnvFile { path: path.clone() })?;
    for name in &arguments.names {
        if !file.entries().iter().any(|entry| entry.name == *name) {
            return Err(Error::NameNotFound { name: name.clone(), path });
        }
    }
    let text = file.unset(&arguments.names);
    if !file.differs_only_in(&text, &arguments.names, None) {
        return Err(Error::EditChangesMore { path });
    }
    private_file::replace(&path, text.as_bytes(), &private_file::Access::PRIVATE)
        .map_err(Error::file("write", &path))?;
    printer::note(&format!("{} removed from {}", arguments.names.join(", "), path.display()));
    Ok(())
}
