//! The catalog: what a Backstop installation knows beside its repositories. Instances, jobs, backup
//! sets, access keys and nonces, in SQLite (embedded) or PostgreSQL (several nodes).
//!
//! - Whatever an API call changes goes through a [`Change`]: one transaction, in which the call's
//!   nonce is remembered too. Dropping it undoes all.
//! - A runner owns a job by a [`Claim`]. Each of its writes names the claim's fencing epoch and is
//!   refused with [`LeaseError::LeaseLost`] once another runner holds the job.
//! - Job and set ids are never issued twice, and never reach 2³¹.
//! - Nothing here reads a clock: callers pass `now`. With PostgreSQL, leases go by the database's
//!   clock, whatever the caller's says.
//! - Secrets are stored as the sealed bytes that the caller hands in; the catalog has no key.
//!
//! It is not a queue for other programs, keeps no bulk data, and a restore does not need it.
//!
//! ```
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
//! # runtime.block_on(async {
//! # let home = tempfile::tempdir().unwrap();
//! # let now: jiff::Timestamp = "2026-11-24T08:00:00Z".parse().unwrap();
//! let url = format!("sqlite://{}", home.path().join("catalog.sqlite").display());
//! let catalog = catalog::Catalog::open(&url).await?;
//! catalog.bind_repository(repository::RepositoryId::random()).await?;
//!
//! let mut change = catalog.change(now).await?;
//! change.put_setting("region", "cn-hangzhou").await?;
//! change.commit().await?;
//! assert_eq!(catalog.setting("region").await?.as_deref(), Some("cn-hangzhou"));
//! # Ok::<(), catalog::Error>(()) }).unwrap();
//! ```

mod catalog;
mod change;
mod error;
mod page;

mod access_key;
mod audit;
mod backup_set;
mod instance;
mod job;
mod nonce;
mod policy;
mod setting;
mod tag;
mod tally;

mod column;
mod connect;
mod counter;
mod entity;
mod migration;
mod statement;
mod wake;

#[cfg(feature = "conformance")]
pub mod conformance;

pub use access_key::{AccessKey, AccessKeyKind, AccessKeyStatus, CreateAccessKeyError, NewAccessKey, Role};
pub use audit::{AuditFilter, AuditPosition, AuditRecord, NewAuditRecord, NotAPosition};
pub use backup_set::{
    BackupMethod, BackupMode, BackupSet, BackupSetFilter, BackupType, NewBackupSet, SetExpiryError,
    SetOrigin, SetStatus, TombstoneError,
};
pub use catalog::Catalog;
pub use change::Change;
pub use column::UnknownWord;
pub use connect::{CatalogOptions, LeaseClock};
pub use error::{Error, Retry};
pub use instance::{
    DeregisterError, EngineKind, Instance, InstanceFilter, NewInstance, RegisterError, SslMode,
};
pub use job::{
    ATTEMPTS_MAX, BackupJobQuery, CancelOutcome, Claim, ClaimRequest, EnqueueError, Errand, FailedBackup,
    FailedBackupFilter, Failure, Job, JobFilter, JobKind, JobPhase, JobStage, JobState, JobSummary, Lease,
    LeaseError, LeaseOwner, NewBackupJob, NewJob, Percent, Progress, Renewal,
};
pub use nonce::{NONCES_PER_KEY_MAX, Nonce, NonceError, NonceHash};
pub use page::{Page, Paged};
pub use policy::{BackupPolicy, Fired, PolicyCompression, ReleasedKeep, ScheduledInstance, Weekdays};
pub use tag::{SoughtTag, TAGS_PER_INSTANCE_MAX, Tag, TagError, TagFilter};
pub use wake::JobWatch;
