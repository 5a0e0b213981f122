//! The catalog's side of an attempt's end.

use std::time::Duration;

use catalog::{Claim, Failure, JobKind, JobStage, LeaseError, NewBackupSet, Percent, Progress};
use jiff::{SignedDuration, Timestamp};
use repository::Manifest;
use serde_json::Value;

use super::attempt::Outcome;
use super::control::Control;
use super::{JobTimes, earlier, failure, report};
use crate::backup_set_row::backup_set_row;
use crate::context::Context;
use crate::download::measure;
use crate::error_chain::error_chain;

/// Tries to write a job's end down while the catalog is away. After that the lease ends, and whoever takes
/// the job over finds what was published.
const TRIES_MAX: u32 = 40;
const TRY_PAUSE: Duration = Duration::from_millis(500);

/// Writes the end of an attempt down.
pub(super) async fn conclude(
    context: &Context,
    times: &JobTimes,
    claim: &Claim,
    control: &Control,
    outcome: Outcome,
) {
    let job = claim.id();
    match outcome {
        Outcome::Published { manifest, finished } => {
            let report = report::of_set(context, control, &manifest, finished.as_deref());
            let instance = claim.job.instance.as_ref();
            let host = match instance {
                Some(id) => {
                    context.catalog.find_instance_ever(id).await.ok().flatten().map(|i| i.host_instance)
                }
                None => None,
            };
            let download_bytes = measure(context, &manifest).await;
            match backup_set_row(&manifest, host, download_bytes) {
                Ok(row) => {
                    let progress = control.progress_if_begun().unwrap_or_else(|| of_adopted(&manifest));
                    let end = End::Finished { row: &row, report: &report, progress };
                    finish(context, claim, &manifest, &end, control).await;
                }
                Err(error) => fail(context, claim, &failure::internal(error.to_string()), control).await,
            }
        }
        Outcome::Swept(report) => {
            let written = write(context, claim, &End::Swept { report: &report }).await;
            if written.is_err() {
                return log_lost(claim, written);
            }
            tracing::info!(%job, %report, "the repository is swept");
        }
        Outcome::Failed(failure) => fail(context, claim, &failure, control).await,
        Outcome::Again(failure) => {
            let wait = times.retry_after * if claim.job.attempts > 1 { 5 } else { 1 };
            let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::ZERO);
            let due = context.clock.now().saturating_add(wait).unwrap_or_else(|_| context.clock.now());
            tracing::warn!(%job, code = %failure.code, "another attempt follows: {}", failure.message);
            log_lost(claim, write(context, claim, &End::Again { due, failure: Some(&failure) }).await);
        }
        Outcome::Stopped => {
            tracing::info!(%job, "given back, for the service stops");
            let end = End::Again { due: context.clock.now(), failure: None };
            log_lost(claim, write(context, claim, &end).await);
        }
        Outcome::Lost => tracing::warn!(%job, epoch = %claim.epoch, "another worker has the job"),
    }
}

async fn finish(context: &Context, claim: &Claim, manifest: &Manifest, end: &End<'_>, control: &Control) {
    let job = claim.id();
    let finished = write(context, claim, end).await;
    if finished.is_err() {
        return log_lost(claim, finished);
    }
    engine::failpoint::pass("runner.recorded");
    let seconds = report::seconds(control);
    let (set, bytes) = (manifest.origin.set, manifest.totals.source_bytes);
    tracing::info!(%job, %set, bytes, new_bytes = manifest.totals.new_bytes, seconds, "the backup is finished");
    context.metrics.update_jobs(|jobs| {
        jobs.finished_count += 1;
        jobs.finished_seconds += seconds;
        jobs.last_seconds = seconds;
        jobs.source_bytes += bytes;
        jobs.new_bytes += manifest.totals.new_bytes;
    });
    let version = record_version(context, manifest).await;
    if let Err(error) = version {
        tracing::warn!(%job, "the server's version is not noted: {}", error_chain(&error));
    }
    if !claim.earlier_attempts.is_empty() {
        let kept = Some(manifest.origin.attempt);
        let buried = earlier::bury(context, claim, kept, "another attempt made the set");
        if let Err(error) = buried {
            tracing::warn!(%job, "dead attempts get their tombstones at the next start: {}", error_chain(&error));
        }
    }
}

