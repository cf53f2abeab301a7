//! From the first click to a program that has its values, as a person goes through the page.

use std::fs;
use std::path::PathBuf;

use serde_json::json;

use crate::sandbox::{CANARY, Sandbox};
use crate::setup_page::driver::{self, Browser};
use crate::setup_page::page::{Page, with_secrets};

/// Where the pictures are, to be looked at.
fn pictures() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("setup-page");
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A picture of the step in light and in dark, and in a narrow window.
pub(crate) fn photograph(browser: &Browser, step: &str) {
    for scheme in ["light", "dark"] {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        browser.devtools("Emulation.setEmulatedMedia", &features);
        fs::write(pictures().join(format!("{step}-{scheme}.png")), browser.screenshot()).unwrap();
    }
    browser.devtools("Emulation.setEmulatedMedia", &json!({ "features": [] }));
    browser.resize(500, 900);
    let overflow =
        browser.eval("document.documentElement.scrollWidth - document.documentElement.clientWidth");
    assert_eq!(overflow, json!(0), "{step} is wider than a narrow window");
    fs::write(pictures().join(format!("{step}-narrow.png")), browser.screenshot()).unwrap();
    browser.resize(1000, 1300);
}

pub(crate) fn visit(page: &Page) -> Browser {
    let browser = Browser::start();
    let origin = page.url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
    let permissions =
        json!({ "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"], "origin": origin });
    browser.devtools("Browser.grantPermissions", &permissions);
    // What the browser's own first page asked for.
    browser.requests();
    browser.open(&page.url);
    browser.wait_for("#platform");
    browser
}

/// Through all steps as they are, to a deployment for the platform.
pub(crate) fn deploy_to(browser: &Browser, platform: &str) {
    browser.click(&format!("input[value={platform}]"));
    browser.click("#platform-next");
    if browser.eval("!document.getElementById('environment').hidden") == json!(true) {
        browser.click("#environment [data-next]");
    }
    browser.click("#variables-next");
    browser.click("#mint");
    browser.wait_for("#result");
}

/// What the page copies for a variable.
pub(crate) fn copy(browser: &Browser, name: &str) -> String {
    browser.click(&format!("[aria-label='Copy {name}']"));
    browser.wait_for_text("#said", &format!("Copy {name}: done"));
    browser.clipboard()
}

/// Runs a command where the platform would.
fn on_platform(lines: &str, script: &str) -> String {
    let mut platform = Sandbox::new();
    for line in lines.lines() {
        let (name, value) = line.split_once('=').unwrap();
        platform.env.insert(name.into(), value.into());
    }
    platform.capy(&["run", "--", "sh", "-c", script]).succeeds().stdout
}

