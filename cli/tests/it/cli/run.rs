//! `capy run`: where the secrets come from, what the command sees, how it ends.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::sandbox::{CANARY, Sandbox};
use crate::stand_in::{Fault, StandIn};

/// A sandbox with a deployment's variables in its environment and nothing else.
fn platform() -> Sandbox {
    let mut sandbox = Sandbox::project();
    sandbox.capy_with(&["set", "A"], "canary.A.x9").succeeds();
    let lines = sandbox.capy(&["deploy", "--platform", "other", "--print"]).succeeds().stdout;
    sandbox.become_platform(&lines);
    sandbox
}

/// A sandbox with a plain `.env` and no project.
fn local() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write(".env", "A=canary.A.x9\n");
    sandbox
}

fn touch(sandbox: &Sandbox) -> [String; 4] {
    ["run".into(), "--".into(), "touch".into(), sandbox.path("ran").display().to_string()]
}

fn run_touch(sandbox: &Sandbox) -> crate::sandbox::Outcome {
    let arguments = touch(sandbox);
    sandbox.capy(&arguments.each_ref().map(String::as_str))
}

#[test]
fn the_command_sees_the_secrets_and_no_credential() {
    let mut sandbox = platform();
    sandbox.env.insert("CAPY_TOKEN".into(), "canary".into());
    sandbox.env.insert("_CAPY_OTHER".into(), "canary".into());
    sandbox.env.insert("KEPT".into(), "1".into());
    let run = sandbox.capy(&["run", "--", "env"]).succeeds();
    let mut names: Vec<_> = run.stdout.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    names.sort_unstable();
    assert_eq!(names, ["A", "HOME", "KEPT", "PATH"]);
    assert_eq!(run.stderr, "");
}

/// Its own memory leaves no core; the command's is the command's affair.
#[test]
fn the_command_has_the_limit_on_cores_that_was_set() {
    let sandbox = local();
    let limit =
        "ulimit -S -c \"$(ulimit -H -c)\" && ulimit -c && exec \"$0\" run \"$@\" -- sh -c 'ulimit -c'";
    for more in [&[][..], &["--inline"]] {
        let capy = sandbox.command(&[]);
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", limit]).arg(capy.get_program()).args(more);
        shell.current_dir(sandbox.path("")).env_clear().envs(&sandbox.env);
        let stdout = sandbox.finish(shell, "").stdout;
        let [before, inside] = stdout.lines().collect::<Vec<_>>()[..] else { panic!("{stdout}") };
        assert_eq!(before, inside, "{more:?}");
    }
}

#[test]
fn no_secret_is_in_any_command_line() {
    let sandbox = platform();
    let script = "for id in self $$ $PPID; do tr '\\0' ' ' < /proc/$id/cmdline; done";
    for inline in [&[][..], &["--inline"]] {
        let run = sandbox.capy(&[&["run"], inline, &["--", "sh", "-c", script]].concat());
        assert!(run.stdout.contains("sh -c"), "{}", run.stdout);
        assert!(
            !run.stdout.contains(CANARY) && !run.stdout.contains(&sandbox.env["PROJECT_KEY"]),
            "{}",
            run.stdout
        );
    }
}

