//! Tags, sets of instances that are not registered, and indexes for the listings of jobs.

use sea_orm_migration::prelude::*;

use crate::statement::dialect;

/// The step.
pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261124_operations"
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

/// A set is detached exactly when no instance of its name is registered. It is a column, and not asked of
/// `instance`, so that an index has the few such sets in the order in which they are listed.
const SCHEMA: &str = "
CREATE TABLE tag (
    instance_id {name} NOT NULL REFERENCES instance (id),
    name {name} NOT NULL,
    value {name} NOT NULL,
    PRIMARY KEY (instance_id, name)
) {strict};
CREATE INDEX tag_by_content ON tag (name, value, instance_id);

ALTER TABLE backup_set ADD COLUMN detached {flag} NOT NULL DEFAULT FALSE;
UPDATE backup_set SET detached = TRUE WHERE NOT EXISTS
    (SELECT 1 FROM instance i WHERE i.id = backup_set.instance_id AND i.deregistered_micros IS NULL);
CREATE INDEX backup_set_detached ON backup_set (ended_micros, id) WHERE detached AND tombstoned_micros IS NULL;

CREATE INDEX job_by_creation ON job (created_micros, id);
CREATE INDEX job_of_instance_by_creation ON job (instance_id, created_micros, id);
CREATE INDEX job_failed_backup ON job (instance_id, ended_micros, reserved_set_id)
    WHERE kind = 'backup' AND state = 'failed';
";
