//! What the catalog contributes to a sweep: which jobs are over, and its clock.

use std::path::Path;

use catalog::Catalog;
use jiff::{SignedDuration, Timestamp};
use repository::{CLOCKS_APART_MAX, JobLife, JobsError, Origin, RepositoryId};
use tokio::runtime::Handle;

use crate::config::Config;
use crate::error::Error;

/// Answers which jobs are over. For threads: it waits for the catalog.
#[derive(Debug)]
pub struct JobLives {
    catalog: Catalog,
    runtime: Handle,
}

/// The catalog's clock and this machine's are too far apart for anything to be deleted.
#[derive(Debug, thiserror::Error)]
#[error(
    "this machine's clock says {node} and the catalog's {catalog}: they are more than five minutes apart; \
     set them right first"
)]
pub struct ClocksApart {
    node: Timestamp,
    catalog: Timestamp,
}

impl JobLives {
    pub(crate) fn new(catalog: Catalog, runtime: Handle) -> Self {
        Self { catalog, runtime }
    }

    /// Those of the catalog that a home is configured for, for a sweep beside the service or without it. `None`: there is
    /// no catalog, or it belongs to another repository.
    ///
    /// # Errors
    /// There is one, and it cannot be read.
    pub async fn open(config: &Config, repository: RepositoryId) -> Result<Option<Self>, Error> {
        let file = config.catalog.strip_prefix("sqlite://");
        if file.is_some_and(|file| !Path::new(file).exists()) {
            return Ok(None);
        }
        let catalog = Catalog::open(&config.catalog).await?;
        let own = catalog.repository().await? == Some(repository);
        Ok(own.then(|| Self::new(catalog, Handle::current())))
    }

    /// What became of the job that granted an attempt.
    ///
    /// # Errors
    /// The catalog fails.
    pub fn life(&self, origin: &Origin) -> Result<JobLife, JobsError> {
        if origin.catalog != self.catalog.id() {
            return Ok(JobLife::Unknown);
        }
        let job = self.runtime.block_on(self.catalog.find_job(origin.job))?;
        let job = job.filter(|job| {
            job.reserved_set == Some(origin.set) && job.instance.as_ref() == Some(&origin.instance)
        });
        Ok(match job.map(|job| job.ended().is_some()) {
            Some(true) => JobLife::Over,
            Some(false) => JobLife::Running,
            None => JobLife::Unknown,
        })
    }

    /// Compares the catalog's clock with this machine's.
    ///
    /// # Errors
    /// They are too far apart → [`ClocksApart`]; the catalog fails.
    pub fn check_clock(&self, node: Timestamp) -> Result<(), JobsError> {
        let catalog = self.runtime.block_on(self.catalog.clock(node))?;
        let apart_max = SignedDuration::try_from(CLOCKS_APART_MAX).unwrap_or(SignedDuration::ZERO);
        if node.duration_since(catalog).abs() <= apart_max {
            return Ok(());
        }
        Err(ClocksApart { node, catalog }.into())
    }
}
