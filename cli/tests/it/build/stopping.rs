//! Signals at each stage of a build, and what a build that was killed leaves to the next one.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::build::bench::{Bench, Build, wait_for};
use crate::build::engine::Store;
use crate::stand_in::Fault;

fn signal(build: &Build, signal: Signal) {
    kill_process(Pid::from_child(&build.child), signal).unwrap();
}

/// It ends by the signal, as the caller expects of what it signalled.
#[track_caller]
fn ends_by(build: Build, bench: &Bench, number: Signal) {
    let outcome = build.finish();
    assert_eq!(outcome.code, -number.as_raw(), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("canary"), "{}", outcome.stderr);
    assert_eq!(bench.record()["status"], "interrupted");
    assert!(!bench.path("out").exists());
    bench.is_clean();
}

#[test]
fn a_signal_while_the_source_is_cloned_ends_the_build() {
    let Some(mut bench) = Bench::new() else { return };
    bench.set("repository_url", "https://127.0.0.1:1/a.git");
    bench
        .program("git", &format!("#!/bin/sh\ntouch '{}'\nexec sleep 100\n", bench.path("cloning").display()));
    let build = bench.start(&["--allow-host", "127.0.0.1:1", "--ref"]);
    wait_for("the clone", || bench.path("cloning").exists().then_some(()));
    signal(&build, Signal::INT);
    ends_by(build, &bench, Signal::INT);
}

#[test]
fn a_signal_while_the_rows_are_fetched_ends_the_build() {
    let Some(mut bench) = Bench::new() else { return };
    fs::create_dir(bench.path("repository")).unwrap();
    bench.set("repository_url", bench.path("repository").display().to_string());
    // Holds the build between its source and its secrets until the service has stopped to answer.
    let (cloning, go_on) = (bench.path("cloning"), bench.path("go on"));
    bench.program(
        "git",
        &format!(
            "#!/bin/sh\ntouch '{}'\nwhile [ ! -e '{}' ]; do sleep 0.1; done\n",
            cloning.display(),
            go_on.display()
        ),
    );
    let build = bench.start(&["--ref"]);
    wait_for("the clone", || cloning.exists().then_some(()));
    let asked = bench.service.seen().len();
    bench.service.fail_always(Fault::Hang);
    fs::write(go_on, "").unwrap();
    wait_for("the call", || (bench.service.seen().len() > asked).then_some(()));
    signal(&build, Signal::TERM);
    let outcome = build.finish();
    bench.service.recover();
    assert_eq!(outcome.code, -Signal::TERM.as_raw(), "{}", outcome.stderr);
    assert_eq!(bench.record()["status"], "interrupted");
    bench.is_clean();
}

#[test]
fn a_signal_while_the_container_starts_and_while_it_runs_ends_both() {
    let Some(mut bench) = Bench::new() else { return };
    bench.set("build_command", "echo started; cat .env; sleep 100");
    for number in [Signal::INT, Signal::TERM, Signal::HUP] {
        let build = bench.start(&[]);
        wait_for("its output", || bench_log(&bench).contains("started").then_some(()));
        signal(&build, number);
        ends_by(build, &bench, number);
        fs::remove_dir_all(bench.path("home/.local/state/capy/builds")).unwrap();
    }
    // The engine has been called, and has done nothing yet.
    let starting = bench.path("starting");
    bench.before_engine(&format!("[ \"$1\" = run ] && touch '{}' && sleep 2", starting.display()));
    let build = bench.start(&[]);
    wait_for("the engine", || starting.exists().then_some(()));
    signal(&build, Signal::INT);
    ends_by(build, &bench, Signal::INT);
}

fn bench_log(bench: &Bench) -> String {
    let builds = fs::read_dir(bench.path("home/.local/state/capy/builds")).into_iter().flatten().flatten();
    builds.filter_map(|build| fs::read_to_string(build.path().join("log")).ok()).collect()
}

/// Minutes of searching, in a program that is not optimised: four gigabytes of escapes in packed files. As many zeros are
/// searched in seconds.
const LONG_TO_SEARCH: &str = "mkdir dist; echo 1 > dist/server.js; yes a%41 | head -c 67108864 | gzip > dist/0.gz; \
     for a in $(seq 60); do ln dist/0.gz dist/$a.gz; done; echo built";

#[test]
fn a_signal_while_the_output_is_searched_ends_the_build_at_once() {
    let Some(mut bench) = Bench::new() else { return };
    bench.set("build_command", LONG_TO_SEARCH);
    for number in [Signal::INT, Signal::TERM] {
        let build = bench.start(&[]);
        wait_for("the end of its commands", || bench_log(&bench).contains("built").then_some(()));
        wait_for("the end of its secrets", || {
            let folder = bench.left_in_temp().into_iter().find(|path| path.is_dir())?;
            (!folder.join(".env").exists()).then_some(())
        });
        thread::sleep(Duration::from_secs(2));
        signal(&build, number);
        let began = Instant::now();
        ends_by(build, &bench, number);
        assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
        fs::remove_dir_all(bench.path("home/.local/state/capy/builds")).unwrap();
    }
}

