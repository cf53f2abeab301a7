//! Functions of AWS Lambda with capy's layer: the clients of Lambda's own runtimes for Node and
//! Python, in front of a stand-in of the Runtime API, with the secrets of a running key service.

mod function;
mod runtime_api;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use capy_journeys::programs;
use capy_test_support::apps::{App, variables};
use capy_test_support::desk::{Credentials, Desk};
use capy_test_support::key_service::KeyService;
use capy_test_support::node::require_node;
use capy_test_support::workspace_root;
use serde_json::{Value, json};
use tempfile::TempDir;

use function::{Config, Failure, Function, INIT_MAX, Layer, Runtime};

/// Values that a shell, a line of a file or a charset would change.
const VALUES: [(&str, &str); 6] = [
    ("LINES", "canary.LINES.x9\n  second\n\nfourth\tline"),
    ("QUOTES", "canary.QUOTES.x9 '\"` \\ \\n"),
    ("SHELL_SIGNS", "canary.SHELL_SIGNS.x9 $HOME ${PATH} $$ $(id) !! ; & | * ~ # %s"),
    ("EMOJI", "canary.EMOJI.x9 🦫 é ü 日本"),
    ("BLANKS", "  canary.BLANKS.x9  "),
    ("EQUALS", "=canary.EQUALS.x9=a=b&c=d"),
];
/// The handler in `tests/lambda/function.*`.
const HANDLER: &str = "function.handler";
/// What the function must not see of the deployment.
const OURS: [&str; 4] = ["SECRETS_BLOB", "SECRETS_BLOB_FILE", "PROJECT_KEY", "CAPY_SERVICE_URL"];

/// A deployment of a running key service.
struct Deployment {
    service: KeyService,
    desk: Desk,
    project: TempDir,
    credentials: Credentials,
}

impl Deployment {
    fn of(values: &[(&str, &str)], options: &[&str]) -> Self {
        let project = TempDir::new().unwrap();
        let service = KeyService::embedded(&programs()).unwrap();
        let desk = Desk::new(&programs(), project.path()).unwrap();
        desk.set_up(service.url(), service.admin_token(), values).unwrap();
        let credentials = desk.deploy(options).unwrap();
        Self { service, desk, project, credentials }
    }

    /// The variables of a function with the layer.
    fn variables(&self, layer: &Layer) -> BTreeMap<String, String> {
        let mut all: BTreeMap<_, _> = self.credentials.variables.iter().cloned().collect();
        all.insert("CAPY_SERVICE_URL".into(), self.service.url().into());
        all.insert("AWS_LAMBDA_EXEC_WRAPPER".into(), layer.wrapper().display().to_string());
        all
    }

    fn revoke(&self) {
        self.desk.run(&["deploy", "revoke", &self.credentials.deploy_id], "").unwrap();
    }
}

/// The same variables, set by hand.
fn by_hand<'a>(values: impl IntoIterator<Item = (&'a str, &'a str)>) -> BTreeMap<String, String> {
    values.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// A package with the handler of `tests/lambda`.
fn package() -> TempDir {
    let task = TempDir::new().unwrap();
    for file in ["function.mjs", "function.py"] {
        fs::copy(workspace_root().join("tests/lambda").join(file), task.path().join(file)).unwrap();
    }
    task
}

fn config<'a>(runtime: &'a Runtime, task: &'a Path, variables: BTreeMap<String, String>) -> Config<'a> {
    Config { runtime, task, folder: task, handler: HANDLER, variables }
}

fn started(config: &Config<'_>) -> Function {
    Function::start(config).unwrap_or_else(|failure| panic!("{}: {failure:#?}", config.runtime.name))
}

fn failed(config: &Config<'_>) -> Failure {
    let failure = match Function::start(config) {
        Ok(function) => panic!("{} started:\n{}", config.runtime.name, function.log()),
        Err(failure) => failure,
    };
    assert!(!failure.log.contains("canary."), "{}", failure.log);
    failure
}

/// The event that asks for these variables.
fn ask<'a>(names: impl IntoIterator<Item = &'a str>) -> Value {
    json!({ "names": names.into_iter().collect::<Vec<_>>() })
}

