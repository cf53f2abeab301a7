//! The calls that wrangler makes for the book's commands, each checked and answered from the [`Account`].
//!
//! A call that is not in the table below, or whose body has another form, is kept as strange and refused: no test
//! passes over one.

use serde_json::{Value, json};

use crate::owner::account::{Account, Refusal, Worker, no_worker, told};
use crate::owner::database::Database;
use crate::owner::server::ASSETS_TOKEN;
use crate::owner::upload::{Part, Upload};

/// A call below `/client/v4/accounts/ID/`, or else below `/client/v4/`.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) body: Body,
}

#[derive(Debug)]
pub(crate) enum Body {
    Empty,
    Json(Value),
    Form(Vec<Part>),
    Other,
}

type Answer = Result<Value, Refusal>;

impl Call {
    fn json(&self) -> Result<&Value, Refusal> {
        match &self.body {
            Body::Json(value) => Ok(value),
            _ => Err(strange("a body in JSON")),
        }
    }

    fn text(&self, field: &str) -> Result<&str, Refusal> {
        self.json()?[field].as_str().ok_or_else(|| strange(&format!("a text in {field}")))
    }

    fn flag(&self, field: &str) -> Result<bool, Refusal> {
        self.json()?[field].as_bool().ok_or_else(|| strange(&format!("a flag in {field}")))
    }

    /// Those of a list that are on the page that was asked for: some callers ask until one is empty.
    fn page(&self, all: impl Iterator<Item = Value>) -> Value {
        let number = |name: &str, default| {
            let fields = self.query.split('&').filter_map(|field| field.split_once('='));
            let found = fields.into_iter().find(|(field, _)| *field == name);
            found.and_then(|(_, number)| number.parse::<usize>().ok()).unwrap_or(default)
        };
        let (page, size) = (number("page", 1), number("per_page", 20));
        all.skip((page - 1) * size).take(size).collect()
    }

    fn upload(&self) -> Result<Upload, Refusal> {
        match &self.body {
            Body::Form(parts) => Upload::parse(parts).map_err(|error| strange(&error)),
            _ => Err(strange("a form")),
        }
    }
}

/// A refusal that fails the test: the call has not the form that the API documents.
fn strange(expected: &str) -> Refusal {
    Refusal::new(501, 1, format!("the stand-in expected: {expected}"))
}

impl Account {
    /// Remembers a call, and refuses it where that was asked for.
    fn remember(&mut self, call: &Call) -> Result<(), Refusal> {
        let line = format!("{} {}", call.method, call.path);
        self.calls.push(format!("{line}?{}", call.query).trim_end_matches('?').to_owned());
        self.fault(&line).map_or(Ok(()), Err)
    }

    /// The upload that a call asks for: its answer is a form, and no JSON. None for any other call.
    pub(crate) fn content(&mut self, call: &Call) -> Option<Result<Upload, Refusal>> {
        let path: Vec<&str> = call.path.split('/').collect();
        let (["workers", "scripts", name, "content", "v2"], "GET") = (&path[..], call.method.as_str()) else {
            return None;
        };
        if let Err(refusal) = self.remember(call) {
            return Some(Err(refusal));
        }
        let id = call.query.strip_prefix("version=").unwrap_or_default();
        let worker = self.workers.get(*name).ok_or_else(no_worker);
        let version = worker.and_then(|worker| {
            let version = worker.versions.iter().find(|version| version.id == id);
            version.ok_or_else(|| strange("the id of a version"))
        });
        Some(version.map(|version| version.upload.clone()))
    }

    /// Answers a call, and remembers it.
    pub(crate) fn answer(&mut self, call: &Call) -> Answer {
        let line = format!("{} {}", call.method, call.path);
        self.remember(call)?;
        let path: Vec<&str> = call.path.split('/').collect();
        let answer = match path[..] {
            ["workers", "assets", "upload"] => self.store_assets(call),
            ["workers", "scripts", name, ..] => self.script(name, &path[3..], call),
            ["workers", ..] => self.workers(&path[1..], call),
            ["storage", "kv", "namespaces", ..] => self.namespaces(&path[3..], call),
            ["d1", "database", ..] => self.databases(&path[2..], call),
            // Asked for when the token was refused.
            ["user", "tokens", "verify"] => Ok(json!({ "id": "0".repeat(32), "status": "active" })),
            _ => Err(strange("another call")),
        };
        if let Err(refusal) = &answer
            && refusal.status == 501
        {
            self.strange.push(format!("{line}?{}: {}\n{:?}", call.query, refusal.text, call.body));
        }
        answer
    }

