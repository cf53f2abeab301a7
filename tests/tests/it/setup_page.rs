//! The setup page against the real key service: what it makes opens on the platform, its live line sees it, and what it
//! takes back stays shut.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use capy_journeys::{printed, programs};
use capy_test_support::desk::{Credentials, Desk};
use capy_test_support::key_service::KeyService;
use capy_test_support::node::require_node;
use capy_test_support::shop::VARIABLES;
use capy_test_support::workerd::Workerd;
use serde_json::{Value, json};
use tempfile::TempDir;

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

impl Visitor {
    /// What a person copies from the page to the platform.
    fn credentials(&self, made: &Value) -> Credentials {
        let copied = self.ask("lines", &json!({ "deploy_id": made["deploy_id"], "name": "lines" }));
        let lines = copied["value"].as_str().unwrap().lines();
        let variables = lines.filter_map(|line| line.split_once('=')).map(|(n, v)| (n.into(), v.into()));
        Credentials {
            deploy_id: made["deploy_id"].as_str().unwrap().to_owned(),
            variables: variables.collect(),
        }
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
    let choice = json!({ "platform": "vercel", "environment": "preview", "expires": "1d", "max_uses": 2 });
    let made = visitor.ask("mint", &choice);
    let which = json!({ "deploy_id": made["deploy_id"] });
    assert_eq!(visitor.ask("status", &which)["uses"], 0);

    let credentials = visitor.credentials(&made);
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

/// What the page says goes into the build step, as the platform's shell takes it.
fn command(made: &Value) -> Vec<String> {
    let command = made["guide"]["command"].as_str().unwrap();
    command.strip_prefix("capy ").unwrap().split(' ').map(str::to_owned).collect()
}

const WORKER: &str = "export default { fetch: () => new Response(process.env.STRIPE_SECRET_KEY) };\n";
const SOURCE: &str = r#"{ "name": "shop", "main": "src/index.js", "compatibility_date": "2026-04-01",
    "compatibility_flags": ["nodejs_compat"] }"#;
const BUILT: &str = r#"{ "name": "shop", "main": "dist/index.js", "no_bundle": true, "compatibility_date": "2026-04-01",
    "compatibility_flags": ["nodejs_compat"] }"#;
const PACKAGE: &str =
    r#"{ "type": "module", "scripts": { "build": "wrangler deploy --dry-run --outdir dist" } }"#;

#[test]
fn a_worker_that_is_built_with_what_the_page_made_answers_on_the_real_runtime() {
    let Some(node) = require_node() else { return };
    let service = KeyService::start(&node).unwrap();
    let (project, builder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let desk = Desk::new(&programs(), project.path()).unwrap();
    desk.set_up(service.url(), service.admin_token(), &VARIABLES).unwrap();
    let visitor = Visitor::enter(&desk);
    let made = visitor.ask("mint", &json!({ "platform": "cloudflare-workers" }));

    let at = |file: &str| builder.path().join(file);
    fs::create_dir(at("src")).unwrap();
    for (file, text) in [("src/index.js", WORKER), ("wrangler.json", SOURCE), ("package.json", PACKAGE)] {
        fs::write(at(file), text).unwrap();
    }
    let words = command(&made);
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../node_modules/.bin").canonicalize().unwrap();
    let path = std::env::split_paths(&node.path()).collect::<Vec<_>>();
    let path = std::env::join_paths([tools].into_iter().chain(path)).unwrap();
    let mut build = desk.on_platform(builder.path(), &visitor.credentials(&made), &words);
    let built = build.env("PATH", path).env("WRANGLER_SEND_METRICS", "false").output().unwrap();
    assert!(built.status.success(), "{}", printed(&built));

    // What is uploaded, as it is.
    fs::write(at("wrangler.json"), BUILT).unwrap();
    let worker = Workerd::serve(&node, &at("wrangler.json"), &BTreeMap::new()).unwrap();
    let mut answer = visitor.agent.get(worker.url()).call().unwrap();
    assert_eq!(answer.body_mut().read_to_string().unwrap(), "sk_live_canary.STRIPE_SECRET_KEY.x9");
    let status = visitor.ask("status", &json!({ "deploy_id": made["deploy_id"] }));
    assert_eq!(status["uses"], 1, "the build's, and none of the running Worker");
}