#[test]
fn every_probe_of_a_node_bundle_answers_as_with_variables_set_by_hand() {
    let Some(node) = require_node() else { return };
    let (runtime, layer) = (Runtime::of_node(&node.node), Layer::new());
    let values: Vec<_> = variables().iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    // All of them are too long for the 4 KB of Lambda.
    let deployment = Deployment::of(&values, &["--blob-file", "capy.blob"]);
    for variant in ["cjs", "esm"] {
        let app = App::find(&node, "lambda", variant).unwrap();
        let copy = app.built().unwrap();
        let task = copy.dir().join("dist");
        fs::copy(deployment.project.path().join("capy.blob"), task.join("capy.blob")).unwrap();
        let wrapped = deployment.variables(&layer);
        assert!(json!(wrapped).to_string().len() < 500, "{:?}", wrapped.keys());
        let answers = [by_hand(values.iter().copied()), wrapped].map(|variables| {
            let mut config = config(&runtime, &task, variables);
            config.handler = "index.handler";
            let function = started(&config);
            let answers = ["/probes", "/other"].map(|path| {
                let event = json!({ "version": "2.0", "rawPath": path, "rawQueryString": "", "headers": {} });
                let answer = function.invoke(event);
                let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
                body.as_object().unwrap().clone()
            });
            assert!(!function.log().contains("canary."), "{}", function.log());
            answers
        });
        let [expected, found] = &answers;
        assert!(expected.iter().map(|answers| answers.len()).sum::<usize>() > 60, "{expected:?}");
        assert_eq!(expected, found, "{variant}");
    }
}

#[test]
fn any_value_arrives_as_it_is_and_the_credentials_do_not() {
    let (layer, task) = (Layer::new(), package());
    let deployment = Deployment::of(&VALUES, &[]);
    for runtime in Runtime::all() {
        let names = || VALUES.iter().map(|(name, _)| *name);
        let answers = [by_hand(VALUES), deployment.variables(&layer)].map(|variables| {
            let function = started(&config(&runtime, task.path(), variables));
            let answer = function.invoke(ask(names().chain(OURS).chain(["CAPY_TIMEOUT", "AWS_REGION"])));
            // Neither the wrapper's shell nor capy is left.
            assert_eq!(answer["pid"], function.id(), "{}", runtime.name);
            assert!(!function.log().contains("canary."), "{}", function.log());
            answer["values"].clone()
        });
        let [expected, found] = &answers;
        assert_eq!(expected, found, "{}", runtime.name);
        for (name, value) in VALUES {
            assert_eq!(found[name], value, "{}", runtime.name);
        }
        assert!(OURS.iter().all(|name| found[*name].is_null()), "{}: {found}", runtime.name);
    }
}

#[test]
fn a_revoked_deployment_stops_the_next_cold_start() {
    let (layer, task) = (Layer::new(), package());
    for runtime in Runtime::all() {
        let deployment = Deployment::of(&VALUES, &[]);
        let config = config(&runtime, task.path(), deployment.variables(&layer));
        let warm = started(&config);
        let before = warm.invoke(ask(["EMOJI"]));
        assert_eq!(before["values"]["EMOJI"], VALUES[3].1);
        deployment.revoke();
        // The values are in its environment already.
        assert_eq!(warm.invoke(ask(["EMOJI"])), before);
        let failure = failed(&config);
        assert_eq!((failure.code, failure.kind.as_deref()), (Some(44), None), "{}", failure.log);
        assert!(failure.log.contains("error[DEPLOY_REVOKED]"), "{}", failure.log);
    }
}

#[test]
fn a_key_of_another_deployment_and_a_silent_service_are_named_before_lambda_gives_up() {
    let Some(runtime) = Runtime::node() else { return };
    let (layer, task) = (Layer::new(), package());
    let deployment = Deployment::of(&VALUES, &[]);
    let mut wrong = deployment.variables(&layer);
    wrong.insert("PROJECT_KEY".into(), "5a".repeat(32));
    let failure = failed(&config(&runtime, task.path(), wrong));
    assert_eq!(failure.code, Some(40), "{}", failure.log);
    assert!(failure.log.contains("error[WRONG_PROJECT_KEY]"), "{}", failure.log);

    let mut silent = deployment.variables(&layer);
    silent.insert("CAPY_SERVICE_URL".into(), "http://127.0.0.1:1".into());
    let failure = failed(&config(&runtime, task.path(), silent.clone()));
    assert_eq!(failure.code, Some(20), "{}", failure.log);
    assert!(failure.log.contains("error[SERVICE_UNREACHABLE]"), "{}", failure.log);
    assert!(failure.after < INIT_MAX, "{:?}", failure.after);
    silent.insert("CAPY_TIMEOUT".into(), "1".into());
    let sooner = failed(&config(&runtime, task.path(), silent));
    assert!(sooner.code == Some(20) && sooner.after < failure.after, "{sooner:?}");
}

