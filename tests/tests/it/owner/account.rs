//! A Cloudflare account as the key service needs one: databases, namespaces, Workers with their versions and secrets.
//!
//! It is ours: it knows what Cloudflare documents, and what wrangler relies on, of the calls that are made here, and
//! refuses any other. What it cannot tell is what the platform would say to an upload that this file accepts: whether
//! a script starts in time, what a plan includes, how fast a change arrives everywhere.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::owner::database::Database;
use crate::owner::upload::Upload;

/// Why a call is refused: a status, Cloudflare's code, and a text.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: u32,
    pub(crate) text: String,
}

impl Refusal {
    pub(crate) fn new(status: u16, code: u32, text: impl Into<String>) -> Self {
        Self { status, code, text: text.into() }
    }
}

/// What is in an account, and what it was asked.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// The name before `.workers.dev`; a new account has none.
    pub(crate) subdomain: Option<String>,
    pub(crate) databases: Vec<Database>,
    /// Id and title.
    pub(crate) namespaces: Vec<(String, String)>,
    pub(crate) workers: BTreeMap<String, Worker>,
    /// Static files of Workers: the hash, and the contents in base64.
    pub(crate) assets: BTreeMap<String, Vec<u8>>,
    /// Each call as `METHOD path?query`, the path from the account on.
    pub(crate) calls: Vec<String>,
    /// Calls that the stand-in does not know, or whose form is wrong.
    pub(crate) strange: Vec<String>,
    /// Calls that begin like this are refused, as often as it says.
    faults: Vec<(String, Refusal, u32)>,
    ids: u32,
}

/// A Worker: every version that was uploaded, and what is not part of one.
#[derive(Debug, Default)]
pub(crate) struct Worker {
    pub(crate) versions: Vec<Version>,
    /// The id of the version that answers.
    pub(crate) deployed: String,
    /// The id of another version that answers half of the calls.
    pub(crate) shared_with: Option<String>,
    pub(crate) script_settings: Value,
    pub(crate) schedules: Vec<String>,
    pub(crate) workers_dev: bool,
    pub(crate) previews: bool,
}

/// An upload with its bindings: those that it inherits are resolved.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) id: String,
    pub(crate) upload: Upload,
    pub(crate) bindings: Vec<Value>,
}

impl Version {
    /// The binding with this name.
    pub(crate) fn binding(&self, name: &str) -> Option<&Value> {
        self.bindings.iter().find(|binding| binding["name"] == name)
    }

    /// Names and texts of its secrets.
    pub(crate) fn secrets(&self) -> BTreeMap<String, String> {
        let secrets = self.bindings.iter().filter(|binding| binding["type"] == "secret_text");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        secrets.map(|secret| (text(&secret["name"]), text(&secret["text"]))).collect()
    }
}

impl Worker {
    /// The version that answers.
    pub(crate) fn live(&self) -> Option<&Version> {
        self.versions.iter().find(|version| version.id == self.deployed)
    }
}

impl Account {
    /// An account that has nothing but a name for its Workers.
    pub(crate) fn empty() -> Self {
        Self { subdomain: Some("owner".to_owned()), ..Self::default() }
    }

