//! The scheduler: has backups made when they are due, lets sets expire, and asks for the daily sweep.
//!
//! ```text
//! look ──▶ due backups ──▶ hourly: expired sets ──▶ daily: a sweep ──▶ wait
//!   ▲                                                                   │
//!   └── the next due time, a changed policy, an ended job, a moved clock, or half a minute
//! ```
//!
//! - It keeps nothing: each look reads the catalog and moves it on, so that any number of nodes may have the
//!   role, and a look may be repeated or cut off.
//! - A due time becomes a job in the transaction that settles it. See [`backups`].
//! - Nothing expires, and no sweep is asked for, while the clocks of node, catalog and store differ by more
//!   than [`CLOCKS_APART_MAX`].

mod backups;
mod clocks;
mod expiry;
mod sweeps;

use std::sync::Arc;
use std::time::Duration;

use catalog::JobWatch;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub(crate) use clocks::CLOCKS_APART_MAX;

use crate::context::Context;
use crate::error_chain::error_chain;

/// Longest wait between two looks: a clock that jumps, or another node's change, wakes nobody.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// Shortest: whatever wakes the scheduler again and again must not keep the catalog busy.
const LOOK_GAP: Duration = Duration::from_millis(20);
/// The same while a due backup waits for a job to end.
const JOB_GAP: Duration = Duration::from_millis(250);
/// Wait after the catalog failed.
const CATALOG_PAUSE: Duration = Duration::from_secs(1);
/// How often sets are looked at for expiry.
const EXPIRE_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// What a look leaves to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Next {
    /// The next due time of any instance.
    due: Timestamp,
    /// Whether a due backup waits for a job to end.
    waits_for_job: bool,
}

/// Schedules until `ending`.
pub(crate) async fn run(context: Arc<Context>, ending: CancellationToken) {
    let mut waiting = Waiting {
        policies: context.catalog.watch_policies(),
        jobs: context.catalog.watch_jobs(),
        clock: context.clock.watch_moves(),
    };
    let mut last_expiry = None;
    while !ending.is_cancelled() {
        let now = context.clock.now();
        let looked = look(&context, now, &mut last_expiry).await;
        let wait = async {
            match looked {
                Ok(next) => waiting.wait(next, context.clock.now()).await,
                Err(error) => {
                    tracing::warn!("the schedule is looked at again in a moment: {}", error_chain(&error));
                    tokio::time::sleep(CATALOG_PAUSE).await;
                }
            }
        };
        tokio::select! {
            () = wait => {}
            () = ending.cancelled() => return,
        }
    }
}

async fn look(
    context: &Arc<Context>,
    now: Timestamp,
    last_expiry: &mut Option<Timestamp>,
) -> Result<Next, catalog::Error> {
    let next = backups::fire_due(context, now).await?;
    // A clock that was put back starts the hour anew.
    let elapsed = last_expiry.map(|last| now.duration_since(last));
    if elapsed.is_none_or(|elapsed| elapsed >= EXPIRE_EVERY || elapsed.is_negative())
        && clocks::agree(context, now).await?
    {
        expiry::expire(context, now).await?;
        sweeps::ask_daily(context, now).await?;
        *last_expiry = Some(now);
    }
    Ok(next)
}

/// What wakes the scheduler. Taken before a look and waited for after, so that nothing is missed in between.
struct Waiting {
    policies: JobWatch,
    jobs: JobWatch,
    clock: Option<watch::Receiver<u64>>,
}

impl Waiting {
    async fn wait(&mut self, next: Next, now: Timestamp) {
        let Self { policies, jobs, clock } = self;
        let left = Duration::try_from(next.due.duration_since(now)).unwrap_or(Duration::ZERO);
        let at_most = left.clamp(LOOK_GAP, LOOK_EVERY);
        let job_ended = async {
            if next.waits_for_job {
                // A job that runs is told of several times a second.
                tokio::time::sleep(JOB_GAP).await;
                jobs.wait(at_most).await;
            } else {
                std::future::pending::<()>().await;
            }
        };
        let clock_moved = async {
            if let Some(moves) = clock
                && moves.changed().await.is_ok()
            {
                return;
            }
            // Nobody tells, or the clock is gone.
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = policies.wait(at_most) => {}
            () = job_ended => {}
            () = clock_moved => {}
        }
    }
}
