use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::durable::probe;

fn bytes(seed: usize, length: usize) -> Vec<u8> {
    (0..length).map(|i| ((i * 31 + seed * 7) >> 3).to_le_bytes()[0] | 1).collect()
}

/// Writes `stretches` (offset and length) into a new file of `total` bytes in `dir`, and compares.
#[track_caller]
fn check(dir: &Path, way: Way, total: usize, stretches: &[(usize, usize)]) {
    let path = dir.join(format!("file-{:016x}", getrandom::u64().unwrap()));
    let file = crate::durable::create_file(&path).unwrap();
    set_length(&file, total as u64, way).unwrap();
    let mut writer = StretchWriter::new();
    let mut expected = vec![0; total];
    writer.begin(file, way);
    for (seed, (offset, length)) in stretches.iter().enumerate() {
        let bytes = bytes(seed, *length);
        expected[*offset..offset + length].copy_from_slice(&bytes);
        writer.write_at(&bytes, *offset as u64).unwrap();
    }
    writer.finish().unwrap();
    assert!(fs::read(&path).unwrap() == expected, "{way:?}, {total} bytes, {stretches:?}");
    crate::durable::remove_file(&path).unwrap();
}

fn check_everywhere(total: usize, stretches: &[(usize, usize)]) {
    let mut dirs = vec![tempfile::tempdir().unwrap()];
    // Memory: a file system without a medium, and on many kernels without direct I/O.
    dirs.extend(tempfile::tempdir_in("/dev/shm").ok());
    for dir in dirs {
        for way in [Way::PastCache, Way::ThroughCache] {
            check(dir.path(), way, total, stretches);
        }
    }
}

#[test]
fn whole_blocks_odd_ends_and_holes_are_written_where_they_belong() {
    const MIB: usize = 1 << 20;
    check_everywhere(0, &[]);
    check_everywhere(1, &[(0, 1)]);
    check_everywhere(8192, &[(0, 8192)]);
    check_everywhere(3 * MIB, &[(0, MIB), (MIB, MIB), (2 * MIB, MIB)]);
    // More than a piece at once, ending odd.
    check_everywhere(2 * MIB + 4097, &[(0, 2 * MIB + 4097)]);
    // Adjacent and odd: the second makes the first whole.
    check_everywhere(16384, &[(0, 5000), (5000, 11_384)]);
    // An odd beginning, and one behind an odd end.
    check_everywhere(3 * MIB, &[(4095, MIB), (2 * MIB, 100_000)]);
    // Backward, with holes between them that read as zeros.
    check_everywhere(4 * MIB, &[(3 * MIB, 64 * 1024), (MIB, 8192), (8192, 8192)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_stretches_read_back(
        total in 1usize..3_000_000,
        cuts in prop::collection::vec((0usize..3_000_000, any::<bool>(), any::<bool>()), 0..12),
        rotate in 0usize..12,
    ) {
        let mut ends: Vec<(usize, bool)> = cuts
            .into_iter()
            .map(|(cut, is_block, is_written)| (if is_block { cut - cut % 8192 } else { cut }, is_written))
            .filter(|(cut, _)| *cut < total)
            .collect();
        ends.push((total, true));
        ends.sort_unstable();
        let mut start = 0;
        let mut stretches = Vec::new();
        for (end, is_written) in ends {
            if is_written {
                stretches.push((start, end - start));
            }
            start = end;
        }
        let middle = rotate % stretches.len();
        stretches.rotate_left(middle);
        check_everywhere(total, &stretches);
    }
}

#[test]
fn adjacent_stretches_become_one_write() {
    let dir = tempfile::tempdir().unwrap();
    let file = crate::durable::create_file(&dir.path().join("file")).unwrap();
    let mut writer = StretchWriter::new();
    probe::start(None);
    set_length(&file, 1 << 20, Way::PastCache).unwrap();
    writer.begin(file, Way::PastCache);
    for block in 0..128 {
        writer.write_at(&[7; 8192], block * 8192).unwrap();
    }
    writer.finish().unwrap();
    assert_eq!(probe::calls(), ["fallocate", "pwrite"]);
}

#[test]
fn a_refused_direct_write_goes_through_the_cache() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let content = bytes(1, 3 << 20);
    let mut writer = StretchWriter::new();
    writer.begin(crate::durable::create_file(&path).unwrap(), Way::PastCache);
    probe::start(Some((1, Errno::INVAL.raw_os_error())));
    writer.write_at(&content, 0).unwrap();
    writer.finish().unwrap();
    assert!(fs::read(&path).unwrap() == content);
}

#[test]
fn a_lost_write_is_told_and_ends_the_file() {
    let dir = tempfile::tempdir().unwrap();
    for (way, failing) in [(Way::PastCache, 0), (Way::PastCache, 1), (Way::ThroughCache, 0)] {
        let mut writer = StretchWriter::new();
        let name = format!("{way:?}-{failing}");
        writer.begin(crate::durable::create_file(&dir.path().join(name)).unwrap(), way);
        probe::start(Some((failing, Errno::IO.raw_os_error())));
        let written = writer.write_at(&bytes(1, (1 << 20) + 8192), 0).and_then(|()| writer.finish());
        assert_eq!(written.unwrap_err().raw_os_error(), Some(Errno::IO.raw_os_error()));
        writer.write_at(b"more", 0).expect_err("the file was given up");
        probe::start(None);
        writer.finish().expect("there is no file");
        assert!(probe::calls().is_empty(), "nothing more is written");
    }
}

#[test]
fn room_is_reserved_where_that_can_be_and_missing_room_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| crate::durable::create_file(&dir.path().join(name)).unwrap();
    let length = |file: &File| file.metadata().unwrap().len();
    let (plain, refused, full) = (file("plain"), file("refused"), file("full"));
    set_length(&plain, 10_000, Way::ThroughCache).unwrap();
    assert_eq!(length(&plain), 10_000);
    probe::start(Some((0, Errno::OPNOTSUPP.raw_os_error())));
    set_length(&refused, 16_384, Way::PastCache).unwrap();
    assert_eq!(length(&refused), 16_384);
    probe::start(Some((0, Errno::NOSPC.raw_os_error())));
    let error = set_length(&full, 16_384, Way::PastCache).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
}
