//! How many bytes a download of each set delivers. Rows of before have none until the service has measured them.

use sea_orm_migration::prelude::*;

use crate::statement::dialect;

/// The step.
pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261124_download"
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
ALTER TABLE backup_set ADD COLUMN download_bytes {number};
CREATE INDEX backup_set_unmeasured ON backup_set (id) WHERE tombstoned_micros IS NULL AND download_bytes IS NULL;
";
