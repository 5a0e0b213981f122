//! How many bytes a download of a set delivers, for sets whose rows do not say so yet.

use repository::BackupSetId;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::backup_set::BackupSet;
use crate::catalog::Catalog;
use crate::change::Change;
use crate::column::stored_count;
use crate::entity::backup_set::{Column, Entity};
use crate::error::{Doing, Error};
use crate::statement::execute;

impl Catalog {
    /// Living sets of which nobody has found out how many bytes a download has, newest first: at most `count` of those
    /// whose number is below `below`.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn list_unmeasured_sets(
        &self,
        below: Option<BackupSetId>,
        count: u32,
    ) -> Result<Vec<BackupSet>, Error> {
        let mut query = Entity::find()
            .filter(Column::TombstonedMicros.is_null())
            .filter(Column::DownloadBytes.is_null())
            .order_by_desc(Column::Id)
            .limit(u64::from(count));
        if let Some(below) = below {
            query = query.filter(Column::Id.lt(i64::from(below.get())));
        }
        let rows = query.all(self.readers()).await.doing("list sets that were not measured")?;
        rows.into_iter().map(BackupSet::from_row).collect()
    }
}

impl Change {
    /// Notes how many bytes a download of a set delivers. What is known already stays.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn record_download_bytes(&mut self, set: BackupSetId, bytes: u64) -> Result<(), Error> {
        let sql = "UPDATE backup_set SET download_bytes = $2 WHERE id = $1 AND download_bytes IS NULL";
        let values = [i64::from(set.get()).into(), stored_count(bytes).into()];
        execute(&self.transaction, "note the size of a download", sql, values).await?;
        Ok(())
    }
}
