//! System calls that fail in the middle of a run: a full or broken disk, files that may not be
//! opened, a kernel without the newer calls. A run that succeeds wrote the same as a run without a
//! fault. A run that fails left each file complete, old or new. Nothing outside the folder
//! changed.
//!
//! strace makes the calls fail, in a process of its own. `CAPY_FUZZ_SECONDS` sets the duration of
//! the long test, and `CAPY_FAULT_SEED` repeats a run.
#![cfg(target_os = "linux")]

use crate::support;
use crate::world;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use capy_inliner::inline;
use support::values;
use world::{Random, World, request};

const FOLDER: &str = "CAPY_FAULT_FOLDER";
const WITHIN: &str = "CAPY_FAULT_WITHIN";
const SEED: &str = "CAPY_FAULT_SEED";
const SECONDS: &str = "CAPY_FUZZ_SECONDS";

/// For each run, on a busy machine, under strace and without optimisation.
const MOST_TIME: Duration = Duration::from_secs(60);
/// How often a folder is used, as long as no run changes it.
const RUNS_OF_FOLDER: usize = 8;
const WORLDS: u64 = 20;
/// Worlds in which something was found.
const FOUND: [u64; 2] = [68_573_447_848_130, 108_319_075_205_242];
/// Of files this large only the length is compared. They are over the limits of a run.
const LARGE: u64 = 4 << 20;

/// A call, and how it fails.
const FAULTS: [(&str, &[&str]); 14] = [
    ("openat2", &["EIO", "EACCES", "EMFILE", "ENFILE", "ENOMEM", "EPERM"]),
    ("openat", &["EIO", "EACCES", "EMFILE"]),
    ("read", &["EIO", "EINTR"]),
    ("getdents64", &["EIO"]),
    ("statx", &["EIO", "EACCES"]),
    ("readlinkat", &["EIO", "EACCES"]),
    ("write", &["ENOSPC", "EIO", "EDQUOT", "EINTR", "EFBIG"]),
    ("fsync", &["EIO", "ENOSPC"]),
    ("fchmod", &["EPERM", "EIO"]),
    ("fchown", &["EPERM"]),
    ("renameat", &["EIO", "ENOSPC", "EACCES", "EXDEV"]),
    ("unlinkat", &["EIO", "EACCES", "EBUSY"]),
    ("flock", &["EINTR", "ENOLCK"]),
    ("dup,fcntl", &["EMFILE"]),
];
/// Not there at all on an old kernel.
const NEWER_CALLS: &str = "openat2,statx,clone3,close_range,faccessat2";

/// The process whose calls fail; run as a test, without a folder, it is none.
#[test]
fn child() {
    let Some(app) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let within = match std::env::var(WITHIN).unwrap().as_str() {
        "0" => capy_inliner::Within::Named,
        "1" => capy_inliner::Within::Repository,
        _ => capy_inliner::Within::Root(app.clone()),
    };
    let values = values();
    match inline(&request(&values, app, within)) {
        Ok(_) => std::process::exit(0),
        Err(error) => {
            writeln!(std::io::stderr(), "{}: {error}", error.code()).unwrap();
            std::process::exit(9)
        }
    }
}

/// What lies in an application, by path: its kind, and what is in it or where it leads. The folder's own name is left out.
fn contents(app: &Path) -> BTreeMap<PathBuf, (char, Vec<u8>)> {
    let own = app.parent().unwrap().as_os_str().as_bytes();
    let mut found = BTreeMap::new();
    let mut folders = vec![app.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            let (path, data) = (entry.path(), entry.metadata().unwrap());
            let (kind, text) = if data.is_dir() {
                folders.push(path.clone());
                ('d', Vec::new())
            } else if data.is_symlink() {
                ('l', fs::read_link(&path).unwrap().as_os_str().as_bytes().to_vec())
            } else if !data.is_file() {
                ('s', Vec::new())
            } else if data.len() > LARGE {
                ('f', data.len().to_le_bytes().to_vec())
            } else {
                ('f', fs::read(&path).unwrap())
            };
            found.insert(path.strip_prefix(app).unwrap().to_owned(), (kind, without(&text, own)));
        }
    }
    found
}

