//! DeleteBackup: all the sets that are named, or none.
//!
//! First the catalog, in one transaction: from then on no set is listed. Then a tombstone for each in the
//! repository, from which the sweep works. A crash between the two leaves sets that are deleted in the
//! catalog and lack a tombstone: every start puts what is missing, and until then nothing is lost but room.

use std::sync::Arc;

use catalog::{BackupSet, BackupSetFilter, Change, TombstoneError};
use jiff::Timestamp;
use repository::{AttemptName, BackupSetId, Place, Repository, RepositoryError};
use rpc::ErrorCode;
use serde_json::{Value, json};

use super::ActionCall;
use crate::context::Context;
use crate::error_chain::error_chain;
use crate::refusal::Refusal;

pub(super) async fn run(context: &Arc<Context>, call: &ActionCall) -> Result<Value, Refusal> {
    require_instance(context, call).await?;
    let asked = call.arguments.integers("BackupId").iter();
    let asked = asked.map(|id| u32::try_from(*id).ok().and_then(BackupSetId::new));
    let asked = asked.collect::<Option<Vec<_>>>().ok_or(ErrorCode::InvalidBackupSetIdNotFound)?;
    let change = call.change(context).await?;
    delete(context, call, change, &asked).await?;
    Ok(json!({}))
}

/// Refuses an instance that is not registered, unless it was and there are sets of it still.
async fn require_instance(context: &Context, call: &ActionCall) -> Result<(), Refusal> {
    let instance = call.required_instance();
    let Err(refusal) = context.known.require(&context.catalog, instance).await else { return Ok(()) };
    let filter =
        BackupSetFilter { instance: Some(instance.clone()), detached: true, ..BackupSetFilter::default() };
    if context.catalog.newest_set(&filter).await?.is_some() { Ok(()) } else { Err(refusal) }
}

/// Marks sets of the call's instance, all or none, commits the change, and puts their tombstones.
pub(super) async fn delete(
    context: &Context,
    call: &ActionCall,
    mut change: Change,
    sets: &[BackupSetId],
) -> Result<(), Refusal> {
    let sets = change.tombstone_sets(call.required_instance(), sets).await.map_err(refused)?;
    change.commit().await?;
    if sets.is_empty() {
        return Ok(());
    }
    let reason = format!("deleted by {}", call.action.name);
    engine::failpoint::pass("delete.marked");
    let (repository, now) = (context.repository.clone(), call.now);
    let put = tokio::task::spawn_blocking(move || put_tombstones(&repository, &sets, &reason, now));
    match put.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!("tombstones are put at the next start: {}", error_chain(&error)),
        Err(error) => tracing::error!("tombstones are put at the next start: {error}"),
    }
    Ok(())
}

fn put_tombstones(
    repository: &Repository,
    sets: &[BackupSet],
    reason: &str,
    now: Timestamp,
) -> Result<(), RepositoryError> {
    sets.iter().try_for_each(|set| repository.put_tombstone(&place_of(set), reason, now))
}

fn place_of(set: &BackupSet) -> Place {
    let name = AttemptName { set: set.origin.id, attempt: set.attempt };
    Place { instance: set.origin.instance.clone(), name }
}

/// Puts the tombstone of a set that the catalog deleted, where a crash kept it from being put.
///
/// # Errors
/// The store fails.
pub(crate) fn put_missing_tombstones(
    repository: &Repository,
    set: &BackupSet,
    now: Timestamp,
) -> Result<(), RepositoryError> {
    put_tombstones(repository, std::slice::from_ref(set), "deleted in the catalog", now)
}

fn refused(error: TombstoneError) -> Refusal {
    match error {
        TombstoneError::NotFound { .. } => ErrorCode::InvalidBackupSetIdNotFound.into(),
        TombstoneError::Catalog(error) => error.into(),
        other => Refusal::internal(other.to_string()),
    }
}
