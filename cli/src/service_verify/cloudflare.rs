//! Client for Cloudflare's API, for `capy service verify`: the deployed versions of a Worker, their
//! modules and settings.
//!
//! It only reads. The API token comes from the environment, under wrangler's own variable name. It
//! is sent to Cloudflare's address or to the one in `CLOUDFLARE_API_BASE_URL`: over https, or to
//! this machine.

use std::collections::BTreeMap;
use std::time::Duration;

use capy_client::service_url::PlainHttp;
use capy_client::{ServiceUrl, authorities};
use capy_protocol::terminal_text::clean_line;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::http::header::{AUTHORIZATION, CONTENT_TYPE};
use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body};
use zeroize::Zeroizing;

use crate::error::CloudflareFault as Fault;

const BASE_URL: &str = "https://api.cloudflare.com/client/v4";
const PATIENCE: Duration = Duration::from_secs(30);
/// Size limit of a version's modules, in bytes. Cloudflare allows Workers 10 MB.
const MAX_CONTENT: u64 = 32 * 1024 * 1024;
const MAX_JSON: u64 = 4 * 1024 * 1024;
/// The header that names the entry module.
const ENTRYPOINT: &str = "cf-entrypoint";

/// One Worker of an account.
pub(crate) struct Worker {
    agent: Agent,
    url: String,
    name: String,
    bearer: Zeroizing<String>,
}

/// A deployment of the Worker: one version, or several that share the traffic.
#[derive(Debug, Deserialize, PartialEq)]
pub(crate) struct Deployment {
    pub(crate) id: String,
    pub(crate) versions: Vec<Share>,
}

/// A version, with its share of the traffic.
#[derive(Debug, Deserialize, PartialEq)]
pub(crate) struct Share {
    pub(crate) version_id: String,
    pub(crate) percentage: f64,
}

/// The bindings and runtime settings of a version.
#[derive(Debug, Deserialize)]
pub(crate) struct Resources {
    #[serde(default)]
    pub(crate) bindings: Vec<Value>,
    #[serde(default)]
    pub(crate) script_runtime: Runtime,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Runtime {
    pub(crate) compatibility_date: Option<String>,
    #[serde(default)]
    pub(crate) compatibility_flags: Vec<String>,
}

/// Settings of the Worker that hold for all of its versions.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ScriptSettings {
    #[serde(default)]
    pub(crate) logpush: Option<bool>,
    #[serde(default)]
    pub(crate) tail_consumers: Option<Vec<Value>>,
}

/// The modules of a version.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) main: String,
    pub(crate) modules: BTreeMap<String, Vec<u8>>,
}

