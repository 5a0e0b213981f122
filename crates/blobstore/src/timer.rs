//! Waiting, passed in: by the clock in service, by hand in tests.

use std::fmt;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

/// Measures and waits. One is shared by all threads that use a store.
pub trait Timer: Send + Sync + fmt::Debug {
    /// Time since some fixed moment; never falls.
    fn elapsed(&self) -> Duration;

    /// Waits for `duration`.
    ///
    /// # Errors
    /// The wait is not to be gone on with (a cancelled job, a shutdown): whoever waits gives up with
    /// this error.
    fn sleep(&self, duration: Duration) -> io::Result<()>;
}

/// The system's monotonic clock; waits to the end.
#[derive(Debug, Clone)]
pub struct SystemTimer {
    start: Instant,
}

impl SystemTimer {
    /// Begins to measure.
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }
}

impl Timer for SystemTimer {
    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep(&self, duration: Duration) -> io::Result<()> {
        thread::sleep(duration);
        Ok(())
    }
}

/// A timer that moves only when somebody waits by it or moves it; for tests.
#[cfg(any(test, feature = "testing"))]
#[derive(Debug, Default)]
pub struct ManualTimer {
    state: std::sync::Mutex<ManualState>,
}

#[cfg(any(test, feature = "testing"))]
#[derive(Debug, Default)]
struct ManualState {
    elapsed: Duration,
    waits: Vec<Duration>,
    stopped: bool,
}

#[cfg(any(test, feature = "testing"))]
impl ManualTimer {
    /// At zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves the time on.
    pub fn advance(&self, duration: Duration) {
        self.lock().elapsed += duration;
    }

    /// Every wait from here on is given up with `Interrupted`.
    pub fn stop(&self) {
        self.lock().stopped = true;
    }

    /// All waits so far, in order.
    pub fn waits(&self) -> Vec<Duration> {
        self.lock().waits.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, ManualState> {
        self.state.lock().expect("no test panics while it holds this")
    }
}

#[cfg(any(test, feature = "testing"))]
impl Timer for ManualTimer {
    fn elapsed(&self) -> Duration {
        self.lock().elapsed
    }

    fn sleep(&self, duration: Duration) -> io::Result<()> {
        let mut state = self.lock();
        if state.stopped {
            return Err(io::ErrorKind::Interrupted.into());
        }
        state.elapsed += duration;
        state.waits.push(duration);
        Ok(())
    }
}