#[test]
fn a_blob_in_the_package_is_found_from_the_package_and_from_anywhere_by_its_whole_path() {
    let Some(runtime) = Runtime::node() else { return };
    let (layer, task, elsewhere) = (Layer::new(), package(), TempDir::new().unwrap());
    let deployment = Deployment::of(&VALUES, &["--blob-file", "capy.blob"]);
    fs::copy(deployment.project.path().join("capy.blob"), task.path().join("capy.blob")).unwrap();
    let variables = deployment.variables(&layer);
    assert_eq!(variables["SECRETS_BLOB_FILE"], "capy.blob");
    let whole = task.path().join("capy.blob").display().to_string();
    for (folder, path) in [(&task, "capy.blob"), (&task, &whole), (&elsewhere, &whole)] {
        let mut config = config(&runtime, task.path(), variables.clone());
        config.folder = folder.path();
        config.variables.insert("SECRETS_BLOB_FILE".into(), path.into());
        let answer = started(&config).invoke(ask(["LINES", "SECRETS_BLOB_FILE"]));
        assert_eq!(answer["values"], json!({ "LINES": VALUES[0].1, "SECRETS_BLOB_FILE": null }));
    }
    let mut config = config(&runtime, task.path(), variables);
    config.folder = elsewhere.path();
    let failure = failed(&config);
    assert_eq!(failure.code, Some(32), "{}", failure.log);
    assert!(failure.log.contains("SECRETS_BLOB_FILE"), "{}", failure.log);
}

#[test]
fn the_wrapper_of_another_layer_runs_after_ours() {
    let Some(runtime) = Runtime::node() else { return };
    let (layer, task) = (Layer::new(), package());
    let deployment = Deployment::of(&VALUES, &[]);
    let both = task.path().join("wrappers");
    let ours = layer.wrapper().display().to_string();
    fs::write(&both, format!("#!/bin/sh\nexec '{ours}' env OTHER_LAYER=ran \"$@\"\n")).unwrap();
    fs::set_permissions(&both, fs::Permissions::from_mode(0o755)).unwrap();
    let mut variables = deployment.variables(&layer);
    variables.insert("AWS_LAMBDA_EXEC_WRAPPER".into(), both.display().to_string());
    let function = started(&config(&runtime, task.path(), variables));
    let answer = function.invoke(ask(["OTHER_LAYER", "EQUALS"]));
    assert_eq!(answer["values"], json!({ "OTHER_LAYER": "ran", "EQUALS": VALUES[5].1 }));
}

#[test]
fn a_runtime_reports_its_own_errors_as_it_does_without_us() {
    let (layer, task) = (Layer::new(), package());
    let deployment = Deployment::of(&VALUES, &[]);
    let Some(runtime) = Runtime::node() else { return };
    let failures = [by_hand(VALUES), deployment.variables(&layer)].map(|variables| {
        let mut config = config(&runtime, task.path(), variables);
        config.handler = "missing.handler";
        let failure = failed(&config);
        (failure.code, failure.kind)
    });
    assert_eq!(failures[0], failures[1]);
    assert_eq!(failures[0].1.as_deref(), Some("Runtime.ImportModuleError"));
}

#[test]
fn the_handlers_of_the_example_sign_with_the_secret_in_either_language() {
    let layer = Layer::new();
    let task = workspace_root().join("examples/aws-lambda-layer");
    let deployment = Deployment::of(&[("SIGNING_KEY", "canary.SIGNING_KEY.x9")], &[]);
    // printf %s 'order 7' | openssl dgst -sha256 -hmac canary.SIGNING_KEY.x9
    let expected = json!({ "signature": "0af4d0e41fcff6bcffc1e7acee2552200403861f28d474482b9be44069cb1dac" });
    for runtime in Runtime::all() {
        let mut config = config(&runtime, &task, deployment.variables(&layer));
        config.handler = "index.handler";
        let function = started(&config);
        assert_eq!(function.invoke(json!({ "message": "order 7" })), expected, "{}", runtime.name);
        assert!(!function.log().contains("canary."), "{}", function.log());
    }
}
