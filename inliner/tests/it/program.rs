//! `capy-inline` as a program: exit codes, and what goes to which stream. The journeys test how it
//! opens a blob.
#![cfg(feature = "bin")]

use std::process::{Command, Output};
#[cfg(target_os = "linux")]
use std::{io::Write as _, net::TcpListener, os::unix::process::ExitStatusExt, process::Stdio};

fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_capy-inline"));
    command.args(arguments).env_clear().envs(variables.iter().copied());
    command.output().unwrap()
}

#[track_caller]
fn assert_fails(out: &Output, code: i32, words: &str) {
    let text = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(code), "{text}");
    assert!(text.contains(words), "{text}");
    assert!(out.stdout.is_empty());
}

#[test]
fn without_credentials_it_says_which_ones_it_wants() {
    let out = run(&[], &[]);
    assert_fails(&out, 2, "error[CREDENTIALS_MISSING]");
    assert_fails(&out, 2, "hint: set SECRETS_BLOB and PROJECT_KEY");
}

#[test]
fn half_a_pair_names_what_was_found_and_prints_no_value() {
    let out = run(&[], &[("PROJECT_KEY", "canary.PROJECT_KEY.x9")]);
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(!out.status.success() && text.contains("PROJECT_KEY"), "{text}");
    assert!(text.contains("error[CREDENTIALS_INCOMPLETE]"), "{text}");
    assert!(!text.contains("canary."), "{text}");
}

#[test]
fn a_report_for_scripts_names_the_error_that_ended_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    for (arguments, expected) in [
        (&["--report", "json"][..], "CREDENTIALS_MISSING"),
        (&["--explain", "--report", "json", folder], "UNKNOWN_LAYOUT"),
    ] {
        let out = run(arguments, &[]);
        assert!(!out.status.success());
        let printed: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        assert_eq!(printed["error"]["code"], expected);
        assert!(!printed["error"]["message"].as_str().unwrap().is_empty());
        assert!(String::from_utf8_lossy(&out.stderr).contains(expected));
    }
}

#[test]
fn an_unknown_flag_is_wrong_use() {
    assert_fails(&run(&["--no-such-flag"], &[]), 2, "--no-such-flag");
}

/// While it waits for the key service it holds the credentials: nobody else reads its memory, and a crash leaves no core.
#[cfg(target_os = "linux")]
#[test]
fn a_crash_leaves_no_core_and_its_memory_is_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let service = TcpListener::bind("127.0.0.1:0").unwrap();
    let cores = |program: &str| {
        let mut shell = Command::new("sh");
        shell.args(["-c", "ulimit -c unlimited; exec \"$0\" 30", program]).current_dir(folder.path());
        shell.env_clear().stdout(Stdio::null()).stderr(Stdio::null());
        shell
    };
    let abort = |id: u32| {
        let killed = Command::new("sh").args(["-c", &format!("kill -ABRT {id}")]).status().unwrap();
        assert!(killed.success());
    };
    const VECTORS: &str = include_str!("../../../protocol/tests/vectors/secrets_blob_v1.json");
    let vectors: serde_json::Value = serde_json::from_str(VECTORS).unwrap();
    let vector = &vectors[0];
    let mut program = cores(env!("CARGO_BIN_EXE_capy-inline"));
    program
        .env("SECRETS_BLOB", vector["SECRETS_BLOB"].as_str().unwrap())
        .env("PROJECT_KEY", vector["PROJECT_KEY"].as_str().unwrap())
        .env("CAPY_SERVICE_URL", format!("http://{}", service.local_addr().unwrap()));
    let mut child = program.spawn().unwrap();
    // It asks the service: the credentials were read.
    let _held = service.accept().unwrap();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    // The kernel gives what is not dumpable to root, whoever runs it.
    abort(child.id());
    let status = child.wait().unwrap();
    assert!(status.signal() == Some(6) && !status.core_dumped(), "{status:?}");

    // Whether a core is left at all is up to the machine: this one says whether the test above could fail.
    let mut control = cores("sleep").env("PATH", "/usr/bin:/bin").spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    abort(control.id());
    let control = control.wait().unwrap();
    if !control.core_dumped() {
        let _ = writeln!(std::io::stderr(), "this machine leaves no cores: only the limit was checked");
    }
}
