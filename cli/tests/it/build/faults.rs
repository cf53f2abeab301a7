//! What goes wrong in a build, and that each time nothing stays.

use std::fs;
use std::process::Command;
use std::thread;

use serde_json::json;

use crate::build::bench::{Bench, wait_for};
use crate::build::engine::Store;

#[test]
fn a_key_that_is_missing_malformed_or_another_ones_is_told_apart_and_nothing_runs() {
    let Some(mut bench) = Bench::new() else { return };
    let key = bench.env.remove("ENCRYPTION_KEY").unwrap();
    bench.build(&[]).fails(53, "ENCRYPTION_KEY_MISSING");
    for bad in ["5a", "canary", &key[1..], &format!("{key},{key}")] {
        bench.env.insert("ENCRYPTION_KEY".into(), bad.into());
        bench.build(&[]).fails(53, "ENCRYPTION_KEY_MALFORMED");
    }
    assert!(bench.service.seen().is_empty(), "the service is not asked");
    bench.env.insert("ENCRYPTION_KEY".into(), "5b".repeat(32));
    bench.build(&[]).fails(53, "ENCRYPTION_KEY_UNKNOWN");
    // Several, as while they are rotated, and by a file that is private.
    bench.env.remove("ENCRYPTION_KEY");
    let file = bench.path("home/key");
    fs::write(&file, format!("{} {key}\n", "5b".repeat(32))).unwrap();
    bench.env.insert("ENCRYPTION_KEY_FILE".into(), file.display().to_string());
    bench.build(&[]).fails(53, "ENCRYPTION_KEY_EXPOSED");
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    bench.build(&[]).passes();
    bench.is_clean();
}

#[test]
fn a_row_that_was_altered_or_moved_stops_the_build_before_its_container() {
    let Some(mut bench) = Bench::new() else { return };
    bench.secrets(&[("A_KEY", "canary.A_KEY.x9"), ("B_KEY", "canary.B_KEY.x9")]);
    let good = bench.rows.clone();
    bench.rows[0]["row"] = good[1]["row"].clone();
    bench.build(&[]).fails(53, "ROW_DOES_NOT_OPEN");
    let row = good[0]["row"].as_str().unwrap();
    let altered = if row.ends_with('0') { "1" } else { "0" };
    bench.rows[0]["row"] = json!(format!("{}{altered}", &row[..row.len() - 1]));
    bench.build(&[]).fails(53, "ROW_DOES_NOT_OPEN");
    assert!(!bench.calls().contains("\nrun\n") && !bench.calls().starts_with("run\n"), "{}", bench.calls());
    assert_eq!(bench.record()["error_code"], "ROW_DOES_NOT_OPEN");
    bench.is_clean();
}

#[test]
fn commands_that_fail_fail_the_build_with_its_log_kept() {
    let Some(mut bench) = Bench::new() else { return };
    bench.set("install_command", "echo installing; exit 7");
    bench.set("build_command", "echo building");
    bench.build(&[]).fails(60, "BUILD_FAILED");
    assert!(bench.log().contains("installing\n") && !bench.log().contains("building\n"));
    bench.set("install_command", "true # nothing to do");
    bench.set("build_command", "echo building; false");
    bench.build(&[]).fails(60, "BUILD_FAILED");
    assert!(bench.log().contains("building\n"));
    let record = bench.record();
    assert_eq!([&record["status"], &record["exit_code"]], [&json!("failed"), &json!(60)]);
    bench.set("build_command", "true");
    bench.build(&[]).fails(60, "NO_BUILD_OUTPUT");
    assert!(!bench.path("out").exists());
    bench.is_clean();
}

#[test]
fn a_container_that_somebody_kills_fails_the_build() {
    let Some(mut bench) = Bench::new() else { return };
    bench.set("build_command", "echo started; sleep 100");
    let build = bench.start(&[]);
    let name = wait_for("a container", || {
        let calls = bench.calls();
        let name = calls.lines().find(|line| line.starts_with("capy-"))?.to_owned();
        Store::shared().containers().contains(&name).then_some(name)
    });
    wait_for("its start", || Command::new("true").status().ok().filter(|_| kill(&name)));
    build.finish().fails(60, "BUILD_KILLED");
    bench.is_clean();
}

fn kill(name: &str) -> bool {
    let running = Store::shared().podman(&["ps", "--format", "{{.Names}}"]);
    let is_running = running.lines().any(|running| running == name);
    if is_running {
        Store::shared().podman(&["kill", name]);
    }
    is_running
}

