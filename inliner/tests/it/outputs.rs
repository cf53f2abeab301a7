//! Whole build outputs: which files are written, which are rejected, and which values are found in
//! public files.

use crate::support;
use crate::tree;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use capy_inliner::{Dynamic, Encoding, Error, Phase, Progress, Reason, Report, Request, Severity, inline};
use support::{canary, values};
use tree::{ROUTE, Tree};

fn has_failed(report: &Report) -> bool {
    assert_eq!(report.worst() == Some(Severity::Failure), !report.written);
    !report.written
}

#[test]
fn server_files_are_inlined_and_nothing_else_is_touched() {
    let tree = Tree::new();
    let before = tree.contents();
    let report = tree.inline(&values()).unwrap();
    assert!(!has_failed(&report) && report.findings.is_empty(), "{report:?}");
    assert_eq!((report.changed_files, report.replaced()), (4, 6));
    for (path, text) in tree.contents() {
        let is_bundle = path.extension().is_some_and(|extension| extension == "js")
            && path.components().any(|part| part.as_os_str() == "server");
        assert_eq!(text != before[&path], is_bundle, "{}", path.display());
    }
    let text = tree.read(".next/standalone/apps/shop/.next/server/app/api/route.js");
    assert!(text.contains("e.s(__capy_DATABASE_URL(),__capy_STRIPE_KEY()   )"), "{text}");
}

#[test]
fn the_progress_reaches_the_last_file_that_is_written() {
    let (tree, progress) = (Tree::new(), Progress::default());
    assert_eq!((progress.step().phase, progress.step().files), (Phase::List, 0));
    // It is a note for the caller, who may look at any time; a run that fails stands where it failed.
    tree.write("public/a.txt", &canary("A"));
    let values = values();
    let mut request = Request::new(&values);
    request.apps.push(tree.root().to_owned());
    request.progress = Some(&progress);
    assert!(has_failed(&inline(&request).unwrap()));
    assert_eq!(progress.step().phase, Phase::Edit);
    tree.write("public/a.txt", "");
    assert!(!has_failed(&inline(&request).unwrap()));
    let step = progress.step();
    assert_eq!((step.phase, step.done, step.files), (Phase::Write, 4, 4));
}

#[test]
fn the_report_tells_what_the_time_went_into() {
    let report = Tree::new().inline(&values()).unwrap();
    let json = serde_json::to_value(&report).unwrap();
    let parts = json["phases"].as_object().unwrap();
    let share = |part: &serde_json::Value| part["share"].as_f64().unwrap();
    assert!((parts.values().map(share).sum::<f64>() - 1.0).abs() < 1e-6, "{parts:?}");
    for phase in ["list", "search", "scan", "edit", "write"] {
        assert!(parts[phase]["seconds"].as_f64().unwrap() > 0.0, "{phase}: {parts:?}");
    }
    let mut text = Vec::new();
    report.print(&mut text).unwrap();
    assert!(!text.iter().any(|byte| byte.is_ascii_control() && *byte != b'\n'));
    report.print_phases(&mut text).unwrap();
    assert!(String::from_utf8(text).unwrap().contains(" of all threads, list "));
}

#[test]
fn a_second_run_changes_nothing() {
    let tree = Tree::new();
    tree.inline(&values()).unwrap();
    let after = tree.contents();
    let report = tree.inline(&values()).unwrap();
    assert!(!has_failed(&report));
    assert_eq!(report.changed_files, 0);
    assert_eq!(tree.contents(), after);
}

#[test]
fn other_values_are_refused_and_say_build_again() {
    let tree = Tree::new();
    tree.inline(&support::map(&["A", "STRIPE_KEY", "DATABASE_URL"])).unwrap();
    let after = tree.contents();
    let report = tree.inline_with(&support::map(&["A"]), |request| request.dynamic = Dynamic::Warn).unwrap();
    assert!(has_failed(&report));
    assert!(report.findings.iter().all(|finding| finding.reason == Reason::OtherValues), "{report:?}");
    assert_eq!(tree.contents(), after);
}

