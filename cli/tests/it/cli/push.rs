//! `capy deploy --push`, with stand-ins for the platforms' own command lines that record all that they are given.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use crate::sandbox::{CANARY, DEFAULT_SIGNALS, Sandbox, wait_for};
use crate::stand_in::Fault;

/// Records its arguments, its input and its environment; stores the names that it is given, and lists them.
/// `fail` holds a name that it refuses, loudly; `hide` one that it never lists; `loud` makes it print its input, `cut`
/// only the beginning of it, and `hang` makes it stay; with `fail-list` it lists nothing.
const STAND_IN: &str = r#"#!/bin/sh
names='CAPY_SERVICE_URL|SECRETS_BLOB|SECRETS_BLOB_FILE|PROJECT_KEY'
run="$HOME/runs/$(ls "$HOME/runs" | grep -c argv)"
printf '%s\n' "$@" > "$run.argv"
cat > "$run.stdin"
env > "$run.env"
if [ ! -s "$run.stdin" ]; then
    [ -e "$HOME/fail-list" ] && { echo 'no connection' >&2; exit 4; }
    grep -vxF "$(cat "$HOME/hide" 2>/dev/null || echo -)" "$HOME/store" | sed 's/.*/  & (encrypted) canary.listed.x9/'
    exit 0
fi
[ -e "$HOME/loud" ] && cat "$run.stdin"
given=$(cat "$run.argv" "$run.stdin" | grep -owE "$names" | sort -u)
if [ -e "$HOME/fail" ] && echo "$given" | grep -qxF "$(cat "$HOME/fail")"; then
    [ -e "$HOME/cut" ] && echo "denied: $(cut -c1-24 "$run.stdin")..." >&2 || echo "denied: $(cat "$run.stdin")" >&2
    exit 3
fi
[ -e "$HOME/hang" ] && { sleep 600 & echo $! > "$HOME/hanging"; wait; }
echo "$given" >> "$HOME/store"
"#;

struct Recorded {
    argv: Vec<String>,
    stdin: String,
    env: String,
}

fn home(sandbox: &Sandbox, file: &str) -> PathBuf {
    sandbox.config("../..").join(file)
}

pub(crate) fn project_with(program: &str) -> Sandbox {
    let mut sandbox = Sandbox::project();
    sandbox.capy_with(&["set", "A"], "canary.A.x9").succeeds();
    fs::create_dir(home(&sandbox, "runs")).unwrap();
    sandbox.write_program(program, STAND_IN);
    sandbox
}

/// All runs, in order.
fn recorded(sandbox: &Sandbox) -> Vec<Recorded> {
    let read = |run: usize, what: &str| fs::read_to_string(home(sandbox, &format!("runs/{run}.{what}")));
    let runs = (0..).map_while(|run| {
        let argv = read(run, "argv").ok()?;
        let (stdin, env) = (read(run, "stdin").unwrap(), read(run, "env").unwrap());
        Some(Recorded { argv: argv.lines().map(str::to_owned).collect(), stdin, env })
    });
    runs.collect()
}

fn forget_runs(sandbox: &Sandbox) {
    fs::remove_dir_all(home(sandbox, "runs")).unwrap();
    fs::create_dir(home(sandbox, "runs")).unwrap();
}

/// What the programs were given on stdin, as `NAME=value` lines.
fn given(runs: &[Recorded]) -> String {
    let mut lines = String::new();
    for run in runs.iter().filter(|run| !run.stdin.is_empty()) {
        if let Ok(json) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&run.stdin) {
            lines.extend(json.iter().map(|(name, value)| format!("{name}={}\n", value.as_str().unwrap())));
        } else if run.stdin.contains("PROJECT_KEY=") {
            lines.push_str(&run.stdin);
        } else {
            let names = ["CAPY_SERVICE_URL", "PROJECT_KEY", "SECRETS_BLOB"];
            let name = names.iter().find(|name| run.argv.iter().any(|word| word == *name)).unwrap();
            lines.push_str(&format!("{name}={}\n", run.stdin));
        }
    }
    lines
}

