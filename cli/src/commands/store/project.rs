//! `capy store project`: projects in the key service's store. Prints names and settings, never
//! values.

use capy_protocol::api::projects::{
    NewProject, Project, ProjectChange, ProjectDetail, ProjectList as Listing, Recipe,
};
use capy_protocol::id::ProjectId;

use crate::cli::{
    AskService, ProjectCommand, ProjectCreate, ProjectDelete, ProjectUpdate, Settings, StoredProject,
};
use crate::error::{Error, Result};
use crate::key_service;
use crate::printer::{self, shown, table, time};
use crate::settings::deadline;
use crate::{input, store_project};

pub(super) fn run(command: ProjectCommand) -> Result<()> {
    match command {
        ProjectCommand::Create(create) => self::create(create),
        ProjectCommand::Update(update) => self::update(update),
        ProjectCommand::List(list) => self::list(&list),
        ProjectCommand::Show(show) => self::show(&show),
        ProjectCommand::Delete(delete) => self::delete(&delete),
    }
}

/// Creates a project, and prints its id alone to stdout, for scripts.
fn create(arguments: ProjectCreate) -> Result<()> {
    let secrets = arguments.from.as_deref().map(store_project::read).transpose()?;
    let given =
        arguments.id.map(|id| ProjectId::parse(&id).map_err(|_| Error::ProjectIdMalformed { text: id }));
    let given = given.transpose()?;
    let drawn = given.is_none();
    let id = given.map_or_else(ProjectId::generate, Ok).map_err(Error::Seal)?;
    let request = NewProject {
        project_id: Some(id.clone()),
        name: arguments.name,
        recipe: recipe(arguments.settings),
        secrets: secrets.iter().flat_map(store_project::secrets).collect(),
    };
    let service = key_service::with_token(arguments.ask.url.as_deref())?;
    let made = match service.create_project(&request, deadline()?) {
        // Nobody else draws the same id: an earlier try created the project, and its answer got
        // lost.
        Err(capy_client::Error::ProjectExists { .. }) if drawn => service.project(&id, deadline()?)?,
        answer => answer?,
    };
    if arguments.ask.json {
        return printer::json(&made);
    }
    printer::data(&format!("{}\n", made.project.project_id))?;
    let (name, secrets) = (shown(Some(&made.project.name)), made.secrets.len());
    printer::note(&format!("project {name} is created, with {secrets} secret{}", printer::plural(secrets)));
    Ok(())
}

fn update(arguments: ProjectUpdate) -> Result<()> {
    let service = key_service::with_token(arguments.ask.url.as_deref())?;
    let id = store_project::find(&service, &arguments.project)?;
    let request =
        ProjectChange { name: arguments.name, recipe: recipe(arguments.settings), secrets: Vec::new() };
    let changed = service.change_project(&id, &request, deadline()?)?;
    if arguments.ask.json {
        return printer::json(&changed);
    }
    printer::note(&format!("project {} is changed", shown(Some(&changed.project.name))));
    Ok(())
}

fn recipe(settings: Settings) -> Recipe {
    Recipe {
        repository_url: settings.repository,
        branch: settings.branch,
        install_command: settings.install_command,
        build_command: settings.build_command,
        output_directory: settings.output_directory,
        image: settings.image,
    }
}

fn list(arguments: &AskService) -> Result<()> {
    let projects = key_service::with_token(arguments.url.as_deref())?.projects(deadline()?)?;
    if arguments.json {
        return printer::json(&Listing { projects, next: None });
    }
    if projects.is_empty() {
        printer::note("no projects yet");
        return Ok(());
    }
    let row = |project: &Project| {
        let repository = project.recipe.repository_url.as_deref();
        let name = shown(Some(&project.name));
        [project.project_id.to_string(), name, shown(repository), time(project.updated_at)]
    };
    printer::data(&table(["id", "name", "repository", "changed"], projects.iter().map(row)))
}

fn show(arguments: &StoredProject) -> Result<()> {
    let detail =
        store_project::detail(&key_service::with_token(arguments.ask.url.as_deref())?, &arguments.project)?;
    if arguments.ask.json {
        return printer::json(&detail);
    }
    let ProjectDetail { project, secrets } = &detail;
    let recipe = &project.recipe;
    let names: Vec<_> = secrets.iter().map(|secret| secret.key.as_str()).collect();
    let settings = [
        ("id", Some(project.project_id.as_str())),
        ("name", Some(project.name.as_str())),
        ("repository", recipe.repository_url.as_deref()),
        ("branch", recipe.branch.as_deref()),
        ("install command", recipe.install_command.as_deref()),
        ("build command", recipe.build_command.as_deref()),
        ("output directory", recipe.output_directory.as_deref()),
        ("image", recipe.image.as_deref()),
        ("created", Some(&*time(project.created_at))),
        ("changed", Some(&*time(project.updated_at))),
        ("secrets", Some(&*names.join(" "))),
    ]
    .map(|(setting, text)| [setting.to_owned(), shown(text)]);
    printer::data(&table(["setting", "value"], settings))
}

/// Deletes a project. The question says how many values are deleted with it.
fn delete(arguments: &ProjectDelete) -> Result<()> {
    let service = key_service::with_token(arguments.service.url.as_deref())?;
    let ProjectDetail { project, secrets } = store_project::detail(&service, &arguments.project)?;
    let (name, secrets) = (shown(Some(&project.name)), secrets.len());
    let question = format!(
        "delete project {name} ({}) and its {secrets} secret{}, for good?",
        project.project_id,
        printer::plural(secrets)
    );
    input::confirm(&question, arguments.yes)?;
    service.remove_project(&project.project_id, deadline()?)?;
    printer::note(&format!("project {name} is deleted"));
    Ok(())
}
