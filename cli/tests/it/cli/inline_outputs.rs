//! What a build leaves: static sites, outputs that a cache kept, bundles of no known layout; and commands whose words
//! do not say that they build. The builds here are scripts that write what the real ones would.

use std::fs::File;
use std::time::{Duration, SystemTime};

use crate::sandbox::{CANARY, Outcome, Sandbox};

/// `.next` as Next writes it, with one read of `A`.
const NEXT: &str = r#"#!/bin/sh
[ "$1" = build ] || exit 9
mkdir -p .next/server .next/static
echo '{"version":1,"config":{"distDir":".next"},"appDir":"","files":[]}' > .next/required-server-files.json
echo 'module.exports=()=>process.env.A;' > .next/server/page.js
"#;

/// A sandbox with a deployment's variables in its environment, `A` among them, and this program as `next` and `vite`.
fn platform(program: &str) -> Sandbox {
    let mut sandbox = Sandbox::project();
    sandbox.capy_with(&["set", "A"], "canary.A.x9").succeeds();
    deploy(&mut sandbox);
    sandbox.write_program("next", program);
    sandbox.write_program("vite", program);
    sandbox
}

fn deploy(sandbox: &mut Sandbox) {
    let lines = sandbox.capy(&["deploy", "--platform", "other", "--print"]).succeeds().stdout;
    sandbox.become_platform(&lines);
}

fn run(sandbox: &Sandbox, command: &[&str]) -> Outcome {
    sandbox.capy(&[&["run", "--"], command].concat())
}

/// Sets the times of everything in a folder back, as `tar` and the caches of CI do when they restore it.
fn set_back(sandbox: &Sandbox, folder: &str) {
    for (path, _) in sandbox.files().into_iter().filter(|(path, _)| path.starts_with(sandbox.path(folder))) {
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
    }
    // Behind the tolerance for clocks.
    std::thread::sleep(Duration::from_millis(120));
}

/// Scripts that leave a static site, the folder, and a file of it.
const SITES: [(&str, &str); 9] = [
    ("dist", "assets/index.js"),
    ("out", "index.txt"),
    ("build", "static/js/main.js"),
    ("public", "page-data/index/page-data.json"),
    ("_site", "feed.xml"),
    ("dist/shop/browser", "main.js"),
    (".output/public", "_payload.json"),
    ("docs/.vitepress/dist", "a.js"),
    ("a-folder-of-ones-own", "a.js"),
];

fn site(folder: &str, file: &str, text: &str) -> String {
    format!(
        "#!/bin/sh\nmkdir -p \"$(dirname {folder}/{file})\"\necho '<p>hello</p>' > {folder}/index.html\n\
         echo \"{text}\" > {folder}/{file}\n"
    )
}

#[test]
fn a_value_in_a_static_site_fails_the_build_wherever_it_is_written() {
    for (folder, file) in SITES {
        let sandbox = platform(&site(folder, file, "var key = '$A'"));
        let outcome = run(&sandbox, &["vite", "build"]).fails(1, "INLINE_REFUSED");
        assert!(outcome.stderr.contains(&format!("{folder}/{file}:1")), "{}", outcome.shown());
        let allowed = sandbox.capy(&["run", "--allow-leak", "A", "--", "vite", "build"]).succeeds();
        assert!(allowed.stderr.contains("they contain only allowed values"), "{}", allowed.shown());
        sandbox.capy(&["run", "--no-inline", "--", "vite", "build"]).succeeds();
    }
}

#[test]
fn a_static_site_without_a_value_passes_and_says_that_it_was_searched() {
    for (folder, file) in SITES {
        let sandbox = platform(&site(folder, file, "var key = 1"));
        let outcome = run(&sandbox, &["vite", "build"]).succeeds();
        let top = folder.split("/shop").next().unwrap();
        let told = format!(
            "note: ./{top} contains only static files, so nothing was inlined; 2 files were searched"
        );
        assert!(outcome.stderr.contains(&told), "{}", outcome.shown());
        // Asked for a server's bundle, it has none.
        sandbox.capy(&["run", "--inline", "--", "vite", "build"]).fails(1, "NOTHING_TO_INLINE");
    }
}