#[test]
fn a_value_in_a_public_file_stops_everything() {
    let json = serde_json::to_string(&canary("A")).unwrap();
    for (file, text, encoding) in [
        (".next/static/chunks/x.css", canary("A"), Encoding::Plain),
        ("public/data.json", json, Encoding::Plain),
        (".next/server/app/terms.rsc", canary("A"), Encoding::Plain),
        (".next/server/app/terms.segments/a/_tree.segment.rsc", canary("A"), Encoding::Plain),
        (".next/server/pages/index.json", canary("A"), Encoding::Plain),
        (".next/server/x.js.map", canary("A"), Encoding::Plain),
        (".next/routes-manifest.json", canary("A"), Encoding::Plain),
        (".next/static/b.bin", "eY2FuYXJ5LkEueDk".to_owned(), Encoding::Base64),
    ] {
        let tree = Tree::new();
        tree.write(file, &format!("one\ntwo {text}"));
        let before = tree.contents();
        let report = tree.inline(&values()).unwrap();
        assert!(has_failed(&report), "{file}");
        let [leak] = &report.leaks[..] else { panic!("{file}: {:?}", report.leaks) };
        assert_eq!(
            (leak.file.clone(), leak.line, leak.name.as_str(), leak.encoding),
            (tree.path(file), 2, "A", encoding)
        );
        assert_eq!(tree.contents(), before, "{file}");
        let allowed = tree.inline_with(&values(), |request| {
            request.allow_leak.insert("A".to_owned());
        });
        assert!(!has_failed(&allowed.unwrap()), "{file}");
    }
}

#[test]
fn a_value_in_an_inline_server_map_is_a_leak() {
    use base64::Engine as _;
    let tree = Tree::new();
    let map = format!(r#"{{"version":3,"mappings":"","sourcesContent":["{}"]}}"#, canary("B"));
    let data = base64::engine::general_purpose::STANDARD.encode(map);
    tree.write(
        ".next/server/x.js",
        &format!("f()\n//# sourceMappingURL=data:application/json;base64,{data}"),
    );
    let report = tree.inline(&values()).unwrap();
    assert!(has_failed(&report));
    assert_eq!((report.leaks[0].name.as_str(), report.leaks[0].line), ("B", 2));
}

#[test]
fn a_name_that_client_code_mentions_is_left_alone_and_fails() {
    let tree = Tree::new();
    for client in
        ["f(e.default.env.A)", "let o=e.default.env;f(o.A)", "let{env:{A:i}}=e.default", "f(o[\"A\"])"]
    {
        tree.write(".next/static/chunks/x.js", client);
        let report = tree.inline(&values()).unwrap();
        assert!(has_failed(&report), "{client}");
        assert!(report.findings.iter().all(|finding| finding.reason == Reason::ReadByClient), "{report:?}");
    }
    let lenient = tree.inline_with(&values(), |request| request.dynamic = Dynamic::Warn).unwrap();
    assert!(!has_failed(&lenient));
    assert!(tree.read(".next/server/edge/chunks/a.js").starts_with("f(process.env.A)"));
    assert!(tree.read(".next/server/app/api/route.js").contains("__capy_STRIPE_KEY"));
}

#[test]
fn a_name_written_in_one_file_is_left_alone_in_all() {
    let tree = Tree::new();
    tree.write(".next/server/x.js", "process.env.A='1'");
    let report = tree.inline_with(&values(), |request| request.dynamic = Dynamic::Warn).unwrap();
    assert!(report.findings.iter().all(|finding| finding.reason == Reason::Assigned));
    assert!(tree.read(".next/server/edge/chunks/a.js").starts_with("f(process.env.A)"));
}

#[test]
fn a_process_replaced_in_one_file_is_left_alone_in_all() {
    for (text, everywhere) in [
        ("globalThis.process = {env: {}}", true),
        ("process = {env: {}}", true),
        ("process.env = {}", true),
        ("process ??= {env: {}}", false),
    ] {
        let tree = Tree::new();
        tree.write(".next/server/x.js", text);
        let report = tree.inline(&values()).unwrap();
        let replaced = report.findings.iter().any(|finding| finding.reason == Reason::Replaced);
        assert_eq!((has_failed(&report), replaced), (false, everywhere), "{text}: {report:?}");
        let set = report.findings.iter().all(|finding| finding.prelude);
        assert!(set || !everywhere, "{text}: {report:?}");
        let kept = tree.read(".next/server/edge/chunks/a.js").contains("f(process.env.A)");
        assert_eq!(kept, everywhere, "{text}");
    }
}

#[test]
fn only_a_strict_run_fails_on_uses_that_name_no_variable() {
    let tree = Tree::new();
    tree.write(".next/server/x.js", "f(process.env)");
    assert!(has_failed(&tree.inline_with(&values(), |request| request.dynamic = Dynamic::Error).unwrap()));
    let report = tree.inline(&values()).unwrap();
    assert!(!has_failed(&report));
    assert_eq!(report.findings[0].reason, Reason::WholeObject);
}

#[test]
fn an_unknown_layout_is_refused_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = capy_inliner::Request::new(Box::leak(Box::new(values())));
    request.apps.push(folder.path().to_owned());
    let error = capy_inliner::inline(&request).unwrap_err();
    assert_eq!(error.code(), "UNKNOWN_LAYOUT");
    assert!(error.hint().unwrap().contains("--server DIR"));
}

