//! A run that is killed at any moment leaves whole files, and the next one finishes.

#![cfg(unix)]

use crate::support;
use crate::tree;

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use support::values;
use tree::Tree;

const FOLDER: &str = "CAPY_TEST_KILLED_TREE";

fn many_files() -> Tree {
    let tree = Tree::new();
    for index in 0..40 {
        let text = format!(
            "let e=process.env;f({index},e.A,process.env.B);{}\n//# sourceMappingURL={index}.js.map",
            "g();".repeat(3000)
        );
        tree.write(&format!(".next/server/chunks/{index}.js"), &text);
        tree.write(
            &format!(".next/server/chunks/{index}.js.map"),
            r#"{"version":3,"mappings":"AAAA,kBAAkB,OAAO"}"#,
        );
    }
    // One that needs its variables set before it starts.
    tree.write(".next/server/chunks/all.js", "module.exports=Object.keys(process.env)");
    tree
}

/// The process that the next test kills; run as a test, without a folder, it is none.
#[test]
fn child() {
    let Some(root) = std::env::var_os(FOLDER).map(std::path::PathBuf::from) else { return };
    let values = values();
    let mut request = capy_inliner::Request::new(&values);
    request.apps.push(root);
    capy_inliner::inline(&request).unwrap();
}

#[test]
fn a_killed_run_leaves_whole_files_and_the_next_one_finishes() {
    let tree = many_files();
    let old = tree.contents();
    let finished = many_files();
    assert!(run_child(&finished).wait().unwrap().success());
    let new = finished.contents();
    let new_at = |path: &Path| &new[&finished.root().join(path.strip_prefix(tree.root()).unwrap())];
    let written: Vec<_> = old.keys().filter(|path| old[*path] != *new_at(path)).collect();
    let mut in_between = 0;
    let mut staged = 0;
    for step in 0..16usize {
        for path in tree.contents().into_keys().filter(|path| !old.contains_key(path)) {
            std::fs::remove_file(path).unwrap();
        }
        for (path, text) in &old {
            std::fs::write(path, text).unwrap();
        }
        let mut child = run_child(&tree);
        match step.checked_sub(4) {
            None => wait_until_staged(&tree, 10 * (step + 1), &mut child),
            Some(step) => wait_until_replaced(written[step * written.len() / 12], &mut child),
        }
        child.kill().unwrap();
        child.wait().unwrap();
        staged += usize::from(leftovers(&tree) > 0);
        let mut changed = 0;
        for (path, text) in tree.contents() {
            let is_temporary = path.file_name().unwrap().to_string_lossy().starts_with(".capy-inline-");
            let is_whole = is_temporary || old.get(&path) == Some(&text) || text == *new_at(&path);
            assert!(is_whole, "{} is neither old nor new", path.display());
            changed += usize::from(!is_temporary && old.get(&path) != Some(&text));
        }
        in_between += usize::from(changed > 0 && changed < written.len());
        assert!(tree.inline(&values()).unwrap().written);
        let done = tree.contents();
        assert_eq!(done.len(), new.len(), "something was left behind");
        for (path, text) in done {
            assert!(text == *new_at(&path), "{} is not finished", path.display());
        }
    }
    assert!(in_between > 0, "no run was killed between two writes");
    assert!(staged > 0, "no run was killed with files beside those that they replace");
}

fn leftovers(tree: &Tree) -> usize {
    let names = std::fs::read_dir(tree.path(".next/server/chunks")).unwrap().flatten();
    names.filter(|entry| entry.file_name().to_string_lossy().starts_with(".capy-inline-")).count()
}

fn wait_until_staged(tree: &Tree, files: usize, child: &mut Child) {
    while leftovers(tree) < files && child.try_wait().unwrap().is_none() {
        std::hint::spin_loop();
    }
}

fn run_child(tree: &Tree) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", &support::test_name(module_path!(), "child"), "--quiet"])
        .env(FOLDER, tree.root());
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// A rename gives the path another inode. With the first file this is as early as a write can be seen.
fn wait_until_replaced(path: &Path, child: &mut Child) {
    let inode = || std::fs::metadata(path).unwrap().ino();
    let before = inode();
    while inode() == before && child.try_wait().unwrap().is_none() {
        std::hint::spin_loop();
    }
}
