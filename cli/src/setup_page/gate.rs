//! Access to the setup page: only the browser that came first is let in, by the unguessable path.
//!
//! ```text
//! http://127.0.0.1:PORT/<43 letters>/…
//! Host    this address, or `localhost` with the port, as a forwarded port may be called;
//!         another name that was made to resolve to this address is refused
//! path    random, new for each run
//! cookie  set for the first visitor, required from then on
//! Origin  the page's own, for everything but the page and its files
//! ```
//! Decides on a request's head only; answers are made in `routes`.

use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use subtle::ConstantTimeEq;

use crate::error::{Error, Result};

const COOKIE: &str = "capy-page";

/// The rules of access for one run.
pub(crate) struct Gate {
    port: u16,
    path: String,
    /// The value of the visitor's cookie.
    cookie: String,
    claimed: AtomicBool,
    /// Set when a request with the right path was refused for lack of the cookie.
    refused_visitor: AtomicBool,
}

/// A request that is let in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Admitted {
    /// The path after the unguessable part.
    pub(crate) rest: String,
    /// The cookie to set, on the first visit only.
    pub(crate) cookie: Option<String>,
}

impl Gate {
    /// Makes a random path and a random cookie.
    pub(crate) fn new(port: u16) -> Result<Self> {
        Ok(Self {
            port,
            path: random_token()?,
            cookie: random_token()?,
            claimed: AtomicBool::new(false),
            refused_visitor: AtomicBool::new(false),
        })
    }

    /// The page's address. The first browser that opens it is the visitor.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/{}/", self.port, self.path)
    }

    /// The beginning of every path.
    pub(crate) fn root(&self) -> String {
        format!("/{}/", self.path)
    }

    /// Whether the visitor has come.
    pub(crate) fn is_claimed(&self) -> bool {
        self.claimed.load(Ordering::SeqCst)
    }

    /// Whether a request without the cookie was refused since the last call.
    pub(crate) fn take_refused(&self) -> bool {
        self.refused_visitor.swap(false, Ordering::SeqCst)
    }

    /// Lets a request in, or returns the status of the refusal.
    pub(crate) fn admit(&self, head: &Parts) -> Result<Admitted, StatusCode> {
        let host = self.host(&head.headers).ok_or(StatusCode::MISDIRECTED_REQUEST)?;
        let rest = self.below_path(head.uri.path()).ok_or(StatusCode::NOT_FOUND)?;
        let is_page = rest.is_empty() && head.method == Method::GET;
        if head.method != Method::GET && !is_own_origin(&head.headers, host) {
            return Err(StatusCode::FORBIDDEN);
        }
        let first = is_page && !self.has_cookie(&head.headers) && !self.claimed.swap(true, Ordering::SeqCst);
        if !first && !self.has_cookie(&head.headers) {
            self.refused_visitor.store(true, Ordering::SeqCst);
            return Err(StatusCode::FORBIDDEN);
        }
        let cookie =
            first.then(|| format!("{COOKIE}={}; Path=/{}/; HttpOnly; SameSite=Lax", self.cookie, self.path));
        Ok(Admitted { rest: rest.to_owned(), cookie })
    }

    /// The `Host` header, if it is the only one and names this address.
    fn host<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let host = only(headers, header::HOST)?;
        let (name, port) = host.rsplit_once(':')?;
        let known = matches!(name, "127.0.0.1" | "localhost") && port == self.port.to_string();
        known.then_some(host)
    }

    fn below_path<'a>(&self, path: &'a str) -> Option<&'a str> {
        let (token, rest) = path.strip_prefix('/')?.split_once('/')?;
        bool::from(token.as_bytes().ct_eq(self.path.as_bytes())).then_some(rest)
    }

    fn has_cookie(&self, headers: &HeaderMap) -> bool {
        let texts = headers.get_all(header::COOKIE).iter().filter_map(|text| text.to_str().ok());
        let mut pairs = texts.flat_map(|text| text.split("; ")).filter_map(|pair| pair.split_once('='));
        pairs
            .any(|(name, value)| name == COOKIE && bool::from(value.as_bytes().ct_eq(self.cookie.as_bytes())))
    }
}

/// Whether the request comes from this page. Browsers say so in `Origin` for every such request.
fn is_own_origin(headers: &HeaderMap, host: &str) -> bool {
    only(headers, header::ORIGIN).is_some_and(|origin| origin.strip_prefix("http://") == Some(host))
}

fn only(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    let mut all = headers.get_all(name).iter();
    let first = all.next()?.to_str().ok()?;
    all.next().is_none().then_some(first)
}

