//! The secrets of a key service: who may read the files that they are in, and the process that has them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use crate::cli::server::{SERVE, Server};
use crate::sandbox::Sandbox;

const TOKEN: &str = "canary.ADMIN_TOKEN.x9.0123456789abcdef";

fn set(sandbox: &mut Sandbox, name: &str, value: &str) {
    sandbox.env.insert(name.into(), value.into());
}

fn roots() -> String {
    format!("1:{}", "c4".repeat(32))
}

#[test]
fn a_secrets_file_that_others_may_read_is_refused() {
    let mut sandbox = Sandbox::new();
    sandbox.write("roots", &roots());
    set(&mut sandbox, "ADMIN_TOKEN", TOKEN);
    set(&mut sandbox, "WRAP_ROOTS_FILE", "roots");
    let with_mode = |file: &str, mode| {
        fs::set_permissions(sandbox.path(file), Permissions::from_mode(mode)).unwrap();
    };
    for mode in [0o644, 0o640, 0o604, 0o660, 0o444, 0o440] {
        with_mode("roots", mode);
        let refused = sandbox.capy(&SERVE).fails(10, "SERVICE_SECRET_EXPOSED");
        assert!(refused.stderr.contains("roots can be read by other users"), "{mode:o}: {}", refused.stderr);
        assert!(refused.stderr.contains("hint: let only its owner read it: chmod 600 roots"), "{mode:o}");
        assert!(!refused.stderr.contains("c4c4"), "{mode:o}");
    }
    for mode in [0o600, 0o400] {
        with_mode("roots", mode);
        drop(Server::start(&sandbox, &[], 1));
    }
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    sandbox.write("cert.pem", &made.cert.pem());
    sandbox.write("key.pem", &made.signing_key.serialize_pem());
    with_mode("key.pem", 0o644);
    let tls = [&SERVE[..], &["--tls-cert", "cert.pem", "--tls-key", "key.pem"]].concat();
    let refused = sandbox.capy(&tls).fails(10, "SERVICE_SECRET_EXPOSED");
    assert!(refused.stderr.contains("key.pem can be read by other users"), "{}", refused.stderr);
}

/// As systemd hands it over: root's file, with the list of who may read it in the mode's group.
#[test]
fn a_file_that_root_handed_over_may_be_its_groups() {
    if !rustix::process::geteuid().is_root() {
        // Only root can hand one over.
        return;
    }
    let mut sandbox = Sandbox::new();
    sandbox.write("credentials/roots", &roots());
    let path = sandbox.path("credentials/roots");
    fs::set_permissions(&path, Permissions::from_mode(0o440)).unwrap();
    set(&mut sandbox, "ADMIN_TOKEN", TOKEN);
    set(&mut sandbox, "WRAP_ROOTS_FILE", path.to_str().unwrap());
    sandbox.capy(&SERVE).fails(10, "SERVICE_SECRET_EXPOSED");
    let folder = sandbox.path("credentials").display().to_string();
    set(&mut sandbox, "CREDENTIALS_DIRECTORY", &folder);
    drop(Server::start(&sandbox, &[], 1));
    fs::set_permissions(&path, Permissions::from_mode(0o444)).unwrap();
    sandbox.capy(&SERVE).fails(10, "SERVICE_SECRET_EXPOSED");
}

#[cfg(target_os = "linux")]
#[test]
fn another_process_of_the_same_user_reads_no_key_of_a_running_service() {
    let mut sandbox = Sandbox::new();
    set(&mut sandbox, "ADMIN_TOKEN", TOKEN);
    set(&mut sandbox, "WRAP_ROOTS", &roots());
    sandbox.write("bin/README", "");
    let mut command = sandbox.command_as_nobody(&SERVE);
    let mut control = Command::new("sleep");
    control.arg("60").env("ADMIN_TOKEN", TOKEN).stdin(Stdio::null());
    let server = Server::spawn(
        {
            command.stdin(Stdio::null());
            command
        },
        1,
    );
    let is_root = rustix::process::geteuid().is_root();
    let as_the_same_user = |mut command: Command| {
        if is_root {
            command.uid(65534).gid(65534);
        }
        command
    };
    let mut control = as_the_same_user(control).spawn().unwrap();
    let read = |pid: u32, file: &str| {
        let mut cat = Command::new("cat");
        cat.arg(format!("/proc/{pid}/{file}"));
        let output = as_the_same_user(cat).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (readable, environment) = read(control.id(), "environ");
    control.kill().unwrap();
    control.wait().unwrap();
    assert!(readable && environment.contains(TOKEN), "the test could tell: {environment}");
    for file in ["environ", "maps", "auxv"] {
        assert_eq!(read(server.pid(), file), (false, String::new()), "{file}");
    }
    let (_, limits) = read(server.pid(), "limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
}
