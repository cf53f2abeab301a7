//! `capy build` from the project store to a running server: React Router, built by Vite in a container with Node.

use std::fs;
use std::path::Path;
use std::process::Command;

use capy_journeys::frameworks::{assert_same_answers, expected_answers};
use capy_journeys::podman::{Podman, Root};
use capy_journeys::{printed, programs};
use capy_test_support::apps::{App, canary_in, variables};
use capy_test_support::desk::Desk;
use capy_test_support::key_service::KeyService;
use capy_test_support::node::{Node, require_node};
use capy_test_support::steps::output_of_group;

const IMAGE: &str = "localhost/node:1";

/// An image with a shell, Node and the app's packages.
fn image(engine: &Podman, node: &Node, packages: &Path) {
    let root = Root::with_applets(&["sh", "env", "ln", "rm", "mkdir", "cat"]);
    for folder in ["app", "deps"] {
        fs::create_dir(root.path(folder)).unwrap();
    }
    let program = fs::canonicalize(&node.node).unwrap();
    root.copy(&program, "bin/node");
    // Addons ask for more than Node itself.
    let mut linked = vec![program];
    capy_test_support::shop::collect(packages, &mut linked).unwrap();
    linked.retain(|path| path.ends_with("node") || path.extension().is_some_and(|kind| kind == "node"));
    root.libraries_of(&linked);
    let copied = Command::new("cp").arg("-a").arg(packages).arg(root.path("deps/node_modules")).status();
    assert!(copied.unwrap().success());
    engine.import(root, IMAGE);
}

/// The app's sources as a repository.
fn repository(sources: &Path, to: &Path) {
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
        let output = Command::new("git").args(identity).args(arguments).current_dir(to).output().unwrap();
        assert!(output.status.success(), "{}", printed(&output));
    };
    let copied = Command::new("cp").arg("-a").arg(sources.join(".")).arg(to).status();
    assert!(copied.unwrap().success());
    fs::remove_dir_all(to.join("node_modules")).unwrap();
    git(&["init", "--quiet", "--initial-branch=main"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message=app"]);
}

#[test]
fn a_vite_app_is_built_with_the_stores_secrets_and_answers_in_an_empty_environment() {
    let Some(node) = require_node() else { return };
    let app = App::find(&node, "react-router", "node").unwrap();
    let expected = expected_answers(&app);
    let copy = app.sources().unwrap();
    let Some(engine) = Podman::find(&[]) else { return };
    image(&engine, &node, &copy.dir().join("node_modules"));
    let service = KeyService::embedded(&programs()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("repository");
    fs::create_dir(&source).unwrap();
    repository(copy.dir(), &source);

    let desk = Desk::new(&programs(), folder.path()).unwrap();
    desk.run(&["login", "--url", service.url()], service.admin_token()).unwrap();
    let at = ["--url", service.url()];
    let recipe = [
        "store",
        "project",
        "create",
        "shop",
        "--repository",
        source.to_str().unwrap(),
        "--branch",
        "main",
        "--image",
        IMAGE,
        "--install-command",
        // A link to the image's own would lead out of the folder.
        "cp -R /deps/node_modules .",
        "--build-command",
        "node_modules/.bin/react-router build",
        "--output-directory",
        "build",
    ];
    let id = desk.run(&[&recipe[..], &at].concat(), "").unwrap().trim().to_owned();
    for (name, value) in variables() {
        desk.run(&[&["store", "secret", "set", "shop", name], &at[..]].concat(), value).unwrap();
    }
    // The build host's token takes sealed values of this project out of the store, and does nothing else.
    let scope = format!("build:{id}");
    let token = desk.run(&[&["token", "create", "--scope", &scope], &at[..]].concat(), "").unwrap();

    let out = folder.path().join("out");
    let mut build = desk.capy(&["build", "shop", "--engine", "podman", "--network", "none", "--inline"]);
    build.arg("--artifacts").arg(&out).env("CAPY_SERVICE_URL", service.url()).env("CAPY_TOKEN", token.trim());
    build.env("ENCRYPTION_KEY", service.encryption_key()).env("CAPY_STATE_DIR", folder.path().join("state"));
    let path = format!("{}:{}", engine.bin().display(), std::env::var("PATH").unwrap());
    let output = output_of_group(build.env("PATH", path)).unwrap();
    let text = printed(&output);
    assert!(output.status.success(), "{text}");
    assert_eq!(canary_in(text.as_bytes()), None, "the build printed a value:\n{text}");
    let left: Vec<_> = fs::read_dir(folder.path().join("state/temp")).unwrap().flatten().collect();
    assert_eq!(left.iter().filter(|entry| entry.file_name() != ".lock").count(), 0, "{left:?}");

    fs::rename(&out, copy.dir().join("build")).unwrap();
    copy.check_places().expect("values stand in private scripts alone");
    assert_same_answers(&copy, &expected);
}
