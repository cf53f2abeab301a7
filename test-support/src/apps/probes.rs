//! The probes: variables that every app reads, and what it answers about them.
//!
//! Answers are digests, so that no response and no message holds a value.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use ureq::Agent;

use super::apps_folder;

const DEADLINE: Duration = Duration::from_secs(30);

/// Answers by probe: `path probe` → digest; for bodies that are not JSON `path` → status and
/// body.
pub type Answers = BTreeMap<String, String>;

/// The variables of the probes, with their values.
///
/// # Panics
/// If the list, a file of this workspace, cannot be read.
pub fn variables() -> &'static BTreeMap<String, String> {
    static VARIABLES: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
        let text =
            std::fs::read(apps_folder().join("shared/variables.json")).expect("variables.json is there");
        serde_json::from_slice(&text).expect("variables.json holds names and values")
    });
    &VARIABLES
}

/// The variable whose canary is in these bytes, if there is one.
pub fn canary_in(bytes: &[u8]) -> Option<&'static str> {
    let mut names = memchr::memmem::find_iter(bytes, "canary.").filter_map(|at| {
        let rest = &bytes[at + "canary.".len()..];
        let name = &rest[..memchr::memmem::find(rest, b".x9")?];
        variables().keys().find(|known| known.as_bytes() == name)
    });
    names.next().map(String::as_str)
}

/// Asks each path once, in order.
pub(super) fn ask(url: &str, paths: &[String]) -> Result<Answers> {
    let config = Agent::config_builder().timeout_global(Some(DEADLINE)).http_status_as_error(false);
    let agent: Agent = config.max_redirects(0).build().into();
    let mut answers = Answers::new();
    for path in paths {
        let mut response = agent.get(format!("{url}{path}")).call().with_context(|| path.clone())?;
        let status = response.status().as_u16();
        let body = response.body_mut().read_to_string().with_context(|| path.clone())?;
        ensure!(canary_in(body.as_bytes()).is_none(), "{path} answers with a value");
        match serde_json::from_str::<BTreeMap<String, serde_json::Value>>(&body) {
            Ok(probes) => {
                let probes =
                    probes.into_iter().map(|(probe, value)| (format!("{path} {probe}"), text(value)));
                answers.extend(probes);
            }
            Err(_) => drop(answers.insert(path.clone(), format!("{status} {body}"))),
        }
    }
    Ok(answers)
}

/// Sends the request that crashes a server. The server may end before or after it answers.
pub(super) fn ask_to_crash(url: &str) {
    let config = Agent::config_builder().timeout_global(Some(DEADLINE)).build();
    let _ = Agent::from(config).get(url).call();
}

fn text(value: serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names that the probes mention and that must not be set.
    const UNSET: [&str; 3] = ["APP_NOT_SET", "APP_OTHER_KEY", "APP_SHIM"];

    #[test]
    fn every_variable_that_a_probe_names_has_a_value() {
        let mut files = Vec::new();
        crate::shop::collect(&apps_folder().join("shared"), &mut files).unwrap();
        let mut seen = 0;
        for file in files.iter().filter(|file| file.extension().is_some_and(|kind| kind != "json")) {
            let text = std::fs::read_to_string(file).unwrap();
            let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            for name in words.filter(|word| word.starts_with("APP_") && !word.ends_with('_')) {
                assert_ne!(variables().contains_key(name), UNSET.contains(&name), "{name}");
                seen += 1;
            }
        }
        assert!(seen > 100, "{seen}");
    }

    #[test]
    fn a_canary_is_found_among_other_words() {
        let text = b"canary.NOBODY.x9 canary.canary.APP_DOT.x9";
        assert_eq!(canary_in(text), Some("APP_DOT"));
        assert_eq!(canary_in(b"canary.APP_DOT"), None);
    }
}
