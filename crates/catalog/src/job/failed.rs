//! Backup jobs that failed, as listings of sets show them.

use jiff::Timestamp;
use repository::{BackupJobId, BackupSetId, InstanceId};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use crate::backup_set::BackupMode;
use crate::catalog::Catalog;
use crate::column::{job_id, micros, set_id, timestamp};
use crate::entity::job::{Column, Entity};
use crate::error::{Doing, Error};

/// Which failed backup jobs of an instance to list; what is `None` does not restrict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedBackupFilter {
    /// The instance.
    pub instance: InstanceId,
    /// Only those that failed at this time or later.
    pub ended_start: Timestamp,
    /// Only those that failed before this time.
    pub ended_end: Option<Timestamp>,
    /// Only asked for in this way.
    pub mode: Option<BackupMode>,
    /// Only the one for which this set's number was reserved.
    pub set: Option<BackupSetId>,
}

/// A backup job that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailedBackup {
    /// The job.
    pub job: BackupJobId,
    /// The number that was reserved for its set.
    pub set: BackupSetId,
    /// When it failed.
    pub ended: Timestamp,
}

impl Catalog {
    /// Backup jobs that failed, the one that did last first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn list_failed_backups(&self, filter: &FailedBackupFilter) -> Result<Vec<FailedBackup>, Error> {
        let rows = filter.query().into_tuple::<(i64, i64, i64)>().all(self.readers()).await;
        let rows = rows.doing("list failed jobs")?;
        let failed = |(job, set, ended)| {
            Ok(FailedBackup {
                job: job_id("job.id", job)?,
                set: set_id("job.reserved_set_id", set)?,
                ended: timestamp("job.ended_micros", ended)?,
            })
        };
        rows.into_iter().map(failed).collect()
    }
}

impl FailedBackupFilter {
    pub(crate) fn query(&self) -> Select<Entity> {
        let Self { instance, ended_start, ended_end, mode, set } = self;
        // As the index has it.
        let mut query = Entity::find().filter(Expr::cust("kind = 'backup' AND state = 'failed'"));
        query = query.filter(Column::InstanceId.eq(instance.as_str()));
        query = query.filter(Column::EndedMicros.gte(micros(*ended_start)));
        if let Some(end) = ended_end {
            query = query.filter(Column::EndedMicros.lt(micros(*end)));
        }
        if let Some(mode) = mode {
            query = query.filter(Column::Mode.eq(mode.as_str()));
        }
        query = match set {
            Some(set) => query.filter(Column::ReservedSetId.eq(i64::from(set.get()))),
            None => query.filter(Column::ReservedSetId.is_not_null()),
        };
        let columns = [Column::Id, Column::ReservedSetId, Column::EndedMicros];
        let query = query.select_only().columns(columns);
        query.order_by_desc(Column::EndedMicros).order_by_desc(Column::ReservedSetId)
    }
}
