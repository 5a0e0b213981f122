//! Jobs: one table for every kind of work, so that lease, epoch, progress and cancel are built once.
//!
//! ```text
//!            claim (new epoch, new attempt)
//!   Queued ────────────────────────────────▶ Running ──finish──▶ Succeeded
//!     ▲ │                                    │  ▲  │
//!     │ └─cancel─▶ Failed ◀──────fail────────┘  │  └─lease ends─┐
//!     └──────────────give back──────────────────┘◀──claim───────┘
//! ```
//!
//! - A running job whose lease ended is claimed again. After [`ATTEMPTS_MAX`] attempts, or once
//!   cancelled, the claim's [`Errand`] is to settle it: look for a manifest that an earlier attempt
//!   published, and finish or fail the job by that.
//! - The process percentage never falls, over all attempts.
//! - A job has ended exactly when `ended_micros` is set.

mod claim;
pub(crate) mod daily;
mod enqueue;
mod failed;
mod finish;
mod list;
mod lookup;
mod memory;
#[cfg(feature = "conformance")]
mod plans;

use jiff::Timestamp;
use repository::{AttemptId, BackupJobId, BackupSetId, FencingEpoch, InstanceId, RepositoryId};
use sea_orm::FromQueryResult;
use sea_orm::QueryResult;

pub use claim::{Claim, ClaimRequest, Errand, Progress, Renewal};
pub use enqueue::{EnqueueError, NewBackupJob, NewJob};
pub use failed::{FailedBackup, FailedBackupFilter};
pub use finish::{CancelOutcome, LeaseError};
pub(crate) use list::ACTIVE_JOBS;
pub use list::{BackupJobQuery, JobFilter, JobSummary};
pub(crate) use lookup::JobLookups;
pub(crate) use memory::{Changed, JobMemory};
#[cfg(feature = "conformance")]
pub(crate) use {lookup::GROUP_MAX, plans::ForPlans};

use crate::backup_set::BackupMode;
use crate::column::{corrupt, job_id, json, number, parsed, set_id, stored_words, timestamp};
use crate::entity::job::Model;
use crate::error::{Doing, Error};

/// Attempts before a job fails.
pub const ATTEMPTS_MAX: u32 = 3;

stored_words! {
    /// What a job does.
    JobKind, "a job kind (backup, restore, verify, sweep or copy)" {
        /// Makes a backup set.
        Backup = "backup",
        /// Writes a set into an empty place.
        Restore = "restore",
        /// Reads back and checks.
        Verify = "verify",
        /// Deletes what tombstones let go.
        Sweep = "sweep",
        /// Copies sets into another repository.
        Copy = "copy",
    }
}

stored_words! {
    /// How far the work of a job has come, in the last attempt that said so.
    JobStage, "a job stage" {
        /// No worker has it.
        NoStart = "no_start",
        /// The settings are checked.
        Checking = "checking",
        /// What to do is worked out.
        Preparing = "preparing",
        /// Waits for a slot, the throttle or a lock.
        Waiting = "waiting",
        /// Bulk data moves.
        Uploading = "uploading",
        /// What was stored is fetched back and proven.
        Proving = "proving",
    }
}

stored_words! {
    /// A job's state, without what belongs to it.
    JobPhase, "a job state (queued, running, succeeded or failed)" {
        /// Waits for its time or a worker.
        Queued = "queued",
        /// A worker has it, or had it when it died.
        Running = "running",
        /// Done.
        Succeeded = "succeeded",
        /// Given up.
        Failed = "failed",
    }
}

/// Percentage of a job's work that is done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(u8);

impl Percent {
    /// None of it.
    pub const ZERO: Self = Self(0);
    /// All of it.
    pub const HUNDRED: Self = Self(100);

    /// `None` above 100.
    pub fn new(percent: u8) -> Option<Self> {
        (percent <= 100).then_some(Self(percent))
    }

    /// The number, 0 to 100.
    pub fn get(self) -> u8 {
        self.0
    }
}

/// Name of a worker that holds leases: the same after a restart, another on each node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseOwner(String);

impl LeaseOwner {
    /// The worker of that name.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A worker's right to one job, until a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Who has it.
    pub owner: LeaseOwner,
    /// Raised by each grant.
    pub epoch: FencingEpoch,
    /// The names that this attempt writes under.
    pub attempt: AttemptId,
    /// When another worker may take the job.
    pub until: Timestamp,
    /// When the worker was last heard of.
    pub heartbeat: Timestamp,
    /// The worker is asked to stop.
    pub cancel_requested: bool,
}

/// Why a job, or an attempt at it, failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// A stable code.
    pub code: String,
    /// For people: what failed, where, and what to do.
    pub message: String,
}

impl Failure {
    /// Code of a job that somebody cancelled.
    pub const CANCELLED: &'static str = "Cancelled";
    /// Code of a job whose workers all died.
    pub const ATTEMPTS_EXHAUSTED: &'static str = "AttemptsExhausted";

    /// The cause of a job that somebody cancelled.
    pub fn cancelled() -> Self {
        Self { code: Self::CANCELLED.to_owned(), message: "the job was cancelled".to_owned() }
    }

    /// The cause of a job whose workers all died without a word.
    pub fn attempts_exhausted() -> Self {
        let message = format!("the worker died in each of {ATTEMPTS_MAX} attempts");
        Self { code: Self::ATTEMPTS_EXHAUSTED.to_owned(), message }
    }
}

/// A job's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobState {
    /// Waits for its time or a worker.
    Queued {
        /// Not before this.
        due: Timestamp,
    },
    /// A worker has it, or had it when it died.
    Running {
        /// The worker's right to it.
        lease: Lease,
    },
    /// Done.
    Succeeded {
        /// What a backup job left.
        set: Option<BackupSetId>,
        /// When.
        ended: Timestamp,
    },
    /// Given up.
    Failed {
        /// Why.
        failure: Failure,
        /// When.
        ended: Timestamp,
    },
}

