//! One attempt, in its thread: adopt what is there, else make the set, and clean up what failed.

use std::io;
use std::panic::AssertUnwindSafe;

use catalog::{ATTEMPTS_MAX, BackupPolicy, Claim, Errand, Failure, JobKind, PolicyCompression};
use engine::{BackupEngine, BackupError, BackupRequest, FinishedSet, Interrupted, JobControl, Reuse};
use repository::{Compression, Manifest, RepositoryError};
use serde_json::Value;

use super::control::Control;
use super::{earlier, failure, sweep};
use crate::backup_parameters::BackupParameters;
use crate::context::Context;
use crate::engines::password_of;
use crate::error_chain::error_chain;
use crate::storage::local_path;

/// How an attempt ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// A manifest is published; the row is to follow.
    Published {
        /// What was published.
        manifest: Box<Manifest>,
        /// What the engine says of it; `None` for one that an earlier attempt published.
        finished: Option<Box<FinishedSet>>,
    },
    /// A sweep is done; this is its report.
    Swept(Value),
    /// The job fails.
    Failed(Failure),
    /// Another attempt may succeed.
    Again(Failure),
    /// The service stops: another attempt follows that counts as this one.
    Stopped,
    /// Another worker has the job: nothing more is to be done.
    Lost,
}

impl Outcome {
    pub(super) fn cannot_start(error: &io::Error) -> Self {
        Self::Again(failure::internal(format!("start a thread for the job: {error}")))
    }

    pub(super) fn panicked() -> Self {
        Self::Failed(failure::internal("the worker panicked; the log has the place".to_owned()))
    }
}

/// Runs the attempt.
pub(super) fn run(context: &Context, claim: &Claim, control: &Control) -> Outcome {
    if claim.job.kind == JobKind::Sweep {
        return sweep::run(context, claim, control);
    }
    match earlier::published(&context.repository, claim) {
        Ok(Some(manifest)) => return found(context, claim, manifest),
        Ok(None) => {}
        Err(error) => return repository_failed(claim, &error),
    }
    match &claim.errand {
        Errand::Settle { failure } => Outcome::Failed(failure.clone()),
        Errand::Run => make(context, claim, control),
    }
}

/// An earlier attempt published the set and died before the catalog heard of it.
fn found(context: &Context, claim: &Claim, manifest: Manifest) -> Outcome {
    let (job, attempt) = (claim.id(), manifest.origin.attempt);
    if let Errand::Settle { failure } = &claim.errand
        && failure.code == Failure::CANCELLED
    {
        tracing::info!(%job, %attempt, "a cancelled job's set gets a tombstone");
        // First the tombstone: a job must not be Failed while a set of it counts.
        return match earlier::bury(context, claim, None, "its job was cancelled") {
            Ok(()) => Outcome::Failed(failure.clone()),
            Err(error) => repository_failed(claim, &error),
        };
    }
    tracing::info!(%job, %attempt, "the set of an earlier attempt is whole and is adopted");
    Outcome::Published { manifest: Box::new(manifest), finished: None }
}

fn repository_failed(claim: &Claim, error: &RepositoryError) -> Outcome {
    let failure = failure::unavailable(format!("look for earlier attempts: {}", error_chain(error)));
    again_or_failed(claim, failure)
}

/// Makes the set.
fn make(context: &Context, claim: &Claim, control: &Control) -> Outcome {
    let (engine, request) = match prepare(context, claim) {
        Ok(prepared) => prepared,
        Err(outcome) => return outcome,
    };
    let work = || engine.back_up(&context.repository, &request, control);
    let made = std::panic::catch_unwind(AssertUnwindSafe(work));
    let error = match made {
        Ok(Ok(finished)) => {
            engine::failpoint::pass("runner.published");
            return published(context, claim, finished);
        }
        Ok(Err(error)) => error,
        Err(_) => {
            clean_up(context, claim, control);
            return Outcome::panicked();
        }
    };
    tracing::info!(job = %claim.id(), attempt = %claim.attempt, "the attempt ends: {}", error_chain(&error));
    failed(context, claim, control, &error)
}

fn published(context: &Context, claim: &Claim, finished: FinishedSet) -> Outcome {
    let place =
        earlier::place_of(claim, claim.attempt).expect("a backup job has an instance and a set's number");
    match context.repository.manifest(&place) {
        Ok(manifest) => {
            Outcome::Published { manifest: Box::new(manifest), finished: Some(Box::new(finished)) }
        }
        // It is there: the next attempt adopts it.
        Err(error) => repository_failed(claim, &error),
    }
}