#[test]
fn the_time_of_a_build_counts_while_the_output_is_searched() {
    let Some(mut bench) = Bench::new() else { return };
    bench.set("build_command", LONG_TO_SEARCH);
    let began = Instant::now();
    bench.build(&["--timeout", "25s"]).fails(61, "BUILD_TIMED_OUT");
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    assert_eq!(bench.record()["status"], "timed_out");
    assert!(bench.log().contains("built\n") && !bench.path("out").exists());
    bench.is_clean();
}

/// So many files that copying them takes a while.
const MANY_FILES: usize = 20_000;

fn many_files() -> String {
    format!(
        "mkdir dist; echo 1 > dist/server.js; i=0; \
         while [ $i -lt {MANY_FILES} ]; do echo 1 > dist/$i.txt; i=$((i + 1)); done"
    )
}

/// Stops the process where it stands, as soon as something is so.
fn hold(build: &Build, what: &str, mut is_so: impl FnMut() -> bool) {
    wait_for_at_once(what, &mut is_so);
    signal(build, Signal::STOP);
    assert!(is_so(), "{what} is over");
}

/// As [`wait_for`], and looks all the time.
fn wait_for_at_once(what: &str, is_so: &mut impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(120), "{what} did not come");
        thread::yield_now();
    }
}

#[test]
fn a_signal_while_the_output_is_copied_ends_the_build_and_hands_nothing_out() {
    let Some(mut bench) = Bench::new() else { return };
    bench.set("build_command", many_files());
    for number in [Signal::TERM, Signal::INT] {
        let build = bench.start(&[]);
        hold(&build, "the copy", || {
            let mut entries = fs::read_dir(bench.path("")).unwrap().flatten();
            let half =
                entries.find(|entry| entry.file_name().to_string_lossy().starts_with(".capy-artifacts-"));
            half.is_some_and(|half| fs::read_dir(half.path()).is_ok_and(|copied| copied.count() > 0))
        });
        assert!(!bench.path("out").exists());
        signal(&build, number);
        signal(&build, Signal::CONT);
        ends_by(build, &bench, number);
        fs::remove_dir_all(bench.path("home/.local/state/capy/builds")).unwrap();
    }
}

#[test]
fn a_second_signal_does_not_wait_for_an_engine_that_hangs() {
    let Some(mut bench) = Bench::new() else { return };
    bench.set("build_command", "sleep 100");
    let running = bench.path("running");
    let script = format!(
        "case \"$1\" in run) touch '{}'; exec sleep 100;; kill|rm) exec sleep 100;; esac",
        running.display()
    );
    bench.before_engine(&script);
    let build = bench.start(&[]);
    wait_for("the engine", || running.exists().then_some(()));
    signal(&build, Signal::INT);
    wait_for("its end", || bench.calls().contains("kill\n").then_some(()));
    signal(&build, Signal::INT);
    let outcome = build.finish();
    assert_eq!(outcome.code, -Signal::INT.as_raw(), "{}", outcome.stderr);
    bench.is_clean();
}

#[test]
fn what_a_killed_build_left_is_swept_by_the_next_its_container_too() {
    let Some(mut bench) = Bench::new() else { return };
    bench.set("build_command", "echo started; sleep 300");
    // Elsewhere than the next one is.
    let elsewhere = bench.path("home/elsewhere");
    let build = bench.start(&["--temp", elsewhere.to_str().unwrap()]);
    wait_for("its output", || bench_log(&bench).contains("started").then_some(()));
    let entries = fs::read_dir(&elsewhere).unwrap().flatten().map(|entry| entry.path());
    let folder = entries.into_iter().find(|path| path.is_dir()).unwrap();
    assert!(folder.join(".env").exists());
    signal(&build, Signal::KILL);
    assert_eq!(build.finish().code, -Signal::KILL.as_raw());
    assert!(folder.join(".env").exists());
    let name = bench.calls().lines().find(|line| line.starts_with("capy-")).unwrap().to_owned();
    assert!(Store::shared().containers().contains(&name));
    let lost = bench.record();
    assert_eq!(lost["status"], "running");

    bench.set("build_command", "mkdir dist; echo 1 > dist/server.js");
    let outcome = bench.build(&[]).passes();
    assert!(outcome.stderr.contains("was killed; its remains are removed"), "{}", outcome.stderr);
    let show = bench.capy(&["build", "show", "--json", lost["id"].as_str().unwrap()]).passes();
    assert!(show.stdout.contains("\"status\": \"lost\""), "{}", show.stdout);
    assert!(!folder.exists());
    bench.is_clean();
}
