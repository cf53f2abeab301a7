//! Random folders that try to lead a run outside: known builds with links, manifests, pipes,
//! sparse files, deep folders and packed files in the wrong places. In each, nothing outside
//! changes, the run ends in time, and it takes little memory. `CAPY_TESTS=full` makes thousands of
//! folders; `CAPY_HOSTILE_SEED=N` repeats one.
#![cfg(target_os = "linux")]

use crate::support;
use crate::world;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use capy_inliner::inline;
use support::values;
use world::{World, request};

/// For each folder, on a busy machine and without optimisation.
const MOST_TIME: Duration = Duration::from_secs(20);
const MOST_MEMORY_KIB: u64 = 300 * 1024;
const FEW: u64 = 150;
const MANY: u64 = 3000;

const SEED: &str = "CAPY_HOSTILE_SEED";
const CHILD: &str = "CAPY_HOSTILE_CHILD";

/// What runs came to, by a word.
type Outcomes = BTreeMap<String, u64>;

fn attack(seed: u64, outcomes: &mut Outcomes) {
    let mut world = World::new(seed);
    let before = world.digest();
    assert!(before.len() >= 6);
    let values = values();
    let number = world.random.below(3);
    let request = request(&values, world.app(), world.within(number));
    let began = Instant::now();
    let result = inline(&request);
    let spent = began.elapsed();
    assert!(spent < MOST_TIME, "seed {seed}: {spent:?}");
    assert!(world.digest() == before, "seed {seed}: something outside changed: {result:?}");
    let mut count = |word: &str| *outcomes.entry(word.to_owned()).or_default() += 1;
    match result {
        Err(error) => count(error.code()),
        Ok(report) => {
            let is_outside = |file: &PathBuf| !file.starts_with(world.app());
            assert!(
                !report.leaks.iter().any(|leak| leak.name == "B" || is_outside(&leak.file)),
                "seed {seed}"
            );
            report.unscanned_files.iter().for_each(|_| count("unscanned"));
            count(if report.written && report.changed_files > 0 { "inlined" } else { "nothing" });
        }
    }
}

/// `VmHWM`, the most that was in memory.
fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn nothing_outside_changes_whatever_a_folder_holds_and_every_run_ends_in_time_and_memory() {
    const NAME: &str =
        "nothing_outside_changes_whatever_a_folder_holds_and_every_run_ends_in_time_and_memory";
    if let Ok(seed) = std::env::var(SEED) {
        return attack(seed.parse().unwrap(), &mut Outcomes::new());
    }
    let many = if std::env::var("CAPY_TESTS").is_ok_and(|tests| tests == "full") { MANY } else { FEW };
    if std::env::var_os(CHILD).is_none() {
        // Other tests' memory does not count.
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", &support::test_name(module_path!(), NAME), "--nocapture"]);
        let output = child.env(CHILD, "1").output().unwrap();
        let printed = [&output.stdout[..], &output.stderr].concat();
        let printed = String::from_utf8_lossy(&printed);
        assert!(output.status.success() && printed.contains("1 passed"), "{}: {printed}", output.status);
        return;
    }
    let mut outcomes = Outcomes::new();
    for seed in 0..many {
        attack(seed, &mut outcomes);
        assert!(peak_kib() < MOST_MEMORY_KIB, "seed {seed}: {} KiB", peak_kib());
    }
    // Otherwise these folders would be harmless, or no builds at all.
    for word in ["inlined", "OUTSIDE_TREE", "unscanned", "TOO_LARGE"] {
        assert!(outcomes.get(word).is_some_and(|runs| *runs * 250 >= many), "{word}: {outcomes:?}");
    }
}
