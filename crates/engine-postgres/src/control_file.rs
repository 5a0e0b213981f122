//! `global/pg_control`: the 300 bytes from which a server starts.
//!
//! Follows `ControlFileData` in PostgreSQL's `src/include/catalog/pg_control.h`, versions 1300 (14 to 16), 1700 (17)
//! and 1800 (18), little-endian, 8-byte alignment:
//!
//! ```text
//!   0 system identifier    u64      32 checkpoint      u64     144 minimum recovery timeline  u32
//!   8 pg_control version   u32      40 redo            u64     172 wal_level                  u32
//!  12 catalog version      u32      48 timeline        u32     216 block size                 u32
//!  16 state                u32     104 checkpoint time i64     220 blocks per segment         u32
//!  24 time                 i64     136 minimum recovery u64    228 WAL segment size           u32
//!                                                              252 data checksum version      u32
//! 288 CRC-32C of all before (292 since 18)
//! ```
//!
//! The server rewrites the file in place, so that a reader may see half of it: what does not fit its CRC is read again.

use std::io;
use std::time::Duration;

use engine::Retry;
use pgwal::{Lsn, SegmentSize, TimelineId};

/// Bytes of the file; all after the CRC are zero (`PG_CONTROL_FILE_SIZE`).
pub const CONTROL_FILE_BYTES: usize = 8192;

/// Where no checkpoint can be: in segment zero, which no cluster has. The value tells a reader of
/// `pg_controldata` that it was put there on purpose.
const IMPOSSIBLE_CHECKPOINT: u64 = 0xDEAD;

/// Times the file is read before its CRC is believed to be wrong; a write of it takes microseconds.
const READ_TRIES: u32 = 50;

/// What `pg_control` says. All of it passed its CRC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlFile {
    bytes: Vec<u8>,
    crc_offset: usize,
}

/// Bytes that are no `pg_control` of a version that this program knows.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlFileError {
    /// The file cannot be read.
    #[error("read pg_control")]
    Read(#[source] io::Error),
    /// The file ends too early.
    #[error("pg_control has only {bytes} bytes")]
    Short {
        /// Its size.
        bytes: usize,
    },
    /// Another PostgreSQL, or another byte order.
    #[error(
        "pg_control has version {version}, which is none of PostgreSQL 14 to 18 on a little-endian machine"
    )]
    Version {
        /// The version found.
        version: u32,
    },
    /// Damaged, or caught in the middle of a write.
    #[error("pg_control does not match its checksum")]
    Crc,
    /// A field holds what no server writes there.
    #[error("pg_control has an impossible {field}: {value}")]
    Field {
        /// Which.
        field: &'static str,
        /// What it holds.
        value: u64,
    },
}

impl ControlFileError {
    /// May the work be tried again?
    pub fn retry(&self) -> Retry {
        match self {
            Self::Read(_) | Self::Short { .. } | Self::Crc => Retry::Later,
            Self::Version { .. } | Self::Field { .. } => Retry::Never,
        }
    }
}

/// What the server was doing when it wrote the file (`DBState`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClusterState {
    /// `initdb` is not done.
    StartingUp,
    /// Stopped in order.
    ShutDown,
    /// A standby, stopped in order.
    ShutDownInRecovery,
    /// Being stopped.
    ShuttingDown,
    /// Recovering after a crash.
    InCrashRecovery,
    /// Replaying an archive, or a standby.
    InArchiveRecovery,
    /// Running.
    InProduction,
}

