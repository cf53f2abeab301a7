//! The setup page against the real key service: what it makes opens on the platform, its live line sees it, and what it
//! takes back stays shut.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::Duration;

use capy_journeys::{printed, programs};
use serde_json::{Value, json};
use tempfile::TempDir;
use xtask::desk::{Credentials, Desk};
use xtask::key_service::KeyService;
use xtask::node::require_node;
use xtask::shop::VARIABLES;

/// A page and its first visitor, without a browser. Ended on drop.
struct Visitor {
    page: Child,
    agent: ureq::Agent,
    url: String,
    cookie: String,
}

impl Visitor {
    fn enter(desk: &Desk) -> Self {
        let mut page = desk.capy(&["deploy", "--no-open"]).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(page.stderr.take().unwrap()).lines();
        let url = lines.map_while(Result::ok).find_map(|line| Some(line.split_once("open ")?.1.to_owned()));
        let url = url.expect("the page's address is printed");
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(60)))
            .http_status_as_error(false)
            .build()
            .into();
        let first = agent.get(&url).call().unwrap();
        assert_eq!(first.status(), 200);
        let cookie = first.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        Self { page, agent, url, cookie }
    }

    fn ask(&self, what: &str, body: &Value) -> Value {
        let origin = self.url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
        let call = self.agent.post(format!("{}api/{what}", self.url)).header("origin", origin);
        let call = call.header("cookie", &self.cookie).content_type("application/json");
        let mut answer = call.send(body.to_string()).unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        assert_eq!(answer.status(), 200, "{what}: {text}");
        serde_json::from_str(&text).unwrap()
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        let _ = self.page.kill();
        let _ = self.page.wait();
    }
}

#[test]
fn what_the_page_makes_opens_through_the_real_service_until_the_page_takes_it_back() {
    let Some(node) = require_node() else { return };
    let service = KeyService::start(&node).unwrap();
    let project = TempDir::new().unwrap();
    let desk = Desk::new(&programs(), project.path()).unwrap();
    desk.set_up(service.url(), service.admin_token(), &VARIABLES).unwrap();

    let visitor = Visitor::enter(&desk);
    let state = visitor.ask("state", &json!({}));
    assert_eq!(state["variables"].as_array().unwrap().len(), VARIABLES.len());
    let wish = json!({ "platform": "vercel", "environment": "preview", "expires": "1d", "max_uses": 2 });
    let made = visitor.ask("mint", &wish);
    let which = json!({ "deploy_id": made["deploy_id"] });
    assert_eq!(visitor.ask("status", &which)["uses"], 0);

    let copied = visitor.ask("lines", &json!({ "deploy_id": made["deploy_id"], "name": "lines" }));
    let lines = copied["value"].as_str().unwrap().lines();
    let credentials = Credentials {
        deploy_id: made["deploy_id"].as_str().unwrap().to_owned(),
        variables: lines.filter_map(|line| line.split_once('=')).map(|(n, v)| (n.into(), v.into())).collect(),
    };
    let open = || desk.on_platform(project.path(), &credentials, &["run", "--", "env"]).output().unwrap();
    assert!(printed(&open()).contains("canary.STRIPE_SECRET_KEY.x9"), "{}", printed(&open()));
    let status = visitor.ask("status", &which);
    assert_eq!((&status["uses"], &status["max_uses"]), (&json!(1), &json!(2)));

    visitor.ask("revoke", &which);
    assert_eq!(visitor.ask("status", &which)["revoked"], true);
    assert!(printed(&open()).contains("was revoked"), "{}", printed(&open()));
    let list = desk.run(&["deploy", "list"], "").unwrap();
    assert!(list.contains("preview") && list.contains("revoked"), "{list}");
}