type Breakage = (i32, &'static str, fn(&mut Sandbox, &StandIn));

#[test]
fn five_faults_make_five_exit_codes_and_the_command_does_not_run() {
    let faults: [Breakage; 5] = [
        (40, "WRONG_PROJECT_KEY", |sandbox, _| {
            sandbox.env.insert("PROJECT_KEY".into(), "11".repeat(32));
        }),
        (41, "BLOB_TAMPERED", |sandbox, _| flip(sandbox, |len| len - 1)),
        (42, "BLOB_OF_ANOTHER_SERVICE", |sandbox, other| {
            sandbox.env.insert("CAPY_SERVICE_URL".into(), other.url());
        }),
        (43, "DEPLOY_UNKNOWN", |sandbox, _| flip(sandbox, |_| 5)),
        (44, "DEPLOY_REVOKED", |sandbox, _| {
            sandbox.service.fail_always(Fault::Refuse(410, "DEPLOY_REVOKED"))
        }),
    ];
    let other = StandIn::start();
    let mut messages = String::new();
    for (exit_code, code, break_it) in faults {
        let mut sandbox = platform();
        break_it(&mut sandbox, &other);
        let outcome = run_touch(&sandbox).fails(exit_code, code);
        assert!(!sandbox.path("ran").exists(), "{code}");
        messages += &outcome.shown().replace(&other.url(), "http://other");
    }
    insta::assert_snapshot!("five_faults", messages);
}

fn flip(sandbox: &mut Sandbox, index: impl Fn(usize) -> usize) {
    use capy_protocol::text::{parse_base64, serialize_base64};
    let mut bytes = parse_base64(&sandbox.env["SECRETS_BLOB"]).unwrap();
    let at = index(bytes.len());
    bytes[at] ^= 1;
    sandbox.env.insert("SECRETS_BLOB".into(), serialize_base64(&bytes));
}

#[test]
fn half_a_pair_or_two_pairs_say_what_was_found() {
    let mut sandbox = platform();
    let key = sandbox.env.remove("PROJECT_KEY").unwrap();
    let half = run_touch(&sandbox).fails(30, "CREDENTIALS_INCOMPLETE");
    insta::assert_snapshot!("half_a_pair", half.shown());
    sandbox.env.insert("PROJECT_KEY".into(), key.clone());
    sandbox.env.insert("_CAPY_DEPLOY_KEY".into(), key);
    let both = run_touch(&sandbox).fails(31, "CREDENTIALS_AMBIGUOUS");
    insta::assert_snapshot!("two_pairs", both.shown());
    assert!(!sandbox.path("ran").exists());
}

#[test]
fn a_service_that_is_down_is_retried_until_the_deadline_and_the_command_does_not_run() {
    let sandbox = platform();
    for fault in [Fault::Status(500), Fault::RetryAfter(0), Fault::Close, Fault::Hang, Fault::Drip] {
        let before = sandbox.service.seen().len();
        sandbox.service.fail_always(fault.clone());
        let start = Instant::now();
        let outcome = run_touch(&sandbox).fails(20, "SERVICE_UNREACHABLE");
        let took = start.elapsed();
        assert!(took < Duration::from_millis(3500), "{fault:?} took {took:?}");
        assert!(outcome.stderr.contains(&sandbox.service.url()), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("\n\nhint: "), "{}", outcome.stderr);
        if !matches!(fault, Fault::Hang | Fault::Drip) {
            assert!(sandbox.service.seen().len() - before >= 2, "{fault:?} was not retried");
        }
    }
    for fault in [Fault::Garbage, Fault::Endless(200), Fault::Redirect("http://127.0.0.1:1/".into())] {
        sandbox.service.fail_always(fault);
        run_touch(&sandbox).fails(21, "SERVICE_ERROR");
    }
    assert!(!sandbox.path("ran").exists());
    sandbox.service.recover();
    sandbox.service.fail_next([Fault::Status(503), Fault::Close]);
    run_touch(&sandbox).succeeds();
    assert!(sandbox.path("ran").exists());
}

#[test]
fn a_deployment_wins_over_what_is_set_and_says_so() {
    let mut sandbox = platform();
    sandbox.env.insert("A".into(), "set".into());
    let run = sandbox.capy(&["run", "--", "sh", "-c", "echo $A"]).succeeds();
    assert_eq!(run.stdout, "canary.A.x9\n");
    assert_eq!(run.stderr, "note: the deployment's value replaces the one that is set: A\n");
}

#[test]
fn what_is_set_wins_over_the_env_file_but_for_override() {
    let mut sandbox = local();
    sandbox.env.insert("A".into(), "set".into());
    let echo = ["--", "sh", "-c", "echo $A"];
    assert_eq!(sandbox.capy(&[&["run"], &echo[..]].concat()).succeeds().stdout, "set\n");
    let run = sandbox.capy(&[&["run", "--override"], &echo[..]].concat()).succeeds();
    assert_eq!(run.stdout, "canary.A.x9\n");
}

#[test]
fn an_env_file_needs_no_project_while_nothing_in_it_is_sealed() {
    let sandbox = local();
    let run = sandbox.capy(&["run", "--", "sh", "-c", "echo $A"]).succeeds();
    assert_eq!(run.stdout, "canary.A.x9\n");
    sandbox.write(".env", "A=capy:v1:AAAA\n");
    sandbox.capy(&["run", "--", "true"]).fails(10, "NOT_INITIALISED");
    let empty = Sandbox::new();
    empty.capy(&["run", "--", "true"]).fails(10, "NO_SECRETS");
}

#[test]
fn reserved_and_odd_lines_are_passed_over_aloud() {
    let sandbox = local();
    sandbox.write(".env", "PROJECT_KEYS=1\nCAPY_TOKEN=canary\nodd line\nB=2\n");
    let run = sandbox.capy(&["run", "--", "sh", "-c", "echo $B ${CAPY_TOKEN-unset}"]).succeeds();
    assert_eq!(run.stdout, "2 unset\n");
    insta::assert_snapshot!("odd_lines", run.shown());
}

#[test]
fn the_command_takes_the_process_over() {
    let sandbox = local();
    let mut child = sandbox
        .command(&["run", "--", "sh", "-c", "echo $$; exit 7"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let id = child.id();
    let output = {
        let mut text = String::new();
        std::io::Read::read_to_string(child.stdout.as_mut().unwrap(), &mut text).unwrap();
        text
    };
    assert_eq!(output.trim(), id.to_string());
    assert_eq!(child.wait().unwrap().code(), Some(7));
    assert_eq!(sandbox.capy(&["run", "--", "sh", "-c", "kill -TERM $$"]).code, -15);
}

#[test]
fn a_command_that_cannot_run_ends_as_in_a_shell() {
    let sandbox = local();
    for program in ["no-such-program", "next"] {
        let arguments = if program == "next" {
            vec!["run", "--", "./bin/next", "build"]
        } else {
            vec!["run", "--", program]
        };
        sandbox.capy(&arguments).fails(127, "COMMAND_NOT_FOUND");
    }
    sandbox.write("data", "x");
    sandbox.capy(&["run", "--", "./data"]).fails(126, "COMMAND_NOT_EXECUTABLE");
}

#[test]
fn an_assignment_in_place_of_a_command_is_told_without_its_value() {
    let sandbox = local();
    for command in [
        &["FOO_X=canary", "node", "app.js"][..],
        &["FOO_X=canary"],
        &["FOO_X=/canary/nowhere", "node"],
        &["FOO_X=canary A=canary node app.js"],
        &["FOO_X=canary", "next", "build"],
        &["FOO_X=", "node"],
    ] {
        let refused = sandbox.capy(&[&["run", "--"], command].concat()).fails(127, "COMMAND_NOT_FOUND");
        assert!(refused.stderr.contains("hint: use env: capy run -- env FOO_X=… "), "{}", refused.stderr);
    }
    let run = sandbox.capy(&["run", "--", "env", "FOO_X=1", "sh", "-c", "echo $FOO_X $A"]).succeeds();
    assert_eq!(run.stdout, "1 canary.A.x9\n");
}

#[test]
fn a_command_line_in_one_word_is_told_so() {
    let sandbox = local();
    for line in ["node app.js", "node app.js --token=canary", "./run.sh\tcanary"] {
        let refused = sandbox.capy(&["run", "--", line]).fails(127, "COMMAND_NOT_FOUND");
        assert!(refused.stderr.contains("hint: remove the quotes, "), "{}", refused.stderr);
    }
    sandbox.write("two words", "#!/bin/sh\necho ran\n");
    let path = sandbox.path("two words");
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    assert_eq!(sandbox.capy(&["run", "--", "./two words"]).succeeds().stdout, "ran\n");
}

#[cfg(target_os = "linux")]
#[test]
fn what_execve_does_not_take_is_named_with_its_size_and_without_its_value() {
    let sandbox = Sandbox::new();
    let refused = |lines: &str, command: &[&str], code: &str| {
        sandbox.write(".env", lines);
        sandbox.capy(&[&["run", "--"], command].concat()).fails(126, code).stderr
    };
    let long = "canary".repeat(30_000);
    let told = refused(&format!("A=1\nBIG_ONE={long}\n"), &["true"], "VARIABLE_TOO_LARGE");
    let bytes = "BIG_ONE=\0".len() + long.len();
    assert!(told.contains(&format!("variable BIG_ONE has {bytes} bytes with its name")), "{told}");
    assert!(told.contains("a program can get at most 131072\n"), "{told}");
    let many: String = (0..70).map(|index| format!("MANY_{index}={}\n", "canary".repeat(20_000))).collect();
    let told = refused(&many, &["true"], "ENVIRONMENT_TOO_LARGE");
    assert!(told.contains("MANY_1") && told.contains("the largest variables: "), "{told}");
    // A value of the largest size that fits, under the shortest name.
    let most = 131_072 - "A=\0".len();
    sandbox.write(".env", &format!("A={}\n", "x".repeat(most)));
    let run = sandbox.capy(&["run", "--", "sh", "-c", "echo ${#A}"]).succeeds();
    assert_eq!(run.stdout, format!("{most}\n"));
    sandbox.write(".env", &format!("A={}\n", "x".repeat(most + 1)));
    sandbox.capy(&["run", "--", "true"]).fails(126, "VARIABLE_TOO_LARGE");
    for inline in [&[][..], &["--inline"]] {
        sandbox.capy(&[&["run"], inline, &["--", "true"]].concat()).fails(126, "VARIABLE_TOO_LARGE");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_limit_of_all_together_is_told_as_the_system_has_it() {
    let sandbox = Sandbox::new();
    // The stack's limit decides: what passes with a large one is refused with a small one, and never started.
    let lines: String = (0..24).map(|index| format!("MANY_{index}={}\n", "canary".repeat(2_000))).collect();
    sandbox.write(".env", &lines);
    let with_stack = |kilobytes: u32| {
        let plain = sandbox.command(&["run", "--", "sh", "-c", "echo ran"]);
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &format!("ulimit -s {kilobytes}; exec \"$0\" \"$@\"")]);
        shell.arg(plain.get_program()).args(plain.get_args());
        shell.current_dir(sandbox.path("")).env_clear().envs(&sandbox.env);
        sandbox.finish(shell, "")
    };
    assert_eq!(with_stack(8192).succeeds().stdout, "ran\n");
    let told = with_stack(1024).fails(126, "ENVIRONMENT_TOO_LARGE").stderr;
    assert!(told.contains("but a program can get at most 262144; "), "{told}");
}

#[test]
fn variables_that_are_there_and_empty_are_told_as_that() {
    let mut sandbox = platform();
    sandbox.env.insert("SECRETS_BLOB".into(), String::new());
    let half = run_touch(&sandbox).fails(30, "CREDENTIALS_INCOMPLETE");
    assert!(half.stderr.contains("PROJECT_KEY is set but SECRETS_BLOB is empty"), "{}", half.shown());
    sandbox.env.insert("PROJECT_KEY".into(), " ".into());
    let both = run_touch(&sandbox).fails(10, "CREDENTIALS_EMPTY");
    assert!(both.stderr.contains("SECRETS_BLOB and PROJECT_KEY are set but empty"), "{}", both.shown());
    assert!(!sandbox.path("ran").exists());
    sandbox.write(".env", "A=1\n");
    let run = sandbox.capy(&["run", "--", "sh", "-c", "echo $A"]).succeeds();
    assert_eq!((run.stdout.as_str(), run.stderr.contains("set and empty")), ("1\n", true));
}

#[test]
fn what_a_platform_shows_in_place_of_a_value_is_no_damage() {
    let mut sandbox = platform();
    let (blob, key) = (sandbox.env["SECRETS_BLOB"].clone(), sandbox.env["PROJECT_KEY"].clone());
    sandbox.env.insert("SECRETS_BLOB".into(), "[SENSITIVE]".into());
    run_touch(&sandbox).fails(32, "VALUE_HIDDEN");
    sandbox
        .env
        .insert("SECRETS_BLOB".into(), format!("|\n  {}\n", &blob.replace('+', "-").replace('/', "_")));
    sandbox.env.insert("PROJECT_KEY".into(), format!("\u{feff}PROJECT_KEY='{key}'\r\n"));
    run_touch(&sandbox).succeeds();
    sandbox.env.insert("PROJECT_KEY".into(), "${{ secrets.PROJECT_KEY }}".into());
    run_touch(&sandbox).fails(32, "VALUE_NOT_REPLACED");
}
