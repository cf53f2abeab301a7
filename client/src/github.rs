//! GitHub Actions OIDC identity token of a job, used as a bearer token: signed for one audience and
//! valid for minutes.
//!
//! A job gets the token with `permissions: id-token: write`. The requested audience is the
//! service's own URL, so that a service named by somebody else cannot use the token elsewhere.

use std::ffi::OsString;

use capy_protocol::api::SecretText;
use serde::Deserialize;
use ureq::http::Uri;
use zeroize::Zeroizing;

use crate::http::{self, Method, Request};
use crate::service::ApiToken;
use crate::service_url::PlainHttp;
use crate::{Deadline, Error, Result, ServiceUrl, text_of};

const REQUEST_URL: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";
const REQUEST_TOKEN: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";
const ANSWER_MAX: u64 = 64 * 1024;

#[derive(Deserialize)]
struct Answer {
    value: SecretText,
}

/// A bearer token for `service`; `None` outside of a job, or if the job has no permission to
/// request an identity token.
///
/// # Errors
/// [`Error::IdentityUnavailable`], [`Error::Authorities`], [`Error::VariableNotUnicode`].
pub fn bearer(
    lookup: impl Fn(&str) -> Option<OsString>,
    service: &ServiceUrl,
    deadline: Deadline,
) -> Result<Option<ApiToken>> {
    let (Some(url), Some(token)) = (text_of(&lookup, REQUEST_URL)?, text_of(&lookup, REQUEST_TOKEN)?) else {
        return Ok(None);
    };
    let token = Zeroizing::new(token);
    let unavailable = |reason: &str| Error::IdentityUnavailable { reason: reason.into() };
    let (runner, path) = split(url.trim(), service).ok_or_else(|| unavailable("its address is not a URL"))?;
    let request = Request {
        method: Method::Get,
        path,
        bearer: Some(token.trim()),
        idempotency_key: None,
        max_bytes: ANSWER_MAX,
    };
    let agent = http::agent(&runner).map_err(Error::Authorities)?;
    let answer =
        http::send(&agent, &runner, &request, deadline).map_err(|error| unavailable(&error.to_string()))?;
    if answer.status != 200 {
        return Err(unavailable(&format!("it answered {}", answer.status)));
    }
    let answer: Answer = answer.json(&runner).map_err(|error| unavailable(&error.to_string()))?;
    let bearer = ApiToken::parse(answer.value.expose_secret())
        .ok_or_else(|| unavailable("its answer is not a token"))?;
    Ok(Some(bearer))
}

/// Splits the runner's request URL into its base URL, and its path and query with the audience
/// added.
fn split(url: &str, service: &ServiceUrl) -> Option<(ServiceUrl, String)> {
    let uri: Uri = url.parse().ok()?;
    let base = format!("{}://{}", uri.scheme_str()?, uri.authority()?);
    let runner = ServiceUrl::parse(&base, REQUEST_URL, PlainHttp::Loopback).ok()?;
    let path = uri.path_and_query()?.as_str();
    let joint = if path.contains('?') { '&' } else { '?' };
    Some((runner, format!("{path}{joint}audience={}", percent_encoded(service.as_str()))))
}

/// Percent-encodes all but the unreserved characters (RFC 3986, section 2).
fn percent_encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let encode = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_audience_is_the_service_and_becomes_a_part_of_the_query() {
        let service = ServiceUrl::parse("https://keys.example/a b", "X", PlainHttp::Loopback);
        assert!(service.is_err());
        let service = ServiceUrl::parse("https://keys.example:8443/capy/", "X", PlainHttp::Loopback).unwrap();
        let audience = "audience=https%3A%2F%2Fkeys.example%3A8443%2Fcapy";
        for (url, path) in [
            ("https://run.example/id/x?api-version=2.0", format!("/id/x?api-version=2.0&{audience}")),
            ("https://run.example", format!("/?{audience}")),
            ("http://127.0.0.1:1/y", format!("/y?{audience}")),
        ] {
            assert_eq!(split(url, &service).unwrap().1, path);
        }
        for url in ["", "run.example", "http://run.example/x", "https://user@run.example/x"] {
            assert!(split(url, &service).is_none(), "{url}");
        }
    }
}