impl JobState {
    /// The state, without what belongs to it.
    pub fn phase(&self) -> JobPhase {
        match self {
            Self::Queued { .. } => JobPhase::Queued,
            Self::Running { .. } => JobPhase::Running,
            Self::Succeeded { .. } => JobPhase::Succeeded,
            Self::Failed { .. } => JobPhase::Failed,
        }
    }
}

/// One job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its number.
    pub id: BackupJobId,
    /// What it does.
    pub kind: JobKind,
    /// The repository it works on.
    pub repository: RepositoryId,
    /// The instance it works for; a sweep has none.
    pub instance: Option<InstanceId>,
    /// Who asked.
    pub mode: BackupMode,
    /// What exactly to do, in the words of whoever runs this kind.
    pub parameters: serde_json::Value,
    /// Where it stands.
    pub state: JobState,
    /// How far the work came.
    pub stage: JobStage,
    /// The highest percentage reported so far.
    pub process: Percent,
    /// Bytes to read, once planned.
    pub bytes_planned: Option<u64>,
    /// Bytes read by the last attempt that said so.
    pub bytes_done: u64,
    /// Grants of its lease that count against [`ATTEMPTS_MAX`].
    pub attempts: u32,
    /// The number that a backup job's set has, in every attempt.
    pub reserved_set: Option<BackupSetId>,
    /// What made the last attempt give the job back, while it has not ended.
    pub last_failure: Option<Failure>,
    /// When it was asked for.
    pub created: Timestamp,
    /// When it was first claimed.
    pub started: Option<Timestamp>,
}

impl Job {
    /// When it ended, if it has.
    pub fn ended(&self) -> Option<Timestamp> {
        match self.state {
            JobState::Queued { .. } | JobState::Running { .. } => None,
            JobState::Succeeded { ended, .. } | JobState::Failed { ended, .. } => Some(ended),
        }
    }

    fn from_result(row: &QueryResult) -> Result<Self, Error> {
        Self::from_row(&Model::from_query_result(row, "").doing("read a job")?)
    }

    fn from_row(row: &Model) -> Result<Self, Error> {
        let stored_count = |column, bytes: Option<i64>| bytes.map(|bytes| number(column, bytes)).transpose();
        let failure = row.failure().filter(|_| row.ended_micros.is_none());
        Ok(Self {
            id: job_id("job.id", row.id)?,
            kind: parsed("job.kind", &row.kind)?,
            repository: parsed("job.repository_id", &row.repository_id)?,
            instance: row.instance_id.as_deref().map(|id| parsed("job.instance_id", id)).transpose()?,
            mode: parsed("job.mode", &row.mode)?,
            parameters: json("job.parameters_json", &row.parameters_json)?,
            state: row.state()?,
            stage: parsed("job.stage", &row.stage)?,
            process: percent(row.process_percent)?,
            bytes_planned: stored_count("job.planned_bytes", row.planned_bytes)?,
            bytes_done: number("job.done_bytes", row.done_bytes)?,
            attempts: number("job.attempts_count", row.attempts_count)?,
            reserved_set: row.reserved_set_id.map(|id| set_id("job.reserved_set_id", id)).transpose()?,
            last_failure: failure,
            created: timestamp("job.created_micros", row.created_micros)?,
            started: row.started_micros.map(|micros| timestamp("job.started_micros", micros)).transpose()?,
        })
    }
}

impl Model {
    fn state(&self) -> Result<JobState, Error> {
        let ended = || self.ended_micros.ok_or_else(|| corrupt("job.ended_micros", "NULL"));
        match parsed("job.state", &self.state)? {
            JobPhase::Queued => Ok(JobState::Queued { due: timestamp("job.due_micros", self.due_micros)? }),
            JobPhase::Running => Ok(JobState::Running { lease: self.lease()? }),
            JobPhase::Succeeded => Ok(JobState::Succeeded {
                set: self.reserved_set_id.map(|id| set_id("job.reserved_set_id", id)).transpose()?,
                ended: timestamp("job.ended_micros", ended()?)?,
            }),
            JobPhase::Failed => Ok(JobState::Failed {
                failure: self.failure().ok_or_else(|| corrupt("job.failure_code", "NULL"))?,
                ended: timestamp("job.ended_micros", ended()?)?,
            }),
        }
    }

    fn lease(&self) -> Result<Lease, Error> {
        let text = |column, value: &Option<String>| value.clone().ok_or_else(|| corrupt(column, "NULL"));
        let time =
            |column, value: Option<i64>| timestamp(column, value.ok_or_else(|| corrupt(column, "NULL"))?);
        Ok(Lease {
            owner: LeaseOwner(text("job.lease_owner", &self.lease_owner)?),
            epoch: FencingEpoch::new(number("job.fencing_epoch", self.fencing_epoch)?),
            attempt: parsed("job.attempt_id", &text("job.attempt_id", &self.attempt_id)?)?,
            until: time("job.lease_until_micros", self.lease_until_micros)?,
            heartbeat: time("job.heartbeat_micros", self.heartbeat_micros)?,
            cancel_requested: self.cancel_requested,
        })
    }

    fn failure(&self) -> Option<Failure> {
        let code = self.failure_code.clone()?;
        Some(Failure { code, message: self.failure_message.clone().unwrap_or_default() })
    }
}

/// A stored percentage.
fn percent(stored: i64) -> Result<Percent, Error> {
    u8::try_from(stored).ok().and_then(Percent::new).ok_or_else(|| corrupt("job.process_percent", stored))
}
