//! A Worker's configuration set by a prelude, on the real runtime: what is missing is there for every way to read it, and
//! what the platform binds stays.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use capy_inliner::{Request, inline};
use capy_protocol::env_map::{EnvMap, SecretValue};
use capy_test_support::node::{Node, require_node};
use capy_test_support::workerd::Workerd;

const WORKER: &str = r#"
import { env } from "cloudflare:workers";
const early = Object.keys({ ...process.env }).filter((name) => name.length === 1).sort();
const key = (name) => [name].join();
export default {
  fetch(request, own) {
    const read = (from) => ["A", "B"].map((name) => from[key(name)]);
    return Response.json([early, read(process.env), read(env), read(own)]);
  },
};
"#;
const CONFIG: &str = r#"{"name": "w", "main": "index.js", "no_bundle": true, "compatibility_date": "2026-04-01",
    "compatibility_flags": ["nodejs_compat"], "rules": [{"type": "ESModule", "globs": ["*.js"]}],
    "find_additional_modules": true}"#;

fn answer(node: &Node, folder: &Path, bound: &[(&str, &str)]) -> String {
    let bound: BTreeMap<String, String> =
        bound.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let worker = Workerd::serve(node, &folder.join("wrangler.json"), &bound).expect("the Worker starts");
    let mut response = ureq::get(worker.url()).call().expect("the Worker answers");
    response.body_mut().read_to_string().expect("the answer is text")
}

#[test]
fn a_worker_finds_what_is_not_bound_in_every_place_and_keeps_what_is() {
    let Some(node) = require_node() else { return };
    let mut values = EnvMap::new();
    for name in ["A", "B"] {
        values.try_insert(name, SecretValue::new(format!("canary.{name}.x9"))).unwrap();
    }
    for imports in ["", "import \"./more.js\";\n"] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("wrangler.json"), CONFIG).unwrap();
        fs::write(folder.path().join("index.js"), format!("{imports}{WORKER}")).unwrap();
        fs::write(folder.path().join("more.js"), "export {};\n").unwrap();
        let expected = answer(&node, folder.path(), &[("A", "canary.A.x9"), ("B", "canary.B.x9")]);
        assert_eq!(expected.matches("canary.").count(), 6, "{expected}");
        let mut request = Request::new(&values);
        request.apps.push(folder.path().to_owned());
        let report = inline(&request).unwrap();
        assert!(report.written && report.preludes.len() == 1, "{report:?}");
        assert_eq!(folder.path().join("capy-prelude-workers.js").exists(), !imports.is_empty());
        assert_eq!(answer(&node, folder.path(), &[]), expected);
        let bound = answer(&node, folder.path(), &[("A", ""), ("B", "bound")]);
        assert_eq!(bound, r#"[["A","B"],["","bound"],["","bound"],["","bound"]]"#);
    }
}
