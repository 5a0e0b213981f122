//! Tags: names with values that users give to instances. Deregistering an instance forgets its tags.

use repository::InstanceId;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select};

use crate::catalog::Catalog;
use crate::change::Change;
use crate::column::parsed;
use crate::entity::tag::{Column, Entity};
use crate::entity::{instance, tag};
use crate::error::{Doing, Error};
use crate::statement::{dialect, execute, get, query_one};

/// Tags that one instance may have.
pub const TAGS_PER_INSTANCE_MAX: u32 = 20;

/// A tag to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoughtTag {
    /// Its name.
    pub name: String,
    /// Its value; `None`: any.
    pub value: Option<String>,
}

/// A tag of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// The instance.
    pub instance: InstanceId,
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// Whose tags to list; what is `None` or empty does not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TagFilter {
    /// Only of these instances.
    pub instances: Option<Vec<InstanceId>>,
    /// Only of instances that have all of these.
    pub having: Vec<SoughtTag>,
    /// Only of instances that sort after this one.
    pub after: Option<InstanceId>,
}

/// Instances were not tagged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TagError {
    /// No such instance is registered.
    #[error("instance {id} is not registered")]
    InstanceNotFound {
        /// The id.
        id: InstanceId,
    },
    /// The instance would have too many.
    #[error("instance {id} would have more than {TAGS_PER_INSTANCE_MAX} tags")]
    TooMany {
        /// The id.
        id: InstanceId,
    },
    /// See [`Error`].
    #[error(transparent)]
    Catalog(#[from] Error),
}

impl Change {
    /// Gives an instance tags; one that it has already gets the new value. After an error the change must be
    /// undone.
    ///
    /// # Errors
    /// Not registered → [`TagError::InstanceNotFound`]; over the limit → [`TagError::TooMany`].
    pub async fn tag_instance(&mut self, id: &InstanceId, tags: &[(String, String)]) -> Result<(), TagError> {
        self.lock_for_tags(id).await?;
        for (name, value) in tags {
            let sql = "INSERT INTO tag (instance_id, name, value) VALUES ($1, $2, $3) \
                 ON CONFLICT (instance_id, name) DO UPDATE SET value = excluded.value";
            let values = [id.as_str().into(), name.as_str().into(), value.as_str().into()];
            execute(&self.transaction, "tag an instance", sql, values).await?;
        }
        let sql = "SELECT COUNT(*) AS tags_count FROM tag WHERE instance_id = $1";
        let row = query_one(&self.transaction, "count tags", sql, [id.as_str().into()]).await?;
        let count = row.map(|row| get::<i64>(&row, "tags_count")).transpose()?.unwrap_or_default();
        if count > i64::from(TAGS_PER_INSTANCE_MAX) {
            return Err(TagError::TooMany { id: id.clone() });
        }
        Ok(())
    }

    /// Takes tags from an instance: those of these names, or with `None` all.
    ///
    /// # Errors
    /// Not registered → [`TagError::InstanceNotFound`].
    pub async fn untag_instance(
        &mut self,
        id: &InstanceId,
        names: Option<&[String]>,
    ) -> Result<(), TagError> {
        self.lock_for_tags(id).await?;
        let Some(names) = names else {
            forget(self, id).await?;
            return Ok(());
        };
        for name in names {
            let sql = "DELETE FROM tag WHERE instance_id = $1 AND name = $2";
            let values = [id.as_str().into(), name.as_str().into()];
            execute(&self.transaction, "untag an instance", sql, values).await?;
        }
        Ok(())
    }

    /// The row's lock has two callers at once not pass the limit together.
    async fn lock_for_tags(&self, id: &InstanceId) -> Result<(), TagError> {
        let sql = "SELECT id FROM instance WHERE id = $1 AND deregistered_micros IS NULL {lock}";
        let sql = dialect(&self.transaction, sql);
        let row = query_one(&self.transaction, "look for an instance", &sql, [id.as_str().into()]).await?;
        row.map(|_| ()).ok_or_else(|| TagError::InstanceNotFound { id: id.clone() })
    }
}

/// Takes all tags from an instance.
pub(crate) async fn forget(change: &Change, id: &InstanceId) -> Result<(), Error> {
    let sql = "DELETE FROM tag WHERE instance_id = $1";
    execute(&change.transaction, "forget the tags of an instance", sql, [id.as_str().into()]).await?;
    Ok(())
}

impl Catalog {
    /// The tags of the first `instances_max` instances that the filter leaves and that have any, by instance and
    /// name; and whether there are more such instances.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn list_tags(&self, filter: &TagFilter, instances_max: u32) -> Result<(Vec<Tag>, bool), Error> {
        let asked = u64::from(instances_max) + 1;
        let query = filter.tagged_instances(asked);
        let names: Vec<String> =
            query.into_tuple().all(self.readers()).await.doing("list tagged instances")?;
        let more = names.len() as u64 == asked;
        let shown = names.into_iter().take(usize::try_from(instances_max).unwrap_or(usize::MAX));
        let query = Entity::find().filter(Column::InstanceId.is_in(shown));
        let ordered = query.order_by_asc(Column::InstanceId).order_by_asc(Column::Name);
        let rows = ordered.all(self.readers()).await.doing("list tags")?;
        let rows = rows.into_iter().map(|row| {
            let tag::Model { instance_id, name, value } = row;
            Ok(Tag { instance: parsed("tag.instance_id", &instance_id)?, name, value })
        });
        Ok((rows.collect::<Result<_, Error>>()?, more))
    }
}

impl TagFilter {
    /// Their names, in order, each once. They are asked of `instance`, whose rows come in that order and once.
    pub(crate) fn tagged_instances(&self, limit: u64) -> Select<instance::Entity> {
        use instance::Column as InstanceColumn;
        let Self { instances, having, after } = self;
        let mut query = instance::Entity::find().select_only().column(InstanceColumn::Id);
        query = query.filter(InstanceColumn::DeregisteredMicros.is_null());
        let any = Entity::find().select_only().column(Column::InstanceId);
        query = query.filter(InstanceColumn::Id.in_subquery(any.into_query()));
        if let Some(instances) = instances {
            query = query.filter(InstanceColumn::Id.is_in(instances.iter().map(InstanceId::as_str)));
        }
        if let Some(after) = after {
            query = query.filter(InstanceColumn::Id.gt(after.as_str()));
        }
        restrict(query, having).order_by_asc(InstanceColumn::Id).limit(limit)
    }
}

/// Leaves only instances that have all of these tags.
pub(crate) fn restrict(
    mut query: Select<instance::Entity>,
    having: &[SoughtTag],
) -> Select<instance::Entity> {
    for SoughtTag { name, value } in having {
        let mut with = Entity::find().select_only().column(Column::InstanceId).filter(Column::Name.eq(name));
        if let Some(value) = value {
            with = with.filter(Column::Value.eq(value));
        }
        query = query.filter(instance::Column::Id.in_subquery(with.into_query()));
    }
    query
}
