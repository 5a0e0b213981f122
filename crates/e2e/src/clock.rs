//! The clock, read in one place.

use jiff::Timestamp;

/// The time by this machine's clock, which is the service's too.
pub fn now() -> Timestamp {
    #[expect(
        clippy::disallowed_methods,
        reason = "the clients of these tests sign with the real time, as users do"
    )]
    Timestamp::now()
}
