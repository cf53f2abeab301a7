//! Nothing outside the folder that the caller named is read or written, whatever a build links to
//! or names; and nothing in the folder keeps a run from ending.
#![cfg(unix)]

use crate::app;
use crate::support;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{Duration, Instant};

use app::{App, READ};
use capy_inliner::{Error, Report, Request, Within, inline};
use support::{canary, values};

fn run(app: &App, within: Within) -> Result<Report, Error> {
    let values = values();
    let mut request = Request::new(&values);
    request.apps.push(app.path("app"));
    request.within = within;
    inline(&request)
}

/// An application in `app`, what lies beside it in `bait`; nothing of the bait is changed, and the run says why.
#[track_caller]
fn assert_refused(app: &App) {
    for within in [Within::Named, Within::Repository, Within::Root(app.path("app"))] {
        let error = run(app, within.clone()).unwrap_err();
        assert_eq!(error.code(), "OUTSIDE_TREE", "{within:?}: {error}");
        assert!(error.hint().unwrap().contains("--root"), "{error}");
    }
    assert_eq!(app.baked(&["bait/x.js", "bait/server/index.mjs"]), BTreeSet::new());
}

fn with_bait(files: &[(&str, &str)]) -> App {
    App::new(&[&[("bait/x.js", READ), ("bait/server/index.mjs", READ)], files].concat())
}

const NITRO: &str = r#"{"preset":"node-server"}"#;

