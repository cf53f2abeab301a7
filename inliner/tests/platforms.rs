//! What Nitro, Vercel and wrangler write: which files are bundles, which are served, which stay as they are.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use capy_inliner::{Error, Report, Request, inline};
use support::{canary, values};
use tempfile::TempDir;

const READ: &str = "f(process.env.A)";

/// A folder with these files, each a read of `A` unless it is given a text.
struct App(TempDir);

impl App {
    fn new(files: &[(&str, &str)]) -> Self {
        let app = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            app.write(name, text);
        }
        app
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
    }

    fn inline_in(&self, folder: &str) -> Result<Report, Error> {
        let values = values();
        let mut request = Request::new(&values);
        request.apps.push(self.path(folder));
        inline(&request)
    }

    fn inline(&self) -> Result<Report, Error> {
        self.inline_in("")
    }

    /// Those of these files that hold a value.
    fn baked<'n>(&self, names: &[&'n str]) -> BTreeSet<&'n str> {
        let holds = |name: &&&str| fs::read_to_string(self.path(name)).unwrap().contains(&canary("A"));
        names.iter().filter(holds).copied().collect()
    }

    #[track_caller]
    fn assert_inlined(&self, bundles: &[&str], others: &[&str]) {
        let report = self.inline().unwrap();
        assert!(report.written, "{report:?}");
        assert_eq!(self.baked(&[bundles, others].concat()), bundles.iter().copied().collect());
        assert_eq!(report.changed_files, bundles.len(), "{report:?}");
        assert_eq!(self.inline().unwrap().changed_files, 0, "a second run changes nothing");
    }

    #[track_caller]
    fn assert_leak_in(&self, name: &str) {
        self.write(name, &canary("A"));
        let report = self.inline().unwrap();
        assert!(!report.written, "{name}");
        assert!(report.leaks.iter().any(|leak| leak.file.ends_with(name)), "{name}: {:?}", report.leaks);
    }
}

fn nuxt(preset: &str) -> String {
    format!(r#"{{"preset":"{preset}","framework":{{"name":"nuxt","version":"4.5.2"}}}}"#)
}

#[test]
fn nuxt_for_node_is_inlined_outside_its_packages() {
    let app = App::new(&[
        (".output/nitro.json", &nuxt("node-server")),
        (".output/server/index.mjs", READ),
        (".output/server/chunks/a.mjs", READ),
        (".output/server/node_modules/x/index.mjs", READ),
        (".output/public/_nuxt/a.js", ""),
    ]);
    app.assert_inlined(
        &[".output/server/index.mjs", ".output/server/chunks/a.mjs"],
        &[".output/server/node_modules/x/index.mjs"],
    );
    app.assert_leak_in(".output/public/terms/_payload.json");
}

#[test]
fn nuxt_for_cloudflare_pages_has_its_server_inside_the_public_folder() {
    let app = App::new(&[
        ("dist/nitro.json", &nuxt("cloudflare-pages")),
        ("dist/_routes.json", "{}"),
        ("dist/_worker.js/index.js", READ),
        ("dist/_worker.js/chunks/a.mjs", READ),
        ("dist/_nuxt/a.js", ""),
    ]);
    app.assert_inlined(&["dist/_worker.js/index.js", "dist/_worker.js/chunks/a.mjs"], &[]);
    app.assert_leak_in("dist/_nuxt/a.css");
}

#[test]
fn a_nitro_preset_with_another_layout_is_refused() {
    let app = App::new(&[(".output/nitro.json", &nuxt("netlify")), (".output/main.mjs", READ)]);
    assert!(matches!(app.inline(), Err(Error::UnknownLayout { .. })));
}

#[test]
fn opennext_is_inlined_in_its_bundles_and_searched_where_it_keeps_env_files() {
    let app = || {
        App::new(&[
            (".open-next/worker.js", READ),
            (".open-next/cloudflare/init.js", READ),
            (".open-next/middleware/handler.mjs", READ),
            (".open-next/server-functions/default/handler.mjs", READ),
            (".open-next/server-functions/default/.next/server/a.js", READ),
            (".open-next/assets/a.js", ""),
        ])
    };
    app().assert_inlined(
        &[
            ".open-next/worker.js",
            ".open-next/middleware/handler.mjs",
            ".open-next/server-functions/default/handler.mjs",
        ],
        &[".open-next/cloudflare/init.js", ".open-next/server-functions/default/.next/server/a.js"],
    );
    app().assert_leak_in(".open-next/assets/terms.html");
    app().assert_leak_in(".open-next/cache/x/terms.cache");
    app().assert_leak_in(".open-next/cloudflare/next-env.mjs");
}

const NODE_FUNCTION: &str = r#"{"runtime":"nodejs22.x","handler":"launcher.cjs","filePathMap":{
    "app/a.js":"build/a.js","node_modules/x/index.js":"node_modules/x/index.js","data.json":"build/data.json"}}"#;

