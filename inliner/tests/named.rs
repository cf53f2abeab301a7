//! Folders that the caller names: what the public can fetch is refused there, too.

mod support;
#[path = "support/tree.rs"]
mod tree;

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
