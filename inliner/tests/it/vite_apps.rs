//! Builds of frameworks on Vite, as they are on disk: what is recognised, what is new, and what is
//! never touched.

use crate::tree;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use capy_inliner::{Error, Report, Request, explain, inline};
use capy_protocol::env_map::{EnvMap, SecretValue};

const READ: &str = "f(process.env.A)\n";

/// Writes a framework's output into an app.
type Build = fn(&App) -> &App;

struct App(tempfile::TempDir);

impl App {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> &Self {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    fn react_router(&self, build: &str) -> &Self {
        let manifest = "window.__reactRouterManifest={};";
        self.write(&format!("{build}/client/assets/manifest-3c04dad6.js"), manifest)
            .write(&format!("{build}/client/terms/index.html"), "<p>terms</p>")
            .write(&format!("{build}/server/index.js"), READ)
    }

    /// What Cloudflare's plugin for Vite writes beside it.
    fn react_router_cloudflare(&self) -> &Self {
        self.react_router("build").write(
            "build/server/wrangler.json",
            r#"{"main":"index.js","no_bundle":true,"assets":{"directory":"../client"}}"#,
        )
    }

    /// A configuration of its own, with assets that hold a value.
    fn redirected_by_wrangler(&self) -> &Self {
        let deployed = r#"{"main":"../build/server/index.js","assets":{"directory":"assets"}}"#;
        self.write(".wrangler/deploy/config.json", r#"{"configPath":"../../deploy/wrangler.json"}"#)
            .write("deploy/wrangler.json", deployed)
            .write("deploy/assets/a.txt", "canary.A.x9")
    }

    fn sveltekit_node(&self) -> &Self {
        for name in ["index", "env", "shims"] {
            self.write(&format!("build/{name}.js"), READ);
        }
        self.write("build/handler.js", "export { h as handler } from './server/chunks/handler.js';")
            .write("build/server/chunks/handler.js", READ)
            .write("build/client/_app/x.js", "f(1)")
            .write("build/prerendered/terms.html", "<p>terms</p>")
            .write(".svelte-kit/output/server/index.js", READ)
    }

    fn sveltekit_cloudflare(&self) -> &Self {
        self.write(".svelte-kit/cloudflare-tmp/manifest.js", "export const manifest = {};")
            .write(".svelte-kit/output/server/index.js", READ)
            .write(".svelte-kit/output/client/_app/x.js", "f(1)")
            .write(".svelte-kit/cloudflare/_worker.js", READ)
            .write(".svelte-kit/cloudflare/_app/x.js", "f(1)")
            .write(".svelte-kit/cloudflare/terms.html", "<p>terms</p>")
    }

    fn astro(&self, dist: &str) -> &Self {
        self.write(&format!("{dist}/server/entry.mjs"), READ)
            .write(&format!("{dist}/server/virtual_astro_middleware.mjs"), "")
            .write(&format!("{dist}/server/chunks/probes_X.mjs"), READ)
            .write(&format!("{dist}/client/terms/index.html"), "<p>terms</p>")
    }

    fn astro_cloudflare(&self) -> &Self {
        let config = r#"{"main":"entry.mjs","no_bundle":true,"assets":{"directory":"../client"}}"#;
        self.astro("dist").write("dist/server/wrangler.json", config).write(
            ".wrangler/deploy/config.json",
            r#"{"configPath":"../../dist/server/wrangler.json","auxiliaryWorkers":[]}"#,
        )
    }

    fn inline(&self, change: impl FnOnce(&mut Request<'_>)) -> Result<Report, Error> {
        let values = values();
        let mut request = Request::new(&values);
        request.apps.push(self.0.path().to_owned());
        change(&mut request);
        inline(&request)
    }

    /// The names of the files that a run changes.
    fn changed(&self) -> Vec<String> {
        let before = tree::contents(self.0.path());
        let report = self.inline(|_| {}).unwrap();
        assert!(report.written, "{report:?}");
        let after = tree::contents(self.0.path());
        after
            .keys()
            .filter(|path| after.get(*path) != before.get(*path))
            .map(|path| self.inside(path))
            .collect()
    }

    fn inside(&self, path: &Path) -> String {
        path.strip_prefix(self.0.path()).unwrap().display().to_string()
    }

    fn explain(&self, more: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_capy-inline"));
        command.current_dir(self.0.path()).env_clear().arg("--explain").args(more).output().unwrap()
    }
}

fn values() -> EnvMap {
    let mut values = EnvMap::new();
    values.try_insert("A", SecretValue::new("canary.A.x9".to_owned())).unwrap();
    values
}

#[test]
fn only_what_runs_on_the_server_is_rewritten() {
    let expected: [(Build, &[&str]); 5] = [
        (|app| app.react_router("build"), &["build/server/index.js"]),
        (
            |app| app.sveltekit_node(),
            &["build/env.js", "build/index.js", "build/server/chunks/handler.js", "build/shims.js"],
        ),
        (
            |app| app.sveltekit_cloudflare(),
            &[".svelte-kit/cloudflare/_worker.js", ".svelte-kit/output/server/index.js"],
        ),
        (|app| app.astro("dist"), &["dist/server/chunks/probes_X.mjs", "dist/server/entry.mjs"]),
        (|app| app.astro_cloudflare(), &["dist/server/chunks/probes_X.mjs", "dist/server/entry.mjs"]),
    ];
    for (build, files) in expected {
        let app = App::new();
        build(&app);
        assert_eq!(app.changed(), files);
    }
}

#[test]
fn all_builds_of_a_repository_are_inlined_together() {
    let app = App::new();
    app.react_router("apps/shop/build").astro("apps/docs/dist").react_router("build/custom");
    assert_eq!(
        app.changed(),
        [
            "apps/docs/dist/server/chunks/probes_X.mjs",
            "apps/docs/dist/server/entry.mjs",
            "apps/shop/build/server/index.js",
            "build/custom/server/index.js"
        ]
    );
}

#[test]
fn a_value_in_what_is_served_or_copied_stops_everything() {
    let leaks: [(Build, &str); 11] = [
        (|app| app.react_router("build"), "build/client/terms/index.html"),
        (|app| app.sveltekit_node(), "build/prerendered/terms.html"),
        (|app| app.sveltekit_node(), "build/client/_app/x.js"),
        (|app| app.sveltekit_cloudflare(), ".svelte-kit/cloudflare/terms.html"),
        (|app| app.sveltekit_cloudflare(), ".svelte-kit/output/client/_app/x.js"),
        (|app| app.sveltekit_cloudflare(), ".svelte-kit/output/server/.dev.vars"),
        (|app| app.sveltekit_cloudflare(), ".svelte-kit/cloudflare-tmp/.env"),
        (|app| app.astro("dist"), "dist/client/terms/index.html"),
        (|app| app.astro_cloudflare(), "dist/client/terms/index.html"),
        (|app| app.astro_cloudflare(), "dist/server/.dev.vars"),
        (|app| app.astro_cloudflare().write("dist/server/.dev.vars", ""), "dist/server/.env.production"),
    ];
    for (build, file) in leaks {
        let app = App::new();
        build(&app);
        app.write(file, "x canary.A.x9 y");
        let report = app.inline(|_| {}).unwrap();
        assert!(!report.written, "{file}");
        assert_eq!(report.leaks.iter().map(|leak| app.inside(&leak.file)).collect::<Vec<_>>(), [file]);
    }
}

#[test]
fn only_what_this_run_built_is_touched() {
    let builds: [Build; 5] = [
        |app| app.react_router("build"),
        |app| app.sveltekit_node(),
        |app| app.sveltekit_cloudflare(),
        |app| app.astro("dist"),
        |app| app.astro_cloudflare(),
    ];
    for build in builds {
        let app = App::new();
        build(&app);
        let later = SystemTime::now() + Duration::from_secs(60);
        let report = app.inline(|request| request.written_since = Some(later)).unwrap();
        assert_eq!((report.server_files, report.changed_files), (0, 0));
        let before = SystemTime::now() - Duration::from_secs(60);
        let report = app.inline(|request| request.written_since = Some(before)).unwrap();
        assert!(report.changed_files > 0);
    }
}

#[test]
fn a_named_server_folder_keeps_its_frameworks_public_files() {
    let app = App::new();
    app.react_router("build").write("build/client/terms/index.html", "canary.A.x9");
    let server = app.0.path().join("build/server");
    let report = app.inline(|request| {
        request.apps.clear();
        request.server.push(server);
    });
    let report = report.unwrap();
    assert!(!report.written);
    assert_eq!(report.leaks.len(), 1);
}

#[test]
fn a_folder_without_a_build_is_refused_with_the_flags_that_name_one() {
    let app = App::new();
    app.write("build/server/index.js", READ).write("dist/server/entry.mjs", READ);
    let output = app.explain(&[]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    for part in ["error[UNKNOWN_LAYOUT]", "--server DIR", "--file FILE", "--public DIR"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn explain_says_what_was_recognised_and_by_what_and_writes_nothing() {
    let app = App::new();
    app.sveltekit_cloudflare().react_router("apps/shop/build");
    let before = tree::contents(app.0.path());
    let output = app.explain(&[]);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    for line in [
        "sveltekit-cloudflare: ./.svelte-kit/cloudflare-tmp/manifest.js: written by SvelteKit's adapter for Cloudflare",
        "react-router: ./apps/shop/build/client/assets/manifest-3c04dad6.js: ",
        "  server    ./.svelte-kit/output/server (1 bundles)",
        "  public    ./.svelte-kit/cloudflare (2 files)",
        "  entry     ./.svelte-kit/cloudflare/_worker.js (workers)",
        "  entry     ./apps/shop/build/server/index.js (node)",
        "  searched  ./.svelte-kit/output/client (neither run nor served)",
        "4 server bundles; 4 public files, 0 source maps and 1 others to search",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(text.contains("_worker.js (in a public folder, not served)"), "{text}");
    assert_eq!(tree::contents(app.0.path()), before);
}

#[test]
fn what_runs_a_bundle_is_known_also_from_a_configuration_of_wranglers() {
    let builds: [(Build, &str, usize); 3] = [
        (|app| app.react_router("build"), "node", 0),
        (|app| app.react_router_cloudflare(), "workers", 0),
        (|app| app.react_router("build").redirected_by_wrangler(), "workers", 1),
    ];
    for (build, runtime, leaks) in builds {
        let app = App::new();
        build(&app);
        let output = app.explain(&["--report", "json"]);
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(json["entries"].as_array().unwrap().len(), 1, "{json}");
        assert_eq!(json["entries"][0]["runtime"], runtime, "{json}");
        assert_eq!(app.inline(|_| {}).unwrap().leaks.len(), leaks);
    }
}

#[test]
fn explain_in_json_says_the_same() {
    let app = App::new();
    app.astro_cloudflare();
    let output = app.explain(&["--report", "json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["entries"][0]["runtime"], "workers");
    assert_eq!(json["server_files"], 3);
    let roots = json["roots"].as_array().unwrap();
    let kinds: BTreeMap<&str, u64> =
        roots.iter().map(|root| (root["kind"].as_str().unwrap(), root["files"].as_u64().unwrap())).collect();
    assert_eq!(kinds, BTreeMap::from([("public", 1), ("server", 3)]));
    let values = EnvMap::new();
    let mut request = Request::new(&values);
    request.apps.push(app.0.path().to_owned());
    let explanation = explain(&request).unwrap();
    let manifests: Vec<PathBuf> = explanation.evidence.iter().map(|evidence| evidence.file.clone()).collect();
    assert_eq!(manifests, [app.0.path().join("dist/server/wrangler.json")]);
}
