//! The project store: the types of `/api/project…`, `/api/build/projects/{id}/rows` and
//! `/admin/store/…`. Requests carry values; answers carry only names, ids and times. The
//! exception is `GET /api/build/projects/{id}/rows`, which returns sealed values to a build host
//! that holds `ENCRYPTION_KEY` itself.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use super::SecretText;
use crate::env_map::SecretValue;
use crate::id::{KeyId, ProjectId};
use crate::token::SecretId;

/// The body of `POST /api/project`. An empty text counts as absent.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewProject {
    /// The project's id; without one the service generates an id. A client that generates the id
    /// itself can safely retry after a lost answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<ProjectId>,
    /// The project's name, which need not be unique.
    pub name: String,
    /// What is built, and how.
    #[serde(flatten)]
    pub recipe: Recipe,
    /// The project's first secrets.
    #[serde(default)]
    pub secrets: Vec<NewSecret>,
}

/// The body of `PUT /api/project/projects/{project_id}`. Absent fields and unnamed secrets stay as
/// they are; an empty text removes a setting.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectChange {
    /// The new name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The build settings to change.
    #[serde(flatten)]
    pub recipe: Recipe,
    /// Secrets to add, and values to replace, by their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<NewSecret>,
}

/// What is built, and how. None of it is secret.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Recipe {
    /// The source repository: https, ssh, or a path on the service's own machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository_url: Option<String>,
    /// The branch; none for the repository's default branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The shell command that runs first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub install_command: Option<String>,
    /// The shell command that runs second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_command: Option<String>,
    /// The folder of the build's output, inside the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_directory: Option<String>,
    /// The container image in which the build runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

/// A secret to add or replace.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewSecret {
    /// The variable's name.
    pub key: String,
    /// The variable's value.
    pub value: SecretText,
}

/// A project, without its secrets.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Project {
    /// The project's id.
    pub project_id: ProjectId,
    /// The project's name.
    pub name: String,
    /// What is built, and how.
    #[serde(flatten)]
    pub recipe: Recipe,
    /// When the project was made.
    pub created_at: u64,
    /// Who made the project.
    pub created_by: String,
    /// When the project, or one of its secrets, last changed.
    pub updated_at: u64,
}

/// The answer to `POST /api/project`, and to `GET` and `PUT /api/project/projects/{project_id}`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ProjectDetail {
    /// The project.
    #[serde(flatten)]
    pub project: Project,
    /// The project's secrets, sorted by name.
    pub secrets: Vec<SecretInfo>,
}

/// A secret without its value.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SecretInfo {
    /// The secret's id.
    pub secret_id: SecretId,
    /// The variable's name.
    pub key: String,
    /// When the secret was first set.
    pub created_at: u64,
    /// When the secret was last set.
    pub updated_at: u64,
}

/// The answer to `GET /api/project/projects`: newest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProjectList {
    /// A page of the projects that the bearer may see.
    pub projects: Vec<Project>,
    /// The cursor of the next page; none after the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The answer to `DELETE /api/project/projects/{project_id}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RemovedProject {
    /// The removed project. Its secrets are removed too.
    pub project_id: ProjectId,
}

/// The answer to `DELETE /api/project/secret/{secret_id}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RemovedSecret {
    /// The removed secret.
    pub secret_id: SecretId,
}

/// The answer to `GET /api/build/projects/{project_id}/rows`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StoreRows {
    /// The project that the rows are bound to.
    pub project_id: ProjectId,
    /// The project's secrets, sorted by name.
    pub rows: Vec<StoreRow>,
}

/// One secret as the database keeps it: [`crate::store_keys::StoreKeys::open`] decrypts it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreRow {
    /// The variable's name.
    pub key: String,
    /// The sealed value: see [`crate::store_row`].
    pub row: String,
    /// The id of the key that sealed the row; none for a row of the existing store.
    pub key_id: Option<KeyId>,
}

impl fmt::Debug for StoreRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreRow")
            .field("key", &self.key)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

/// The answer to `GET /admin/store/keys`: keys that the service holds, the newest first, then keys
/// that rows still need.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StoreKeyList {
    /// The keys.
    pub keys: Vec<StoreKeyState>,
}

