//! Due times: each becomes one job, or is missed.

use jiff::{SignedDuration, Timestamp};
use repository::{BackupJobId, InstanceId};

use crate::change::Change;
use crate::column::micros;
use crate::error::Error;
use crate::job::{EnqueueError, NewBackupJob};
use crate::statement::{execute, query_one};

/// How long it is remembered that a due time was fired: longer than any clock is likely to be wrong.
const FIRED_KEPT: SignedDuration = SignedDuration::from_hours(100 * 24);

/// What came of a due time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fired {
    /// It became this job.
    Job(BackupJobId),
    /// It had become a job before.
    Before,
}

impl Change {
    /// Makes the job of a due time, `job.due`, unless there was one for it, and settles it.
    ///
    /// # Errors
    /// As [`Change::enqueue_backup`]; then the change is to be undone, and the due time is still to be fired.
    pub async fn fire_due(&mut self, job: NewBackupJob) -> Result<Fired, EnqueueError> {
        let (instance, due) = (job.instance.clone(), job.due);
        let sql = "INSERT INTO fired_due (instance_id, due_micros) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        let values = [instance.as_str().into(), micros(due).into()];
        let first = execute(&self.transaction, "note a due time", sql, values).await? == 1;
        self.settle_due(&instance, due).await?;
        if !first {
            return Ok(Fired::Before);
        }
        let sql = "DELETE FROM fired_due WHERE instance_id = $1 AND due_micros < $2";
        let forgotten = due.saturating_sub(FIRED_KEPT).unwrap_or(Timestamp::MIN);
        let values = [instance.as_str().into(), micros(forgotten).into()];
        execute(&self.transaction, "forget old due times", sql, values).await?;
        self.enqueue_backup(job).await.map(Fired::Job)
    }

    /// Settles due times whose windows have passed, given in ascending order, and answers which of them were
    /// missed: all but those that were fired, and none when another node was first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn settle_passed(
        &mut self,
        instance: &InstanceId,
        dues: &[Timestamp],
    ) -> Result<Vec<Timestamp>, Error> {
        let mut missed = Vec::new();
        let Some(last) = dues.last() else { return Ok(missed) };
        if !self.settle_due(instance, *last).await? {
            return Ok(missed);
        }
        for due in dues {
            let sql = "SELECT due_micros FROM fired_due WHERE instance_id = $1 AND due_micros = $2";
            let values = [instance.as_str().into(), micros(*due).into()];
            if query_one(&self.transaction, "look for a due time", sql, values).await?.is_none() {
                missed.push(*due);
            }
        }
        Ok(missed)
    }

    /// After the clock was put back: due times from `settled` on are to be looked at again. Those that were
    /// fired stay so.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn unsettle(&mut self, instance: &InstanceId, settled: Timestamp) -> Result<(), Error> {
        let sql =
            "UPDATE backup_policy SET last_due_micros = $2 WHERE instance_id = $1 AND last_due_micros > $2";
        let values = [instance.as_str().into(), micros(settled).into()];
        execute(&self.transaction, "follow the clock back", sql, values).await?;
        Ok(())
    }

    /// Whether it was not settled before.
    async fn settle_due(&mut self, instance: &InstanceId, due: Timestamp) -> Result<bool, Error> {
        let sql =
            "UPDATE backup_policy SET last_due_micros = $2 WHERE instance_id = $1 AND last_due_micros < $2";
        let values = [instance.as_str().into(), micros(due).into()];
        Ok(execute(&self.transaction, "settle a due time", sql, values).await? == 1)
    }
}
