//! Where the key service is.
//!
//! Owns what a usable service URL is: `https`, or `http` on loopback. It refuses credentials, queries and
//! fragments in it. Plain `http` to another machine needs `CAPY_ALLOW_HTTP=1`, for a private network that
//! brings its own encryption: the service's half of each key would travel in the clear.

use core::fmt;
use std::ffi::OsString;
use std::net::IpAddr;
use std::path::Path;

use ureq::http::Uri;

use crate::{Error, ProjectFile, Result, text_of};

/// The key service's URL, without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceUrl {
    text: String,
    loopback: bool,
}

/// Whether plain `http` to another machine is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlainHttp {
    /// On loopback only.
    Loopback,
    /// Everywhere: somebody asked for it by name.
    Anywhere,
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
    /// Checks a URL; the error says that it comes from `origin`.
    ///
    /// # Errors
    /// [`Error::ServiceUrlMalformed`].
    pub fn parse(text: &str, origin: &str, plain: PlainHttp) -> Result<Self> {
        Self::check(text.trim(), plain)
            .map_err(|reason| Error::ServiceUrlMalformed { origin: origin.into(), reason })
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

    /// Whether the host is this machine.
    pub fn is_loopback(&self) -> bool {
        self.loopback
    }
}

impl fmt::Display for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// `localhost` and the loopback addresses. A name that merely resolves to one is not: DNS can change its mind.
fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

/// `CAPY_SERVICE_URL`, else the `service_url` of the nearest `capy.toml` at or above `start_dir`.
///
/// # Errors
/// [`Error::ServiceUrlMissing`], [`Error::ServiceUrlMalformed`], and those of [`ProjectFile::find`].
pub fn service_url(lookup: impl Fn(&str) -> Option<OsString>, start_dir: &Path) -> Result<ServiceUrl> {
    let plain = PlainHttp::from_env(&lookup);
    if let Some(text) = text_of(&lookup, "CAPY_SERVICE_URL")? {
        return ServiceUrl::parse(&text, "CAPY_SERVICE_URL", plain);
    }
    let (path, file) = ProjectFile::find(start_dir)?.ok_or(Error::ServiceUrlMissing)?;
    ServiceUrl::parse(&file.service_url, &path.display().to_string(), plain)
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

    #[test]
    fn the_environment_wins_over_the_project_file_and_the_nearest_file_over_others() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("a/b");
        std::fs::create_dir_all(&inner).unwrap();
        let none = |_: &str| None;
        assert_eq!(service_url(none, &inner).unwrap_err().code(), "SERVICE_URL_MISSING");
        let write = |folder: &Path, url: &str| {
            let text = format!("project_id = \"prj_a\"\nservice_url = \"{url}\"\n");
            std::fs::write(folder.join("capy.toml"), text).unwrap();
        };
        write(root.path(), "https://outer.example");
        assert_eq!(service_url(none, &inner).unwrap().as_str(), "https://outer.example");
        write(&inner, "https://inner.example");
        assert_eq!(service_url(none, &inner).unwrap().as_str(), "https://inner.example");
        let env = |name: &str| (name == "CAPY_SERVICE_URL").then(|| "https://env.example".into());
        assert_eq!(service_url(env, &inner).unwrap().as_str(), "https://env.example");
        let emptied = |name: &str| (name == "CAPY_SERVICE_URL").then(|| "".into());
        assert_eq!(service_url(emptied, &inner).unwrap().as_str(), "https://inner.example");
    }
}
