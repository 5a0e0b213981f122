//! Positions in the write-ahead log.
//!
//! Text form as PostgreSQL prints it (`pg_lsn`, `%X/%X`): the high and the low 32 bits in hexadecimal.

use std::fmt;
use std::str::FromStr;

use crate::ParseError;
use crate::error::excerpt;

/// Byte position in PostgreSQL's WAL.
///
/// Two positions subtract to a number of bytes; adding two of them means nothing and does not compile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lsn(u64);

impl Lsn {
    /// PostgreSQL's `InvalidXLogRecPtr`: no WAL record starts here, the server uses it for "none".
    pub const ZERO: Self = Self(0);

    /// The position `bytes` after the beginning of the log.
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// Bytes since the beginning of the log.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// Whether this is a real position and not the server's "none".
    pub const fn is_valid(self) -> bool {
        self.0 != 0
    }

    /// The position `bytes` further on; `None` past the end of the 64-bit log.
    pub const fn checked_add(self, bytes: u64) -> Option<Self> {
        match self.0.checked_add(bytes) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// The position `bytes` before; `None` before the beginning of the log.
    pub const fn checked_sub(self, bytes: u64) -> Option<Self> {
        match self.0.checked_sub(bytes) {
            Some(difference) => Some(Self(difference)),
            None => None,
        }
    }

    /// Bytes from `earlier` to here; `None` when `earlier` is later.
    pub const fn bytes_since(self, earlier: Self) -> Option<u64> {
        self.0.checked_sub(earlier.0)
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xFFFF_FFFF)
    }
}

impl FromStr for Lsn {
    type Err = ParseError;

    /// # Errors
    /// Anything but `XXXXXXXX/XXXXXXXX` with one to eight digits each → [`ParseError::Lsn`].
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let half = |digits: &str| {
            let well_formed =
                (1..=8).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
            well_formed.then(|| u64::from_str_radix(digits, 16).ok()).flatten()
        };
        text.split_once('/')
            .and_then(|(high, low)| Some(Self((half(high)? << 32) | half(low)?)))
            .ok_or_else(|| ParseError::Lsn { text: excerpt(text) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, bytes: u64) {
        assert_eq!(text.parse(), Ok(Lsn(bytes)));
        assert_eq!(Lsn(bytes).to_string(), text);
    }

    #[test]
    fn text_is_the_two_halves_in_hexadecimal() {
        check("0/0", 0);
        check("0/3000060", 0x0300_0060);
        check("16/B374D848", 0x16_B374_D848);
        check("FFFFFFFF/FFFFFFFF", u64::MAX);
    }

    #[test]
    fn leading_zeros_and_small_letters_are_read() {
        assert_eq!("00000016/b374d848".parse(), Ok(Lsn(0x16_B374_D848)));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "/", "0", "0/", "/0", "0/0/0", "0/000000001", "+1/0", "g/0", " 0/0", "0/-1", "０/0"]
        {
            assert_eq!(text.parse::<Lsn>(), Err(ParseError::Lsn { text: text.to_owned() }), "{text:?}");
        }
    }

    #[test]
    fn arithmetic_stops_at_both_ends_of_the_log() {
        assert_eq!(Lsn(u64::MAX).checked_add(1), None);
        assert_eq!(Lsn(7).checked_sub(8), None);
        assert_eq!(Lsn(7).bytes_since(Lsn(8)), None);
        assert_eq!(Lsn(9).bytes_since(Lsn(8)), Some(1));
        assert!(!Lsn::ZERO.is_valid());
    }
}
