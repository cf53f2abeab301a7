//! A Linux that knows no system call of after its version 4.4, and a root without `/proc` and `/dev`: what platforms with
//! old kernels and narrow sandboxes are like. The profile answers as such a kernel does.

use std::fs;
use std::path::PathBuf;

use capy_journeys::podman::{Podman, Start};
use capy_journeys::{printed, programs};
use capy_test_support::key_service::KeyService;
use serde_json::{Value, json};

use crate::containers::{CANARY, root, wait_for};

const IMAGE: &str = "localhost/old:1";
/// The root without `/proc`, inside of the image.
const ROOT: &str = "old";

/// What came after 4.4, by `syscall_64.tbl`; of 4.5 and on. An engine passes over names that its own library does not know.
const NEWER: &str = "copy_file_range preadv2 pwritev2 pkey_mprotect pkey_alloc pkey_free statx io_pgetevents rseq \
    pidfd_send_signal io_uring_setup io_uring_enter io_uring_register open_tree move_mount fsopen fsconfig fsmount \
    fspick pidfd_open clone3 close_range openat2 pidfd_getfd faccessat2 process_madvise epoll_pwait2 mount_setattr \
    quotactl_fd landlock_create_ruleset landlock_add_rule landlock_restrict_self memfd_secret process_mrelease \
    futex_waitv set_mempolicy_home_node cachestat fchmodat2 map_shadow_stack futex_wake futex_wait futex_requeue \
    statmount listmount lsm_get_self_attr lsm_set_self_attr lsm_list_modules mseal setxattrat getxattrat \
    listxattrat removexattrat";
/// `prctl(PR_GET_AUXV)`, of 6.4.
const PR_GET_AUXV: u32 = 0x4155_5856;
const ENOSYS: u32 = 38;
const EINVAL: u32 = 22;

/// A seccomp profile as engines read it.
fn profile(podman: &Podman, name: &str, rules: &Value) -> String {
    let path: PathBuf = podman.bin().join(name);
    let profile = json!({"defaultAction": "SCMP_ACT_ALLOW", "archMap": [], "syscalls": rules});
    fs::write(&path, profile.to_string()).unwrap();
    format!("seccomp={}", path.display())
}

fn old_linux(podman: &Podman) -> String {
    let names: Vec<&str> = NEWER.split_whitespace().collect();
    let auxv = json!([{"index": 0, "value": PR_GET_AUXV, "op": "SCMP_CMP_EQ"}]);
    profile(
        podman,
        "old-linux.json",
        &json!([
            {"names": names, "action": "SCMP_ACT_ERRNO", "errnoRet": ENOSYS},
            {"names": ["prctl"], "action": "SCMP_ACT_ERRNO", "errnoRet": EINVAL, "args": auxv},
        ]),
    )
}

/// An image that holds a second root, in which nothing is mounted.
fn podman() -> Option<Podman> {
    let podman = Podman::find(&[])?;
    let outer = root();
    let inner = outer.path(ROOT);
    let copied = std::process::Command::new("cp").arg("-a").arg(root().path(".")).arg(&inner).status();
    assert!(copied.unwrap().success());
    fs::create_dir(inner.join("root")).unwrap();
    podman.import(outer, IMAGE);
    Some(podman)
}

/// What a build machine does, in one script. It ends with the first command that fails.
const SCRIPT: &str = r#"
set -e
[ ! -e /proc ] && [ ! -e /dev ]
mkdir /project /build && cd /project
printf %s "$TOKEN" | capy login --url "$URL"
capy init --url "$URL" >/words
printf %s "$VALUE" | capy set STRIPE_KEY
printf %s other | capy set OTHER && capy unset OTHER
! grep -q "$VALUE" .env
capy run -- sh -c '[ "$STRIPE_KEY" = "$VALUE" ]'
capy deploy --platform other --print >/credentials
rm -r /project "$HOME/.config" && cd /build
set -a && . /credentials && set +a
export CAPY_SERVICE_URL="$URL"
echo 'console.log(process.env.STRIPE_KEY);' >server.js
capy run -- sh -c '[ "$STRIPE_KEY" = "$VALUE" ]'
capy-inline --server .
grep -q "$VALUE" server.js
echo all done
"#;

#[test]
fn programs_work_where_no_newer_system_call_and_no_proc_is() {
    let Some(podman) = podman() else { return };
    let seccomp = old_linux(&podman);
    let service = KeyService::embedded(&programs()).unwrap();
    let variables = [("PATH", "/bin"), ("HOME", "/root"), ("VALUE", CANARY), ("URL", service.url())];
    let variables = variables.iter().map(|(name, value)| format!("{name}={value}"));
    let token = format!("TOKEN={}", service.admin_token());
    let mut command: Vec<String> =
        ["run", "--rm", "--network", "host", "--security-opt", &seccomp, IMAGE].map(str::to_owned).into();
    command.extend(["chroot".into(), "/old".into(), "env".into(), "-i".into(), token]);
    command.extend(variables.chain(["sh".into(), "-c".into(), SCRIPT.into()]));
    let script = podman.output(&command.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(script.status.success() && script.stdout == b"all done\n", "{}", printed(&script));
    assert!(!printed(&script).contains(CANARY), "{}", printed(&script));
}

#[test]
fn first_process_works_where_no_newer_system_call_and_no_proc_is() {
    let Some(podman) = podman() else { return };
    let seccomp = old_linux(&podman);
    let run = |script: &str| {
        let run = ["run", "--rm", "--network", "none", "--security-opt", &seccomp, IMAGE];
        let inside = ["chroot", "/old", "sh", "-c", "cd /app; exec capy run -- \"$@\"", "sh", "sh", "-c"];
        podman.output(&[&run[..], &inside, &[script]].concat())
    };
    let output = run("echo $STRIPE_KEY; exit 7");
    assert_eq!((output.status.code(), printed(&output)), (Some(7), format!("{CANARY}\n")));
    assert_eq!(run("kill -KILL $$").status.code(), Some(137));
    let options = ["--security-opt", &seccomp, "--workdir", "/old/app"];
    let command =
        ["chroot", "/old", "sh", "-c", "cd /app; exec capy run -- sh -c 'echo up; exec sleep 1000'"];
    let container = podman.start("capy-old-stop", IMAGE, &Start { options: &options, command: &command });
    wait_for("the command", || container.log().contains("up").then_some(()));
    // What is executed there has the same filter as the first process.
    let status = container.exec(&["grep", "Seccomp:", "/proc/self/status"]);
    assert_eq!(printed(&status).split_whitespace().last(), Some("2"));
    assert_eq!(container.stop(), "143", "{}", container.log());
}

/// The profile is no decoration: the program asks for a newer call where there is one.
#[test]
fn program_asks_for_newer_system_calls() {
    let Some(podman) = podman() else { return };
    let kill = json!([{"names": ["openat2"], "action": "SCMP_ACT_KILL_PROCESS"}]);
    let explained = |seccomp: &str| {
        let run = ["run", "--rm", "--network", "none", "--workdir", "/app", "--security-opt", seccomp, IMAGE];
        let output = podman.output(&[&run[..], &["capy-inline", "--explain", "--server", "."]].concat());
        (output.status.code(), printed(&output))
    };
    let (code, text) = explained(&old_linux(&podman));
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = explained(&profile(&podman, "kill.json", &kill));
    assert_eq!(code, Some(159), "128 + SIGSYS: {text}");
}