#[test]
fn values_too_short_to_search_for_are_named_after_a_static_build() {
    let mut sandbox = Sandbox::project();
    sandbox.capy_with(&["set", "A"], "canary.A.x9").succeeds();
    sandbox.capy_with(&["set", "SHORT"], "x").succeeds();
    deploy(&mut sandbox);
    sandbox.write_program("vite", &site("dist", "a.js", ""));
    let outcome = run(&sandbox, &["vite", "build"]).succeeds();
    assert!(outcome.stderr.contains("not searched for, because too short"), "{}", outcome.shown());
    assert!(outcome.stderr.contains("SHORT"), "{}", outcome.shown());
}

#[test]
fn a_static_site_that_a_cache_kept_is_searched_too() {
    let sandbox = platform(&site("dist", "a.js", "$A"));
    sandbox.capy(&["run", "--no-inline", "--", "vite", "build"]).succeeds();
    set_back(&sandbox, "dist");
    sandbox.write("bin/vite", "#!/bin/sh\n");
    run(&sandbox, &["vite", "build"]).fails(1, "INLINE_REFUSED");
}

#[test]
fn the_export_of_a_next_build_is_searched_beside_its_server() {
    let export = format!(
        "{NEXT}mkdir -p site\necho '{{\"version\":1,\"outDirectory\":\"'$PWD/site'\",\"success\":true}}' > \
         .next/export-detail.json\necho \"$A\" > site/index.txt\n"
    );
    let sandbox = platform(&export);
    let outcome = run(&sandbox, &["next", "build"]).fails(1, "INLINE_REFUSED");
    assert!(outcome.stderr.contains("site/index.txt:1"), "{}", outcome.shown());
}

#[test]
fn an_output_that_is_older_than_the_build_fails_unless_it_is_asked_for() {
    let sandbox = platform(NEXT);
    sandbox.capy(&["run", "--no-inline", "--", "next", "build"]).succeeds();
    set_back(&sandbox, ".next");
    sandbox.write("bin/next", "#!/bin/sh\n");
    let outcome = run(&sandbox, &["next", "build"]).fails(1, "OUTPUT_OLDER_THAN_RUN");
    insta::assert_snapshot!("output_older", outcome.shown());
    assert!(!sandbox.read(".next/server/page.js").contains(CANARY));
    sandbox.capy(&["run", "--inline", "--", "next", "build"]).succeeds();
    assert!(sandbox.read(".next/server/page.js").contains("canary.A.x9"));
    // It holds the values: there is nothing left to do.
    set_back(&sandbox, ".next");
    run(&sandbox, &["next", "build"]).succeeds();
}

#[test]
fn an_output_of_another_deployment_never_stays_with_exit_0() {
    let mut sandbox = Sandbox::project();
    sandbox.capy_with(&["set", "A"], "canary.old.x9").succeeds();
    sandbox.write_program("next", NEXT);
    sandbox.capy(&["run", "--", "next", "build"]).succeeds();
    assert!(sandbox.read(".next/server/page.js").contains("canary.old.x9"));
    sandbox.capy_with(&["set", "A"], "canary.new.x9").succeeds();
    deploy(&mut sandbox);
    set_back(&sandbox, ".next");
    sandbox.write("bin/next", "#!/bin/sh\n");
    run(&sandbox, &["next", "build"]).fails(1, "OUTPUT_OLDER_THAN_RUN");
    for arguments in [&["--inline"][..], &["--inline", "--dynamic", "warn"], &["--dynamic", "warn"]] {
        let outcome = sandbox.capy(&[&["run"], arguments, &["--", "next", "build"]].concat());
        assert_eq!(outcome.code, 1, "{}", outcome.shown());
        assert!(!outcome.stderr.contains(CANARY), "{}", outcome.shown());
    }
    sandbox.write("bin/next", NEXT);
    run(&sandbox, &["next", "build"]).succeeds();
    assert!(sandbox.read(".next/server/page.js").contains("canary.new.x9"));
}

