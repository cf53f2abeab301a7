//! Folders that the caller names: a bundle that the public can fetch is rejected there, too.

use crate::support;
use crate::tree;

use capy_inliner::{Error, Report};
use support::{canary, values};
use tree::Tree;

fn name(tree: &Tree, folder: &str) -> Result<Report, Error> {
    tree.inline_with(&values(), |request| {
        (request.apps, request.server) = (Vec::new(), vec![tree.path(folder)])
    })
}

#[test]
fn client_chunks_inside_a_named_folder_are_refused() {
    for folder in ["", ".next", ".next/static", ".next/static/chunks", "public/js"] {
        let tree = Tree::new();
        tree.write(".next/static/chunks/x.js", "f(process.env.A)");
        tree.write("public/js/x.js", "f(process.env.A)");
        let before = tree.contents();
        assert!(matches!(name(&tree, folder), Err(Error::PublicBundle { .. })), "{folder}");
        assert_eq!(tree.contents(), before, "{folder}");
    }
}

#[test]
fn a_named_folder_of_bundles_is_inlined_and_what_its_build_serves_is_searched() {
    for file in
        [".next/static/x.css", "public/x.txt", ".next/routes-manifest.json", ".next/server/app/terms.html"]
    {
        let tree = Tree::new();
        assert_eq!(name(&tree, ".next/server").unwrap().changed_files, 2);
        assert!(tree.read(".next/server/edge/chunks/a.js").contains("__capy_A()"));
        assert_eq!(tree.inline(&values()).unwrap().changed_files, 2, "those of the copy");
        tree.write(file, &canary("A"));
        let report = name(&tree, ".next/server").unwrap();
        assert!(!report.written, "{file}");
        assert_eq!(report.leaks[0].file.file_name(), tree.path(file).file_name());
    }
}

#[test]
fn any_file_beside_the_bundles_of_a_named_folder_is_searched() {
    for file in ["out/index.html", "out/data/x.json", "out/robots", "out/x.js.map"] {
        let tree = Tree::new();
        tree.write("out/a.js", "f(process.env.A)");
        tree.write(file, &canary("A"));
        assert_eq!(name(&tree, "out").unwrap().leaks.len(), 1, "{file}");
    }
}

#[test]
fn what_strangers_left_beside_a_project_is_neither_read_nor_refused() {
    for broken in ["shop/.output/nitro.json", "shop/.next/required-server-files.json"] {
        let tree = Tree::new();
        tree.write("app/out/a.js", "f(process.env.A)");
        tree.write(broken, "{");
        assert_eq!(name(&tree, "app/out").unwrap().changed_files, 1, "{broken}");
    }
    let tree = Tree::new();
    tree.write("app/out/a.js", "f(process.env.A)");
    tree.write("shop/nitro.json", r#"{"preset":"node-server"}"#);
    tree.write("shop/server/index.mjs", "");
    tree.write("shop/public/a.txt", &canary("A"));
    assert!(name(&tree, "app/out").unwrap().written, "without a project");
    tree.write("app/package.json", "{}");
    assert!(name(&tree, "app/out").unwrap().written, "beside the project");
    tree.write("app/shop/nitro.json", "{");
    assert!(name(&tree, "app/out").unwrap().written, "broken in the project");
    tree.write("app/dist/nitro.json", r#"{"preset":"node-server"}"#);
    tree.write("app/dist/server/index.mjs", "");
    tree.write("app/dist/public/a.txt", &canary("A"));
    assert_eq!(name(&tree, "app/out").unwrap().leaks.len(), 1, "the project's own");
    tree.write("app/out/.output/nitro.json", "{");
    assert_eq!(name(&tree, "app/out").unwrap_err().code(), "BAD_MANIFEST", "inside");
}

#[test]
fn a_build_with_a_package_of_its_own_keeps_what_it_serves() {
    let tree = Tree::new();
    tree.write(".output/nitro.json", r#"{"preset":"node-server"}"#);
    tree.write(".output/server/package.json", "{}");
    tree.write(".output/server/chunks/a.mjs", "f(process.env.A)");
    tree.write(".output/public/a.txt", &canary("A"));
    assert_eq!(name(&tree, ".output/server/chunks").unwrap().leaks.len(), 1);
    tree.write(".output/nitro.json", "{");
    assert_eq!(name(&tree, ".output/server/chunks").unwrap_err().code(), "BAD_MANIFEST");
}
