//! Rows of `access_key`.

use sea_orm::entity::prelude::*;

/// One row.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "access_key")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub sealed_secret: Vec<u8>,
    pub role: String,
    pub instances_json: Option<String>,
    pub status: String,
    pub token_hash: Option<Vec<u8>>,
    pub created_micros: i64,
    pub expires_micros: Option<i64>,
    pub kind: String,
}

/// Joins are written as statements.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
