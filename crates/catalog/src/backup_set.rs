//! Backup sets: what finished backup jobs left in the repository.
//!
//! A row is written when its job finishes, in the same transaction, or when a catalog is rebuilt. A
//! set that expired or was deleted keeps its row, with the time of its tombstone, and is not listed.

mod download;
mod expiry;
mod list;
mod release;
mod store;

use jiff::Timestamp;
use repository::{AttemptId, BackupJobId, BackupSetId, FencingEpoch, InstanceId, RepositoryId};
use sea_orm::{FromQueryResult, QueryResult};

#[cfg(feature = "conformance")]
pub(crate) use expiry::EXPIRED_INSTANCES;
pub use expiry::SetExpiryError;
pub use list::BackupSetFilter;
pub(crate) use release::detach;
pub use store::TombstoneError;
pub(crate) use store::insert;

use crate::column::{job_id, number, parsed, set_id, stored_words, timestamp, timestamp_opt};
use crate::entity::backup_set::Model;
use crate::error::{Doing, Error};
use crate::instance::EngineKind;

stored_words! {
    /// Who asked for a job, and so for its set.
    BackupMode, "a backup mode (automated or manual)" {
        /// The policy's schedule.
        Automated = "automated",
        /// Somebody.
        Manual = "manual",
    }
}

stored_words! {
    /// How much of the database a job reads.
    BackupType, "a backup type (full or incremental)" {
        /// All, and the set refers to nothing older.
        Full = "full",
        /// What changed; the rest is referred to.
        Incremental = "incremental",
    }
}

stored_words! {
    /// How the data is read.
    BackupMethod, "a backup method (physical, logical or snapshot)" {
        /// Files and blocks.
        Physical = "physical",
        /// Statements.
        Logical = "logical",
        /// A volume's snapshot.
        Snapshot = "snapshot",
    }
}

stored_words! {
    /// Whether a set can be restored.
    SetStatus, "a set status (success or failed)" {
        /// It can.
        Success = "success",
        /// It was found broken.
        Failed = "failed",
    }
}

/// What a job, or a catalog that is rebuilt, says of a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBackupSet {
    /// The attempt whose manifest it is.
    pub attempt: AttemptId,
    /// The older set that it refers to.
    pub parent: Option<BackupSetId>,
    /// How much was read.
    pub backup_type: BackupType,
    /// How it was read.
    pub method: BackupMethod,
    /// What the server ran.
    pub engine: EngineKind,
    /// The server's version.
    pub engine_version: String,
    /// The registration of the instance at that time.
    pub host_instance: Option<u32>,
    /// When the backup began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// The moment that a restore of the set shows.
    pub consistent: Option<Timestamp>,
    /// When the oldest part that it refers to was last proven readable.
    pub oldest_proof: Option<Timestamp>,
    /// Bytes that a restore writes.
    pub size_bytes: u64,
    /// Bytes in the repository that a restore reads.
    pub stored_bytes: u64,
    /// Bytes that this set alone added.
    pub new_bytes: u64,
    /// Bytes of the archive that a download delivers; `None`: not known, so it cannot be downloaded.
    pub download_bytes: Option<u64>,
    /// Whether it is sealed.
    pub encrypted: bool,
    /// Days it was promised to be kept. `None`: for ever.
    pub retention_days: Option<u32>,
    /// When the promise ends. `None`: never.
    pub expires: Option<Timestamp>,
    /// What the engine recorded, opaque here.
    pub engine_record: serde_json::Value,
}

/// Where a set comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetOrigin {
    /// The set's number.
    pub id: BackupSetId,
    /// Whose data it holds.
    pub instance: InstanceId,
    /// Where it lies.
    pub repository: RepositoryId,
    /// The job that made it.
    pub job: BackupJobId,
    /// Epoch of the attempt that made it.
    pub epoch: FencingEpoch,
    /// Who asked.
    pub mode: BackupMode,
}