#[test]
fn the_whole_way_from_the_click_to_the_first_use() {
    if !driver::is_there() {
        return;
    }
    let sandbox = with_secrets();
    sandbox.write("vercel.json", "{}");
    sandbox.write("package.json", r#"{"scripts":{"build":"next build"}}"#);
    let mut page = Page::open_with(sandbox, &[]);
    let browser = visit(&page);
    page.wait_for("the page is open in a browser");
    assert!(!browser.eval("document.documentElement.outerHTML").to_string().contains(CANARY));

    browser.wait_for_text("#platforms", "Found in this repository");
    assert_eq!(browser.eval("document.querySelector('input[name=platform]:checked').value"), json!("vercel"));
    photograph(&browser, "1-platform");
    browser.click("#platform-next");
    browser.wait_for_text("#environments", "preview");
    browser.click("input[value=preview]");
    photograph(&browser, "2-environment");
    browser.click("#environment [data-next]");
    browser.wait_for_text("#chosen", "4 of 4 chosen");
    browser.wait_for("#size meter");
    browser.click("input[value=NEXT_PUBLIC_SITE]");
    browser.wait_for_text("#chosen", "3 of 4 chosen");
    photograph(&browser, "3-variables");
    browser.click("#variables-next");
    browser.type_into("#label", "shop, preview");
    browser.eval("document.getElementById('expires').value = '30d'");
    browser.type_into("#uses", "5");
    browser.wait_for_text("#summary", "DATABASE_URL, SESSION_SECRET, STRIPE_SECRET_KEY");
    photograph(&browser, "4-options");
    assert!(page.sandbox.service.deploys().is_empty(), "nothing is made before the last step");
    browser.click("#mint");
    browser.wait_for_text("#result-title", "Vercel · preview");
    browser.wait_for_text("#result-body", "capy run -- npm run build");
    browser.wait_for_text("#live-text", "Waiting for its first use");
    let deploys = page.sandbox.service.deploys();
    assert_eq!(deploys[0].label.as_deref(), Some("shop, preview"));
    assert!(deploys[0].max_uses == Some(5) && deploys[0].expires_at.is_some());

    // No value is in the page until it is asked for, and none after it was hidden.
    let html = || browser.eval("document.documentElement.outerHTML").as_str().unwrap().to_owned();
    let key = copy(&browser, "PROJECT_KEY");
    assert_eq!(key.len(), 64);
    assert!(!html().contains(&key));
    browser.click("[aria-label='Reveal PROJECT_KEY']");
    browser.wait_for("[aria-label='Hide PROJECT_KEY']");
    assert!(html().contains(&key));
    photograph(&browser, "5-result");
    browser.click("[aria-label='Hide PROJECT_KEY']");
    browser.wait_for("[aria-label='Reveal PROJECT_KEY']");
    assert!(!html().contains(&key));

    let blob = copy(&browser, "SECRETS_BLOB");
    let url = copy(&browser, "CAPY_SERVICE_URL");
    let lines = format!("PROJECT_KEY={key}\nSECRETS_BLOB={blob}\nCAPY_SERVICE_URL={url}\n");
    let script = "echo $STRIPE_SECRET_KEY ${NEXT_PUBLIC_SITE-unset}";
    assert_eq!(on_platform(&lines, script), "canary.STRIPE_SECRET_KEY.x9 unset\n");
    browser.wait_for_text("#live.used", "It works: opened once of 5");
    photograph(&browser, "6-used");

    browser.click("#end");
    browser.wait_for_text("#over", "You can close the tab");
    photograph(&browser, "7-over");
    let (code, said) = page.end();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("to revoke it: capy deploy revoke"), "{said}");
    assert!(!said.contains(CANARY) && !said.contains(&key), "{said}");
    let own = page.url.split('/').take(3).collect::<Vec<_>>().join("/");
    let requests = browser.requests();
    assert!(requests.len() > 5 && requests.iter().all(|url| url.starts_with(&own)), "{requests:#?}");
    assert_eq!(browser.console(), [""; 0], "errors, or what the policy refused");
}

#[test]
fn every_platform_has_its_result_and_each_opens() {
    if !driver::is_there() {
        return;
    }
    let page = Page::open();
    let browser = visit(&page);
    let all = browser.eval("[...document.querySelectorAll('input[name=platform]')].map((one) => one.value)");
    let all: Vec<String> = serde_json::from_value(all).unwrap();
    assert!(all.len() >= 25, "{all:?}");
    for platform in &all {
        deploy_to(&browser, platform);
        let result = browser.text("#result-body");
        let is_missing = result.split_whitespace().any(|word| ["null", "undefined"].contains(&word));
        assert!(result.contains("capy") && !is_missing, "{result}");
        if platform == "aws-lambda-image" {
            photograph(&browser, "5-long-commands");
        }
        browser.click("[aria-label='Copy as lines']");
        browser.wait_for_text("#said", "Copy as lines: done");
        let lines = browser.clipboard();
        assert_eq!(on_platform(&lines, "echo $SESSION_SECRET"), "canary.SESSION_SECRET.x9\n", "{platform}");
        browser.click("#again");
        browser.wait_for("#platform");
    }
    assert_eq!(page.sandbox.service.deploys().len(), all.len());
    assert_eq!(browser.console(), [""; 0]);
}

