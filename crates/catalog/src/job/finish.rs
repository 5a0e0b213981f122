//! How a job ends: finished with what it made, failed with a cause, or cancelled.
//!
//! A backup job and its set become visible in one transaction, so that nobody ever sees a finished
//! job without a set, or a set whose job is not finished.

use jiff::Timestamp;
use repository::{AttemptId, BackupJobId, FencingEpoch};
use sea_orm::{ConnectionTrait, DatabaseTransaction};

use crate::backup_set::{self, NewBackupSet};
use crate::catalog::Catalog;
use crate::change::Change;
use crate::column::{micros, parsed};
use crate::error::{Doing, Error};
use crate::job::claim::{attempts, progress_statement};
use crate::job::{Changed, Claim, Failure, JobPhase, Progress};
use crate::statement::{execute, get, query_one};

/// A runner's write was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LeaseError {
    /// Another worker holds the job, or it has ended: stop now, and delete nothing.
    #[error("job {job} is no longer held by epoch {epoch}")]
    LeaseLost {
        /// The job.
        job: BackupJobId,
        /// The epoch that was refused.
        epoch: FencingEpoch,
    },
    /// The set names an attempt that was never made at this job.
    #[error("attempt {attempt} is none of job {job}'s")]
    ForeignAttempt {
        /// The job.
        job: BackupJobId,
        /// The attempt.
        attempt: AttemptId,
    },
    /// See [`Error`].
    #[error(transparent)]
    Catalog(#[from] Error),
}

/// What asking for a cancel did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelOutcome {
    /// It was queued, and has failed as cancelled.
    Cancelled,
    /// It runs; its worker hears of it with the next renewal or report.
    Requested,
    /// It had ended before.
    Ended,
    /// There is no such job.
    NotFound,
}

impl Catalog {
    /// Ends a backup job with its set, both in one transaction. The set's attempt is the claim's own,
    /// or an earlier one of the job whose manifest was found and adopted. `progress` is how far the
    /// work came; `None` leaves what was recorded.
    ///
    /// # Errors
    /// Another worker holds the job, or it ended → [`LeaseError::LeaseLost`], and there is no set;
    /// the attempt is not the job's → [`LeaseError::ForeignAttempt`].
    ///
    /// # Panics
    /// When the job is not a backup, for then no number is reserved for a set.
    pub async fn finish_backup(
        &self,
        claim: &Claim,
        set: &NewBackupSet,
        report: &serde_json::Value,
        progress: Option<&Progress>,
        now: Timestamp,
    ) -> Result<(), LeaseError> {
        let id = claim.reserved_set().expect("a backup job has a number for its set");
        let instance = claim.job.instance.as_ref().expect("a backup job has an instance");
        let transaction = self.shared.connections.begin().await?;
        record_progress(&transaction, claim, progress).await?;
        succeed(&transaction, claim, report, now).await?;
        let made = attempts(&transaction, claim.id()).await?;
        let Some((epoch, _)) = made.into_iter().find(|(_, attempt)| *attempt == set.attempt) else {
            return Err(LeaseError::ForeignAttempt { job: claim.id(), attempt: set.attempt });
        };
        let origin = backup_set::SetOrigin {
            id,
            instance: instance.clone(),
            repository: claim.job.repository,
            job: claim.id(),
            epoch,
            mode: claim.job.mode,
        };
        backup_set::insert(&transaction, &origin, set).await?;
        self.commit_end(transaction, claim, "commit a finished backup").await
    }

    /// Ends a job of another kind.
    ///
    /// # Errors
    /// Another worker holds the job, or it ended → [`LeaseError::LeaseLost`].
    pub async fn finish(
        &self,
        claim: &Claim,
        report: &serde_json::Value,
        now: Timestamp,
    ) -> Result<(), LeaseError> {
        let transaction = self.shared.connections.begin().await?;
        succeed(&transaction, claim, report, now).await?;
        self.commit_end(transaction, claim, "commit a finished job").await
    }

