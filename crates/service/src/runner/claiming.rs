//! Looking for jobs: woken by a commit of this process, by the time at which one becomes due, or after a
//! bounded wait, since what another node wrote wakes nobody here.

use std::sync::Arc;
use std::time::Duration;

use catalog::{Claim, ClaimRequest, JobKind, JobWatch};

use super::Runner;
use crate::error_chain::error_chain;

/// Shortest wait between two looks, so that a clock that lags behind the catalog's costs little.
const LOOK_GAP: Duration = Duration::from_millis(100);
/// Wait after the catalog failed.
const CATALOG_PAUSE: Duration = Duration::from_secs(1);

impl Runner {
    /// Claims jobs until [`Runner::stop`] is called.
    pub(crate) async fn run(self: Arc<Self>) {
        let mut work = self.context.catalog.watch_work();
        while !self.stopping.is_cancelled() {
            let room = tokio::select! {
                room = Arc::clone(&self.room).acquire_owned() => room.expect("the semaphore is never closed"),
                () = self.stopping.cancelled() => return,
            };
            // Not to be dropped half-way: a claim that nobody holds would wait for its lease to end.
            match self.claim().await {
                Ok(Some(claim)) => {
                    let runner = Arc::clone(&self);
                    self.jobs.spawn(runner.hold(claim, room));
                }
                Ok(None) => {
                    drop(room);
                    self.wait(&mut work).await;
                }
                Err(error) => {
                    drop(room);
                    tracing::warn!("look for jobs again in a moment: {}", error_chain(&error));
                    self.pause(CATALOG_PAUSE).await;
                }
            }
        }
    }

    async fn claim(&self) -> Result<Option<Claim>, catalog::Error> {
        let kinds = vec![JobKind::Backup, JobKind::Sweep];
        let request = ClaimRequest { owner: self.owner.clone(), kinds, lease: self.times.lease };
        self.context.catalog.claim(&request, self.context.clock.now()).await
    }

    /// Waits until there may be something to claim.
    async fn wait(&self, work: &mut JobWatch) {
        let at_most = match self.context.catalog.next_claimable().await {
            Ok(Some(due)) => {
                let left = due.duration_since(self.context.clock.now());
                let left = Duration::try_from(left).unwrap_or(Duration::ZERO);
                left.clamp(LOOK_GAP, self.times.look_every)
            }
            Ok(None) => self.times.look_every,
            Err(_) => CATALOG_PAUSE,
        };
        tokio::select! {
            () = work.wait(at_most) => {}
            () = self.stopping.cancelled() => {}
        }
    }

    async fn pause(&self, time: Duration) {
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            () = self.stopping.cancelled() => {}
        }
    }
}
