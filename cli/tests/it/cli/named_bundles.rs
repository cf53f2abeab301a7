//! Bundles that `capy run` is told about, as a function for AWS Lambda: `--file`, `--server`, `--public`.

use crate::sandbox::{CANARY, Sandbox};

const BUILD: &str = "#!/bin/sh\nmkdir -p dist/client\necho 'export const handler=()=>process.env.A' > dist/index.mjs\n\
                     echo '<p>hello</p>' > dist/client/index.html\n";

fn built(env_file: bool) -> Sandbox {
    let mut sandbox = if env_file { Sandbox::new() } else { Sandbox::project() };
    if env_file {
        sandbox.write(".env", "A=canary.A.x9\n");
    } else {
        sandbox.capy_with(&["set", "A"], "canary.A.x9").succeeds();
        let lines = sandbox.capy(&["deploy", "--platform", "other", "--print"]).succeeds().stdout;
        sandbox.become_platform(&lines);
    }
    sandbox.write("package.json", r#"{"scripts":{"build":"esbuild src.ts"}}"#);
    sandbox.write_program("npm", BUILD);
    sandbox
}

#[test]
fn a_bundle_that_is_named_is_inlined_after_any_command_with_either_kind_of_values() {
    for env_file in [true, false] {
        for named in [&["--file", "dist/index.mjs"][..], &["--server", "dist", "--public", "dist/client"]] {
            let sandbox = built(env_file);
            let outcome =
                sandbox.capy(&[&["run"], named, &["--", "npm", "run", "build"]].concat()).succeeds();
            assert!(sandbox.read("dist/index.mjs").contains("canary.A.x9"), "{named:?} {}", outcome.shown());
            assert!(!sandbox.read("dist/client/index.html").contains(CANARY));
            assert!(outcome.stderr.contains("inlined 1 reads"), "{}", outcome.shown());
        }
    }
}

#[test]
fn a_public_folder_that_is_named_is_searched() {
    for named in [&["--file", "dist/index.mjs"][..], &[]] {
        let mut sandbox = built(true);
        sandbox.write_program("npm", &format!("{BUILD}echo \"$A\" > dist/client/a.txt\n"));
        let options = [&["run"], named, &["--public", "dist/client", "--", "npm", "run", "build"]].concat();
        let outcome = sandbox.capy(&options).fails(1, "INLINE_REFUSED");
        assert!(outcome.stderr.contains("dist/client/a.txt:1"), "{}", outcome.shown());
        assert!(!sandbox.read("dist/index.mjs").contains(CANARY));
    }
}

#[test]
fn a_bundle_that_the_command_did_not_write_is_an_error() {
    let mut sandbox = built(true);
    sandbox.write_program("npm", "#!/bin/sh\n");
    let outcome = sandbox.capy(&["run", "--file", "dist/index.mjs", "--", "npm", "run", "build"]);
    assert_eq!(outcome.code, 1, "{}", outcome.shown());
    assert_eq!(sandbox.capy(&["run", "--no-inline", "--file", "x", "--", "true"]).code, 2);
}
