//! Waiting for a job to move on. The call is woken by the catalog; it holds no thread and no connection to the
//! database meanwhile.

use std::time::Duration;

use catalog::{BackupJobQuery, JobPhase, JobSummary};
use repository::BackupJobId;
use rpc::{ApiError, ErrorCode};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::{ActionCall, words};
use crate::context::Context;
use crate::refusal::Refusal;

/// Calls that may wait at a time: half of the connections, so that others are still answered.
const WAITS_MAX: usize = 256;
/// Longest wait between two looks where other nodes move jobs too: what they do wakes nobody here.
const SHARED_LOOK_EVERY: Duration = Duration::from_secs(1);

/// Room for calls that wait.
#[derive(Debug)]
pub(crate) struct JobWaits(Semaphore);

impl Default for JobWaits {
    fn default() -> Self {
        Self(Semaphore::new(WAITS_MAX))
    }
}

/// Waits as long as the call asks for, or until its job moves on, the client leaves, or the service stops.
///
/// # Errors
/// It names no one job → `InvalidParameterCombination`; too many calls wait → `Throttling.Api`.
pub(super) async fn wait(context: &Context, call: &ActionCall) -> Result<(), Refusal> {
    let seconds = call.arguments.natural("WaitSeconds").unwrap_or(0);
    if seconds == 0 {
        return Ok(());
    }
    let Some(job) = call.arguments.natural("BackupJobId").and_then(BackupJobId::new) else {
        let error = ApiError::new(ErrorCode::InvalidParameterCombination);
        return Err(error.with_message("WaitSeconds needs BackupJobId.").into());
    };
    let deadline = Instant::now() + Duration::from_secs(seconds.into());
    // Taken before the first look, so that nothing after that is missed.
    let mut watch = context.catalog.watch_jobs();
    let found = context.catalog.find_job(job).await?;
    let Some(instance) = found.and_then(|job| job.instance).filter(|id| call.caller.sees(id)) else {
        return Ok(());
    };
    let query = BackupJobQuery { instance, job: Some(job), phase: None, mode: None };
    let mut known = call.arguments.text("StateToken").map(str::to_owned);
    let mut room = None;
    loop {
        let Some(token) = token_while_active(&context.catalog.watch_backup_jobs(&query).await?) else {
            return Ok(());
        };
        let left = deadline.saturating_duration_since(Instant::now());
        if *known.get_or_insert_with(|| token.clone()) != token || left.is_zero() {
            return Ok(());
        }
        if room.is_none() {
            room = Some(context.waits.0.try_acquire().map_err(|_| ErrorCode::ThrottlingApi)?);
        }
        let alone = context.catalog.is_of_sole_process();
        let at_most = if alone { left } else { left.min(SHARED_LOOK_EVERY) };
        tokio::select! {
            () = watch.wait(at_most) => {}
            () = call.client.left() => return Ok(()),
            () = context.draining.cancelled() => return Ok(()),
        }
    }
}

/// The token of the one job found; `None` when it is over, or there is none.
fn token_while_active(found: &[JobSummary]) -> Option<String> {
    let job = found.first()?;
    match job.phase {
        JobPhase::Queued | JobPhase::Running => Some(words::state_token(job.phase, job.stage, job.process)),
        JobPhase::Succeeded | JobPhase::Failed => None,
    }
}