impl Worker {
    /// The Worker of this name, in the account that the environment names.
    pub(crate) fn from_env(name: &str) -> Result<Self, Fault> {
        let base = std::env::var("CLOUDFLARE_API_BASE_URL").ok().filter(|text| !text.is_empty());
        let base = base.as_deref().unwrap_or(BASE_URL);
        let base = ServiceUrl::parse(base, "CLOUDFLARE_API_BASE_URL", PlainHttp::Loopback)
            .map_err(|_| Fault::Malformed("CLOUDFLARE_API_BASE_URL"))?;
        let account = setting("CLOUDFLARE_ACCOUNT_ID")?;
        let token = setting("CLOUDFLARE_API_TOKEN")?;
        if account.len() != 32 || !account.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Fault::Malformed("CLOUDFLARE_ACCOUNT_ID"));
        }
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Fault::Malformed("CLOUDFLARE_API_TOKEN"));
        }
        let is_plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
        if name.is_empty() || name.len() > 255 || !name.bytes().all(is_plain) {
            return Err(Fault::Name { name: name.to_owned() });
        }
        let mut config = Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .user_agent(concat!("capy/", env!("CARGO_PKG_VERSION")));
        if base.is_loopback() {
            config = config.proxy(None);
        }
        if base.as_str().starts_with("https:") {
            config = config.tls_config(authorities::tls_config(|name| std::env::var_os(name))?);
        }
        Ok(Self {
            agent: config.build().new_agent(),
            url: format!("{base}/accounts/{}/workers/scripts/{name}", *account),
            name: name.to_owned(),
            bearer: Zeroizing::new(format!("Bearer {}", *token)),
        })
    }

    /// The current deployment: Cloudflare lists the newest one first.
    pub(crate) fn deployment(&self) -> Result<Deployment, Fault> {
        #[derive(Deserialize)]
        struct Deployments {
            deployments: Vec<Deployment>,
        }
        let all: Deployments = self.json("deployments")?;
        let newest = all.deployments.into_iter().next();
        let newest = newest.ok_or_else(|| Fault::WorkerUnknown { name: self.name.clone() })?;
        match newest.versions.is_empty() {
            true => Err(Fault::Protocol { what: "a deployment has no version" }),
            false => Ok(newest),
        }
    }

    /// The bindings and runtime settings of a version.
    pub(crate) fn resources(&self, version: &str) -> Result<Resources, Fault> {
        #[derive(Deserialize)]
        struct Version {
            resources: Resources,
        }
        self.json::<Version>(&format!("versions/{}", id(version)?)).map(|version| version.resources)
    }

    /// The settings of the Worker that belong to no version.
    pub(crate) fn script_settings(&self) -> Result<ScriptSettings, Fault> {
        self.json("script-settings")
    }

    /// The cron triggers of the Worker.
    pub(crate) fn schedules(&self) -> Result<Vec<String>, Fault> {
        #[derive(Deserialize)]
        struct Schedules {
            schedules: Vec<Schedule>,
        }
        #[derive(Deserialize)]
        struct Schedule {
            cron: String,
        }
        let found: Schedules = self.json("schedules")?;
        Ok(found.schedules.into_iter().map(|schedule| schedule.cron).collect())
    }

    /// The modules of a version. `None` for a script of the old format, which has no modules.
    pub(crate) fn content(&self, version: &str) -> Result<Option<Content>, Fault> {
        let mut answer = self.get(&format!("content/v2?version={}", id(version)?))?;
        let header =
            |name| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (kind, main) = (header(CONTENT_TYPE.as_str()).unwrap_or_default(), header(ENTRYPOINT));
        if !kind.to_ascii_lowercase().starts_with("multipart/form-data") {
            return Ok(None);
        }
        let main = main.ok_or(Fault::Protocol { what: "no main module is named" })?;
        let body = read(&mut answer, MAX_CONTENT)?;
        let modules =
            parse_form(&kind, body).ok_or(Fault::Protocol { what: "the modules are not in a form" })?;
        Ok(Some(Content { main, modules }))
    }

    fn json<T: DeserializeOwned>(&self, path: &str) -> Result<T, Fault> {
        #[derive(Deserialize)]
        struct Envelope<T> {
            result: T,
        }
        let body = read(&mut self.get(path)?, MAX_JSON)?;
        serde_json::from_slice::<Envelope<T>>(&body)
            .map(|envelope| envelope.result)
            .map_err(|_| Fault::Protocol { what: "it is not the expected JSON" })
    }

    fn get(&self, path: &str) -> Result<Response<Body>, Fault> {
        let call = self.agent.get(format!("{}/{path}", self.url));
        let answer = call.header(AUTHORIZATION, self.bearer.as_str()).call();
        let mut answer = answer.map_err(|fault| Fault::Unreachable(Box::new(fault)))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let text = refusal(status, &read(&mut answer, MAX_JSON)?);
        Err(match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Fault::Unauthorized { text },
            StatusCode::NOT_FOUND => Fault::WorkerUnknown { name: self.name.clone() },
            _ => Fault::Refused { text },
        })
    }
}

fn setting(name: &'static str) -> Result<Zeroizing<String>, Fault> {
    match std::env::var(name) {
        Ok(text) if text.trim().is_empty() => Err(Fault::Unset(name)),
        Ok(text) => Ok(Zeroizing::new(Zeroizing::new(text).trim().to_owned())),
        Err(std::env::VarError::NotPresent) => Err(Fault::Unset(name)),
        Err(std::env::VarError::NotUnicode(_)) => Err(Fault::Malformed(name)),
    }
}

