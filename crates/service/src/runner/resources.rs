//! What all jobs of a worker share: copy slots, and the bytes that may be read in a second.

use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use engine::Interrupted;

/// Work that the throttle lets through at once: short enough that the rate is even, long enough that a
/// frame of 1 MiB is not stopped at any rate that makes sense.
const BURST: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(super) struct Resources {
    state: Mutex<State>,
    /// A slot was freed, or a job was interrupted.
    changed: Condvar,
    bytes_per_second_max: Option<u64>,
}

#[derive(Debug)]
struct State {
    slots_free: usize,
    /// When the bytes let through so far are paid for.
    paid_until: Instant,
}

/// A copy slot; free again when dropped.
#[derive(Debug)]
pub(super) struct Slot {
    resources: Arc<Resources>,
}

impl Resources {
    pub(super) fn new(slots: usize, bytes_per_second_max: Option<u64>) -> Self {
        let state = Mutex::new(State { slots_free: slots, paid_until: Instant::now() });
        Self { state, changed: Condvar::new(), bytes_per_second_max }
    }

    /// Waits for a slot; `check` is asked whenever something changed.
    pub(super) fn take_slot(
        self: &Arc<Self>,
        check: impl Fn() -> Result<(), Interrupted>,
    ) -> Result<Slot, Interrupted> {
        let mut state = self.lock();
        loop {
            check()?;
            if state.slots_free > 0 {
                state.slots_free -= 1;
                return Ok(Slot { resources: Arc::clone(self) });
            }
            state = self.changed.wait(state).expect("no thread panics while it holds the resources");
        }
    }

    /// Waits until `bytes` may be read.
    pub(super) fn pay(
        &self,
        bytes: u64,
        check: impl Fn() -> Result<(), Interrupted>,
    ) -> Result<(), Interrupted> {
        let Some(rate) = self.bytes_per_second_max else { return Ok(()) };
        let price = Duration::try_from_secs_f64(ratio(bytes, rate)).unwrap_or(Duration::MAX / 2);
        let mut state = self.lock();
        let begun = Instant::now();
        let starts = state.paid_until.max(begun);
        state.paid_until = starts + price.min(Duration::from_hours(24));
        loop {
            check()?;
            let left = starts.saturating_duration_since(Instant::now()).saturating_sub(BURST);
            if left.is_zero() {
                return Ok(());
            }
            let waited = self.changed.wait_timeout(state, left);
            (state, _) = waited.expect("no thread panics while it holds the resources");
        }
    }

    /// Has everybody who waits ask again whether to go on.
    pub(super) fn wake(&self) {
        // Under the lock, so that nobody is between asking and waiting.
        let _state = self.lock();
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panics while it holds the resources")
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.resources.lock().slots_free += 1;
        self.resources.changed.notify_all();
    }
}

/// Close enough for waiting.
#[expect(clippy::cast_precision_loss, reason = "a rate need not be exact to the byte")]
fn ratio(bytes: u64, rate: u64) -> f64 {
    bytes as f64 / rate as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_free_again_when_it_is_dropped() {
        let resources = Arc::new(Resources::new(1, None));
        let slot = resources.take_slot(|| Ok(())).unwrap();
        let refused = resources.take_slot(|| Err(Interrupted::Cancelled));
        assert_eq!(refused.unwrap_err(), Interrupted::Cancelled);
        drop(slot);
        resources.take_slot(|| Ok(())).unwrap();
    }

    #[test]
    fn an_interrupted_job_does_not_wait_for_the_throttle() {
        let resources = Resources::new(1, Some(1));
        resources.pay(1_000_000, || Ok(())).unwrap();
        assert_eq!(resources.pay(1, || Err(Interrupted::Shutdown)), Err(Interrupted::Shutdown));
    }

    #[test]
    fn bytes_beyond_the_rate_wait() {
        let resources = Resources::new(1, Some(1_000_000));
        let begun = Instant::now();
        for _ in 0..5 {
            resources.pay(100_000, || Ok(())).unwrap();
        }
        // Four tenths of a second are to be waited for, of which one is let through at once.
        assert!(begun.elapsed() >= Duration::from_millis(290), "{:?}", begun.elapsed());
    }
}
