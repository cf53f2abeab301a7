//! A small Next build on disk, as real builds lay it out.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use capy_inliner::{Error, Report, Request, inline};
use capy_protocol::env_map::EnvMap;
use tempfile::TempDir;

pub(crate) const ROUTE: &str =
    "module.exports=[1,e=>{\"use strict\";let r=process.env;e.s(r.DATABASE_URL,process.env.STRIPE_KEY)}];";

pub(crate) struct Tree(TempDir);

impl Tree {
    /// `.next` with a route, an edge chunk with its map, a prerendered page and a client chunk; and a standalone copy.
    pub(crate) fn new() -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        for dist in [".next", ".next/standalone/apps/shop/.next"] {
            tree.write(
                &format!("{dist}/required-server-files.json"),
                r#"{"version":1,"config":{"distDir":".next"},"files":[]}"#,
            );
            tree.write(&format!("{dist}/server/app/api/route.js"), ROUTE);
            tree.write(
                &format!("{dist}/server/edge/chunks/a.js"),
                "f(process.env.A)\n//# sourceMappingURL=a.js.map",
            );
            tree.write(
                &format!("{dist}/server/edge/chunks/a.js.map"),
                r#"{"version":3,"mappings":"AAAA","sourcesContent":["f(process.env.A)"]}"#,
            );
            tree.write(&format!("{dist}/server/app/terms.html"), "<p>terms</p>");
            tree.write(&format!("{dist}/server/pages-manifest.json"), "{}");
        }
        tree.write(".next/standalone/node_modules/next/index.js", "f(process.env.A)");
        tree.write(".next/static/chunks/main.js", "f(e.env.NEXT_PUBLIC_NAME)");
        tree.write("public/robots.txt", "");
        tree
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn root(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn inline(&self, values: &EnvMap) -> Result<Report, Error> {
        self.inline_with(values, |_| {})
    }

    pub(crate) fn inline_with(
        &self,
        values: &EnvMap,
        change: impl FnOnce(&mut Request<'_>),
    ) -> Result<Report, Error> {
        let mut request = Request::new(values);
        request.apps.push(self.root().to_owned());
        change(&mut request);
        inline(&request)
    }

    /// Every file with its contents.
    pub(crate) fn contents(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        contents(self.root())
    }
}

pub(crate) fn contents(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read(&path).unwrap();
                all.insert(path, text);
            }
        }
    }
    all
}
