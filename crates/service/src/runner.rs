//! Running backup jobs.
//!
//! ```text
//! claim ──▶ thread `job-N` ──▶ outcome ──▶ catalog (finish, fail, or give back)
//!   ▲            │  ▲
//!  woken      progress  interrupt (cancelled, lease lost, shutdown)
//!                ▼  │
//!              keeper: renews the lease, writes progress down, hears of a cancel
//! ```
//!
//! - The attempt's work is blocking and has a thread; its keeper is async. They meet in [`Control`].
//! - Before any work, and instead of it when a job is only to be settled, the repository is asked for
//!   manifests of the job's earlier attempts ([`earlier`]).
//! - Write order: packs, proof, manifest, then the catalog's row. A worker that dies in between has left a
//!   manifest that the next claim adopts, or garbage that nobody lists.
//! - A worker that lost its lease stops and deletes nothing: another may already refer to what it stored.

mod attempt;
mod claiming;
mod conclusion;
mod control;
mod earlier;
mod failure;
mod keeper;
mod reconcile;
mod report;
mod resources;
mod sweep;
mod times;

use std::sync::Arc;

use catalog::{Claim, LeaseOwner};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use report::KEY_NOT_EXPORTED;
pub(crate) use report::warns_of_key;
pub use times::JobTimes;

pub(crate) use reconcile::reconcile;

use crate::context::Context;
use attempt::Outcome;
use control::Control;
use resources::Resources;

/// Jobs beyond the copy slots that may be held at a time: they are checked and planned, and wait for a slot.
/// Each has a thread and no connection to its server while it waits.
const WAITING_JOBS_MAX: usize = 16;

/// Claims jobs and runs them.
#[derive(Debug)]
pub(crate) struct Runner {
    context: Arc<Context>,
    owner: LeaseOwner,
    times: JobTimes,
    resources: Arc<Resources>,
    room: Arc<Semaphore>,
    /// Ends when no more is claimed and running attempts are to stop.
    stopping: CancellationToken,
    jobs: TaskTracker,
}

impl Runner {
    pub(crate) fn new(context: Arc<Context>, owner: LeaseOwner, times: JobTimes) -> Arc<Self> {
        let slots = context.config.copy_slots_max.get();
        let resources = Resources::new(slots, context.config.bytes_per_second_max);
        Arc::new(Self {
            context,
            owner,
            times,
            resources: Arc::new(resources),
            room: Arc::new(Semaphore::new(slots + WAITING_JOBS_MAX)),
            stopping: CancellationToken::new(),
            jobs: TaskTracker::new(),
        })
    }

    /// Stops claiming, stops the attempts, and returns when each has given its job back.
    pub(crate) async fn stop(&self) {
        self.stopping.cancel();
        self.jobs.close();
        self.jobs.wait().await;
    }

    /// Runs a claimed job to the end of this attempt.
    async fn hold(self: Arc<Self>, claim: Claim, room: OwnedSemaphorePermit) {
        let claim = Arc::new(claim);
        let (job, epoch, attempt) = (claim.id(), claim.epoch, claim.attempt);
        let instance = claim.job.instance.as_ref().map(tracing::field::display);
        tracing::info!(%job, instance, %epoch, %attempt, "attempt begins");
        self.context.metrics.update_jobs(|jobs| jobs.attempts_count += 1);
        let control = Arc::new(Control::new(Arc::clone(&self.context), Arc::clone(&self.resources)));
        let (sender, receiver) = oneshot::channel();
        let work = {
            let (context, claim, control) =
                (Arc::clone(&self.context), Arc::clone(&claim), Arc::clone(&control));
            move || {
                engine::failpoint::pass("runner.claimed");
                // The keeper waits for nothing else, so it is there.
                let _ = sender.send(attempt::run(&context, &claim, &control));
            }
        };
        let thread = std::thread::Builder::new().name(format!("job-{job}")).spawn(work);
        let outcome = match thread {
            Ok(_) => keeper::keep(&self, &claim, &control, receiver).await,
            Err(error) => Outcome::cannot_start(&error),
        };
        control.release_slot();
        conclusion::conclude(&self.context, &self.times, &claim, &control, outcome).await;
        drop(room);
    }
}
