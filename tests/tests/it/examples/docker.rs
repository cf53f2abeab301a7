//! `examples/docker`: its `Dockerfile` as it is, on a base with this machine's Node under the name that it asks for.

use std::fs;
use std::time::{Duration, Instant};

use capy_journeys::podman::{Podman, Root, Start};
use capy_journeys::{printed, static_program};
use capy_test_support::setup;

use crate::examples::{Example, ask, free_port};

pub(crate) const IMAGE: &str = "localhost/shop:latest";
const NAME: &str = "capy-example-docker";

/// Makes what a `Dockerfile` with `FROM node:24-slim` and `COPY capy` asks for.
pub(crate) fn prepare(podman: &Podman, example: &Example) {
    let base = Root::with_applets(&["sh"]);
    let node = fs::canonicalize(setup::node_tool("node").unwrap()).unwrap();
    base.copy(&node, "usr/local/bin/node");
    base.libraries_of(&[node]);
    podman.import(base, "docker.io/library/node:24-slim");
    fs::copy(static_program(), example.path("capy")).unwrap();
}

/// The image of an example's folder.
pub(crate) fn build(podman: &Podman, example: &Example) {
    prepare(podman, example);
    let folder = example.folder.path().to_str().unwrap();
    podman.run(&["build", "--network", "none", "--pull=never", "--tag", IMAGE, folder]);
}

/// The image with all its layers, as one file.
fn saved(podman: &Podman, example: &Example) -> Vec<u8> {
    let archive = example.path("image.tar");
    podman.run(&["save", "--quiet", "--output", archive.to_str().unwrap(), IMAGE]);
    fs::read(archive).unwrap()
}

#[test]
fn the_image_opens_the_secrets_at_each_start_and_holds_none() {
    let Some(podman) = Podman::find(&["node"]) else { return };
    let Some(example) = Example::new("docker", "docker") else { return };
    fs::write(example.path(".env.local"), "STRIPE_KEY=canary.STRIPE_KEY.x9\n").unwrap();
    build(&podman, &example);
    let image = saved(&podman, &example);
    let holds = |text: &str| memchr::memmem::find(&image, text.as_bytes()).is_some();
    assert!(holds("SIGNING_KEY is not set"), "this search finds what is there");
    assert!(!holds(&example.key) && !holds("canary.STRIPE_KEY.x9"));
    for (name, value) in example.variables() {
        assert!(!holds(value), "{name}");
    }

    let file = example.path("capy.env").display().to_string();
    let port = free_port().to_string();
    let options = ["--env-file", &file, "--env", &format!("PORT={port}")];
    let container = podman.start_on_host(NAME, IMAGE, &Start { options: &options, command: &[] });
    let path = std::env::var_os("PATH").unwrap();
    let expected = example.answer_by_hand(&path);
    assert_eq!(ask(&port), expected);

    // Node as a first process would not hear SIGTERM, and be killed after 20 seconds.
    let start = Instant::now();
    assert_eq!(container.stop(), "143", "{}", container.log());
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    container.restart();
    assert_eq!(ask(&port), expected);

    let run = ["run", "--rm", "--network", "host", "--env-file", &file, IMAGE];
    let seven = podman.output(&[&run[..], &["node", "--eval", "process.exit(7)"]].concat());
    assert_eq!(seven.status.code(), Some(7), "{}", printed(&seven));

    example.revoke();
    assert_eq!(ask(&port), expected, "what runs goes on");
    container.stop();
    container.restart();
    assert_eq!(podman.run(&["wait", NAME]).trim(), "44", "{}", container.log());
    assert!(container.log().contains("error[DEPLOY_REVOKED]"), "{}", container.log());
    assert!(!container.log().contains(&example.key));
}