/// 256 random bits in letters that a URL carries unchanged.
fn random_token() -> Result<String> {
    use base64::Engine as _;
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|_| Error::Seal(capy_protocol::Error::Randomness))?;
    Ok(base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn gate() -> Gate {
        Gate { path: "p".repeat(43), ..Gate::new(4000).unwrap() }
    }

    fn head(method: &str, path: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    const HOST: (&str, &str) = ("host", "127.0.0.1:4000");
    const ORIGIN: (&str, &str) = ("origin", "http://127.0.0.1:4000");

    fn page() -> String {
        format!("/{}/", "p".repeat(43))
    }

    /// Opens the page, and returns the cookie as the browser sends it back.
    fn enter(gate: &Gate) -> String {
        let cookie = gate.admit(&head("GET", &page(), &[HOST])).unwrap().cookie.unwrap();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
        cookie.split(';').next().unwrap().to_owned()
    }

    #[test]
    fn the_first_visitor_is_let_in_and_stays() {
        let gate = gate();
        let cookie = enter(&gate);
        let again = gate.admit(&head("GET", &page(), &[HOST, ("cookie", &cookie)])).unwrap();
        assert_eq!(again, Admitted { rest: String::new(), cookie: None });
        let among = format!("a=b; {cookie}; c=d");
        let call = head("POST", &(page() + "api/mint"), &[HOST, ORIGIN, ("cookie", &among)]);
        assert_eq!(gate.admit(&call).unwrap().rest, "api/mint");
        assert!(!gate.take_refused());
    }

    #[test]
    fn a_second_visitor_who_knows_the_path_gets_nothing_and_is_noticed() {
        let gate = gate();
        enter(&gate);
        for cookie in ["", "capy-page=", "capy-page=AAAA", "other=1"] {
            let refused = gate.admit(&head("GET", &page(), &[HOST, ("cookie", cookie)]));
            assert_eq!(refused, Err(StatusCode::FORBIDDEN), "{cookie}");
        }
        assert!(gate.take_refused() && !gate.take_refused());
    }

    #[test]
    fn nobody_enters_by_anything_but_the_page() {
        let gate = gate();
        for (method, path) in [("GET", "page.js"), ("POST", "api/state"), ("POST", "")] {
            let refused = gate.admit(&head(method, &(page() + path), &[HOST, ORIGIN]));
            assert_eq!(refused, Err(StatusCode::FORBIDDEN), "{path}");
        }
        assert!(!gate.is_claimed());
        enter(&gate);
    }

    #[test]
    fn another_path_is_not_there() {
        let gate = gate();
        let longer = format!("/{}/", "p".repeat(44));
        for path in ["/", "/favicon.ico", "/api/state", &page()[..43], &page()[..44], &longer, "//", "/../"] {
            let refused = gate.admit(&head("GET", path, &[HOST]));
            assert_eq!(refused, Err(StatusCode::NOT_FOUND), "{path}");
        }
        assert!(!gate.is_claimed());
    }

    #[test]
    fn a_name_that_was_made_to_resolve_here_is_refused() {
        let gate = gate();
        for host in [
            "evil.example:4000",
            "127.0.0.1",
            "127.0.0.1:4001",
            "127.0.0.1:4000.evil.example",
            "localhost",
            "",
        ] {
            let refused = gate.admit(&head("GET", &page(), &[("host", host)]));
            assert_eq!(refused, Err(StatusCode::MISDIRECTED_REQUEST), "{host}");
        }
        let both = gate.admit(&head("GET", &page(), &[HOST, ("host", "evil.example:4000")]));
        assert_eq!(both, Err(StatusCode::MISDIRECTED_REQUEST));
        assert_eq!(gate.admit(&head("GET", &page(), &[])), Err(StatusCode::MISDIRECTED_REQUEST));
        assert!(!gate.is_claimed());
        assert!(gate.admit(&head("GET", &page(), &[("host", "localhost:4000")])).is_ok());
    }

    #[test]
    fn another_pages_call_is_refused_even_with_the_cookie() {
        let gate = gate();
        let cookie = enter(&gate);
        let path = page() + "api/reveal";
        for origin in [
            "https://evil.example",
            "null",
            "http://127.0.0.1:4001",
            "http://localhost:4000",
            "https://127.0.0.1:4000",
        ] {
            let call = head("POST", &path, &[HOST, ("origin", origin), ("cookie", &cookie)]);
            assert_eq!(gate.admit(&call), Err(StatusCode::FORBIDDEN), "{origin}");
        }
        let call = head("POST", &path, &[HOST, ("cookie", &cookie)]);
        assert_eq!(gate.admit(&call), Err(StatusCode::FORBIDDEN));
        assert!(gate.admit(&head("POST", &path, &[HOST, ORIGIN, ("cookie", &cookie)])).is_ok());
    }

    #[test]
    fn two_runs_share_neither_path_nor_cookie() {
        let (one, two) = (Gate::new(1).unwrap(), Gate::new(1).unwrap());
        assert!(one.path != two.path && one.cookie != two.cookie && one.path != one.cookie);
        assert_eq!((one.path.len(), one.cookie.len()), (43, 43));
    }
}