/// A set, without its engine record, which may be large.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupSet {
    /// Where it comes from.
    pub origin: SetOrigin,
    /// The attempt whose manifest it is.
    pub attempt: AttemptId,
    /// The older set that it refers to.
    pub parent: Option<BackupSetId>,
    /// Whether it can be restored.
    pub status: SetStatus,
    /// How much was read.
    pub backup_type: BackupType,
    /// How it was read.
    pub method: BackupMethod,
    /// What the server ran.
    pub engine: EngineKind,
    /// The server's version.
    pub engine_version: String,
    /// The registration of the instance at that time.
    pub host_instance: Option<u32>,
    /// When the backup began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// The moment that a restore of the set shows.
    pub consistent: Option<Timestamp>,
    /// When the oldest part that it refers to was last proven readable.
    pub oldest_proof: Option<Timestamp>,
    /// Bytes that a restore writes.
    pub size_bytes: u64,
    /// Bytes in the repository that a restore reads.
    pub stored_bytes: u64,
    /// Bytes that this set alone added.
    pub new_bytes: u64,
    /// Bytes of the archive that a download delivers; `None`: not known, so it cannot be downloaded.
    pub download_bytes: Option<u64>,
    /// Whether it is sealed.
    pub encrypted: bool,
    /// Days it was promised to be kept. `None`: for ever.
    pub retention_days: Option<u32>,
    /// When the promise ends. `None`: never.
    pub expires: Option<Timestamp>,
    /// When it got its tombstone. `None`: it lives.
    pub tombstoned: Option<Timestamp>,
}

impl BackupSet {
    fn from_result(row: &QueryResult) -> Result<Self, Error> {
        let model = Model::from_query_result(row, "").doing("read a set")?;
        Self::from_row(model)
    }

    fn from_row(row: Model) -> Result<Self, Error> {
        let origin = SetOrigin {
            id: set_id("backup_set.id", row.id)?,
            instance: parsed("backup_set.instance_id", &row.instance_id)?,
            repository: parsed("backup_set.repository_id", &row.repository_id)?,
            job: job_id("backup_set.job_id", row.job_id)?,
            epoch: FencingEpoch::new(number("backup_set.fencing_epoch", row.fencing_epoch)?),
            mode: parsed("backup_set.mode", &row.mode)?,
        };
        Ok(Self {
            origin,
            attempt: parsed("backup_set.attempt_id", &row.attempt_id)?,
            parent: row.parent_set_id.map(|id| set_id("backup_set.parent_set_id", id)).transpose()?,
            status: parsed("backup_set.status", &row.status)?,
            backup_type: parsed("backup_set.backup_type", &row.backup_type)?,
            method: parsed("backup_set.method", &row.method)?,
            engine: parsed("backup_set.engine", &row.engine)?,
            engine_version: row.engine_version,
            host_instance: row.host_instance.map(|n| number("backup_set.host_instance", n)).transpose()?,
            started: timestamp("backup_set.started_micros", row.started_micros)?,
            ended: timestamp("backup_set.ended_micros", row.ended_micros)?,
            consistent: timestamp_opt("backup_set.consistent_micros", row.consistent_micros)?,
            oldest_proof: timestamp_opt("backup_set.oldest_proof_micros", row.oldest_proof_micros)?,
            size_bytes: number("backup_set.size_bytes", row.size_bytes)?,
            stored_bytes: number("backup_set.stored_bytes", row.stored_bytes)?,
            new_bytes: number("backup_set.new_bytes", row.new_bytes)?,
            download_bytes: row.download_bytes.map(|n| number("backup_set.download_bytes", n)).transpose()?,
            encrypted: row.encrypted,
            retention_days: row.retention_days.map(|n| number("backup_set.retention_days", n)).transpose()?,
            expires: timestamp_opt("backup_set.expires_micros", row.expires_micros)?,
            tombstoned: timestamp_opt("backup_set.tombstoned_micros", row.tombstoned_micros)?,
        })
    }
}
