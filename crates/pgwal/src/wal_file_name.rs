//! Names of all files that PostgreSQL hands to its archive: segments, partial segments, timeline histories and
//! backup histories (`IsXLogFileName` and its neighbors in `xlog_internal.h`).

use std::fmt;

use crate::error::{excerpt, parse_hex_exact};
use crate::{Lsn, ParseError, SegmentName, SegmentSize, TimelineId};

/// A file of `pg_wal` that is worth keeping, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WalFileName {
    /// A whole segment, such as `000000010000000000000003`.
    Segment(SegmentName),
    /// The last, incomplete segment of a timeline that a promotion ended, such as
    /// `000000010000000000000003.partial`.
    Partial(SegmentName),
    /// The ancestors of a timeline, such as `00000002.history`.
    History(TimelineId),
    /// What PostgreSQL noted about a base backup, such as `000000010000000000000003.00000028.backup`.
    BackupHistory {
        /// The segment in which the backup started.
        segment: SegmentName,
        /// Where in the segment it started.
        start: Lsn,
    },
}

impl WalFileName {
    /// Reads the name of a file of a cluster with segments of this size.
    ///
    /// # Errors
    /// Any other name → [`ParseError::WalFileName`].
    pub fn parse(text: &str, size: SegmentSize) -> Result<Self, ParseError> {
        Self::find(text, size).ok_or_else(|| ParseError::WalFileName { text: excerpt(text) })
    }

    fn find(text: &str, size: SegmentSize) -> Option<Self> {
        if let Some(digits) = text.strip_suffix(".history") {
            return TimelineId::new(parse_hex_exact(digits, 8)?).map(Self::History);
        }
        if let Some(name) = text.strip_suffix(".partial") {
            return SegmentName::parse(name, size).ok().map(Self::Partial);
        }
        if let Some(name) = text.strip_suffix(".backup") {
            let (name, offset) = name.split_once('.')?;
            let segment = SegmentName::parse(name, size).ok()?;
            let start = segment.start().checked_add(u64::from(parse_hex_exact(offset, 8)?))?;
            return segment.contains(start).then_some(Self::BackupHistory { segment, start });
        }
        SegmentName::parse(text, size).ok().map(Self::Segment)
    }
}

impl fmt::Display for WalFileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Segment(segment) => segment.fmt(f),
            Self::Partial(segment) => write!(f, "{segment}.partial"),
            Self::History(timeline) => write!(f, "{:08X}.history", timeline.as_u32()),
            Self::BackupHistory { segment, start } => {
                write!(f, "{segment}.{:08X}.backup", start.as_u64() % segment.size().bytes())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str) -> WalFileName {
        let name = WalFileName::parse(text, SegmentSize::DEFAULT).expect(text);
        assert_eq!(name.to_string(), text);
        name
    }

    #[test]
    fn each_kind_is_told_by_its_name() {
        let WalFileName::Segment(segment) = check("000000010000000000000003") else {
            panic!("not a segment");
        };
        assert_eq!(check("000000010000000000000003.partial"), WalFileName::Partial(segment));
        let eleventh = TimelineId::new(11).expect("not zero");
        assert_eq!(check("0000000B.history"), WalFileName::History(eleventh));
        let start = Lsn::new(0x0300_0028);
        assert_eq!(
            check("000000010000000000000003.00000028.backup"),
            WalFileName::BackupHistory { segment, start }
        );
    }

    #[test]
    fn other_names_are_refused() {
        for name in [
            "",
            ".history",
            "00000000.history",
            "1.history",
            "0000000b.history",
            "000000010000000000000003.part",
            "000000010000000000000003.backup",
            "000000010000000000000003.01000000.backup",
            "00000001.history.partial",
            "archive_status",
            "../000000010000000000000003",
        ] {
            let refused = ParseError::WalFileName { text: name.to_owned() };
            assert_eq!(WalFileName::parse(name, SegmentSize::DEFAULT), Err(refused), "{name:?}");
        }
    }
}
