//! Rows of `audit_log`.

use sea_orm::entity::prelude::*;

/// One row.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_log")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub at_micros: i64,
    pub request_id: String,
    pub key_id: String,
    pub action: String,
    pub instance_id: Option<String>,
    pub outcome: String,
    pub message: String,
    pub source: Option<String>,
    pub details_json: String,
}

/// Joins are written as statements.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
