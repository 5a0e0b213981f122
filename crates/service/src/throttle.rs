//! How often one access key may call one operation.
//!
//! The limit goes by the machine's own steady clock, not by the service's: whoever sets a clock back must not lock
//! callers out.

use std::num::NonZeroU32;
use std::sync::Arc;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use rpc::{ActionSpec, ApiError, ErrorCode};

/// A key and an operation.
type Pair = (Arc<str>, &'static str);

type Limiter<C> = RateLimiter<Pair, DefaultKeyedStateStore<Pair>, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// The limit of each pair; without one, everything is let through.
#[derive(Debug)]
pub(crate) struct Throttle<C: Clock = DefaultClock> {
    limiter: Option<Limiter<C>>,
}

impl Throttle {
    /// So many requests a second, and as many at once after a pause.
    pub(crate) fn new(requests_per_second_max: Option<NonZeroU32>) -> Self {
        Self::with_clock(requests_per_second_max, DefaultClock::default())
    }
}

impl<C: Clock> Throttle<C> {
    fn with_clock(requests_per_second_max: Option<NonZeroU32>, clock: C) -> Self {
        let limiter = requests_per_second_max.map(|requests| {
            let states = DefaultKeyedStateStore::<Pair>::default();
            RateLimiter::new(Quota::per_second(requests), states, clock)
        });
        Self { limiter }
    }

    /// Counts a call.
    ///
    /// # Errors
    /// One too many → `Throttling.User`.
    pub(crate) fn check(&self, key: &Arc<str>, action: &ActionSpec) -> Result<(), ApiError> {
        let Some(limiter) = &self.limiter else { return Ok(()) };
        let pair = (Arc::clone(key), action.name);
        limiter.check_key(&pair).map_err(|_| ApiError::new(ErrorCode::ThrottlingUser))
    }

    /// Forgets pairs that have called nothing for a while.
    pub(crate) fn forget_idle(&self) {
        if let Some(limiter) = &self.limiter {
            limiter.retain_recent();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use governor::clock::FakeRelativeClock;

    use super::*;

    #[test]
    fn each_key_and_operation_has_its_own_limit() {
        let clock = FakeRelativeClock::default();
        let throttle = Throttle::with_clock(NonZeroU32::new(3), clock.clone());
        let find = |name| rpc::find_action(name).unwrap();
        let (backups, regions) = (find("DescribeBackups"), find("DescribeRegions"));
        let (first, second) = (Arc::from("first"), Arc::from("second"));
        for _ in 0..3 {
            throttle.check(&first, backups).unwrap();
        }
        assert_eq!(throttle.check(&first, backups).unwrap_err().code(), "Throttling.User");
        throttle.check(&first, regions).unwrap();
        throttle.check(&second, backups).unwrap();
        clock.advance(Duration::from_millis(334));
        throttle.check(&first, backups).unwrap();
        throttle.check(&first, backups).unwrap_err();
        clock.advance(Duration::from_mins(1));
        throttle.forget_idle();
        assert_eq!(throttle.limiter.as_ref().unwrap().len(), 0);
    }

    #[test]
    fn without_a_limit_nothing_is_refused() {
        let throttle = Throttle::new(None);
        let action = rpc::find_action("DescribeRegions").unwrap();
        assert!((0..10_000).all(|_| throttle.check(&Arc::from("key"), action).is_ok()));
    }
}
