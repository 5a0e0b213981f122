//! Sets whose time has come: first the tombstone in the repository, then the catalog's row.
//!
//! The other way round, a crash in between would leave a set that nobody lists and that no sweep removes until
//! the next start. This way it leaves one that is listed for an hour more, and gets the tombstone that it has.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use repository::{AttemptName, BackupSetId, InstanceId, Place};

use crate::context::Context;
use crate::error_chain::error_chain;

/// Instances looked at in one go.
const INSTANCES_MAX: u32 = 500;

/// Lets everything expire that has by `now`.
///
/// # Errors
/// The catalog fails. An instance whose tombstones cannot be put is left to the next look.
pub(super) async fn expire(context: &Arc<Context>, now: Timestamp) -> Result<(), catalog::Error> {
    let followed = context.catalog.follow_all_retentions().await?;
    if followed > 0 {
        tracing::info!(followed, "sets follow a policy that changed while they were made");
    }
    loop {
        let instances = context.catalog.instances_with_expired_sets(now, INSTANCES_MAX).await?;
        let more = instances.len() == INSTANCES_MAX as usize;
        let mut moved = false;
        for instance in instances {
            moved |= expire_of(context, &instance, now).await?;
        }
        // What cannot be moved now would be found again and again.
        if !more || !moved {
            return Ok(());
        }
    }
}

/// Whether something expired.
async fn expire_of(
    context: &Arc<Context>,
    instance: &InstanceId,
    now: Timestamp,
) -> Result<bool, catalog::Error> {
    // Held until the tombstones are put: nobody may delete the newest set, or prolong one of these, meanwhile.
    let mut change = context.catalog.change(now).await?;
    let sets = change.expired_sets(instance).await?;
    let ids: Vec<BackupSetId> = sets.iter().map(|set| set.origin.id).collect();
    let places: Vec<Place> = sets
        .iter()
        .map(|set| Place {
            instance: instance.clone(),
            name: AttemptName { set: set.origin.id, attempt: set.attempt },
        })
        .collect();
    let repository = context.repository.clone();
    let put = tokio::task::spawn_blocking(move || {
        places.iter().try_for_each(|place| repository.put_tombstone(place, "expired", now))
    });
    match put.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::warn!(%instance, "expired sets get their tombstones later: {}", error_chain(&error));
            change.undo().await?;
            return Ok(false);
        }
        Err(error) => {
            tracing::error!(%instance, "expired sets get their tombstones later: {error}");
            change.undo().await?;
            return Ok(false);
        }
    }
    engine::failpoint::pass("expiry.tombstoned");
    match change.tombstone_sets(instance, &ids).await {
        Ok(_) => change.commit().await?,
        Err(catalog::TombstoneError::Catalog(error)) => return Err(error),
        Err(error) => {
            tracing::error!(%instance, "expired sets are marked later: {}", error_chain(&error));
            return Ok(false);
        }
    }
    let figures = &context.metrics.schedule;
    figures.expired.fetch_add(ids.len() as u64, Ordering::Relaxed);
    for set in &ids {
        tracing::info!(%set, %instance, "a backup set expired");
    }
    Ok(!ids.is_empty())
}