#[test]
fn an_output_that_the_build_restores_with_its_old_times_is_inlined() {
    let sandbox = platform(NEXT);
    sandbox.capy(&["run", "--no-inline", "--", "next", "build"]).succeeds();
    set_back(&sandbox, ".next");
    for restore in ["tar -xpf cache.tar", "cp -a cache/.next .next", "mv cache/.next .next"] {
        sandbox.write(
            "bin/next",
            "#!/bin/sh\nmkdir cache; cp -a .next cache/; tar -cf cache.tar .next; rm -r .next\n",
        );
        sandbox.capy(&["run", "--no-inline", "--", "next", "build"]).succeeds();
        std::thread::sleep(Duration::from_millis(120));
        sandbox.write("bin/next", &format!("#!/bin/sh\n{restore}; rm -rf cache cache.tar\n"));
        let outcome = run(&sandbox, &["next", "build"]).succeeds();
        assert!(
            sandbox.read(".next/server/page.js").contains("canary.A.x9"),
            "{restore}: {}",
            outcome.shown()
        );
        sandbox.write(".next/server/page.js", "module.exports=()=>process.env.A;\n");
        set_back(&sandbox, ".next");
    }
}

#[test]
fn one_output_of_several_that_a_cache_kept_fails_the_build_and_nothing_is_written() {
    let sandbox = platform(NEXT);
    sandbox.write("apps/docs/package.json", "{}");
    sandbox.write("bin/next", &NEXT.replacen("mkdir", "cd apps/docs\nmkdir", 1));
    sandbox.capy(&["run", "--no-inline", "--", "next", "build"]).succeeds();
    set_back(&sandbox, "apps");
    sandbox.write("bin/next", NEXT);
    let outcome = run(&sandbox, &["next", "build"]).fails(1, "OUTPUT_OLDER_THAN_RUN");
    assert!(outcome.stderr.contains("--inline=./apps/docs/.next"), "{}", outcome.shown());
    assert!(!sandbox.read(".next/server/page.js").contains(CANARY));
    // Where the command says which application it builds, another one is not asked about.
    sandbox.write("web/package.json", "{}");
    sandbox.write("bin/next", &NEXT.replacen("mkdir", "cd web\nmkdir", 1));
    run(&sandbox, &["sh", "-c", "next build web"]).succeeds();
    assert!(sandbox.read("web/.next/server/page.js").contains(CANARY));
}