#[test]
fn a_vercel_function_does_not_reach_scripts_around_the_named_folder() {
    let vercel = |target: &str| {
        let config =
            format!(r#"{{"runtime":"nodejs22.x","handler":"x.js","filePathMap":{{"x.js":"{target}"}}}}"#);
        let output = "app/.vercel/output";
        let app = with_bait(&[(&format!("{output}/config.json"), r#"{"version":3}"#)]);
        app.write(&format!("{output}/functions/a.func/.vc-config.json"), &config);
        app
    };
    assert_refused(&vercel("../bait/x.js"));
    let app = vercel("");
    let absolute = app.path("bait/x.js");
    app.write(
        "app/.vercel/output/functions/a.func/.vc-config.json",
        &format!(r#"{{"runtime":"nodejs22.x","handler":"x.js","filePathMap":{{"x.js":{absolute:?}}}}}"#),
    );
    assert_refused(&app);
    // Below some folder above, which is no repository.
    let app = vercel("bait/x.js");
    for within in [Within::Named, Within::Repository] {
        assert!(matches!(run(&app, within), Err(Error::Missing { .. })));
    }
    assert!(app.baked(&["bait/x.js"]).is_empty());
    // Who names the folder around it vouches for it, and so does who owns the repository.
    run(&app, Within::Root(app.path(""))).unwrap();
    assert_eq!(app.baked(&["bait/x.js"]).len(), 1);
    let app = vercel("bait/x.js");
    fs::create_dir(app.path(".git")).unwrap();
    assert!(matches!(run(&app, Within::Named), Err(Error::Missing { .. })));
    run(&app, Within::Repository).unwrap();
    assert_eq!(app.baked(&["bait/x.js"]).len(), 1);
}

#[test]
fn a_next_manifest_does_not_widen_the_tree() {
    let next = |manifest: &str| {
        with_bait(&[
            ("app/.next/required-server-files.json", manifest),
            ("app/.next/server/a.js", READ),
            ("app/.next/static/a.css", ""),
        ])
    };
    for manifest in [
        r#"{"config":{"distDir":".next"},"relativeAppDir":"../../../../.."}"#,
        r#"{"config":{"distDir":"../app/.next"},"relativeAppDir":"../../../../..","appDir":"/"}"#,
        r#"{"config":{"distDir":"../../../../../../../app/.next"},"appDir":"/"}"#,
        r#"{"config":{"distDir":"/"},"appDir":"/"}"#,
    ] {
        let app = next(manifest);
        symlink("../../../bait/x.js", app.path("app/.next/server/x.js")).unwrap();
        assert_refused(&app);
        let app = next(manifest);
        symlink(app.path("bait/server"), app.path("app/.next/server/x")).unwrap();
        assert_refused(&app);
    }
    // The same with the absolute path of the build, which is known to whoever runs code in it.
    let app = next("");
    let dist = app.path("app/.next");
    let manifest = format!(r#"{{"config":{{"distDir":"..{}"}},"appDir":"/"}}"#, dist.display());
    app.write("app/.next/required-server-files.json", &manifest);
    symlink(app.path("bait/x.js"), app.path("app/.next/server/x.js")).unwrap();
    assert_refused(&app);
}

#[test]
fn an_output_that_is_a_link_elsewhere_is_refused() {
    for (output, files) in [
        (".output", &[("nitro.json", NITRO), ("server/index.mjs", READ), ("public/a", "")][..]),
        (".vercel/output", &[("config.json", r#"{"version":3}"#), ("static/a.js", "")]),
        (".open-next", &[("worker.js", READ), ("cloudflare/init.js", "")]),
        ("dist", &[("nitro.json", NITRO), ("server/index.mjs", READ), ("public/a", "")]),
    ] {
        let app = with_bait(&[("app/package.json", "{}")]);
        files.iter().for_each(|(name, text)| app.write(&format!("bait/{name}"), text));
        fs::create_dir_all(app.path("app").join(output).parent().unwrap()).unwrap();
        symlink(app.path("bait"), app.path("app").join(output)).unwrap();
        assert_refused(&app);
    }
}

#[test]
fn a_wrangler_configuration_names_nothing_outside() {
    let elsewhere = |app: &App| app.path("bait").to_str().unwrap().to_owned();
    for relative in [true, false] {
        for config in [
            r#"{"main":"BAIT/x.js","no_bundle":true}"#,
            r#"{"main":"x.js","no_bundle":true,"assets":{"directory":"BAIT"}}"#,
            r#"{"main":"x.js","no_bundle":true,"site":{"bucket":"BAIT"}}"#,
            r#"{"main":"x.js","no_bundle":true,"pages_build_output_dir":"BAIT"}"#,
            r#"{"main":"x.js","no_bundle":true,"env":{"a":{"main":"BAIT/x.js"}}}"#,
        ] {
            let app = with_bait(&[("app/x.js", READ)]);
            let bait = if relative { "../bait".to_owned() } else { elsewhere(&app) };
            app.write("app/wrangler.json", &config.replace("BAIT", &bait));
            assert_refused(&app);
        }
        let app = with_bait(&[("bait/wrangler.json", r#"{"main":"x.js"}"#)]);
        let bait = if relative { "../../../bait".to_owned() } else { elsewhere(&app) };
        let redirection = format!(r#"{{"configPath":"{bait}/wrangler.json"}}"#);
        app.write("app/.wrangler/deploy/config.json", &redirection);
        assert_refused(&app);
    }
}

#[test]
fn no_search_reads_what_a_link_of_the_output_leads_to() {
    for folder in [".output/public", ".output/server"] {
        let app = with_bait(&[
            ("app/.output/nitro.json", NITRO),
            ("app/.output/server/index.mjs", READ),
            ("app/.output/public/a", ""),
        ]);
        app.write("bait/x.js", &canary("B"));
        for target in ["../../../bait/x.js", "../../../bait"] {
            symlink(target, app.path("app").join(folder).join("k")).unwrap();
            assert_refused(&app);
            fs::remove_file(app.path("app").join(folder).join("k")).unwrap();
        }
    }
}

#[test]
fn links_inside_of_a_repository_are_followed_in_it_and_not_where_one_folder_was_named() {
    let app = App::new(&[
        ("app/.output/nitro.json", NITRO),
        ("app/.output/server/index.mjs", READ),
        ("shared/a.css", &canary("A")),
        (".git/HEAD", ""),
    ]);
    symlink("../../shared", app.path("app/.output/public")).unwrap();
    assert_eq!(run(&app, Within::Repository).unwrap().leaks.len(), 1);
    assert_eq!(run(&app, Within::Root(app.path(""))).unwrap().leaks.len(), 1);
    assert_eq!(run(&app, Within::Named).unwrap_err().code(), "OUTSIDE_TREE");
}

#[test]
fn a_repository_of_somebody_else_around_the_folder_counts_for_nothing() {
    let app = App::new(&[("app/.output/nitro.json", NITRO), ("app/.output/server/index.mjs", READ)]);
    app.write("shared/a.css", "");
    app.write(".git/HEAD", "");
    symlink("../../shared", app.path("app/.output/public")).unwrap();
    let given = std::os::unix::fs::chown(app.path(".git"), Some(65534), Some(65534));
    match given {
        Ok(()) => assert_eq!(run(&app, Within::Repository).unwrap_err().code(), "OUTSIDE_TREE"),
        // Only the superuser can give a folder away; for everybody else every folder here is their own.
        Err(_) => assert!(run(&app, Within::Repository).unwrap().written),
    }
}

#[test]
fn a_folder_outside_of_the_root_that_is_named_is_refused() {
    let app = with_bait(&[("app/.output/nitro.json", NITRO)]);
    assert_eq!(run(&app, Within::Root(app.path("bait"))).unwrap_err().code(), "OUTSIDE_TREE");
    assert!(matches!(run(&app, Within::Root(app.path("none"))), Err(Error::NoFolder { .. })));
}

#[test]
fn a_path_through_a_link_to_above_and_back_does_not_leave_by_its_words() {
    let app = with_bait(&[
        ("app/.output/nitro.json", NITRO),
        ("app/.output/server/a/b/index.mjs", READ),
        ("app/.output/public/a", ""),
    ]);
    // By its words `d/x` lies deeper than `d`; in truth it lies higher.
    symlink("../../..", app.path("app/.output/server/d")).unwrap();
    symlink("d/bait/x.js", app.path("app/.output/server/x.js")).unwrap();
    assert_refused(&app);
}

fn fifo(path: &std::path::Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

fn nitro() -> App {
    App::new(&[
        ("app/.output/nitro.json", NITRO),
        ("app/.output/server/index.mjs", READ),
        ("app/.output/public/a", ""),
        ("app/build/x.js", ""),
    ])
}

#[test]
fn pipes_and_devices_where_manifests_are_looked_for_keep_no_run_waiting() {
    for name in [
        "README.md",
        "build/README.md",
        "wrangler.json",
        ".wrangler/deploy/config.json",
        "build/handler.js",
        "build/nitro.json",
        "package.json",
        ".next/required-server-files.json",
        ".vercel/output/config.json",
        ".output/public/pipe",
        ".output/server/pipe.mjs",
        ".output/server/index.mjs.map",
        ".output/server/node_modules/x.js",
    ] {
        for target in [None, Some("/dev/zero"), Some("/dev/random"), Some("/proc/self/mem")] {
            let app = nitro();
            let path = app.path("app").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            match target {
                None => fifo(&path),
                Some(target) => symlink(target, &path).unwrap(),
            }
            let began = Instant::now();
            for within in [Within::Named, Within::Repository] {
                match run(&app, within) {
                    Ok(report) => assert!(report.written, "{name}"),
                    Err(error) => assert_eq!(error.code(), "OUTSIDE_TREE", "{name}: {error}"),
                }
            }
            assert!(began.elapsed() < Duration::from_secs(10), "{name}");
        }
    }
}

#[test]
fn what_is_no_file_in_a_public_folder_is_named_as_not_searched() {
    let app = nitro();
    fifo(&app.path("app/.output/public/pipe.txt"));
    let report = run(&app, Within::Named).unwrap();
    let [unscanned] = &report.unscanned_files[..] else { panic!("{:?}", report.unscanned_files) };
    assert!(unscanned.file.ends_with("pipe.txt"));
    let mut table = Vec::new();
    report.print(&mut table).unwrap();
    assert!(
        String::from_utf8(table).unwrap().contains("pipe.txt was not searched: it is not a regular file")
    );
}

#[test]
fn sparse_files_are_named_and_not_read_to_their_end() {
    for (name, code) in [(".output/public/big", None), (".output/server/big.mjs", Some("TOO_LARGE"))] {
        let app = nitro();
        for size in [40_u64 << 30, 60 << 30] {
            let path = app.path("app").join(name).with_file_name(format!("{size}.mjs"));
            fs::File::create(path).unwrap().set_len(size).unwrap();
        }
        let values = values();
        let mut request = Request::new(&values);
        request.apps.push(app.path("app"));
        request.limits.one_file = 32 << 20;
        let began = Instant::now();
        match (inline(&request), code) {
            (Ok(report), None) => assert_eq!(report.unscanned_files.len(), 2),
            (Err(error), Some(code)) => assert_eq!(error.code(), code),
            (result, _) => panic!("{name}: {result:?}"),
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{name}");
    }
}

#[test]
fn all_packed_files_together_have_a_limit_and_what_is_over_it_is_named() {
    use std::io::Write;
    let app = nitro();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let zeros = vec![0; 1 << 20];
    (0..16).for_each(|_| packed.write_all(&zeros).unwrap());
    let packed = packed.finish().unwrap();
    for index in 0..40 {
        fs::write(app.path(&format!("app/.output/public/{index:02}.gz")), &packed).unwrap();
    }
    let values = values();
    let mut request = Request::new(&values);
    request.apps.push(app.path("app"));
    request.limits.all_unpacked = 64 << 20;
    let report = inline(&request).unwrap();
    let named = report.unscanned_files.len();
    assert!((36..40).contains(&named), "{named}");
    request.limits.all_unpacked = (40 * 16) << 20;
    assert_eq!(inline(&request).unwrap().unscanned_files.len(), 0);
    request.limits.one_unpacked = (16 << 20) - 1;
    assert_eq!(inline(&request).unwrap().unscanned_files.len(), 40);
}

#[test]
fn folders_that_link_to_each_other_take_no_longer_than_their_entries() {
    let app = nitro();
    const FOLDERS: usize = 24;
    for folder in [".output/public", ".output/server"] {
        for one in 0..FOLDERS {
            let path = app.path("app").join(folder).join(one.to_string());
            fs::create_dir(&path).unwrap();
            fs::write(path.join("a.txt"), "").unwrap();
            for other in 0..FOLDERS {
                symlink(format!("../{other}"), path.join(format!("l{other}"))).unwrap();
            }
        }
    }
    let began = Instant::now();
    let report = run(&app, Within::Named).unwrap();
    assert_eq!(report.scanned_files, FOLDERS + 1);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn a_run_ends_at_its_deadline_or_by_its_flag_inside_of_a_file_too() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let app = nitro();
    let big = fs::File::create(app.path("app/.output/public/big.txt")).unwrap();
    big.set_len(40 << 30).unwrap();
    let (values, stop) = (values(), AtomicBool::new(false));
    let mut request = Request::new(&values);
    request.apps.push(app.path("app"));
    (request.limits.one_file, request.limits.all_files) = (u64::MAX, u64::MAX);
    request.deadline = Some(Instant::now() + Duration::from_millis(500));
    let began = Instant::now();
    assert!(matches!(inline(&request), Err(Error::TimeOver)));
    (request.deadline, request.stop) = (None, Some(&stop));
    let result = std::thread::scope(|scope| {
        let running = scope.spawn(|| inline(&request));
        std::thread::sleep(Duration::from_millis(500));
        stop.store(true, Ordering::Relaxed);
        running.join().unwrap()
    });
    assert!(matches!(result, Err(Error::Stopped)));
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert!(app.baked(&["app/.output/server/index.mjs"]).is_empty());
}

/// Files that open paths by themselves, and why they may.
const OPENS_PATHS: [(&str, &str); 12] = [
    ("inliner/src/tree.rs", "it is the tree"),
    ("inliner/src/tree/around.rs", "what the caller named, before there is a tree"),
    ("inliner/src/tree/write.rs", "a file that the tree made"),
    ("inliner/src/lock.rs", "a folder of this user's own, outside of every tree"),
    ("cli/src/build/tree.rs", "removes a build's folder, whatever is in it"),
    ("cli/src/build/artifacts.rs", "the place that the command line names"),
    (
        "cli/src/build/source.rs",
        "the folder that the command line names, and what git leaves at the top of a clone",
    ),
    ("cli/src/build/dotenv.rs", "two files at the top of the build's own folder, always made anew"),
    ("cli/src/build/build_folder.rs", "a folder that only this user can write into"),
    ("cli/src/build/record.rs", "this user's state, and /etc/passwd"),
    ("cli/src/build/output.rs", "the log, in this user's state"),
    ("cli/src/build/steps.rs", "a file beside the build's folder, made anew"),
];

#[test]
fn no_path_is_opened_beside_the_tree() {
    const WAYS: [&str; 7] = [
        "fs::",
        "File::open",
        "OpenOptions",
        "canonicalize()",
        "symlink_metadata()",
        "WalkDir",
        "read_link(",
    ];
    let workspace = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut folders = vec![workspace.join("inliner/src"), workspace.join("cli/src/build")];
    let mut seen = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            // Tests make folders of their own.
            let product = text.split("\nmod tests {").next().unwrap();
            let is_way = |line: &&str| {
                let is_of_cap_std = line.contains("cap_std::fs::") || line.contains("::fs::MetadataExt");
                !line.trim_start().starts_with("//")
                    && !is_of_cap_std
                    && WAYS.iter().any(|way| line.contains(way))
            };
            if let Some(line) = product.lines().find(is_way) {
                let name = path.strip_prefix(workspace).unwrap().to_str().unwrap().to_owned();
                assert!(OPENS_PATHS.iter().any(|(file, _)| *file == name), "{name}: {line}");
                seen.insert(name);
            }
        }
    }
    let unused: Vec<_> = OPENS_PATHS.iter().filter(|(file, _)| !seen.contains(*file)).collect();
    assert!(unused.is_empty(), "no longer needed: {unused:?}");
}
