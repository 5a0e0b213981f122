//! The size of WAL segments, fixed for each cluster by `initdb --wal-segsize`.

use std::fmt;

use crate::ParseError;
use crate::error::excerpt;

const MIB: u32 = 1024 * 1024;

/// Bytes of one WAL segment: a power of two from 1 MiB to 1 GiB (`IsValidWalSegSize` in `xlog_internal.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentSize(u32);

impl SegmentSize {
    /// 16 MiB, unless `initdb` was told otherwise.
    pub const DEFAULT: Self = Self(16 * MIB);
    /// The smallest that PostgreSQL takes.
    pub const MIN: Self = Self(MIB);
    /// The largest that PostgreSQL takes.
    pub const MAX: Self = Self(1024 * MIB);

    /// `None` unless a power of two from 1 MiB to 1 GiB.
    pub fn new(bytes: u64) -> Option<Self> {
        let bytes = u32::try_from(bytes).ok()?;
        ((MIB..=1024 * MIB).contains(&bytes) && bytes.is_power_of_two()).then_some(Self(bytes))
    }

    /// Reads what `SHOW wal_segment_size` prints, such as `16MB` or `1GB`.
    ///
    /// # Errors
    /// Another unit, or not a valid size → [`ParseError::SegmentSize`].
    pub fn parse_setting(text: &str) -> Result<Self, ParseError> {
        let number = |digits: &str, unit: u64| {
            let well_formed = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            well_formed.then(|| digits.parse::<u64>().ok()?.checked_mul(unit)).flatten()
        };
        let bytes = if let Some(digits) = text.strip_suffix("GB") {
            number(digits, 1024 * u64::from(MIB))
        } else if let Some(digits) = text.strip_suffix("MB") {
            number(digits, u64::from(MIB))
        } else if let Some(digits) = text.strip_suffix("kB") {
            number(digits, 1024)
        } else {
            number(text.strip_suffix('B').unwrap_or(text), 1)
        };
        bytes.and_then(Self::new).ok_or_else(|| ParseError::SegmentSize { text: excerpt(text) })
    }

    /// The size in bytes.
    pub const fn bytes(self) -> u64 {
        self.0 as u64
    }

    /// Segments in 4 GiB of WAL; the last eight digits of a segment's name count up to one less.
    pub const fn segments_per_log_id(self) -> u64 {
        (1 << 32) / self.bytes()
    }
}

impl fmt::Display for SegmentSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 / MIB {
            1024 => f.write_str("1GB"),
            mib => write!(f, "{mib}MB"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_powers_of_two_in_range_are_sizes() {
        let exact: Vec<u64> = (0..=64).filter_map(|shift| 1_u64.checked_shl(shift)).collect();
        let valid: Vec<u64> = exact.into_iter().filter(|&bytes| SegmentSize::new(bytes).is_some()).collect();
        assert_eq!(valid, (20..=30).map(|shift| 1_u64 << shift).collect::<Vec<_>>());
        assert_eq!(SegmentSize::new(3 << 20), None);
        assert_eq!(SegmentSize::new((1 << 32) + (1 << 24)), None);
    }

    #[test]
    fn the_servers_spelling_is_read_and_written() {
        for text in ["1MB", "16MB", "64MB", "512MB", "1GB"] {
            assert_eq!(SegmentSize::parse_setting(text).expect(text).to_string(), text);
        }
        assert_eq!(SegmentSize::parse_setting("16777216"), Ok(SegmentSize::DEFAULT));
        assert_eq!(SegmentSize::parse_setting("1024kB"), Ok(SegmentSize::MIN));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in
            ["", "MB", "3MB", "2GB", "16 MB", "-16MB", "99999999999999999999GB", "18446744073709551615GB"]
        {
            assert!(SegmentSize::parse_setting(text).is_err(), "{text:?}");
        }
    }
}
