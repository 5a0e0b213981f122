//! Whether the three clocks agree by which things are deleted.

use jiff::{SignedDuration, Timestamp};

use crate::context::Context;
use crate::error_chain::error_chain;

/// Clocks that are further apart are not to be trusted with deleting anything.
pub(crate) const CLOCKS_APART_MAX: SignedDuration = SignedDuration::from_mins(5);

/// Whether node, catalog and store tell the same time, near enough. If not, it is logged and counted.
///
/// # Errors
/// The catalog fails. A store that cannot tell the time counts as one that disagrees.
pub(super) async fn agree(context: &Context, now: Timestamp) -> Result<bool, catalog::Error> {
    let catalog = context.catalog.clock(now).await?;
    let store = context.repository.store().clone();
    let store = match tokio::task::spawn_blocking(move || store.clock_seconds()).await {
        Ok(Ok(seconds)) => {
            i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok())
        }
        Ok(Err(error)) => {
            tracing::warn!("the repository cannot tell the time: {}", error_chain(&error));
            None
        }
        Err(error) => {
            tracing::error!("the repository's time is not known: {error}");
            None
        }
    };
    // Read again: the store may have taken its time.
    let node = context.clock.now();
    let near = |other: Timestamp| node.duration_since(other).abs() <= CLOCKS_APART_MAX;
    let agree = near(catalog) && store.is_some_and(near);
    if !agree {
        let store = store.map(tracing::field::display);
        tracing::warn!(%node, %catalog, store, "nothing expires until the clocks agree; set them (NTP)");
        context.metrics.schedule.clock_refusals.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
    Ok(agree)
}
