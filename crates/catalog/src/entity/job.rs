//! Rows of `job`.

use sea_orm::entity::prelude::*;

/// One row.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    pub kind: String,
    pub repository_id: String,
    pub instance_id: Option<String>,
    pub mode: String,
    pub parameters_json: String,
    pub state: String,
    pub stage: String,
    pub due_micros: i64,
    pub attempts_count: i64,
    pub fencing_epoch: i64,
    pub attempt_id: Option<String>,
    pub lease_owner: Option<String>,
    pub lease_until_micros: Option<i64>,
    pub heartbeat_micros: Option<i64>,
    pub cancel_requested: bool,
    pub process_percent: i64,
    pub planned_bytes: Option<i64>,
    pub done_bytes: i64,
    pub reserved_set_id: Option<i64>,
    pub failure_code: Option<String>,
    pub failure_message: Option<String>,
    pub created_micros: i64,
    pub started_micros: Option<i64>,
    pub ended_micros: Option<i64>,
}

/// Joins are written as statements.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
