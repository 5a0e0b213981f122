//! The sweep: deletes what tombstones let go, and never what a live set, a running job or a reader needs.
//!
//! ```text
//! tombstones older than the grace ──▶ THEN list `begin`s and manifests ──▶ what is reached ──▶ plan ──▶ execute
//! ```
//!
//! - What is reached: every pack that a manifest refers to whose tombstone is not due; and, as a whole, every
//!   attempt that is at work and all that its `begin` names. A job that begins later lists tombstones after its
//!   `begin` and drops what has one, so it refers to nothing that a plan lets go.
//! - An attempt without manifest is at work until the catalog says that its job is over; where no catalog knows
//!   the job, until its newest renewal is [`crate::BEGIN_LIFE`] old. Then it gets a tombstone, and its own grace.
//! - A pack goes when it is not reached and its own attempt's tombstone is due. In an attempt the manifest goes
//!   first, so that no manifest lacks its packs; then packs, then renewals, `begin`, and the tombstone last of
//!   all. Whatever a crash leaves of that, the tombstone says that it is to go, and the next sweep goes on.
//! - Where a manifest or `begin` cannot be read that might reach something, nothing of the instance is touched.
//! - A plan is a value. Executing it makes no choices, but looks again before each attempt whether its tombstone
//!   is still there and nobody came to name it. It can be run again, and beside another sweep.
//!
//! All times are the store's. Memory: a bit for each pack that is reached, and the sizes of those to delete.

mod execute;
mod listing;
mod plan;
mod reach;
mod text;

use std::error::Error;
use std::time::Duration;

use blobstore::{ObjectKey, StoreError};
use jiff::Timestamp;

pub use self::execute::{Skipped, SweepReport, SweepWatch, execute_sweep};
pub use self::plan::{AttemptSweep, Burial, InstanceSweep, SweepPlan, plan_sweep};
use crate::format::manifest::Origin;
use crate::{InstanceId, RepositoryError};

/// From the tombstone to the sweep: a restore that began before it has so long to end or to say that it reads.
pub const TOMBSTONE_GRACE: Duration = Duration::from_hours(3 * 24);
/// So far the clocks of node, catalog and store may be apart: far below the grace that they measure.
pub const CLOCKS_APART_MAX: Duration = Duration::from_mins(5);

/// What is known of the job of an attempt that published nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobLife {
    /// It is queued or running.
    Running,
    /// It has ended.
    Over,
    /// Nobody knows it: there is no catalog, or another one granted it.
    Unknown,
}

/// Why nobody can say what became of a job.
pub type JobsError = Box<dyn Error + Send + Sync>;

/// How a sweep is planned.
#[derive(Clone, Copy)]
pub struct SweepOptions<'a> {
    /// Only this instance.
    pub instance: Option<&'a InstanceId>,
    /// From the tombstone to the sweep: [`TOMBSTONE_GRACE`], but in tests.
    pub grace: Duration,
    /// The time by this node's clock.
    pub now: Timestamp,
    /// Asked for attempts that published nothing, after they were listed.
    pub jobs: &'a dyn Fn(&Origin) -> Result<JobLife, JobsError>,
}

impl std::fmt::Debug for SweepOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { instance, grace, now, jobs: _ } = self;
        f.debug_struct("SweepOptions")
            .field("instance", instance)
            .field("grace", grace)
            .field("now", now)
            .finish_non_exhaustive()
    }
}

/// A sweep did not come to its end. What it had deleted until then was in the plan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SweepError {
    /// The clocks disagree, and graces cannot be measured.
    #[error(
        "this machine's clock says {node} and the store's {store}: they are more than five minutes apart; \
         set them right first"
    )]
    Clocks {
        /// The time here.
        node: Timestamp,
        /// The time in the store.
        store: Timestamp,
    },
    /// The catalog does not say which jobs are over.
    #[error("ask the catalog whether a job is over")]
    Jobs(#[source] JobsError),
    /// The repository fails.
    #[error("sweep the repository")]
    Repository(#[from] RepositoryError),
    /// The caller asked for the end.
    #[error("the sweep was stopped; the next one goes on")]
    Stopped,
}

impl From<StoreError> for SweepError {
    fn from(error: StoreError) -> Self {
        Self::Repository(error.into())
    }
}

/// The last part of a name, and where the attempt's folder ends.
fn parts(key: &ObjectKey) -> Option<(&str, &str)> {
    let (folder, file) = key.as_str().rsplit_once('/')?;
    let (_, attempt) = folder.rsplit_once('/')?;
    Some((attempt, file))
}

/// An error with its causes, for a plan or report.
fn chain(error: &dyn Error) -> String {
    std::iter::successors(Some(error), |e| (**e).source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
