//! Commands that upload to Cloudflare. The `wrangler` here is a script that does what the real one does with files: it
//! bundles into `--outdir`, and "uploads" by copying into `uploaded/`.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::sandbox::{CANARY, DEFAULT_SIGNALS, Sandbox, ended, wait_for};

/// Writes its words into `calls`. With `--dry-run` it bundles `src/index.ts`, else it copies the folder of its script.
const WRANGLER: &str = r#"#!/bin/sh
echo "$*" >> "$CALLS"
outdir=; dry=; script=; bundle=yes; sub=$1; [ "$sub" = versions ] && shift
[ "$sub" = whoami ] && exit
[ "$sub" = pages ] && { cp -R "$3" "$UPLOADED"; exit; }
shift
while [ $# -gt 0 ]; do
  case $1 in
    --outdir) outdir=$2; shift;;
    --dry-run) dry=yes;;
    --no-bundle) bundle=;;
    --config|-c|--name|--env|--tag) shift;;
    -*) ;;
    *) script=$1;;
  esac
  shift
done
if [ -n "$dry" ]; then
  [ -n "$outdir" ] || exit 0
  mkdir -p "$outdir"
  printf 'This folder contains the built output assets for the worker "shop" generated at now.' > "$outdir/README.md"
  cp "${script:-src/index.ts}" "$outdir/index.js"
  echo text > "$outdir/0-note.md"
elif [ -z "$bundle" ]; then
  echo "STEP=$STEP" >> "$CALLS"
  cp -R "$(dirname "$script")" "$UPLOADED"
else
  echo plain > "$UPLOADED"
fi
"#;
const SOURCE: &str = "export default { fetch() { return new Response(process.env.A) } };\n";

fn sandbox() -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.write(".env", "A=canary.A.x9\n");
    sandbox.write(
        "wrangler.toml",
        "name = \"shop\"\nmain = \"src/index.ts\"\n[assets]\ndirectory = \"./public\"\n",
    );
    sandbox.write("src/index.ts", SOURCE);
    sandbox.write("public/index.html", "<p>hello</p>");
    sandbox.write_program("wrangler", WRANGLER);
    for name in ["calls", "uploaded"] {
        sandbox
            .env
            .insert(name.to_uppercase(), sandbox.path("").parent().unwrap().join(name).display().to_string());
    }
    sandbox
}

fn outside(sandbox: &Sandbox, name: &str) -> String {
    std::fs::read_to_string(sandbox.path("").parent().unwrap().join(name)).unwrap_or_default()
}

fn calls(sandbox: &Sandbox) -> Vec<String> {
    outside(sandbox, "calls").lines().map(str::to_owned).collect()
}

/// What `run` leaves of the project: nothing that was not there.
fn assert_untouched(sandbox: &Sandbox, before: &[(std::path::PathBuf, Vec<u8>)]) {
    let mut after = sandbox.files();
    let mut before = before.to_vec();
    after.sort();
    before.sort();
    assert!(after == before, "{:?}", after.iter().map(|(path, _)| path).collect::<Vec<_>>());
    let left = std::fs::read_dir(sandbox.path(".wrangler/tmp")).into_iter().flatten().count();
    assert_eq!(left, 0);
}

#[test]
fn a_worker_is_bundled_inlined_and_uploaded_by_one_command() {
    for command in [
        &["wrangler", "deploy"][..],
        &["wrangler", "versions", "upload", "--tag", "x"],
        &["wrangler", "deploy", "src/index.ts", "--minify"],
        &["env", "STEP=1", "wrangler", "deploy", "--env", "staging"],
        &["timeout", "60", "wrangler", "deploy", "--config", "wrangler.toml"],
    ] {
        let sandbox = sandbox();
        let before = sandbox.files();
        let outcome = sandbox.capy(&[&["run", "--"], command].concat()).succeeds();
        assert!(!outcome.stderr.contains(CANARY) && !outside(&sandbox, "calls").contains(CANARY));
        assert!(outside(&sandbox, "uploaded/index.js").contains("canary.A.x9"), "{}", outcome.shown());
        assert_eq!(outside(&sandbox, "uploaded/0-note.md"), "text\n");
        assert_eq!(outside(&sandbox, "uploaded/README.md"), "", "wrangler's note is no module");
        let calls = calls(&sandbox);
        assert!(calls[0].contains("--dry-run") && !calls[1].contains("--dry-run"), "{calls:?}");
        assert!(calls[1].contains("--no-bundle") && !calls[1].contains("--minify"), "{calls:?}");
        assert_untouched(&sandbox, &before);
    }
}

