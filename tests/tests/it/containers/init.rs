//! `capy run` as a container's first process: what tini and dumb-init do, and that no secret stays in it.

use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::process::{Command, Output, Stdio};

use capy_journeys::podman::{Container, Podman, Start};
use capy_journeys::printed;

use crate::containers::{CANARY, IMAGE, podman, wait_for};

/// What a container runs: `capy run` with these options, and a script.
fn start<'p>(podman: &'p Podman, name: &'static str, options: &[&str], script: &str) -> Container<'p> {
    start_in(podman, name, &[], options, &["sh", "-c", script])
}

fn start_in<'p>(
    podman: &'p Podman,
    name: &'static str,
    of_podman: &[&str],
    options: &[&str],
    command: &[&str],
) -> Container<'p> {
    let of_podman = [&["--workdir", "/app"], of_podman].concat();
    let command = [&["capy", "run"], options, &["--"], command].concat();
    podman.start(name, IMAGE, &Start { options: &of_podman, command: &command })
}

/// Runs it to its end.
fn run(podman: &Podman, options: &[&str], command: &[&str]) -> Output {
    let run = ["run", "--rm", "--network", "none", "--workdir", "/app", IMAGE, "capy", "run"];
    podman.output(&[&run[..], options, &["--"], command].concat())
}

/// The processes in a container: number, name, state, parent, group, the terminal's group (`proc_pid_stat(5)`).
#[derive(Debug, PartialEq)]
struct Process {
    pid: i32,
    name: String,
    state: char,
    parent: i32,
    group: i32,
    foreground: i32,
}

fn processes(container: &Container<'_>) -> Vec<Process> {
    let stats = container.exec(&["sh", "-c", "cat /proc/[0-9]*/stat"]);
    let stats = String::from_utf8(stats.stdout).unwrap();
    let read = |line: &str| {
        let (before, after) = line.rsplit_once(')')?;
        let (pid, name) = before.split_once(" (")?;
        let fields: Vec<&str> = after.split_whitespace().collect();
        let number = |at: usize| fields[at].parse().ok();
        Some(Process {
            pid: pid.parse().ok()?,
            name: name.into(),
            state: fields[0].chars().next()?,
            parent: number(1)?,
            group: number(2)?,
            foreground: number(5)?,
        })
    };
    stats.lines().filter_map(read).collect()
}

/// The command, once it runs and the first process waits for it.
fn command(container: &Container<'_>) -> Process {
    wait_for("the command", || {
        let all = processes(container);
        let is_waiting = container.exec(&["cat", "/proc/1/cmdline"]).stdout.starts_with(b"capy\0pid1\0");
        all.into_iter().find(|process| process.parent == 1 && is_waiting)
    })
}

#[track_caller]
fn wait_for_line(container: &Container<'_>, line: &str) {
    wait_for(line, || container.log().lines().any(|found| found == line).then_some(()));
}

/// The kernel drops a signal for a first process that does not handle it: 137 is podman's own kill after its patience.
#[test]
fn stop_ends_a_command_that_handles_no_signal() {
    let Some(podman) = podman() else { return };
    let container = start_in(&podman, "capy-stop", &[], &[], &["sleep", "1000"]);
    assert_eq!(command(&container).name, "sleep");
    assert_eq!(container.stop(), "143", "{}", container.log());

    let plain = start_in(&podman, "capy-stop-exec", &[], &["--exec"], &["sleep", "1000"]);
    wait_for("the command", || (plain.exec(&["cat", "/proc/1/comm"]).stdout == b"sleep\n").then_some(()));
    podman.run(&["stop", "--time", "1", "capy-stop-exec"]);
    assert_eq!(plain.inspect("{{.State.ExitCode}}"), "137");
}

#[test]
fn exit_code_is_the_commands() {
    let Some(podman) = podman() else { return };
    for (script, expected) in
        [("exit 0", 0), ("exit 7", 7), ("exit 255", 255), ("kill -KILL $$", 137), ("kill -ABRT $$", 134)]
    {
        let output = run(&podman, &[], &["sh", "-c", script]);
        assert_eq!(output.status.code(), Some(expected), "{script}: {}", printed(&output));
    }
    for (command, expected, code) in
        [("not-there", 127, "COMMAND_NOT_FOUND"), ("/app/.env", 126, "COMMAND_NOT_EXECUTABLE")]
    {
        let output = run(&podman, &[], &[command]);
        assert_eq!(output.status.code(), Some(expected), "{}", printed(&output));
        assert!(printed(&output).contains(code), "{}", printed(&output));
    }
    let output = run(&podman, &[], &["sh", "-c", "echo $STRIPE_KEY; echo $$"]);
    assert!(
        printed(&output).starts_with(CANARY) && !printed(&output).ends_with("\n1\n"),
        "{}",
        printed(&output)
    );
    let output = run(&podman, &["--exec"], &["sh", "-c", "echo $STRIPE_KEY; echo $$"]);
    assert_eq!(printed(&output), format!("{CANARY}\n1\n"), "with --exec it is the first process");
}