/// The state of one key of the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StoreKeyState {
    /// The key's id; none stands for rows of the existing store, which name no key.
    pub key_id: Option<KeyId>,
    /// Whether the service holds the key.
    pub held: bool,
    /// Whether the key seals new rows.
    pub newest: bool,
    /// How many rows the key sealed.
    pub rows: u64,
}

/// The body of `POST /admin/store/rotate`.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotateRequest {
    /// Continues after this secret; none starts at the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<SecretId>,
}

/// The answer to `POST /admin/store/rotate`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Rotated {
    /// How many rows were sealed again under the newest key.
    pub resealed: u64,
    /// Rows that could not be decrypted and stay as they are.
    pub unopened: Vec<UnopenedRow>,
    /// Where to continue; none when every row was checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<SecretId>,
}

/// A row that could not be decrypted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct UnopenedRow {
    /// The row's project.
    pub project_id: ProjectId,
    /// The variable's name.
    pub key: String,
    /// The key id that is stored beside the row.
    pub key_id: Option<KeyId>,
    /// Whether the service lacks the key. If not, the row was altered or moved.
    pub key_missing: bool,
}

impl From<&SecretValue> for SecretText {
    fn from(value: &SecretValue) -> Self {
        Self(String::from(value.expose_secret()))
    }
}

impl From<SecretText> for SecretValue {
    fn from(mut text: SecretText) -> Self {
        Self::new(core::mem::take(&mut text.0))
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::vec;

    use super::*;

    #[test]
    fn wire_format_unchanged() {
        let request = NewProject {
            project_id: None,
            name: "shop".into(),
            recipe: Recipe { branch: Some("main".into()), ..Recipe::default() },
            secrets: vec![NewSecret { key: "A".into(), value: SecretText("v".into()) }],
        };
        let json = r#"{"name":"shop","branch":"main","secrets":[{"key":"A","value":"v"}]}"#;
        assert_eq!(serde_json::to_string(&request).unwrap(), json);
        assert_eq!(serde_json::to_string(&ProjectChange::default()).unwrap(), "{}");
        let row = StoreRow { key: "A".into(), row: "iv:tag:canary.x9".into(), key_id: Some(KeyId(7)) };
        assert_eq!(format!("{row:?}"), r#"StoreRow { key: "A", key_id: Some(KeyId(7)), .. }"#);
        let rows = StoreRows { project_id: ProjectId::parse("prj_a").unwrap(), rows: vec![row] };
        let json = r#"{"project_id":"prj_a","rows":[{"key":"A","row":"iv:tag:canary.x9","key_id":7}]}"#;
        assert_eq!(serde_json::to_string(&rows).unwrap(), json);
        assert_eq!(serde_json::from_str::<StoreRows>(json).unwrap(), rows);
        let state = StoreKeyState { key_id: None, held: true, newest: false, rows: 2 };
        let json = r#"{"key_id":null,"held":true,"newest":false,"rows":2}"#;
        assert_eq!(serde_json::to_string(&state).unwrap(), json);
    }

    #[test]
    fn a_request_with_an_unknown_field_is_refused() {
        for good in ["{}", r#"{"name":"a"}"#, r#"{"branch":"main","secrets":[]}"#] {
            assert!(serde_json::from_str::<ProjectChange>(good).is_ok(), "{good}");
        }
        for bad in [
            r#"{"buildCommand":"x"}"#,
            r#"{"recipe":{}}"#,
            r#"{"secrets":[{"key":"A"}]}"#,
            r#"{"secrets":[{"key":"A","value":null}]}"#,
            r#"{"secrets":[{"key":"A","value":"v","type":"plain"}]}"#,
            r#"{"secrets":{"A":"v"}}"#,
        ] {
            assert!(serde_json::from_str::<ProjectChange>(bad).is_err(), "{bad}");
        }
        assert!(serde_json::from_str::<NewProject>(r#"{"name":"a","owner":"me"}"#).is_err());
        assert!(serde_json::from_str::<RotateRequest>(r#"{"limit":5}"#).is_err());
    }
}
