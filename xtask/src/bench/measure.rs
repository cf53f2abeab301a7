//! CPU and wall time of whole child processes, from the operating system's own accounting.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

/// What one finished process took.
#[derive(Debug, Clone, Copy)]
struct Taken {
    cpu: Duration,
    wall: Duration,
}

/// Medians of both sides and of the ratios of neighbouring runs.
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
}

/// Makes the command of one run; what it prepares first is not measured.
pub(super) type Prepare<'a> = &'a dyn Fn() -> Result<Command>;

/// Runs both sides in turn: one run each that does not count, then `runs` that do.
pub(super) fn compare(ours: &str, peer: &str, runs: u32, a: Prepare<'_>, b: Prepare<'_>) -> Result<Row> {
    crate::steps::say(format!("   {ours} against {peer}, {runs} runs each …"));
    let mut pairs = Vec::new();
    for run in 0..=runs {
        let pair = (take(&mut a()?)?, take(&mut b()?)?);
        if run > 0 {
            pairs.push(pair);
        }
    }
    let medians = |of: fn(&Taken) -> Duration| {
        let seconds = |taken: &Taken| of(taken).as_secs_f64();
        [
            median(pairs.iter().map(|(a, _)| seconds(a))),
            median(pairs.iter().map(|(_, b)| seconds(b))),
            median(pairs.iter().map(|(a, b)| seconds(b) / seconds(a))),
        ]
    };
    let (cpu, wall) = (medians(|taken| taken.cpu), medians(|taken| taken.wall));
    Ok(Row { ours: ours.to_owned(), peer: peer.to_owned(), cpu, wall })
}

/// One run, alone: no other child may end meanwhile, since the kernel sums up all of them.
fn take(command: &mut Command) -> Result<Taken> {
    let what = command.get_program().to_string_lossy().into_owned();
    let (before, start) = (children()?, Instant::now());
    let output = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .context(what.clone())?;
    let wall = start.elapsed();
    ensure!(
        output.status.success(),
        "{what}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(Taken { cpu: children()? - before, wall })
}

fn children() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    Ok(duration(usage.user_time()) + duration(usage.system_time()))
}

fn duration(time: TimeVal) -> Duration {
    let micros = time.tv_sec() * 1_000_000 + time.tv_usec();
    Duration::from_micros(u64::try_from(micros).unwrap_or_default())
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) }
}
