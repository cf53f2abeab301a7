//! `capy run -- wrangler deploy`, with the real wrangler: what arrives at Cloudflare's API holds the values in its server
//! code and in no asset, answers like the Worker with its variables set, and the project is as it was.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use capy_journeys::{printed, programs};
use capy_test_support::node::{Node, require_node};
use capy_test_support::shop::collect;
use capy_test_support::workspace_root;
use tempfile::TempDir;

use crate::owner::account::{Account, Version};
use crate::owner::runtime::Running;
use crate::owner::server::{ACCOUNT_ID, API_TOKEN, Cloudflare};

const VALUE: &str = "canary.STRIPE_KEY.x9";

const WORKER: &str = r#"
import note from "./note.md";
import { DurableObject, env } from "cloudflare:workers";
import { Buffer } from "node:buffer";
import { inspect } from "node:util";
export class Counter extends DurableObject {
  async key(): Promise<string> { return String(process.env.STRIPE_KEY) }
}
export default {
  async fetch(request: Request, bindings: any): Promise<Response> {
    const { STRIPE_KEY, ...others } = process.env;
    const key = await bindings.COUNTER.get(bindings.COUNTER.idFromName("a")).key();
    const parts = [STRIPE_KEY, key, String((env as any).STRIPE_KEY), note.trim(), Buffer.from("a").toString("hex"), inspect(1)];
    return new Response(parts.join(" ") + " " + ("STRIPE_KEY" in others));
  },
};
"#;
/// What the Worker answers if the variable is set.
const ANSWER: &str = "canary.STRIPE_KEY.x9 canary.STRIPE_KEY.x9 canary.STRIPE_KEY.x9 # note 61 1 false";

const CONFIGURATION: &str = r#"
name = "shop"
main = "src/index.ts"
compatibility_date = "2026-09-01"
compatibility_flags = ["nodejs_compat"]
upload_source_maps = true
assets = { directory = "./public" }
migrations = [{ tag = "v1", new_sqlite_classes = ["Counter"] }]
rules = [{ type = "Text", globs = ["**/*.md"], fallthrough = true }]
durable_objects = { bindings = [{ name = "COUNTER", class_name = "Counter" }] }

[env.staging]
vars = { STAGE = "staging" }
durable_objects = { bindings = [{ name = "COUNTER", class_name = "Counter" }] }
"#;

/// A project with an account that it is deployed to.
struct Project {
    node: Node,
    cloudflare: Cloudflare,
    folder: TempDir,
    home: TempDir,
}

impl Project {
    fn begin(files: &[(&str, &str)]) -> Option<Self> {
        let node = require_node()?;
        let (folder, home) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let project = Self { node, cloudflare: Cloudflare::start(Account::empty()), folder, home };
        project.write(".env", &format!("STRIPE_KEY={VALUE}\n"));
        files.iter().for_each(|(name, text)| project.write(name, text));
        Some(project)
    }

    fn shop() -> Option<Self> {
        Self::begin(&[
            ("wrangler.toml", CONFIGURATION),
            ("src/index.ts", WORKER),
            ("src/note.md", "# note\n"),
            ("public/index.html", "<p>hello</p>"),
        ])
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.folder.path().join(inside)
    }

    fn write(&self, inside: &str, text: &str) {
        fs::create_dir_all(self.path(inside).parent().unwrap()).unwrap();
        fs::write(self.path(inside), text).unwrap();
    }

