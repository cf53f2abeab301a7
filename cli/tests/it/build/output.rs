//! What is handed out, and what is not.

use std::fs;
use std::os::unix::fs::symlink;

use crate::build::bench::Bench;

const SITE: &str = "mkdir dist; echo '<p>hello' > dist/index.html";

#[test]
fn static_files_of_a_project_with_secrets_are_blocked_in_every_path() {
    let Some(mut bench) = Bench::new() else { return };
    bench.set("build_command", SITE);
    bench.build(&[]).fails(62, "STATIC_BLOCKED");
    let record = bench.record();
    assert_eq!([record["status"].as_str(), record["output"].as_str()], [Some("blocked"), Some("static")]);
    assert_eq!(record["error_code"], "STATIC_BLOCKED");
    // Without a build command, and without any.
    bench.write("dist/index.html", "<p>hello");
    bench.set("build_command", None::<String>);
    bench.set("install_command", "true");
    bench.build(&[]).fails(62, "STATIC_BLOCKED");
    bench.set("install_command", None::<String>);
    bench.build(&[]).fails(62, "STATIC_BLOCKED");
    assert!(!bench.path("out").exists());
    // A project without secrets has nothing to lose.
    bench.rows = serde_json::json!([]);
    bench.build(&[]).passes();
    assert_eq!(bench.artifact("index.html"), "<p>hello");
    bench.is_clean();
}

#[test]
fn static_files_pass_if_they_are_clean_and_somebody_asked() {
    let Some(mut bench) = Bench::new() else { return };
    bench.set("build_command", format!("{SITE}; echo \"$STRIPE_KEY\" | base64 > dist/a.txt"));
    let outcome = bench.build(&["--static-if-clean"]).fails(63, "VALUE_IN_OUTPUT");
    assert!(outcome.stderr.contains("a.txt:1: contains the value of STRIPE_KEY"), "{}", outcome.stderr);
    assert!(!bench.path("out").exists());
    bench.set("build_command", format!("{SITE}; echo 1 > dist/all.zip"));
    bench.build(&["--static-if-clean"]).fails(62, "STATIC_NOT_SEARCHED");
    bench.set("build_command", SITE);
    bench.build(&["--static-if-clean"]).passes();
    let record = bench.record();
    assert_eq!(record["static_allowed_by"], "root (uid 0)");
    assert_eq!(bench.artifact("index.html"), "<p>hello\n");
    bench.is_clean();
}

#[test]
fn a_value_in_the_output_keeps_all_of_it_back() {
    let Some(mut bench) = Bench::new() else { return };
    bench.set(
        "build_command",
        "mkdir -p dist/deep; echo 1 > dist/server.js; echo \"k=$STRIPE_KEY\" > dist/deep/a.js",
    );
    bench.build(&[]).fails(63, "VALUE_IN_OUTPUT");
    assert!(!bench.path("out").exists());
    assert!(bench.log().contains("deep/a.js:1: contains the value of STRIPE_KEY"), "{}", bench.log());
    bench.is_clean();
}

#[test]
fn an_output_with_a_link_that_leads_out_is_not_handed_out() {
    let Some(mut bench) = Bench::new() else { return };
    bench.set("build_command", "mkdir dist; echo 1 > dist/server.js; ln -s /etc/passwd dist/users");
    bench.build(&[]).fails(64, "LINK_LEAVES_TREE");
    bench.set("build_command", "ln -s / dist");
    bench.build(&[]).fails(64, "LINK_LEAVES_TREE");
    bench.set(
        "build_command",
        "mkdir dist; echo 1 > dist/server.js; ln -s server.js dist/again.js; chmod 000 dist/server.js",
    );
    bench.build(&[]).passes();
    assert_eq!(fs::read_link(bench.path("out/again.js")).unwrap().to_str(), Some("server.js"));
    bench.is_clean();
}

/// A Worker that wrangler bundled, the smallest build that the inliner knows.
#[test]
fn values_are_inlined_into_server_bundles_and_nowhere_else() {
    let Some(mut bench) = Bench::new() else { return };
    bench.write("wrangler.json", r#"{"name":"a","main":"index.js"}"#);
    bench.write("index.js", "export default { fetch() { return new Response(process.env.STRIPE_KEY) } };\n");
    let note = "This folder contains the built output assets for the worker \\\"a\\\"";
    let build = format!("mkdir dist; cp index.js dist/; echo \"{note}\" > dist/README.md");
    bench.set("build_command", build.clone());
    bench.build(&["--inline"]).passes();
    let inlined = bench.artifact("index.js");
    assert!(inlined.contains("\"canary.STRIPE_KEY.x9\"") && !inlined.contains("process.env"), "{inlined}");
    assert_eq!(bench.record()["output"], "server");
    fs::remove_dir_all(bench.path("out")).unwrap();
    // A value that the build itself put into a server's script may stay; one beside it may not.
    bench.set("build_command", format!("{build}; echo \"// $STRIPE_KEY\" >> dist/index.js"));
    bench.build(&["--inline"]).passes();
    fs::remove_dir_all(bench.path("out")).unwrap();
    bench.set("build_command", format!("{build}; echo \"$STRIPE_KEY\" > dist/a.txt"));
    bench.build(&["--inline"]).fails(63, "VALUE_IN_OUTPUT");
    bench.set("build_command", "mkdir dist; echo 1 > dist/server.js");
    bench.build(&["--inline"]).fails(1, "NOTHING_TO_INLINE");
    bench.is_clean();
}

#[test]
fn a_whole_source_is_handed_out_without_its_secrets() {
    let Some(mut bench) = Bench::new() else { return };
    bench.set("output_directory", None::<String>);
    bench.set("build_command", "test -e .env; mkdir app; cp .env app/; echo 1 > server.js");
    bench.build(&[]).passes();
    assert_eq!([bench.artifact("a.txt"), bench.artifact("server.js")], ["1", "1\n"]);
    assert!(!bench.path("out/.env").exists() && !bench.path("out/app/.env").exists());
    bench.set("build_command", "cp .env config.txt; echo 1 > server.js");
    bench.build(&["--artifacts", bench.path("again").to_str().unwrap()]).fails(63, "VALUE_IN_OUTPUT");
    bench.is_clean();
}

#[test]
fn a_source_folder_is_left_as_it_was() {
    let Some(mut bench) = Bench::new() else { return };
    bench.set("build_command", "rm a.txt; mkdir dist; echo 1 > dist/server.js");
    symlink("a.txt", bench.path("source/link")).unwrap();
    bench.build(&[]).passes();
    let mut left: Vec<_> =
        fs::read_dir(bench.path("source")).unwrap().flatten().map(|entry| entry.file_name()).collect();
    left.sort();
    assert_eq!(left, ["a.txt", "link"]);
    bench.is_clean();
}
