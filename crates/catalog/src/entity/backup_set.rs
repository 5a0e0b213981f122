//! Rows of `backup_set`.

use sea_orm::entity::prelude::*;

/// One row.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "backup_set")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    pub instance_id: String,
    pub repository_id: String,
    pub job_id: i64,
    pub attempt_id: String,
    pub fencing_epoch: i64,
    pub parent_set_id: Option<i64>,
    pub status: String,
    pub backup_type: String,
    pub method: String,
    pub mode: String,
    pub engine: String,
    pub engine_version: String,
    pub host_instance: Option<i64>,
    pub started_micros: i64,
    pub ended_micros: i64,
    pub consistent_micros: Option<i64>,
    pub oldest_proof_micros: Option<i64>,
    pub size_bytes: i64,
    pub stored_bytes: i64,
    pub new_bytes: i64,
    pub encrypted: bool,
    pub retention_days: Option<i64>,
    pub expires_micros: Option<i64>,
    pub tombstoned_micros: Option<i64>,
    pub download_bytes: Option<i64>,
}

/// Joins are written as statements.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
