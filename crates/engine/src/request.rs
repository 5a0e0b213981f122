//! What a backup is asked to do.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use jiff::Timestamp;
use repository::{AttemptId, BackupJobId, BackupSetId, CatalogId, Compression, FencingEpoch, InstanceId};

/// Whether a set may refer to frames of an older one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reuse {
    /// Refers to nothing older (`--full`).
    Nothing,
    /// Refers to the newest set of the instance where the content is the same.
    Parent,
}

/// One attempt at one backup.
#[derive(Debug, Clone)]
pub struct BackupRequest {
    /// The instance.
    pub instance: InstanceId,
    /// The id that the set will have.
    pub set: BackupSetId,
    /// The job.
    pub job: BackupJobId,
    /// The epoch of the lease under which this attempt runs.
    pub epoch: FencingEpoch,
    /// The catalog that granted it.
    pub catalog: CatalogId,
    /// This attempt.
    pub attempt: AttemptId,
    /// Earlier attempts of the same job, dead by now; their stored frames may be used again.
    pub dead_attempts: Vec<AttemptId>,
    /// Whether a person asked (`Manual`), or the policy (`Automated`); a manual one starts at once.
    pub manual: bool,
    /// Days to keep the set; `None` is for ever. Written into the manifest for a catalog that is rebuilt.
    pub retention_days: Option<u32>,
    /// May the set refer to older frames?
    pub reuse: Reuse,
    /// Threads that read and compress.
    pub threads: NonZeroUsize,
    /// How new frames are compressed.
    pub compression: Compression,
    /// When the attempt begins.
    pub now: Timestamp,
    /// Stop when the home or the repository has less room than this; 0 switches the floor off, `None`
    /// is the larger of 1 GiB and 2 %.
    pub free_space_floor_bytes: Option<u64>,
    /// Directories of ours (home, local repository) that must not lie in a data directory.
    pub own_directories: Vec<PathBuf>,
}
