//! Sends the shop every request whose answer depends on a secret. The answers of two servers can be
//! compared as they are.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use ureq::Agent;
use ureq::http::{HeaderMap, Request, Response};

use super::VARIABLES;

/// One answer, reduced to the parts that are the same on every server with the same secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What was asked.
    pub probe: &'static str,
    /// The status.
    pub status: u16,
    /// The headers that depend on a secret, and the visible part of the body.
    pub content: String,
}

/// Requests every route, in the order a customer would take them.
///
/// # Errors
/// If the server does not answer.
pub fn answers(url: &str) -> Result<Vec<Answer>> {
    let customer = Customer { url, agent: agent() };
    let page = customer.get("/", None)?;
    let order = customer.order(&page.body)?;
    let receipt = order.headers.get("location").cloned().context("the server action did not redirect")?;
    let session = order.headers.get("set-cookie").cloned().unwrap_or_default();
    let session = session.split(';').next().unwrap_or_default().to_owned();
    let receipt = receipt.strip_prefix(url).unwrap_or(&receipt).to_owned();
    Ok(vec![
        page.answer("server component /"),
        order.answer("server action"),
        customer.get(&receipt, None)?.answer("server component /orders/[id]"),
        customer.get("/account", None)?.answer("middleware without session"),
        customer.get("/account", Some(&session))?.answer("middleware with session"),
        customer.get("/api/status", None)?.answer("node route /api/status"),
        customer.get("/api/checkout?item=shirt", None)?.answer("node route /api/checkout"),
        customer.get("/api/shipping?to=pole", None)?.answer("edge route /api/shipping"),
        customer.webhook(&secret("WEBHOOK_SECRET"))?.answer("edge route /api/webhook, signed"),
        customer.webhook("guess")?.answer("edge route /api/webhook, forged"),
        customer.get("/terms", None)?.answer("prerendered /terms"),
    ])
}

struct Customer<'a> {
    url: &'a str,
    agent: Agent,
}

struct Page {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Customer<'_> {
    fn get(&self, path: &str, cookie: Option<&str>) -> Result<Page> {
        let mut request = Request::get(format!("{}{path}", self.url));
        if let Some(cookie) = cookie {
            request = request.header("cookie", cookie);
        }
        self.send(request.body(String::new())?)
    }

    /// Sends the form as a browser without JavaScript does: Next's hidden fields name the action.
    fn order(&self, page: &str) -> Result<Page> {
        let hidden = hidden_fields(page);
        let typed = [("item", "mug"), ("count", "2"), ("email", "ada@customer.example")];
        let typed = typed.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let boundary = "shop-form-boundary";
        let mut body = String::new();
        for (name, value) in hidden.into_iter().chain(typed) {
            let head = format!("content-disposition: form-data; name=\"{name}\"");
            body += &format!("--{boundary}\r\n{head}\r\n\r\n{value}\r\n");
        }
        body += &format!("--{boundary}--\r\n");
        let request = Request::post(format!("{}/", self.url))
            .header("origin", self.url)
            .header("content-type", format!("multipart/form-data; boundary={boundary}"));
        self.send(request.body(body)?)
    }

    fn webhook(&self, secret: &str) -> Result<Page> {
        let (sent, body) = (SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs(), r#"{"paid":true}"#);
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())?;
        mac.update(format!("{sent}.{body}").as_bytes());
        let signature = format!("t={sent},v1={}", hex::encode(mac.finalize().into_bytes()));
        let request = Request::post(format!("{}/api/webhook", self.url)).header("x-signature", signature);
        self.send(request.body(body.to_owned())?)
    }

    fn send(&self, request: Request<String>) -> Result<Page> {
        let what = format!("{} {}", request.method(), request.uri());
        let mut response = self.agent.run(request).with_context(|| what.clone())?;
        let body = response.body_mut().read_to_string().context(what)?;
        Ok(Page { status: response.status().as_u16(), headers: headers(&response), body })
    }
}

impl Page {
    fn answer(&self, probe: &'static str) -> Answer {
        let header = |name: &str| self.headers.get(name).map(|value| format!("{name}: {value}\n"));
        let headers: String =
            ["location", "set-cookie", "x-shop-signature"].into_iter().filter_map(header).collect();
        Answer { probe, status: self.status, content: headers + visible(&self.body) }
    }
}

/// The content of `<main>`, or the whole body if it is not a page.
fn visible(body: &str) -> &str {
    let main = body.find("<main").zip(body.find("</main>"));
    main.map_or(body, |(start, end)| &body[start..end])
}

fn headers<B>(response: &Response<B>) -> BTreeMap<String, String> {
    let headers: &HeaderMap = response.headers();
    let text =
        headers.iter().filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())));
    text.collect()
}

/// Name and value of every `<input type="hidden">`.
fn hidden_fields(page: &str) -> Vec<(String, String)> {
    let attribute = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
        Some(rest.split('"').next()?.replace("&quot;", "\"").replace("&amp;", "&"))
    };
    let tags = page.split("<input").skip(1).filter_map(|rest| rest.split('>').next());
    let hidden = tags.filter(|tag| tag.contains("type=\"hidden\""));
    hidden
        .filter_map(|tag| Some((attribute(tag, "name")?, attribute(tag, "value").unwrap_or_default())))
        .collect()
}

fn secret(name: &str) -> String {
    let found = VARIABLES.iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| (*value).to_owned()).unwrap_or_default()
}

fn agent() -> Agent {
    Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(30)))
        .max_redirects(0)
        .http_status_as_error(false)
        .build()
        .into()
}
