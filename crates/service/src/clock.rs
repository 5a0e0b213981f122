//! The one place where the service reads the time, so that tests can move it.

use std::fmt::Debug;
use std::sync::Arc;

use jiff::Timestamp;

/// Tells the time.
pub trait Clock: Send + Sync + Debug {
    /// The time now, UTC.
    fn now(&self) -> Timestamp;

    /// Tells those who wait for a time that the clock was moved by something else than time. `None`: that
    /// cannot be told, and who waits looks at the clock now and then.
    fn watch_moves(&self) -> Option<tokio::sync::watch::Receiver<u64>> {
        None
    }
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl SystemClock {
    /// The clock, ready to be handed around.
    pub fn shared() -> Arc<dyn Clock> {
        Arc::new(Self)
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that is injected everywhere else")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
