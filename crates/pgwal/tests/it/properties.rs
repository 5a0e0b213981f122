//! Parsers take any text without panicking; what is written is read back; names order as segments do.

use pgwal::{Lsn, SegmentName, SegmentSize, TimelineId, WalFileName};
use proptest::prelude::*;

fn sizes() -> impl Strategy<Value = SegmentSize> {
    (20_u32..=30).prop_map(|shift| SegmentSize::new(1 << shift).expect("a power of two in range"))
}

fn timelines() -> impl Strategy<Value = TimelineId> {
    (1_u32..).prop_map(|number| TimelineId::new(number).expect("not zero"))
}

proptest! {
    #[test]
    fn positions_are_read_back(bytes: u64) {
        let lsn = Lsn::new(bytes);
        prop_assert_eq!(lsn.to_string().parse(), Ok(lsn));
    }

    #[test]
    fn segment_names_are_read_back(timeline in timelines(), bytes: u64, size in sizes()) {
        let lsn = Lsn::new(bytes);
        let segment = SegmentName::containing(timeline, lsn, size);
        prop_assert_eq!(SegmentName::parse(&segment.to_string(), size), Ok(segment));
        prop_assert!(segment.start() <= lsn && segment.contains(lsn));
        prop_assert_eq!(WalFileName::parse(&segment.to_string(), size), Ok(WalFileName::Segment(segment)));
    }

    #[test]
    fn names_order_as_segments_do(a in (timelines(), any::<u64>()), b in (timelines(), any::<u64>()), size in sizes()) {
        let name = |(timeline, bytes)| SegmentName::containing(timeline, Lsn::new(bytes), size);
        let (a, b) = (name(a), name(b));
        prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,40}|[0-9A-F]{8,26}(\\.(history|partial|backup|[0-9A-F]{8}\\.backup))?") {
        for size in [SegmentSize::MIN, SegmentSize::DEFAULT, SegmentSize::MAX] {
            if let Ok(name) = WalFileName::parse(&text, size) {
                prop_assert_eq!(name.to_string(), text.clone());
            }
            let _ = SegmentName::parse(&text, size);
        }
        let _ = text.parse::<Lsn>();
        let _ = text.parse::<TimelineId>();
        let _ = SegmentSize::parse_setting(&text);
    }
}
