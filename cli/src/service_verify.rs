//! Comparison of a deployed version of the key service with a release: the bytes of every module,
//! and every setting.
//!
//! This file only compares: `cloudflare` gets what is deployed, and `release` what is expected.

mod cloudflare;
mod release;

use std::collections::BTreeSet;

use capy_protocol::service_secrets::ENCRYPTION_KEY;
use serde::Serialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

pub(crate) use cloudflare::{Share, Worker};
pub(crate) use release::ServiceRelease;

use cloudflare::{Content, Resources, ScriptSettings};

/// Fields of a binding with which Cloudflare identifies its target. A release need not have them.
const ID_FIELDS: [&str; 4] = ["id", "database_id", "namespace_id", "database_name"];

/// How a deployed module or setting relates to that of the release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    Same,
    Different,
    Missing,
    Unexpected,
}

/// One module, in the release and as it is deployed.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Module {
    pub(crate) name: String,
    pub(crate) state: State,
    /// SHA-256 of the module in the release; `deployed` is that of the deployed module.
    pub(crate) released: Option<String>,
    pub(crate) deployed: Option<String>,
}

/// One setting, in the release and as it is deployed.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Setting {
    pub(crate) name: String,
    pub(crate) state: State,
    pub(crate) released: Value,
    pub(crate) deployed: Value,
}

/// Compares the modules of a version. `content` is `None` for a script of the old format, which has
/// no modules.
pub(crate) fn modules(release: &ServiceRelease, content: Option<&Content>) -> Vec<Module> {
    let nothing = std::collections::BTreeMap::new();
    let deployed = content.map_or(&nothing, |content| &content.modules);
    let names: BTreeSet<&String> = release.modules.keys().chain(deployed.keys()).collect();
    let sum = |bytes: &Vec<u8>| hex::encode(Sha256::digest(bytes));
    let compared = names.into_iter().map(|name| {
        let (ours, theirs) = (release.modules.get(name), deployed.get(name));
        Module {
            name: name.clone(),
            state: state(ours, theirs),
            released: ours.map(sum),
            deployed: theirs.map(sum),
        }
    });
    compared.collect()
}

fn state<T: PartialEq>(released: Option<T>, deployed: Option<T>) -> State {
    match (released, deployed) {
        (Some(released), Some(deployed)) if released == deployed => State::Same,
        (Some(_), Some(_)) => State::Different,
        (Some(_), None) => State::Missing,
        _ => State::Unexpected,
    }
}

/// Compares the settings of a version, and those of the Worker.
pub(crate) fn settings(
    release: &ServiceRelease,
    content: Option<&Content>,
    resources: &Resources,
    script: &ScriptSettings,
    schedules: &[String],
) -> Vec<Setting> {
    let ours = &release.settings;
    let runtime = &resources.script_runtime;
    let set = |list: &[String]| json!(list.iter().collect::<BTreeSet<_>>());
    let mut settings = vec![
        setting("module that starts", json!(release.main), json!(content.map(|content| &content.main))),
        setting("compatibility date", json!(ours.compatibility_date), json!(runtime.compatibility_date)),
        setting("compatibility flags", set(&ours.compatibility_flags), set(&runtime.compatibility_flags)),
        setting("schedules", set(&ours.triggers.crons), set(schedules)),
        // Workers that are listed there get an event for each call, with its URL.
        setting(
            "workers that read the log",
            json!([]),
            json!(script.tail_consumers.as_deref().unwrap_or(&[])),
        ),
        setting("log pushed elsewhere", json!(false), json!(script.logpush.unwrap_or(false))),
    ];
    settings.extend(bindings(release, &resources.bindings));
    settings
}

fn setting(name: &str, released: Value, deployed: Value) -> Setting {
    let state = if released == deployed { State::Same } else { State::Different };
    Setting { name: name.to_owned(), state, released, deployed }
}

/// Compares the bindings by name. The target of a binding is compared if the release's
/// `wrangler.toml` names it; otherwise it is only shown.
fn bindings(release: &ServiceRelease, deployed: &[Value]) -> Vec<Setting> {
    let expected = expected_bindings(release);
    let name = |binding: &Value| binding["name"].as_str().unwrap_or_default().to_owned();
    let mut settings = Vec::new();
    for ours in &expected {
        let found: Vec<_> = deployed.iter().filter(|theirs| name(theirs) == name(ours)).collect();
        let theirs = match found[..] {
            [theirs] => shown(theirs),
            [] => Value::Null,
            // The API lists each name once.
            _ => json!(found),
        };
        let state = match &theirs {
            Value::Null => State::Missing,
            theirs if agrees(ours, theirs) => State::Same,
            _ => State::Different,
        };
        let released = shown(ours);
        settings.push(Setting { name: format!("binding {}", name(ours)), state, released, deployed: theirs });
    }
    let is_expected = |theirs: &&Value| expected.iter().any(|ours| name(ours) == name(theirs));
    for theirs in deployed.iter().filter(|theirs| !is_expected(theirs)) {
        // Only a service with a project store has this secret.
        let is_optional = name(theirs) == ENCRYPTION_KEY && theirs["type"] == "secret_text";
        let state = if is_optional { State::Same } else { State::Unexpected };
        let released = if is_optional { shown(theirs) } else { Value::Null };
        let name = format!("binding {}", name(theirs));
        settings.push(Setting { name, state, released, deployed: shown(theirs) });
    }
    settings
}

/// A binding for output: without the name, which is printed beside it, and without null fields.
fn shown(binding: &Value) -> Value {
    let fields = binding.as_object().into_iter().flatten();
    let kept = fields.filter(|(field, value)| *field != "name" && !value.is_null());
    Value::Object(kept.map(|(field, value)| (field.clone(), value.clone())).collect::<Map<_, _>>())
}

/// Whether a deployed binding agrees with the release's: all fields of the release are equal, and
/// any others are [`ID_FIELDS`].
fn agrees(ours: &Value, theirs: &Value) -> bool {
    let (Some(ours), Some(theirs)) = (ours.as_object(), theirs.as_object()) else { return false };
    let said = ours.iter().filter(|(field, value)| *field != "name" && !value.is_null());
    let mut said = said.peekable();
    said.peek().is_some()
        && said.all(|(field, value)| theirs.get(field) == Some(value))
        && theirs.keys().all(|field| ours.contains_key(field) || ID_FIELDS.contains(&field.as_str()))
}

/// The release's bindings in the format of Cloudflare's API.
fn expected_bindings(release: &ServiceRelease) -> Vec<Value> {
    let ours = &release.settings;
    let databases = ours.d1_databases.iter();
    let databases =
        databases.map(|bound| json!({ "name": bound.binding, "type": "d1", "id": bound.database_id }));
    let lists = ours.kv_namespaces.iter();
    let lists =
        lists.map(|bound| json!({ "name": bound.binding, "type": "kv_namespace", "namespace_id": bound.id }));
    let limits = ours.ratelimits.iter().map(|limit| {
        let (id, simple) = (&limit.namespace_id, &limit.simple);
        json!({ "name": limit.name, "type": "ratelimit", "namespace_id": id, "simple": simple })
    });
    let secrets = ours.secrets.required.iter().map(|name| json!({ "name": name, "type": "secret_text" }));
    let vars = ours.vars.iter().map(|(name, value)| match value {
        toml::Value::String(text) => json!({ "name": name, "type": "plain_text", "text": text }),
        value => json!({ "name": name, "type": "json", "json": value }),
    });
    databases.chain(lists).chain(limits).chain(secrets).chain(vars).collect()
}