    /// Whether nothing was made in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.databases.is_empty() && self.namespaces.is_empty() && self.workers.is_empty()
    }

    /// From now on, and so many times, calls that begin like this are refused.
    pub(crate) fn refuse(&mut self, call: &str, refusal: Refusal, times: u32) {
        self.faults.push((call.to_owned(), refusal, times));
    }

    /// No more refusals.
    pub(crate) fn refuse_nothing(&mut self) {
        self.faults.clear();
    }

    pub(crate) fn fault(&mut self, call: &str) -> Option<Refusal> {
        let meant = |(beginning, _, times): &&mut (String, Refusal, u32)| {
            *times > 0 && call.starts_with(beginning.as_str())
        };
        let (_, refusal, times) = self.faults.iter_mut().find(meant)?;
        *times -= 1;
        Some(refusal.clone())
    }

    /// An id that no other thing in the account has, in the form of a UUID.
    pub(crate) fn new_id(&mut self) -> String {
        self.ids += 1;
        format!("{:08x}-0000-4000-8000-000000000000", self.ids)
    }

    /// The key service's version that answers.
    pub(crate) fn live(&self) -> &Version {
        self.workers["capy"].live().expect("a version is deployed")
    }

    /// Keeps an upload as a new version of a Worker.
    pub(crate) fn add_version(&mut self, worker: &str, upload: Upload) -> Result<String, Refusal> {
        let id = self.new_id();
        let live = self.workers.get(worker).and_then(Worker::live);
        let bindings = resolve(&upload, live)?;
        for binding in &bindings {
            self.check(binding)?;
        }
        let version = Version { id: id.clone(), upload, bindings };
        self.workers.entry(worker.to_owned()).or_default().versions.push(version);
        Ok(id)
    }

    /// Sets a secret, which makes and deploys another version.
    pub(crate) fn put_secret(&mut self, worker: &str, secret: &Value) -> Result<(), Refusal> {
        let id = self.new_id();
        let worker = self.workers.get_mut(worker).ok_or_else(no_worker)?;
        let mut version = worker.live().cloned().ok_or_else(no_worker)?;
        version.bindings.retain(|binding| binding["name"] != secret["name"]);
        version.bindings.push(secret.clone());
        version.id.clone_from(&id);
        worker.versions.push(version);
        worker.deployed = id;
        Ok(())
    }

    /// Refuses what is bound to nothing.
    fn check(&self, binding: &Value) -> Result<(), Refusal> {
        let invalid = |what: &str| Refusal::new(400, 10021, format!("{what}: {}", binding["name"]));
        match binding["type"].as_str().unwrap_or_default() {
            "d1" if self.databases.iter().all(|database| binding["id"] != *database.id) => {
                Err(invalid("no such database"))
            }
            "kv_namespace" if self.namespaces.iter().all(|(id, _)| binding["namespace_id"] != **id) => {
                Err(invalid("no such namespace"))
            }
            "d1" | "kv_namespace" | "ratelimit" | "secret_text" => Ok(()),
            // Applications bind these, too.
            "assets" | "durable_object_namespace" | "plain_text" | "service" => Ok(()),
            other => Err(Refusal::new(400, 10021, format!("the stand-in knows no binding of type {other}"))),
        }
    }
}

/// Puts what was inherited, and what is to be kept, in place.
fn resolve(upload: &Upload, live: Option<&Version>) -> Result<Vec<Value>, Refusal> {
    let mut bindings = Vec::new();
    for sent in upload.bindings() {
        let name = sent["name"].as_str().unwrap_or_default();
        let binding = match sent["type"] == "inherit" {
            true => live.and_then(|live| live.binding(name)).cloned(),
            false => Some(sent.clone()),
        };
        let missing = || format!("inherit binding '{name}' is invalid: no such binding");
        bindings.push(binding.ok_or_else(|| Refusal::new(400, 10057, missing()))?);
    }
    let kept = |binding: &&Value| {
        let types = upload.metadata["keep_bindings"].as_array();
        types.is_some_and(|types| types.contains(&binding["type"]))
            && bindings.iter().all(|other| other["name"] != binding["name"])
    };
    let kept: Vec<Value> =
        live.into_iter().flat_map(|live| live.bindings.iter().filter(kept).cloned()).collect();
    Ok([bindings, kept].concat())
}

/// What Cloudflare says of a Worker that is not there.
pub(crate) fn no_worker() -> Refusal {
    Refusal::new(404, 10007, "This Worker does not exist on your account.")
}

/// A binding as the API tells it: never with a secret's text.
pub(crate) fn told(binding: &Value) -> Value {
    match binding["type"] == "secret_text" {
        true => json!({ "name": binding["name"], "type": "secret_text" }),
        false => binding.clone(),
    }
}
