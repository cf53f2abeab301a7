//! Decisions about projects of the store: which settings are valid, and how much a project may
//! hold.

mod syntax;

use std::collections::BinaryHeap;

use capy_protocol::api::projects::{NewProject, NewSecret, ProjectChange, Recipe};

use syntax::{is_branch, is_command, is_image, is_name, is_output_directory, is_repository, is_variable};

/// The longest body of a request with values, in bytes. Longer than [`PROJECT_MAX`], because JSON
/// escapes some characters.
pub const BODY_MAX: usize = 4 * 1024 * 1024;
/// The longest name of a project, in bytes.
pub const NAME_MAX: usize = 64;
/// The longest text of a command or a repository, in bytes.
pub const SETTING_MAX: usize = 2000;
/// The most secrets in a project.
pub const SECRETS_MAX: u64 = 1000;
/// The longest name of a secret, in bytes.
pub const KEY_MAX: usize = 255;
/// The longest name and value of a secret together, in bytes: Linux's limit for one environment
/// string (`MAX_ARG_STRLEN`), less the `=` and the terminating zero byte.
pub const SECRET_MAX: usize = 128 * 1024 - 2;
/// The most bytes of a project's names and values: arguments and environment of a process are
/// limited to two MiB.
pub const PROJECT_MAX: u64 = 1024 * 1024;

/// Why a project's settings or secrets are refused. Names the field, never its content.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidProject {
    /// Not a valid name. The name becomes part of folder names.
    #[error("name must be 1 to {NAME_MAX} of A-Z, a-z, 0-9, `.`, `_` and `-`, a letter or digit first")]
    Name,
    /// Another transport, or a password in the address.
    #[error(
        "repository_url must be https://host/path without a user or password, ssh://user@host/path or user@host:path"
    )]
    Repository,
    /// [`Self::Repository`], where a local path is allowed too.
    #[error(
        "repository_url must be https://host/path without a user or password, ssh://user@host/path, user@host:path or \
        /path"
    )]
    LocalRepository,
    /// Not a branch name that git accepts.
    #[error("branch must be a branch's name as git takes it")]
    Branch,
    /// Too long, or with characters that control a terminal.
    #[error("{0} must be one line of at most {SETTING_MAX} bytes")]
    Command(&'static str),
    /// A path outside of the source.
    #[error("output_directory must be a path inside the source: relative, without `..`")]
    OutputDirectory,
    /// Not a container image's name.
    #[error("image must be a container image such as docker.io/library/node:22")]
    Image,
    /// Not a valid name of an environment variable.
    #[error("secrets[{0}].key must be 1 to {KEY_MAX} letters, digits and `_`, not a digit first")]
    Key(usize),
    /// Two secrets have the same name.
    #[error("secrets[{0}].key stands twice")]
    Duplicate(usize),
    /// An environment variable cannot have a zero byte.
    #[error("secrets[{0}].value must not have a zero byte")]
    ZeroByte(usize),
    /// Too long for an environment variable.
    #[error("secrets[{0}] must have at most {SECRET_MAX} bytes, key and value together")]
    Long(usize),
}

/// The project would hold too much.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProjectFull;

/// The size of a project.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct ProjectSize {
    /// The number of secrets.
    pub count: u64,
    /// The bytes of all names and values.
    pub bytes: u64,
}

/// Whether a project can be created as requested. `local`: its source may be a path on the
/// service's own machine.
///
/// # Errors
/// The first field that is invalid.
pub fn new_project(request: &NewProject, local: bool) -> Result<(), InvalidProject> {
    check(&request.name, is_name, InvalidProject::Name)?;
    recipe(&request.recipe, local)?;
    secrets(&request.secrets)
}

/// Whether a project can be changed as requested.
///
/// # Errors
/// As [`new_project`].
pub fn change(request: &ProjectChange, local: bool) -> Result<(), InvalidProject> {
    if let Some(name) = &request.name {
        check(name, is_name, InvalidProject::Name)?;
    }
    recipe(&request.recipe, local)?;
    secrets(&request.secrets)
}

/// Checks the settings of a recipe. An empty one counts as not given.
fn recipe(recipe: &Recipe, local: bool) -> Result<(), InvalidProject> {
    let given = |setting: &Option<String>, is_valid: fn(&str) -> bool, invalid| match setting.as_deref() {
        None | Some("") => Ok(()),
        Some(text) => check(text, is_valid, invalid),
    };
    let is_source: fn(&str) -> bool =
        if local { |text| is_repository(text) || syntax::is_local(text) } else { is_repository };
    let of_repository = if local { InvalidProject::LocalRepository } else { InvalidProject::Repository };
    given(&recipe.repository_url, is_source, of_repository)?;
    given(&recipe.branch, is_branch, InvalidProject::Branch)?;
    given(&recipe.install_command, is_command, InvalidProject::Command("install_command"))?;
    given(&recipe.build_command, is_command, InvalidProject::Command("build_command"))?;
    given(&recipe.output_directory, is_output_directory, InvalidProject::OutputDirectory)?;
    given(&recipe.image, is_image, InvalidProject::Image)
}

fn secrets(secrets: &[NewSecret]) -> Result<(), InvalidProject> {
    let duplicate = first_duplicate(secrets);
    for (place, secret) in secrets.iter().enumerate() {
        let value = secret.value.expose_secret();
        check(&secret.key, is_variable, InvalidProject::Key(place))?;
        if duplicate == Some(place) {
            return Err(InvalidProject::Duplicate(place));
        }
        if secret.key.len() + value.len() > SECRET_MAX {
            return Err(InvalidProject::Long(place));
        }
        check(value, |value| !value.contains('\0'), InvalidProject::ZeroByte(place))?;
    }
    Ok(())
}

