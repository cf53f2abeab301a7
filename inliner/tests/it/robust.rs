//! Odd files: too large, too many, unreadable, broken, oddly named. Nothing is written in part,
//! and the report names each file.

#![cfg(unix)]

use crate::support;
use crate::tree;

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use capy_inliner::{Error, Phase, Progress, Reason, Request, Severity, inline};
use capy_protocol::env_map::{EnvMap, SecretValue};
use capy_test_support::needs;
use support::{MARK, canary, has_node, map, node, values};
use tree::Tree;

const X: &str = ".next/server/x.js";

fn run(tree: &Tree) -> capy_inliner::Report {
    tree.inline(&values()).unwrap()
}

#[test]
fn a_file_that_may_not_be_written_is_named_before_any_other_is_written() {
    let tree = Tree::new();
    tree.write(".next/server/z.js", "f(process.env.A)");
    let path = tree.path(".next/server/z.js");
    fs::set_permissions(&path, Permissions::from_mode(0o444)).unwrap();
    let before = tree.contents();
    let error = tree.inline(&values()).unwrap_err();
    assert!(
        matches!(&error, Error::Write { path: named, .. } if fs::canonicalize(&path).unwrap() == *named),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("writable"));
    assert!(tree.contents() == before, "something was written");
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    assert!(run(&tree).written);
}

/// Whether the change comes while the run is at work is not for the test to say, so it tries until it did.
#[test]
fn a_file_that_somebody_else_changes_meanwhile_is_named_and_nothing_is_written() {
    const CHANGED: &str = "f(process.env.A, process.env.B)";
    let (values, first) = (values(), ".next/server/0.js");
    for _ in 0..50 {
        let (tree, progress) = (Tree::new(), Progress::default());
        for index in 0..100 {
            tree.write(&format!(".next/server/{index}.js"), "f(process.env.A)");
        }
        let (before, is_over) = (tree.contents(), AtomicBool::new(false));
        let request = Request {
            apps: vec![tree.root().to_owned()],
            progress: Some(&progress),
            ..Request::new(&values)
        };
        let result = std::thread::scope(|scope| {
            scope.spawn(|| {
                while progress.step().phase < Phase::Scan && !is_over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
                tree.write(first, CHANGED);
            });
            let result = inline(&request);
            is_over.store(true, Ordering::Relaxed);
            result
        });
        let Err(error) = result else { continue };
        assert!(matches!(&error, Error::Changed { path } if path.ends_with(first)), "{error}");
        let mut expected = before;
        expected.insert(tree.path(first), CHANGED.into());
        assert!(tree.contents() == expected, "something was written");
        assert!(run(&tree).written);
        assert!(tree.read(first).contains(&canary("B")));
        return;
    }
    panic!("no change came in time");
}

/// A file system of two megabytes, for whoever may make one.
#[test]
fn a_full_disk_leaves_everything_as_it_was_and_the_next_run_finishes() {
    const FOLDER: &str = "CAPY_TEST_SMALL_DISK";
    if std::env::var_os(FOLDER).is_none() {
        let disk = tempfile::tempdir().unwrap();
        let script = "mount -t tmpfs -o size=2m capy \"$0\" && \"$1\" --exact \"$2\" --nocapture";
        let name = "a_full_disk_leaves_everything_as_it_was_and_the_next_run_finishes";
        let name = support::test_name(module_path!(), name);
        // The superuser needs no name space for users, and may not get one.
        for names in [["--mount", "--mount"], ["--mount", "--map-root-user"]] {
            let mut command = Command::new("unshare");
            command.args(names).args(["sh", "-c", script]).arg(disk.path());
            command.arg(std::env::current_exe().unwrap()).arg(&name).env(FOLDER, disk.path());
            let Ok(out) = command.output() else { continue };
            if String::from_utf8_lossy(&out.stdout).contains("the disk was full") {
                assert!(out.status.success(), "{out:?}");
                return;
            }
        }
        needs(false, "a small file system that it may mount");
        return;
    }
    let disk = std::path::PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let padding = format!("/*{}*/", "x".repeat(150_000));
    for index in 0..8 {
        fs::write(disk.join(format!("{index}.js")), format!("f(process.env.A){padding}")).unwrap();
    }
    let before = tree::contents(&disk);
    let values = values();
    let mut request = Request::new(&values);
    request.server.push(disk.clone());
    let error = inline(&request).unwrap_err();
    assert!(matches!(error, Error::Write { .. }), "{error}");
    assert!(tree::contents(&disk) == before, "something was written");
    let _ = writeln!(std::io::stdout(), "the disk was full");
    for index in 0..4 {
        fs::write(disk.join(format!("{index}.js")), "f(process.env.A)").unwrap();
    }
    assert_eq!(inline(&request).unwrap().changed_files, 8);
}