#[test]
fn values_reach_each_command_line_on_stdin_only_and_open() {
    for (platform, program, first_run) in [
        ("vercel", "vercel", &["env", "add", "CAPY_SERVICE_URL", "production", "--force", "--sensitive"][..]),
        ("cloudflare-pages", "wrangler", &["pages", "secret", "bulk", "--env", "production"]),
        ("netlify", "netlify", &["env:import", "/dev/stdin"]),
        ("fly", "flyctl", &["secrets", "import", "--stage"]),
        ("github-actions", "gh", &["secret", "set", "CAPY_SERVICE_URL"]),
        (
            "railway",
            "railway",
            &[
                "variable",
                "set",
                "CAPY_SERVICE_URL",
                "--stdin",
                "--environment",
                "production",
                "--skip-deploys",
            ],
        ),
    ] {
        let mut sandbox = project_with(program);
        let pushed = sandbox.capy(&["deploy", "--platform", platform, "--push", "--yes"]).succeeds();
        let shown = format!("{program} {}", first_run.join(" "));
        assert!(pushed.stderr.contains(&shown), "{platform}: {}", pushed.stderr);
        let all = "set, but the platform does not show whether the value is whole: CAPY_SERVICE_URL, PROJECT_KEY, SECRETS_BLOB";
        assert!(pushed.stderr.contains(all), "{platform}: {}", pushed.stderr);
        assert_eq!(pushed.stdout, "", "{platform}");

        let runs = recorded(&sandbox);
        assert_eq!(runs[0].argv, first_run, "{platform}");
        let lines = given(&runs);
        let secrets: Vec<_> = lines.lines().filter_map(|line| Some(line.split_once('=')?.1)).collect();
        assert_eq!(secrets.len(), 3, "{platform}: {lines}");
        for run in &runs {
            for secret in secrets.iter().filter(|secret| !secret.starts_with("http")) {
                assert!(!run.argv.join(" ").contains(secret) && !run.env.contains(secret), "{platform}");
            }
        }
        for secret in secrets {
            assert!(secret.starts_with("http") || !pushed.stderr.contains(secret), "{platform}");
        }
        sandbox.become_platform(&lines);
        assert_eq!(sandbox.capy(&["run", "--", "sh", "-c", "echo $A"]).succeeds().stdout, "canary.A.x9\n");
    }
}

/// The platform refuses secrets for development.
#[test]
fn variables_are_secrets_where_the_platform_allows_it() {
    for (environment, is_secret) in [("production", true), ("preview", true), ("development", false)] {
        let sandbox = project_with("vercel");
        let push = ["deploy", "--platform", "vercel", "--environment", environment, "--push", "--yes"];
        sandbox.capy(&push).succeeds();
        let runs = recorded(&sandbox);
        let set: Vec<_> = runs.iter().filter(|run| run.argv[1] == "add").collect();
        assert_eq!(set.len(), 3);
        for run in set {
            assert_eq!(run.argv.iter().any(|word| word == "--sensitive"), is_secret, "{:?}", run.argv);
        }
    }
}

/// Stores `NAME=value` lines after a sed script has gone over them, and lists them as they are stored.
const KEEPER: &str = r#"#!/bin/sh
case "$*" in
    *list*) cat "$HOME/store" ;;
    env:import*) sed -f "$HOME/damage" >> "$HOME/store" ;;
    *) printf '%s=%s\n' "$3" "$(cat)" | sed -f "$HOME/damage" >> "$HOME/store" ;;
esac
"#;

