//! What a run prints about files with hostile names.

#![cfg(unix)]

use crate::support;
use crate::tree;

use support::{canary, values};
use tree::Tree;

#[test]
fn a_files_name_forges_no_line_of_the_report() {
    let tree = Tree::new();
    let before = tree.contents().len();
    tree.write(".next/server/a\nerror: b\u{1b}[2J.js", "with(x){process.env.A}");
    tree.write(".next/static/\u{202e}txt.js", &canary("A"));
    assert_eq!(tree.contents().len(), before + 2);
    let report = tree.inline_with(&values(), |request| request.allow_leak.clear()).unwrap();
    let mut out = Vec::new();
    report.print(&mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("/a\\nerror: b\\u{1b}[2J.js:1:"), "{text}");
    assert!(text.contains("/\\u{202e}txt.js:1: contains the value of A"), "{text}");
    assert!(!text.contains(['\u{1b}', '\u{202e}']) && !text.contains("\nerror: b"), "{text}");
    assert_eq!(tree.read("public/robots.txt"), "");
    assert!(!tree.inline(&values()).unwrap().written);
}

#[test]
fn an_error_shows_the_whole_name() {
    let tree = Tree::new();
    let folder = tree.root().join("no\u{1b}[1A");
    let error = tree.inline_with(&values(), |request| request.apps = vec![folder]).unwrap_err();
    assert!(error.to_string().ends_with("no\\u{1b}[1A is not a folder"), "{error}");
}
