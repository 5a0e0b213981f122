//! The one place of this program that reads the clock; libraries are given the time.

use jiff::Timestamp;

/// The time, by the machine's clock.
#[expect(clippy::disallowed_methods, reason = "this is where the injected clock comes from")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}
