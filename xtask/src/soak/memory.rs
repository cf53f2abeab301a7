//! What memory a process held over time, and whether it grew.

use std::fmt;

use anyhow::{Result, ensure};

use crate::bench::median;

/// What a quarter of the time may add: a collector's and an allocator's leftovers. A leak of a kilobyte for each call adds
/// more at a hundred calls a second within a quarter of an hour.
const SLACK: f64 = 32.0;

/// And on top of what is held already: caches that are not full yet.
const GROWTH: f64 = 1.25;

/// Resident memory, in MiB, in the order of time.
#[derive(Debug, Default)]
pub(super) struct Samples(Vec<f64>);

impl Samples {
    pub(super) fn add(&mut self, bytes: u64) {
        self.0.push(bytes as f64 / f64::from(1 << 20));
    }

    /// Compares the last quarter with the second one: the first fills caches.
    ///
    /// # Errors
    /// When it grew.
    pub(super) fn judge(&self) -> Result<String> {
        let quarter = self.0.len() / 4;
        ensure!(quarter > 0, "too few looks at the memory");
        let of = |quarter: &[f64]| median(quarter.iter().copied());
        let (early, late) = (of(&self.0[quarter..2 * quarter]), of(&self.0[3 * quarter..]));
        let told = format!("{early:.0} MiB in the second quarter, {late:.0} MiB in the last");
        ensure!(late <= early * GROWTH + SLACK, "memory grows: {told}");
        Ok(told)
    }
}

impl fmt::Display for Samples {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (self.0.first().copied(), self.0.last().copied());
        let highest = self.0.iter().copied().fold(0.0, f64::max);
        write!(
            formatter,
            "{:.0}, at most {highest:.0}, then {:.0} MiB",
            first.unwrap_or_default(),
            last.unwrap_or_default()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_judged_after_the_first_quarter() {
        let judge = |mib: &dyn Fn(u64) -> u64| {
            let mut samples = Samples::default();
            (0..100).for_each(|look| samples.add(mib(look) << 20));
            samples.judge()
        };
        assert!(judge(&|look| 100 + look / 2).is_ok(), "slack");
        assert!(judge(&|look| if look < 25 { look * 40 } else { 1000 }).is_ok(), "caches fill at first");
        assert!(judge(&|look| 400 + look % 10 * 20).is_ok(), "a collector's teeth");
        assert!(judge(&|look| 100 + look * 2).is_err(), "a leak");
        assert!(Samples::default().judge().is_err());
    }
}
