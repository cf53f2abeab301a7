//! Retry policy: exponential backoff with full jitter, within one deadline. The module does no IO;
//! it only reads the clock and draws random numbers.
//!
//! Full jitter (a uniform random pause between zero and the backoff) spreads the clients of a
//! recovering service most evenly: AWS Architecture Blog, "Exponential Backoff And Jitter".

use std::ffi::OsString;
use std::time::{Duration, Instant};

use crate::{Error, Result, text_of};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
const BACKOFF_MIN: Duration = Duration::from_millis(200);
const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// The longest that one call may take; after that another connection has better chances.
const CALL_MAX: Duration = Duration::from_secs(10);
/// The least time for another call: with less, it cannot succeed.
const CALL_MIN: Duration = Duration::from_millis(50);

/// The deadline of all attempts, including a call in progress.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    started: Instant,
    total: Duration,
}

impl Deadline {
    /// A deadline `total` from now.
    pub fn after(total: Duration) -> Self {
        Self { started: Instant::now(), total }
    }

    /// A deadline `CAPY_TIMEOUT` seconds from now, else 30.
    ///
    /// # Errors
    /// [`Error::TimeoutMalformed`] for anything but a number from 1 to 3600;
    /// [`Error::VariableNotUnicode`].
    pub fn from_env(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Self> {
        let Some(text) = text_of(lookup, "CAPY_TIMEOUT")? else {
            return Ok(Self::after(DEFAULT_TIMEOUT));
        };
        match text.trim().parse::<f64>() {
            Ok(seconds) if (1.0..=3600.0).contains(&seconds) => {
                Ok(Self::after(Duration::from_secs_f64(seconds)))
            }
            _ => Err(Error::TimeoutMalformed),
        }
    }

    /// The time since the deadline was created.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn remaining(&self) -> Duration {
        self.total.saturating_sub(self.elapsed())
    }

    /// The time limit of the next call; `None` when too little time is left.
    pub(crate) fn next_call(&self) -> Option<Duration> {
        let remaining = self.remaining();
        (remaining >= CALL_MIN).then(|| remaining.min(CALL_MAX))
    }

    /// The pause after `attempts` attempts; `None` when the deadline would pass meanwhile.
    ///
    /// `asked` is the pause that the service asked for (`retry-after`), a lower bound for the
    /// result.
    pub(crate) fn pause(&self, attempts: u32, asked: Option<Duration>) -> Option<Duration> {
        let jitter = backoff(attempts).mul_f64(fastrand::f64());
        // Saturating, because the service may ask for any number of seconds.
        let pause = asked.unwrap_or_default().saturating_add(jitter);
        (pause.saturating_add(CALL_MIN) < self.remaining()).then_some(pause)
    }
}

/// The longest random pause after `attempts` attempts.
fn backoff(attempts: u32) -> Duration {
    let doublings = attempts.saturating_sub(1).min(16);
    (BACKOFF_MIN * 2u32.pow(doublings)).min(BACKOFF_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit() {
        let millis: Vec<_> = (1..=8).map(|attempts| backoff(attempts).as_millis()).collect();
        assert_eq!(millis, [200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
        assert_eq!(backoff(u32::MAX), BACKOFF_MAX);
    }

    #[test]
    fn pauses_are_spread_over_the_whole_backoff() {
        let deadline = Deadline::after(Duration::from_secs(60));
        let draws: Vec<_> = (0..200).filter_map(|_| deadline.pause(4, None)).collect();
        assert_eq!(draws.len(), 200);
        assert!(draws.iter().all(|pause| *pause <= Duration::from_millis(1600)));
        assert!(draws.iter().any(|pause| *pause < Duration::from_millis(400)));
        assert!(draws.iter().any(|pause| *pause > Duration::from_millis(1200)));
    }

    #[test]
    fn the_services_own_wish_is_a_lower_bound_and_the_deadline_an_upper_one() {
        let deadline = Deadline::after(Duration::from_secs(20));
        let wish = Duration::from_secs(3);
        assert!(deadline.pause(1, Some(wish)).unwrap() >= wish);
        assert_eq!(deadline.pause(1, Some(Duration::from_secs(21))), None);
        assert_eq!(deadline.pause(1, Some(Duration::from_secs(u64::MAX))), None);
        assert_eq!(Deadline::after(Duration::ZERO).next_call(), None);
        assert_eq!(deadline.next_call(), Some(CALL_MAX));
    }

    #[test]
    fn a_timeout_is_a_number_of_seconds() {
        let total = |text: &str| Deadline::from_env(|_| Some(text.into())).map(|deadline| deadline.total);
        assert_eq!(total("1.5").unwrap(), Duration::from_millis(1500));
        assert_eq!(total("").unwrap(), DEFAULT_TIMEOUT);
        for bad in ["0", "-1", "NaN", "inf", "30s", "3601"] {
            assert_eq!(total(bad).unwrap_err().code(), "TIMEOUT_MALFORMED", "{bad}");
        }
    }
}