    /// Keeps static files, whose fields are named by their hashes.
    fn store_assets(&mut self, call: &Call) -> Answer {
        let Body::Form(parts) = &call.body else { return Err(strange("a form")) };
        self.assets.extend(parts.iter().map(|part| (part.name.clone(), part.bytes.clone())));
        Ok(json!({ "jwt": ASSETS_TOKEN }))
    }

    fn workers(&self, path: &[&str], call: &Call) -> Answer {
        match (call.method.as_str(), path) {
            ("GET", ["services", name]) => {
                let missing = || Refusal::new(404, 10090, "This service does not exist on your account.");
                let worker = self.workers.get(*name).ok_or_else(missing)?;
                let migrated = worker.live().map(|live| &live.upload.metadata["migrations"]["new_tag"]);
                let script = json!({
                    "id": name, "tag": "0".repeat(32), "tags": null, "last_deployed_from": "wrangler",
                    "migration_tag": migrated,
                });
                Ok(
                    json!({ "id": name, "default_environment": { "environment": "production", "script": script } }),
                )
            }
            ("GET", ["subdomain"]) => match &self.subdomain {
                Some(name) => Ok(json!({ "subdomain": name })),
                None => Err(Refusal::new(404, 10007, "You do not have a workers.dev subdomain.")),
            },
            ("GET", ["workers", name]) => {
                let worker = self.workers.get(*name).ok_or_else(no_worker)?;
                let subdomain = json!({ "enabled": worker.workers_dev, "previews_enabled": worker.previews });
                Ok(json!({ "id": "0".repeat(32), "name": name, "subdomain": subdomain }))
            }
            _ => Err(strange("another call")),
        }
    }

    fn script(&mut self, name: &str, path: &[&str], call: &Call) -> Answer {
        match (call.method.as_str(), path) {
            ("PUT", []) => {
                let id = self.add_version(name, call.upload()?)?;
                self.workers.get_mut(name).ok_or_else(no_worker)?.deployed.clone_from(&id);
                let id = id.replace('-', "");
                Ok(json!({ "id": name, "etag": "e", "deployment_id": id, "startup_time_ms": 1 }))
            }
            ("POST", ["assets-upload-session"]) => {
                let files = call.json()?["manifest"].as_object().ok_or_else(|| strange("a manifest"))?;
                let hashes: Value = files.values().map(|file| file["hash"].clone()).collect();
                Ok(json!({ "jwt": ASSETS_TOKEN, "buckets": [hashes] }))
            }
            ("POST", ["versions"]) => {
                let id = self.add_version(name, call.upload()?)?;
                let resources = json!({ "script": { "etag": "e" } });
                let metadata = json!({ "has_preview": false });
                Ok(json!({ "id": id, "resources": resources, "metadata": metadata, "startup_time_ms": 1 }))
            }
            ("PUT", ["secrets"]) => {
                call.text("text")?;
                if call.text("type")? != "secret_text" {
                    return Err(strange("type secret_text"));
                }
                self.put_secret(name, call.json()?)?;
                Ok(json!({ "name": call.text("name")?, "type": "secret_text" }))
            }
            (_, path) => setting(self.workers.get_mut(name).ok_or_else(no_worker)?, path, call),
        }
    }

    fn namespaces(&mut self, path: &[&str], call: &Call) -> Answer {
        let described = |(id, title): &(String, String)| json!({ "id": id, "title": title });
        match (call.method.as_str(), path) {
            ("GET", []) => Ok(call.page(self.namespaces.iter().map(described))),
            ("POST", []) => {
                let title = call.text("title")?.to_owned();
                if self.namespaces.iter().any(|(_, other)| *other == title) {
                    let text = "a namespace with this account ID and title already exists";
                    return Err(Refusal::new(400, 10014, text));
                }
                let made = (self.new_id().replace('-', ""), title);
                self.namespaces.push(made);
                Ok(self.namespaces.last().map(described).unwrap_or_default())
            }
            ("DELETE", [id]) => {
                let before = self.namespaces.len();
                self.namespaces.retain(|(other, _)| other != id);
                match self.namespaces.len() < before {
                    true => Ok(Value::Null),
                    false => Err(Refusal::new(404, 10013, "namespace not found")),
                }
            }
            _ => Err(strange("another call")),
        }
    }