#[test]
fn a_deployments_values_are_uploaded_alike() {
    let mut sandbox = Sandbox::project();
    sandbox.capy_with(&["set", "A"], "canary.A.x9").succeeds();
    let lines = sandbox.capy(&["deploy", "--platform", "other", "--print"]).succeeds().stdout;
    sandbox.become_platform(&lines);
    let with_files = self::sandbox();
    for file in ["wrangler.toml", "src/index.ts", "public/index.html"] {
        sandbox.write(file, &with_files.read(file));
    }
    sandbox.write_program("wrangler", WRANGLER);
    for name in ["calls", "uploaded"] {
        sandbox
            .env
            .insert(name.to_uppercase(), sandbox.path("").parent().unwrap().join(name).display().to_string());
    }
    sandbox.capy(&["run", "--", "wrangler", "deploy"]).succeeds();
    assert!(outside(&sandbox, "uploaded/index.js").contains("canary.A.x9"));
}

#[test]
fn a_leak_or_a_read_that_cannot_be_replaced_ends_it_before_the_upload() {
    let leak = |sandbox: &Sandbox| sandbox.write("public/app.js", "var key = 'canary.A.x9'");
    let assigned = |sandbox: &Sandbox| {
        sandbox.write("src/index.ts", "eval('process.env.A'); process.env[globalThis.x]\n")
    };
    for (arguments, change) in
        [(&["run", "--"][..], &leak as &dyn Fn(&Sandbox)), (&["run", "--dynamic", "error", "--"], &assigned)]
    {
        let sandbox = sandbox();
        change(&sandbox);
        let before = sandbox.files();
        let command = [arguments, &["wrangler", "deploy"]].concat();
        let outcome = sandbox.capy(&command).fails(1, "INLINE_REFUSED");
        assert!(outcome.stderr.contains("nothing was uploaded"), "{}", outcome.shown());
        assert_eq!(calls(&sandbox).len(), 1);
        assert_untouched(&sandbox, &before);
    }
}

#[test]
fn a_step_that_fails_ends_the_run_with_its_exit_code() {
    for (condition, calls_made) in
        [("[ \"$2\" = --dry-run ] && exit 7", 1), ("[ \"$2\" = --dry-run ] || exit 7", 2)]
    {
        let sandbox = sandbox();
        let script = WRANGLER.replacen("outdir=;", &format!("{condition}\noutdir=;"), 1);
        sandbox.write("bin/wrangler", &script);
        let before = sandbox.files();
        assert_eq!(sandbox.capy(&["run", "--", "wrangler", "deploy"]).code, 7);
        assert_eq!(calls(&sandbox).len(), calls_made);
        assert_untouched(&sandbox, &before);
    }
}

#[test]
fn a_signal_in_either_step_ends_the_run_and_leaves_nothing() {
    for condition in ["[ \"$2\" = --dry-run ]", "[ \"$2\" != --dry-run ]"] {
        let sandbox = sandbox();
        let script = WRANGLER.replacen(
            "outdir=;",
            &format!("{condition} && {{ touch \"$CALLS.now\"; exec sleep 60; }}\noutdir=;"),
            1,
        );
        sandbox.write("bin/wrangler", &script);
        let before = sandbox.files();
        let capy = sandbox.command(&["run", "--", "wrangler", "deploy"]);
        let mut command = Command::new(DEFAULT_SIGNALS[0]);
        command.arg(DEFAULT_SIGNALS[1]).arg(capy.get_program()).args(capy.get_args());
        command.current_dir(sandbox.path("")).env_clear().envs(&sandbox.env);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let now = sandbox.path("").parent().unwrap().join("calls.now");
        wait_for("wrangler starts", || now.exists());
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        let status = ended(&mut child);
        assert!(status.code() == Some(143) || status.signal() == Some(15), "{status:?}");
        assert_untouched(&sandbox, &before);
    }
}

#[test]
fn a_dry_run_uploads_nothing_and_is_inlined_as_before() {
    let sandbox = sandbox();
    sandbox.capy(&["run", "--", "wrangler", "deploy", "--dry-run", "--outdir", "dist"]).succeeds();
    assert!(sandbox.read("dist/index.js").contains("canary.A.x9"));
    assert_eq!(calls(&sandbox), ["deploy --dry-run --outdir dist"]);
    assert_eq!(outside(&sandbox, "uploaded/index.js"), "");
}

#[test]
fn without_inlining_the_command_takes_the_process_over() {
    let sandbox = sandbox();
    sandbox.capy(&["run", "--no-inline", "--", "wrangler", "deploy"]).succeeds();
    assert_eq!(calls(&sandbox), ["deploy"]);
    assert_eq!(outside(&sandbox, "uploaded"), "plain\n");
}

