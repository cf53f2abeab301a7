//! `capy store secret`: writes values to the service's store, from a prompt, a pipe or a file. No
//! value can be read back.

use capy_protocol::api::projects::{NewSecret, ProjectChange, SecretInfo};
use capy_protocol::env_map::SecretValue;

use crate::cli::{SecretCommand, SecretDelete, SecretSet, StoredProject};
use crate::error::{Error, Result};
use crate::key_service;
use crate::printer::{self, table, time};
use crate::settings::deadline;
use crate::{input, names, store_project};

pub(super) fn run(command: SecretCommand) -> Result<()> {
    match command {
        SecretCommand::Set(set) => self::set(&set),
        SecretCommand::Delete(delete) => self::delete(&delete),
        SecretCommand::List(list) => self::list(&list),
    }
}

fn set(arguments: &SecretSet) -> Result<()> {
    let service = key_service::with_token(arguments.ask.url.as_deref())?;
    let secrets = read(arguments)?;
    let id = store_project::find(&service, &arguments.project)?;
    let count = secrets.len();
    let change = ProjectChange { secrets, ..ProjectChange::default() };
    let changed = service.change_project(&id, &change, deadline()?)?;
    if arguments.ask.json {
        return printer::json(&changed);
    }
    let what = arguments.name.clone().unwrap_or_else(|| format!("{count} secret{}", printer::plural(count)));
    let verb = if count == 1 { "is" } else { "are" };
    printer::note(&format!("{what} {verb} set in project {}", changed.project.name));
    Ok(())
}

fn read(arguments: &SecretSet) -> Result<Vec<NewSecret>> {
    match (&arguments.name, &arguments.from) {
        (Some(name), _) => {
            names::check(name)?;
            let value = input::secret(&format!("{name}: "))?;
            input::check_value(name, &value)?;
            Ok(vec![store_project::secret(name, &SecretValue::new(value.to_string()))])
        }
        (None, Some(path)) => Ok(store_project::secrets(&store_project::read(path)?)),
        (None, None) => Err(Error::NothingTyped),
    }
}

/// Deletes secrets. A name that is not there is an error before anything is deleted.
fn delete(arguments: &SecretDelete) -> Result<()> {
    let service = key_service::with_token(arguments.service.url.as_deref())?;
    let detail = store_project::detail(&service, &arguments.project)?;
    let of_name = |name: &String| {
        let found = detail.secrets.iter().find(|secret| secret.key == *name);
        found
            .ok_or_else(|| Error::SecretNotFound { name: name.clone(), project: detail.project.name.clone() })
    };
    let found = arguments.names.iter().map(of_name).collect::<Result<Vec<&SecretInfo>>>()?;
    for secret in found {
        service.remove_secret(&secret.secret_id, deadline()?)?;
        printer::note(&format!("{} is deleted from project {}", secret.key, detail.project.name));
    }
    Ok(())
}

fn list(arguments: &StoredProject) -> Result<()> {
    let detail =
        store_project::detail(&key_service::with_token(arguments.ask.url.as_deref())?, &arguments.project)?;
    if arguments.ask.json {
        return printer::json(&detail.secrets);
    }
    if detail.secrets.is_empty() {
        printer::note("no secrets yet");
        return Ok(());
    }
    let row = |secret: &SecretInfo| [secret.key.clone(), time(secret.created_at), time(secret.updated_at)];
    printer::data(&table(["name", "created", "changed"], detail.secrets.iter().map(row)))
}
