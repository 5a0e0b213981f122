//! A sweep, as a job: plans, executes that plan, and reports.

use blobstore::ObjectKey;
use catalog::{Claim, Errand, Failure};
use engine::{Interrupted, JobControl};
use repository::{
    SweepError, SweepOptions, SweepReport, SweepWatch, TOMBSTONE_GRACE, execute_sweep, plan_sweep,
};
use serde_json::{Value, json};

use super::attempt::{Outcome, again_or_failed};
use super::control::Control;
use super::failure;
use crate::context::Context;
use crate::error_chain::error_chain;
use crate::sweep::{ClocksApart, JobLives};

/// Runs a claimed sweep.
pub(super) fn run(context: &Context, claim: &Claim, control: &Control) -> Outcome {
    if let Errand::Settle { failure } = &claim.errand {
        // What it did is done, and the next sweep does the rest.
        return Outcome::Failed(failure.clone());
    }
    let jobs = JobLives::new(context.catalog.clone(), context.runtime.clone());
    let now = context.clock.now();
    if let Err(error) = jobs.check_clock(now) {
        let failure = failure::unavailable(error_chain(&*error));
        let apart = error.downcast_ref::<ClocksApart>().is_some();
        return if apart { Outcome::Failed(failure) } else { again_or_failed(claim, failure) };
    }
    let life = |origin: &repository::Origin| jobs.life(origin);
    let options = SweepOptions { instance: None, grace: TOMBSTONE_GRACE, now, jobs: &life };
    let swept = plan_sweep(&context.repository, &options).and_then(|plan| {
        let refused = plan.instances.iter().filter_map(|instance| {
            let problem = instance.refused.as_ref()?;
            Some(json!({ "DBInstanceId": instance.instance.as_str(), "Problem": problem }))
        });
        let refused: Vec<Value> = refused.collect();
        for instance in &refused {
            tracing::error!(%instance, "an instance is not swept, for what it needs cannot be read");
        }
        let report = execute_sweep(&context.repository, &plan, now, &Watch { control })?;
        Ok(to_json(&report, &refused))
    });
    match swept {
        Ok(report) => Outcome::Swept(report),
        Err(error) => ended(claim, control, &error),
    }
}

fn ended(claim: &Claim, control: &Control, error: &SweepError) -> Outcome {
    match control.check() {
        Err(Interrupted::LeaseLost) => return Outcome::Lost,
        Err(Interrupted::Shutdown) => return Outcome::Stopped,
        Err(Interrupted::Cancelled) => return Outcome::Failed(Failure::cancelled()),
        Ok(()) => {}
    }
    let failure = failure::unavailable(error_chain(error));
    // Clocks do not come together by trying again in a moment.
    let apart = matches!(error, SweepError::Clocks { .. });
    if apart { Outcome::Failed(failure) } else { again_or_failed(claim, failure) }
}

fn to_json(report: &SweepReport, refused: &[Value]) -> Value {
    let SweepReport { objects, bytes, attempts, tombstones_put, skipped } = report;
    let skipped = skipped.iter().map(|skipped| {
        let place = &skipped.place;
        json!({ "DBInstanceId": place.instance.as_str(), "Attempt": place.name.to_string(), "Reason": skipped.why })
    });
    json!({
        "Objects": objects,
        "Bytes": bytes,
        "Attempts": attempts,
        "TombstonesPut": tombstones_put,
        "Skipped": skipped.collect::<Vec<_>>(),
        "Refused": refused,
    })
}

struct Watch<'a> {
    control: &'a Control,
}

impl SweepWatch for Watch<'_> {
    fn goes_on(&self) -> bool {
        self.control.check().is_ok()
    }

    fn deleted(&self, _object: &ObjectKey, _bytes: u64) {
        engine::failpoint::pass("sweep.deleted");
    }
}