#[test]
fn a_value_that_the_platform_shows_is_compared_and_a_damaged_one_is_not_called_set() {
    let others = "set, and verified: CAPY_SERVICE_URL, ";
    let altered = "set, but the platform stored a different value: ";
    for (platform, name, program) in [("netlify", "Netlify", "netlify"), ("railway", "Railway", "railway")] {
        for (damage, damaged) in [
            (r"s/^\(PROJECT_KEY=\).*/\1/", "PROJECT_KEY"),
            (r"s/^\(SECRETS_BLOB=.\{30\}\).*/\1/", "SECRETS_BLOB"),
            (r"s/^\(SECRETS_BLOB=.*\)./\1/", "SECRETS_BLOB"),
        ] {
            let mut sandbox = project_with(program);
            sandbox.write_program(program, KEEPER);
            fs::write(home(&sandbox, "damage"), damage).unwrap();
            let push = ["deploy", "--platform", platform, "--push", "--yes"];
            let told = sandbox.capy(&push).fails(1, "PUSH_INCOMPLETE");
            let (id, is_revoked) = made(&sandbox);
            assert!(!is_revoked && told.stderr.contains(&format!("capy deploy revoke {id}")), "{platform}");
            let whole = if damaged == "PROJECT_KEY" { "SECRETS_BLOB" } else { "PROJECT_KEY" };
            for line in [
                format!("{others}{whole}\n"),
                format!("{altered}{damaged}\n"),
                format!("not everything was set on {name}: {damaged}"),
            ] {
                assert!(told.stderr.contains(&line), "{platform}: {line}: {}", told.stderr);
            }
            for stored in fs::read_to_string(home(&sandbox, "store")).unwrap().lines() {
                let value = stored.split_once('=').unwrap().1;
                let is_secret = !value.is_empty() && !value.starts_with("http");
                assert!(!is_secret || !told.stderr.contains(value), "{platform}: {}", told.stderr);
            }
        }
        let mut sandbox = project_with(program);
        sandbox.write_program(program, KEEPER);
        fs::write(home(&sandbox, "damage"), "").unwrap();
        let push = ["deploy", "--platform", platform, "--push", "--yes"];
        let told = sandbox.capy(&push).succeeds();
        assert!(told.stderr.contains(&format!("{others}PROJECT_KEY, SECRETS_BLOB\n")), "{}", told.stderr);
        assert!(!told.stderr.contains("--held"), "nothing is left to check: {}", told.stderr);
        // What was sealed there before is shown as stars: nobody knows.
        let mut sandbox = project_with(program);
        sandbox.write_program(program, KEEPER);
        fs::write(home(&sandbox, "damage"), r"s/^\(PROJECT_KEY=\).*/\1********/").unwrap();
        let told = sandbox.capy(&push).succeeds();
        assert!(told.stderr.contains("whether the value is whole: PROJECT_KEY\n"), "{}", told.stderr);
    }
}

#[test]
fn a_push_tells_what_the_platform_sets_itself() {
    let sandbox = project_with("flyctl");
    sandbox.capy_with(&["set", "FLY_REGION"], "ams").succeeds();
    let told = sandbox.capy(&PUSH_FLY).succeeds();
    assert!(told.stderr.contains("note: Fly.io sets FLY_REGION itself (https://fly.io/"), "{}", told.stderr);
}

#[test]
fn a_name_that_is_listed_is_no_proof_of_its_value() {
    // This stand-in says that all went well, and keeps no value at all.
    for (platform, program) in
        [("vercel", "vercel"), ("cloudflare-pages", "wrangler"), ("fly", "flyctl"), ("github-actions", "gh")]
    {
        let sandbox = project_with(program);
        let told = sandbox.capy(&["deploy", "--platform", platform, "--push", "--yes"]).succeeds();
        let listed = "the platform does not show whether the value is whole: CAPY_SERVICE_URL, PROJECT_KEY, SECRETS_BLOB";
        for text in [listed, "capy deploy --check --held FILE\n", "`capy deploy list` counts a use"] {
            assert!(told.stderr.contains(text), "{platform}: {text}: {}", told.stderr);
        }
        assert!(!told.stderr.contains("verified"), "{platform}: {}", told.stderr);
    }
}

#[test]
fn the_project_is_named_to_setting_and_listing() {
    let sandbox = project_with("wrangler");
    let push = ["deploy", "--platform", "cloudflare-pages", "--environment", "preview", "--push", "--yes"];
    sandbox.capy(&[&push[..], &["--project", "shop"]].concat()).succeeds();
    for run in recorded(&sandbox) {
        let argv = run.argv.join(" ");
        assert!(argv.ends_with("--env preview --project-name shop"), "{argv}");
    }
}

