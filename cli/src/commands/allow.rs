//! `capy allow` and `capy deny`: set whether a folder's `.env` may run code and its `capy.toml` may
//! ask for a local key.

use std::path::Path;

use crate::cli::FolderArg;
use crate::env_file::open::read_env_file;
use crate::env_file::text::PipeInput;
use crate::error::Result;
use crate::local::allowed::{self, Folder};
use crate::printer;
use crate::project::Project;

/// Allows a folder. Prints its project, and the variables of its `.env` that may run code.
pub(super) fn allow(arguments: &FolderArg) -> Result<()> {
    let (folder, project) = find(&arguments.folder)?;
    folder.allow()?;
    printer::note(&format!("{} is now allowed", folder.path().display()));
    if let Some(project) = project {
        printer::note(&format!("its capy.toml names project {}", project.id()));
    }
    let loaders = read_env_file(&folder.path().join(".env"), PipeInput::Refuse)
        .ok()
        .flatten()
        .map(|file| allowed::reasons_of(file.effective().map(|entry| entry.name.as_str())))
        .filter(|reasons| !reasons.is_empty());
    if let Some(loaders) = loaders {
        printer::note(&loaders.to_string());
    }
    Ok(())
}

pub(super) fn deny(arguments: &FolderArg) -> Result<()> {
    let (folder, _) = find(&arguments.folder)?;
    let path = folder.path().display();
    let text = match folder.deny()? {
        true => format!("{path} is no longer allowed"),
        false => format!("{path} was not allowed"),
    };
    printer::note(&text);
    Ok(())
}

/// The folder that is meant: the project's, where there is a project around.
fn find(path: &Path) -> Result<(Folder, Option<Project>)> {
    let folder = Folder::of(path, None)?;
    match Project::find_at(folder.path())? {
        Some(project) => Ok((project.allowable()?, Some(project))),
        None => Ok((folder, None)),
    }
}
