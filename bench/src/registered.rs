//! Client of a key service for benchmarks and the soak: registers deployments as an owner would,
//! under a fixed project key.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use capy_protocol::blob::Format;
use capy_protocol::id::ProjectId;
use capy_protocol::key::ProjectKey;
use capy_protocol::mint::Minting;
use serde_json::{Value, json};

/// The project of all these deployments.
pub(crate) const PROJECT: &str = "prj_load";

/// An HTTP client with one token and a timeout of 20 seconds, which keeps its connections.
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

    /// Sends a `GET` without the token, and returns the status of the answer.
    ///
    /// # Errors
    /// If there is no answer.
    pub(crate) fn status(&self, url: &str) -> Result<u16> {
        let answer = self.agent.get(url).call().with_context(|| format!("GET {url}"))?;
        Ok(answer.status().as_u16())
    }

    /// Sends a request, and returns status and body of the answer. The body `null` sends no body.
    ///
    /// # Errors
    /// If there is no answer, or its body is not JSON.
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

/// A deployment that a key service has registered.
#[derive(Debug)]
pub(crate) struct Registered {
    pub(crate) id: String,
    /// The body of a request for the deployment's key.
    pub(crate) ask: Value,
    /// The service's half of the deployment's key, in hexadecimal.
    pub(crate) key: String,
}

impl Registered {
    /// Registers a new deployment.
    ///
    /// # Errors
    /// If the service refuses it.
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

    /// The path of a request for the deployment's key.
    pub(crate) fn path(&self) -> String {
        format!("/deploy/{}/decrypt", self.id)
    }
}
