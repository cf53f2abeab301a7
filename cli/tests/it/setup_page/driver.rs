//! A real Chromium, driven by the WebDriver protocol (https://www.w3.org/TR/webdriver2/) through its ChromeDriver.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use capy_test_support::needs;
use serde_json::{Value, json};

/// The key of an element's reference (WebDriver, section 12.1).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
const PATIENCE: Duration = Duration::from_secs(30);

/// A browser window. Closed on drop.
pub(crate) struct Browser {
    driver: Child,
    session: String,
    agent: ureq::Agent,
    _profile: tempfile::TempDir,
}

/// A running page and the browser that looks at it can be had; in CI always.
pub(crate) fn is_there() -> bool {
    let there = Command::new("chromedriver").arg("--version").stdout(Stdio::null()).status().is_ok();
    needs(there, "chromium and chromium-driver")
}

/// Starts ChromeDriver, and finds its port. Beside many other tests it may end without one, and is
/// started again.
fn start_driver() -> (Child, u16) {
    for _ in 0..5 {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let port =
            BufReader::new(driver.stdout.take().unwrap()).lines().map_while(Result::ok).find_map(|line| {
                line.split_once("successfully on port ")?.1.trim_end_matches('.').parse::<u16>().ok()
            });
        if let Some(port) = port {
            return (driver, port);
        }
        driver.wait().unwrap();
    }
    panic!("ChromeDriver does not start");
}

impl Browser {
    pub(crate) fn start() -> Self {
        let (driver, port) = start_driver();
        let profile = tempfile::tempdir().unwrap();
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--window-size=1000,1300",
            &format!("--user-data-dir={}", profile.path().display()),
        ];
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .http_status_as_error(false)
            .build()
            .new_agent();
        let mut browser =
            Self { driver, session: format!("http://127.0.0.1:{port}/session"), agent, _profile: profile };
        let capabilities = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "performance": "ALL", "browser": "ALL" },
        } } });
        let created = browser.post("", &capabilities).expect("a session");
        let id = created["sessionId"].as_str().expect("a session has an id").to_owned();
        browser.session = format!("{}/{id}", browser.session);
        browser
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value, Value> {
        let sent = self.agent.post(format!("{}{path}", self.session)).content_type("application/json");
        let mut answer = sent.send(body.to_string()).unwrap();
        let text = answer.body_mut().with_config().limit(64 << 20).read_to_string().unwrap();
        let mut json: Value = serde_json::from_str(&text).unwrap();
        if answer.status() == 200 { Ok(json["value"].take()) } else { Err(json["value"].take()) }
    }

    pub(crate) fn open(&self, url: &str) {
        self.post("/url", &json!({ "url": url })).unwrap();
    }

    pub(crate) fn resize(&self, width: u32, height: u32) {
        self.post("/window/rect", &json!({ "width": width, "height": height })).unwrap();
    }

    /// Chromium's own protocol, for what WebDriver has no command for.
    pub(crate) fn devtools(&self, command: &str, parameters: &Value) {
        self.post("/goog/cdp/execute", &json!({ "cmd": command, "params": parameters })).unwrap();
    }

    /// The value of an expression; a promise is waited for.
    pub(crate) fn eval(&self, expression: &str) -> Value {
        let script = format!(
            "const done = arguments[0]; Promise.resolve({expression}).then(done, (e) => done('failed: ' + e));"
        );
        self.post("/execute/async", &json!({ "script": script, "args": [] })).unwrap()
    }

    pub(crate) fn text(&self, selector: &str) -> String {
        self.eval(&format!("document.querySelector({selector:?})?.innerText ?? ''"))
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Waits for the first visible element; the last text seen is in the message when there is none.
    #[track_caller]
    pub(crate) fn wait_for(&self, selector: &str) -> String {
        let visible = format!(
            "(() => {{ const e = document.querySelector({selector:?}); return Boolean(e && e.checkVisibility()); }})()"
        );
        let start = Instant::now();
        while self.eval(&visible) != json!(true) {
            assert!(start.elapsed() < PATIENCE, "no {selector} in:\n{}", self.text("body"));
            std::thread::sleep(Duration::from_millis(20));
        }
        let found = self.post("/element", &json!({ "using": "css selector", "value": selector })).unwrap();
        found[ELEMENT].as_str().unwrap().to_owned()
    }

    /// Waits until the element has the text.
    #[track_caller]
    pub(crate) fn wait_for_text(&self, selector: &str, text: &str) {
        let start = Instant::now();
        while !self.text(selector).contains(text) {
            assert!(start.elapsed() < PATIENCE, "no {text:?} in {selector}:\n{}", self.text("body"));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// A click where a person would click.
    #[track_caller]
    pub(crate) fn click(&self, selector: &str) {
        let element = self.wait_for(&format!("{selector}:not(:disabled)"));
        // As a person scrolls: what is clicked is not under the bar at the bottom.
        self.eval(&format!("document.querySelector({selector:?}).scrollIntoView({{ block: 'center' }})"));
        self.post(&format!("/element/{element}/click"), &json!({}))
            .unwrap_or_else(|error| panic!("{selector}: {error}"));
    }

    #[track_caller]
    pub(crate) fn type_into(&self, selector: &str, text: &str) {
        let element = self.wait_for(selector);
        self.post(&format!("/element/{element}/value"), &json!({ "text": text })).unwrap();
    }

    /// Keys to whatever has the focus.
    pub(crate) fn press(&self, keys: &[&str]) {
        let actions: Vec<_> = keys
            .iter()
            .flat_map(|key| {
                [json!({ "type": "keyDown", "value": key }), json!({ "type": "keyUp", "value": key })]
            })
            .collect();
        self.post("/actions", &json!({ "actions": [{ "type": "key", "id": "keys", "actions": actions }] }))
            .unwrap();
    }

    /// What was copied.
    pub(crate) fn clipboard(&self) -> String {
        self.eval("navigator.clipboard.readText()").as_str().unwrap().to_owned()
    }

    /// A picture of the whole page, as PNG.
    pub(crate) fn screenshot(&self) -> Vec<u8> {
        use base64::Engine as _;
        let height = self.eval("document.documentElement.scrollHeight").as_u64().unwrap();
        let width = self.eval("window.innerWidth").as_u64().unwrap();
        let clip = json!({ "x": 0, "y": 0, "width": width, "height": height, "scale": 1 });
        let parameters = json!({ "captureBeyondViewport": true, "clip": clip });
        let taken = self
            .post("/goog/cdp/execute", &json!({ "cmd": "Page.captureScreenshot", "params": parameters }))
            .unwrap();
        base64::prelude::BASE64_STANDARD.decode(taken["data"].as_str().unwrap()).unwrap()
    }

    /// Every address that the browser asked for since the last call.
    pub(crate) fn requests(&self) -> Vec<String> {
        let entries = self.post("/se/log", &json!({ "type": "performance" })).unwrap();
        let messages = entries.as_array().unwrap().iter().filter_map(|entry| entry["message"].as_str());
        let events = messages.map(|message| serde_json::from_str::<Value>(message).unwrap());
        let sent = events.filter(|event| event["message"]["method"] == "Network.requestWillBeSent");
        sent.map(|event| event["message"]["params"]["request"]["url"].as_str().unwrap().to_owned()).collect()
    }

    /// What the page's console holds: errors, and what the content security policy refused.
    pub(crate) fn console(&self) -> Vec<String> {
        let entries = self.post("/se/log", &json!({ "type": "browser" })).unwrap();
        entries.as_array().unwrap().iter().map(|entry| entry["message"].to_string()).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.agent.delete(&self.session).call();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