/// The position of the first secret whose name occurred before.
fn first_duplicate(secrets: &[NewSecret]) -> Option<usize> {
    let names = secrets.iter().enumerate().map(|(place, secret)| (secret.key.as_str(), place));
    let names = names.collect::<BinaryHeap<_>>().into_sorted_vec();
    names.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| pair[1].1).min()
}

fn check(text: &str, is_valid: impl Fn(&str) -> bool, invalid: InvalidProject) -> Result<(), InvalidProject> {
    if is_valid(text) { Ok(()) } else { Err(invalid) }
}

/// Whether these secrets fit, given the size of all other secrets of the project.
///
/// # Errors
/// [`ProjectFull`].
pub fn capacity(others: ProjectSize, secrets: &[NewSecret]) -> Result<(), ProjectFull> {
    let count = others.count + secrets.len() as u64;
    let new = secrets.iter().map(|secret| (secret.key.len() + secret.value.expose_secret().len()) as u64);
    let bytes = others.bytes + new.sum::<u64>();
    if count <= SECRETS_MAX && bytes <= PROJECT_MAX { Ok(()) } else { Err(ProjectFull) }
}

#[cfg(test)]
mod tests {
    use capy_protocol::api::SecretText;
    use capy_protocol::env_map::SecretValue;

    use super::*;

    fn secret(key: &str, value: &str) -> NewSecret {
        NewSecret { key: key.into(), value: SecretText::from(&SecretValue::new(value.into())) }
    }

    fn project(secrets: Vec<NewSecret>) -> NewProject {
        NewProject { project_id: None, name: "shop".into(), recipe: Recipe::default(), secrets }
    }

    #[test]
    fn an_invalid_setting_is_named_and_an_empty_one_is_none() {
        let text = |text: &str| Some(text.to_owned());
        for (recipe, expected) in [
            (Recipe::default(), Ok(())),
            (
                Recipe { repository_url: text("/srv/shop.git"), ..Recipe::default() },
                Err(InvalidProject::Repository),
            ),
            (Recipe { branch: text("a..b"), ..Recipe::default() }, Err(InvalidProject::Branch)),
            (
                Recipe { install_command: text("a\nb"), ..Recipe::default() },
                Err(InvalidProject::Command("install_command")),
            ),
            (
                Recipe { build_command: text("a\u{1b}"), ..Recipe::default() },
                Err(InvalidProject::Command("build_command")),
            ),
            (
                Recipe { output_directory: text("../x"), ..Recipe::default() },
                Err(InvalidProject::OutputDirectory),
            ),
            (Recipe { image: text("-v"), ..Recipe::default() }, Err(InvalidProject::Image)),
        ] {
            let request = NewProject { recipe: recipe.clone(), ..project(Vec::new()) };
            assert_eq!(new_project(&request, false), expected, "{recipe:?}");
            let request = ProjectChange { recipe: recipe.clone(), ..ProjectChange::default() };
            assert_eq!(change(&request, false), expected, "{recipe:?}");
        }
        let none = text("");
        let empty = Recipe {
            repository_url: none.clone(),
            branch: none.clone(),
            install_command: none.clone(),
            build_command: none.clone(),
            output_directory: none.clone(),
            image: none,
        };
        assert_eq!(change(&ProjectChange { recipe: empty, ..ProjectChange::default() }, false), Ok(()));
        assert_eq!(
            change(&ProjectChange { name: text(""), ..ProjectChange::default() }, false),
            Err(InvalidProject::Name)
        );
    }

    #[test]
    fn a_path_is_a_source_only_on_a_machine_of_ones_own() {
        let recipe = Recipe { repository_url: Some("/srv/shop.git".into()), ..Recipe::default() };
        let request = NewProject { recipe, ..project(Vec::new()) };
        assert_eq!(new_project(&request, true), Ok(()));
        assert_eq!(new_project(&request, false), Err(InvalidProject::Repository));
        let recipe = Recipe { repository_url: Some("../x".into()), ..Recipe::default() };
        let request = NewProject { recipe, ..project(Vec::new()) };
        assert_eq!(new_project(&request, true), Err(InvalidProject::LocalRepository));
    }

    #[test]
    fn a_secret_is_what_an_environment_can_carry_and_stands_once() {
        let longest = "v".repeat(SECRET_MAX - 1);
        for (secrets, expected) in [
            (vec![secret("A", ""), secret("_b2", "\n\"'$ 🦫"), secret("C", &longest)], Ok(())),
            (vec![secret("A", "1"), secret("B", "2"), secret("A", "3")], Err(InvalidProject::Duplicate(2))),
            (vec![secret("A", "1"), secret("", "2")], Err(InvalidProject::Key(1))),
            (vec![secret("A", "a\0b")], Err(InvalidProject::ZeroByte(0))),
            (vec![secret("AB", &longest)], Err(InvalidProject::Long(0))),
        ] {
            assert_eq!(new_project(&project(secrets), false), expected);
        }
        assert_eq!(
            new_project(&NewProject { name: "../etc".into(), ..project(Vec::new()) }, true),
            Err(InvalidProject::Name)
        );
    }

    #[test]
    fn a_project_is_full_by_number_and_by_size() {
        let one = [secret("A", "1234")];
        for (count, bytes, expected) in [
            (0, 0, Ok(())),
            (SECRETS_MAX - 1, PROJECT_MAX - 5, Ok(())),
            (SECRETS_MAX, 0, Err(ProjectFull)),
            (0, PROJECT_MAX - 4, Err(ProjectFull)),
        ] {
            assert_eq!(capacity(ProjectSize { count, bytes }, &one), expected, "{count} {bytes}");
        }
    }
}