#[test]
fn a_partial_failure_is_reported_exactly_and_the_same_again_sets_all() {
    let sandbox = project_with("gh");
    let push = ["deploy", "--platform", "github-actions", "--push", "--yes"];
    fs::write(home(&sandbox, "fail"), "SECRETS_BLOB\n").unwrap();
    fs::write(home(&sandbox, "hide"), "PROJECT_KEY\n").unwrap();
    let failed = sandbox.capy(&push).fails(1, "PUSH_INCOMPLETE");
    for line in [
        "hint: repair what it complains of and run the same again",
        "set, but the platform does not show whether the value is whole: CAPY_SERVICE_URL\n",
        "set, but not listed by the platform: PROJECT_KEY\n",
        "not set: SECRETS_BLOB\n",
        "its command line printed: denied: …\n",
    ] {
        assert!(failed.stderr.contains(line), "{line}: {}", failed.stderr);
    }
    let runs = recorded(&sandbox);
    assert!(runs.iter().all(|run| run.stdin.is_empty()
        || !failed.stderr.contains(&run.stdin)
        || run.stdin.starts_with("http")));

    for file in ["fail", "hide"] {
        fs::remove_file(home(&sandbox, file)).unwrap();
    }
    forget_runs(&sandbox);
    sandbox.capy(&push).succeeds();
    assert_eq!(given(&recorded(&sandbox)).lines().count(), 3);
}

#[test]
fn what_a_command_line_prints_is_never_shown_when_it_is_a_value() {
    let sandbox = project_with("netlify");
    fs::write(home(&sandbox, "loud"), "").unwrap();
    let pushed = sandbox.capy(&["deploy", "--platform", "netlify", "--push", "--yes"]).succeeds();
    assert!(!pushed.stderr.contains(CANARY), "{}", pushed.stderr);
    let lines = given(&recorded(&sandbox));
    let key = lines.lines().find_map(|line| line.strip_prefix("PROJECT_KEY=")).unwrap();
    assert!(!pushed.stderr.contains(key), "{}", pushed.stderr);
}

#[test]
fn nothing_is_made_when_nothing_can_be_pushed() {
    let mut sandbox = Sandbox::project();
    sandbox.capy_with(&["set", "A"], "canary.A.x9").succeeds();
    sandbox.env.insert("PATH".into(), "/usr/bin:/bin".into());
    sandbox.capy(&["deploy", "--platform", "fly", "--push", "--yes"]).fails(1, "PUSH_PROGRAM_MISSING");
    let by_hand =
        sandbox.capy(&["deploy", "--platform", "docker", "--push", "--yes"]).fails(2, "PUSH_UNSUPPORTED");
    assert!(by_hand.stderr.contains("hint: set the variables by hand"), "{}", by_hand.stderr);
    sandbox.capy(&["deploy", "--push", "--yes"]).fails(2, "PLATFORM_MISSING");
    assert!(sandbox.service.deploys().is_empty());

    let sandbox = project_with("flyctl");
    let refused = sandbox.capy(&["deploy", "--platform", "fly", "--push"]).fails(1, "NOT_CONFIRMED");
    assert!(refused.stderr.contains("flyctl secrets import --stage"), "{}", refused.stderr);
    assert!(sandbox.service.deploys().is_empty() && recorded(&sandbox).is_empty());
    fs::write(home(&sandbox, "fail"), "SECRETS_BLOB\n").unwrap();
    let failed =
        sandbox.capy(&["deploy", "--platform", "fly", "--push", "--yes"]).fails(1, "PUSH_INCOMPLETE");
    assert!(
        failed.stderr.contains("not set: CAPY_SERVICE_URL, PROJECT_KEY, SECRETS_BLOB"),
        "{}",
        failed.stderr
    );
    let deploys = sandbox.service.deploys();
    assert!(deploys.len() == 1 && deploys[0].revoked_at.is_some(), "what nobody holds is taken back");
}

const PUSH_FLY: [&str; 5] = ["deploy", "--platform", "fly", "--push", "--yes"];

/// The only deployment that was made.
fn made(sandbox: &Sandbox) -> (String, bool) {
    let deploys = sandbox.service.deploys();
    assert_eq!(deploys.len(), 1);
    (deploys[0].deploy_id.short(), deploys[0].revoked_at.is_some())
}

