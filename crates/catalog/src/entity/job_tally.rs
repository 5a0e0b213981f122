//! Rows of `job_tally`: how many jobs of a sort were asked for in a stretch of days.

use sea_orm::entity::prelude::*;

/// One row.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job_tally")]
pub struct Model {
    /// Empty for the jobs of all instances, and of none, together.
    #[sea_orm(primary_key, auto_increment = false)]
    pub instance_id: String,
    /// How long the stretch of days is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub days: i64,
    /// The first of its days, since 1970 in UTC; a multiple of its length.
    #[sea_orm(primary_key, auto_increment = false)]
    pub first_day: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub mode: String,
    /// The job's state, or `cancelled` for one that failed because of that.
    #[sea_orm(primary_key, auto_increment = false)]
    pub outcome: String,
    pub number: i64,
}

/// Joins are written as statements.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