/// Checks a version's id, which becomes a part of a URL.
fn id(text: &str) -> Result<&str, Fault> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    match !text.is_empty() && text.bytes().all(is_plain) {
        true => Ok(text),
        false => Err(Fault::Protocol { what: "the id of a version is not an id" }),
    }
}

fn read(answer: &mut Response<Body>, limit: u64) -> Result<Vec<u8>, Fault> {
    let body = answer.body_mut().with_config().limit(limit).read_to_vec();
    body.map_err(|fault| Fault::Unreachable(Box::new(fault)))
}

/// Cloudflare's message for a call that it refuses, as one line.
fn refusal(status: StatusCode, body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let error = &body["errors"][0];
    let said = match (error["message"].as_str(), error["code"].as_u64()) {
        (Some(text), Some(code)) => format!("{text} [code: {code}] ({})", status.as_u16()),
        _ => format!("it answered {}", status.as_u16()),
    };
    clean_line(&said.chars().take(300).collect::<String>())
}

/// The files of a `multipart/form-data` body, by their names. `None` if the body is no such form,
/// or has a name twice.
fn parse_form(kind: &str, body: Vec<u8>) -> Option<BTreeMap<String, Vec<u8>>> {
    let boundary = multer::parse_boundary(kind).ok()?;
    let runtime = tokio::runtime::Builder::new_current_thread().build().ok()?;
    runtime.block_on(async {
        let whole = futures_util::stream::once(async { Ok::<_, std::convert::Infallible>(body) });
        let mut form = multer::Multipart::new(whole, boundary);
        let mut files = BTreeMap::new();
        while let Some(field) = form.next_field().await.ok()? {
            let name = field.name()?.to_owned();
            if files.insert(name, field.bytes().await.ok()?.to_vec()).is_some() {
                return None;
            }
        }
        Some(files)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: &str = "multipart/form-data; boundary=x";

    fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
        let mut body = Vec::new();
        for (name, bytes) in parts {
            let head = format!(
                "--x\r\ncontent-disposition: form-data; name=\"{name}\"; filename=\"{name}\"\r\n\r\n"
            );
            body.extend([head.as_bytes(), bytes, b"\r\n"].concat());
        }
        [&body[..], b"--x--\r\n"].concat()
    }

    #[test]
    fn modules_are_read_with_every_byte() {
        let wasm: &[u8] = b"\0asm\x01\0\0\0\r\n--\r\n\xff";
        let read = parse_form(KIND, form(&[("a.js", b"1\n"), ("b.wasm", wasm)])).unwrap();
        assert_eq!(read["a.js"], b"1\n");
        assert_eq!(read["b.wasm"], wasm);
    }

    #[test]
    fn a_form_that_can_be_read_in_two_ways_is_none() {
        assert!(parse_form(KIND, form(&[("a.js", b"1"), ("a.js", b"2")])).is_none());
        let whole = form(&[("a.js", b"1")]);
        assert!(parse_form(KIND, whole[..whole.len() - 9].to_vec()).is_none());
        assert!(parse_form("multipart/form-data", whole).is_none());
    }

    #[test]
    fn a_refusal_is_one_line_that_steers_no_terminal() {
        let body = "{\"errors\":[{\"code\":10000,\"message\":\"No\\u001b[2J\\nway\"}]}".as_bytes();
        let said = refusal(StatusCode::FORBIDDEN, body);
        assert!(said.contains("[code: 10000] (403)"), "{said}");
        assert!(!said.contains(['\u{1b}', '\n']), "{said:?}");
        assert_eq!(refusal(StatusCode::BAD_GATEWAY, b"<html>"), "it answered 502");
    }

    #[test]
    fn an_id_that_leaves_its_address_is_none() {
        assert!(id("0a1b-2").is_ok());
        for bad in ["", "a/b", "..", "a?b", "a%2f"] {
            assert!(id(bad).is_err(), "{bad:?}");
        }
    }
}