    /// Ends a job without success. What failed attempts before it said is replaced. `progress` is how
    /// far the work came; `None` leaves what was recorded.
    ///
    /// # Errors
    /// Another worker holds the job, or it ended → [`LeaseError::LeaseLost`].
    pub async fn fail(
        &self,
        claim: &Claim,
        failure: &Failure,
        report: Option<&serde_json::Value>,
        progress: Option<&Progress>,
        now: Timestamp,
    ) -> Result<(), LeaseError> {
        let sql = "UPDATE job SET state = 'failed', ended_micros = $3, failure_code = $4, failure_message = $5 \
                   WHERE id = $1 AND fencing_epoch = $2 AND state = 'running'";
        let (job, epoch) = claim.fence();
        let values =
            [job, epoch, micros(now).into(), failure.code.as_str().into(), failure.message.as_str().into()];
        let transaction = self.shared.connections.begin().await?;
        record_progress(&transaction, claim, progress).await?;
        if execute(&transaction, "fail a job", sql, values).await? == 0 {
            return Err(claim.lost());
        }
        if let Some(report) = report {
            put_report(&transaction, claim.id(), report).await?;
        }
        self.commit_end(transaction, claim, "commit a failed job").await
    }

    async fn commit_end(
        &self,
        transaction: DatabaseTransaction,
        claim: &Claim,
        doing: &'static str,
    ) -> Result<(), LeaseError> {
        let commit = async { transaction.commit().await.doing(doing) };
        self.shared.memory.during(Changed::by(claim), commit).await?;
        self.shared.wake.jobs();
        Ok(())
    }
}

impl Change {
    /// Asks a job to stop: a queued one fails at once, a running one when its worker hears of it.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn cancel_job(&mut self, job: BackupJobId) -> Result<CancelOutcome, Error> {
        let number = i64::from(job.get());
        let sql = "UPDATE job SET cancel_requested = $2, \
             ended_micros = CASE WHEN state = 'queued' THEN $3 ELSE ended_micros END, \
             failure_code = CASE WHEN state = 'queued' THEN $4 ELSE failure_code END, \
             failure_message = CASE WHEN state = 'queued' THEN $5 ELSE failure_message END, \
             state = CASE WHEN state = 'queued' THEN 'failed' ELSE state END \
             WHERE id = $1 AND ended_micros IS NULL RETURNING state, instance_id";
        let Failure { code, message } = Failure::cancelled();
        let values = [number.into(), true.into(), micros(self.now).into(), code.into(), message.into()];
        if let Some(row) = query_one(&self.transaction, "cancel a job", sql, values).await? {
            let instance = get::<Option<String>>(&row, "instance_id")?;
            let instance = instance.map(|id| parsed("job.instance_id", &id)).transpose()?;
            self.jobs.push((job, instance));
            let failed = parsed::<JobPhase>("job.state", &get::<String>(&row, "state")?)? == JobPhase::Failed;
            return Ok(if failed { CancelOutcome::Cancelled } else { CancelOutcome::Requested });
        }
        let found = query_one(
            &self.transaction,
            "look for a job",
            "SELECT id FROM job WHERE id = $1",
            [number.into()],
        );
        Ok(if found.await?.is_some() { CancelOutcome::Ended } else { CancelOutcome::NotFound })
    }
}

/// How far the work of an attempt came that is about to end, in the transaction that ends it: its last report
/// may never have been written.
async fn record_progress(
    connection: &impl ConnectionTrait,
    claim: &Claim,
    progress: Option<&Progress>,
) -> Result<(), Error> {
    let Some(progress) = progress else { return Ok(()) };
    let statement = progress_statement(connection, claim, progress);
    connection.query_one_raw(statement).await.doing("record how far a job came").map(drop)
}

async fn succeed(
    connection: &impl ConnectionTrait,
    claim: &Claim,
    report: &serde_json::Value,
    now: Timestamp,
) -> Result<(), LeaseError> {
    let sql = "UPDATE job SET state = 'succeeded', ended_micros = $3, process_percent = 100, \
               failure_code = NULL, failure_message = NULL \
               WHERE id = $1 AND fencing_epoch = $2 AND state = 'running'";
    let (job, epoch) = claim.fence();
    if execute(connection, "finish a job", sql, [job, epoch, micros(now).into()]).await? == 0 {
        return Err(claim.lost());
    }
    Ok(put_report(connection, claim.id(), report).await?)
}

async fn put_report(
    connection: &impl ConnectionTrait,
    job: BackupJobId,
    report: &serde_json::Value,
) -> Result<(), Error> {
    let sql = "INSERT INTO job_report (job_id, report_json) VALUES ($1, $2)";
    let values = [i64::from(job.get()).into(), report.to_string().into()];
    execute(connection, "store a job's report", sql, values).await?;
    Ok(())
}
