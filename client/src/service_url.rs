//! The key service's URL and its validation.
//!
//! A valid service URL is `https`, or `http` on loopback, without credentials, query or fragment.
//! Plain `http` to another machine needs `CAPY_ALLOW_HTTP=1`, meant for a private network with its
//! own encryption: without encryption the service's half of each key would be readable in transit.

use core::fmt;
use std::ffi::OsString;
use std::net::IpAddr;

use ureq::http::Uri;

/// The key service's URL, without a trailing slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceUrl {
    text: String,
    loopback: bool,
}

/// Where plain `http` is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlainHttp {
    /// On loopback only.
    Loopback,
    /// Everywhere, because the user explicitly allowed it.
    Anywhere,
}

/// The error for an invalid service URL.
#[derive(Debug, thiserror::Error)]
#[error("{origin} does not name a usable service URL: {reason}")]
pub struct MalformedUrl {
    /// The source of the text, such as a variable's name.
    pub origin: String,
    /// What is wrong with the text.
    pub reason: &'static str,
}

impl PlainHttp {
    /// [`PlainHttp::Anywhere`] when `CAPY_ALLOW_HTTP` is `1`.
    pub fn from_env(lookup: impl Fn(&str) -> Option<OsString>) -> Self {
        match lookup("CAPY_ALLOW_HTTP") {
            Some(value) if value == "1" => Self::Anywhere,
            _ => Self::Loopback,
        }
    }
}

impl ServiceUrl {
    /// Parses and validates a URL; an error names `origin` as the source of the text.
    ///
    /// # Errors
    /// [`MalformedUrl`].
    pub fn parse(text: &str, origin: &str, plain: PlainHttp) -> Result<Self, MalformedUrl> {
        Self::check(text.trim(), plain).map_err(|reason| MalformedUrl { origin: origin.into(), reason })
    }

    fn check(text: &str, plain: PlainHttp) -> Result<Self, &'static str> {
        let uri: Uri = text.parse().map_err(|_| "it is not a URL")?;
        let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else {
            return Err("it does not begin with https://");
        };
        if text.contains(['?', '#']) || uri.authority().is_some_and(|part| part.as_str().contains('@')) {
            return Err("it has a query, a fragment or a user in it");
        }
        let loopback = is_loopback(host);
        match scheme {
            "https" => {}
            "http" if loopback || plain == PlainHttp::Anywhere => {}
            "http" => return Err("plain http is for loopback only (CAPY_ALLOW_HTTP=1 allows it elsewhere)"),
            _ => return Err("it does not begin with https://"),
        }
        Ok(Self { text: text.trim_end_matches('/').to_owned(), loopback })
    }

    /// The URL as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the host is `localhost` or a loopback address.
    pub fn is_loopback(&self) -> bool {
        self.loopback
    }
}

impl fmt::Display for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether the host is `localhost` or a loopback address. Other names that resolve to loopback do
/// not count, because their DNS records can change.
fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<String, String> {
        ServiceUrl::parse(text, "X", PlainHttp::Loopback)
            .map(|url| url.as_str().to_owned())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn https_anywhere_and_http_on_loopback_only() {
        for (text, expected) in [
            ("https://keys.example.com", "https://keys.example.com"),
            (" https://keys.example.com/capy/ \n", "https://keys.example.com/capy"),
            ("http://127.0.0.1:8787/", "http://127.0.0.1:8787"),
            ("http://localhost:1", "http://localhost:1"),
            ("http://[::1]:1", "http://[::1]:1"),
        ] {
            assert_eq!(parse(text).as_deref(), Ok(expected));
        }
        for bad in [
            "",
            "keys.example.com",
            "/a",
            "ftp://keys.example.com",
            "http://keys.example.com",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "http://10.0.0.1",
            "https://user:pw@keys.example.com",
            "https://keys.example.com/?a=b",
            "https://keys.example.com/#a",
            "https://",
            "https://a b",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn plain_http_elsewhere_is_allowed_by_name_only() {
        assert!(ServiceUrl::parse("http://keys.internal", "X", PlainHttp::Anywhere).is_ok());
        for value in ["", "0", "true", "yes"] {
            assert_eq!(PlainHttp::from_env(|_| Some(value.into())), PlainHttp::Loopback);
        }
        assert_eq!(PlainHttp::from_env(|_| Some("1".into())), PlainHttp::Anywhere);
    }
}
