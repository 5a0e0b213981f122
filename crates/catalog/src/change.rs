//! One transaction of changes. Each changing method sits beside the thing it changes, as an
//! `impl Change` there; this file begins and ends the transaction and wakes who waits for it.

use std::sync::Arc;

use jiff::Timestamp;
use repository::{BackupJobId, InstanceId};
use sea_orm::DatabaseTransaction;

use crate::catalog::Shared;
use crate::error::{Doing, Error};
use crate::job::Changed;

/// A transaction in progress: what its methods did is visible to others, and durable, when
/// [`Change::commit`] returns. Dropped without that, nothing happened.
#[derive(Debug)]
#[must_use = "a change that is not committed is undone"]
pub struct Change {
    pub(crate) transaction: DatabaseTransaction,
    pub(crate) now: Timestamp,
    /// The jobs that it made or changed.
    pub(crate) jobs: Vec<(BackupJobId, Option<InstanceId>)>,
    /// Whether it changed policies.
    pub(crate) policies: bool,
    shared: Arc<Shared>,
}

impl Change {
    pub(crate) async fn begin(shared: Arc<Shared>, now: Timestamp) -> Result<Self, Error> {
        let transaction = shared.connections.begin().await?;
        Ok(Self { transaction, now, jobs: Vec::new(), policies: false, shared })
    }

    /// Makes it all visible and durable, and wakes who waits for jobs.
    ///
    /// # Errors
    /// See [`Error`]; after one, whether the change happened is unknown only if the connection to a
    /// PostgreSQL broke during the commit itself.
    pub async fn commit(self) -> Result<(), Error> {
        let Self { transaction, now: _, jobs, policies, shared } = self;
        let commit = async { transaction.commit().await.doing("commit a change") };
        if jobs.is_empty() {
            commit.await?;
        } else {
            shared.memory.during(Changed::These(jobs), commit).await?;
            shared.wake.work();
        }
        if policies {
            shared.wake.policies();
        }
        Ok(())
    }

    /// Undoes it all, and returns once that is done; dropping the change does the same a little later.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn undo(self) -> Result<(), Error> {
        self.transaction.rollback().await.doing("undo a change")
    }
}
