//! The journey of a framework's app: built by its own tool, inlined, and asked in an empty
//! environment.
//!
//! Its functions panic if an assertion does not hold, as tests do.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use capy_inliner::{Report, Request, inline};
use capy_protocol::env_map::{EnvMap, SecretValue};
use capy_test_support::apps::{Answers, App, Copy, canary_in, variables};
use capy_test_support::desk::Desk;
use capy_test_support::key_service::KeyService;
use capy_test_support::node::require_node;
use capy_test_support::steps::output_of_group;

use crate::{printed, programs};

/// Every variable of the probes, as the inliner's input.
///
/// # Panics
/// If a name or value is not allowed for a variable.
pub fn values() -> EnvMap {
    let mut values = EnvMap::new();
    for (name, value) in variables() {
        values.try_insert(name, SecretValue::new(value.clone())).expect("a usable name and value");
    }
    values
}

/// Asserts that an inlined build in an empty environment answers every probe like the original
/// build with the variables set, that values are in private scripts only and neither server prints
/// one, and that a second run changes nothing.
///
/// # Panics
/// If any of that does not hold.
pub fn assert_answers_alike(name: &str, variant: &str) {
    let Some(node) = require_node() else { return };
    let app = App::find(&node, name, variant).expect("the app is described");
    let expected = expected_answers(&app);
    let inlined = app.built().expect("the app builds");
    let report = inline_app(&inlined);
    assert!(report.written, "{report:#?}");
    let before = contents(inlined.dir());
    let again = inline_app(&inlined);
    assert!(again.written, "a second run failed: {again:#?}");
    assert_eq!(again.changed_files, 0, "a second run wants to change files");
    assert!(contents(inlined.dir()) == before, "a second run changed files");
    assert_bare_answers(&inlined, &expected);
}

/// Asserts the same answers and places for a platform that builds and inlines with
/// `capy run -- <build>`, and has the credentials in the build's environment.
///
/// # Panics
/// If any of that does not hold.
pub fn assert_capy_run_answers_alike(name: &str, variant: &str) {
    let Some(node) = require_node() else { return };
    let app = App::find(&node, name, variant).expect("the app is described");
    let expected = expected_answers(&app);
    let project = tempfile::tempdir().expect("a temporary folder");
    let service = KeyService::start(&node).expect("the key service starts");
    let desk = Desk::new(&programs(), project.path()).expect("a desk");
    let variables: Vec<_> = variables().iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    desk.set_up(service.url(), service.admin_token(), &variables).expect("a project");
    let credentials = desk.deploy(&[]).expect("a deployment");
    let sources = app.sources().expect("the app is installed");
    for words in sources.build_words() {
        let tool = format!("node_modules/.bin/{}", words[0]);
        let words = words[1..].iter().map(String::as_str);
        let words: Vec<&str> = ["run", "--", &tool].into_iter().chain(words).collect();
        let mut build = desk.on_platform(sources.dir(), &credentials, &words);
        build.envs(sources.build_environment()).env("CAPY_SERVICE_URL", service.url());
        let output = output_of_group(&mut build).expect("capy starts");
        let text = printed(&output);
        assert!(output.status.success(), "{text}");
        assert_eq!(canary_in(text.as_bytes()), None, "the build printed a value:\n{text}");
    }
    assert_bare_answers(&sources, &expected);
}

/// The answers of the original build with the variables set. Asserts that no probe fails or misses
/// its variable.
///
/// # Panics
/// If a probe finds nothing although its variable is set.
pub fn expected_answers(app: &App) -> Answers {
    let untouched = app.built().expect("the app builds");
    let server = untouched.start(variables()).expect("the untouched build starts");
    let answers = untouched.ask(&server).expect("the untouched build answers");
    let log = server.stop();
    let unset = answers.iter().filter(|(probe, answer)| {
        !probe.contains(" absent") && (*answer == "undefined" || answer.starts_with("threw "))
    });
    let unset: Vec<_> = unset.collect();
    assert!(unset.is_empty(), "with the variables set: {unset:?}\n{log}");
    assert!(answers.len() > 60, "only {} answers: {answers:?}", answers.len());
    answers
}

/// Asserts the same answers with no variable set, and no value in files or output where it must not
/// be.
///
/// # Panics
/// If an answer differs, or a value is found.
pub fn assert_bare_answers(inlined: &Copy<'_>, expected: &Answers) {
    inlined.check_places().expect("values stand in private scripts alone");
    assert_same_answers(inlined, expected);
}

/// Asserts the same answers with no variable set, and no value in the server's output.
///
/// # Panics
/// If an answer differs, or a value is printed.
pub fn assert_same_answers(inlined: &Copy<'_>, expected: &Answers) {
    let server = inlined.start(&BTreeMap::new()).expect("the inlined build starts");
    let found = inlined.ask(&server).expect("the inlined build answers");
    let log = inlined.stop(server).expect("the inlined build ends");
    assert_eq!(canary_in(log.as_bytes()), None, "the server printed a value:\n{log}");
    let names: BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    let differing = names.into_iter().filter(|name| expected.get(*name) != found.get(*name));
    let differing: Vec<_> = differing.collect();
    assert!(differing.is_empty(), "{} of {} differ: {differing:#?}\n{log}", differing.len(), expected.len());
}

/// Inlines through the library, with default options.
fn inline_app(copy: &Copy<'_>) -> Report {
    let values = values();
    let mut request = Request::new(&values);
    request.files = copy.named_files();
    if request.files.is_empty() {
        request.apps.push(copy.dir().to_owned());
    }
    inline(&request).expect("the layout is known")
}

/// Every file of an app, without its packages, with its content.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the copy can be listed") {
        let path = entry.expect("the copy can be listed").path();
        if path.is_file() {
            files.push(path);
        } else if !path.ends_with("node_modules") {
            capy_test_support::shop::collect(&path, &mut files).expect("the copy can be listed");
        }
    }
    files.into_iter().map(|file| (file.clone(), std::fs::read(file).expect("it can be read"))).collect()
}