fn without(text: &[u8], own: &[u8]) -> Vec<u8> {
    let mut left = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memmem::find(rest, own) {
        left.extend_from_slice(&rest[..at]);
        rest = &rest[at + own.len()..];
    }
    left.extend_from_slice(rest);
    left
}

/// What strace is to do, in its own words.
fn faults(random: &mut Random) -> Vec<String> {
    let mut faults = Vec::new();
    let is_old_kernel = random.below(5) == 0;
    if is_old_kernel {
        faults.push(format!("inject={NEWER_CALLS}:error=ENOSYS"));
    }
    let mut calls: Vec<usize> = (0..=random.below(2)).map(|_| random.below(FAULTS.len())).collect();
    calls.dedup();
    for (call, errors) in calls.into_iter().map(|call| FAULTS[call]) {
        // Two rules for one call: the last one counts alone.
        if is_old_kernel && NEWER_CALLS.contains(call) {
            continue;
        }
        // Early calls more often than late ones.
        let most = 1 << random.below(9);
        let (first, error) = (1 + random.below(most), random.one(errors));
        // What is interrupted for ever is tried for ever.
        let goes_on = if *error == "EINTR" { "" } else { *random.one(&["", "+", "+3"]) };
        faults.push(format!("inject={call}:error={error}:when={first}{goes_on}"));
    }
    faults
}

/// A file is removed below an open folder: without either call it stays, and the next run removes it.
fn hinders_removal(fault: &str) -> bool {
    fault.contains("unlinkat") || (fault.contains('+') && !fault.contains("write"))
}

struct Run {
    status: ExitStatus,
    printed: String,
    /// How many calls failed that would not have.
    failed: usize,
}

fn run(app: &Path, within: usize, faults: &[String]) -> Run {
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut strace = Command::new("timeout");
    strace.args(["--signal=KILL", &MOST_TIME.as_secs().to_string(), "strace", "-f", "--seccomp-bpf", "-qqq"]);
    strace.arg("-o").arg(log.path());
    for fault in faults {
        let calls = fault["inject=".len()..].split(':').next().unwrap();
        strace.args(["-e", &format!("trace={calls}"), "-e", fault]);
    }
    strace
        .arg(std::env::current_exe().unwrap())
        .arg("--exact")
        .arg(support::test_name(module_path!(), "child"));
    strace.args(["--quiet", "--nocapture"]);
    strace.env(FOLDER, app).env(WITHIN, within.to_string()).stdin(Stdio::null());
    let output = strace.output().unwrap();
    let log = fs::read(log.path()).unwrap();
    Run {
        status: output.status,
        printed: String::from_utf8_lossy(&output.stderr).into_owned(),
        failed: memchr::memmem::find_iter(&log, b"(INJECTED)").count(),
    }
}

#[derive(Debug, Default)]
struct Outcomes {
    runs: u64,
    with_fault: u64,
    well: u64,
    refused: u64,
    half_way: u64,
}

