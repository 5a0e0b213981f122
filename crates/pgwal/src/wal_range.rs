//! Stretches of WAL on one timeline.

use std::fmt;

use crate::{Lsn, SegmentName, SegmentSize, TimelineId};

/// Half-open stretch of WAL on one timeline. Never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WalRange {
    timeline: TimelineId,
    start: Lsn,
    end: Lsn,
}

impl WalRange {
    /// `None` unless `start < end`.
    pub fn new(timeline: TimelineId, start: Lsn, end: Lsn) -> Option<Self> {
        (start < end).then_some(Self { timeline, start, end })
    }

    /// A segment is never empty, so this range needs no check.
    pub(crate) const fn of_segment(segment: SegmentName) -> Self {
        Self { timeline: segment.timeline(), start: segment.start(), end: segment.end() }
    }

    /// The timeline.
    pub const fn timeline(&self) -> TimelineId {
        self.timeline
    }

    /// Position of the first byte.
    pub const fn start(&self) -> Lsn {
        self.start
    }

    /// Position after the last byte.
    pub const fn end(&self) -> Lsn {
        self.end
    }

    /// Bytes of WAL.
    pub const fn bytes(&self) -> u64 {
        self.end.as_u64() - self.start.as_u64()
    }

    /// Whether the byte at `lsn` of the same timeline lies within.
    pub fn contains(&self, lsn: Lsn) -> bool {
        (self.start..self.end).contains(&lsn)
    }

    /// The segments that hold it, in order; the first and the last may hold more.
    pub fn segments(&self, size: SegmentSize) -> Segments {
        let first = SegmentName::containing(self.timeline, self.start, size);
        let last = SegmentName::containing(self.timeline, Lsn::new(self.end.as_u64() - 1), size);
        Segments { next: Some(first), last }
    }
}

impl fmt::Display for WalRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{} on timeline {}", self.start, self.end, self.timeline)
    }
}

/// The segments of a [`WalRange`], in order.
#[derive(Debug, Clone)]
pub struct Segments {
    next: Option<SegmentName>,
    last: SegmentName,
}

impl Iterator for Segments {
    type Item = SegmentName;

    fn next(&mut self) -> Option<SegmentName> {
        let current = self.next?;
        self.next = if current == self.last { None } else { current.next() };
        Some(current)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start: u64, end: u64) -> Option<WalRange> {
        WalRange::new(TimelineId::FIRST, Lsn::new(start), Lsn::new(end))
    }

    #[test]
    fn an_empty_or_backward_range_does_not_exist() {
        assert_eq!(range(5, 5), None);
        assert_eq!(range(6, 5), None);
    }

    #[test]
    fn segments_are_those_that_hold_a_byte_of_it() {
        let names = |start, end| -> Vec<u64> {
            let range = range(start, end).expect("not empty");
            range.segments(SegmentSize::DEFAULT).map(SegmentName::number).collect()
        };
        assert_eq!(names(0x0100_0000, 0x0200_0000), [1]);
        assert_eq!(names(0x01FF_FFFF, 0x0200_0001), [1, 2]);
        assert_eq!(names(0x0100_0028, 0x0400_0000), [1, 2, 3]);
        assert_eq!(names(u64::MAX - 1, u64::MAX), [0xFF_FFFF_FFFF]);
    }

    #[test]
    fn bytes_and_bounds_are_half_open() {
        let range = range(10, 12).expect("not empty");
        assert_eq!(range.bytes(), 2);
        assert!(range.contains(Lsn::new(11)) && !range.contains(Lsn::new(12)));
        assert_eq!(range.to_string(), "0/A..0/C on timeline 1");
    }
}
