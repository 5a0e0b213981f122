//! Asking for work.

use jiff::Timestamp;
use repository::{BackupJobId, InstanceId, RepositoryId};
use sea_orm::Value;

use crate::backup_set::BackupMode;
use crate::change::Change;
use crate::column::{job_id, micros};
use crate::counter;
use crate::error::Error;
use crate::job::JobKind;
use crate::statement::{dialect, get, query_one};

/// A backup to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBackupJob {
    /// Of which instance.
    pub instance: InstanceId,
    /// Into which repository.
    pub repository: RepositoryId,
    /// Who asks.
    pub mode: BackupMode,
    /// What exactly to do, in the words of whoever runs backups.
    pub parameters: serde_json::Value,
    /// Not before this.
    pub due: Timestamp,
}

/// Work of any other kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// What to do; a backup belongs into [`NewBackupJob`].
    pub kind: JobKind,
    /// For which instance, where it is for one.
    pub instance: Option<InstanceId>,
    /// On which repository.
    pub repository: RepositoryId,
    /// Who asks.
    pub mode: BackupMode,
    /// What exactly to do, in the words of whoever runs this kind.
    pub parameters: serde_json::Value,
    /// Not before this.
    pub due: Timestamp,
}

/// A job was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnqueueError {
    /// A backup job of the instance is queued or running.
    #[error("instance {instance} has a backup job that is queued or running")]
    JobExists {
        /// The instance.
        instance: InstanceId,
        /// That job, unless it has just ended.
        job: Option<BackupJobId>,
    },
    /// The instance is not registered.
    #[error("instance {instance} is not registered")]
    InstanceNotFound {
        /// The instance.
        instance: InstanceId,
    },
    /// See [`Error`].
    #[error(transparent)]
    Catalog(#[from] Error),
}

impl Change {
    /// Asks for a backup; its set's number is reserved with it. Of two nodes that ask at the same
    /// time for the same instance, one gets a job and the other is refused.
    ///
    /// # Errors
    /// One is queued or running → [`EnqueueError::JobExists`], after which the change can go on and
    /// be committed; instance not registered → [`EnqueueError::InstanceNotFound`].
    pub async fn enqueue_backup(&mut self, job: NewBackupJob) -> Result<BackupJobId, EnqueueError> {
        let NewBackupJob { instance, repository, mode, parameters, due } = job;
        self.require_instance(&instance).await?;
        if let Some(id) = self.active_backup(&instance).await? {
            return Err(EnqueueError::JobExists { instance, job: Some(id) });
        }
        let set = counter::next(&self.transaction, counter::BACKUP_SET).await?;
        let new = NewJob {
            kind: JobKind::Backup,
            instance: Some(instance.clone()),
            repository,
            mode,
            parameters,
            due,
        };
        match self.insert(new, Some(set)).await? {
            Some(id) => Ok(id),
            None => Err(EnqueueError::JobExists { job: self.active_backup(&instance).await?, instance }),
        }
    }

    /// Asks for other work.
    ///
    /// # Errors
    /// An instance is named that is not registered → [`EnqueueError::InstanceNotFound`].
    ///
    /// # Panics
    /// When the kind is a backup, which has a method of its own.
    pub async fn enqueue(&mut self, job: NewJob) -> Result<BackupJobId, EnqueueError> {
        assert!(job.kind != JobKind::Backup, "a backup is asked for by enqueue_backup");
        if let Some(instance) = &job.instance {
            self.require_instance(instance).await?;
        }
        let id = self.insert(job, None).await?;
        Ok(id.expect("only a second backup of an instance conflicts"))
    }

    /// Asks for a sweep of a repository. `None`: one is queued or running already.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn enqueue_sweep(
        &mut self,
        repository: RepositoryId,
        due: Timestamp,
    ) -> Result<Option<BackupJobId>, Error> {
        let sql = "SELECT id FROM job WHERE state IN ('queued', 'running') AND kind = 'sweep' \
             AND ended_micros IS NULL AND repository_id = $1";
        let active = query_one(&self.transaction, "look for a sweep", sql, [repository.to_string().into()]);
        if active.await?.is_some() {
            return Ok(None);
        }
        let sweep = NewJob {
            kind: JobKind::Sweep,
            instance: None,
            repository,
            mode: BackupMode::Automated,
            parameters: serde_json::json!({}),
            due,
        };
        self.insert(sweep, None).await
    }

    async fn require_instance(&self, instance: &InstanceId) -> Result<(), EnqueueError> {
        let sql = "SELECT id FROM instance WHERE id = $1 AND deregistered_micros IS NULL {share}";
        let sql = dialect(&self.transaction, sql);
        let found =
            query_one(&self.transaction, "look for the instance", &sql, [instance.as_str().into()]).await?;
        found.map(drop).ok_or_else(|| EnqueueError::InstanceNotFound { instance: instance.clone() })
    }

    async fn active_backup(&self, instance: &InstanceId) -> Result<Option<BackupJobId>, Error> {
        let sql = "SELECT id FROM job WHERE instance_id = $1 AND kind = 'backup' AND ended_micros IS NULL";
        let row =
            query_one(&self.transaction, "look for a backup job", sql, [instance.as_str().into()]).await?;
        row.map(|row| job_id("job.id", get(&row, "id")?)).transpose()
    }

    /// `None`: another transaction has a backup job of the same instance.
    async fn insert(&mut self, job: NewJob, set: Option<i64>) -> Result<Option<BackupJobId>, Error> {
        let NewJob { kind, instance, repository, mode, parameters, due } = job;
        let number = counter::next(&self.transaction, counter::JOB).await?;
        let sql = "INSERT INTO job (id, kind, repository_id, instance_id, mode, parameters_json, state, stage, \
             due_micros, attempts_count, fencing_epoch, cancel_requested, process_percent, done_bytes, \
             reserved_set_id, created_micros) \
             VALUES ($1, $2, $3, $4, $5, $6, 'queued', 'no_start', $7, 0, 0, $8, 0, 0, $9, $10) \
             ON CONFLICT DO NOTHING RETURNING id";
        let values: [Value; 10] = [
            number.into(),
            kind.as_str().into(),
            repository.to_string().into(),
            instance.as_ref().map(InstanceId::as_str).into(),
            mode.as_str().into(),
            parameters.to_string().into(),
            micros(due).into(),
            false.into(),
            set.into(),
            micros(self.now).into(),
        ];
        let row = query_one(&self.transaction, "store a job", sql, values).await?;
        let id = row.map(|row| job_id("job.id", get(&row, "id")?)).transpose()?;
        self.jobs.extend(id.map(|id| (id, instance)));
        Ok(id)
    }
}
