//! Rows of `set_tally`: how many living sets of a sort ended in a stretch of days.

use sea_orm::entity::prelude::*;

/// One row.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "set_tally")]
pub struct Model {
    /// Empty for the sets of all instances together.
    #[sea_orm(primary_key, auto_increment = false)]
    pub instance_id: String,
    /// How long the stretch of days is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub days: i64,
    /// The first of its days, since 1970 in UTC; a multiple of its length.
    #[sea_orm(primary_key, auto_increment = false)]
    pub first_day: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub mode: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub status: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub backup_type: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub detached: bool,
    pub number: i64,
}

/// Joins are written as statements.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