#[test]
fn a_disk_that_is_full_fails_the_build_while_it_copies_and_while_it_builds() {
    let Some(mut bench) = Bench::new() else { return };
    let small = bench.path("small");
    fs::create_dir(&small).unwrap();
    let mount =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs"]).arg(&small).status();
    assert!(mount.unwrap().success());
    let temp = ["--temp", small.to_str().unwrap()];
    bench.set("build_command", "mkdir dist; dd if=/dev/zero of=dist/big bs=1M count=3");
    let built = bench.build(&temp);
    bench.write("big", &"a".repeat(3 << 20));
    let copied = bench.build(&temp);
    let left = fs::read_dir(&small).unwrap().flatten().filter(|entry| entry.file_name() != ".lock").count();
    assert!(Command::new("umount").arg(&small).status().unwrap().success());
    built.fails(60, "BUILD_FAILED");
    copied.fails(1, "FILE_ERROR");
    assert_eq!(left, 0);
    bench.is_clean();
}

#[test]
fn a_build_that_takes_too_long_is_stopped() {
    let Some(mut bench) = Bench::new() else { return };
    bench.set("build_command", "echo started; sleep 100");
    bench.build(&["--timeout", "6s"]).fails(61, "BUILD_TIMED_OUT");
    assert_eq!(bench.record()["status"], "timed_out");
    bench.is_clean();
}

#[test]
fn an_image_that_is_not_there_and_an_engine_that_is_not_there_are_told() {
    let Some(bench) = Bench::new() else { return };
    bench.build(&["--image", "localhost/none:1"]).fails(65, "ENGINE_FAILED");
    bench.program("podman", "#!/bin/sh\nexit 1\n");
    bench.build(&[]).fails(65, "NO_ENGINE");
    bench.is_clean();
}

#[test]
fn the_first_engine_that_answers_is_taken() {
    let Some(bench) = Bench::new() else { return };
    let (source, out) = (bench.path("source"), bench.path("out"));
    let arguments =
        ["build", "shop", "--network", "none", "--source", source.to_str().unwrap(), "--artifacts"];
    let arguments = [&arguments[..], &[out.to_str().unwrap()]].concat();
    // As docker's command line is where nobody runs its engine.
    bench.program("docker", "#!/bin/sh\nexit 1\n");
    bench.capy(&arguments).passes();
    assert_eq!(bench.record()["engine"], "podman");
    fs::remove_dir_all(&out).unwrap();
    bench.program(
        "docker",
        &format!(
            "#!/bin/sh\n[ \"$1\" = version ] && exit\nexec '{}' \"$@\"\n",
            bench.path("bin/podman").display()
        ),
    );
    bench.capy(&arguments).passes();
    assert_eq!(bench.record()["engine"], "docker");
    bench.is_clean();
}

#[test]
fn two_builds_of_a_project_at_once_do_not_meet() {
    let Some(mut bench) = Bench::new() else { return };
    bench.set("build_command", "mkdir dist; sleep 1; echo 1 > dist/server.js");
    let (one, two) = (bench.path("one"), bench.path("two"));
    let builds = [&one, &two].map(|out| bench.start(&["--artifacts", out.to_str().unwrap()]));
    builds
        .into_iter()
        .map(|build| thread::spawn(|| build.finish()))
        .collect::<Vec<_>>()
        .into_iter()
        .for_each(|build| {
            build.join().unwrap().passes();
        });
    assert!(one.join("server.js").exists() && two.join("server.js").exists());
    bench.is_clean();
}

#[test]
fn what_others_may_not_do_stops_a_build_before_it_begins() {
    let Some(mut bench) = Bench::new() else { return };
    bench.env.insert("CAPY_TOKEN".into(), "x".repeat(40));
    bench.build(&[]).fails(22, "UNAUTHORIZED");
    bench.env.insert("CAPY_TOKEN".into(), crate::stand_in::ADMIN_TOKEN.into());
    bench.set("name", "another");
    bench.build(&[]).fails(51, "PROJECT_UNKNOWN");
    fs::create_dir(bench.path("out")).unwrap();
    fs::write(bench.path("out/a"), "1").unwrap();
    bench.set("name", "shop");
    bench.build(&[]).fails(2, "ARTIFACTS_EXIST");
    assert_eq!(bench.calls().matches("run\n").count(), 0);
    bench.is_clean();
}