#[test]
fn what_another_deployment_left_there_is_named_with_the_commands_that_remove_it() {
    let sandbox = project_with("vercel");
    fs::write(home(&sandbox, "store"), "_CAPY_SECRETS_BLOB\nSECRETS_BLOB_2\nDATABASE_URL\n").unwrap();
    let push = ["deploy", "--platform", "vercel", "--push", "--yes"];
    let told = sandbox.capy(&push).fails(1, "PUSH_LEFT_OVER");
    for text in [
        "Vercel still holds _CAPY_SECRETS_BLOB, SECRETS_BLOB_2 of another deployment",
        "vercel env rm _CAPY_SECRETS_BLOB production; vercel env rm SECRETS_BLOB_2 production",
    ] {
        assert!(told.stderr.contains(text), "{}", told.stderr);
    }
    let (id, is_revoked) = made(&sandbox);
    assert!(!is_revoked && told.stderr.contains(&format!("capy deploy revoke {id}")), "{}", told.stderr);

    // A step gets what it names, and no other secret.
    let sandbox = project_with("gh");
    fs::write(home(&sandbox, "store"), "_CAPY_SECRETS_BLOB\n").unwrap();
    sandbox.capy(&["deploy", "--platform", "github-actions", "--push", "--yes"]).succeeds();
}

#[test]
fn what_may_have_arrived_is_not_revoked() {
    let sandbox = project_with("flyctl");
    fs::write(home(&sandbox, "fail-list"), "").unwrap();
    let told = sandbox.capy(&PUSH_FLY).fails(1, "PUSH_INCOMPLETE");
    let (id, is_revoked) = made(&sandbox);
    assert!(!is_revoked);
    for text in [
        "unknown whether set: CAPY_SERVICE_URL, PROJECT_KEY, SECRETS_BLOB\n".to_owned(),
        "its command line printed: no connection\n".to_owned(),
        "it is not known whether Fly.io holds CAPY_SERVICE_URL".to_owned(),
        format!("then `capy deploy revoke {id}`"),
    ] {
        assert!(told.stderr.contains(&text), "{text}: {}", told.stderr);
    }
}

#[test]
fn an_interrupt_ends_the_platforms_program_and_says_what_became_of_the_deployment() {
    let sandbox = project_with("flyctl");
    fs::write(home(&sandbox, "hang"), "").unwrap();
    let plain = sandbox.command(&PUSH_FLY);
    let mut command = std::process::Command::new(DEFAULT_SIGNALS[0]);
    command.args(&DEFAULT_SIGNALS[1..]).arg(plain.get_program()).args(plain.get_args());
    command.current_dir(sandbox.path("")).env_clear().envs(&sandbox.env);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for("the program was not started", || home(&sandbox, "hanging").exists());
    let hanging = fs::read_to_string(home(&sandbox, "hanging")).unwrap();
    kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let (id, is_revoked) = made(&sandbox);
    assert!(!is_revoked && said.contains(&format!("then `capy deploy revoke {id}`")), "{said}");
    assert!(said.contains("unknown whether set: ") && said.contains("it did not end"), "{said}");
    use std::os::unix::process::ExitStatusExt;
    assert_eq!(output.status.signal(), Some(Signal::INT.as_raw()));
    let stat = format!("/proc/{}/stat", hanging.trim());
    wait_for("what it started still runs", || {
        fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "))
    });
}

#[test]
fn half_a_push_names_its_deployment_and_what_to_do() {
    let sandbox = project_with("gh");
    fs::write(home(&sandbox, "fail"), "SECRETS_BLOB\n").unwrap();
    fs::write(home(&sandbox, "cut"), "").unwrap();
    let push = ["deploy", "--platform", "github-actions", "--push", "--yes"];
    let told = sandbox.capy(&push).fails(1, "PUSH_INCOMPLETE");
    let (id, is_revoked) = made(&sandbox);
    assert!(!is_revoked);
    assert!(
        told.stderr.contains(&format!("makes a new deployment; then `capy deploy revoke {id}`")),
        "{}",
        told.stderr
    );
    // Of a value that was cut short nothing is shown either.
    assert!(told.stderr.contains("its command line printed: denied: …...\n"), "{}", told.stderr);
}

