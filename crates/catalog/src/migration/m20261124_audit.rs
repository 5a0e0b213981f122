//! The audit log, the kinds of access keys, and the index by which a day's backups are counted.

use sea_orm_migration::prelude::*;

use crate::statement::dialect;

/// The step.
pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261124_audit"
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
CREATE TABLE audit_log (
    id {serial},
    at_micros {number} NOT NULL,
    request_id {name} NOT NULL,
    key_id {name} NOT NULL,
    action TEXT NOT NULL,
    instance_id {name},
    outcome TEXT NOT NULL,
    message TEXT NOT NULL,
    source TEXT,
    details_json TEXT NOT NULL
) {strict};
CREATE INDEX audit_log_time ON audit_log (at_micros, id);
CREATE INDEX audit_log_request ON audit_log (request_id, at_micros, id);
CREATE INDEX audit_log_key ON audit_log (key_id, at_micros, id);
CREATE INDEX audit_log_instance ON audit_log (instance_id, at_micros, id) WHERE instance_id IS NOT NULL;

ALTER TABLE access_key ADD COLUMN kind TEXT NOT NULL DEFAULT 'permanent';

CREATE INDEX job_manual ON job (instance_id, created_micros) WHERE mode = 'manual';
";
