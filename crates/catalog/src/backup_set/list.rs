//! Looking at sets.

use jiff::Timestamp;
use repository::{BackupSetId, InstanceId};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, Select};

use crate::backup_set::{BackupMode, BackupSet, BackupType, SetStatus};
use crate::catalog::Catalog;
use crate::column::json;
use crate::entity::backup_set::{Column, Entity};
use crate::entity::set_tally;
use crate::error::{Doing, Error};
use crate::page::{Page, Paged};
use crate::statement::{get, query_one};
use crate::tally::{self, Listing, Span, tallied_instances};

/// Which living sets to list; what is `None` does not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackupSetFilter {
    /// Only of this instance.
    pub instance: Option<InstanceId>,
    /// Only this set.
    pub set: Option<BackupSetId>,
    /// Only asked for in this way.
    pub mode: Option<BackupMode>,
    /// Only with this status.
    pub status: Option<SetStatus>,
    /// Only of this type.
    pub backup_type: Option<BackupType>,
    /// Only those that ended at this time or later.
    pub ended_start: Option<Timestamp>,
    /// Only those that ended before this time.
    pub ended_end: Option<Timestamp>,
    /// Only of these instances.
    pub instances: Option<Vec<InstanceId>>,
    /// Only of instances that are not registered.
    pub detached: bool,
}

impl Catalog {
    /// The set of that number, also with a tombstone.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn find_set(&self, id: BackupSetId) -> Result<Option<BackupSet>, Error> {
        let found = Entity::find_by_id(i64::from(id.get())).one(self.readers()).await.doing("read a set")?;
        found.map(BackupSet::from_row).transpose()
    }

    /// What the engine recorded of a set.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn find_engine_record(&self, id: BackupSetId) -> Result<Option<serde_json::Value>, Error> {
        let sql = "SELECT record_json FROM engine_record WHERE set_id = $1";
        let row =
            query_one(self.readers(), "read an engine record", sql, [i64::from(id.get()).into()]).await?;
        row.map(|row| json("engine_record.record_json", &get::<String>(&row, "record_json")?)).transpose()
    }

    /// The living set that ended last.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn newest_set(&self, filter: &BackupSetFilter) -> Result<Option<BackupSet>, Error> {
        let newest = filter.page_in(filter.span(), 0, 1).one(self.readers()).await;
        newest.doing("look for the newest set")?.map(BackupSet::from_row).transpose()
    }

    /// A page of living sets, the one that ended last first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn list_sets(&self, filter: &BackupSetFilter, page: Page) -> Result<Paged<BackupSet>, Error> {
        let Paged { rows, total } = tally::list(self.readers(), filter, page).await?;
        let rows = rows.into_iter().map(BackupSet::from_row).collect::<Result<_, _>>()?;
        Ok(Paged { rows, total })
    }
}

impl Listing for BackupSetFilter {
    type Row = Entity;
    type Tally = set_tally::Entity;
    const DOING: &'static str = "list sets";

    fn span(&self) -> Span {
        Span::between(self.ended_start, self.ended_end)
    }

    fn rows_in(&self, span: Span) -> Select<Entity> {
        let Self { instance, set, mode, status, backup_type, instances, detached, .. } = self;
        let mut query = Entity::find().filter(Column::TombstonedMicros.is_null());
        query = span.restrict(query, Column::EndedMicros);
        if let Some(instance) = instance {
            query = query.filter(Column::InstanceId.eq(instance.as_str()));
        }
        if let Some(set) = set {
            query = query.filter(Column::Id.eq(i64::from(set.get())));
        }
        if let Some(mode) = mode {
            query = query.filter(Column::Mode.eq(mode.as_str()));
        }
        if let Some(status) = status {
            query = query.filter(Column::Status.eq(status.as_str()));
        }
        if let Some(backup_type) = backup_type {
            query = query.filter(Column::BackupType.eq(backup_type.as_str()));
        }
        if let Some(instances) = instances {
            query = query.filter(Column::InstanceId.is_in(instances.iter().map(InstanceId::as_str)));
        }
        if *detached {
            // As the index has it.
            query = query.filter(Expr::cust("detached"));
        }
        query
    }

    fn newest_first(rows: Select<Entity>) -> Select<Entity> {
        rows.order_by_desc(Column::EndedMicros).order_by_desc(Column::Id)
    }

    fn tallies(&self) -> Option<Select<set_tally::Entity>> {
        use set_tally::Column;
        let Self { instance, set, mode, status, backup_type, instances, detached, .. } = self;
        if set.is_some() {
            return None;
        }
        let mut query = set_tally::Entity::find().filter(tallied_instances(
            Column::InstanceId,
            instance.as_ref(),
            instances.as_deref(),
        ));
        if let Some(mode) = mode {
            query = query.filter(Column::Mode.eq(mode.as_str()));
        }
        if let Some(status) = status {
            query = query.filter(Column::Status.eq(status.as_str()));
        }
        if let Some(backup_type) = backup_type {
            query = query.filter(Column::BackupType.eq(backup_type.as_str()));
        }
        if *detached {
            query = query.filter(Column::Detached.eq(true));
        }
        Some(query)
    }
}
