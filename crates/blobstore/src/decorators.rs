//! Stores that wrap a store: to try again, to go slower, and, for tests, to fail, lie and crash.

mod retry;
mod throttle;

#[cfg(any(test, feature = "testing"))]
mod crash;
#[cfg(any(test, feature = "testing"))]
mod faulty;

#[cfg(any(test, feature = "testing"))]
pub use crash::CrashStore;
#[cfg(any(test, feature = "testing"))]
pub use faulty::{Fault, FaultyStore, Operation, Stall, Trigger};
pub use retry::{RetryPolicy, RetryStore};
pub use throttle::ThrottleStore;