/// Each process that loses its parent becomes one of the first process, and stays a zombie until that reaps it.
#[test]
fn orphans_are_reaped() {
    let Some(podman) = podman() else { return };
    let orphans = "for a in 1 2 3 4 5; do (sleep 0.2 &); done; exec sleep 1000";
    let zombies = |container: &Container<'_>| {
        wait_for("the ends of all orphans", || {
            let all = processes(container);
            let sleeping = all.iter().filter(|process| process.name == "sleep" && process.state == 'S');
            (sleeping.count() == 1).then(|| all.iter().filter(|process| process.state == 'Z').count())
        })
    };
    let plain = start(&podman, "capy-zombies", &["--exec"], orphans);
    assert_eq!(zombies(&plain), 5, "sleep reaps nobody");
    let container = start(&podman, "capy-orphans", &[], orphans);
    command(&container);
    wait_for("the last zombie's end", || (zombies(&container) == 0).then_some(()));
    // Also while a build runs, whose values are still needed.
    let build = start(&podman, "capy-build-orphans", &["--inline"], orphans);
    wait_for("the last zombie's end", || (zombies(&build) == 0).then_some(()));
    assert_eq!(build.stop(), "143", "{}", build.log());
}

const LISTENS: &str = "n=0
for name in HUP INT QUIT USR1 USR2 ALRM WINCH CONT TSTP PIPE PROF; do trap \"echo got $name\" $name; done
trap 'n=$((n + 1)); echo got TERM $n; [ $n -lt 2 ] || exit 9' TERM
echo listening
while :; do sleep 0.1; done";

#[test]
fn signals_reach_the_command_and_a_second_one_does_too() {
    let Some(podman) = podman() else { return };
    for (name, options, signals) in [
        (
            "capy-signals",
            &[][..],
            &["HUP", "INT", "QUIT", "USR1", "USR2", "ALRM", "WINCH", "CONT", "TSTP", "PIPE", "PROF"][..],
        ),
        // A build, which is followed by inlining.
        ("capy-build-signals", &["--inline"], &["HUP", "INT", "QUIT", "USR1", "USR2", "WINCH", "CONT"]),
    ] {
        let container = start(&podman, name, options, LISTENS);
        wait_for_line(&container, "listening");
        for signal in signals {
            container.kill(signal);
            wait_for_line(&container, &format!("got {signal}"));
        }
        container.kill("TERM");
        wait_for_line(&container, "got TERM 1");
        assert_eq!(container.stop(), "9", "{}", container.log());
        let log = container.log();
        for signal in signals {
            assert_eq!(log.matches(&format!("got {signal}\n")).count(), 1, "{log}");
        }
    }
}

#[test]
fn command_that_was_stopped_goes_on_or_ends_when_it_is_told() {
    let Some(podman) = podman() else { return };
    let container = start_in(&podman, "capy-stopped", &[], &[], &["sleep", "1000"]);
    let pid = command(&container).pid;
    let wait_for_state = |state: char| {
        wait_for("its state", || {
            let all = processes(&container);
            all.iter().any(|process| process.pid == pid && process.state == state).then_some(())
        });
    };
    container.kill("TSTP");
    wait_for_state('T');
    container.kill("CONT");
    wait_for_state('S');
    container.kill("TSTP");
    wait_for_state('T');
    // What is stopped takes no signal: 137 would be podman's kill.
    assert_eq!(container.stop(), "143", "{}", container.log());
}

/// With a terminal, keys and a window's new size are for the process group that is in the foreground.
#[test]
fn command_has_the_terminal() {
    let Some(podman) = podman() else { return };
    let script = "trap 'echo resized' WINCH; trap 'echo interrupted' INT; echo listening; \
                  while :; do sleep 0.1; done";
    let options = ["--tty", "--interactive"];
    let container = start_in(&podman, "capy-terminal", &options, &[], &["sh", "-c", script]);
    let count = |word: &str| container.log().matches(word).count();
    let process = command(&container);
    wait_for("the command", || (count("listening") == 1).then_some(()));
    assert_eq!((process.group, process.foreground), (process.pid, process.pid), "{process:?}");
    let resized = container.exec(&["stty", "-F", "/dev/console", "rows", "33", "cols", "44"]);
    assert!(resized.status.success(), "{}", printed(&resized));
    wait_for("a new size", || (count("resized") == 1).then_some(()));
    // Ctrl-Z stops nothing for ever, as nobody is there to continue it; Ctrl-C comes once.
    let mut attached = Command::new(podman.bin().join("podman"));
    attached.args(["attach", "--sig-proxy=false", "capy-terminal"]).stdin(Stdio::piped());
    let mut attached = attached.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut keys = attached.stdin.take().unwrap();
    std::io::Write::write_all(&mut keys, b"\x1a").unwrap();
    std::io::Write::write_all(&mut keys, b"\x03").unwrap();
    wait_for("the key", || (count("interrupted") == 1).then_some(()));
    assert_eq!(count("interrupted"), 1);
    attached.kill().unwrap();
    attached.wait().unwrap();

    let plain = start_in(&podman, "capy-key", &options, &[], &["sleep", "1000"]);
    command(&plain);
    plain.kill("INT");
    wait_for("its end", || (plain.inspect("{{.State.Status}}") == "exited").then_some(()));
    assert_eq!(plain.inspect("{{.State.ExitCode}}"), "130");
}