    fn databases(&mut self, path: &[&str], call: &Call) -> Answer {
        let named = |asked: &str| {
            let asked = asked.to_owned();
            move |database: &Database| database.id == asked || database.name == asked
        };
        let missing = || Refusal::new(404, 7404, "The database could not be found");
        match (call.method.as_str(), path) {
            ("GET", []) => Ok(call.page(self.databases.iter().map(Database::described))),
            ("POST", []) => {
                let name = call.text("name")?.to_owned();
                if self.databases.iter().any(named(&name)) {
                    return Err(Refusal::new(400, 7502, "A database with that name already exists"));
                }
                let made = Database::new(self.new_id(), name).map_err(|error| strange(&error.to_string()))?;
                let described = made.described();
                self.databases.push(made);
                Ok(described)
            }
            ("GET", [asked]) => {
                let named = named(asked);
                let found = self.databases.iter().find(|database| named(database));
                found.map(Database::described).ok_or_else(missing)
            }
            ("POST", [id, "query"]) => {
                let found = self.databases.iter_mut().find(|database| database.id == *id);
                let results = found.ok_or_else(missing)?.query(call.text("sql")?);
                results.map(Value::from).map_err(|error| Refusal::new(400, 7500, error.to_string()))
            }
            _ => Err(strange("another call")),
        }
    }
}

/// What is asked of a Worker that is there.
fn setting(worker: &mut Worker, path: &[&str], call: &Call) -> Answer {
    match (call.method.as_str(), path) {
        ("GET", ["secrets"]) => {
            let secrets = worker.live().map(|live| live.secrets().into_keys()).into_iter().flatten();
            Ok(secrets.map(|name| json!({ "name": name, "type": "secret_text" })).collect())
        }
        ("GET", ["settings"]) => {
            let bindings = worker.live().into_iter().flat_map(|live| &live.bindings);
            Ok(json!({ "bindings": bindings.map(told).collect::<Value>() }))
        }
        ("GET", ["deployments"]) => {
            let all = std::iter::once(&worker.deployed).chain(&worker.shared_with);
            let percentage = if worker.shared_with.is_some() { 50 } else { 100 };
            let versions: Value =
                all.map(|id| json!({ "version_id": id, "percentage": percentage })).collect();
            Ok(json!({ "deployments": [{ "id": worker.deployed, "versions": versions }] }))
        }
        ("GET", ["versions", id]) => {
            let version = worker.versions.iter().find(|version| version.id == *id);
            let version = version.ok_or_else(|| strange("the id of a version"))?;
            let runtime = json!({
                "compatibility_date": version.upload.metadata["compatibility_date"], "usage_model": "standard",
            });
            let bindings: Value = version.bindings.iter().map(told).collect();
            let resources = json!({
                "bindings": bindings, "script_runtime": runtime, "script": { "etag": "e", "handlers": ["fetch"] },
            });
            Ok(json!({ "id": id, "number": 1, "metadata": {}, "resources": resources }))
        }
        ("POST", ["deployments"]) => {
            let versions = &call.json()?["versions"];
            let [version] = versions.as_array().map(Vec::as_slice).unwrap_or_default() else {
                return Err(strange("one version"));
            };
            let id = version["version_id"].as_str().unwrap_or_default();
            if version["percentage"] != 100 || worker.versions.iter().all(|known| known.id != id) {
                return Err(strange("all of a version that was uploaded"));
            }
            id.clone_into(&mut worker.deployed);
            Ok(json!({ "id": id }))
        }
        ("GET", ["script-settings"]) => Ok(match &worker.script_settings {
            Value::Null => json!({ "logpush": false, "tags": null, "tail_consumers": null }),
            settings => settings.clone(),
        }),
        ("PATCH", ["script-settings"]) => {
            worker.script_settings = call.json()?.clone();
            Ok(worker.script_settings.clone())
        }
        ("GET", ["schedules"]) => {
            let described = |cron: &String| json!({ "cron": cron, "created_on": "2026-10-01T00:00:00Z" });
            Ok(json!({ "schedules": worker.schedules.iter().map(described).collect::<Value>() }))
        }
        ("POST", ["subdomain"]) => {
            worker.workers_dev = call.flag("enabled")?;
            // wrangler leaves it out where the configuration does not say `preview_urls`.
            if !call.json()?["previews_enabled"].is_null() {
                worker.previews = call.flag("previews_enabled")?;
            }
            Ok(json!({ "enabled": worker.workers_dev, "previews_enabled": worker.previews }))
        }
        ("PUT", ["schedules"]) => {
            let crons = call.json()?.as_array().ok_or_else(|| strange("a list of schedules"))?;
            let cron = |entry: &Value| entry["cron"].as_str().map(str::to_owned);
            let crons: Option<Vec<String>> = crons.iter().map(cron).collect();
            worker.schedules = crons.ok_or_else(|| strange("a cron in each schedule"))?;
            Ok(json!({ "schedules": call.json()? }))
        }
        _ => Err(strange("another call")),
    }
}
