//! Names and positions in PostgreSQL's write-ahead log.

use pgwal::{Lsn, SegmentName, SegmentSize, TimelineId, WalFileName};

/// Any text as the name of a file, a position, a timeline and a size. What is read is written the same.
///
/// # Panics
/// A parser is wrong.
pub fn wal_name(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for size in [SegmentSize::MIN, SegmentSize::DEFAULT, SegmentSize::MAX] {
        let name = WalFileName::parse(text, size);
        if let Ok(name) = &name {
            assert_eq!(name.to_string(), text);
        }
        if let Ok(segment) = SegmentName::parse(text, size) {
            assert_eq!(name, Ok(WalFileName::Segment(segment)));
            assert!(segment.contains(segment.start()));
        }
    }
    if let Ok(lsn) = text.parse::<Lsn>() {
        assert_eq!(lsn.to_string().parse(), Ok(lsn));
    }
    if let Ok(timeline) = text.parse::<TimelineId>() {
        assert_eq!(timeline.to_string().parse(), Ok(timeline));
    }
    let _ = SegmentSize::parse_setting(text);
}
