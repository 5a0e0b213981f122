//! What every start puts right between repository and catalog, for crashes between a write to the one and
//! a write to the other. Reads both, decides for each set, and moves nothing but tombstones; safe to run
//! twice and beside running jobs.

use catalog::{Job, JobPhase};
use repository::{AttemptListing, AttemptName, Manifest, RepositoryError};

use crate::actions::put_missing_tombstones;
use crate::context::Context;
use crate::error_chain::error_chain;
use crate::refusal::Refusal;

/// Looks at every published set of the repository. Blocks; errors are logged, for the next start tries again.
pub(crate) async fn reconcile(context: &Context) {
    let repository = context.repository.clone();
    let listed = tokio::task::spawn_blocking(move || {
        let mut published = Vec::new();
        for instance in repository.instances()? {
            published.extend(repository.attempts(&instance)?.into_iter().filter(|listing| listing.published));
        }
        Ok::<_, RepositoryError>(published)
    });
    let published = match listed.await {
        Ok(Ok(published)) => published,
        Ok(Err(error)) => return tracing::warn!("the repository is not compared: {}", error_chain(&error)),
        Err(error) => return tracing::error!("the repository is not compared: {error}"),
    };
    for listing in published {
        if let Err(refusal) = settle(context, &listing).await {
            let cause = refusal.cause.unwrap_or_default();
            tracing::warn!(set = %listing.place.name, "a set is not compared: {} {cause}", refusal.error);
        }
    }
}

async fn settle(context: &Context, listing: &AttemptListing) -> Result<(), Refusal> {
    let name = listing.place.name;
    if !listing.is_live() {
        return buried(context, name).await;
    }
    match context.catalog.find_set(name.set).await? {
        Some(set) if set.attempt == name.attempt => {
            if set.tombstoned.is_some() {
                put_missing_tombstones(&context.repository, &set, context.clock.now())?;
            }
            Ok(())
        }
        known => {
            let manifest = context.repository.manifest(&listing.place)?;
            let job = context.catalog.find_job(manifest.origin.job).await?;
            match verdict(context, &manifest, job.as_ref(), known.is_some()) {
                Verdict::Leave => Ok(()),
                Verdict::Unknown => {
                    tracing::warn!(set = %name, "a set in the repository is none of this catalog's");
                    Ok(())
                }
                Verdict::Bury(reason) => {
                    tracing::info!(set = %name, "a set gets a tombstone: {reason}");
                    Ok(context.repository.put_tombstone(&listing.place, reason, context.clock.now())?)
                }
            }
        }
    }
}

/// A set expired and the process died before the catalog heard of it: the tombstone counts.
async fn buried(context: &Context, name: AttemptName) -> Result<(), Refusal> {
    let set = context.catalog.find_set(name.set).await?;
    if set.is_some_and(|set| set.attempt == name.attempt && set.tombstoned.is_none()) {
        tracing::info!(set = %name, "a set that has a tombstone is listed no more");
        context.catalog.note_tombstone(name.set, context.clock.now()).await?;
    }
    Ok(())
}

enum Verdict {
    /// The claim of its job decides.
    Leave,
    /// Not ours to judge.
    Unknown,
    Bury(&'static str),
}

/// What is to become of a published set that the catalog does not name.
fn verdict(context: &Context, manifest: &Manifest, job: Option<&Job>, another_counts: bool) -> Verdict {
    let origin = &manifest.origin;
    let job = job.filter(|job| {
        origin.catalog == context.catalog.id()
            && job.reserved_set == Some(origin.set)
            && job.instance.as_ref() == Some(&origin.instance)
    });
    match job.map(|job| job.state.phase()) {
        Some(JobPhase::Queued | JobPhase::Running) => Verdict::Leave,
        Some(JobPhase::Failed) => Verdict::Bury("its job failed"),
        Some(JobPhase::Succeeded) if another_counts => Verdict::Bury("another attempt made the set"),
        None | Some(JobPhase::Succeeded) => Verdict::Unknown,
    }
}