impl ControlFile {
    /// Reads what the file's bytes say.
    ///
    /// # Errors
    /// Too few bytes, another version, or a wrong CRC → [`ControlFileError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, ControlFileError> {
        let short = || ControlFileError::Short { bytes: bytes.len() };
        let version = find_u32(bytes, 8).ok_or_else(short)?;
        let crc_offset = match version {
            1300 | 1700 => 288,
            1800 => 292,
            _ => return Err(ControlFileError::Version { version }),
        };
        let covered = bytes.get(..crc_offset).ok_or_else(short)?;
        let stored = find_u32(bytes, crc_offset).ok_or_else(short)?;
        if crc32c(covered) != stored {
            return Err(ControlFileError::Crc);
        }
        let file = Self { bytes: bytes.to_vec(), crc_offset };
        file.refuse_impossible_fields()?;
        Ok(file)
    }

    /// Reads by `read` until what comes fits its CRC.
    ///
    /// # Errors
    /// As [`ControlFile::decode`]; a wrong CRC only after many tries.
    pub fn read_with(mut read: impl FnMut() -> io::Result<Vec<u8>>) -> Result<Self, ControlFileError> {
        for _ in 1..READ_TRIES {
            match Self::decode(&read().map_err(ControlFileError::Read)?) {
                Err(ControlFileError::Crc | ControlFileError::Short { .. }) => {
                    std::thread::sleep(Duration::from_millis(2));
                }
                read_or_hopeless => return read_or_hopeless,
            }
        }
        Self::decode(&read().map_err(ControlFileError::Read)?)
    }

    fn refuse_impossible_fields(&self) -> Result<(), ControlFileError> {
        let refuse = |field, value| Err(ControlFileError::Field { field, value });
        let block = self.u32_at(216);
        if !block.is_power_of_two() || !(1024..=32768).contains(&block) {
            return refuse("block size", u64::from(block));
        }
        if self.u32_at(220) == 0 {
            return refuse("relation segment size", 0);
        }
        let wal_segment = u64::from(self.u32_at(228));
        if SegmentSize::new(wal_segment).is_none() {
            return refuse("WAL segment size", wal_segment);
        }
        if TimelineId::new(self.u32_at(48)).is_none() {
            return refuse("timeline", 0);
        }
        Ok(())
    }

    /// The file as it was read.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Number that `initdb` gave to this cluster and all its standbys.
    pub fn system_identifier(&self) -> u64 {
        self.u64_at(0)
    }

    /// Version of the file's layout.
    pub fn control_version(&self) -> u32 {
        self.u32_at(8)
    }

    /// Version of the system catalogs, which names the tablespaces' folders too.
    pub fn catalog_version(&self) -> u32 {
        self.u32_at(12)
    }

    /// What the server was doing.
    ///
    /// # Errors
    /// A number that no server writes → [`ControlFileError::Field`].
    pub fn state(&self) -> Result<ClusterState, ControlFileError> {
        Ok(match self.u32_at(16) {
            0 => ClusterState::StartingUp,
            1 => ClusterState::ShutDown,
            2 => ClusterState::ShutDownInRecovery,
            3 => ClusterState::ShuttingDown,
            4 => ClusterState::InCrashRecovery,
            5 => ClusterState::InArchiveRecovery,
            6 => ClusterState::InProduction,
            other => return Err(ControlFileError::Field { field: "state", value: u64::from(other) }),
        })
    }

    /// Position of the newest checkpoint's record.
    pub fn checkpoint(&self) -> Lsn {
        Lsn::new(self.u64_at(32))
    }

    /// Position from which that checkpoint replays.
    pub fn redo(&self) -> Lsn {
        Lsn::new(self.u64_at(40))
    }

    /// Timeline of that checkpoint.
    pub fn timeline(&self) -> TimelineId {
        TimelineId::new(self.u32_at(48)).expect("decode refused timeline zero")
    }

    /// How far a standby must have replayed before its files are consistent.
    pub fn minimum_recovery(&self) -> Lsn {
        Lsn::new(self.u64_at(136))
    }

    /// Bytes of a page.
    pub fn block_bytes(&self) -> u32 {
        self.u32_at(216)
    }

    /// Pages in one segment file of a relation.
    pub fn relation_segment_blocks(&self) -> u32 {
        self.u32_at(220)
    }

    /// Bytes of a WAL segment.
    pub fn wal_segment_size(&self) -> SegmentSize {
        SegmentSize::new(u64::from(self.u32_at(228))).expect("decode refused other sizes")
    }

    /// Whether pages carry checksums, as far as this file knows.
    pub fn data_checksums(&self) -> bool {
        self.u32_at(252) != 0
    }

    /// Name of the folder that this server makes in each tablespace.
    pub fn tablespace_folder(&self, major_version: u32) -> String {
        format!("PG_{major_version}_{}", self.catalog_version())
    }

    /// The same file with a checkpoint position at which there is no WAL, and the CRC that fits: a server starts from
    /// it only through a `backup_label`, which brings its own checkpoint.
    #[must_use]
    pub fn made_unstartable(&self) -> Self {
        let mut bytes = self.bytes.clone();
        bytes[32..40].copy_from_slice(&IMPOSSIBLE_CHECKPOINT.to_le_bytes());
        let crc = crc32c(&bytes[..self.crc_offset]);
        bytes[self.crc_offset..self.crc_offset + 4].copy_from_slice(&crc.to_le_bytes());
        Self { bytes, crc_offset: self.crc_offset }
    }

    fn u32_at(&self, offset: usize) -> u32 {
        find_u32(&self.bytes, offset).expect("decode saw all bytes up to the CRC")
    }

    fn u64_at(&self, offset: usize) -> u64 {
        let bytes = self.bytes.get(offset..offset + 8).and_then(|eight| eight.try_into().ok());
        u64::from_le_bytes(bytes.expect("decode saw all bytes up to the CRC"))
    }
}

