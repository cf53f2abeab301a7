//! Builds that earlier runs worked on: their leftovers are removed or skipped, and a second run
//! changes nothing.

use crate::support;

use std::fs;
use std::path::Path;

use capy_inliner::{Report, Request, inline};
use support::{canary, values};
use tempfile::TempDir;

const READ: &str = "f(process.env.A)";
/// Needs its variables set before it starts.
const READ_ALL: &str = "export default Object.keys(process.env)";

fn write(app: &Path, name: &str, text: &str) {
    let path = app.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn app(files: &[(&str, &str)]) -> TempDir {
    let app = tempfile::tempdir().unwrap();
    files.iter().for_each(|(name, text)| write(app.path(), name, text));
    app
}

fn run(app: &Path) -> Report {
    let values = values();
    let mut request = Request::new(&values);
    request.apps.push(app.to_owned());
    inline(&request).unwrap()
}

const PAGES: &str = r#"{"main":"public/_worker.js","no_bundle":true,"assets":{"directory":"public"}}"#;

#[test]
fn what_a_killed_run_left_beside_a_single_bundle_is_swept_where_it_is_served_too() {
    let opennext: &[_] = &[(".open-next/worker.js", READ), (".open-next/cloudflare/init.js", "")];
    let pages: &[_] = &[("wrangler.json", PAGES), ("public/_worker.js", READ), ("public/a.html", "")];
    for (files, leftover) in
        [(opennext, ".open-next/.capy-inline-x.tmp"), (pages, "public/.capy-inline-x.tmp")]
    {
        let app = app(files);
        write(app.path(), leftover, &canary("A"));
        let report = run(app.path());
        assert!(report.written && report.changed_files == 1, "{leftover}: {report:?}");
        assert!(!app.path().join(leftover).exists(), "{leftover}");
    }
}

#[test]
fn a_file_with_a_temporary_name_is_searched_where_no_run_writes() {
    let app = app(&[("wrangler.json", PAGES), ("public/_worker.js", READ), ("public/a.html", "")]);
    let name = "public/assets/.capy-inline-x.tmp";
    write(app.path(), name, &canary("A"));
    let report = run(app.path());
    assert!(!report.written);
    assert!(report.leaks[0].file.ends_with(name), "{report:?}");
    assert!(app.path().join(name).exists());
}

/// SvelteKit's adapter for Node keeps what it bundled, and there the one for Cloudflare has its server.
#[test]
fn a_second_run_finds_no_leak_where_one_build_searches_what_another_one_runs() {
    let app = app(&[
        ("build/handler.js", "export { h as handler } from './server/index.js';"),
        ("build/index.js", READ),
        ("build/env.js", READ),
        ("build/shims.js", READ),
        ("build/server/index.js", READ),
        ("build/client/x.js", ""),
        (".svelte-kit/cloudflare-tmp/manifest.js", "export const manifest = {};"),
        (".svelte-kit/output/server/index.js", READ_ALL),
        (".svelte-kit/output/server/chunks/a.js", READ),
        (".svelte-kit/cloudflare/_worker.js", "import '../output/server/index.js'"),
    ]);
    let report = run(app.path());
    assert!(report.written && report.changed_files > 5, "{report:?}");
    let again = run(app.path());
    assert!(again.written, "{again:?}");
    assert_eq!(again.changed_files, 0, "{again:?}");
    write(app.path(), ".svelte-kit/output/client/x.js", &canary("A"));
    assert_eq!(run(app.path()).leaks.len(), 1);
}
