//! The example, built in a container with Node alone by the packages that a release has: no Rust, no compiler, and no
//! network but the container's own loopback, where the registry and the key service are.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use capy_journeys::podman::{Container, Podman, Root, Start};
use capy_journeys::registry::Registry;
use capy_journeys::{printed, programs};
use capy_test_support::desk::Desk;
use capy_test_support::key_service::KeyService;
use capy_test_support::node::{Node, require_node};
use capy_test_support::setup;
use capy_test_support::shop::{NextServer, Shop, VARIABLES, answers, canary_in};

use crate::dist::npm::packages;

const IMAGE: &str = "localhost/node-alone:1";

/// A shell, Node and npm.
fn image(podman: &Podman, node: &Node, packages: &Path) {
    let applets = ["sh", "env", "cat", "ls", "mkdir", "rm", "sleep", "test", "uname"];
    let root = Root::with_applets(&applets);
    let program = fs::canonicalize(&node.node).unwrap();
    root.copy(&program, "bin/node");
    // Next's compiler is an addon, and asks for more than Node itself.
    let mut linked = vec![program];
    capy_test_support::shop::collect(packages, &mut linked).unwrap();
    linked.retain(|path| path.ends_with("node") || path.extension().is_some_and(|kind| kind == "node"));
    root.libraries_of(&linked);
    let npm = fs::canonicalize(setup::node_tool("npm").unwrap()).unwrap();
    let npm = npm.ancestors().nth(2).unwrap();
    fs::create_dir_all(root.path("lib/node_modules")).unwrap();
    let copied = Command::new("cp").arg("-a").arg(npm).arg(root.path("lib/node_modules/npm")).status();
    assert!(copied.unwrap().success());
    for name in ["npm", "npx"] {
        let script = format!("../lib/node_modules/npm/bin/{name}-cli.js");
        std::os::unix::fs::symlink(script, root.path("bin").join(name)).unwrap();
    }
    podman.import(root, IMAGE);
}

/// Runs a line in a folder that the container has, too.
fn types(container: &Container<'_>, line: &str) -> Output {
    container.exec(&["sh", "-euc", line])
}

#[test]
fn npm_alone_installs_capy_which_builds_the_example_that_answers_alike_in_an_empty_environment() {
    let Some(node) = require_node() else { return };
    let Some(podman) = Podman::find(&[]) else { return };
    let scratch = setup::scratch("npm").unwrap();
    let shop = Shop::copy_to(&scratch.path().join("shop")).unwrap();
    image(&podman, &node, &shop.dir().join("node_modules"));
    let mount = format!("{0}:{0}", scratch.path().display());
    let options = ["--volume", &mount, "--workdir", shop.dir().to_str().unwrap(), "--env", "HOME=/tmp"];
    let command = ["sleep", "3000"];
    let container = podman.start("capy-npm", IMAGE, &Start { options: &options, command: &command });
    for program in ["cargo", "rustc", "cc", "gcc", "python3"] {
        assert!(!types(&container, &format!("command -v {program}")).status.success(), "{program} is there");
    }

    let registry = container.inside(|| Registry::start(&node, packages()));
    let service = container.inside(|| KeyService::embedded(&programs()).unwrap());
    let credentials = container.inside(|| {
        let desk = Desk::new(&programs(), shop.dir()).unwrap();
        desk.set_up(service.url(), service.admin_token(), &VARIABLES).unwrap();
        desk.deploy(&[]).unwrap()
    });
    // The platform has the repository, not the laptop's `.env`.
    fs::remove_file(shop.dir().join(".env")).unwrap();

    let setting = format!("export NPM_CONFIG_REGISTRY={} NEXT_TELEMETRY_DISABLED=1", registry.url());
    let install = "npm install --save-dev --no-audit --no-fund --no-update-notifier capy";
    let installed = types(&container, &format!("{setting}\n{install}"));
    assert!(installed.status.success(), "{}", printed(&installed));

    let variables = credentials.variables.iter().map(|(name, value)| format!("{name}={value}\n"));
    fs::write(scratch.path().join("variables"), variables.collect::<String>()).unwrap();
    let build =
        format!("{setting}\nset -a\n. {}/variables\nnpx capy run -- next build", scratch.path().display());

    // Without the package of this system, the build does not begin.
    let program = shop.dir().join("node_modules/capy-linux-x64");
    let away = scratch.path().join("away");
    fs::rename(&program, &away).unwrap();
    let missing = types(&container, &build);
    let said = printed(&missing);
    assert_eq!(missing.status.code(), Some(127), "{said}");
    assert!(said.contains("error[PROGRAM_MISSING]: the package capy-linux-x64"), "{said}");
    assert!(said.contains("npm install --include=optional") && !shop.dir().join(".next").exists(), "{said}");
    fs::rename(&away, &program).unwrap();

    let built = types(&container, &build);
    let said = printed(&built);
    assert!(built.status.success(), "{said}");
    assert_eq!(canary_in(said.as_bytes()), None, "a value was printed:\n{said}");
    drop(container);

    for (path, bytes) in shop.public_files().unwrap() {
        assert_eq!(canary_in(&bytes), None, "{}", path.display());
    }
    let bare = NextServer::start(shop.dir(), &[]).unwrap();
    let found = answers(bare.url()).unwrap();
    drop(bare);
    let full = NextServer::start(shop.dir(), &VARIABLES).unwrap();
    assert_eq!(found, answers(full.url()).unwrap());
}
