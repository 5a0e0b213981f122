//! An open catalog: what it is called, which repository it belongs to, and the way to its parts.

use std::sync::Arc;

use jiff::Timestamp;
use repository::{CatalogId, RepositoryId};
use sea_orm::DatabaseConnection;

use crate::change::Change;
use crate::connect::{CatalogOptions, Connections, LeaseClock};
use crate::error::{Doing, Error};
use crate::job::{JobLookups, JobMemory};
use crate::statement::{dialect, get, query_one};
use crate::wake::{JobWatch, Wake};
use crate::{column, migration, setting};

/// An open catalog. Clones share one; all methods may be called concurrently.
#[derive(Debug, Clone)]
pub struct Catalog {
    pub(crate) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) connections: Connections,
    pub(crate) lease_clock: LeaseClock,
    pub(crate) wake: Wake,
    pub(crate) lookups: JobLookups,
    pub(crate) memory: JobMemory,
    id: CatalogId,
}

impl Catalog {
    /// Opens `sqlite:///absolute/path` or `postgres://…`, makes it if it is empty, and migrates it.
    ///
    /// # Errors
    /// Neither kind of address → [`Error::Url`]; the file cannot be made → [`Error::File`]; the
    /// database refuses, or a later version migrated it → [`Error::Database`].
    pub async fn open(url: &str) -> Result<Self, Error> {
        Self::open_with(url, CatalogOptions::default()).await
    }

    /// As [`Catalog::open`], with options.
    ///
    /// # Errors
    /// As [`Catalog::open`].
    pub async fn open_with(url: &str, options: CatalogOptions) -> Result<Self, Error> {
        let CatalogOptions { lease_clock, sole_process } = options;
        let connections = Connections::open(url).await?;
        migration::migrate(&connections).await?;
        let id = Self::recorded_id(&connections).await?;
        let shared = Shared {
            connections,
            lease_clock,
            wake: Wake::new(),
            lookups: JobLookups::new(),
            memory: JobMemory::new(sole_process),
            id,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Written once, at the first opening; of two nodes that open at once, the first one's counts.
    async fn recorded_id(connections: &Connections) -> Result<CatalogId, Error> {
        let fresh = CatalogId::random().to_string();
        let text = setting::get_or_put(&connections.writer, setting::CATALOG_ID, &fresh).await?;
        column::parsed("setting.catalog_id", &text)
    }

    /// This catalog's id, drawn when it was made; it goes into every `begin` and manifest.
    pub fn id(&self) -> CatalogId {
        self.shared.id
    }

    /// Ties the catalog to a repository, for ever; again with the same one changes nothing.
    ///
    /// # Errors
    /// Tied to another → [`Error::RepositoryMismatch`].
    pub async fn bind_repository(&self, repository: RepositoryId) -> Result<(), Error> {
        let given = repository.to_string();
        let text = setting::get_or_put(self.writer(), setting::REPOSITORY_ID, &given).await?;
        let recorded = column::parsed("setting.repository_id", &text)?;
        if recorded == repository {
            Ok(())
        } else {
            Err(Error::RepositoryMismatch { recorded, given: repository })
        }
    }

    /// The repository that the catalog is tied to.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn repository(&self) -> Result<Option<RepositoryId>, Error> {
        let text = setting::find(self.readers(), setting::REPOSITORY_ID).await?;
        text.map(|text| column::parsed("setting.repository_id", &text)).transpose()
    }

    /// The value stored under `name` by [`Change::put_setting`].
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn setting(&self, name: &str) -> Result<Option<String>, Error> {
        setting::find(self.readers(), name).await
    }

    /// Starts a change: one transaction, undone unless committed. On SQLite changes wait for one
    /// another, and everything else that writes waits too, so hold it only briefly and never call
    /// another writing method of the catalog meanwhile.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn change(&self, now: Timestamp) -> Result<Change, Error> {
        Change::begin(self.shared.clone(), now).await
    }

    /// Waits for what is under way and closes the connections, which also empties SQLite's log into its
    /// file. Every later call, also of clones, fails.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn close(&self) -> Result<(), Error> {
        self.readers().close_by_ref().await.doing("close the catalog to readers")?;
        self.writer().close_by_ref().await.doing("close the catalog")
    }

    /// Wakes when there may be work to claim, or a running job is to stop.
    pub fn watch_work(&self) -> JobWatch {
        self.shared.wake.watch_work()
    }

    /// Wakes when any job moves on.
    pub fn watch_jobs(&self) -> JobWatch {
        self.shared.wake.watch_jobs()
    }

    /// Wakes when this process changed a policy, or registered an instance with one.
    pub fn watch_policies(&self) -> JobWatch {
        self.shared.wake.watch_policies()
    }

    /// The catalog's time: on PostgreSQL the database's own, on SQLite, which has none, `now`.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn clock(&self, now: Timestamp) -> Result<Timestamp, Error> {
        let sql = dialect(self.readers(), "SELECT {now} AS clock_micros");
        let row = query_one(self.readers(), "ask the time", &sql, [self.lease_time(now)]).await?;
        let row = row.ok_or_else(|| column::corrupt("clock", "nothing"))?;
        column::timestamp("clock", get(&row, "clock_micros")?)
    }

    /// Whether every change of jobs wakes who waits here, for no other process makes any.
    pub fn is_of_sole_process(&self) -> bool {
        self.shared.memory.is_of_sole_process()
    }

    pub(crate) fn writer(&self) -> &DatabaseConnection {
        &self.shared.connections.writer
    }

    pub(crate) fn readers(&self) -> &DatabaseConnection {
        &self.shared.connections.readers
    }
}
