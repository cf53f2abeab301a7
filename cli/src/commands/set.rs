//! `capy set` and `capy unset`: seals one value into `.env`, and removes variables from it.

use std::path::Path;

use capy_protocol::env_map::SecretValue;
use capy_protocol::env_value;
use zeroize::Zeroizing;

use crate::cli::{Set, Unset};
use crate::env_file::open::{env_path, read_env_file};
use crate::env_file::text::{self, PipeInput};
use crate::env_file::{self, EnvFile};
use crate::error::{Error, Result};
use crate::local::private_file;
use crate::project::Project;
use crate::{input, names, platforms, printer};

/// Seals a value. A public variable stays readable, as everybody gets to see it anyway.
pub(super) fn set(arguments: Set) -> Result<()> {
    let name = arguments.name;
    names::check(&name)?;
    let project = Project::find()?;
    let key = project.key()?;
    let path = env_path(arguments.file.env_file, Some(&project));
    text::check_regular(&path)?;
    let value = input::secret(&format!("{name}: "))?;
    input::check_value(&name, &value)?;
    let readable = names::is_public(&name).then(|| env_file::quote(&value)).flatten();
    let (written, read, how) = match readable {
        Some(written) => (written, value, "is set but not sealed, because its prefix makes it public"),
        None => {
            let value = SecretValue::new(value.to_string());
            let sealed = env_value::seal(&key, project.id(), &name, &value).map_err(Error::Seal)?;
            (sealed.clone(), Zeroizing::new(sealed), "is sealed")
        }
    };
    let _lock = private_file::lock_beside(&path)?;
    let file =
        read_env_file(&path, PipeInput::Refuse)?.unwrap_or_else(|| EnvFile::parse(Zeroizing::default()));
    let text = file.set(&name, &written);
    replace(&path, &text, file.differs_only_in(&text, std::slice::from_ref(&name), Some(&read)))?;
    printer::note(&format!("{name} {how} in {}", path.display()));
    if let Some(note) = platforms::note_everywhere(&name) {
        printer::note(&format!("note: {note}"));
    }
    Ok(())
}

/// Removes variables, all that are named or none.
pub(super) fn unset(arguments: Unset) -> Result<()> {
    let path = env_path(arguments.file.env_file, Project::find_if_any()?.as_ref());
    let _lock = private_file::lock_beside(&path)?;
    let file =
        read_env_file(&path, PipeInput::Refuse)?.ok_or_else(|| Error::NoEnvFile { path: path.clone() })?;
    for name in &arguments.names {
        if !file.entries().iter().any(|entry| entry.name == *name) {
            return Err(Error::NameNotFound { name: name.clone(), path });
        }
    }
    let text = file.unset(&arguments.names);
    replace(&path, &text, file.differs_only_in(&text, &arguments.names, None))?;
    printer::note(&format!("{} removed from {}", arguments.names.join(", "), path.display()));
    Ok(())
}

/// Writes the edited text, unless it differs in more than what was asked for.
fn replace(path: &Path, text: &str, is_as_asked: bool) -> Result<()> {
    if !is_as_asked {
        return Err(Error::EditChangesMore { path: path.into() });
    }
    private_file::replace(path, text.as_bytes(), &private_file::Access::PRIVATE)
        .map_err(Error::file("write", path))
}
