//! Due backups become jobs, once each, inside their window or not at all.
//!
//! What a look finds of an instance is one of these:
//!
//! - Due times whose windows have ended since the last look, for the service was down or the clock jumped:
//!   missed, counted and logged. The next window runs as always.
//! - A due time whose window is open: it becomes a job. If the instance has an active job, it is tried again
//!   until the window ends.
//! - Due times settled far in the future: the clock was put back. What lies between is looked at again; due
//!   times that became jobs stay as they are.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use catalog::{BackupMode, BackupPolicy, EnqueueError, Fired, NewBackupJob, ScheduledInstance};
use jiff::Timestamp;
use repository::InstanceId;

use super::{CLOCKS_APART_MAX, Next};
use crate::backup_parameters::BackupParameters;
use crate::context::Context;
use crate::policy::{Schedule, Slot, is_full_due};

/// Instances read in one go.
const PAGE_ROWS: u32 = 500;

/// Looks at every registered instance.
///
/// # Errors
/// The catalog fails.
pub(super) async fn fire_due(context: &Arc<Context>, now: Timestamp) -> Result<Next, catalog::Error> {
    let mut next = Next { due: Timestamp::MAX, waits_for_job: false };
    let mut after: Option<InstanceId> = None;
    loop {
        let rows = context.catalog.list_scheduled(after.as_ref(), PAGE_ROWS).await?;
        let Some(last) = rows.last() else { return Ok(next) };
        after = Some(last.instance.clone());
        for ScheduledInstance { instance, policy } in rows {
            let Some((policy, settled)) = policy else {
                put_default(context, &instance, now).await?;
                next.due = now;
                continue;
            };
            let seen = look_at(context, &instance, &policy, settled, now).await?;
            next.due = next.due.min(seen.due);
            next.waits_for_job |= seen.waits_for_job;
        }
    }
}

/// An instance of a release before there were policies.
async fn put_default(context: &Context, instance: &InstanceId, now: Timestamp) -> Result<(), catalog::Error> {
    let mut change = context.catalog.change(now).await?;
    change.put_missing_policy(instance, &BackupPolicy::default()).await?;
    change.commit().await
}

async fn look_at(
    context: &Arc<Context>,
    instance: &InstanceId,
    policy: &BackupPolicy,
    mut settled: Timestamp,
    now: Timestamp,
) -> Result<Next, catalog::Error> {
    let schedule = Schedule::of(instance, policy);
    if settled.duration_since(now) > CLOCKS_APART_MAX {
        tracing::warn!(%instance, %settled, "the clock was put back; the schedule follows it");
        settled = schedule.settled_at(now);
        let mut change = context.catalog.change(now).await?;
        change.unsettle(instance, settled).await?;
        change.commit().await?;
    }
    let outlook = schedule.outlook(settled, now);
    if !outlook.passed.is_empty() {
        let mut change = context.catalog.change(now).await?;
        let missed = change.settle_passed(instance, &outlook.passed).await?;
        change.commit().await?;
        count(&context.metrics.schedule.missed, missed.len());
        if let (Some(first), Some(last)) = (missed.first(), missed.last()) {
            tracing::warn!(%instance, missed = missed.len(), %first, %last, "backups were not made in their windows");
        }
    }
    let mut next = Next { due: outlook.next, waits_for_job: false };
    if let Some(slot) = outlook.current
        && !fire(context, instance, policy, slot, now).await?
    {
        // At its end it is missed.
        next = Next { due: next.due.min(slot.end), waits_for_job: true };
    }
    Ok(next)
}

/// Makes the job. `false`: the instance has an active one.
async fn fire(
    context: &Arc<Context>,
    instance: &InstanceId,
    policy: &BackupPolicy,
    slot: Slot,
    now: Timestamp,
) -> Result<bool, catalog::Error> {
    let newest_full = context.catalog.newest_full(instance).await?;
    let full = is_full_due(policy, newest_full, slot.due);
    let job = NewBackupJob {
        instance: instance.clone(),
        repository: context.repository.id(),
        mode: BackupMode::Automated,
        parameters: BackupParameters { full, retention_days: Some(policy.retention_days) }.to_json(),
        due: slot.due,
    };
    let mut change = context.catalog.change(now).await?;
    match change.fire_due(job).await {
        Ok(fired) => {
            change.commit().await?;
            if let Fired::Job(job) = fired {
                count(&context.metrics.schedule.fired, 1);
                tracing::info!(%job, %instance, due = %slot.due, full, "a scheduled backup is due");
            }
            Ok(true)
        }
        Err(EnqueueError::JobExists { .. }) => {
            change.undo().await?;
            count(&context.metrics.schedule.blocked, 1);
            tracing::debug!(%instance, due = %slot.due, "a scheduled backup waits for another job to end");
            Ok(false)
        }
        Err(EnqueueError::Catalog(error)) => Err(error),
        // Deregistered a moment ago: the next look does not see it.
        Err(EnqueueError::InstanceNotFound { .. } | _) => {
            change.undo().await?;
            Ok(true)
        }
    }
}

fn count(counter: &std::sync::atomic::AtomicU64, by: usize) {
    counter.fetch_add(by as u64, Ordering::Relaxed);
}
