//! Timelines: the branches of an instance's history.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use crate::ParseError;
use crate::error::excerpt;

/// Number of a branch of the WAL; a promotion begins the next. Never zero.
///
/// Its text is decimal, as `pg_control` and `IDENTIFY_SYSTEM` show it; file names spell it in hexadecimal, which
/// [`SegmentName`](crate::SegmentName) and [`WalFileName`](crate::WalFileName) do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimelineId(NonZeroU32);

impl TimelineId {
    /// The timeline of a cluster that was never promoted.
    pub const FIRST: Self = Self(NonZeroU32::MIN);

    /// `None` for zero, which the server uses for "none".
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The number.
    pub const fn as_u32(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for TimelineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for TimelineId {
    type Err = ParseError;

    /// # Errors
    /// Anything but the decimal digits of 1 to 4294967295 → [`ParseError::TimelineId`].
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits
            .then(|| text.parse().ok().and_then(Self::new))
            .flatten()
            .ok_or_else(|| ParseError::TimelineId { text: excerpt(text) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_decimal() {
        assert_eq!("10".parse(), Ok(TimelineId::new(10).expect("not zero")));
        assert_eq!(TimelineId::new(0xFF).expect("not zero").to_string(), "255");
    }

    #[test]
    fn zero_and_other_texts_are_refused() {
        for text in ["", "0", "-1", "+1", "4294967296", "0A", " 1"] {
            assert!(matches!(text.parse::<TimelineId>(), Err(ParseError::TimelineId { .. })), "{text:?}");
        }
    }
}