fn attack(seed: u64, outcomes: &mut Outcomes) {
    let mut twin = World::new(seed);
    let within = twin.random.below(3);
    let values = values();
    let twin_ends_well = inline(&request(&values, twin.app(), twin.within(within))).is_ok();
    let new = contents(&twin.app());

    let mut random = Random::new(seed ^ 0x5eed);
    // Most folders are refused, and a run that was to be refused says less.
    if !twin_ends_well && random.below(3) > 0 {
        return;
    }
    let world = World::new(seed);
    let (outside, old) = (world.digest(), contents(&world.app()));
    for _ in 0..RUNS_OF_FOLDER {
        let faults = faults(&mut random);
        let Run { status, printed, failed } = run(&world.app(), within, &faults);
        let said = format!("seed {seed}, {faults:?}, {status}: {printed}");
        outcomes.runs += 1;
        outcomes.with_fault += u64::from(failed > 0);
        let code = status.code().unwrap_or_else(|| panic!("it did not end by itself: {said}"));
        assert_ne!(code, 137, "it took too long: {said}");
        assert!(world.digest() == outside, "something outside changed: {said}");
        let now = contents(&world.app());
        if code == 0 {
            outcomes.well += 1;
            assert!(twin_ends_well, "it ends well where it should not: {said}");
            for (path, entry) in &new {
                assert!(now.get(path) == Some(entry), "{} is not finished: {said}", path.display());
            }
        } else {
            outcomes.refused += 1;
        }
        for (path, entry) in &now {
            let name = path.file_name().unwrap().to_string_lossy();
            let is_left =
                name.starts_with(".capy-inline-") && faults.iter().any(|fault| hinders_removal(fault));
            let is_whole = old.get(path) == Some(entry) || new.get(path) == Some(entry);
            assert!(is_whole || is_left, "{} is neither old nor new: {said}", path.display());
        }
        for path in old.keys() {
            assert!(now.contains_key(path) || !new.contains_key(path), "{} is gone: {said}", path.display());
        }
        if now != old {
            outcomes.half_way += u64::from(code != 0);
            return;
        }
    }
}

fn has_strace() -> bool {
    let found = Command::new("strace").arg("--version").output().is_ok();
    capy_test_support::needs(found, "strace on PATH")
}

#[test]
fn a_failing_call_leaves_whole_files_and_never_a_run_that_only_seems_to_end_well() {
    if !has_strace() {
        return;
    }
    let mut outcomes = Outcomes::default();
    match std::env::var(SEED) {
        Ok(seed) => return attack(seed.parse().unwrap(), &mut outcomes),
        Err(_) => (0..WORLDS).chain(FOUND).for_each(|seed| attack(seed, &mut outcomes)),
    }
    assert!(outcomes.with_fault * 3 > outcomes.runs, "{outcomes:?}");
    assert!(outcomes.well > 0 && outcomes.refused > 0, "{outcomes:?}");
}

/// Folders that cannot be looked into hold something, as far as anybody knows.
#[test]
fn a_build_that_cannot_be_looked_at_is_not_taken_for_none() {
    if !has_strace() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (app, bundle) = (folder.path().join("app"), "app/.output/server/index.mjs");
    fs::create_dir_all(app.join(".output/server")).unwrap();
    fs::create_dir_all(app.join(".output/public")).unwrap();
    fs::write(app.join(".output/nitro.json"), r#"{"preset":"node-server"}"#).unwrap();
    fs::write(folder.path().join(bundle), "f(process.env.A)").unwrap();
    let mut refused = 0;
    for first in 1..60 {
        let fault = format!("inject=openat2:error=EMFILE:when={first}");
        let Run { status, printed, failed } = run(&app, 0, &[fault]);
        let text = fs::read_to_string(folder.path().join(bundle)).unwrap();
        if status.success() {
            assert!(text.contains(&support::canary("A")), "call {first}: {printed}");
            break;
        }
        assert!(failed > 0 && printed.contains("CANNOT_"), "call {first}: {printed}");
        assert_eq!(text, "f(process.env.A)", "call {first}");
        refused += 1;
    }
    assert!(refused > 10, "{refused}");
}

/// Other folders and faults every time.
#[test]
#[ignore = "takes as long as it is told to"]
#[expect(clippy::print_stderr, reason = "the counts are what it is run for")]
fn a_failing_call_leaves_whole_files_for_as_long_as_it_is_told_to() {
    if !has_strace() {
        return;
    }
    let seconds = std::env::var(SECONDS).map_or(60, |text| text.parse().unwrap());
    let began = Instant::now();
    let first = u64::from(std::process::id()) << 32;
    let mut outcomes = Outcomes::default();
    for seed in (first..).take_while(|_| began.elapsed() < Duration::from_secs(seconds)) {
        attack(seed, &mut outcomes);
    }
    eprintln!("seeds from {first}: {outcomes:?}");
    assert!(outcomes.half_way > 0 || outcomes.runs < 1000, "{outcomes:?}");
}