#[test]
fn what_is_no_file_is_passed_by() {
    let tree = Tree::new();
    for folder in [".next/server", ".next/static", "public", ".next/cache"] {
        fs::create_dir_all(tree.path(folder)).unwrap();
        for name in ["pipe.js", "pipe"] {
            let made = Command::new("mkfifo").arg(tree.path(folder).join(name)).status().unwrap();
            assert!(made.success());
        }
        std::os::unix::net::UnixListener::bind(tree.path(folder).join("s.js")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", tree.path(folder).join("zero")).unwrap();
    }
    let report = run(&tree);
    assert!(report.written);
    assert_eq!(report.changed_files, 4);
}

/// As somebody who is not the superuser, who may read everything.
#[test]
fn a_folder_that_may_not_be_read_is_named_and_nothing_is_written() {
    const AGAIN: &str = "CAPY_TEST_NOBODY";
    let tree = Tree::new();
    fs::create_dir(tree.path("public/x")).unwrap();
    fs::set_permissions(tree.path("public/x"), Permissions::from_mode(0o000)).unwrap();
    if fs::read_dir(tree.path("public/x")).is_ok() {
        assert!(std::env::var_os(AGAIN).is_none(), "still the superuser");
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        command.arg(std::env::current_exe().unwrap()).env(AGAIN, "1");
        let name = "a_folder_that_may_not_be_read_is_named_and_nothing_is_written";
        command.args(["--exact", &support::test_name(module_path!(), name)]);
        match command.output() {
            Ok(out) if String::from_utf8_lossy(&out.stdout).contains("1 passed") => {}
            Ok(out) if out.stdout.is_empty() => {
                needs(false, "a user besides root who can run it");
            }
            other => panic!("{other:?}"),
        }
        return;
    }
    let error = tree.inline(&values()).unwrap_err();
    fs::set_permissions(tree.path("public/x"), Permissions::from_mode(0o755)).unwrap();
    assert!(matches!(&error, Error::Read { path, .. } if path.ends_with("public/x")), "{error}");
    assert!(tree.read(".next/server/edge/chunks/a.js").starts_with("f(process.env.A)"));
}

#[test]
fn names_that_are_no_text_are_files_like_others() {
    let tree = Tree::new();
    let name = |bytes: &[u8]| tree.path(".next/server").join(OsStr::from_bytes(bytes));
    fs::write(name(b"\xff\xfe.js"), "f(process.env.A)").unwrap();
    let public = tree.path("public").join(OsStr::from_bytes(b"caf\xe9.txt"));
    fs::write(&public, canary("B")).unwrap();
    let report = run(&tree);
    assert!(!report.written);
    let json = serde_json::to_string(&report).expect("a report about any name");
    assert!(json.contains("caf\u{fffd}.txt"), "{json}");
    fs::remove_file(public).unwrap();
    assert_eq!(run(&tree).changed_files, 5);
    assert!(fs::read_to_string(name(b"\xff\xfe.js")).unwrap().contains("__capy_A"));
}

#[test]
fn text_that_is_no_utf_8_is_left_alone_and_fails_when_it_names_a_variable() {
    let tree = Tree::new();
    fs::write(tree.path(X), b"f(process.env.A,'\xff')").unwrap();
    let report = run(&tree);
    assert!(!report.written);
    let [finding] = &report.findings[..] else { panic!("{report:?}") };
    assert_eq!((finding.reason, finding.name.as_deref()), (Reason::NotJavaScript, Some("A")));
    fs::write(tree.path(X), b"f(process.env.OTHER,'\xff')").unwrap();
    assert!(run(&tree).written);
    assert_eq!(fs::read(tree.path(X)).unwrap(), b"f(process.env.OTHER,'\xff')");
}

#[test]
fn a_file_that_does_not_parse_is_named_and_fails_only_when_it_names_a_variable() {
    let tree = Tree::new();
    tree.write(X, "f(process.env.A;\n");
    let before = tree.contents();
    let report = run(&tree);
    assert!(!report.written && tree.contents() == before);
    let [finding] = &report.findings[..] else { panic!("{report:?}") };
    assert_eq!((finding.reason, finding.line), (Reason::NotJavaScript, 1));
    assert_eq!(finding.file, tree.path(X));
    tree.write(X, "let e = process.env[k;\n");
    let report = run(&tree);
    assert!(report.written, "{report:?}");
    assert!(report.findings.iter().all(|finding| finding.severity < Severity::Failure), "{report:?}");
}

#[test]
fn what_stands_first_in_a_file_stays_first_and_means_the_same() {
    let directives = "\"use strict\";";
    for (start, line) in [
        ("\u{feff}", 1),
        ("#!/usr/bin/env node\n", 2),
        ("\u{feff}#!/usr/bin/env node\n", 2),
        ("\"use client\";", 1),
        ("'use strict'\n", 2),
        ("// a comment\n\"use strict\";\n", 3),
    ] {
        let text = format!("{start}f(process.env.A)");
        let tree = Tree::new();
        tree.write(X, &text);
        // A mark of byte order goes before everything or is no hashbang.
        if start.starts_with("\u{feff}#!") {
            assert!(!run(&tree).written);
            continue;
        }
        let report = run(&tree);
        assert!(report.written, "{start:?} {report:?}");
        let out = tree.read(X);
        assert!(out.starts_with(&format!("{start}f(__capy_A()")), "{out}");
        assert_eq!(out.lines().position(|line| line.contains("__capy_A()  ")).unwrap() + 1, line);
    }
    if has_node() {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "#!/usr/bin/env node\n{directives}\nconsole.log(process.env.A, (function(){{return this}})())"
        );
        fs::write(folder.path().join("x.js"), text).unwrap();
        let values = values();
        let mut request = Request::new(&values);
        request.files.push(folder.path().join("x.js"));
        inline(&request).unwrap();
        let out = node(folder.path(), "x.js", &[]);
        assert_eq!(String::from_utf8(out.stdout).unwrap(), format!("{} undefined\n", canary("A")));
    }
}