fn find_u32(bytes: &[u8], offset: usize) -> Option<u32> {
    let four = bytes.get(offset..offset.checked_add(4)?)?;
    Some(u32::from_le_bytes(four.try_into().ok()?))
}

fn crc32c(bytes: &[u8]) -> u32 {
    let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, bytes);
    u32::try_from(crc).expect("a CRC of 32 bits fits 32 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(version: u32) -> Vec<u8> {
        let mut bytes = vec![0; CONTROL_FILE_BYTES];
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(0, &7_u64.to_le_bytes());
        put(8, &version.to_le_bytes());
        put(12, &202_209_061_u32.to_le_bytes());
        put(16, &6_u32.to_le_bytes());
        put(32, &0x0300_0060_u64.to_le_bytes());
        put(40, &0x0300_0028_u64.to_le_bytes());
        put(48, &11_u32.to_le_bytes());
        put(216, &8192_u32.to_le_bytes());
        put(220, &131_072_u32.to_le_bytes());
        put(228, &(16_u32 << 20).to_le_bytes());
        put(252, &1_u32.to_le_bytes());
        let at = if version == 1800 { 292 } else { 288 };
        let crc = crc32c(&bytes[..at]);
        bytes[at..at + 4].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    #[test]
    fn each_version_is_read() {
        for version in [1300, 1700, 1800] {
            let file = ControlFile::decode(&control(version)).expect("own bytes");
            assert_eq!(file.system_identifier(), 7);
            assert_eq!(file.state().expect("state"), ClusterState::InProduction);
            assert_eq!(file.redo().to_string(), "0/3000028");
            assert_eq!(file.timeline().as_u32(), 11);
            assert_eq!(file.wal_segment_size(), SegmentSize::DEFAULT);
            assert!(file.data_checksums());
            assert_eq!(file.tablespace_folder(15), "PG_15_202209061");
        }
    }

    #[test]
    fn an_unstartable_file_differs_in_checkpoint_and_crc_alone() {
        for version in [1300, 1800] {
            let before = ControlFile::decode(&control(version)).expect("own bytes");
            let after = before.made_unstartable();
            let read = ControlFile::decode(after.as_bytes()).expect("its CRC fits");
            assert_eq!(read.checkpoint(), Lsn::new(0xDEAD));
            let differing: Vec<usize> =
                (0..before.bytes.len()).filter(|&at| before.bytes[at] != after.bytes[at]).collect();
            let crc_at = before.crc_offset;
            assert!(differing.iter().all(|at| (32..40).contains(at) || (crc_at..crc_at + 4).contains(at)));
        }
    }

    #[test]
    fn a_changed_byte_is_noticed() {
        let good = control(1300);
        for at in [0, 16, 47, 200, 287, 288] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(matches!(ControlFile::decode(&bad), Err(ControlFileError::Crc)), "byte {at}");
        }
    }

    #[test]
    fn other_versions_and_short_files_are_refused() {
        let mut other = control(1300);
        other[8..12].copy_from_slice(&1201_u32.to_le_bytes());
        assert!(matches!(ControlFile::decode(&other), Err(ControlFileError::Version { version: 1201 })));
        for bytes in 0..291 {
            let cut = &control(1300)[..bytes];
            assert!(matches!(ControlFile::decode(cut), Err(ControlFileError::Short { .. })), "{bytes} bytes");
        }
    }

    #[test]
    fn a_half_written_file_is_read_again() {
        let good = control(1300);
        let mut half = good.clone();
        half[300 - 20] ^= 0xFF;
        let mut answers = vec![good.clone(), half[..100].to_vec(), half];
        let read = ControlFile::read_with(|| Ok(answers.pop().expect("asked three times at most")));
        assert_eq!(read.expect("third answer").as_bytes(), good);
    }
}
