//! `capy-inline` on Windows.

use crate::windows::desk::{CANARY, Desk};

const BUNDLE: &str = "exports.key = process.env.API_KEY;\nexports.nothing = process.env.NOT_OURS;\n";

#[test]
fn a_small_build_is_inlined_and_what_is_public_stays_without_values() {
    let Some(mut desk) = Desk::with_project() else { return };
    desk.capy_with(&["set", "API_KEY"], "canary.API_KEY.x9").succeeds();
    let printed = desk.capy(&["deploy", "--platform", "other", "--print"]).succeeds();
    desk.become_platform(&printed.stdout);
    desk.env.insert("CAPY_SERVICE_URL".into(), desk.service.url.clone());
    desk.write("dist/server.cjs", BUNDLE);
    let inline = desk.command("capy-inline.exe", &["--server", "dist"]);
    let outcome = desk.finish(inline, "").succeeds();
    assert!(!format!("{}{}", outcome.stdout, outcome.stderr).contains(CANARY), "{}", outcome.stderr);
    let text = desk.read("dist/server.cjs");
    assert!(text.contains("\"canary.API_KEY.x9\"") && text.contains("process.env.NOT_OURS"), "{text}");
    let node = desk.command_of(
        desk.wine.node.join("node.exe").as_ref(),
        &["-e", "console.log(require('./dist/server.cjs').key)"],
    );
    assert_eq!(desk.finish(node, "").succeeds().stdout.trim(), "canary.API_KEY.x9");
}

/// Writes what Next would.
const BUILD: &str = "const fs = require('fs');
if (process.argv[2] !== 'build') process.exit(9);
for (const folder of ['.next/server', '.next/static']) fs.mkdirSync(folder, { recursive: true });
const files = { version: 1, config: { distDir: '.next' }, appDir: '', files: [] };
fs.writeFileSync('.next/required-server-files.json', JSON.stringify(files));
fs.writeFileSync('.next/server/page.js', 'module.exports=()=>process.env.API_KEY;');
fs.writeFileSync('.next/static/client.js', \"console.log('public')\");
";

#[test]
fn a_build_is_followed_by_inlining_and_a_failed_one_is_not() {
    let Some(desk) = Desk::new() else { return };
    desk.write(".env", "API_KEY=canary.API_KEY.x9\r\n");
    desk.write_program("next", BUILD);
    for command in ["next", r".\bin\next.cmd"] {
        let _ = std::fs::remove_dir_all(desk.path(".next"));
        let outcome = desk.capy(&["run", "--", command, "build"]).succeeds();
        assert!(!outcome.stderr.contains(CANARY), "{}", outcome.stderr);
        assert!(desk.read(".next/server/page.js").contains("canary.API_KEY.x9"), "{command}");
    }
    desk.write_program("next", &format!("{BUILD}process.exit(3);"));
    desk.capy(&["run", "--", "next", "build"]).ends(3);
    assert!(!desk.read(".next/server/page.js").contains(CANARY));
}