#[test]
fn folders_can_be_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("out/node_modules/x")).unwrap();
    for name in ["out/a.mjs", "out/node_modules/x/i.js"] {
        std::fs::write(folder.path().join(name), "f(process.env.A)").unwrap();
    }
    let values = values();
    let mut request = capy_inliner::Request::new(&values);
    request.server.push(folder.path().join("out"));
    let report = capy_inliner::inline(&request).unwrap();
    assert_eq!((report.server_files, report.changed_files), (1, 1));
    request.public.push(folder.path().to_owned());
    assert!(matches!(capy_inliner::inline(&request), Err(Error::PublicBundle { .. })));
}

#[test]
fn a_custom_dist_folder_is_found_by_its_manifest() {
    let tree = Tree::new();
    std::fs::create_dir(tree.path("build")).unwrap();
    std::fs::rename(tree.path(".next"), tree.path("build/next")).unwrap();
    tree.write("build/next/required-server-files.json", r#"{"config":{"distDir":"build/next"},"files":[]}"#);
    tree.write("public/leak.txt", &canary("A"));
    let report = tree.inline(&values()).unwrap();
    assert_eq!(report.leaks.len(), 1, "the public folder beside it is known: {report:?}");
    std::fs::remove_file(tree.path("public/leak.txt")).unwrap();
    assert_eq!(tree.inline(&values()).unwrap().changed_files, 4);
}

#[test]
fn the_public_folder_of_an_app_whose_build_lies_outside_of_it_is_searched() {
    let manifest = r#"{"config":{"distDir":"../../dist/shop"},"relativeAppDir":"apps/shop","files":[]}"#;
    for moved in [false, true] {
        let tree = Tree::new();
        std::fs::create_dir_all(tree.path("dist")).unwrap();
        std::fs::rename(tree.path(".next"), tree.path("dist/shop")).unwrap();
        // Where the folder above both is not the repository's, the app is where it was built.
        let built = tree.path("apps/shop").display().to_string();
        let elsewhere = manifest.replace("apps/shop\"", &format!("shop\",\"appDir\":{built:?}"));
        tree.write("dist/shop/required-server-files.json", if moved { &elsewhere } else { manifest });
        tree.write("apps/shop/public/a.txt", &canary("A"));
        let report = tree.inline(&values()).unwrap();
        assert!(has_failed(&report), "{report:?}");
        assert_eq!(report.leaks.len(), 1, "{report:?}");
        tree.write("apps/shop/public/a.txt", "");
        let report = tree.inline(&values()).unwrap();
        assert_eq!(report.changed_files, 4, "{report:?}");
    }
}

#[test]
fn outputs_of_an_earlier_run_are_left_alone() {
    let tree = Tree::new();
    let later = SystemTime::now() + Duration::from_secs(60);
    let report = tree.inline_with(&values(), |request| request.written_since = Some(later)).unwrap();
    assert_eq!((report.roots.len(), report.changed_files), (0, 0));
    let earlier = SystemTime::now() - Duration::from_secs(60);
    let report = tree.inline_with(&values(), |request| request.written_since = Some(earlier)).unwrap();
    assert_eq!(report.changed_files, 4);
}

#[test]
fn an_older_output_is_named_or_refused_unless_it_holds_the_values() {
    let tree = Tree::new();
    let later = SystemTime::now() + Duration::from_secs(60);
    let older = |refuse_older: bool| {
        tree.inline_with(&values(), |request| {
            (request.written_since, request.refuse_older) = (Some(later), refuse_older);
        })
    };
    let named = older(false).unwrap().older_than_run;
    assert_eq!(named[0], tree.path(".next/required-server-files.json"));
    let before = tree.contents();
    let error = older(true).unwrap_err();
    assert_eq!(error.code(), "OUTPUT_OLDER_THAN_RUN");
    assert_eq!(tree.contents(), before);
    assert!(tree.inline(&values()).unwrap().written);
    assert_eq!(older(true).unwrap().older_than_run, Vec::<std::path::PathBuf>::new());
    // Inlined for another deployment, it is as good as not inlined.
    tree.write(
        ".next/server/app/api/route.js",
        &tree.read(".next/server/app/api/route.js").replace("x9", "x8"),
    );
    assert_eq!(older(true).unwrap_err().code(), "OUTPUT_OLDER_THAN_RUN");
}

#[cfg(unix)]
#[test]
fn a_bundle_that_the_public_can_reach_is_refused() {
    let tree = Tree::new();
    let before = tree.contents();
    for (target, link) in
        [(".next/server/app/api/route.js", ".next/static/route.js"), (".next/server", "public/server")]
    {
        std::os::unix::fs::symlink(tree.path(target), tree.path(link)).unwrap();
        assert!(matches!(tree.inline(&values()), Err(Error::PublicBundle { .. })), "{link}");
        std::fs::remove_file(tree.path(link)).unwrap();
    }
    assert_eq!(tree.contents(), before);
}

#[cfg(unix)]
#[test]
fn a_link_that_leaves_the_tree_is_refused() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("x.js"), "f(process.env.A)").unwrap();
    for (target, link) in [("x.js", "x.js"), ("", "folder")] {
        let tree = Tree::new();
        std::os::unix::fs::symlink(outside.path().join(target), tree.path(".next/server").join(link))
            .unwrap();
        assert!(matches!(tree.inline(&values()), Err(Error::LinkLeavesTree { .. })), "{link}");
    }
    assert_eq!(std::fs::read_to_string(outside.path().join("x.js")).unwrap(), "f(process.env.A)");
}

