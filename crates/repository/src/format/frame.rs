//! Frames: the smallest unit written; up to 1 MiB of content, compressed, sealed and checked alone.

use crate::{AttemptId, BackupSetId};

/// Unit of comparison and of block maps. PostgreSQL's page; MySQL's is two of them.
pub const BLOCK_BYTES: usize = 8192;
/// Blocks in a frame, at most.
pub const FRAME_BLOCKS_MAX: usize = 128;
/// Content of a frame, at most.
pub const FRAME_BYTES_MAX: usize = BLOCK_BYTES * FRAME_BLOCKS_MAX;
/// Files below this size share frames.
pub const SHARED_FILE_BYTES: u64 = 64 * 1024;

/// How a frame's content is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// As it is.
    None,
    /// LZ4 block.
    Lz4,
    /// Zstandard frame; the level is not part of the format.
    Zstd,
}

impl Codec {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Lz4 => 1,
            Self::Zstd => 2,
        }
    }

    pub(crate) fn from_code(code: u8) -> Option<Self> {
        [Self::None, Self::Lz4, Self::Zstd].into_iter().find(|codec| codec.code() == code)
    }
}

/// The first 8 bytes of a block's keyed BLAKE3; read only for comparing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BlockHash(pub u64);

/// Where a pack is: the attempt that wrote it and its number there, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackId {
    /// The attempt that wrote it.
    pub attempt: AttemptId,
    /// Its number.
    pub number: u32,
}

/// Where a frame is: its pack, and its number there, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameId {
    /// The pack.
    pub pack: PackId,
    /// Its number.
    pub number: u32,
}

impl std::fmt::Display for FrameId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "frame {} of pack-{:06} of attempt {}", self.number, self.pack.number, self.pack.attempt)
    }
}

/// The folder of an attempt: a set's id and the attempt, as in `7.0123…`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptName {
    /// The set that the attempt makes.
    pub set: BackupSetId,
    /// The attempt.
    pub attempt: AttemptId,
}

impl std::fmt::Display for AttemptName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.set, self.attempt)
    }
}

impl std::str::FromStr for AttemptName {
    type Err = crate::IdError;

    fn from_str(text: &str) -> Result<Self, crate::IdError> {
        let (set, attempt) = text.split_once('.').unwrap_or((text, ""));
        Ok(Self { set: set.parse()?, attempt: attempt.parse()? })
    }
}