    fn tries(&self, words: &[&str]) -> Output {
        let mut capy = Command::new(programs().join("capy"));
        let settings = self.node.wrangler();
        capy.env_clear().envs(settings.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let modules = workspace_root().join("node_modules/.bin");
        let found = self.node.path();
        let path =
            std::env::join_paths(std::iter::once(modules).chain(std::env::split_paths(&found))).unwrap();
        capy.env("PATH", path).env("HOME", self.home.path()).current_dir(self.folder.path());
        capy.env("CLOUDFLARE_API_BASE_URL", self.cloudflare.url()).env("CLOUDFLARE_API_TOKEN", API_TOKEN);
        capy.env("CLOUDFLARE_ACCOUNT_ID", ACCOUNT_ID).arg("run").args(words).output().unwrap()
    }

    /// Deploys. Every file of the project is as before, and there is no other.
    fn deploys(&self, words: &[&str]) -> String {
        let before = self.files();
        let output = self.tries(words);
        let text = printed(&output);
        assert!(output.status.success(), "{text}");
        assert!(!text.contains(VALUE), "{text}");
        assert_eq!(self.cloudflare.account().strange, [""; 0], "{text}");
        assert!(self.files() == before, "{:?}", self.files().keys().collect::<Vec<_>>());
        text
    }

    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = Vec::new();
        collect(self.folder.path(), &mut files).unwrap();
        files.into_iter().map(|file| (file.clone(), fs::read(file).unwrap())).collect()
    }

    /// The newest version of a Worker.
    fn version(&self, worker: &str) -> Version {
        let account = self.cloudflare.account();
        let found = account.workers.get(worker).and_then(|worker| worker.versions.last());
        found.unwrap_or_else(|| panic!("{:?}", account.calls)).clone()
    }

    fn assert_answers(&self, version: &Version, expected: &str) {
        let data = TempDir::new().unwrap();
        let running = Running::start(&self.node, version, data.path(), &[]);
        let answer = ureq::get(running.url()).call().unwrap().into_body().read_to_string().unwrap();
        assert_eq!(answer, expected, "{}", running.log());
    }

    /// No static file that was uploaded holds a value.
    fn assert_assets_clean(&self) {
        let account = self.cloudflare.account();
        assert!(!account.assets.is_empty(), "{:?}", account.calls);
        for contents in account.assets.values() {
            let plain = STANDARD.decode(contents).unwrap();
            assert!(!holds_value(&plain), "{}", String::from_utf8_lossy(&plain));
        }
    }
}

fn holds_value(bytes: &[u8]) -> bool {
    memchr::memmem::find(bytes, VALUE.as_bytes()).is_some()
}

#[test]
fn a_worker_with_durable_objects_and_assets_answers_as_with_its_variables_set() {
    let Some(project) = Project::shop() else { return };
    let text = project.deploys(&["--", "wrangler", "deploy"]);
    assert!(text.contains("wrangler uploads the Worker with the values in it"), "{text}");
    let version = project.version("shop");
    assert!(version.upload.modules.iter().any(|module| holds_value(&module.bytes)));
    assert!(
        !version.upload.maps.is_empty() && version.upload.maps.iter().all(|map| !holds_value(&map.bytes))
    );
    assert!(!version.secrets().contains_key("STRIPE_KEY"));
    project.assert_assets_clean();
    project.assert_answers(&version, ANSWER);
}

#[test]
fn environments_versions_and_other_configurations_are_those_of_a_plain_upload() {
    let Some(project) = Project::shop() else { return };
    project.deploys(&["--", "timeout", "300", "wrangler", "deploy", "--env", "staging"]);
    let staging = project.version("shop-staging");
    assert_eq!(staging.binding("STAGE").unwrap()["text"], "staging");
    project.assert_answers(&staging, ANSWER);
    project.deploys(&["--", "wrangler", "deploy", "--env", ""]);
    project.deploys(&["--", "wrangler", "versions", "upload", "--tag", "x", "--env", "", "--minify"]);
    assert_eq!(project.cloudflare.account().workers["shop"].versions.len(), 2);
    project.assert_answers(&project.version("shop"), ANSWER);

    let other = "{ // a second Worker\n\"name\":\"api\",\"main\":\"api.js\",\"compatibility_date\":\"2026-09-01\",\
                 \"compatibility_flags\":[\"nodejs_compat\"],\"services\":[{\"binding\":\"SHOP\",\"service\":\"shop\"}],}";
    project.write("api/wrangler.jsonc", other);
    project.write("api/api.js", "export default { fetch: () => new Response(process.env.STRIPE_KEY) }");
    for command in [&["-c", "api/wrangler.jsonc"][..], &["--cwd", "api"]] {
        project.deploys(&[&["--", "wrangler", "deploy"], command].concat());
        let api = project.version("api");
        assert_eq!(api.binding("SHOP").unwrap()["service"], "shop");
        assert!(holds_value(&api.upload.modules[0].bytes));
    }
}

