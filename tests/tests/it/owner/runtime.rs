//! Runs what was uploaded: the received modules with the bindings that the account resolved, in workerd, without wrangler.

use std::fs;
use std::path::Path;
use std::process::Command;

use capy_test_support::node::Node;
use capy_test_support::server_process::ServerProcess;
use capy_test_support::workspace_root;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::owner::account::Version;

/// A deployed version that answers. Stopped on drop.
#[derive(Debug)]
pub(crate) struct Running {
    server: ServerProcess,
    _folder: TempDir,
}

impl Running {
    /// Starts a version. Its database and list are kept in `data`; these statements are run on the database first.
    pub(crate) fn start(node: &Node, version: &Version, data: &Path, statements: &[String]) -> Self {
        let folder = TempDir::new().unwrap();
        let modules = version.upload.modules.iter().map(|module| {
            let path = folder.path().join(&module.name);
            assert!(path.starts_with(folder.path()) && !module.name.contains(".."), "{}", module.name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &module.bytes).unwrap();
            json!({ "type": module.kind(), "path": path })
        });
        let worker = json!({
            "modules": modules.collect::<Value>(), "modulesRoot": folder.path(),
            "compatibilityDate": version.upload.metadata["compatibility_date"],
            "compatibilityFlags": version.upload.metadata["compatibility_flags"].as_array().cloned().unwrap_or_default(),
            "durableObjects": bound(version, "durable_object_namespace", |binding| binding["class_name"].clone()),
            "d1Databases": bound(version, "d1", |binding| binding["id"].clone()),
            "kvNamespaces": bound(version, "kv_namespace", |binding| binding["namespace_id"].clone()),
            "ratelimits": bound(version, "ratelimit", |binding| {
                json!({ "namespace_id": binding["namespace_id"], "simple": binding["simple"] })
            }),
        });
        let mut serve = Command::new(&node.node);
        serve.arg(workspace_root().join("tests/tests/it/owner/serve.mjs")).arg(data);
        serve.env("WORKER", worker.to_string()).env("STATEMENTS", json!(statements).to_string());
        serve.env("SECRETS", json!(version.secrets()).to_string());
        let server = ServerProcess::spawn(&serve, folder.path(), "serving on ").unwrap();
        Self { server, _folder: folder }
    }

    pub(crate) fn url(&self) -> &str {
        self.server.url()
    }

    /// What the runtime and the service printed.
    pub(crate) fn log(&self) -> String {
        self.server.log()
    }
}

/// The bindings of a type by their names.
fn bound(version: &Version, kind: &str, value: impl Fn(&Value) -> Value) -> Value {
    let bindings = version.bindings.iter().filter(|binding| binding["type"] == kind);
    let named = |binding: &Value| (binding["name"].as_str().unwrap_or_default().to_owned(), value(binding));
    bindings.map(named).collect::<serde_json::Map<_, _>>().into()
}