/// A package manager in two lines: runs the last script of `package.json` that is named, with the words after `--`.
const NPM: &str = r#"#!/bin/sh
shift 2; [ "$1" = -- ] && shift
PATH=$PWD/node_modules/.bin:$PATH
eval "$(sed -n 's/.*"deploy":"\([^"]*\)".*/\1/p' package.json) $*"
"#;

#[test]
fn a_script_that_ends_with_the_upload_builds_once_and_uploads_what_was_inlined() {
    for (script, words) in [
        ("wrangler deploy --minify", &["npm", "run", "deploy"][..]),
        ("echo build >> $CALLS && STEP=two wrangler deploy", &["npm", "run", "deploy", "--", "--name", "x"]),
    ] {
        let mut sandbox = sandbox();
        // The program that the script finds is the package's own.
        let wrangler = sandbox.read("bin/wrangler");
        sandbox.write("node_modules/.bin/wrangler", &wrangler);
        let program = sandbox.path("node_modules/.bin/wrangler");
        std::fs::set_permissions(program, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::remove_file(sandbox.path("bin/wrangler")).unwrap();
        let script = script.replace("$CALLS", &sandbox.env["CALLS"]);
        sandbox.write("package.json", &format!(r#"{{"scripts":{{"deploy":"{script}"}}}}"#));
        sandbox.write_program("npm", NPM);
        let before = sandbox.files();
        // A redirection is no part of a plain script.
        let is_plain = !script.contains('>');
        let outcome = sandbox.capy(&[&["run", "--"], words].concat());
        if !is_plain {
            outcome.fails(1, "UPLOAD_NOT_INLINED");
            assert_untouched(&sandbox, &before);
            sandbox.capy(&[&["run", "--no-inline", "--"], words].concat()).succeeds();
            continue;
        }
        let outcome = outcome.succeeds();
        assert!(outside(&sandbox, "uploaded/index.js").contains("canary.A.x9"), "{}", outcome.shown());
        assert_untouched(&sandbox, &before);
    }
    let mut sandbox = sandbox();
    sandbox.write("package.json", r#"{"scripts":{"deploy":"wrangler whoami && STEP=two wrangler deploy"}}"#);
    sandbox.write_program("npm", NPM);
    let outcome = sandbox.capy(&["run", "--", "npm", "run", "deploy", "--", "--name", "x"]).succeeds();
    assert!(outside(&sandbox, "uploaded/index.js").contains("canary.A.x9"), "{}", outcome.shown());
    let calls = calls(&sandbox);
    assert_eq!(calls.len(), 4, "{calls:?}");
    assert_eq!((&*calls[0], &*calls[3]), ("whoami", "STEP=two"));
    assert!(calls[1].starts_with("deploy --name x --dry-run --outdir "), "{calls:?}");
    assert!(calls[2].contains("--no-bundle") && calls[2].ends_with("--name x"), "{calls:?}");
}

#[test]
fn an_upload_that_cannot_be_taken_apart_is_refused_before_anything_starts() {
    let sandbox = sandbox();
    let command = ["sh", "-c", "wrangler deploy && true"];
    sandbox.capy(&[&["run", "--"], &command[..]].concat()).fails(1, "UPLOAD_NOT_INLINED");
    assert_eq!(calls(&sandbox), Vec::<String>::new());
    sandbox.capy(&[&["run", "--no-inline", "--"], &command[..]].concat()).succeeds();
    assert_eq!(calls(&sandbox), ["deploy"]);
}

#[test]
fn a_configuration_that_would_build_again_is_copied_and_stays_as_it_is() {
    let sandbox = sandbox();
    let text = "name = \"shop\"\nmain = \"src/index.ts\"\nbase_dir = \"src\"\nassets = { directory = \"public\" }\n\
                compatibility_date = 2026-09-01\n[build]\ncommand = \"make\"\n[env.staging]\nname = \"s\"\nno_bundle = false\n";
    sandbox.write("wrangler.toml", text);
    let script = WRANGLER.replacen(
        "--config|-c|--name|--env|--tag) shift;;",
        "--name|--env|--tag) shift;; --config) cp \"$2\" \"$CALLS.json\"; shift;;",
        1,
    );
    sandbox.write("bin/wrangler", &script);
    let before = sandbox.files();
    sandbox.capy(&["run", "--", "wrangler", "deploy"]).succeeds();
    assert!(outside(&sandbox, "uploaded/index.js").contains("canary.A.x9"));
    let copy: serde_json::Value = serde_json::from_str(&outside(&sandbox, "calls.json")).unwrap();
    let project = sandbox.path("");
    assert_eq!(copy["compatibility_date"], "2026-09-01");
    assert_eq!(copy["assets"]["directory"], project.join("public").display().to_string());
    assert!(
        copy.get("build").is_none() && copy["env"]["staging"] == serde_json::json!({ "name": "s" }),
        "{copy}"
    );
    assert!(copy["base_dir"].as_str().unwrap().ends_with("/worker") && copy["no_bundle"] == true, "{copy}");
    assert_untouched(&sandbox, &before);
}

#[test]
fn a_pages_site_is_inlined_where_it_was_built_before_it_is_uploaded() {
    for (worker, module) in
        [("dist/_worker.js", "dist/_worker.js"), ("dist/_worker.js/index.js", "dist/_worker.js/index.js")]
    {
        let sandbox = sandbox();
        sandbox.write(worker, SOURCE);
        sandbox.write("dist/index.html", "<p>hello</p>");
        sandbox.capy(&["run", "--", "wrangler", "pages", "deploy", "dist"]).succeeds();
        assert!(sandbox.read(module).contains("canary.A.x9"));
        let inside = module.trim_start_matches("dist/");
        assert!(outside(&sandbox, &format!("uploaded/{inside}")).contains("canary.A.x9"));
        sandbox.write("dist/app.js", "canary.A.x9");
        std::fs::remove_dir_all(sandbox.path("").parent().unwrap().join("uploaded")).unwrap();
        sandbox.capy(&["run", "--", "wrangler", "pages", "deploy", "dist"]).fails(1, "INLINE_REFUSED");
        assert_eq!(outside(&sandbox, &format!("uploaded/{inside}")), "");
    }
}

#[test]
fn opennext_is_inlined_before_its_own_program_uploads() {
    let mut sandbox = sandbox();
    sandbox.write(".open-next/worker.js", SOURCE);
    sandbox.write(".open-next/cloudflare/init.js", "");
    sandbox.write(".open-next/assets/a.txt", "");
    sandbox.write_program("opennextjs-cloudflare", "#!/bin/sh\ncp .open-next/worker.js \"$UPLOADED\"\n");
    let outcome = sandbox.capy(&["run", "--", "opennextjs-cloudflare", "deploy"]).succeeds();
    assert!(outside(&sandbox, "uploaded").contains("canary.A.x9"), "{}", outcome.shown());
    assert!(outcome.stderr.contains("inlined 1 reads"), "{}", outcome.shown());
    sandbox.write(".open-next/worker.js", SOURCE);
    sandbox.write(".open-next/assets/a.txt", "canary.A.x9");
    sandbox.capy(&["run", "--", "opennextjs-cloudflare", "deploy"]).fails(1, "INLINE_REFUSED");
}

#[test]
fn a_worker_of_a_pages_site_that_git_tracks_is_never_written_to() {
    let sandbox = sandbox();
    sandbox.write("public/_worker.js", SOURCE);
    for arguments in [&["init", "-q"][..], &["add", "public/_worker.js"]] {
        let git = Command::new("git").args(arguments).current_dir(sandbox.path("")).status();
        assert!(git.unwrap().success());
    }
    sandbox.capy(&["run", "--", "wrangler", "pages", "deploy", "public"]).fails(1, "TRACKED_WORKER");
    assert_eq!(sandbox.read("public/_worker.js"), SOURCE);
    assert_eq!(calls(&sandbox).len(), 0);
    sandbox.capy(&["run", "--no-inline", "--", "wrangler", "pages", "deploy", "public"]).succeeds();
}

#[test]
fn a_worker_of_assets_alone_is_searched_and_uploaded_as_it_is() {
    let sandbox = sandbox();
    sandbox.write("wrangler.toml", "name = \"site\"\nassets = { directory = \"public\" }\n");
    let script = WRANGLER.replacen("\"$outdir/index.js\"", "\"$outdir/no-op-worker.js\"", 1);
    sandbox.write("bin/wrangler", &script);
    sandbox.capy(&["run", "--", "wrangler", "deploy"]).succeeds();
    assert_eq!(calls(&sandbox)[1..], ["deploy"]);
    assert_eq!(outside(&sandbox, "uploaded"), "plain\n");
    sandbox.write("public/app.js", "canary.A.x9");
    sandbox.capy(&["run", "--", "wrangler", "deploy"]).fails(1, "INLINE_REFUSED");
    assert_eq!(calls(&sandbox).len(), 3);
}

#[test]
fn a_script_that_uploads_through_capy_itself_gets_the_values_of_the_outer_run() {
    for is_platform in [false, true] {
        let mut sandbox = sandbox();
        if is_platform {
            let project = Sandbox::project();
            project.capy_with(&["set", "A"], "canary.A.x9").succeeds();
            let lines = project.capy(&["deploy", "--platform", "other", "--print"]).succeeds().stdout;
            sandbox.service = project.service;
            sandbox.become_platform(&lines);
            // Were it opened, the upload would contain this value.
            sandbox.write(".env", "A=canary.wrong.x9\n");
        }
        let capy = sandbox.command(&[]).get_program().to_string_lossy().into_owned();
        sandbox.write_program("capy", &format!("#!/bin/sh\nexec {capy} \"$@\"\n"));
        for script in ["capy run -- wrangler deploy", "capy run -- true && wrangler deploy"] {
            sandbox.write("package.json", &format!(r#"{{"scripts":{{"deploy":"{script}"}}}}"#));
            sandbox.write_program("npm", NPM);
            let before = sandbox.files();
            let outcome = sandbox.capy(&["run", "--", "npm", "run", "deploy"]).succeeds();
            assert!(!outcome.stderr.contains("warning"), "{}", outcome.shown());
            assert!(outside(&sandbox, "uploaded/index.js").contains("canary.A.x9"), "{}", outcome.shown());
            assert_untouched(&sandbox, &before);
            std::fs::remove_dir_all(sandbox.path("").parent().unwrap().join("uploaded")).unwrap();
        }
        assert_eq!(calls(&sandbox).iter().filter(|call| call.contains("--dry-run")).count(), 2);
    }
}

#[test]
fn the_folder_with_the_values_is_private_ignored_by_git_and_removed_after_a_kill() {
    let sandbox = sandbox();
    let shows = "echo \"STEP=$STEP\" >> \"$CALLS\"; private=$(dirname \"$(dirname \"$script\")\")\n\
                 ls -ld \"$private\" >> \"$CALLS\"; cat \"$private/.gitignore\" >> \"$CALLS\"";
    sandbox.write("bin/wrangler", &WRANGLER.replacen("echo \"STEP=$STEP\" >> \"$CALLS\"", shows, 1));
    for folder in ["capy-killed", "capy-running", "other"] {
        sandbox.write(&format!(".wrangler/tmp/{folder}/.lock"), "");
        sandbox.write(&format!(".wrangler/tmp/{folder}/worker/index.js"), CANARY);
    }
    let running = std::fs::File::open(sandbox.path(".wrangler/tmp/capy-running/.lock")).unwrap();
    running.lock().unwrap();
    sandbox.capy(&["run", "--", "wrangler", "deploy"]).succeeds();
    let calls = calls(&sandbox);
    assert!(calls[3].starts_with("drwx------") && calls[4] == "*", "{calls:?}");
    let left = std::fs::read_dir(sandbox.path(".wrangler/tmp")).unwrap();
    let mut left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["capy-running", "other"]);
}

#[test]
fn the_environment_that_wrangler_takes_from_a_variable_counts() {
    let entry = WRANGLER.replacen("$outdir/index.js", "$outdir/${CLOUDFLARE_ENV:-index}.js", 1);
    for (variables, command) in [
        ("A=canary.A.x9\nCLOUDFLARE_ENV=staging\n", &["wrangler", "deploy"][..]),
        ("A=canary.A.x9\n", &["env", "CLOUDFLARE_ENV=staging", "wrangler", "deploy"]),
    ] {
        let sandbox = sandbox();
        sandbox.write(".env", variables);
        sandbox.write(
            "wrangler.toml",
            "name = \"shop\"\nmain = \"src/index.ts\"\n[env.staging]\nmain = \"src/staging.ts\"\n",
        );
        sandbox.write("bin/wrangler", &entry);
        let outcome = sandbox.capy(&[&["run", "--"], command].concat()).succeeds();
        assert!(outside(&sandbox, "uploaded/staging.js").contains("canary.A.x9"), "{}", outcome.shown());
    }
}

#[test]
fn a_site_that_the_command_line_names_is_searched() {
    let sandbox = sandbox();
    sandbox.write("bin/wrangler", &WRANGLER.replacen("--name|", "--name|--site|", 1));
    sandbox.write("site/app.js", "var key = 'canary.A.x9'");
    sandbox.capy(&["run", "--", "wrangler", "deploy", "--site", "site"]).fails(1, "INLINE_REFUSED");
}
