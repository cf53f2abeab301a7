//! The unit: systemd has nothing to object to it, and a systemd of the test's own, as the first process of a container,
//! runs it with all that it forbids the service.

use std::fs;
use std::path::Path;
use std::process::Output;
use std::thread;
use std::time::{Duration, Instant};

use capy_journeys::podman::{Container, Podman, Root, Start};
use capy_journeys::printed;
use capy_test_support::workspace_root;

use crate::packaging::owner::{Owner, wait_for_health};
use crate::packaging::{Secrets, stripped};

const IMAGE: &str = "localhost/systemd:1";
const UNIT: &str = "etc/systemd/system/capy.service";
const URL: &str = "http://127.0.0.1:8787";
/// Where the unit would write into the journal.
const LOG: &str = "/var/log/capy.log";
/// The targets that services refer to without saying so, and `network-online`, which ours asks for.
const TARGETS: [&str; 8] =
    ["sysinit", "basic", "shutdown", "network-online", "network", "sockets", "timers", "paths"];

/// A machine with systemd, our program, our unit, and the secrets where the unit expects them.
fn image(podman: &Podman, secrets: &Secrets) {
    let root = Root::with_applets(&["sh", "kill", "mount", "cat", "stat"]);
    let scratch = tempfile::tempdir().unwrap();
    let server = stripped(scratch.path());
    root.copy(&server, "usr/local/bin/capy-server");
    root.libraries_of(&[server]);
    for program in ["/lib/systemd/systemd", "/usr/bin/systemctl", "/usr/bin/systemd-analyze"] {
        root.program(program);
    }
    // Newer versions start services with a program of its own.
    let executor = "/lib/systemd/systemd-executor";
    if Path::new(executor).exists() {
        root.program(executor);
    }
    for target in TARGETS {
        let unit = format!("lib/systemd/system/{target}.target");
        root.copy(&Path::new("/").join(&unit), &unit);
    }
    root.copy(&workspace_root().join("server/packaging/capy.service"), UNIT);
    let write = |path: &str, text: &str| {
        fs::create_dir_all(root.path(path).parent().unwrap()).unwrap();
        fs::write(root.path(path), text).unwrap();
    };
    // All that differs from the unit: what is printed can be read without a journal.
    let log = format!("[Service]\nStandardOutput=append:{LOG}\nStandardError=append:{LOG}\n");
    write(&format!("{UNIT}.d/log.conf"), &log);
    write("etc/systemd/system/default.target", "[Unit]\nRequires=capy.service\nDefaultDependencies=no\n");
    write("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n");
    write("etc/group", "root:x:0:\nnogroup:x:65534:\n");
    write("etc/os-release", "ID=test\n");
    for folder in ["var/log", "var/lib", "var/tmp", "root", "run", "proc", "sys", "dev"] {
        fs::create_dir_all(root.path(folder)).unwrap();
    }
    for file in ["admin-token", "wrap-roots"] {
        root.copy(&secrets.path(file), &format!("etc/capy/{file}"));
    }
    podman.import(root, IMAGE);
}

fn start(podman: &Podman) -> Container<'_> {
    // systemd wants to find its mounts shared, as a machine's are: else credentials do not reach a service.
    let boot = "mount --make-rshared / && exec /lib/systemd/systemd";
    let options = ["--privileged", "--systemd=always", "--cgroupns", "private"];
    podman.start("capy-unit", IMAGE, &Start { options: &options, command: &["/bin/sh", "-c", boot] })
}

#[track_caller]
fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", printed(output));
    printed(output).trim().to_owned()
}

/// A property of the unit, as it is now.
#[track_caller]
fn property(container: &Container<'_>, name: &str) -> String {
    let property = format!("--property={name}");
    said(&container.exec(&["systemctl", "show", "capy", &property, "--value"]))
}

#[track_caller]
fn wait_until_active(container: &Container<'_>) {
    let start = Instant::now();
    // Before systemd answers there is no property either.
    let state = || printed(&container.exec(&["systemctl", "is-active", "capy"]));
    while state().trim() != "active" {
        let log = || printed(&container.exec(&["cat", LOG]));
        assert!(start.elapsed() < Duration::from_secs(30), "{}: {}", state(), log());
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_unit_runs_under_systemd_with_all_that_it_forbids_itself() {
    let Some(podman) = Podman::find(&["strip", "systemd-analyze"]) else { return };
    let capy = capy_journeys::programs().join("capy");
    let secrets = Secrets::draw(&capy);
    image(&podman, &secrets);
    let container = start(&podman);
    wait_until_active(&container);
    // A misspelt setting is ignored with a line, and no error.
    let objections = said(&container.exec(&["systemd-analyze", "verify", &format!("/{UNIT}")]));
    assert_eq!(objections, "");
    // Out of 100, where more is more exposed.
    let exposure = ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager"];
    said(&container.exec(&[&exposure[..], &[&format!("/{UNIT}")]].concat()));

    let owner = container.inside(|| {
        wait_for_health(URL);
        Owner::set_up(URL, &secrets.read("admin-token"))
    });
    let main = property(&container, "MainPID");
    let status = said(&container.exec(&["cat", &format!("/proc/{main}/status")]));
    let line = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim();
    assert!(!line("Uid:").starts_with('0') && line("CapBnd:") == "0".repeat(16), "{status}");
    assert_eq!((line("NoNewPrivs:"), line("Seccomp:")), ("1", "2"), "{status}");
    let mode = said(&container.exec(&["stat", "-L", "-c", "%a %u", "/var/lib/capy"]));
    assert_eq!(mode, format!("700 {}", line("Uid:").split_whitespace().next().unwrap()));

    said(&container.exec(&["systemctl", "reload", "capy"]));
    container.inside(|| wait_for_health(URL));
    assert_eq!(property(&container, "MainPID"), main, "a reload is no restart");
    said(&container.exec(&["systemctl", "stop", "capy"]));
    assert_eq!(
        (property(&container, "Result"), property(&container, "ExecMainStatus")),
        ("success".into(), "0".into())
    );
    said(&container.exec(&["systemctl", "start", "capy"]));
    container.inside(|| {
        wait_for_health(URL);
        owner.finds_all_there();
    });
    assert_ne!(property(&container, "MainPID"), main);
    let log = said(&container.exec(&["cat", LOG]));
    assert!(log.contains("\nstopped\n") && log.contains("\"route\":\"/deploy/{id}/decrypt\""), "{log}");
    secrets.assert_absent(&log);
}
