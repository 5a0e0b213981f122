//! Parsers of foreign bytes: they never panic, and read back what was written.

use engine_postgres::{
    BackupLabel, CONTROL_FILE_BYTES, ControlFile, MappedTablespace, RelationFile, TablespaceMap,
};
use proptest::prelude::*;

proptest! {
    #[test]
    fn no_bytes_make_a_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2 * CONTROL_FILE_BYTES)) {
        let text = String::from_utf8_lossy(&bytes);
        let _ = (ControlFile::decode(&bytes), RelationFile::parse(&bytes));
        let _ = (BackupLabel::parse(&text), TablespaceMap::parse(&text));
    }

    #[test]
    fn a_control_file_of_any_fields_is_read_or_refused(
        version in prop_oneof![Just(1300_u32), Just(1700), Just(1800)],
        mut bytes in proptest::collection::vec(any::<u8>(), CONTROL_FILE_BYTES),
    ) {
        let crc_offset = if version == 1800 { 292 } else { 288 };
        bytes[8..12].copy_from_slice(&version.to_le_bytes());
        let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, &bytes[..crc_offset]);
        bytes[crc_offset..crc_offset + 4].copy_from_slice(&u32::try_from(crc).expect("32 bits").to_le_bytes());
        if let Ok(file) = ControlFile::decode(&bytes) {
            let _ = (file.state(), file.timeline(), file.wal_segment_size(), file.made_unstartable());
        }
    }

    #[test]
    fn a_map_reads_back_as_written(lines in proptest::collection::vec((1..u32::MAX, "[^\0]{1,40}"), 0..5)) {
        let lines = lines.into_iter().map(|(oid, location)| MappedTablespace { oid, location });
        let map = TablespaceMap(lines.collect());
        prop_assert_eq!(TablespaceMap::parse(&map.to_string()), Ok(map));
    }
}