#[test]
fn a_huge_value_an_empty_one_and_five_hundred_others_are_inlined() {
    let mut values = EnvMap::new();
    let huge = format!("{}\u{2028}\\\"`${{x}}</script>é😀", "canary".repeat(175_000));
    values.try_insert("HUGE", SecretValue::new(huge.clone())).unwrap();
    values.try_insert("EMPTY", SecretValue::new(String::new())).unwrap();
    for index in 0..500 {
        let name = format!("NAME_{index}");
        values.try_insert(&name, SecretValue::new(canary(&name))).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let reads: Vec<String> = (0..500).map(|index| format!("process.env.NAME_{index}")).collect();
    let text = format!(
        "const h=process.env.HUGE;console.log(h.length,h.slice(-22),[process.env.EMPTY],[{}].join().length)",
        reads.join(",")
    );
    fs::write(folder.path().join("x.js"), text).unwrap();
    let mut request = Request::new(&values);
    request.files.push(folder.path().join("x.js"));
    let report = inline(&request).unwrap();
    assert_eq!((report.written, report.replaced()), (true, 502));
    if has_node() {
        let out = String::from_utf8(node(folder.path(), "x.js", &[]).stdout).unwrap();
        let joined: usize = (0..500).map(|index| canary(&format!("NAME_{index}")).len() + 1).sum();
        let tail: String = huge.chars().skip(huge.chars().count() - 21).collect();
        assert_eq!(out, format!("{} {tail} [ '' ] {}\n", huge.encode_utf16().count(), joined - 1));
    }
    fs::create_dir(folder.path().join("public")).unwrap();
    fs::write(folder.path().join("public/x.txt"), format!("a {huge}")).unwrap();
    request.public.push(folder.path().join("public"));
    assert_eq!(inline(&request).unwrap().leaks[0].name, "HUGE");
}

#[test]
fn one_file_of_fifty_megabytes_is_inlined() {
    let tree = Tree::new();
    let line = "function f(a,b){return a.map(x=>x+b).filter(Boolean)}\n";
    let mut text = line.repeat((50 << 20) / line.len());
    text.push_str("f(process.env.A)\n");
    tree.write(X, &text);
    let report = run(&tree);
    assert!(report.written);
    let out = tree.read(X);
    assert!(out.len() > 50 << 20 && out.starts_with(line));
    let end = &out[text.len() - "f(process.env.A)\n".len()..];
    assert!(end.starts_with(&format!("f(__capy_A()   )\n{MARK}function __capy_A()")), "{end}");
}

#[test]
fn a_hundred_thousand_files_are_inlined() {
    let tree = Tree::new();
    for folder in 0..200 {
        fs::create_dir_all(tree.path(&format!(".next/server/{folder}"))).unwrap();
        for file in 0..500 {
            fs::write(tree.path(&format!(".next/server/{folder}/{file}.js")), "f(process.env.OTHER)")
                .unwrap();
        }
    }
    tree.write(".next/server/199/499.js", "f(process.env.A)");
    let report = run(&tree);
    assert_eq!((report.server_files, report.changed_files), (100_004, 5));
}

#[test]
fn two_runs_in_one_process_on_two_trees_mix_nothing_up() {
    let trees = [Tree::new(), Tree::new()];
    let maps: Vec<EnvMap> = ["one", "two"]
        .iter()
        .map(|value| {
            let mut values = EnvMap::new();
            for name in ["A", "STRIPE_KEY", "DATABASE_URL"] {
                values.try_insert(name, SecretValue::new(format!("canary.{value}.{name}"))).unwrap();
            }
            values
        })
        .collect();
    std::thread::scope(|scope| {
        for (tree, values) in trees.iter().zip(&maps) {
            scope.spawn(move || (0..5).for_each(|_| assert!(tree.inline(values).unwrap().written)));
        }
    });
    for (tree, (own, other)) in trees.iter().zip([("one", "two"), ("two", "one")]) {
        for (path, text) in tree.contents() {
            let text = String::from_utf8(text).unwrap();
            assert!(!text.contains(&format!("canary.{other}")), "{}", path.display());
        }
        assert!(tree.read(".next/server/edge/chunks/a.js").contains(&format!("canary.{own}.A")));
    }
    assert_eq!(map(&["A"]).names().count(), 1);
}