fn failed(context: &Context, claim: &Claim, control: &Control, error: &BackupError) -> Outcome {
    // A lost lease goes before whatever else went wrong: somebody may refer to what is stored.
    let lost = (control.check() == Err(Interrupted::LeaseLost)).then_some(Interrupted::LeaseLost);
    let interrupted = if let BackupError::Interrupted(reason) = error { Some(*reason) } else { None };
    let reason = lost.or(interrupted);
    match reason {
        Some(Interrupted::LeaseLost) => return Outcome::Lost,
        Some(Interrupted::Shutdown) => return Outcome::Stopped,
        Some(Interrupted::Cancelled) => {
            clean_up(context, claim, control);
            return Outcome::Failed(Failure::cancelled());
        }
        None => {}
    }
    let outcome = match error.retry() {
        engine::Retry::Later => again_or_failed(claim, failure::of(error)),
        engine::Retry::Never | engine::Retry::AfterOperator => Outcome::Failed(failure::of(error)),
    };
    // Where only the server failed, another attempt can use what is stored; else it may be what is broken.
    let of_use = matches!(outcome, Outcome::Again(_)) && matches!(error, BackupError::Server { .. });
    if !of_use {
        clean_up(context, claim, control);
    }
    outcome
}

pub(super) fn again_or_failed(claim: &Claim, failure: Failure) -> Outcome {
    let last = claim.job.attempts >= ATTEMPTS_MAX || matches!(claim.errand, Errand::Settle { .. });
    if last { Outcome::Failed(failure) } else { Outcome::Again(failure) }
}

/// Deletes what this attempt stored, unless another worker may refer to it already. What cannot be deleted
/// is left to the sweep.
fn clean_up(context: &Context, claim: &Claim, control: &Control) {
    let Some(place) = earlier::place_of(claim, claim.attempt) else { return };
    if control.check() == Err(Interrupted::LeaseLost) {
        return;
    }
    let cleaned = match context.repository.discard(&place) {
        // The store kept a manifest although it said that it failed.
        Err(RepositoryError::Damaged { .. }) => {
            context.repository.put_tombstone(&place, "its attempt failed", context.clock.now())
        }
        other => other,
    };
    if let Err(error) = cleaned {
        let job = claim.id();
        tracing::warn!(%job, "what the attempt stored is left to the sweep: {}", error_chain(&error));
    }
}

/// The engine, and what it is asked to do.
fn prepare(context: &Context, claim: &Claim) -> Result<(Box<dyn BackupEngine>, BackupRequest), Outcome> {
    let (Some(id), Some(set)) = (&claim.job.instance, claim.reserved_set()) else {
        return Err(Outcome::Failed(failure::internal("the job is no backup of an instance".to_owned())));
    };
    let instance = match context.runtime.block_on(context.catalog.find_instance(id)) {
        Ok(Some(instance)) => instance,
        Ok(None) => {
            return Err(Outcome::Failed(failure::internal(format!("instance {id} is not registered"))));
        }
        Err(error) => return Err(again_or_failed(claim, failure::unavailable(error_chain(&error)))),
    };
    let Some(parameters) = BackupParameters::of(&claim.job.parameters) else {
        return Err(Outcome::Failed(failure::internal(
            "the job's parameters are of another release".to_owned(),
        )));
    };
    let compression = match context.runtime.block_on(context.catalog.find_policy(id)) {
        Ok(policy) => compression(policy.as_ref(), context.config.compression),
        Err(error) => return Err(again_or_failed(claim, failure::unavailable(error_chain(&error)))),
    };
    failure::check_home(context).map_err(Outcome::Failed)?;
    let password = password_of(&instance, &context.secrets);
    let password = password.map_err(|error| Outcome::Failed(failure::internal(error_chain(&error))))?;
    let engine = context.engines.engine_for(&instance, password);
    let engine = engine.map_err(|error| Outcome::Failed(failure::unusable(error_chain(&error))))?;
    let own_directories = [Some(context.home.path().to_owned()), local_path(&context.config.repository).ok()];
    let request = BackupRequest {
        instance: id.clone(),
        set,
        job: claim.id(),
        epoch: claim.epoch,
        catalog: context.catalog.id(),
        attempt: claim.attempt,
        dead_attempts: claim.earlier_attempts.clone(),
        manual: claim.job.mode == catalog::BackupMode::Manual,
        retention_days: parameters.retention_days,
        reuse: if parameters.full { Reuse::Nothing } else { Reuse::Parent },
        threads: context.config.threads,
        compression,
        now: context.clock.now(),
        free_space_floor_bytes: context.config.free_space_floor_bytes,
        own_directories: own_directories.into_iter().flatten().collect(),
    };
    Ok((engine, request))
}

/// How the instance's new frames are compressed: the policy goes before the configuration.
fn compression(policy: Option<&BackupPolicy>, configured: Compression) -> Compression {
    match (policy.map(|policy| policy.compression), configured) {
        (None | Some(PolicyCompression::Configured), configured) => configured,
        (Some(PolicyCompression::None), _) => Compression::None,
        (Some(PolicyCompression::Zstd), level @ Compression::Zstd(_)) => level,
        (Some(PolicyCompression::Zstd), Compression::Lz4 | Compression::None) => Compression::Zstd(1),
    }
}
