//! The JavaScript entry of the npm package, in front of a program that tells what it gets: once where Node's process
//! becomes the program, and once where the program is its child, as with an older Node.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use capy_journeys::printed;
use capy_test_support::node::require_node;
use capy_test_support::workspace_root;
use serde_json::{Value, json};
use tempfile::TempDir;

const PROGRAM: &str = r#"#!/bin/sh
what="$1"; shift
case "$what" in
    arguments) printf '[%s]' "$@" ;;
    exit) exit "$1" ;;
    die) kill -"$1" $$; sleep 10 ;;
    copy) cat; printf 'warning' >&2 ;;
    wait)
        for signal in HUP INT QUIT TERM USR1 USR2; do trap "echo $signal; exit 7" $signal; done
        echo ready
        n=0; while [ $n -lt 200 ]; do sleep 0.05; n=$((n + 1)); done ;;
esac
"#;

/// How the program is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    InPlace,
    AsChild,
}

/// The package as it is installed, with a program of the test's own for each of these systems.
struct Installed {
    folder: TempDir,
    node: PathBuf,
}

impl Installed {
    fn with_programs_for(systems: &[&str]) -> Option<Self> {
        let node = require_node()?.node;
        let folder = TempDir::new().unwrap();
        let installed = Self { folder, node };
        let sources = workspace_root().join("packaging/npm/capy");
        for file in ["bin/capy.cjs", "bin/capy-inline.cjs", "lib/run.cjs", "lib/child.cjs"] {
            let to = installed.package("capy").join(file);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(sources.join(file), to).unwrap();
        }
        let text = fs::read(sources.join("package.json")).unwrap();
        let mut manifest: Value = serde_json::from_slice(&text).unwrap();
        manifest["version"] = "1.2.3".into();
        manifest["optionalDependencies"] =
            json!({ "capy-linux-x64": "1.2.3", "capy-linux-arm64": "1.2.3", "capy-darwin-arm64": "1.2.3" });
        fs::write(installed.package("capy").join("package.json"), manifest.to_string()).unwrap();
        for system in systems {
            let package = installed.package(&format!("capy-{system}"));
            fs::create_dir_all(package.join("bin")).unwrap();
            fs::write(package.join("package.json"), "{}").unwrap();
            write_program(&package.join("bin/capy"), 0o755);
        }
        fs::write(installed.folder.path().join("child.cjs"), "delete process.execve;").unwrap();
        Some(installed)
    }

    fn package(&self, name: &str) -> PathBuf {
        self.folder.path().join("node_modules").join(name)
    }

    fn start(&self, way: Way, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.node);
        if way == Way::AsChild {
            command.arg("--require").arg(self.folder.path().join("child.cjs"));
        }
        command.arg(self.package("capy").join("bin/capy.cjs")).args(arguments);
        command.env_remove("npm_config_user_agent").stdin(Stdio::null());
        command
    }
}

fn write_program(path: &Path, mode: u32) {
    fs::write(path, PROGRAM).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The system that Node calls this one, where the test knows it.
fn this_system() -> &'static str {
    if cfg!(target_arch = "x86_64") { "linux-x64" } else { "linux-arm64" }
}

#[test]
fn arguments_streams_and_exit_codes_come_through() {
    let Some(installed) = Installed::with_programs_for(&[this_system()]) else { return };
    for way in [Way::InPlace, Way::AsChild] {
        let odd = ["arguments", "a b", "", "\"", "$HOME", "--", "-e", "é\n*", "\\"];
        let told = installed.start(way, &odd).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&told.stdout), "[a b][][\"][$HOME][--][-e][é\n*][\\]", "{way:?}");
        // No warning of an experiment of Node's.
        assert_eq!(String::from_utf8_lossy(&told.stderr), "", "{way:?}");
        for code in ["0", "1", "3", "127", "255"] {
            let status = installed.start(way, &["exit", code]).status().unwrap();
            assert_eq!(status.code().unwrap().to_string(), code, "{way:?}");
        }
        let mut copy = installed.start(way, &["copy"]);
        let mut child =
            copy.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let bytes: Vec<u8> = (0..=255).cycle().take(1 << 20).collect();
        let mut stdin = child.stdin.take().unwrap();
        let sent = bytes.clone();
        let writer = std::thread::spawn(move || stdin.write_all(&sent).unwrap());
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        assert!(output.stdout == bytes, "{way:?}: {} bytes", output.stdout.len());
        assert_eq!(output.stderr, b"warning", "{way:?}");
    }
}

