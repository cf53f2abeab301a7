//! Sets the config vars of a Heroku app by Heroku's Platform API.
//!
//! Heroku's own command line takes values as arguments only, where every user of the machine sees
//! them. So the command line is asked for its token, and the values go in the body of one call to
//! the API that the command line would make itself: `PATCH /apps/{app}/config-vars` sets all of
//! them or none (Platform API Reference, "Config Vars").

use std::collections::BTreeMap;
use std::time::Duration;

use capy_client::authorities;
use ureq::Agent;
use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// How long one call may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The hosts that Heroku's command line accepts in `HEROKU_HOST`, besides loopback.
const HOSTS: [&str; 4] = ["heroku.com", "herokai.com", "herokuspace.com", "herokudev.com"];
const ACCEPT: &str = "application/vnd.heroku+json; version=3";

/// The config vars of an app.
pub(super) struct ConfigVars {
    agent: Agent,
    url: String,
    token: Zeroizing<String>,
}

impl ConfigVars {
    pub(super) fn of(app: &str, token: &str) -> Result<Self, CallError> {
        let tls = authorities::tls_config(|name| std::env::var_os(name))
            .map_err(|error| CallError { is_final: true, ..CallError::unknown(error) })?;
        let config = Agent::config_builder().timeout_global(Some(TIMEOUT)).max_redirects(0);
        let agent = config.http_status_as_error(false).tls_config(tls).build().new_agent();
        Ok(Self { agent, url: url(app), token: Zeroizing::new(format!("Bearer {}", token.trim())) })
    }

    /// Sets the variables of a JSON object, or returns Heroku's reason why not.
    pub(super) fn set(&self, json: &str) -> Result<(), CallError> {
        let call = self.agent.patch(&self.url).header("authorization", self.token.as_str());
        let answer = call.header("accept", ACCEPT).content_type("application/json").send(json);
        successful_body(answer).map(drop)
    }

    /// The variables that are set, with their values (Platform API Reference, "Config Vars Info for
    /// app").
    pub(super) fn values(&self) -> Result<BTreeMap<String, Zeroizing<String>>, CallError> {
        let call = self.agent.get(&self.url).header("authorization", self.token.as_str());
        let text = successful_body(call.header("accept", ACCEPT).call())?;
        let vars: BTreeMap<String, Option<String>> = serde_json::from_str(&text)
            .map_err(|_| CallError::unknown("its answer is not a list of variables"))?;
        let vars = vars.into_iter().filter_map(|(name, value)| Some((name, Zeroizing::new(value?))));
        Ok(vars.collect())
    }
}

/// Why a call failed.
#[derive(Debug)]
pub(super) struct CallError {
    pub(super) text: String,
    /// Whether the call certainly changed nothing.
    pub(super) is_final: bool,
}

impl CallError {
    fn unknown(text: impl ToString) -> Self {
        Self { text: text.to_string(), is_final: false }
    }
}

/// The body of a successful answer. It holds values.
fn successful_body(
    answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<Zeroizing<String>, CallError> {
    let mut answer = answer.map_err(|error| {
        let is_unsent = matches!(error, ureq::Error::HostNotFound | ureq::Error::ConnectionFailed);
        CallError { is_final: is_unsent, ..CallError::unknown(error) }
    })?;
    let text = Zeroizing::new(answer.body_mut().read_to_string().map_err(CallError::unknown)?);
    if answer.status().is_success() {
        return Ok(text);
    }
    let message = serde_json::from_str::<serde_json::Value>(&text).ok();
    let message = message.as_ref().and_then(|body| body["message"].as_str()).unwrap_or("it said nothing");
    let status = answer.status();
    Err(CallError { text: format!("{message} ({})", status.as_u16()), is_final: status.is_client_error() })
}

/// Checks that an app's name can be part of a URL.
pub(super) fn check_app(app: Option<&str>) -> Result<&str> {
    let is_plain =
        |app: &&str| !app.is_empty() && app.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    app.filter(is_plain).ok_or(Error::PushProjectMissing { option: "--project APP" })
}

pub(super) fn url(app: &str) -> String {
    let host = std::env::var("HEROKU_HOST").unwrap_or_default();
    format!("{}/apps/{app}/config-vars", base(&host))
}

fn base(host: &str) -> String {
    let loopback = ["http://127.0.0.1:", "http://localhost:"]
        .iter()
        .any(|start| host.strip_prefix(start).is_some_and(|port| port.parse::<u16>().is_ok()));
    if loopback {
        return host.into();
    }
    let known = HOSTS.iter().any(|known| host == *known || host.ends_with(&format!(".{known}")));
    let plain = host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    if known && plain { format!("https://api.{host}") } else { "https://api.heroku.com".into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_goes_to_heroku_or_loopback_and_nowhere_else() {
        for (host, expected) in [
            ("", "https://api.heroku.com"),
            ("staging.herokudev.com", "https://api.staging.herokudev.com"),
            ("http://127.0.0.1:4000", "http://127.0.0.1:4000"),
            ("evil.example", "https://api.heroku.com"),
            ("http://127.0.0.1:4000@evil.example", "https://api.heroku.com"),
            ("evil.example/.heroku.com", "https://api.heroku.com"),
            ("evilheroku.com", "https://api.heroku.com"),
        ] {
            assert_eq!(base(host), expected, "{host}");
        }
    }

    #[test]
    fn an_app_is_one_plain_word() {
        assert_eq!(check_app(Some("shop-2")).unwrap(), "shop-2");
        for bad in [None, Some(""), Some("a/b"), Some(".."), Some("a?b")] {
            assert_eq!(check_app(bad).unwrap_err().code(), "PUSH_PROJECT_MISSING", "{bad:?}");
        }
    }
}