/// What a process holds in memory that it can write, read as this machine's root.
fn memory(pid: &str) -> Vec<u8> {
    let mut memory = fs::File::open(format!("/proc/{pid}/mem")).unwrap();
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let mut all = Vec::new();
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (from, to) = line.split_whitespace().next().and_then(|range| range.split_once('-')).unwrap();
        let [from, to] = [from, to].map(|at| u64::from_str_radix(at, 16).unwrap());
        memory.seek(SeekFrom::Start(from)).unwrap();
        // Not every page that is mapped is there.
        let _ = (&mut memory).take(to - from).read_to_end(&mut all);
    }
    all
}

fn contains(haystack: &[u8], needle: &str) -> bool {
    memchr::memmem::find(haystack, needle.as_bytes()).is_some()
}

#[test]
fn first_process_holds_no_secret_once_the_command_runs() {
    let Some(podman) = podman() else { return };
    let token = "canary.token.x9";
    let options = ["--env", &format!("CAPY_TOKEN={token}"), "--interactive"];
    let container = start_in(&podman, "capy-memory", &options, &[], &["sleep", "1000"]);
    command(&container);
    let first = container.pid();
    let children = format!("/proc/{first}/task/{first}/children");
    let child = fs::read_to_string(children).unwrap().trim().to_owned();
    let environment = fs::read(format!("/proc/{child}/environ")).unwrap();
    assert!(contains(&environment, CANARY) && !contains(&environment, token), "the command has the values");
    assert!(contains(&memory(&child), CANARY), "this search finds what is there");

    assert_eq!(fs::read(format!("/proc/{first}/environ")).unwrap(), b"");
    let memory = memory(&first);
    assert!(memory.len() > 10_000 && !contains(&memory, CANARY) && !contains(&memory, token));
    // Nor does the command read it, as root in a container, who has no right to trace.
    let refused = container.exec(&["cat", "/proc/1/environ"]);
    assert!(!refused.status.success(), "{}", printed(&refused));
    // A pipe ends for its other side when the command closes it.
    for (stream, expected) in [("0", "/dev/null"), ("1", "/dev/null")] {
        let link = fs::read_link(format!("/proc/{first}/fd/{stream}")).unwrap();
        assert_eq!(link.to_str().unwrap(), expected);
    }
}

#[test]
fn command_gets_the_standard_streams_and_no_other_descriptor() {
    let Some(podman) = podman() else { return };
    for options in [&[][..], &["--exec"], &["--inline"]] {
        let container = start(&podman, "capy-descriptors", options, "echo ready; exec sleep 1000");
        wait_for_line(&container, "ready");
        let sleeping = wait_for("the command", || {
            processes(&container).into_iter().find(|process| process.name == "sleep").map(|found| found.pid)
        });
        let listed = container.exec(&["ls", &format!("/proc/{sleeping}/fd")]);
        assert_eq!(printed(&listed).split_whitespace().collect::<Vec<_>>(), ["0", "1", "2"], "{options:?}");
    }
}

/// Until there is a command, a signal ends `capy` itself: the kernel would drop it for a first process.
#[test]
fn stop_ends_it_while_it_waits_for_the_key_service() {
    let Some(podman) = podman() else { return };
    let folder = tempfile::tempdir().unwrap();
    let service = capy_test_support::key_service::KeyService::embedded(&capy_journeys::programs()).unwrap();
    let desk = capy_test_support::desk::Desk::new(&capy_journeys::programs(), folder.path()).unwrap();
    desk.set_up(service.url(), service.admin_token(), &[("STRIPE_KEY", CANARY)]).unwrap();
    let credentials = desk.deploy(&[]).unwrap();
    let mut options = vec!["--env".to_owned(), "CAPY_TIMEOUT=300".to_owned()];
    // Nobody listens there.
    options.extend(["--env".to_owned(), "CAPY_SERVICE_URL=http://127.0.0.1:9".to_owned()]);
    for (name, value) in &credentials.variables {
        options.extend(["--env".to_owned(), format!("{name}={value}")]);
    }
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let container = start_in(&podman, "capy-waiting", &options, &[], &["touch", "/app/ran"]);
    wait_for("its message", || container.log().contains("waiting for the key service").then_some(()));
    assert_eq!(container.stop(), "143", "{}", container.log());
    assert!(!container.log().contains(CANARY), "{}", container.log());
    assert!(podman.run(&["diff", "capy-waiting"]).lines().all(|line| !line.ends_with("/app/ran")));
}

#[test]
fn sockets_of_systemd_go_to_the_command_as_the_first_process() {
    let Some(podman) = podman() else { return };
    let options = ["run", "--rm", "--network", "none", "--workdir", "/app", "--env", "LISTEN_PID=1"];
    let output =
        podman.output(&[&options[..], &[IMAGE, "capy", "run", "--", "sh", "-c", "echo $$"]].concat());
    assert_eq!(printed(&output), "1\n");
}