#[test]
fn a_configuration_with_a_build_of_its_own_builds_once() {
    let Some(project) = Project::shop() else { return };
    let built = project.home.path().join("built");
    let build = format!(
        "base_dir = \"src\"\nbuild = {{ command = \"echo built >> {}\" }}\n[env.staging]",
        built.display()
    );
    project.write("wrangler.toml", &CONFIGURATION.replacen("[env.staging]", &build, 1));
    project.deploys(&["--", "wrangler", "deploy", "--env", ""]);
    assert_eq!(fs::read_to_string(built).unwrap(), "built\n");
    project.assert_answers(&project.version("shop"), ANSWER);
    project.assert_assets_clean();
}

#[test]
fn the_finished_build_of_another_tool_is_uploaded_with_its_maps_and_stays_as_it_is() {
    let config = r#"{"name":"site","main":"entry.mjs","compatibility_date":"2026-09-01","no_bundle":true,"upload_source_maps":true,
        "compatibility_flags":["nodejs_compat"],"rules":[{"type":"ESModule","globs":["**/*.js","**/*.mjs"]}],
        "assets":{"directory":"../client"}}"#;
    let entry = "import { key } from './chunks/a.mjs';\nexport default { fetch: () => new Response(key()) };\n\
                 //# sourceMappingURL=entry.mjs.map\n";
    let project = Project::begin(&[
        ("wrangler.jsonc", r#"{"name":"site","compatibility_date":"2026-09-01"}"#),
        (".wrangler/deploy/config.json", r#"{"configPath":"../../dist/server/wrangler.json"}"#),
        ("dist/server/wrangler.json", config),
        ("dist/server/entry.mjs", entry),
        (
            "dist/server/entry.mjs.map",
            r#"{"version":3,"file":"entry.mjs","names":[],"sources":["a.ts"],"mappings":"AAAA"}"#,
        ),
        ("dist/server/chunks/a.mjs", "export const key = () => process.env.STRIPE_KEY;\n"),
        ("dist/client/index.html", "<p>hello</p>"),
    ]);
    let Some(project) = project else { return };
    project.deploys(&["--", "wrangler", "deploy"]);
    let version = project.version("site");
    assert_eq!(version.upload.maps.len(), 1, "{:?}", version.upload.metadata);
    project.assert_answers(&version, VALUE);
    project.assert_assets_clean();
}

#[test]
fn a_value_in_an_asset_ends_it_before_anything_is_sent() {
    let Some(project) = Project::shop() else { return };
    project.write("public/app.js", &format!("var key = '{VALUE}'"));
    let before = project.files();
    let output = project.tries(&["--", "wrangler", "deploy", "--env", ""]);
    assert_eq!(output.status.code(), Some(1), "{}", printed(&output));
    assert!(printed(&output).contains("nothing was uploaded"), "{}", printed(&output));
    assert_eq!(project.cloudflare.account().calls, [""; 0]);
    assert!(project.files() == before);
    assert_eq!(count(&project.path(".wrangler/tmp")), 0);
}

#[test]
fn a_script_of_the_package_deploys_what_was_inlined() {
    let Some(project) = Project::shop() else { return };
    project.write("package.json", r#"{"scripts":{"deploy":"echo building && wrangler deploy --env="}}"#);
    let text = project.deploys(&["--", "npm", "run", "deploy"]);
    assert_eq!(text.matches("\nbuilding\n").count(), 1, "{text}");
    project.assert_answers(&project.version("shop"), ANSWER);
}

fn count(folder: &Path) -> usize {
    fs::read_dir(folder).into_iter().flatten().count()
}
