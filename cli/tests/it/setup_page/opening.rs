//! How the page is opened, and who sees its address.

use std::fs;
use std::time::Duration;

use crate::sandbox::{Sandbox, wait_for};
use crate::setup_page::page::{Page, with_secrets};

/// A browser that records what it was given and opens nothing.
fn with_browser() -> Sandbox {
    let mut sandbox = with_secrets();
    let script = "#!/bin/sh\nprintf '%s' \"$*\" > \"$HOME/argv.part\"; cp \"$1\" \"$HOME/given.html\"; mv \"$HOME/argv.part\" \"$HOME/argv\"\n";
    sandbox.write_program("test-browser", script);
    let temporary = sandbox.path("tmp");
    fs::create_dir(&temporary).unwrap();
    sandbox.env.insert("TMPDIR".into(), temporary.display().to_string());
    sandbox.env.insert("BROWSER".into(), "test-browser".into());
    sandbox
}

fn left_behind(sandbox: &Sandbox) -> usize {
    fs::read_dir(sandbox.path("tmp")).unwrap().count()
}

#[test]
fn a_browser_is_led_there_by_a_private_file_that_is_gone_once_it_came() {
    let mut page = Page::start(with_browser(), &["deploy"]);
    let home = page.sandbox.config("../..");
    wait_for("the browser was not started", || home.join("argv").exists());
    let argv = fs::read_to_string(home.join("argv")).unwrap();
    let path = page.url.split('/').nth(3).unwrap().to_owned();
    assert!(argv.ends_with(".html") && !argv.contains(&path), "every user sees arguments: {argv}");
    assert_eq!(crate::sandbox::mode(argv.as_ref()), 0o600);
    let lead = fs::read_to_string(home.join("given.html")).unwrap();
    assert!(lead.contains(&format!("url={}", page.url)), "{lead}");

    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(30))).build().into();
    assert_eq!(agent.get(&page.url).call().unwrap().status(), 200);
    page.wait_for("the page is open in a browser");
    wait_for("the file that led there is still there", || left_behind(&page.sandbox) == 0);
}

#[test]
fn a_signal_before_anybody_came_leaves_nothing_behind() {
    let mut page = Page::start(with_browser(), &["deploy"]);
    page.interrupt();
    let (code, said) = page.end();
    assert_eq!(code, -2, "{said}");
    assert!(said.contains("nothing was deployed"), "{said}");
    assert_eq!(left_behind(&page.sandbox), 0);
    assert!(page.sandbox.service.deploys().is_empty());
}

#[test]
fn over_ssh_the_address_and_the_port_forward_are_printed_and_nothing_is_opened() {
    let mut sandbox = with_browser();
    sandbox.env.insert("SSH_CONNECTION".into(), "192.0.2.7 51000 192.0.2.5 22".into());
    sandbox.env.insert("USER".into(), "ana".into());
    let mut page = Page::start(sandbox, &["deploy"]);
    let port = page.url.split(['/', ':']).nth(4).unwrap().to_owned();
    page.wait_for(&format!("ssh -N -L {port}:127.0.0.1:{port} ana@192.0.2.5"));
    assert!(!page.sandbox.config("../..").join("argv").exists());
    page.interrupt();
    page.end();
}

#[test]
fn what_is_wrong_already_is_said_before_a_page_is_opened() {
    let sandbox = with_browser();
    sandbox.capy(&["deploy", "--platform", "nope"]).fails(2, "PLATFORM_UNKNOWN");
    sandbox
        .capy(&["deploy", "--platform", "vercel", "--environment", "nope"])
        .fails(2, "ENVIRONMENT_UNKNOWN");
    sandbox.write(".env", "A=can#ary\n");
    sandbox.capy(&["deploy"]).fails(1, "ENV_FILE_AMBIGUOUS");
    fs::remove_file(sandbox.path(".env")).unwrap();
    sandbox.capy(&["deploy"]).fails(10, "NO_ENV_FILE");
    assert!(!sandbox.config("../..").join("argv").exists());
}
