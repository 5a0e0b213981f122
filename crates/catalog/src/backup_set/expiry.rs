//! When sets expire, and which have.
//!
//! - An automated set follows its instance's policy as long as the registration lasts under which it was
//!   made, unless its expiry was set by hand. Whatever belongs to an earlier registration, or was found in a
//!   repository, keeps what it was promised.
//! - The newest set of an instance that can be restored never expires by age.

use jiff::{SignedDuration, Timestamp};
use repository::{BackupSetId, InstanceId};
use sea_orm::ConnectionTrait;

use crate::backup_set::{BackupSet, SetStatus};
use crate::catalog::Catalog;
use crate::change::Change;
use crate::column::{micros, parsed};
use crate::error::Error;
use crate::statement::{dialect, execute, get, query_all, query_one};

/// A set's expiry was not set.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetExpiryError {
    /// It is no living set of the instance.
    #[error("instance {instance} has no backup set {set}")]
    NotFound {
        /// The instance.
        instance: InstanceId,
        /// The set.
        set: BackupSetId,
    },
    /// It would expire earlier than now promised.
    #[error("backup set {set} is promised for longer")]
    Earlier {
        /// The set.
        set: BackupSetId,
        /// The present expiry; `None`: it is kept for ever.
        present: Option<Timestamp>,
    },
    /// See [`Error`].
    #[error(transparent)]
    Catalog(#[from] Error),
}

const DAY_MICROS: i64 = SignedDuration::from_hours(24).as_secs() * 1_000_000;

impl Change {
    /// Has a set expire at a later time, which the policy's retention period changes no more.
    ///
    /// # Errors
    /// No living set of the instance → [`SetExpiryError::NotFound`]; not later than the present expiry →
    /// [`SetExpiryError::Earlier`].
    pub async fn set_expiry(
        &mut self,
        instance: &InstanceId,
        set: BackupSetId,
        expires: Timestamp,
    ) -> Result<(), SetExpiryError> {
        let sql = "SELECT * FROM backup_set WHERE id = $1 AND instance_id = $2 AND tombstoned_micros IS NULL {lock}";
        let sql = dialect(&self.transaction, sql);
        let values = [i64::from(set.get()).into(), instance.as_str().into()];
        let row = query_one(&self.transaction, "look for a set", &sql, values).await?;
        let Some(row) = row else {
            return Err(SetExpiryError::NotFound { instance: instance.clone(), set });
        };
        let present = BackupSet::from_result(&row)?.expires;
        if present.is_none_or(|present| expires < present) {
            return Err(SetExpiryError::Earlier { set, present });
        }
        let sql = "UPDATE backup_set SET expires_micros = $2 WHERE id = $1";
        let values = [i64::from(set.get()).into(), micros(expires).into()];
        execute(&self.transaction, "set a set's expiry", sql, values).await?;
        let sql = "INSERT INTO pinned_expiry (set_id) VALUES ($1) ON CONFLICT DO NOTHING";
        execute(&self.transaction, "pin a set's expiry", sql, [i64::from(set.get()).into()]).await?;
        Ok(())
    }

    /// Has the automated sets of an instance follow its policy as this change leaves it, and answers how many
    /// expire at another time than before.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn follow_retention(&mut self, instance: &InstanceId) -> Result<u64, Error> {
        follow(&self.transaction, instance.as_str()).await
    }

    /// The sets of an instance that expired by now; until this change ends nobody else deletes or prolongs
    /// one of its sets. Mark them with [`Change::tombstone_sets`] once their tombstones are written.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn expired_sets(&mut self, instance: &InstanceId) -> Result<Vec<BackupSet>, Error> {
        let sql = "SELECT * FROM backup_set WHERE instance_id = $1 AND tombstoned_micros IS NULL ORDER BY id {lock}";
        let sql = dialect(&self.transaction, sql);
        let rows =
            query_all(&self.transaction, "look for expired sets", &sql, [instance.as_str().into()]).await?;
        let mut sets = rows.iter().map(BackupSet::from_result).collect::<Result<Vec<_>, _>>()?;
        let good = sets.iter().filter(|set| set.status == SetStatus::Success);
        let newest = good.max_by_key(|set| (set.ended, set.origin.id)).map(|set| set.origin.id);
        // Nothing goes while none can be restored: what is broken may be all that is left.
        sets.retain(|set| {
            newest.is_some_and(|newest| newest != set.origin.id)
                && set.expires.is_some_and(|expires| expires <= self.now)
        });
        Ok(sets)
    }
}

