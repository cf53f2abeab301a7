//! `/api/project…`: the project store. Values go in; names, ids and times come out. `GET /api/build/projects/{id}/rows`
//! alone answers with values, sealed: the build host holds `ENCRYPTION_KEY` itself.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use super::SecretText;
use crate::env_map::SecretValue;
use crate::id::{KeyId, ProjectId};
use crate::token::SecretId;

/// `POST /api/project`. A text that is empty is one that is not given.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewProject {
    /// Its id; the service draws one, where there is none. A client that draws it itself may ask again after an answer
    /// that got lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<ProjectId>,
    /// Its name: no key, two projects may have the same.
    pub name: String,
    /// What is built, and how.
    #[serde(flatten)]
    pub recipe: Recipe,
    /// Its first secrets.
    #[serde(default)]
    pub secrets: Vec<NewSecret>,
}

/// `PUT /api/project/projects/{project_id}`: what is not named stays, secrets included. An empty text takes a setting away.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectChange {
    /// Another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Other settings.
    #[serde(flatten)]
    pub recipe: Recipe,
    /// Secrets to add, and values to replace, by their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<NewSecret>,
}

/// What is built, and how. None of it is secret.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Recipe {
    /// Where the source is: https, ssh, or a path on the service's own machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository_url: Option<String>,
    /// The branch; the repository's own, where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Run first, by a shell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub install_command: Option<String>,
    /// Run next, by a shell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_command: Option<String>,
    /// Where the result lies, inside the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_directory: Option<String>,
    /// The container image in which it is built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

/// One secret on its way in.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewSecret {
    /// The variable's name.
    pub key: String,
    /// Its value.
    pub value: SecretText,
}

/// A project as every answer shows it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Project {
    /// Its id.
    pub project_id: ProjectId,
    /// Its name.
    pub name: String,
    /// What is built, and how.
    #[serde(flatten)]
    pub recipe: Recipe,
    /// When it was made.
    pub created_at: u64,
    /// By whom.
    pub created_by: String,
    /// When it, or one of its secrets, was changed last.
    pub updated_at: u64,
}

/// The answer to `POST /api/project`, and to `GET` and `PUT /api/project/projects/{project_id}`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ProjectDetail {
    /// The project.
    #[serde(flatten)]
    pub project: Project,
    /// Its secrets, in order of their names.
    pub secrets: Vec<SecretInfo>,
}

/// One secret without its value.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SecretInfo {
    /// Its id.
    pub secret_id: SecretId,
    /// The variable's name.
    pub key: String,
    /// When it was set first.
    pub created_at: u64,
    /// When it was set last.
    pub updated_at: u64,
}

/// The answer to `GET /api/project/projects`: newest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProjectList {
    /// A page of the projects that the bearer may see.
    pub projects: Vec<Project>,
    /// Where the next page begins, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The answer to `DELETE /api/project/projects/{project_id}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RemovedProject {
    /// The project that is no more, with its secrets.
    pub project_id: ProjectId,
}

/// The answer to `DELETE /api/project/secret/{secret_id}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RemovedSecret {
    /// The secret that is no more.
    pub secret_id: SecretId,
}

/// The answer to `GET /api/build/projects/{project_id}/rows`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StoreRows {
    /// The project: the rows are bound to it.
    pub project_id: ProjectId,
    /// Its secrets, in order of their names.
    pub rows: Vec<StoreRow>,
}

/// One secret as it is kept. [`crate::store_keys::StoreKeys::open`] takes it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreRow {
    /// The variable's name.
    pub key: String,
    /// The sealed value: see [`crate::store_row`].
    pub row: String,
    /// The key that sealed it; none for a row of the existing store.
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

/// The answer to `GET /admin/store/keys`: the keys that are held, the newest first, then those that rows need all the same.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StoreKeyList {
    /// The keys.
    pub keys: Vec<StoreKeyState>,
}

/// One key of the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StoreKeyState {
    /// Its id; none stands for rows of the existing store, which name no key.
    pub key_id: Option<KeyId>,
    /// Whether the service holds it.
    pub held: bool,
    /// Whether it seals what is new.
    pub newest: bool,
    /// How many rows it sealed.
    pub rows: u64,
}

/// `POST /admin/store/rotate`.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotateRequest {
    /// Goes on after this secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<SecretId>,
}

/// The answer to `POST /admin/store/rotate`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Rotated {
    /// How many rows were sealed again under the newest key.
    pub resealed: u64,
    /// Rows that do not open, and were left as they are.
    pub unopened: Vec<UnopenedRow>,
    /// Where to go on; none when every row was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<SecretId>,
}

/// A row that does not open.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct UnopenedRow {
    /// Its project.
    pub project_id: ProjectId,
    /// The variable's name.
    pub key: String,
    /// The key that it says it was sealed with.
    pub key_id: Option<KeyId>,
    /// Whether the service holds no such key; else the row was altered or moved.
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
