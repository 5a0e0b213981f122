//! Which sets of an instance can be restored, and to which moment.

use catalog::{BackupSet, BackupSetFilter, SetStatus};
use jiff::Timestamp;
use repository::{BackupSetId, InstanceId};
use rpc::ErrorCode;

use crate::context::Context;
use crate::refusal::Refusal;

/// The newest set of an instance that can be restored.
pub(super) async fn newest(context: &Context, instance: &InstanceId) -> Result<Option<BackupSet>, Refusal> {
    newest_by(context, instance, None).await
}

/// The newest set of an instance that can be restored and ended by `time`.
pub(super) async fn newest_by(
    context: &Context,
    instance: &InstanceId,
    time: Option<Timestamp>,
) -> Result<Option<BackupSet>, Refusal> {
    let filter = BackupSetFilter {
        instance: Some(instance.clone()),
        status: Some(SetStatus::Success),
        // Times of the API are to the second, those of sets are not.
        ended_end: time.map(|time| time.saturating_add(jiff::SignedDuration::from_secs(1)).unwrap_or(time)),
        ..BackupSetFilter::default()
    };
    Ok(context.catalog.newest_set(&filter).await?)
}

/// The set of that number, where it can be restored; with an instance, only one of it.
///
/// # Errors
/// There is none → `InvalidBackupSetID.NotFound`.
pub(super) async fn find(
    context: &Context,
    instance: Option<&InstanceId>,
    number: u32,
) -> Result<BackupSet, Refusal> {
    let found = match BackupSetId::new(number) {
        Some(id) => context.catalog.find_set(id).await?,
        None => None,
    };
    let found = found.filter(|set| {
        set.tombstoned.is_none()
            && set.status == SetStatus::Success
            && instance.is_none_or(|instance| *instance == set.origin.instance)
    });
    found.ok_or_else(|| ErrorCode::InvalidBackupSetIdNotFound.into())
}

/// The moment that a restore of a set shows.
pub(super) fn moment(set: &BackupSet) -> Timestamp {
    set.consistent.unwrap_or(set.ended)
}