#[test]
fn the_blobs_file_is_named_and_holds_what_it_held_when_nothing_arrived() {
    let sandbox = project_with("flyctl");
    let to_file = [&PUSH_FLY[..], &["--blob-file", "capy.blob"]].concat();
    let told = sandbox.capy(&to_file).succeeds();
    assert!(told.stderr.contains("the blob is in capy.blob: deploy it with the code"), "{}", told.stderr);
    let blob = sandbox.read("capy.blob");
    fs::write(home(&sandbox, "fail"), "PROJECT_KEY\n").unwrap();
    sandbox.capy(&to_file).fails(1, "PUSH_INCOMPLETE");
    assert_eq!(sandbox.read("capy.blob"), blob);
}

#[test]
fn an_error_of_the_push_is_told_even_where_nothing_can_be_taken_back() {
    let sandbox = project_with("flyctl");
    fs::write(home(&sandbox, "fail"), "PROJECT_KEY\n").unwrap();
    sandbox.service.fail_from("DELETE", Fault::Refuse(403, "FORBIDDEN"));
    let told = sandbox.capy(&PUSH_FLY).fails(1, "PUSH_INCOMPLETE");
    let (id, is_revoked) = made(&sandbox);
    assert!(!is_revoked && told.stderr.contains("cannot revoke deployment"), "{}", told.stderr);
    assert!(told.stderr.contains(&format!("then `capy deploy revoke {id}`")), "{}", told.stderr);
}

#[test]
fn what_a_command_line_cannot_be_told_is_refused_before_anything_is_made() {
    let sandbox = project_with("vercel");
    let push = ["deploy", "--platform", "vercel", "--push", "--yes", "--project", "shop"];
    let refused = sandbox.capy(&push).fails(2, "PROJECT_UNSUPPORTED");
    assert!(refused.stderr.contains("vercel has no option that names a project"), "{}", refused.stderr);
    let workers = ["deploy", "--platform", "cloudflare-workers", "--push", "--yes"];
    let refused = sandbox.capy(&workers).fails(2, "PUSH_UNSUPPORTED");
    assert!(refused.stderr.contains("the variables belong to the build"), "{}", refused.stderr);
    assert!(sandbox.service.deploys().is_empty());

    let sandbox = project_with("netlify");
    let netlify = ["deploy", "--platform", "netlify", "--push", "--yes", "--environment", "production"];
    let refused = sandbox.capy(&netlify).fails(2, "PUSH_UNSUPPORTED");
    assert!(refused.stderr.contains("for the environment all only"), "{}", refused.stderr);
    assert!(sandbox.service.deploys().is_empty());
}

#[test]
fn the_repositorys_own_program_is_run_and_shown() {
    let mut sandbox = project_with("wrangler");
    let folder = sandbox.path("node_modules/.bin");
    fs::create_dir_all(&folder).unwrap();
    fs::rename(sandbox.path("bin/wrangler"), folder.join("wrangler")).unwrap();
    sandbox.env.insert("PATH".into(), "/usr/bin:/bin".into());
    let pushed = sandbox.capy(&["deploy", "--platform", "cloudflare-pages", "--push", "--yes"]).succeeds();
    assert!(pushed.stderr.contains("  node_modules/.bin/wrangler pages secret bulk"), "{}", pushed.stderr);
    assert_eq!(recorded(&sandbox).len(), 2);
}

#[test]
fn an_environment_that_the_person_made_there_reaches_setting_and_listing() {
    let sandbox = project_with("gh");
    let push = ["deploy", "--platform", "github-actions", "--push", "--yes", "--environment", "my staging"];
    let pushed = sandbox.capy(&push).succeeds();
    assert!(pushed.stderr.contains("gh secret set PROJECT_KEY --env 'my staging'"), "{}", pushed.stderr);
    for run in recorded(&sandbox) {
        assert_eq!(run.argv[run.argv.len() - 2..], ["--env", "my staging"], "{:?}", run.argv);
    }
}
