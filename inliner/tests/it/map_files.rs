//! Which source map belongs to a bundle, and which may be written: never one that another bundle
//! shares, or that lies outside.

use crate::support;
use crate::tree;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use capy_inliner::Reason;
use support::{body, inlined, reasons_of, values};
use tree::Tree;

const MAP: &str = r#"{"version":3,"mappings":"AAAA,eAAe,GAAG"}"#;
const MOVES: &str = "let e=process.env;f(e.A)\n";
const BUNDLE: &str = ".next/server/x.js";

#[test]
fn a_read_that_keeps_its_assignment_keeps_its_lines() {
    let input = "let t;f((t = process.env)\n  .A);\n// the process\ng(t)";
    let text = inlined(input).text;
    assert_eq!(body(&text).lines().count(), input.lines().count(), "{text}");
    assert!(text.contains("((t = process.env),__capy_A())\n    );\n//"), "{text}");
}

#[test]
fn a_map_comment_that_is_not_the_last_thing_keeps_the_read() {
    let data = STANDARD.encode(MAP);
    for after in ["/* the end */", "// the end", "g()", "/*! licence */\n//! licence"] {
        for start in ["//# ", "//@ ", "/*# ", "//#\t"] {
            let end = if start.starts_with("/*") { " */" } else { "" };
            let input =
                format!("{MOVES}{start}sourceMappingURL=data:application/json;base64,{data}{end}\n{after}\n");
            let out = inlined(&input);
            assert_eq!(
                (out.text.as_str(), reasons_of(&out)),
                (input.as_str(), vec!["SourceMap A".to_owned()])
            );
        }
    }
    let text = inlined(&format!("{MOVES}g('//# sourceMappingURL=a.map')")).text;
    assert!(text.contains("f(__capy_A())"), "a string is no comment: {text}");
}

/// Nothing is written, and the read is reported.
#[track_caller]
fn assert_kept(tree: &Tree) {
    let before = tree.contents();
    let report = tree.inline(&values()).unwrap();
    assert!(!report.written);
    let reasons: Vec<Reason> = report.findings.iter().map(|finding| finding.reason).collect();
    assert!(!reasons.is_empty() && reasons.iter().all(|reason| *reason == Reason::SourceMap), "{report:?}");
    assert_eq!(tree.contents(), before);
}

#[test]
fn a_map_of_ones_own_is_moved() {
    for (url, map) in [
        ("x.js.map", ".next/server/x.js.map"),
        ("./maps/x.js.map", ".next/server/maps/x.js.map"),
        ("../server/x.js.map?v=1", ".next/server/x.js.map"),
    ] {
        let tree = Tree::new();
        tree.write(map, MAP);
        tree.write(BUNDLE, &format!("{MOVES}//# sourceMappingURL={url}"));
        assert!(tree.inline(&values()).unwrap().written, "{url}");
        assert!(tree.read(map).contains("x_capy"), "{url}");
    }
}

#[test]
fn a_map_that_two_bundles_name_keeps_the_read() {
    for other in [MOVES, "f()\n"] {
        let tree = Tree::new();
        tree.write(".next/server/s.map", MAP);
        tree.write(BUNDLE, &format!("{MOVES}//# sourceMappingURL=s.map"));
        tree.write(".next/server/app/y.js", &format!("{other}//# sourceMappingURL=../s.map\n"));
        assert_kept(&tree);
    }
    let tree = Tree::new();
    tree.write(".next/server/x.js.map", MAP);
    tree.write(BUNDLE, MOVES);
    tree.write(".next/server/y.js", "f()\n//# sourceMappingURL=x.js.map");
    assert_kept(&tree);
}

#[test]
fn a_map_outside_the_servers_folders_keeps_the_read() {
    for (url, map) in [
        ("../../elsewhere/m.map", "elsewhere/m.map"),
        ("..%2F..%2Felsewhere/m.map", "elsewhere/m.map"),
        ("../static/m.map", ".next/static/m.map"),
    ] {
        let tree = Tree::new();
        tree.write(map, MAP);
        tree.write(BUNDLE, &format!("{MOVES}//# sourceMappingURL={url}"));
        assert_kept(&tree);
    }
}

#[cfg(unix)]
#[test]
fn a_map_that_is_a_link_keeps_the_read() {
    for (target, link, url) in [
        (".next/server/other.map", ".next/server/x.js.map", "x.js.map"),
        ("elsewhere/m.map", ".next/server/x.js.map", "x.js.map"),
        ("elsewhere", ".next/server/maps", "maps/m.map"),
    ] {
        let tree = Tree::new();
        tree.write("elsewhere/m.map", MAP);
        tree.write(".next/server/other.map", MAP);
        tree.write(BUNDLE, &format!("{MOVES}//# sourceMappingURL={url}"));
        std::os::unix::fs::symlink(tree.path(target), tree.path(link)).unwrap();
        assert_kept(&tree);
        assert!(tree.root().join(link).is_symlink());
    }
}
