//! Rows of `instance`.

use sea_orm::entity::prelude::*;

/// One row.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "instance")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub engine: String,
    pub engine_version: Option<String>,
    pub host: String,
    pub port: i64,
    pub user_name: String,
    pub sealed_password: Option<Vec<u8>>,
    pub ssl_mode: String,
    pub ca_certificate: Option<String>,
    pub data_directory: Option<String>,
    pub description: Option<String>,
    pub host_instance: i64,
    pub created_micros: i64,
    pub deregistered_micros: Option<i64>,
}

/// Joins are written as statements.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
