//! What becomes of an instance's sets when it is deregistered.

use repository::{BackupSetId, InstanceId};

use crate::backup_set::{BackupSet, SetStatus};
use crate::change::Change;
use crate::error::Error;
use crate::policy::ReleasedKeep;
use crate::statement::{dialect, execute, query_all};

impl Change {
    /// The living sets of an instance that are not kept when it is deregistered; until this change ends nobody
    /// else deletes one of its sets.
    ///
    /// Of [`ReleasedKeep::Latest`] nothing goes while no set can be restored: what is broken may be all that is
    /// left.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn sets_to_release(
        &mut self,
        instance: &InstanceId,
        keep: ReleasedKeep,
    ) -> Result<Vec<BackupSet>, Error> {
        if keep == ReleasedKeep::All {
            return Ok(Vec::new());
        }
        let sql = "SELECT * FROM backup_set WHERE instance_id = $1 AND tombstoned_micros IS NULL ORDER BY id {lock}";
        let sql = dialect(&self.transaction, sql);
        let values = [instance.as_str().into()];
        let rows = query_all(&self.transaction, "look for the sets of an instance", &sql, values).await?;
        let mut sets = rows.iter().map(BackupSet::from_result).collect::<Result<Vec<_>, _>>()?;
        let kept = match keep {
            ReleasedKeep::None => None,
            ReleasedKeep::All | ReleasedKeep::Latest => match newest_good(&sets) {
                Some(newest) => Some(newest),
                None => return Ok(Vec::new()),
            },
        };
        sets.retain(|set| kept != Some(set.origin.id));
        Ok(sets)
    }
}

/// The newest of these that can be restored.
pub(crate) fn newest_good(sets: &[BackupSet]) -> Option<BackupSetId> {
    let good = sets.iter().filter(|set| set.status == SetStatus::Success);
    good.max_by_key(|set| (set.ended, set.origin.id)).map(|set| set.origin.id)
}

/// Notes whether the sets of an instance are those of a registered one.
pub(crate) async fn detach(change: &Change, instance: &InstanceId, detached: bool) -> Result<(), Error> {
    let sql = "UPDATE backup_set SET detached = $2 WHERE instance_id = $1 AND detached <> $2";
    let values = [instance.as_str().into(), detached.into()];
    execute(&change.transaction, "detach the sets of an instance", sql, values).await?;
    Ok(())
}