impl Catalog {
    /// Instances, registered or not, that have sets which expired by `now`; at most `limit` of them.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn instances_with_expired_sets(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<InstanceId>, Error> {
        let values = [micros(now).into(), i64::from(limit).into()];
        let rows = query_all(self.readers(), "look for expired sets", EXPIRED_INSTANCES, values).await?;
        rows.iter().map(|row| parsed("backup_set.instance_id", &get::<String>(row, "instance_id")?)).collect()
    }

    /// Has all automated sets follow their policies, where a set was made while its policy changed. Answers
    /// how many did not.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn follow_all_retentions(&self) -> Result<u64, Error> {
        let sql = "SELECT DISTINCT s.instance_id, p.retention_days FROM backup_set s \
             JOIN instance i ON i.id = s.instance_id AND i.host_instance = s.host_instance \
             AND i.deregistered_micros IS NULL \
             JOIN backup_policy p ON p.instance_id = s.instance_id \
             WHERE s.mode = 'automated' AND s.tombstoned_micros IS NULL \
             AND s.retention_days <> p.retention_days \
             AND NOT EXISTS (SELECT 1 FROM pinned_expiry WHERE set_id = s.id)";
        let rows = query_all(self.readers(), "look for sets that lag behind", sql, []).await?;
        let mut followed = 0;
        for row in rows {
            followed += follow(self.writer(), &get::<String>(&row, "instance_id")?).await?;
        }
        Ok(followed)
    }

    /// Notes that a set has a tombstone in the repository, which was put without its row.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn note_tombstone(&self, set: BackupSetId, now: Timestamp) -> Result<(), Error> {
        let sql = "UPDATE backup_set SET tombstoned_micros = $2 WHERE id = $1 AND tombstoned_micros IS NULL";
        let values = [i64::from(set.get()).into(), micros(now).into()];
        execute(self.writer(), "mark a set", sql, values).await?;
        Ok(())
    }
}

/// Instances of which a set expired that is not the newest good one.
pub(crate) const EXPIRED_INSTANCES: &str = "SELECT DISTINCT s.instance_id FROM backup_set s \
     WHERE s.tombstoned_micros IS NULL AND s.expires_micros <= $1 \
     AND EXISTS (SELECT 1 FROM backup_set n WHERE n.instance_id = s.instance_id AND n.tombstoned_micros IS NULL \
         AND n.status = 'success' AND n.id <> s.id \
         AND (s.status <> 'success' OR n.ended_micros > s.ended_micros \
             OR (n.ended_micros = s.ended_micros AND n.id > s.id))) \
     ORDER BY s.instance_id LIMIT $2";

async fn follow(connection: &impl ConnectionTrait, instance: &str) -> Result<u64, Error> {
    // The policy is read in the statement itself, for it may change at this moment.
    let sql = "UPDATE backup_set SET \
         retention_days = (SELECT retention_days FROM backup_policy p WHERE p.instance_id = $1), \
         expires_micros = ended_micros + $2 * (SELECT retention_days FROM backup_policy p WHERE p.instance_id = $1) \
         WHERE instance_id = $1 AND mode = 'automated' AND tombstoned_micros IS NULL \
         AND retention_days <> (SELECT retention_days FROM backup_policy p WHERE p.instance_id = $1) \
         AND host_instance = (SELECT host_instance FROM instance WHERE id = $1) \
         AND NOT EXISTS (SELECT 1 FROM pinned_expiry WHERE set_id = backup_set.id)";
    execute(connection, "follow a retention period", sql, [instance.into(), DAY_MICROS.into()]).await
}
