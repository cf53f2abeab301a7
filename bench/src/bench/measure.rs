//! CPU time, wall time and peak memory of whole child processes, from the operating system's own
//! accounting.
//!
//! The kernel keeps one peak for all children of a process. So each command runs under a process of
//! its own, `capy-bench measure`, which waits for it and prints the numbers.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

use capy_test_support::steps::say;

/// Resources that one finished process used.
#[derive(Debug, Clone, Copy)]
struct Usage {
    cpu: Duration,
    wall: Duration,
    /// In KiB, of the largest process of the command.
    peak: u64,
}

/// Medians of both sides, and of the ratios of neighbouring runs.
#[derive(Debug)]
pub(super) struct Row {
    /// Our command.
    pub(super) ours: String,
    /// The peer's.
    pub(super) peer: String,
    /// CPU seconds: ours, the peer's, and the peer's over ours.
    pub(super) cpu: [f64; 3],
    /// Wall seconds, likewise.
    pub(super) wall: [f64; 3],
    /// Peak memory in MiB, likewise.
    pub(super) peak: [f64; 3],
}

/// Prepares one run, which is not measured, and returns its command.
pub(super) type Prepare<'a> = &'a dyn Fn() -> Result<Command>;

/// A command with its name in the table.
pub(super) struct Side<'a> {
    pub(super) name: &'a str,
    pub(super) prepare: Prepare<'a>,
}

/// Compares two sides, which makes one row.
pub(super) fn compare(ours: &str, peer: &str, runs: u32, a: Prepare<'_>, b: Prepare<'_>) -> Result<Vec<Row>> {
    rows(&Side { name: ours, prepare: a }, &[Side { name: peer, prepare: b }], runs)
}

/// Runs all sides in turn: one round to warm up, then `runs` rounds that count. One row for each
/// peer.
pub(super) fn rows(ours: &Side<'_>, peers: &[Side<'_>], runs: u32) -> Result<Vec<Row>> {
    say(format!("   {}", ours.name));
    let mut rounds = Vec::new();
    for run in 0..=runs {
        let round = round(ours, peers)?;
        let walls: Vec<String> =
            round.iter().map(|usage| format!("{:.2} s", usage.wall.as_secs_f64())).collect();
        let counts = if run == 0 { "warming up".to_owned() } else { format!("{run} of {runs}") };
        say(format!("      {counts}: {}", walls.join(", ")));
        if run > 0 {
            rounds.push(round);
        }
    }
    let row = |(index, peer): (usize, &Side<'_>)| {
        let pairs: Vec<_> = rounds.iter().map(|round| (round[0], round[index + 1])).collect();
        row(ours.name, peer.name, &pairs)
    };
    Ok(peers.iter().enumerate().map(row).collect())
}

fn round(ours: &Side<'_>, peers: &[Side<'_>]) -> Result<Vec<Usage>> {
    std::iter::once(ours).chain(peers).map(|side| measure(&(side.prepare)()?)).collect()
}

fn row(ours: &str, peer: &str, pairs: &[(Usage, Usage)]) -> Row {
    let medians = |of: fn(&Usage) -> f64| {
        [
            median(pairs.iter().map(|(a, _)| of(a))),
            median(pairs.iter().map(|(_, b)| of(b))),
            median(pairs.iter().map(|(a, b)| of(b) / of(a))),
        ]
    };
    let cpu = medians(|usage| usage.cpu.as_secs_f64());
    let wall = medians(|usage| usage.wall.as_secs_f64());
    let peak = medians(|usage| usage.peak as f64 / 1024.0);
    Row { ours: ours.to_owned(), peer: peer.to_owned(), cpu, wall, peak }
}

/// Measures one run, in a process of its own.
fn measure(command: &Command) -> Result<Usage> {
    let what = command.get_program().to_string_lossy().into_owned();
    let mut measurer = Command::new(std::env::current_exe()?);
    measurer.arg("measure").arg("--").arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => measurer.env(name, value),
            None => measurer.env_remove(name),
        };
    }
    command.get_current_dir().map(|folder| measurer.current_dir(folder));
    let output = measurer.stdin(Stdio::null()).output().context(what.clone())?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{what}: {}\n{stderr}", output.status);
    let printed = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<u64> = printed.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    ensure!(numbers.len() == 3, "{what}: its measure says {printed:?}");
    let (cpu, wall) = (Duration::from_micros(numbers[0]), Duration::from_micros(numbers[1]));
    Ok(Usage { cpu, wall, peak: numbers[2] })
}

/// Runs a command and prints its CPU and wall time in microseconds and its peak memory in KiB.
///
/// # Errors
/// If the command cannot be started or fails.
pub(crate) fn print_usage(command: &[std::ffi::OsString]) -> Result<()> {
    let (program, arguments) = command.split_first().context("no command")?;
    let start = Instant::now();
    let status = Command::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).status()?;
    let wall = start.elapsed();
    ensure!(status.success(), "{status}");
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let cpu = duration(usage.user_time()) + duration(usage.system_time());
    writeln!(std::io::stdout(), "{} {} {}", cpu.as_micros(), wall.as_micros(), usage.max_rss())?;
    Ok(())
}

fn duration(time: TimeVal) -> Duration {
    let micros = time.tv_sec() * 1_000_000 + time.tv_usec();
    Duration::from_micros(u64::try_from(micros).unwrap_or_default())
}

/// The median: the middle value, or the mean of the two middle ones.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) }
}
