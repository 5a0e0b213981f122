//! Writing sets down, and marking them as deleted.

use jiff::Timestamp;
use repository::{BackupSetId, InstanceId};
use sea_orm::{ConnectionTrait, Value};

use crate::backup_set::{BackupSet, NewBackupSet, SetOrigin};
use crate::change::Change;
use crate::column::{micros, stored_count};
use crate::error::Error;
use crate::statement::{dialect, execute, query_one};

/// No set got a tombstone.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TombstoneError {
    /// These are no living sets of the instance.
    #[error("instance {instance} has no backup set {}", sets.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    NotFound {
        /// The instance.
        instance: InstanceId,
        /// The sets.
        sets: Vec<BackupSetId>,
    },
    /// See [`Error`].
    #[error(transparent)]
    Catalog(#[from] Error),
}

impl Change {
    /// Marks sets of an instance as having a tombstone, all or none of them, and answers them, for
    /// their tombstones to be written.
    ///
    /// # Errors
    /// Some are no living sets of the instance → [`TombstoneError::NotFound`], and none is marked.
    pub async fn tombstone_sets(
        &mut self,
        instance: &InstanceId,
        sets: &[BackupSetId],
    ) -> Result<Vec<BackupSet>, TombstoneError> {
        let mut found = Vec::with_capacity(sets.len());
        let mut missing = Vec::new();
        let sql = "SELECT * FROM backup_set WHERE id = $1 AND instance_id = $2 AND tombstoned_micros IS NULL {lock}";
        let sql = dialect(&self.transaction, sql);
        for set in sorted(sets) {
            let values = [i64::from(set.get()).into(), instance.as_str().into()];
            match query_one(&self.transaction, "look for a set", &sql, values).await? {
                Some(row) => found.push(BackupSet::from_result(&row)?),
                None => missing.push(set),
            }
        }
        if !missing.is_empty() {
            return Err(TombstoneError::NotFound { instance: instance.clone(), sets: missing });
        }
        for set in &mut found {
            let sql = "UPDATE backup_set SET tombstoned_micros = $2 WHERE id = $1";
            let values = [i64::from(set.origin.id.get()).into(), micros(self.now).into()];
            execute(&self.transaction, "mark a set", sql, values).await?;
            set.tombstoned = Some(self.now);
        }
        Ok(found)
    }

    /// Stores a set found in the repository, for a catalog that is rebuilt. `false`: it is known.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn adopt_set(&mut self, origin: &SetOrigin, set: &NewBackupSet) -> Result<bool, Error> {
        insert(&self.transaction, origin, set).await
    }

    /// Notes when the oldest part that a set refers to was last proven readable.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn record_proof(&mut self, set: BackupSetId, oldest_proof: Timestamp) -> Result<(), Error> {
        let sql = "UPDATE backup_set SET oldest_proof_micros = $2 WHERE id = $1";
        let values = [i64::from(set.get()).into(), micros(oldest_proof).into()];
        execute(&self.transaction, "record a proof", sql, values).await?;
        Ok(())
    }
}

/// Stores a set and its engine record. `false`: there is one of that number.
pub(crate) async fn insert(
    connection: &impl ConnectionTrait,
    origin: &SetOrigin,
    set: &NewBackupSet,
) -> Result<bool, Error> {
    let SetOrigin { id, instance, repository, job, epoch, mode } = origin;
    let NewBackupSet {
        attempt,
        parent,
        backup_type,
        method,
        engine,
        engine_version,
        host_instance,
        started,
        ended,
        consistent,
        oldest_proof,
        size_bytes,
        stored_bytes,
        new_bytes,
        download_bytes,
        encrypted,
        retention_days,
        expires,
        engine_record,
    } = set;
    let sql = "INSERT INTO backup_set (id, instance_id, repository_id, job_id, attempt_id, fencing_epoch, \
         parent_set_id, status, backup_type, method, mode, engine, engine_version, host_instance, started_micros, \
         ended_micros, consistent_micros, oldest_proof_micros, size_bytes, stored_bytes, new_bytes, encrypted, \
         retention_days, expires_micros, download_bytes, detached) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'success', $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, \
         $20, $21, $22, $23, $24, \
         NOT EXISTS (SELECT 1 FROM instance WHERE id = $2 AND deregistered_micros IS NULL)) ON CONFLICT (id) DO NOTHING";
    let values: [Value; 24] = [
        i64::from(id.get()).into(),
        instance.as_str().into(),
        repository.to_string().into(),
        i64::from(job.get()).into(),
        attempt.to_string().into(),
        stored_count(epoch.get()).into(),
        parent.map(|parent| i64::from(parent.get())).into(),
        backup_type.as_str().into(),
        method.as_str().into(),
        mode.as_str().into(),
        engine.as_str().into(),
        engine_version.as_str().into(),
        host_instance.map(i64::from).into(),
        micros(*started).into(),
        micros(*ended).into(),
        consistent.map(micros).into(),
        oldest_proof.map(micros).into(),
        stored_count(*size_bytes).into(),
        stored_count(*stored_bytes).into(),
        stored_count(*new_bytes).into(),
        (*encrypted).into(),
        retention_days.map(i64::from).into(),
        expires.map(micros).into(),
        download_bytes.map(stored_count).into(),
    ];
    if execute(connection, "store a set", sql, values).await? == 0 {
        return Ok(false);
    }
    let sql = "INSERT INTO engine_record (set_id, record_json) VALUES ($1, $2)";
    let values = [i64::from(id.get()).into(), engine_record.to_string().into()];
    execute(connection, "store an engine record", sql, values).await?;
    Ok(true)
}

/// In ascending order and once each, so that two changes that lock the same sets do not deadlock.
fn sorted(sets: &[BackupSetId]) -> Vec<BackupSetId> {
    let mut sets = sets.to_vec();
    sets.sort_unstable();
    sets.dedup();
    sets
}
