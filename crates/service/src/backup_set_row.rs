//! A published manifest as a row of the catalog. There is one way from the one to the other, whether the
//! job has just finished, is adopted after a crash, or the catalog is rebuilt.

use catalog::{BackupMethod, BackupType, EngineKind, NewBackupSet, UnknownWord};
use jiff::SignedDuration;
use repository::Manifest;

/// The row of a published set.
///
/// # Errors
/// The manifest names an engine that this release does not know.
pub(crate) fn backup_set_row(
    manifest: &Manifest,
    host_instance: Option<u32>,
    download_bytes: Option<u64>,
) -> Result<NewBackupSet, UnknownWord> {
    let engine: EngineKind = manifest.engine.parse()?;
    let keep = |days: u32| SignedDuration::from_hours(24 * i64::from(days));
    // A time beyond the end of the calendar is for ever.
    let expires = manifest.retention_days.and_then(|days| manifest.ended.checked_add(keep(days)).ok());
    Ok(NewBackupSet {
        attempt: manifest.origin.attempt,
        parent: manifest.parent.map(|parent| parent.set),
        backup_type: if manifest.parent.is_some() { BackupType::Incremental } else { BackupType::Full },
        method: BackupMethod::Physical,
        engine,
        engine_version: manifest.server_version.clone(),
        host_instance,
        started: manifest.started,
        ended: manifest.ended,
        consistent: Some(manifest.consistent),
        oldest_proof: manifest.oldest_proof,
        size_bytes: manifest.totals.source_bytes,
        stored_bytes: manifest.totals.stored_bytes,
        new_bytes: manifest.totals.new_bytes,
        download_bytes,
        encrypted: true,
        retention_days: manifest.retention_days,
        expires,
        engine_record: manifest.record.clone(),
    })
}