/// Of a set that an earlier attempt made: nobody knows any more what that one planned.
fn of_adopted(manifest: &Manifest) -> Progress {
    let bytes = manifest.totals.source_bytes;
    let (stage, process) = (JobStage::Proving, Percent::HUNDRED);
    Progress { stage, process, bytes_planned: Some(bytes), bytes_done: bytes }
}

async fn record_version(context: &Context, manifest: &Manifest) -> Result<(), catalog::Error> {
    let mut change = context.catalog.change(context.clock.now()).await?;
    change.record_engine_version(&manifest.origin.instance, &manifest.server_version).await?;
    change.commit().await
}

async fn fail(context: &Context, claim: &Claim, failure: &Failure, control: &Control) {
    let job = claim.id();
    let report = report::of_failure(control);
    let end = End::Failed { failure, report: &report, progress: control.progress_if_begun() };
    let failed = write(context, claim, &end).await;
    if failed.is_err() {
        return log_lost(claim, failed);
    }
    let cancelled = failure.code == Failure::CANCELLED;
    if cancelled {
        tracing::info!(%job, "the job is cancelled");
    } else {
        tracing::error!(%job, code = %failure.code, "the job failed: {}", failure.message);
    }
    if claim.job.kind != JobKind::Backup {
        return;
    }
    context.metrics.update_jobs(|jobs| {
        let count = if cancelled { &mut jobs.cancelled_count } else { &mut jobs.failed_count };
        *count += 1;
    });
    if let Err(error) = earlier::bury(context, claim, None, "its job failed") {
        tracing::warn!(%job, "dead attempts get their tombstones at the next start: {}", error_chain(&error));
    }
}

/// What is written down of an attempt's end.
enum End<'a> {
    Finished {
        row: &'a NewBackupSet,
        report: &'a Value,
        progress: Progress,
    },
    Swept {
        report: &'a Value,
    },
    /// Without progress: the attempt did no work, and what was recorded before stays.
    Failed {
        failure: &'a Failure,
        report: &'a Value,
        progress: Option<Progress>,
    },
    Again {
        due: Timestamp,
        failure: Option<&'a Failure>,
    },
}

/// Writes an end down, again and again while the catalog is away.
async fn write(context: &Context, claim: &Claim, end: &End<'_>) -> Result<(), LeaseError> {
    let mut tries = 0;
    loop {
        tries += 1;
        match write_once(context, claim, end).await {
            Err(LeaseError::Catalog(error))
                if error.retry() == catalog::Retry::Later && tries < TRIES_MAX =>
            {
                tracing::warn!("the end of a job is written down in a moment: {}", error_chain(&error));
                tokio::time::sleep(TRY_PAUSE).await;
            }
            other => return other,
        }
    }
}

async fn write_once(context: &Context, claim: &Claim, end: &End<'_>) -> Result<(), LeaseError> {
    let (catalog, now) = (&context.catalog, context.clock.now());
    match *end {
        End::Finished { row, report, ref progress } => {
            catalog.finish_backup(claim, row, report, Some(progress), now).await
        }
        End::Swept { report } => catalog.finish(claim, report, now).await,
        End::Failed { failure, report, ref progress } => {
            catalog.fail(claim, failure, Some(report), progress.as_ref(), now).await
        }
        End::Again { due, failure } => catalog.give_back(claim, due, failure).await,
    }
}

fn log_lost(claim: &Claim, outcome: Result<(), LeaseError>) {
    let job = claim.id();
    match outcome {
        Ok(()) => {}
        Err(LeaseError::LeaseLost { .. }) => {
            tracing::warn!(%job, epoch = %claim.epoch, "another worker has the job");
        }
        Err(error) => tracing::error!(%job, "the job's end is not written down: {}", error_chain(&error)),
    }
}