#[test]
fn the_keyboard_alone_is_enough() {
    if !driver::is_there() {
        return;
    }
    const ENTER: &str = "\u{e007}";
    const TAB: &str = "\u{e004}";
    const SPACE: &str = " ";
    const DOWN: &str = "\u{e015}";
    let page = Page::open();
    let browser = visit(&page);
    let focused = || browser.eval("document.activeElement.id || document.activeElement.value").to_string();
    assert_eq!(focused(), "\"search\"");
    browser.press(&["n", "e", "t", "l", "i", ENTER]);
    browser.wait_for("#environment");
    assert_eq!(focused(), "\"environment-title\"");
    browser.press(&[TAB, DOWN, DOWN, TAB, TAB, ENTER]);
    browser.wait_for("#variables");
    // All, None, then the first name: with Space it is chosen alone.
    browser.press(&[TAB, TAB, ENTER]);
    browser.wait_for_text("#chosen", "0 of 4 chosen");
    browser.press(&[TAB, SPACE]);
    browser.wait_for_text("#chosen", "1 of 4 chosen");
    browser.wait_for("#variables-next:not(:disabled)");
    browser.eval("document.getElementById('variables-next').focus()");
    browser.press(&[ENTER]);
    browser.wait_for_text("#summary", "deploy-preview");
    browser.press(&[TAB, "h", "i", ENTER]);
    browser.wait_for_text("#result-title", "Netlify · deploy-preview");
    assert_eq!(page.sandbox.service.deploys()[0].label.as_deref(), Some("hi"));
    let unnamed = browser.eval(
        "[...document.querySelectorAll('button, input, select, a')].filter((e) => e.checkVisibility() && !(e.innerText || e.ariaLabel || e.labels?.length)).length",
    );
    assert_eq!(unnamed, json!(0), "every control has a name to be read out");
}

#[test]
fn an_environment_that_the_person_made_there_can_be_named() {
    if !driver::is_there() {
        return;
    }
    let page = Page::open_with(with_secrets(), &["--platform", "github-actions"]);
    let browser = visit(&page);
    browser.click("#platform-next");
    browser.wait_for_text("#environments", "No environment");
    browser.type_into("#own-environment", "staging");
    photograph(&browser, "2-own-environment");
    browser.click("#environment [data-next]");
    browser.click("#variables-next");
    browser.click("#mint");
    browser.wait_for_text("#result-title", "GitHub Actions · staging");
    browser.wait_for_text("#result-body", "environment: staging");
    browser.wait_for_text("#result-body", "gh secret set PROJECT_KEY --env staging");
    assert_eq!(page.sandbox.service.deploys()[0].label.as_deref(), Some("staging"));
}

#[test]
fn what_does_not_fit_is_told_before_anything_is_made_and_a_file_is_a_way_out() {
    if !driver::is_there() {
        return;
    }
    let sandbox = with_secrets();
    sandbox.capy_with(&["set", "LONG"], &"x".repeat(9000)).succeeds();
    let page = Page::open_with(sandbox, &["--platform", "cloudflare-pages"]);
    let browser = visit(&page);
    browser.click("#platform-next");
    browser.click("#environment [data-next]");
    browser.wait_for_text("#size", "5120 are allowed in one variable");
    photograph(&browser, "3-too-large");
    assert_eq!(browser.eval("document.getElementById('variables-next').disabled"), json!(true));
    browser.click("#as-split");
    browser.wait_for("#variables-next:not(:disabled)");
    browser.click("#as-file");
    browser.wait_for("#variables-next:not(:disabled)");
    assert_eq!(browser.eval("document.getElementById('as-split').checked"), json!(false));
    browser.click("#variables-next");
    browser.click("#mint");
    browser.wait_for_text("#result-body", "capy.blob");
    assert_eq!(copy(&browser, "SECRETS_BLOB_FILE"), "capy.blob");
    assert!(page.sandbox.path("capy.blob").is_file());
}