fn vercel() -> App {
    App::new(&[
        (".vercel/output/config.json", r#"{"version":3,"routes":[]}"#),
        (".vercel/output/static/a.js", ""),
        (".vercel/output/functions/a.func/.vc-config.json", NODE_FUNCTION),
        (".vercel/output/functions/a.func/launcher.cjs", READ),
        (".vercel/output/functions/e.func/.vc-config.json", r#"{"runtime":"edge","entrypoint":"index.js"}"#),
        (".vercel/output/functions/e.func/index.js", READ),
        (".vercel/output/functions/p.func/.vc-config.json", r#"{"runtime":"python3.13","handler":"x.js"}"#),
        (".vercel/output/functions/p.func/x.js", READ),
        ("build/a.js", READ),
        ("build/b.js", READ),
        ("node_modules/x/index.js", READ),
    ])
}

#[test]
fn vercel_functions_are_inlined_with_the_files_that_they_map() {
    let app = vercel();
    symlink("a.func", app.path(".vercel/output/functions/b.func")).unwrap();
    app.assert_inlined(
        &[
            ".vercel/output/functions/a.func/launcher.cjs",
            ".vercel/output/functions/e.func/index.js",
            "build/a.js",
        ],
        &["build/b.js", "node_modules/x/index.js", ".vercel/output/functions/p.func/x.js"],
    );
}

#[test]
fn a_vercel_output_named_by_itself_finds_its_project() {
    let app = vercel();
    app.inline_in(".vercel/output").unwrap();
    assert_eq!(app.baked(&["build/a.js", "build/b.js"]), BTreeSet::from(["build/a.js"]));
}

#[test]
fn a_value_in_what_vercel_serves_or_keeps_stops_everything() {
    for name in [
        ".vercel/output/static/terms.html",
        ".vercel/output/functions/terms.prerender-fallback.html",
        ".vercel/output/functions/x/terms.rsc.prerender-fallback.rsc",
        ".vercel/output/diagnostics/trace",
    ] {
        vercel().assert_leak_in(name);
    }
    let app = vercel();
    app.write(".vercel/output/config.json", &format!(r#"{{"version":3,"routes":["{}"]}}"#, canary("A")));
    assert_eq!(app.inline().unwrap().leaks.len(), 1);
}

#[test]
fn a_vercel_function_that_maps_or_links_out_of_the_project_is_refused() {
    let other = App::new(&[("o.js", READ), ("o.func/.vc-config.json", NODE_FUNCTION)]);
    let app = vercel();
    let out = other.path("o.js").to_str().unwrap().to_owned();
    let config = format!(r#"{{"runtime":"nodejs22.x","filePathMap":{{"o.js":"{out}"}}}}"#);
    app.write(".vercel/output/functions/a.func/.vc-config.json", &config);
    assert!(matches!(app.inline(), Err(Error::LinkLeavesTree { .. })));

    let app = vercel();
    symlink(other.path("o.func"), app.path(".vercel/output/functions/o.func")).unwrap();
    assert!(matches!(app.inline(), Err(Error::LinkLeavesTree { .. })));
    assert_eq!(other.baked(&["o.js"]), BTreeSet::new());
}

const NOTE: &str =
    r#"This folder contains the built output assets for the worker "shop" generated at 2026-01-01."#;
const CONFIG: &str = r#"{ /* bindings */ "main": "src/index.ts", "assets": { "directory": "public", }, }"#;

#[test]
fn a_worker_that_wrangler_bundled_is_inlined_and_its_source_is_not() {
    let app = App::new(&[
        ("wrangler.jsonc", CONFIG),
        ("src/index.ts", READ),
        ("src/other.js", READ),
        ("build/out/README.md", NOTE),
        ("build/out/index.js", READ),
        ("public/a.html", ""),
    ]);
    app.assert_inlined(&["build/out/index.js"], &["src/index.ts", "src/other.js"]);
    app.assert_leak_in("public/a.html");
}

#[test]
fn a_worker_that_is_deployed_as_it_is_is_inlined() {
    let app = App::new(&[
        ("wrangler.toml", "main = \"dist/w.js\"\nno_bundle = true\nassets = { directory = \"public\" }"),
        ("dist/w.js", READ),
        ("dist/other.js", READ),
    ]);
    app.assert_inlined(&["dist/w.js"], &["dist/other.js"]);
}

#[test]
fn a_build_tools_own_configuration_is_followed() {
    let app = App::new(&[
        (".wrangler/deploy/config.json", r#"{"configPath":"../../dist/shop/wrangler.json"}"#),
        ("wrangler.jsonc", CONFIG),
        ("dist/shop/wrangler.json", r#"{"main":"index.js","assets":{"directory":"../client"}}"#),
        ("dist/shop/index.js", READ),
        ("dist/shop/assets/a.js", READ),
        ("dist/client/a.js", ""),
    ]);
    app.assert_inlined(&["dist/shop/index.js", "dist/shop/assets/a.js"], &[]);
    app.assert_leak_in("dist/client/a.css");
}

#[test]
fn a_configuration_beside_another_frameworks_output_adds_nothing() {
    let app = App::new(&[
        (".wrangler/deploy/config.json", r#"{"configPath":"../../.output/server/wrangler.json"}"#),
        (".output/nitro.json", &nuxt("cloudflare-module")),
        (".output/server/wrangler.json", r#"{"main":"index.mjs","assets":{"directory":"../public"}}"#),
        (".output/server/index.mjs", READ),
        (".output/public/a.css", ""),
    ]);
    let report = app.inline().unwrap();
    assert_eq!(
        report.roots.iter().map(|root| root.layout).collect::<BTreeSet<_>>(),
        BTreeSet::from(["nuxt"])
    );
}

#[test]
fn a_workers_source_is_no_build_output() {
    for main in ["src/index.ts", "src/index.js"] {
        let config = format!("main = \"{main}\"");
        let app = App::new(&[("wrangler.toml", &config), ("src/index.ts", READ), ("src/index.js", READ)]);
        assert!(matches!(app.inline(), Err(Error::UnknownLayout { .. })));
    }
}

#[test]
fn a_manifest_that_does_not_parse_is_not_quoted() {
    for (name, text, place) in [
        ("wrangler.toml", "main = \"a.js\"\n[vars]\nX = canary.A.x9", "line 3, column 5"),
        ("wrangler.jsonc", "{\n  \"vars\": canary.A.x9 }", "line 2"),
        (".output/nitro.json", "{\"preset\": canary.A.x9}", "line 1, column 12"),
    ] {
        let error = App::new(&[(name, text)]).inline().unwrap_err();
        assert_eq!(error.code(), "BAD_MANIFEST");
        let said = format!("{error} {error:?}");
        assert!(said.contains(place) && !said.contains("canary"), "{said}");
    }
}