#[test]
fn a_death_by_a_signal_is_the_entrys_own() {
    let Some(installed) = Installed::with_programs_for(&[this_system()]) else { return };
    for way in [Way::InPlace, Way::AsChild] {
        for (name, number) in [("TERM", 15), ("KILL", 9), ("INT", 2), ("HUP", 1), ("USR2", 12), ("SEGV", 11)]
        {
            let status = installed.start(way, &["die", name]).status().unwrap();
            assert_eq!(status.signal(), Some(number), "{way:?} {name}: {status:?}");
        }
    }
}

#[test]
fn signals_reach_the_program_which_decides_how_it_ends() {
    let Some(installed) = Installed::with_programs_for(&[this_system()]) else { return };
    for way in [Way::InPlace, Way::AsChild] {
        for name in ["TERM", "HUP", "INT", "QUIT", "USR1", "USR2"] {
            let mut child: Child = installed.start(way, &["wait"]).stdout(Stdio::piped()).spawn().unwrap();
            let mut lines = BufReader::new(child.stdout.take().unwrap());
            let mut ready = String::new();
            lines.read_line(&mut ready).unwrap();
            let kill = Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()).status();
            assert!(kill.unwrap().success());
            let mut told = String::new();
            lines.read_to_string(&mut told).unwrap();
            let status = child.wait().unwrap();
            assert_eq!((ready.as_str(), told.trim(), status.code()), ("ready\n", name, Some(7)), "{way:?}");
        }
    }
}

#[test]
fn a_program_that_lost_its_mode_is_started_all_the_same() {
    let Some(installed) = Installed::with_programs_for(&[this_system()]) else { return };
    let program = installed.package(&format!("capy-{}", this_system())).join("bin/capy");
    for way in [Way::InPlace, Way::AsChild] {
        write_program(&program, 0o644);
        let told = installed.start(way, &["exit", "5"]).output().unwrap();
        assert_eq!(told.status.code(), Some(5), "{way:?}: {}", printed(&told));
    }
}

#[test]
fn a_package_that_is_missing_is_named_with_the_way_to_get_it() {
    let Some(installed) = Installed::with_programs_for(&[]) else { return };
    let package = format!("capy-{}", this_system());
    for (agent, way_out) in [
        ("", "npm install --include=optional"),
        ("npm/11.0.0 node/v22.0.0", "npm install --include=optional"),
        ("pnpm/12.0.0 npm/?", "pnpm install, without --no-optional"),
        ("yarn/1.22.22 npm/?", "yarn install --force, without --ignore-optional"),
        ("yarn/4.0.0 npm/?", "yarn install; or yarn add --optional"),
        ("bun/1.4.0", "bun install, without --omit=optional"),
    ] {
        let mut start = installed.start(Way::InPlace, &["exit", "0"]);
        let told = start.env("npm_config_user_agent", agent).output().unwrap();
        let said = printed(&told);
        assert_eq!(told.status.code(), Some(127), "{said}");
        assert!(said.contains(&format!("error[PROGRAM_MISSING]: the package {package} is not")), "{said}");
        assert!(said.contains(way_out) && said.contains(&format!("{package}@1.2.3")), "{said}");
    }
}

#[test]
fn packages_of_another_system_and_a_system_without_a_program_are_told_apart() {
    let Some(installed) = Installed::with_programs_for(&["darwin-arm64"]) else { return };
    let told = installed.start(Way::InPlace, &["exit", "0"]).output().unwrap();
    let said = printed(&told);
    assert!(told.status.code() == Some(127) && said.contains("installed for darwin-arm64"), "{said}");

    let other = installed.folder.path().join("other.cjs");
    fs::write(&other, "Object.defineProperty(process, 'arch', { value: 'riscv64' });").unwrap();
    let mut start = Command::new(&installed.node);
    start.arg("--require").arg(&other).arg(installed.package("capy").join("bin/capy.cjs"));
    let told = start.output().unwrap();
    let said = printed(&told);
    assert_eq!(told.status.code(), Some(126), "{said}");
    assert!(said.contains("error[PLATFORM_UNSUPPORTED]: there is no capy for linux-riscv64"), "{said}");
    for system in ["linux-x64", "linux-arm64", "darwin-arm64"] {
        assert!(said.contains(system), "{said}");
    }
}
