//! What a build leaves behind to reach the host, or to keep it busy: refused, and in time.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::build::bench::Bench;

/// Longer than any of these builds takes on a busy machine, and far shorter than what each of them tries.
const SOON: Duration = Duration::from_secs(90);

const BAIT: &str = "console.log(process.env.STRIPE_KEY)\n";

/// A script of the host's, beside the folder in which the build happens.
fn bait(bench: &Bench) -> String {
    fs::create_dir_all(bench.path("host")).unwrap();
    fs::write(bench.path("host/x.js"), BAIT).unwrap();
    bench.path("host").to_str().unwrap().to_owned()
}

#[track_caller]
fn is_untouched(bench: &Bench) {
    assert_eq!(fs::read_to_string(bench.path("host/x.js")).unwrap(), BAIT);
    assert_eq!(fs::read_dir(bench.path("host")).unwrap().count(), 1);
    bench.is_clean();
}

/// `printf '%s'` of a file's text in a build command.
fn write(file: &str, text: &str) -> String {
    let folder = Path::new(file).parent().unwrap().display();
    format!("mkdir -p ./{folder}; cat > {file} <<'END'\n{text}\nEND\n")
}

#[test]
fn no_manifest_leads_the_inliner_to_a_script_of_the_host() {
    let Some(mut bench) = Bench::new() else { return };
    let host = bait(&bench);
    let server = "mkdir -p dist; echo 1 > dist/server.js\n";
    let function = |target: &str| {
        let config =
            format!(r#"{{"runtime":"nodejs22.x","handler":"x.js","filePathMap":{{"x.js":"{target}"}}}}"#);
        let output = write(".vercel/output/config.json", r#"{"version":3}"#);
        output + &write(".vercel/output/functions/a.func/.vc-config.json", &config)
    };
    let relative = format!("{}{host}/x.js", "../".repeat(30));
    let below_root = host.trim_start_matches('/').to_owned() + "/x.js";
    let next = |manifest: &str| {
        write(".next/required-server-files.json", manifest)
            + &write(".next/server/a.js", "f(process.env.STRIPE_KEY)")
    };
    for (build, code) in [
        (function(&format!("{host}/x.js")), 64),
        (function(&relative), 64),
        // No folder around the build's own is asked whether it holds that.
        (function(&below_root), 1),
        (next(&format!(r#"{{"config":{{"distDir":".next"}},"relativeAppDir":"{}"}}"#, "../".repeat(30))), 0),
    ] {
        bench.set("build_command", format!("{server}{build}"));
        let outcome = bench.build(&["--inline"]);
        assert_eq!(outcome.code, code, "{build}: {}", outcome.stderr);
        let _ = fs::remove_dir_all(bench.path("out"));
        is_untouched(&bench);
    }
}

#[test]
fn no_link_that_leads_out_is_followed_wherever_a_build_leaves_it() {
    let Some(mut bench) = Bench::new() else { return };
    let host = bait(&bench);
    let up = format!("{}{host}", "../".repeat(30));
    for link in [
        format!("ln -s {host} .output"),
        format!("mkdir .vercel; ln -s {host} .vercel/output"),
        format!("ln -s {host}/x.js dist/k"),
        format!("ln -s {up}/x.js dist/k"),
        format!("mkdir -p elsewhere/deep; ln -s {host} elsewhere/deep/k"),
        "ln -s /dev/zero README.md".to_owned(),
        "ln -s .. dist/d; ln -s d/../../not-there dist/k".to_owned(),
        "ln -s / dist/root".to_owned(),
    ] {
        bench.set("build_command", format!("mkdir dist; echo 1 > dist/server.js; {link}"));
        bench.build(&["--inline"]).fails(64, "LINK_LEAVES_TREE");
        bench.build(&[]).fails(64, "LINK_LEAVES_TREE");
        assert!(!bench.path("out").exists());
        is_untouched(&bench);
    }
}

#[test]
fn a_link_of_a_source_that_only_seems_to_stay_makes_no_file_on_the_host() {
    let Some(mut bench) = Bench::new() else { return };
    bait(&bench);
    for (links, code) in [
        // By its words `d/x` lies deeper than `d`; in truth it lies higher.
        (&[("..", "a/d"), ("a/d/../made", ".dockerignore")][..], "LINK_LEAVES_TREE"),
        (&[("not there", ".dockerignore")], "LINK_LEADS_NOWHERE"),
        (&[("/tmp/capy-not-there", ".dockerignore")], "LINK_LEAVES_TREE"),
    ] {
        fs::create_dir_all(bench.path("source/a")).unwrap();
        links.iter().for_each(|(target, link)| symlink(target, bench.path("source").join(link)).unwrap());
        bench.build(&[]).fails(64, code);
        links.iter().for_each(|(_, link)| fs::remove_file(bench.path("source").join(link)).unwrap());
    }
    // An artifact with such a link is not handed out.
    bench.set("build_command", "mkdir dist; echo 1 > dist/server.js; ln -s not-there dist/k");
    bench.build(&[]).fails(64, "LINK_LEADS_NOWHERE");
    assert!(!bench.path("out").exists());
    is_untouched(&bench);
}

#[test]
fn what_a_build_leaves_to_keep_the_host_busy_ends_in_time() {
    let Some(mut bench) = Bench::new() else { return };
    let cross = "mkdir dist/m; cd dist/m; for a in 1 2 3 4 5 6 7 8 9 a b c; do mkdir $a; \
                 for b in 1 2 3 4 5 6 7 8 9 a b c; do ln -s ../$b $a/l$b; done; done; cd ../..";
    for (left, code) in [
        ("mkfifo README.md", None),
        ("mkfifo package.json dist/package.json", Some((64, "SPECIAL_FILE"))),
        ("mkfifo dist/pipe", Some((64, "SPECIAL_FILE"))),
        ("truncate -s 40G dist/a; truncate -s 60G dist/b", Some((64, "TOO_LARGE"))),
        (cross, None),
    ] {
        bench.set("build_command", format!("mkdir dist; echo 1 > dist/server.js; {left}"));
        for arguments in [&["--inline"][..], &[]] {
            let began = Instant::now();
            let outcome = bench.build(arguments);
            assert!(began.elapsed() < SOON, "{left}: {:?}", began.elapsed());
            match (code, arguments) {
                (Some((code, name)), []) => outcome.fails(code, name),
                (None, []) => outcome.passes(),
                (_, _) => outcome.fails(1, "NOTHING_TO_INLINE"),
            };
            let _ = fs::remove_dir_all(bench.path("out"));
        }
    }
    bench.is_clean();
}

/// One gzip of half a gigabyte, 201 times.
#[test]
fn copies_of_a_packed_file_that_unpacks_to_much_end_in_time() {
    let Some(mut bench) = Bench::new() else { return };
    bench.set(
        "build_command",
        "mkdir dist; echo 1 > dist/server.js; head -c 536870912 /dev/zero | gzip > dist/0.gz; \
         for a in $(seq 200); do ln dist/0.gz dist/$a.gz; done",
    );
    let began = Instant::now();
    let outcome = bench.build(&["--timeout", "60s"]);
    // In a program that is not optimised, the time may be over before the limit is reached: both end it.
    assert!([0, 61].contains(&outcome.code), "{}", outcome.stderr);
    assert!(began.elapsed() < Duration::from_secs(150), "{:?}", began.elapsed());
    bench.is_clean();
}
