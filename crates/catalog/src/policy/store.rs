//! Storing and reading policies.

use jiff::Timestamp;
use repository::InstanceId;
use sea_orm::Value;

use crate::catalog::Catalog;
use crate::change::Change;
use crate::column::{micros, parsed, timestamp};
use crate::error::Error;
use crate::policy::{BackupPolicy, COLUMNS, ScheduledInstance, last_due};
use crate::statement::{dialect, execute, get, query_all, query_one};

impl Change {
    /// Stores the policy of an instance in place of what was there. From now on counts what it says: due
    /// times before this moment are settled.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn put_policy(&mut self, instance: &InstanceId, policy: &BackupPolicy) -> Result<(), Error> {
        self.store_policy(
            instance,
            policy,
            "DO UPDATE SET retention_days = excluded.retention_days, \
             weekdays = excluded.weekdays, window_start_minutes = excluded.window_start_minutes, \
             full_interval_days = excluded.full_interval_days, incremental = excluded.incremental, \
             incremental_interval_minutes = excluded.incremental_interval_minutes, \
             compression = excluded.compression, released_keep = excluded.released_keep, \
             log_backup = excluded.log_backup, log_retention_days = excluded.log_retention_days, \
             echoed_json = excluded.echoed_json, last_due_micros = excluded.last_due_micros",
        )
        .await
    }

    /// As [`Change::put_policy`], where the change leaves the due times as they are: what was not settled
    /// before is not now.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn put_policy_of_same_times(
        &mut self,
        instance: &InstanceId,
        policy: &BackupPolicy,
    ) -> Result<(), Error> {
        let settled = self.policy_for_update(instance).await?.map(|(_, last_due)| last_due);
        self.put_policy(instance, policy).await?;
        if let Some(settled) = settled {
            let sql = "UPDATE backup_policy SET last_due_micros = $2 WHERE instance_id = $1";
            let values = [instance.as_str().into(), micros(settled).into()];
            execute(&self.transaction, "keep what is settled", sql, values).await?;
        }
        Ok(())
    }

    /// Stores the policy of an instance that has none; one that has keeps it.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn put_missing_policy(
        &mut self,
        instance: &InstanceId,
        policy: &BackupPolicy,
    ) -> Result<(), Error> {
        self.store_policy(instance, policy, "DO NOTHING").await
    }

    /// The policy of an instance, registered or not, and the time up to which it is settled; nobody else
    /// changes it until this change ends.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn policy_for_update(
        &mut self,
        instance: &InstanceId,
    ) -> Result<Option<(BackupPolicy, Timestamp)>, Error> {
        let sql =
            format!("SELECT {COLUMNS}, last_due_micros FROM backup_policy WHERE instance_id = $1 {{lock}}");
        let sql = dialect(&self.transaction, &sql);
        let row = query_one(&self.transaction, "read a policy", &sql, [instance.as_str().into()]).await?;
        row.map(|row| Ok((BackupPolicy::from_result(&row)?, last_due(&row)?))).transpose()
    }

    async fn store_policy(
        &mut self,
        instance: &InstanceId,
        policy: &BackupPolicy,
        on_conflict: &'static str,
    ) -> Result<(), Error> {
        let BackupPolicy {
            retention_days,
            weekdays,
            window_start_minutes,
            full_interval_days,
            incremental,
            incremental_interval_minutes,
            compression,
            released_keep,
            log_backup,
            log_retention_days,
            echoed,
        } = policy;
        let sql = format!(
            "INSERT INTO backup_policy (instance_id, {COLUMNS}, last_due_micros) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT (instance_id) {on_conflict}"
        );
        let values: [Value; 13] = [
            instance.as_str().into(),
            i64::from(*retention_days).into(),
            weekdays.to_string().into(),
            i64::from(*window_start_minutes).into(),
            i64::from(*full_interval_days).into(),
            (*incremental).into(),
            incremental_interval_minutes.map(i64::from).into(),
            compression.as_str().into(),
            released_keep.as_str().into(),
            (*log_backup).into(),
            i64::from(*log_retention_days).into(),
            echoed.to_string().into(),
            micros(self.now).into(),
        ];
        execute(&self.transaction, "store a policy", &sql, values).await?;
        self.policies = true;
        Ok(())
    }
}

impl Catalog {
    /// The policy of an instance, registered or not.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn find_policy(&self, instance: &InstanceId) -> Result<Option<BackupPolicy>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM backup_policy WHERE instance_id = $1");
        let row = query_one(self.readers(), "read a policy", &sql, [instance.as_str().into()]).await?;
        row.map(|row| BackupPolicy::from_result(&row)).transpose()
    }

    /// Registered instances with their policies, by id: the first `limit` that sort after `after`.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn list_scheduled(
        &self,
        after: Option<&InstanceId>,
        limit: u32,
    ) -> Result<Vec<ScheduledInstance>, Error> {
        let sql = format!(
            "SELECT i.id, {COLUMNS}, last_due_micros FROM instance i \
             LEFT JOIN backup_policy p ON p.instance_id = i.id \
             WHERE i.deregistered_micros IS NULL AND i.id > $1 ORDER BY i.id LIMIT $2"
        );
        let after = after.map_or("", InstanceId::as_str);
        let values = [after.into(), i64::from(limit).into()];
        let rows = query_all(self.readers(), "list policies", &sql, values).await?;
        let read = |row: &sea_orm::QueryResult| {
            let has_policy = get::<Option<i64>>(row, "last_due_micros")?.is_some();
            let policy = has_policy.then(|| Ok((BackupPolicy::from_result(row)?, last_due(row)?)));
            let instance = parsed("instance.id", &get::<String>(row, "id")?)?;
            Ok(ScheduledInstance { instance, policy: policy.transpose()? })
        };
        rows.iter().map(read).collect()
    }

    /// When the newest set of an instance began that refers to nothing older, whether it is kept or not: what
    /// it stored stays as long as newer sets refer to it.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn newest_full(&self, instance: &InstanceId) -> Result<Option<Timestamp>, Error> {
        let values = [instance.as_str().into()];
        let row = query_one(self.readers(), "look for the newest full set", NEWEST_FULL, values).await?;
        row.map(|row| timestamp("backup_set.started_micros", get(&row, "started_micros")?)).transpose()
    }
}

/// The newest full set of an instance.
pub(crate) const NEWEST_FULL: &str = "SELECT started_micros FROM backup_set \
     WHERE instance_id = $1 AND backup_type = 'full' AND status = 'success' ORDER BY ended_micros DESC LIMIT 1";
