//! Backup policies, the due times that were fired, and sets whose expiry was set by hand.

use sea_orm_migration::prelude::*;

use crate::statement::dialect;

/// The step.
pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261124_policy"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(&dialect(connection, SCHEMA)).await?;
        Ok(())
    }
}

const SCHEMA: &str = "
CREATE TABLE backup_policy (
    instance_id {name} NOT NULL PRIMARY KEY REFERENCES instance (id),
    retention_days {number} NOT NULL,
    weekdays TEXT NOT NULL,
    window_start_minutes {number} NOT NULL CHECK (window_start_minutes BETWEEN 0 AND 1439),
    full_interval_days {number} NOT NULL,
    incremental {flag} NOT NULL,
    incremental_interval_minutes {number},
    compression TEXT NOT NULL,
    released_keep TEXT NOT NULL,
    log_backup {flag} NOT NULL,
    log_retention_days {number} NOT NULL,
    echoed_json TEXT NOT NULL,
    last_due_micros {number} NOT NULL
) {strict};

CREATE TABLE fired_due (
    instance_id {name} NOT NULL REFERENCES instance (id),
    due_micros {number} NOT NULL,
    PRIMARY KEY (instance_id, due_micros)
) {strict};

CREATE INDEX backup_set_full ON backup_set (instance_id, ended_micros) WHERE backup_type = 'full';

CREATE TABLE pinned_expiry (
    set_id {number} NOT NULL PRIMARY KEY REFERENCES backup_set (id)
) {strict};
";
