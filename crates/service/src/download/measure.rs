//! How many bytes a download of a set has: found out when the set is made, and for sets of before at a start.

use std::sync::Arc;

use catalog::{BackupSet, SetStatus};
use repository::{AttemptName, Manifest, Place};

use super::archives;
use crate::context::Context;
use crate::error_chain::error_chain;

/// Sets looked at in one go.
const PAGE: u32 = 100;

/// The size of a download of a set that was just published. `None`: it cannot be downloaded, and the log says why; the
/// set counts all the same.
pub(crate) async fn measure(context: &Context, manifest: &Manifest) -> Option<u64> {
    let (repository, engines) = (context.repository.clone(), Arc::clone(&context.engines));
    let set = manifest.origin.set;
    let name = AttemptName { set, attempt: manifest.origin.attempt };
    let place = Place { instance: manifest.origin.instance.clone(), name };
    let measured = tokio::task::spawn_blocking(move || {
        let opened = repository.open_set(&place).map_err(|error| error_chain(&error))?;
        let archive = engines.archive(&opened).map_err(|error| error_chain(&error))?;
        Ok::<_, String>(archive.bytes())
    });
    match measured.await {
        Ok(Ok(bytes)) => Some(bytes),
        Ok(Err(cause)) => {
            tracing::warn!(%set, "there will be no download of the set: {cause}");
            None
        }
        Err(error) => {
            tracing::error!(%set, "there will be no download of the set: {error}");
            None
        }
    }
}

/// Measures the living sets that were not: of a catalog that was rebuilt, or of a release before. Safe to run twice,
/// and beside everything else.
pub(crate) async fn measure_missing(context: &Arc<Context>) {
    let mut below = None;
    loop {
        let sets = match context.catalog.list_unmeasured_sets(below, PAGE).await {
            Ok(sets) => sets,
            Err(error) => return tracing::warn!("downloads are not measured: {}", error_chain(&error)),
        };
        let Some(last) = sets.last() else { return };
        below = Some(last.origin.id);
        for set in sets.into_iter().filter(|set| set.status == SetStatus::Success) {
            if context.draining.is_cancelled() {
                return;
            }
            let id = set.origin.id;
            if let Err(cause) = measure_one(context, set).await {
                tracing::warn!(set = %id, "there is no download of the set: {cause}");
            }
        }
    }
}

async fn measure_one(context: &Arc<Context>, set: BackupSet) -> Result<(), String> {
    let id = set.origin.id;
    let shared = Arc::clone(context);
    let opened = tokio::task::spawn_blocking(move || archives::open(&shared, &set).map(|a| a.bytes()));
    let bytes = opened.await.map_err(|error| error.to_string())?.map_err(|error| error_chain(&error))?;
    let mut change = context.catalog.change(context.clock.now()).await.map_err(|e| error_chain(&e))?;
    change.record_download_bytes(id, bytes).await.map_err(|error| error_chain(&error))?;
    change.commit().await.map_err(|error| error_chain(&error))
}
