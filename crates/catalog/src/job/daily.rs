//! How many backups somebody has asked for, for the limit of a day.

use jiff::Timestamp;
use repository::InstanceId;

use crate::change::Change;
use crate::column::micros;
use crate::error::Error;
use crate::statement::{get, query_one};

/// Those that failed left no set, so they do not count.
pub(crate) const MANUAL_SINCE: &str = "SELECT COUNT(*) AS jobs_count FROM job \
     WHERE instance_id = $1 AND mode = 'manual' AND created_micros >= $2 AND kind = 'backup' AND state <> 'failed'";

impl Change {
    /// The manual backups of an instance that were asked for since then and have not failed, those of this change
    /// included.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn manual_backups_since(
        &mut self,
        instance: &InstanceId,
        since: Timestamp,
    ) -> Result<u64, Error> {
        let values = [instance.as_str().into(), micros(since).into()];
        let row = query_one(&self.transaction, "count backups", MANUAL_SINCE, values).await?;
        let count: i64 = row.map(|row| get(&row, "jobs_count")).transpose()?.unwrap_or_default();
        Ok(u64::try_from(count).unwrap_or_default())
    }
}
