//! What is remembered of builds.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::build::bench::Bench;

#[test]
fn a_build_is_listed_shown_and_its_log_printed() {
    let Some(mut bench) = Bench::new() else { return };
    bench.set("build_command", "echo hello; mkdir dist; echo 1 > dist/server.js");
    let outcome = bench.build(&["--memory", "64m", "--cpus", "1"]).passes();
    assert_eq!(outcome.stdout, format!("{}\n", bench.path("out").display()));
    let calls = bench.calls();
    assert!(
        calls.contains("\n--memory=64m\n") && calls.contains("\n--cpus=1\n") && calls.contains("\n--rm\n"),
        "{calls}"
    );
    let record = bench.record();
    let id = record["id"].as_str().unwrap();
    for (field, value) in [
        ("status", "passed"),
        ("project", "shop"),
        ("engine", "podman"),
        ("output", "server"),
        ("requested_by", "root (uid 0)"),
    ] {
        assert_eq!(record[field], value, "{field}");
    }
    let list = bench.capy(&["build", "list"]).passes().stdout;
    assert!(list.contains(id) && list.contains("passed") && list.contains("shop"), "{list}");
    assert_eq!(bench.capy(&["build", "list", "--project", "other"]).passes().stdout, "");
    let show = bench.capy(&["build", "show", &id[4..10]]).passes().stdout;
    assert!(
        show.contains(id) && show.contains("secrets") && show.contains("podman, localhost/shell:1"),
        "{show}"
    );
    assert!(bench.capy(&["build", "logs", id]).passes().stdout.contains("hello\n"));
    bench.capy(&["build", "show", "bld_ffffffffffffffff"]).fails(1, "BUILD_UNKNOWN");
    let folder = bench.path("home/.local/state/capy/builds").join(id);
    for file in ["record.json", "log"] {
        assert_eq!(fs::metadata(folder.join(file)).unwrap().permissions().mode() & 0o777, 0o600, "{file}");
    }
    bench.is_clean();
}

#[test]
fn a_project_that_is_named_like_a_subcommand_is_built_behind_two_dashes() {
    let Some(mut bench) = Bench::new() else { return };
    bench.set("name", "list");
    let (source, out) = (bench.path("source"), bench.path("out"));
    let options = ["build", "--source", source.to_str().unwrap(), "--engine", "podman", "--network", "none"];
    bench
        .capy(&[&options[..], &["--artifacts", out.to_str().unwrap(), "--json", "--", "list"]].concat())
        .passes();
    assert!(out.join("server.js").exists());
    bench.is_clean();
}

#[test]
fn artifacts_lie_beside_the_record_where_no_other_place_is_named() {
    let Some(bench) = Bench::new() else { return };
    let source = bench.path("source");
    let options =
        ["build", "shop", "--source", source.to_str().unwrap(), "--engine", "podman", "--network", "none"];
    let outcome = bench.capy(&options).passes();
    let folder = outcome.stdout.trim();
    assert!(folder.ends_with("/artifacts") && fs::metadata(folder).unwrap().is_dir(), "{folder}");
    bench.is_clean();
}
