//! In-process rate limits, for hosts whose platform has none.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};

use crate::host::Limit;

/// After how many requests idle keys are removed.
const SWEEP_INTERVAL: u32 = 4096;

/// Counts requests per key, and removes idle keys, so that memory follows the rate of requests.
pub struct Limiter<C: Clock = DefaultClock> {
    of_deploy: Keyed<C>,
    from_address: Keyed<C>,
    requests: AtomicU32,
}

type Keyed<C> = RateLimiter<String, DefaultKeyedStateStore<String>, C, NoOpMiddleware<<C as Clock>::Instant>>;

impl Limiter {
    /// A limiter with the limits that `most` returns.
    pub fn new(most: impl Fn(Limit) -> NonZeroU32) -> Self {
        Self::with_clock(DefaultClock::default(), most)
    }
}

impl<C: Clock + Clone> Limiter<C> {
    fn with_clock(clock: C, most: impl Fn(Limit) -> NonZeroU32) -> Self {
        let keyed = |limit: Limit| {
            let most = most(limit);
            let each = Duration::from_millis(Limit::PERIOD_MS) / most.get();
            let quota = Quota::with_period(each).unwrap_or(Quota::per_second(most)).allow_burst(most);
            RateLimiter::new(quota, DefaultKeyedStateStore::default(), clock.clone())
        };
        let (of_deploy, from_address) = (keyed(Limit::DecryptsOfDeploy), keyed(Limit::DecryptsFromAddress));
        Self { of_deploy, from_address, requests: AtomicU32::new(0) }
    }

    /// Counts one more request, and returns whether it is within the limit.
    pub fn is_within(&self, limit: Limit, key: &str) -> bool {
        if self.requests.fetch_add(1, Ordering::Relaxed) % SWEEP_INTERVAL == SWEEP_INTERVAL - 1 {
            for keyed in [&self.of_deploy, &self.from_address] {
                keyed.retain_recent();
                keyed.shrink_to_fit();
            }
        }
        let keyed = match limit {
            Limit::DecryptsOfDeploy => &self.of_deploy,
            Limit::DecryptsFromAddress => &self.from_address,
        };
        keyed.check_key(&key.to_owned()).is_ok()
    }
}

impl<C: Clock> fmt::Debug for Limiter<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Limiter(…)")
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    #[test]
    fn a_key_gets_its_limit_at_once_and_then_as_many_each_period() {
        let clock = FakeRelativeClock::default();
        let limiter = Limiter::with_clock(clock.clone(), Limit::max_requests);
        for (limit, most) in [(Limit::DecryptsOfDeploy, 100), (Limit::DecryptsFromAddress, 300)] {
            let granted = |key: &str| (0..2 * most).filter(|_| limiter.is_within(limit, key)).count();
            assert_eq!(granted("a"), most, "{limit:?}");
            assert_eq!(granted("b"), most, "another key has its own");
            clock.advance(Duration::from_secs(1));
            assert_eq!(granted("a"), most / 10);
            clock.advance(Duration::from_secs(60));
            assert_eq!(granted("a"), most, "never more than that");
        }
    }

    #[test]
    fn who_has_been_quiet_is_forgotten() {
        let clock = FakeRelativeClock::default();
        let limiter = Limiter::with_clock(clock.clone(), Limit::max_requests);
        for key in 0..SWEEP_INTERVAL - 1 {
            limiter.is_within(Limit::DecryptsFromAddress, &key.to_string());
        }
        assert_eq!(limiter.from_address.len(), SWEEP_INTERVAL as usize - 1);
        clock.advance(Duration::from_secs(60));
        limiter.is_within(Limit::DecryptsFromAddress, "again");
        assert_eq!(limiter.from_address.len(), 1);
    }
}
