//! The schema, as a list of steps that are each taken once. A released step never changes.

mod m20261124_audit;
mod m20261124_download;
mod m20261124_first;
mod m20261124_operations;
mod m20261124_policy;
mod m20261124_tallies;

use sea_orm_migration::prelude::*;

use crate::connect::Connections;
use crate::error::{Doing, Error};
#[cfg(feature = "conformance")]
pub(crate) use m20261124_tallies::fill as fill_tallies;

use crate::statement::dialect;

/// Number of the lock that lets one node migrate a shared catalog: "backstop" in ASCII.
const MIGRATION_LOCK: i64 = 0x6261_636b_7374_6f70;

struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261124_first::Migration),
            Box::new(m20261124_download::Migration),
            Box::new(m20261124_policy::Migration),
            Box::new(m20261124_operations::Migration),
            Box::new(m20261124_audit::Migration),
            Box::new(m20261124_tallies::Migration),
        ]
    }
}

/// Takes the steps that are missing, all or none, while no other node does.
pub(crate) async fn migrate(connections: &Connections) -> Result<(), Error> {
    let transaction = connections.begin().await?;
    let lock = dialect(&transaction, "{migration_lock}").replace("$1", &MIGRATION_LOCK.to_string());
    transaction.execute_unprepared(&lock).await.doing("lock the catalog's schema")?;
    Migrator::up(&transaction, None).await.doing("migrate the catalog")?;
    transaction.commit().await.doing("commit the catalog's migration")
}
