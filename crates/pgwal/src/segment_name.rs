//! Names of WAL segments (`XLogFileName` in PostgreSQL's `xlog_internal.h`).
//!
//! ```text
//! 00000002 0000001A 000000F3
//! timeline  log id   segment within the 4 GiB of the log id
//! ```

use std::fmt;

use crate::error::{excerpt, parse_hex_exact};
use crate::{Lsn, ParseError, SegmentSize, TimelineId, WalRange};

/// The name of one WAL segment, which also says where the segment lies.
///
/// Segments order by timeline, then by place, as their names do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentName {
    timeline: TimelineId,
    number: u64,
    size: SegmentSize,
}

impl SegmentName {
    /// The segment that holds the byte at `lsn`.
    pub const fn containing(timeline: TimelineId, lsn: Lsn, size: SegmentSize) -> Self {
        Self { timeline, number: lsn.as_u64() / size.bytes(), size }
    }

    /// The segment that holds the last byte before `end`, which a backup's stop position needs: at a boundary
    /// that is the segment before. `None` at the beginning of the log.
    pub fn before(timeline: TimelineId, end: Lsn, size: SegmentSize) -> Option<Self> {
        end.checked_sub(1).map(|last| Self::containing(timeline, last, size))
    }

    /// Reads a name of 24 upper-case hexadecimal digits.
    ///
    /// # Errors
    /// Another form, timeline zero, or a segment that does not exist with this size → [`ParseError::SegmentName`].
    pub fn parse(text: &str, size: SegmentSize) -> Result<Self, ParseError> {
        Self::find(text, size).ok_or_else(|| ParseError::SegmentName { text: excerpt(text) })
    }

    fn find(text: &str, size: SegmentSize) -> Option<Self> {
        let part = |at: usize| text.get(at..at + 8).and_then(|digits| parse_hex_exact(digits, 8));
        if text.len() != 24 {
            return None;
        }
        let timeline = TimelineId::new(part(0)?)?;
        let (log_id, within) = (u64::from(part(8)?), u64::from(part(16)?));
        let per_log_id = size.segments_per_log_id();
        (within < per_log_id).then_some(Self { timeline, number: log_id * per_log_id + within, size })
    }

    /// The timeline that wrote the segment.
    pub const fn timeline(self) -> TimelineId {
        self.timeline
    }

    /// Segments before this one since the beginning of the log.
    pub const fn number(self) -> u64 {
        self.number
    }

    /// The cluster's segment size.
    pub const fn size(self) -> SegmentSize {
        self.size
    }

    /// Position of the first byte.
    pub const fn start(self) -> Lsn {
        Lsn::new(self.number * self.size.bytes())
    }

    /// Position after the last byte. For the very last segment of the 64-bit log, the last position there is.
    pub const fn end(self) -> Lsn {
        Lsn::new(self.start().as_u64().saturating_add(self.size.bytes()))
    }

    /// The stretch of WAL that the segment holds.
    pub fn range(self) -> WalRange {
        WalRange::of_segment(self)
    }

    /// Whether the byte at `lsn` lies in the segment's place, whatever the timeline.
    pub const fn contains(self, lsn: Lsn) -> bool {
        lsn.as_u64() / self.size.bytes() == self.number
    }

    /// The following segment on the same timeline; `None` at the end of the log.
    pub fn next(self) -> Option<Self> {
        let end = self.start().checked_add(self.size.bytes())?;
        Some(Self::containing(self.timeline, end, self.size))
    }

    /// The segment before on the same timeline; `None` at the beginning of the log.
    pub fn previous(self) -> Option<Self> {
        Self::before(self.timeline, self.start(), self.size)
    }

    /// The segment at the same place on another timeline.
    #[must_use]
    pub const fn on(self, timeline: TimelineId) -> Self {
        Self { timeline, ..self }
    }
}

impl fmt::Display for SegmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per_log_id = self.size.segments_per_log_id();
        let (log_id, within) = (self.number / per_log_id, self.number % per_log_id);
        write!(f, "{:08X}{log_id:08X}{within:08X}", self.timeline.as_u32())
    }
}

#[cfg(test)]
mod tests;
