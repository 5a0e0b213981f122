//! What earlier attempts at a job left in the repository.

use catalog::Claim;
use repository::{AttemptId, AttemptName, InstanceId, Manifest, Place, Repository, RepositoryError};

use crate::context::Context;
use crate::error_chain::error_chain;

/// Where an attempt at a backup job writes; `None` for a job of another kind.
pub(super) fn place_of(claim: &Claim, attempt: AttemptId) -> Option<Place> {
    let instance: InstanceId = claim.job.instance.clone()?;
    Some(Place { instance, name: AttemptName { set: claim.reserved_set()?, attempt } })
}

/// The manifest that an earlier attempt published: the newest whole one that is not to go.
///
/// # Errors
/// The store cannot tell.
pub(super) fn published(repository: &Repository, claim: &Claim) -> Result<Option<Manifest>, RepositoryError> {
    for attempt in claim.earlier_attempts.iter().rev() {
        let Some(place) = place_of(claim, *attempt) else { continue };
        match repository.manifest(&place) {
            // One that did not read back when it was written has a tombstone, and the sweep takes it.
            Ok(_) if repository.has_tombstone(&place)? => {}
            Ok(manifest) => return Ok(Some(manifest)),
            Err(RepositoryError::NoSuchSet { .. }) => {}
            Err(error @ RepositoryError::Damaged { .. }) => {
                tracing::error!(job = %claim.id(), %attempt, "a manifest is not whole: {}", error_chain(&error));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Puts a tombstone on every attempt at the job that left something, but for `kept`, so that the sweep
/// finds it. Only for a job that is over, or about to be.
///
/// # Errors
/// The store fails.
pub(super) fn bury(
    context: &Context,
    claim: &Claim,
    kept: Option<AttemptId>,
    reason: &str,
) -> Result<(), RepositoryError> {
    let Some(instance) = &claim.job.instance else { return Ok(()) };
    let set = claim.reserved_set();
    let ours = |attempt: AttemptId| attempt == claim.attempt || claim.earlier_attempts.contains(&attempt);
    for listing in context.repository.attempts(instance)? {
        let AttemptName { set: of, attempt } = listing.place.name;
        if Some(of) == set && ours(attempt) && Some(attempt) != kept && !listing.tombstone {
            context.repository.put_tombstone(&listing.place, reason, context.clock.now())?;
        }
    }
    Ok(())
}
