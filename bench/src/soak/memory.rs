//! Memory of a process over time, and whether it grew.

use std::fmt;

use anyhow::{Result, ensure};

use crate::bench::median;

/// How many MiB the last quarter may hold more than the second, for what a collector and an
/// allocator keep. A leak of 1 KiB for each call, at a hundred calls a second, adds 88 MiB in a
/// quarter of an hour.
const GROWTH_SLACK_MIB: f64 = 32.0;

/// The factor by which memory may grow besides, since caches may not be full yet.
const GROWTH_FACTOR: f64 = 1.25;

/// The fewest calls in the first quarter; with fewer, the memory is not judged. With a Worker
/// written by hand, workerd with its simulators grows from 140 to 540 MiB in the first six thousand
/// calls, and hardly after.
const WARM_UP_CALLS: u64 = 6_000;

/// Samples of the resident memory in MiB, oldest first, each with the number of calls before it.
#[derive(Debug, Default)]
pub(super) struct Samples(Vec<(f64, u64)>);

impl Samples {
    pub(super) fn add(&mut self, bytes: u64, calls: u64) {
        self.0.push((bytes as f64 / f64::from(1 << 20), calls));
    }

    /// Compares the median of the last quarter with that of the second; the first quarter fills
    /// caches. After too few calls nothing is judged, and the returned text says so.
    ///
    /// # Errors
    /// If memory grew, or there are too few samples.
    pub(super) fn judge(&self) -> Result<String> {
        let quarter = self.0.len() / 4;
        ensure!(quarter > 0, "too few looks at the memory");
        let of = |quarter: &[(f64, u64)]| median(quarter.iter().map(|(mib, _)| *mib));
        let (early, late) = (of(&self.0[quarter..2 * quarter]), of(&self.0[3 * quarter..]));
        let told = format!("{early:.0} MiB in the second quarter, {late:.0} MiB in the last");
        let calls = self.0[quarter].1 - self.0[0].1;
        if calls < WARM_UP_CALLS {
            return Ok(format!("{told}; not judged, after {calls} calls: it settles after {WARM_UP_CALLS}"));
        }
        ensure!(late <= early * GROWTH_FACTOR + GROWTH_SLACK_MIB, "memory grows: {told}");
        Ok(told)
    }
}

impl fmt::Display for Samples {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |look: Option<&(f64, u64)>| look.map_or(0.0, |(mib, _)| *mib);
        let (first, last) = (mib(self.0.first()), mib(self.0.last()));
        let highest = self.0.iter().map(|(mib, _)| *mib).fold(0.0, f64::max);
        write!(formatter, "{first:.0}, at most {highest:.0}, then {last:.0} MiB")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_judged_after_the_first_quarter() {
        let judge_after = |calls: u64, mib: &dyn Fn(u64) -> u64| {
            let mut samples = Samples::default();
            (0..100).for_each(|look| samples.add(mib(look) << 20, look * calls));
            samples.judge()
        };
        let judge = |mib: &dyn Fn(u64) -> u64| judge_after(WARM_UP_CALLS, mib);
        assert!(judge(&|look| 100 + look / 2).is_ok(), "slack");
        assert!(judge(&|look| if look < 25 { look * 40 } else { 1000 }).is_ok(), "caches fill at first");
        assert!(judge(&|look| 400 + look % 10 * 20).is_ok(), "a collector's teeth");
        assert!(judge(&|look| 100 + look * 2).is_err(), "a leak");
        assert!(judge_after(1, &|look| 100 + look * 2).unwrap().contains("not judged"));
        assert!(Samples::default().judge().is_err());
    }
}
