//! Numbers that are issued once: jobs, backup sets, host instances. A number that a transaction took
//! and then undid is issued again; nobody saw it.

use repository::{BackupJobId, BackupSetId};
use sea_orm::ConnectionTrait;

use crate::change::Change;
use crate::error::Error;
use crate::statement::{execute, get, query_one};

/// Largest number: RDS clients keep them in 32 bits with a sign.
const NUMBER_MAX: i64 = (1 << 31) - 1;

/// How far a rebuilt catalog stays away from the highest number found in the repository, where a
/// job that left no trace may have taken the next ones.
const REBUILD_GAP: u32 = 10_000;

/// Numbers of jobs of every kind.
pub(crate) const JOB: &str = "job";
/// Numbers of backup sets.
pub(crate) const BACKUP_SET: &str = "backup_set";
/// Numbers of the hosts that instances live on.
pub(crate) const HOST_INSTANCE: &str = "host_instance";

impl Change {
    /// For a catalog rebuilt from a repository: the next job and set are numbered at least 10,000
    /// above the highest found there. Never lowers anything.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn raise_counters(
        &mut self,
        highest_job: Option<BackupJobId>,
        highest_set: Option<BackupSetId>,
    ) -> Result<(), Error> {
        let found =
            [(JOB, highest_job.map(BackupJobId::get)), (BACKUP_SET, highest_set.map(BackupSetId::get))];
        for (counter, highest) in found {
            let Some(highest) = highest else { continue };
            let last = i64::from(highest) + i64::from(REBUILD_GAP) - 1;
            let sql = "UPDATE counter SET last = $2 WHERE name = $1 AND last < $2";
            execute(&self.transaction, "raise a counter", sql, [counter.into(), last.into()]).await?;
        }
        Ok(())
    }
}

/// Takes the next number. Call it inside a transaction, with whatever uses the number.
pub(crate) async fn next(connection: &impl ConnectionTrait, counter: &'static str) -> Result<i64, Error> {
    let sql = "UPDATE counter SET last = last + 1 WHERE name = $1 AND last < $2 RETURNING last";
    let row = query_one(connection, "take a number", sql, [counter.into(), NUMBER_MAX.into()]).await?;
    row.map(|row| get(&row, "last")).transpose()?.ok_or(Error::NumbersExhausted { counter })
}
