//! What is left of a deployment when its page is closed, reloaded or ended, and when it is taken back.

use std::fs;

use serde_json::json;

use crate::sandbox::wait_for;
use crate::setup_page::driver;
use crate::setup_page::flow::{copy, deploy_to, photograph, visit};
use crate::setup_page::page::{Page, with_secrets};

#[test]
fn a_page_that_was_closed_early_leaves_a_deployment_that_the_list_offers_to_revoke() {
    if !driver::is_there() {
        return;
    }
    let mut page = Page::open();
    let browser = visit(&page);
    deploy_to(&browser, "docker");
    page.interrupt();
    let (code, said) = page.end();
    assert_eq!(code, -2, "{said}");
    assert!(said.contains("nobody copied the values of deployment"), "{said}");
    browser.click("#again");
    browser.click("input[value=other]");
    browser.click("#platform-next");
    browser.wait_for_text("#over", "no longer runs in the terminal");
    let list = page.sandbox.capy(&["deploy", "list"]).succeeds();
    assert!(list.stdout.contains("live, unclaimed"), "{}", list.stdout);
    assert!(list.stderr.contains("nobody received the variables of"), "{}", list.stderr);
    let hint = list.stderr.lines().find_map(|line| line.strip_prefix("hint: capy ")).unwrap();
    page.sandbox.capy(&hint.split(' ').collect::<Vec<_>>()).succeeds();
    let list = page.sandbox.capy(&["deploy", "list"]).succeeds();
    assert!(!list.stdout.contains("unclaimed") && list.stderr.is_empty(), "{}", list.stdout);
}

#[test]
fn a_deployment_can_be_taken_back_on_the_page() {
    if !driver::is_there() {
        return;
    }
    let page = Page::open();
    let browser = visit(&page);
    deploy_to(&browser, "other");
    browser.click(".danger");
    browser.wait_for_text(".danger", "for good?");
    assert_eq!(page.sandbox.service.deploys()[0].revoked_at, None);
    browser.click(".danger");
    browser.wait_for_text("#live.lost", "Revoked");
    assert!(page.sandbox.service.deploys()[0].revoked_at.is_some());
    browser.wait_for_text("#result-body", "remove them where you set them");
    let left = browser.eval("document.querySelectorAll('#result-body button, #result-body pre').length");
    assert_eq!(left, json!(0), "nothing can be done with it any more");
    photograph(&browser, "6-revoked");
    browser.click("#again");
    browser.wait_for("#platform");
    assert_eq!(browser.text("#made"), "");
}

#[test]
fn what_was_made_survives_a_reload_and_is_found_again_from_the_first_step() {
    if !driver::is_there() {
        return;
    }
    let page = Page::open();
    let browser = visit(&page);
    deploy_to(&browser, "other");
    let key = copy(&browser, "PROJECT_KEY");
    browser.open(&page.url);
    browser.wait_for_text("#result-title", "Another platform");
    assert_eq!(copy(&browser, "PROJECT_KEY"), key);
    browser.click("#again");
    deploy_to(&browser, "docker");
    browser.click("#again");
    browser.wait_for_text("#made", "Docker");
    photograph(&browser, "7-made");
    browser.click("#made p:first-of-type button");
    browser.wait_for_text("#result-title", "Another platform");
    assert_eq!(copy(&browser, "PROJECT_KEY"), key);
    assert_eq!(page.sandbox.service.deploys().len(), 2);
}

#[test]
fn when_the_page_has_ended_its_steps_stay_and_its_values_do_not() {
    if !driver::is_there() {
        return;
    }
    let mut page = Page::open();
    let browser = visit(&page);
    deploy_to(&browser, "docker");
    let key = copy(&browser, "PROJECT_KEY");
    browser.click("[aria-label='Reveal PROJECT_KEY']");
    browser.wait_for_text("#result-body", &key);
    page.interrupt();
    page.end();
    browser.wait_for_text("#over", "no longer runs in the terminal");
    browser.wait_for_text("#over-guide", "ENTRYPOINT [\"capy\", \"run\", \"--\"]");
    photograph(&browser, "8-over");
    assert!(!browser.eval("document.documentElement.outerHTML").to_string().contains(&key));
}

#[test]
fn who_got_no_key_got_nothing() {
    if !driver::is_there() {
        return;
    }
    let mut page = Page::open();
    let browser = visit(&page);
    deploy_to(&browser, "other");
    copy(&browser, "CAPY_SERVICE_URL");
    copy(&browser, "SECRETS_BLOB");
    page.interrupt();
    let (_, said) = page.end();
    assert!(said.contains("nobody copied the values of deployment"), "{said}");
}

#[test]
fn a_live_deployments_blob_is_replaced_only_on_a_tick_and_comes_back_with_a_revocation() {
    if !driver::is_there() {
        return;
    }
    let sandbox = with_secrets();
    let to_file = ["deploy", "--platform", "other", "--print", "--blob-file", "capy.blob"];
    sandbox.capy(&to_file).succeeds();
    let old = sandbox.read("capy.blob");
    let page = Page::open_with(sandbox, &["--blob-file", "capy.blob"]);
    let browser = visit(&page);
    browser.click("input[value=docker]");
    browser.click("#platform-next");
    browser.wait_for_text("#size", "which is live");
    photograph(&browser, "3-blob-in-use");
    assert_eq!(browser.eval("document.getElementById('variables-next').disabled"), json!(true));
    browser.click("#replace");
    browser.click("#variables-next");
    browser.click("#mint");
    browser.wait_for_text("#result-body", "capy.blob");
    assert_ne!(page.sandbox.read("capy.blob"), old);
    browser.click(".danger");
    browser.wait_for_text(".danger", "for good?");
    browser.click(".danger");
    browser.wait_for("#live.lost");
    assert_eq!(page.sandbox.read("capy.blob"), old);
}

#[test]
fn while_a_platforms_program_runs_the_page_goes_on_and_a_signal_ends_both() {
    if !driver::is_there() {
        return;
    }
    let mut sandbox = with_secrets();
    sandbox.write_program("flyctl", "#!/bin/sh\nsleep 600 & echo $! > \"$HOME/hanging\"; wait\n");
    let hanging = sandbox.config("../../hanging");
    let mut page = Page::open_with(sandbox, &[]);
    let browser = visit(&page);
    deploy_to(&browser, "fly");
    browser.click("#push");
    browser.wait_for_text("#push", "Running");
    wait_for("the program was not started", || hanging.exists());
    assert_eq!(copy(&browser, "PROJECT_KEY").len(), 64);
    page.interrupt();
    page.end();
    let stat = format!("/proc/{}/stat", fs::read_to_string(hanging).unwrap().trim());
    wait_for("what it started still runs", || {
        fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "))
    });
}

#[test]
fn a_service_that_does_not_answer_is_told_on_the_page() {
    if !driver::is_there() {
        return;
    }
    let mut page = Page::open();
    let browser = visit(&page);
    page.sandbox.service.fail_always(crate::stand_in::Fault::Hang);
    browser.click("input[value=other]");
    browser.click("#platform-next");
    browser.click("#variables-next");
    browser.click("#mint");
    browser.wait_for_text("#mint-problem", "did not answer");
    assert!(page.is_running());
}