#[cfg(unix)]
#[test]
fn links_that_lead_nowhere_are_no_files() {
    let tree = Tree::new();
    std::os::unix::fs::symlink("/nowhere/at/all", tree.path("public/dangling")).unwrap();
    std::os::unix::fs::symlink(tree.path("public"), tree.path("public/loop")).unwrap();
    assert!(tree.inline(&values()).unwrap().written);
}

#[test]
fn a_bundle_may_be_as_deep_as_its_longest_sum() {
    let tree = Tree::new();
    tree.write(".next/server/x.js", &format!("f(\"\"{}+process.env.A)", "+\"text\"".repeat(50_000)));
    let report = tree.inline(&values()).unwrap();
    assert_eq!(report.changed_files, 5);
}

#[test]
fn two_runs_at_once_are_refused() {
    let tree = Tree::new();
    for index in 0..200 {
        tree.write(&format!(".next/server/{index}.js"), "f(process.env.A)");
    }
    let (values, refused) = (values(), AtomicBool::new(false));
    let run = || {
        // A file that was written says that another run ended; the run that was refused wrote none.
        for _ in 0..500 {
            match tree.inline(&values) {
                Err(Error::Busy { .. }) => refused.store(true, Ordering::Relaxed),
                result => assert!(result.unwrap().written),
            }
            if refused.load(Ordering::Relaxed) {
                return;
            }
        }
    };
    std::thread::scope(|scope| [scope.spawn(run), scope.spawn(run)].map(|run| run.join().unwrap()));
    assert!(refused.into_inner());
    assert!(tree.inline(&values).unwrap().written);
    assert!((0..200).all(|index| tree.read(&format!(".next/server/{index}.js")).contains("__capy_A()")));
}

#[cfg(unix)]
#[test]
fn a_lock_that_anybody_may_hold_on_a_folder_blocks_no_run() {
    let tree = Tree::new();
    let folders = [tree.root().to_owned(), tree.path(".next/server"), tree.path("public"), "/".into()];
    let held: Vec<_> = folders.iter().map(|folder| std::fs::File::open(folder).unwrap()).collect();
    // The last one may be somebody else's already.
    held.iter().for_each(|folder| drop(folder.try_lock()));
    assert!(tree.inline(&values()).unwrap().written);
}

#[test]
fn what_a_killed_run_left_is_swept() {
    let tree = Tree::new();
    tree.write(".next/server/app/.capy-inline-x.tmp", "half");
    tree.inline(&values()).unwrap();
    assert!(!tree.path(".next/server/app/.capy-inline-x.tmp").exists());
}

/// Between the map and its bundle: the map was moved, the bundle was not.
#[test]
fn a_run_killed_between_a_map_and_its_bundle_is_finished() {
    let finished = Tree::new();
    let interrupted = Tree::new();
    for tree in [&finished, &interrupted] {
        tree.write(".next/server/app/api/route.js", &format!("{ROUTE}\n//# sourceMappingURL=route.js.map"));
        tree.write(".next/server/app/api/route.js.map", r#"{"version":3,"mappings":"AAAA,gEAAgE,gBAAgB"}"#);
    }
    finished.inline(&values()).unwrap();
    let map = finished.read(".next/server/app/api/route.js.map");
    assert!(map.contains("x_capy"), "{map}");
    interrupted.write(".next/server/app/api/route.js.map", &map);
    assert!(!has_failed(&interrupted.inline(&values()).unwrap()));
    for name in [".next/server/app/api/route.js", ".next/server/app/api/route.js.map"] {
        assert_eq!(interrupted.read(name), finished.read(name));
    }
}

#[test]
fn no_report_holds_a_value() {
    let tree = Tree::new();
    tree.write(".next/static/x.js", &format!("f(e.env.B,'{}')", canary("A")));
    let report = tree.inline(&values()).unwrap();
    let mut table = Vec::new();
    report.print(&mut table).unwrap();
    let table = String::from_utf8(table).unwrap();
    let json = serde_json::to_string(&report).unwrap();
    for text in [&table, &json, &format!("{report:?}")] {
        assert!(!text.contains("canary."), "{text}");
    }
    assert!(table.contains("x.js:1: contains the value of A"), "{table}");
    assert!(json.contains("\"encoding\":\"plain\""), "{json}");
}
