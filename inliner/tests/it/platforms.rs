//! The outputs of Nitro, Vercel and wrangler: which files are bundles, which are served, which
//! stay as they are.

use crate::app;
use crate::support;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use app::{App, READ};
use capy_inliner::{BundledWorker, Error, Request, explain, inline};
use support::{canary, values};

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
    app.write(".output/public/terms/_payload.json", "");
    app.assert_leak_in(".output/server/.env");
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
    app.write("dist/_nuxt/a.css", "");
    app.write("dist/_worker.js/wrangler.json", &format!(r#"{{"vars":{{"X":"{}"}}}}"#, canary("A")));
    let report = app.inline().unwrap();
    assert!(!report.written, "a copy of the configuration: {:?}", report.leaks);
}

#[test]
fn a_nitro_preset_with_another_layout_is_refused() {
    for server in [".output/main.mjs", ".output/server/main.mjs"] {
        let app = App::new(&[
            (".output/nitro.json", &nuxt("netlify")),
            (server, READ),
            ("dist/index.html", &canary("A")),
        ]);
        assert!(matches!(app.inline(), Err(Error::UnknownLayout { .. })), "{server}");
    }
}

#[test]
fn opennext_is_inlined_in_its_bundles_and_searched_where_it_keeps_env_files() {
    let app = || {
        App::new(&[
            (".open-next/worker.js", READ),
            (".open-next/cloudflare/init.js", READ),
            (".open-next/middleware/handler.mjs", READ),
            (".open-next/server-functions/default/handler.mjs", READ),
            (".open-next/server-functions/default/apps/web/handler.mjs", READ),
            (".open-next/server-functions/default/node_modules/x/handler.mjs", READ),
            (".open-next/server-functions/default/.next/server/a.js", READ),
            (".open-next/assets/a.js", ""),
        ])
    };
    app().assert_inlined(
        &[
            ".open-next/worker.js",
            ".open-next/middleware/handler.mjs",
            ".open-next/server-functions/default/handler.mjs",
            ".open-next/server-functions/default/apps/web/handler.mjs",
        ],
        &[
            ".open-next/cloudflare/init.js",
            ".open-next/server-functions/default/.next/server/a.js",
            ".open-next/server-functions/default/node_modules/x/handler.mjs",
        ],
    );
    app().assert_leak_in(".open-next/assets/terms.html");
    app().assert_leak_in(".open-next/cache/x/terms.cache");
    app().assert_leak_in(".open-next/cloudflare/next-env.mjs");
    app().assert_leak_in(".open-next/server-functions/default/.env");
    app().assert_leak_in(".open-next/server-functions/default/apps/web/.env.production");
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
fn a_vercel_project_of_a_repository_maps_from_the_repositorys_folder() {
    let config = r#"{"runtime":"nodejs22.x","handler":"apps/web/server/a.js","filePathMap":{
        "apps/web/server/a.js":"apps/web/server/a.js","packages/b/b.js":"packages/b/b.js"}}"#;
    let app = App::new(&[
        ("apps/web/.vercel/output/config.json", r#"{"version":3}"#),
        ("apps/web/.vercel/output/functions/a.func/.vc-config.json", config),
        ("apps/web/server/a.js", READ),
        ("packages/b/b.js", READ),
        ("server/a.js", READ),
        (".git/HEAD", ""),
    ]);
    for folder in ["apps/web", "apps/web/.vercel/output", ""] {
        app.write("apps/web/server/a.js", READ);
        assert_eq!(app.inline_in(folder).unwrap().changed_files, if folder == "apps/web" { 2 } else { 1 });
    }
    let names = ["apps/web/server/a.js", "packages/b/b.js", "server/a.js"];
    assert_eq!(app.baked(&names), BTreeSet::from([names[0], names[1]]));
    fs::create_dir(app.path("apps/web/.git")).unwrap();
    let error = app.inline_in("apps/web").unwrap_err();
    assert_eq!(error.code(), "MISSING_FILE", "nothing outside a repository is mapped");
}

#[test]
fn an_entry_that_a_manifest_names_must_be_there() {
    let app = vercel();
    fs::remove_file(app.path(".vercel/output/functions/e.func/index.js")).unwrap();
    let error = app.inline().unwrap_err();
    assert_eq!(error.code(), "MISSING_FILE");
    assert!(error.to_string().contains("e.func/index.js"), "{error}");
}

#[test]
fn a_vercel_function_that_maps_a_missing_file_is_refused_unless_it_is_old() {
    let app = vercel();
    fs::remove_file(app.path("build/a.js")).unwrap();
    let error = app.inline().unwrap_err();
    assert_eq!(error.code(), "MISSING_FILE");
    assert!(error.to_string().contains("build/a.js"), "{error}");
    let values = values();
    let mut request = Request::new(&values);
    request.apps.push(app.path(""));
    request.written_since = Some(SystemTime::now() + Duration::from_secs(60));
    assert_eq!(inline(&request).unwrap().changed_files, 0);
}

#[test]
fn a_value_in_what_vercel_serves_or_keeps_stops_everything() {
    for name in [
        ".vercel/output/static/terms.html",
        ".vercel/output/functions/terms.prerender-fallback.html",
        ".vercel/output/functions/x/terms.rsc.prerender-fallback.rsc",
        ".vercel/output/functions/x/terms.prerender-config.json",
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
fn a_worker_below_the_given_folder_has_its_own_configuration() {
    let app = App::new(&[
        ("wrangler.toml", "main = \"index.js\""),
        ("worker/wrangler.toml", "main = \"src/w.ts\"\nassets = { directory = \"site\" }"),
        ("worker/out/README.md", NOTE),
        ("worker/out/w.js", READ),
        ("worker/site/a.html", ""),
        ("api/wrangler.toml", "main = \"../dist/api.js\"\nno_bundle = true"),
        ("dist/api.js", READ),
    ]);
    app.assert_inlined(&["worker/out/w.js", "dist/api.js"], &[]);
    app.assert_leak_in("worker/site/a.html");
    app.write("worker/package.json", "{}");
    let report = app.inline_in("worker/out").unwrap();
    assert!(!report.written, "the configuration above the folder is found, too");
}

#[test]
fn what_any_environment_of_a_worker_deploys_counts() {
    let config = "main = \"dist/a.js\"\nno_bundle = true\n\
        [env.staging.assets]\ndirectory = \"staging\"\n\
        [env.old]\nsite = { bucket = \"old\" }\n\
        [env.next]\nmain = \"next/b.js\"\nno_bundle = true\n\
        [env.source]\nmain = \"src/c.js\"\nno_bundle = false\n";
    for name in ["staging/a.txt", "old/a.txt"] {
        let app = App::new(&[
            ("wrangler.toml", config),
            ("dist/a.js", READ),
            ("next/b.js", READ),
            ("src/c.js", READ),
        ]);
        app.assert_inlined(&["dist/a.js", "next/b.js"], &["src/c.js"]);
        app.assert_leak_in(name);
    }
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
    app.write("dist/client/a.css", "");
    app.assert_leak_in("dist/shop/.dev.vars.staging");
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

#[test]
fn builds_in_folders_named_cache_are_inlined_and_caches_of_builds_are_not() {
    let app = App::new(&[
        ("cache/.output/nitro.json", &nuxt("node-server")),
        ("cache/.output/server/index.mjs", READ),
        ("cache/.output/public/a.css", ""),
        ("packages/cache/.next/required-server-files.json", r#"{"config":{"distDir":".next"}}"#),
        ("packages/cache/.next/server/a.js", READ),
        ("packages/cache/.next/cache/.output/nitro.json", &nuxt("node-server")),
        ("packages/cache/.next/cache/.output/server/index.mjs", READ),
        ("packages/cache/.next/cache/.output/public/a.css", ""),
    ]);
    app.assert_inlined(
        &["cache/.output/server/index.mjs", "packages/cache/.next/server/a.js"],
        &["packages/cache/.next/cache/.output/server/index.mjs"],
    );
}

#[test]
fn only_what_lies_in_a_public_folder_is_said_to_be_withheld() {
    for (folder, server, public, withheld) in
        [(".output", "server", "public", 0), ("dist", "_worker.js", "_nuxt", 1)]
    {
        let app = App::new(&[
            (&format!("{folder}/nitro.json"), &nuxt("cloudflare")),
            (&format!("{folder}/{server}/index.mjs"), READ),
            (&format!("{folder}/{public}/a.css"), ""),
        ]);
        let values = values();
        let mut request = Request::new(&values);
        request.apps.push(app.path(""));
        assert_eq!(explain(&request).unwrap().withheld.len(), withheld, "{folder}");
    }
}

#[test]
fn a_server_folder_that_is_a_link_out_of_the_application_is_refused() {
    let other = App::new(&[("server/index.mjs", READ)]);
    let app = App::new(&[(".output/nitro.json", &nuxt("node-server")), (".output/public/a.css", "")]);
    symlink(other.path("server"), app.path(".output/server")).unwrap();
    assert!(matches!(app.inline(), Err(Error::LinkLeavesTree { .. })));
    assert_eq!(other.baked(&["server/index.mjs"]), BTreeSet::new());
}

#[test]
fn the_worker_of_next_on_pages_is_server_code_inside_the_public_folder() {
    let app = vercel();
    for name in ["index.js", "__next-on-pages-dist__/functions/api.func.js"] {
        app.write(&format!(".vercel/output/static/_worker.js/{name}"), READ);
    }
    app.assert_inlined(
        &[
            ".vercel/output/functions/a.func/launcher.cjs",
            ".vercel/output/functions/e.func/index.js",
            ".vercel/output/static/_worker.js/index.js",
            ".vercel/output/static/_worker.js/__next-on-pages-dist__/functions/api.func.js",
            "build/a.js",
        ],
        &["build/b.js", "node_modules/x/index.js", ".vercel/output/functions/p.func/x.js"],
    );
    app.assert_leak_in(".vercel/output/static/_next/a.js");
}

#[test]
fn a_pages_worker_that_is_named_is_not_served() {
    for worker in ["dist/_worker.js", "dist/_worker.js/index.js"] {
        let app = App::new(&[(worker, READ), ("dist/index.html", "")]);
        let values = values();
        let mut request = Request::new(&values);
        request.public.push(app.path("dist"));
        let named = app.path("dist/_worker.js");
        if named.is_dir() { &mut request.server } else { &mut request.files }.push(named);
        let report = inline(&request).unwrap();
        assert!(report.written, "{:?}", report.leaks);
        assert_eq!(app.baked(&[worker]), BTreeSet::from([worker]));
        app.write("dist/app.js", &canary("A"));
        assert!(!inline(&request).unwrap().written, "{worker}");
    }
}

#[test]
fn a_worker_that_is_about_to_be_uploaded_is_inlined_and_its_assets_are_searched() {
    let app = App::new(&[
        ("wrangler.jsonc", r#"{"main":"src/index.ts","assets":{"directory":"./public"}}"#),
        ("public/a.js", ""),
        ("public/_worker.js", "console.log(process.env.B);"),
        (".wrangler/tmp/capy-1/worker/index.js", READ),
        (".wrangler/tmp/capy-1/worker/chunks/a.mjs", READ),
    ]);
    let values = values();
    let mut request = Request::new(&values);
    let output = app.path(".wrangler/tmp/capy-1/worker");
    request.workers.push(BundledWorker {
        entry: output.join("index.js"),
        output,
        configuration: Some(app.path("wrangler.jsonc")),
        project: app.path(""),
    });
    assert!(inline(&request).unwrap().written);
    let names = [
        ".wrangler/tmp/capy-1/worker/index.js",
        ".wrangler/tmp/capy-1/worker/chunks/a.mjs",
        "public/_worker.js",
    ];
    assert_eq!(app.baked(&names), BTreeSet::from([names[0], names[1]]));
    app.write("public/a.js", &canary("A"));
    assert!(!inline(&request).unwrap().written);
}
