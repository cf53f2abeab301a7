//! A client of the service with a deadline, and deployments that it registered.

use std::time::Duration;

use capy_protocol::blob::Format;
use capy_protocol::id::{DeployId, ProjectId};
use capy_protocol::key::ProjectKey;
use capy_protocol::mint::Minting;
use capy_test_support::key_service::KeyService;
use capy_test_support::node::Node;
use capy_test_support::workspace_root;
use serde_json::{Value, json};
use ureq::http::{HeaderMap, Request};

/// Makes a test of each function for each host of the service: what one of them does, the other has to do.
macro_rules! on_each_host {
    ($($test:ident),* $(,)?) => {$(
        mod $test {
            #[test]
            fn on_workers() {
                let Some(node) = capy_test_support::node::require_node() else { return };
                super::$test(&capy_test_support::key_service::KeyService::start(&node).unwrap());
            }

            #[test]
            fn on_a_machine() {
                super::$test(&capy_test_support::key_service::KeyService::embedded(&capy_journeys::programs()).unwrap());
            }
        }
    )*};
}
pub(crate) use on_each_host;

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) json: Value,
}

impl Answer {
    pub(crate) fn refusal(&self) -> (u16, &str) {
        (self.status, self.json["code"].as_str().unwrap_or(""))
    }
}

pub(crate) fn call(url: &str, method: &str, path: &str, token: Option<&str>, body: &Value) -> Answer {
    let bearer = token.map(|token| format!("Bearer {token}"));
    let headers: Vec<_> = bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
    send(url, method, path, &headers, body)
}

fn send(url: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    let agent = config
        .timeout_global(Some(Duration::from_secs(20)))
        .allow_non_standard_methods(true)
        .build()
        .new_agent();
    let mut request = Request::builder().method(method).uri(format!("{url}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = match body {
        Value::Null => agent.run(request.body(()).unwrap()),
        json => agent.run(request.header("content-type", "application/json").body(json.to_string()).unwrap()),
    };
    let (head, mut body) = answer.unwrap_or_else(|error| panic!("{method} {path}: {error}")).into_parts();
    let text = body.read_to_string().unwrap();
    let json = serde_json::from_str(&text).unwrap_or(Value::Null);
    Answer { status: head.status.as_u16(), headers: head.headers, text, json }
}

/// A deployment that the service knows.
pub(crate) struct Deployment {
    pub(crate) minting: Minting,
    format: Format,
    pub(crate) outer: String,
}

pub(crate) fn project() -> ProjectId {
    ProjectId::parse("prj_a").unwrap()
}

impl Deployment {
    pub(crate) fn register(service: &KeyService, format: Format, credential: &str) -> Self {
        Self::register_with(service, format, credential, &json!({}))
    }

    /// The same, with these fields in addition.
    pub(crate) fn register_with(
        service: &KeyService,
        format: Format,
        credential: &str,
        terms: &Value,
    ) -> Self {
        let minting = Minting::begin(format, &ProjectKey::new([5; 32]), &project()).unwrap();
        let mut body = registration(&minting, format, credential);
        body.as_object_mut().unwrap().extend(terms.as_object().unwrap().clone());
        let answer = owner(service, "POST", "/deploy", &body);
        assert_eq!(answer.status, 201, "{}", answer.text);
        let outer = answer.json["outer_blob"].as_str().unwrap().to_owned();
        Self { minting, format, outer }
    }

    pub(crate) fn id(&self) -> DeployId {
        self.minting.deploy_id()
    }

    pub(crate) fn decrypt(&self, url: &str) -> Answer {
        let path = format!("/deploy/{}/decrypt", self.id());
        call(url, "POST", &path, None, &json!({ "ciphertext": self.outer }))
    }

    /// One of the tries that a client knows by this key.
    pub(crate) fn decrypt_with_key(&self, url: &str, key: &str) -> Answer {
        let path = format!("/deploy/{}/decrypt", self.id());
        send(url, "POST", &path, &[("idempotency-key", key)], &json!({ "ciphertext": self.outer }))
    }

    pub(crate) fn revoke(&self, service: &KeyService) -> Answer {
        owner(service, "DELETE", &format!("/deploy/{}", self.id()), &Value::Null)
    }

    pub(crate) fn service_key(&self) -> String {
        let key = self.format.service_key(self.minting.inner_blob(), &self.id(), &project());
        key.serialize_hex().to_string()
    }
}

pub(crate) fn registration(minting: &Minting, format: Format, credential: &str) -> Value {
    json!({
        "deploy_id": minting.deploy_id(), "project_id": project(), "format": format.number(),
        "inner_blob": *minting.inner_blob().serialize_base64(), "credential": credential,
        "label": "Zürich \"main\" 🦫", "platform": "vercel",
    })
}

pub(crate) fn owner(service: &KeyService, method: &str, path: &str, body: &Value) -> Answer {
    call(service.url(), method, path, Some(service.admin_token()), body)
}

/// Runs a statement on the local database; its rows, or what wrangler printed.
pub(crate) fn execute(node: &Node, service: &KeyService, sql: &str) -> Result<Vec<Value>, String> {
    let mut wrangler = node.wrangler();
    wrangler.args(["d1", "execute", "DB", "--local", "--json", "--command", sql, "--persist-to"]);
    let home = tempfile::tempdir().unwrap();
    let config = workspace_root().join("wrangler.toml");
    wrangler.arg(service.persist_dir()).arg("--config").arg(config).env("HOME", home.path());
    let output = wrangler.output().unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    if !output.status.success() {
        return Err(text);
    }
    let batches: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
    Ok(batches[0]["results"].as_array().unwrap().clone())
}
