use super::*;

fn size(mib: u64) -> SegmentSize {
    SegmentSize::new(mib << 20).expect("a power of two in range")
}

fn timeline(number: u32) -> TimelineId {
    TimelineId::new(number).expect("not zero")
}

#[track_caller]
fn check(name: &str, mib: u64, start: &str) {
    let parsed = SegmentName::parse(name, size(mib)).expect(name);
    assert_eq!(parsed.start().to_string(), start);
    assert_eq!(parsed.to_string(), name);
    assert_eq!(SegmentName::containing(parsed.timeline(), parsed.start(), size(mib)), parsed);
}

#[test]
fn names_say_where_the_segment_lies_for_every_size() {
    check("000000010000000000000003", 16, "0/3000000");
    check("0000000B0000001A000000FF", 16, "1A/FF000000");
    check("000000010000000000000FFF", 1, "0/FFF00000");
    check("000000010000000200000003", 1024, "2/C0000000");
    check("00000001000000000000003F", 64, "0/FC000000");
    check("FFFFFFFFFFFFFFFF000000FF", 16, "FFFFFFFF/FF000000");
}

#[test]
fn a_segment_beyond_its_log_id_is_refused() {
    assert!(SegmentName::parse("000000010000000000000100", size(16)).is_err());
    assert!(SegmentName::parse("000000010000000000000004", size(1024)).is_err());
    assert!(SegmentName::parse("000000010000000000000100", size(8)).is_ok());
}

#[test]
fn other_texts_are_refused() {
    for name in [
        "",
        "00000001000000000000000",
        "0000000100000000000000033",
        "000000000000000000000003",
        "00000001000000000000000a",
        "00000001+0000000 0000003",
        "00000001.history",
        "é00000010000000000000003",
        "000000010000000000000003.partial",
    ] {
        assert!(SegmentName::parse(name, SegmentSize::DEFAULT).is_err(), "{name:?}");
    }
}

#[test]
fn a_position_at_a_boundary_belongs_to_the_next_but_ends_the_one_before() {
    let boundary = Lsn::new(0x0400_0000);
    let one = TimelineId::FIRST;
    assert_eq!(SegmentName::containing(one, boundary, SegmentSize::DEFAULT).number(), 4);
    assert_eq!(SegmentName::before(one, boundary, SegmentSize::DEFAULT).map(SegmentName::number), Some(3));
    assert_eq!(SegmentName::before(one, Lsn::ZERO, SegmentSize::DEFAULT), None);
}

#[test]
fn stepping_crosses_log_ids_and_stops_at_the_ends() {
    let last_of_log = SegmentName::parse("0000000100000000000000FF", size(16)).expect("valid");
    let first_of_next = last_of_log.next().expect("not the end");
    assert_eq!(first_of_next.to_string(), "000000010000000100000000");
    assert_eq!(first_of_next.previous(), Some(last_of_log));
    let last = SegmentName::parse("00000001FFFFFFFF000000FF", size(16)).expect("valid");
    assert_eq!((last.next(), last.end()), (None, Lsn::new(u64::MAX)));
    let first = SegmentName::containing(timeline(1), Lsn::ZERO, size(16));
    assert_eq!(first.previous(), None);
}

#[test]
fn the_same_place_on_another_timeline_changes_only_the_first_digits() {
    let segment = SegmentName::parse("000000010000000000000003", size(16)).expect("valid");
    assert_eq!(segment.on(timeline(10)).to_string(), "0000000A0000000000000003");
    assert!(segment.contains(Lsn::new(0x03FF_FFFF)) && !segment.contains(Lsn::new(0x0400_0000)));
}
