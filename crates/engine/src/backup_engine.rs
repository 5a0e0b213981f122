//! The trait that each kind of database implements.

use std::fmt::Debug;

use jiff::Timestamp;
use repository::Repository;

use crate::{BackupRequest, Interrupted, JobControl};

/// An engine bound to one instance.
pub trait BackupEngine: Send + Sync + Debug {
    /// Tests, without changing anything, all that a backup will need of the server: reachable, version,
    /// privileges, replication line, free walsender and slot, data directory readable and this very
    /// server's own.
    ///
    /// # Errors
    /// Only what stops the test itself; what was found wrong is in [`Checked::findings`].
    fn check(&self, control: &dyn JobControl) -> Result<Checked, BackupError>;

    /// Makes the set: check, plan, copy, stop, prove, publish. On success the manifest is published.
    ///
    /// # Errors
    /// See [`BackupError`]. Whatever happens, nothing that counts as a set is left unless `Ok`.
    fn back_up(
        &self,
        repository: &Repository,
        request: &BackupRequest,
        control: &dyn JobControl,
    ) -> Result<FinishedSet, BackupError>;
}

/// What a check learned.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The server's version, as it says it, like `15.18`.
    pub server_version: String,
    /// Its major version, like `15`.
    pub major_version: String,
    /// What is wrong, and what to do; empty when a backup can be made.
    pub findings: Vec<Finding>,
}

/// One thing that stops a backup, with its remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong.
    pub problem: String,
    /// What to do; commands ready to be pasted.
    pub remedy: String,
}

/// What a finished backup is known by.
#[derive(Debug, Clone)]
pub struct FinishedSet {
    /// When the copy began and ended, by the server's clock where it has one.
    pub started: Timestamp,
    /// See `started`.
    pub ended: Timestamp,
    /// The moment the set restores to.
    pub consistent: Timestamp,
    /// Bytes of all files of the set.
    pub source_bytes: u64,
    /// Bytes in the repository that a restore reads: new ones and referred ones.
    pub stored_bytes: u64,
    /// Bytes that this attempt added to the repository.
    pub new_bytes: u64,
    /// The server's version, like `15.18`.
    pub server_version: String,
    /// The job's report: what was read, stored and referred to, times of stages, bad pages, warnings;
    /// a JSON object for people and the API's report operation.
    pub report: serde_json::Value,
    /// The engine record as stored in the manifest (JSON), which the API's listings of content read.
    pub record: serde_json::Value,
}

/// May the work be tried again?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// It would fail in the same way.
    Never,
    /// A new attempt may succeed.
    Later,
    /// Once an operator has done what the message says.
    AfterOperator,
}

/// Why a backup failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The job had to end.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
    /// The check found what stops a backup.
    #[error("the settings do not allow a backup: {}", list(.0))]
    Refused(Vec<Finding>),
    /// The server failed or went away.
    #[error("{action}")]
    Server {
        /// What was being done, as a verb phrase.
        action: String,
        /// May it work next time?
        retry: Retry,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file of the source cannot be read.
    #[error(transparent)]
    Source(#[from] crate::SourceError),
    /// The repository failed.
    #[error("{action}")]
    Repository {
        /// What was being done, as a verb phrase.
        action: String,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Room is under the floor.
    #[error(
        "{location} has {free_bytes} bytes free, less than the floor of {floor_bytes}; free some space or lower `free_space_floor_bytes`"
    )]
    NoSpace {
        /// Where.
        location: String,
        /// What is left.
        free_bytes: u64,
        /// What must be left.
        floor_bytes: u64,
    },
    /// A thread of ours panicked: a bug.
    #[error("a worker thread panicked; please report this with the log")]
    Panicked,
    /// What was stored reads back differently.
    #[error(
        "what was stored does not read back: {what}; the store may be failing: do not trust it until it was tested"
    )]
    Unproven {
        /// Object and frame.
        what: String,
    },
}

impl BackupError {
    /// May the work be tried again?
    pub fn retry(&self) -> Retry {
        match self {
            Self::Interrupted(Interrupted::Cancelled) => Retry::Never,
            Self::Interrupted(Interrupted::LeaseLost | Interrupted::Shutdown)
            | Self::Source(_)
            | Self::Repository { .. }
            | Self::Panicked
            | Self::Unproven { .. } => Retry::Later,
            Self::Refused(_) | Self::NoSpace { .. } => Retry::AfterOperator,
            Self::Server { retry, .. } => *retry,
        }
    }
}

fn list(findings: &[Finding]) -> String {
    let each: Vec<String> = findings.iter().map(|f| format!("{} ({})", f.problem, f.remedy)).collect();
    each.join("; ")
}
