//! One sweep a day, whatever the number of schedulers.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::context::Context;

/// Time between two sweeps. What has a tombstone waits for days anyway.
const SWEEP_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// Asks for a sweep where the last one was asked for a day ago, or later than now.
///
/// # Errors
/// The catalog fails.
pub(super) async fn ask_daily(context: &Arc<Context>, now: Timestamp) -> Result<(), catalog::Error> {
    let mut change = context.catalog.change(now).await?;
    if !change.take_turn("sweep", SWEEP_EVERY).await? {
        return change.undo().await;
    }
    // One that is queued or running will do.
    change.enqueue_sweep(context.repository.id(), now).await?;
    change.commit().await
}
