//! Deployments that a key service knows, and calls to it, for benchmarks and the soak: the owner's side of the protocol
//! with a project key that means nothing.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use capy_protocol::blob::Format;
use capy_protocol::id::ProjectId;
use capy_protocol::key::ProjectKey;
use capy_protocol::mint::Minting;
use serde_json::{Value, json};

/// The project that all of them belong to.
pub(crate) const PROJECT: &str = "prj_load";

/// A client with one token, a deadline, and connections that it keeps.
#[derive(Debug)]
pub(crate) struct Caller {
    agent: ureq::Agent,
    token: String,
}

impl Caller {
    pub(crate) fn new(token: &str) -> Self {
        let config = ureq::Agent::config_builder().http_status_as_error(false);
        let agent = config.timeout_global(Some(Duration::from_secs(20))).build().new_agent();
        Self { agent, token: token.to_owned() }
    }

    /// The status of the answer to a `GET`.
    ///
    /// # Errors
    /// When there is no answer.
    pub(crate) fn status(&self, url: &str) -> Result<u16> {
        let answer = self.agent.get(url).call().with_context(|| format!("GET {url}"))?;
        Ok(answer.status().as_u16())
    }

    /// Status and body of the answer. `null` is no body.
    ///
    /// # Errors
    /// When there is no answer, or none in JSON.
    pub(crate) fn call(&self, method: &str, url: &str, body: &Value) -> Result<(u16, Value)> {
        let request = ureq::http::Request::builder().method(method).uri(url);
        let request = request.header("authorization", format!("Bearer {}", self.token));
        let answer = match body {
            Value::Null => self.agent.run(request.body(())?),
            body => {
                self.agent.run(request.header("content-type", "application/json").body(body.to_string())?)
            }
        };
        let (head, mut body) = answer.with_context(|| format!("{method} {url}"))?.into_parts();
        let json = serde_json::from_str(&body.read_to_string()?);
        Ok((head.status.as_u16(), json.with_context(|| format!("{method} {url}: {}", head.status))?))
    }
}

/// A deployment.
#[derive(Debug)]
pub(crate) struct Registered {
    pub(crate) id: String,
    /// The body of a request for its key.
    pub(crate) ask: Value,
    /// The service's half of its key.
    pub(crate) key: String,
}

impl Registered {
    /// Registers a new one.
    ///
    /// # Errors
    /// When the service does not take it.
    pub(crate) fn register(caller: &Caller, url: &str) -> Result<Self> {
        let (format, project) = (Format::V1, ProjectId::parse(PROJECT)?);
        let minting = Minting::begin(format, &ProjectKey::new([5; 32]), &project)?;
        let id = minting.deploy_id();
        let body = json!({
            "deploy_id": id, "project_id": project, "format": format.number(), "credential": "project-key",
            "inner_blob": *minting.inner_blob().serialize_base64(),
        });
        let (status, answer) = caller.call("POST", &format!("{url}/deploy"), &body)?;
        let outer = &answer["outer_blob"];
        ensure!(status == 201 && outer.is_string(), "not registered: {status} {answer}");
        let key = format.service_key(minting.inner_blob(), &id, &project).serialize_hex().to_string();
        Ok(Self { id: id.to_string(), ask: json!({ "ciphertext": outer }), key })
    }

    /// Where its key is asked for.
    pub(crate) fn path(&self) -> String {
        format!("/deploy/{}/decrypt", self.id)
    }
}