#[test]
fn builds_behind_other_programs_are_followed() {
    let commands: [&[&str]; 12] = [
        &["timeout", "900", "next", "build"],
        &["env", "-C", "web", "next", "build"],
        &["nice", "-n", "5", "nohup", "next", "build"],
        &["./build.sh"],
        &["sh", "build.sh"],
        &["bash", "-lc", "PATH=$PWD/bin:$PATH; cd web && next build"],
        &["sh", "-c", "cd web && next build"],
        &["make", "build"],
        &["npx", "-c", "next build"],
        &["doppler", "run", "--", "next", "build"],
        &["pnpm", "turbo", "build"],
        &["tini", "--", "npm", "run", "build"],
    ];
    let web = NEXT.replacen("mkdir", "[ -d web ] && cd web\nmkdir", 1);
    for command in commands {
        let mut sandbox = platform(&web);
        sandbox.write("web/package.json", "{}");
        sandbox.write_program("../build.sh", "#!/bin/sh\nset -e\nnext build\n");
        sandbox.write("Makefile", "build:\n\tnext build\n");
        sandbox.write("package.json", r#"{"scripts":{"build":"next build"}}"#);
        // In place of runners that are not installed everywhere.
        for runner in ["npx", "doppler", "pnpm", "tini", "npm", "make", "nohup"] {
            sandbox.write_program(runner, "#!/bin/sh\nexec next build\n");
        }
        let outcome = run(&sandbox, command).succeeds();
        assert!(
            sandbox.read("web/.next/server/page.js").contains("canary.A.x9"),
            "{command:?}: {}",
            outcome.shown()
        );
    }
}

/// The program is of the person's own, and a makefile does not tell what it does.
const UNKNOWN: &str = "site:\n\t$(TOOL) build\n";

#[test]
fn what_an_unknown_command_of_a_deployment_builds_is_inlined() {
    let mut sandbox = platform(NEXT);
    sandbox.write_program("make", "#!/bin/sh\nexec next build\n");
    sandbox.write("Makefile", UNKNOWN);
    let outcome = run(&sandbox, &["make", "site"]).succeeds();
    assert!(outcome.stderr.contains("inlined 1 reads"), "{}", outcome.shown());
    assert!(sandbox.read(".next/server/page.js").contains("canary.A.x9"));
    // A value in what it serves fails it, as it fails a build.
    sandbox.write_program("make", &site("dist", "a.js", "$A"));
    run(&sandbox, &["make", "site"]).fails(1, "INLINE_REFUSED");
}

#[test]
fn an_unknown_command_that_builds_nothing_says_nothing() {
    let mut sandbox = platform(NEXT);
    sandbox.write_program("make", "#!/bin/sh\ntouch note.txt\n");
    assert_eq!(run(&sandbox, &["make", "site"]).succeeds().stderr, "");
    // An output of an earlier build is named, and stays.
    sandbox.capy(&["run", "--no-inline", "--", "next", "build"]).succeeds();
    set_back(&sandbox, ".next");
    let outcome = run(&sandbox, &["make", "site"]).succeeds();
    assert!(outcome.stderr.contains("--inline=./.next"), "{}", outcome.shown());
    assert!(!sandbox.read(".next/server/page.js").contains(CANARY));
    // A task with a build's name did not build: what is there is not this deployment's.
    run(&sandbox, &["make", "build"]).fails(1, "OUTPUT_OLDER_THAN_RUN");
}

#[test]
fn bundles_of_no_known_layout_are_named_with_what_inlines_them() {
    let script = "#!/bin/sh\nmkdir -p lib/server\necho 'f(process.env.A)' > lib/server/index.mjs\n";
    for (program, command) in [("esbuild", &["esbuild", "src.ts"][..]), ("vite", &["vite", "build", "--ssr"])]
    {
        let mut sandbox = platform(NEXT);
        sandbox.write_program(program, script);
        let outcome = run(&sandbox, command).succeeds();
        assert!(outcome.stderr.contains("`capy run --server ./lib/server -- …`"), "{}", outcome.shown());
        sandbox.write_program(program, "#!/bin/sh\necho 'f(process.env.A)' > server.mjs\n");
        let outcome = run(&sandbox, command).succeeds();
        assert!(outcome.stderr.contains("`capy run --file ./server.mjs -- …`"), "{}", outcome.shown());
    }
}

#[test]
fn what_is_no_build_takes_the_process_over_also_with_a_deployment() {
    let sandbox = platform(NEXT);
    sandbox.write("start.sh", "#!/bin/sh\nexec sh -c 'echo $PPID'\n");
    let parent = format!("{}\n", std::process::id());
    for command in [&["sh", "-c", "echo $PPID"][..], &["sh", "start.sh"], &["env", "sh", "-c", "echo $PPID"]]
    {
        assert_eq!(run(&sandbox, command).succeeds().stdout, parent, "{command:?}");
    }
    // What is asked for wins over what is read.
    let outcome =
        sandbox.capy(&["run", "--no-inline", "--", "sh", "-c", "echo $PPID; next build"]).succeeds();
    assert_eq!(outcome.stdout, parent);
}

#[test]
fn an_unknown_command_keeps_its_exit_code() {
    let mut sandbox = platform(NEXT);
    sandbox.write_program("make", "#!/bin/sh\nnext build; exit 7\n");
    assert_eq!(run(&sandbox, &["make", "site"]).code, 7);
    assert!(!sandbox.read(".next/server/page.js").contains(CANARY));
    sandbox.write_program("make", "#!/bin/sh\nkill -TERM $$\n");
    assert_eq!(run(&sandbox, &["make", "site"]).code, 143);
}
