//! `backstop restore`: a set back into a new directory, planned first, then executed as planned.

use anyhow::{Context, bail};
use repository::{Manifest, Repository};

use crate::command_line::{Everywhere, PointArguments, Restore, RestoreArguments};
use crate::failure::Outcome;
use crate::open;

pub(super) fn run(everywhere: &Everywhere, arguments: &Restore) -> anyhow::Result<Outcome> {
    let repository = open::repository(everywhere, &arguments.access)?;
    restore(everywhere, &repository, &arguments.arguments)
}

/// Restores from an open repository.
pub(super) fn restore(
    _everywhere: &Everywhere,
    repository: &Repository,
    arguments: &RestoreArguments,
) -> anyhow::Result<Outcome> {
    let _manifest = choose(repository, arguments)?;
    bail!("waiting for engine-postgres")
}

/// The set to restore. A damaged manifest stops this: an older set must not be taken for the newest.
fn choose(repository: &Repository, arguments: &RestoreArguments) -> anyhow::Result<Manifest> {
    let RestoreArguments { id, point, .. } = arguments;
    let sets = repository.sets(id).with_context(|| format!("list the backup sets of {id}"))?;
    let PointArguments { backup, immediate: _, latest: _ } = point;
    let found = match backup {
        Some(backup) => sets.into_iter().find(|manifest| manifest.origin.set == *backup),
        None => sets.into_iter().next_back(),
    };
    match (found, backup) {
        (Some(manifest), _) => Ok(manifest),
        (None, Some(backup)) => {
            bail!("{id} has no backup set {backup}; `backstop repository list` shows those it has")
        }
        (None, None) => {
            bail!("{id} has no backup set; `backstop repository list` shows whose sets there are")
        }
    }
}
