//! The async side of an attempt: renews the lease, writes progress down, hears of a cancel, and passes on
//! that the service stops.

use std::time::Duration;

use catalog::{Claim, LeaseError, Renewal};
use engine::Interrupted;
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior};

use super::attempt::Outcome;
use super::control::Control;
use super::{Runner, earlier};
use crate::error_chain::error_chain;

/// Longest wait of a watch that something else ends anyway.
const LONG: Duration = Duration::from_hours(1);

/// Keeps the attempt until its thread is done.
pub(super) async fn keep(
    runner: &Runner,
    claim: &Claim,
    control: &Control,
    mut outcome: oneshot::Receiver<Outcome>,
) -> Outcome {
    let mut keeper = Keeper { runner, claim, control, lease_end: Instant::now() + runner.times.lease };
    let mut heartbeat =
        tokio::time::interval_at(Instant::now() + runner.times.heartbeat, runner.times.heartbeat);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let renew_begin = runner.times.renew_begin;
    let mut begin = tokio::time::interval_at(Instant::now() + renew_begin, renew_begin);
    begin.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut work = runner.context.catalog.watch_work();
    let (mut moved, mut next_report, mut stopping) = (true, Instant::now(), false);
    loop {
        tokio::select! {
            biased;
            // The thread always sends, unless it panicked outside the engine.
            outcome = &mut outcome => return outcome.unwrap_or_else(|_| Outcome::panicked()),
            () = runner.stopping.cancelled(), if !stopping => {
                stopping = true;
                control.interrupt(Interrupted::Shutdown);
            }
            () = tokio::time::sleep_until(keeper.lease_end) => keeper.lose(),
            _ = heartbeat.tick() => keeper.renew().await,
            _ = begin.tick() => keeper.renew_begin(),
            // A cancel wakes as new work does.
            () = work.wait(LONG) => keeper.renew().await,
            () = tokio::time::sleep_until(next_report), if moved => {
                moved = false;
                keeper.report().await;
                next_report = Instant::now() + runner.times.progress_gap;
            }
            () = control.moved.notified() => moved = true,
        }
    }
}

struct Keeper<'a> {
    runner: &'a Runner,
    claim: &'a Claim,
    control: &'a Control,
    /// By our own clock, from before the last renewal that succeeded.
    lease_end: Instant,
}

impl Keeper<'_> {
    async fn renew(&mut self) {
        let asked = Instant::now();
        let context = &self.runner.context;
        let lease = self.runner.times.lease;
        let renewed = context.catalog.renew(self.claim, lease, context.clock.now()).await;
        if renewed.is_ok() {
            self.lease_end = asked + lease;
        }
        self.hear(renewed);
    }

    /// Not waited for: the store may be slow, and the lease must be renewed meanwhile.
    fn renew_begin(&self) {
        let (job, repository) = (self.claim.id(), self.runner.context.repository.clone());
        let Some(place) = earlier::place_of(self.claim, self.claim.attempt) else { return };
        self.runner.context.background.spawn_blocking(move || match repository.renew_begin(&place) {
            Ok(begun) => tracing::info!(%job, begun, "the attempt's begin is renewed"),
            // There are six more days; after those the attempt may not publish.
            Err(error) => tracing::warn!(%job, "the attempt's begin is not renewed: {}", error_chain(&error)),
        });
    }

    async fn report(&mut self) {
        let progress = self.control.progress();
        let reported = self.runner.context.catalog.report_progress(self.claim, &progress).await;
        self.hear(reported);
    }

    fn hear(&mut self, answer: Result<Renewal, LeaseError>) {
        let job = self.claim.id();
        match answer {
            Ok(Renewal { cancel_requested: true, .. }) => {
                if self.control.interrupt(Interrupted::Cancelled) {
                    tracing::info!(%job, "the job was cancelled; the attempt stops");
                }
            }
            Ok(_) => {}
            Err(LeaseError::LeaseLost { .. }) => self.lose(),
            // The lease ends by our own clock when the catalog stays away.
            Err(error) => {
                tracing::warn!(%job, "the catalog does not hear of the job: {}", error_chain(&error));
            }
        }
    }

    fn lose(&mut self) {
        if self.control.interrupt(Interrupted::LeaseLost) {
            let epoch = self.claim.epoch;
            tracing::warn!(job = %self.claim.id(), %epoch, "the lease is lost; the attempt stops");
        }
        self.lease_end = Instant::now() + LONG;
    }
}
