//! `examples/github-actions`: actionlint has no complaint, and the steps do what they say in a checkout, with the
//! variables of a runner. A stand-in on loopback signs the job's identity, which a real key service checks.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use capy_journeys::{printed, programs};
use capy_test_support::node::{Node, require_node};
use capy_test_support::server_process::ServerProcess;
use capy_test_support::workspace_root;
use serde_json::Value;
use tempfile::TempDir;

use crate::dist::workflow::lint;
use crate::examples::{Example, copy};

/// What a runner's bearer for identities is.
const RUNNER_TOKEN: &str = "canary.runner.x9";

/// A job: a checkout of the project, without what git ignores, and a runner's variables.
struct Job<'a> {
    node: &'a Node,
    key: &'a str,
    checkout: TempDir,
    variables: Vec<(String, String)>,
}

impl<'a> Job<'a> {
    fn new(node: &'a Node, example: &'a Example) -> Self {
        let checkout = TempDir::new().unwrap();
        copy(example.folder.path(), checkout.path());
        fs::copy(example.path("capy.toml"), checkout.path().join("capy.toml")).unwrap();
        assert!(!checkout.path().join(".env").exists());
        let variables = [("CI", "true"), ("GITHUB_ACTIONS", "true")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self { node, key: &example.key, checkout, variables: variables.into() }
    }

    /// Runs a step as a runner does, with `bash -e`.
    fn run(&self, step: &Value, secrets: &[(&str, &str)]) -> Output {
        let mut bash = Command::new("bash");
        bash.args(["-e", "-c", step["run"].as_str().unwrap()]).current_dir(self.checkout.path());
        let path = self.node.path();
        let path = std::env::join_paths(std::iter::once(programs()).chain(std::env::split_paths(&path)));
        // Nobody is logged in.
        bash.env("PATH", path.unwrap()).env("CAPY_CONFIG_DIR", self.checkout.path().join("nothing"));
        bash.envs(self.variables.iter().map(|(name, value)| (name, value)));
        for (name, value) in step["env"].as_object().into_iter().flatten() {
            let secret = value.as_str().unwrap().strip_prefix("${{ secrets.").unwrap();
            let secret = secret.strip_suffix(" }}").unwrap();
            let known = secrets.iter().find(|(known, _)| *known == secret);
            bash.env(name, known.unwrap_or_else(|| panic!("no secret is called {secret}")).1);
        }
        let output = bash.output().unwrap();
        assert!(!printed(&output).contains(self.key) && !printed(&output).contains(RUNNER_TOKEN));
        output
    }
}

/// A workflow's only job: its permissions and its steps that run commands.
fn workflow(root: &Path, name: &str) -> (Value, Vec<Value>) {
    let text = fs::read_to_string(root.join(".github/workflows").join(name)).unwrap();
    let mut workflow: Value = serde_saphyr::from_str(&text).unwrap();
    let jobs = workflow["jobs"].as_object().unwrap();
    assert_eq!(jobs.len(), 1, "{name}");
    let steps = jobs.values().next().unwrap()["steps"].as_array().unwrap();
    let steps = steps.iter().filter(|step| step["run"].is_string()).cloned().collect();
    (workflow["permissions"].take(), steps)
}

#[test]
fn actionlint_finds_nothing_in_the_workflows() {
    let Some(node) = require_node() else { return };
    for name in ["build.yml", "revoke.yml"] {
        let file = workspace_root().join("examples/github-actions/.github/workflows").join(name);
        assert_eq!(lint(&node, &file), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn the_build_writes_the_value_into_the_bundle_until_the_other_workflow_revokes_it() {
    let Some(node) = require_node() else { return };
    let Some(example) = Example::new("github-actions", "github-actions") else { return };
    let mut by_hand = Command::new(&node.node);
    by_hand
        .args(["index.mjs", "order 7"])
        .current_dir(example.folder.path())
        .env("SIGNING_KEY", &example.key);
    let signature = by_hand.output().unwrap().stdout;
    let secrets: Vec<_> = example.variables().collect();
    let mut job = Job::new(&node, &example);
    let (permissions, build) = workflow(example.folder.path(), "build.yml");
    assert_eq!(permissions.to_string(), r#"{"contents":"read"}"#);
    let outputs: Vec<_> = build.iter().map(|step| job.run(step, &secrets)).collect();
    for (step, output) in build.iter().zip(&outputs) {
        assert!(output.status.success(), "{}: {}", step["run"], printed(output));
    }
    assert_eq!(outputs.last().unwrap().stdout, signature);
    assert_eq!(signature.trim_ascii().len(), 64);
    let bundle = fs::read_to_string(job.checkout.path().join("dist/index.mjs")).unwrap();
    assert!(bundle.contains(&example.key) && !bundle.contains("process.env"), "{bundle}");

    let (permissions, revoke) = workflow(example.folder.path(), "revoke.yml");
    assert_eq!(permissions["id-token"], "write");
    let mut issuer = Command::new(&node.node);
    issuer.arg(workspace_root().join("tests/examples/issuer.mjs")).arg(RUNNER_TOKEN);
    let issuer = ServerProcess::spawn(&issuer, example.folder.path(), "issuing on ").unwrap();
    let add = ["token", "trust", "add", "--issuer", issuer.url(), "--repository", "OWNER/shop"];
    let trust = [&add[..], &["--ref", "refs/heads/main", "--scope", "deploy"]].concat();
    example.desk.run(&trust, "").unwrap();
    let identity_of = |reference: &str| {
        let url = format!("{}/token?ref={reference}", issuer.url());
        [
            ("ACTIONS_ID_TOKEN_REQUEST_URL".to_owned(), url),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN".to_owned(), RUNNER_TOKEN.into()),
        ]
    };
    let usual = job.variables.clone();
    job.variables.extend(identity_of("refs/heads/other"));
    for step in &revoke {
        let refused = job.run(step, &[]);
        assert!(!refused.status.success(), "{}: {}", step["run"], printed(&refused));
        assert!(printed(&refused).contains("error[IDENTITY_REFUSED]"), "{}", printed(&refused));
    }
    job.variables = usual;
    job.variables.extend(identity_of("refs/heads/main"));
    for step in &revoke {
        let output = job.run(step, &[]);
        assert!(output.status.success(), "{}: {}", step["run"], printed(&output));
    }

    // The next build fails; the bundle of the last one goes on.
    let is_build = |step: &&Value| step["run"].as_str().is_some_and(|run| run.starts_with("capy run"));
    let refused = job.run(build.iter().find(is_build).unwrap(), &secrets);
    assert_eq!(refused.status.code(), Some(44), "{}", printed(&refused));
    let signed = job.run(build.last().unwrap(), &secrets);
    assert_eq!(signed.stdout, signature);
}
