//! Making a catalog from a repository whose own catalog is lost, or is somewhere else.

use catalog::{BackupMode, Catalog, SetOrigin};
use jiff::{SignedDuration, Timestamp};
use repository::{JobMode, Repository};

use crate::backup_set_row::backup_set_row;
use crate::error::Error;
use crate::error_chain;

/// So long an adopted set is kept at least: the lost catalog may have promised more than the manifest says.
const ADOPTED_KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Takes over every live set that can be read, and answers how many; the others are named in the log. Numbers go on far above the highest that is seen.
pub(super) async fn adopt(
    catalog: &Catalog,
    repository: &Repository,
    now: Timestamp,
) -> Result<usize, Error> {
    let mut change = catalog.change(now).await?;
    let earliest_expiry = now.saturating_add(ADOPTED_KEPT).unwrap_or(Timestamp::MAX);
    let (mut adopted, mut highest_job, mut highest_set) = (0, None, None);
    for instance in repository.instances()? {
        for attempt in repository.attempts(&instance)? {
            highest_set = highest_set.max(Some(attempt.place.name.set));
        }
        let found = repository.readable_sets(&instance)?;
        for error in &found.damaged {
            tracing::error!(%instance, "a set is not adopted, for its manifest is damaged: {}", error_chain(error));
        }
        for manifest in found.sets {
            let origin = &manifest.origin;
            highest_job = highest_job.max(Some(origin.job));
            let mode = match manifest.mode {
                JobMode::Manual => BackupMode::Manual,
                JobMode::Automated => BackupMode::Automated,
            };
            let row_origin = SetOrigin {
                id: origin.set,
                instance: instance.clone(),
                repository: repository.id(),
                job: origin.job,
                epoch: origin.epoch,
                mode,
            };
            match backup_set_row(&manifest, None, None) {
                Ok(mut row) => {
                    row.expires = row.expires.map(|expires| expires.max(earliest_expiry));
                    adopted += usize::from(change.adopt_set(&row_origin, &row).await?);
                }
                Err(error) => {
                    let set = origin.set;
                    tracing::warn!(%instance, %set, "a set is not adopted, but stays in the repository: {error}");
                }
            }
        }
    }
    change.raise_counters(highest_job, highest_set).await?;
    change.commit().await?;
    Ok(adopted)
}
