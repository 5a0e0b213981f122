//! A job's report: what the engine, the runner and the manifest know of it, under the field names of
//! DescribeBackupJobReport.

use engine::{FinishedSet, Stage};
use repository::Manifest;
use rpc::render_seconds;
use serde_json::{Value, json};

use super::control::Control;
use crate::context::Context;

/// The warning that every job repeats until the repository's key was copied away.
pub const KEY_NOT_EXPORTED: &str = "the key that opens the backups lies only in this home: copy it to another \
     machine with `backstop key export --to FILE`; without it nobody can read any backup";

/// Bad pages that a report lists; all are counted.
const BAD_PAGES_SHOWN: usize = 100;

/// Whether the repository's only key lies in the home alone.
pub(crate) fn warns_of_key(home: &crate::Home, repository: &repository::Repository) -> bool {
    !home.is_key_exported() && repository.keys().iter().any(|key| key.wraps.len() < 2)
}

/// The report of a set.
pub(super) fn of_set(
    context: &Context,
    control: &Control,
    manifest: &Manifest,
    finished: Option<&FinishedSet>,
) -> Value {
    let nothing = Value::Null;
    let engine = finished.map_or(&nothing, |finished| &finished.report);
    let (record, totals) = (&manifest.record, &manifest.totals);
    let compared = manifest.parent.map(|_| "there is no block summary since the parent set");
    let bad_pages = bad_pages(engine);
    let mut warnings = texts(engine, "warnings");
    warnings.extend(texts(engine, "notes"));
    if warns_of_key(&context.home, &context.repository) {
        warnings.push(KEY_NOT_EXPORTED.to_owned());
    }
    json!({
        "ParentBackupId": manifest.parent.map(|parent| parent.set.to_string()),
        "Files": totals.files,
        "NewFrames": totals.new_frames,
        "Packs": packs_of(manifest),
        "SourceBytes": totals.source_bytes,
        "NewBytes": totals.source_bytes.saturating_sub(totals.reused_bytes),
        "ReferencedBytes": totals.reused_bytes,
        "StoredBytes": totals.new_bytes,
        "LogBytes": engine.get("wal_bytes"),
        // What the job stored, and all of that, is fetched back before the manifest is written.
        "ReadBackBytes": totals.new_bytes,
        "ContentCompared": compared.is_some(),
        "ContentComparedReason": compared,
        "StartPosition": record.get("start"),
        "StopPosition": record.get("stop"),
        "ConsistentTime": render_seconds(manifest.consistent),
        "EngineVersion": manifest.server_version,
        "PageChecksums": record.get("data_checksums"),
        "Stages": stages(control),
        "BadPageCount": bad_pages.len(),
        "BadPages": { "BadPage": bad_pages.iter().take(BAD_PAGES_SHOWN).collect::<Vec<_>>() },
        "Warnings": { "Warning": warnings },
        // The engine's own words, for whoever reads the catalog; the API shows what it has a field for.
        "Engine": engine,
    })
}

/// Packs that the set's own attempt stored.
fn packs_of(manifest: &Manifest) -> usize {
    let own = manifest.references.iter().filter(|reference| reference.of.attempt == manifest.origin.attempt);
    own.map(|reference| reference.packs().count()).sum()
}

/// One row for each bad page that the engine reports.
fn bad_pages(engine: &Value) -> Vec<Value> {
    let Some(Value::Array(files)) = engine.get("bad_pages") else { return Vec::new() };
    let rows = files.iter().flat_map(|file| {
        let blocks = file.get("blocks").and_then(Value::as_array).into_iter().flatten();
        blocks.map(move |block| {
            json!({
                "Database": file.get("database_name"),
                "Relation": file.get("table"),
                "Path": file.get("path").and_then(Value::as_str).map(|path| path.strip_prefix("data/").unwrap_or(path)),
                "BlockNumber": block,
            })
        })
    });
    rows.collect()
}

fn texts(engine: &Value, name: &str) -> Vec<String> {
    let list = engine.get(name).and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

/// The report of a job that made no set.
pub(super) fn of_failure(control: &Control) -> Value {
    json!({ "Stages": stages(control) })
}

/// Seconds from the first stage's begin.
pub(super) fn seconds(control: &Control) -> f64 {
    control.stages().iter().map(|stage| stage.took().as_secs_f64()).sum()
}

fn stages(control: &Control) -> Value {
    let rows = control.stages().into_iter().map(|times| {
        let (status, progress_status) = match times.stage {
            Stage::Checking => ("Checking", "NoStart"),
            Stage::Preparing => ("Preparing", "Preparing"),
            Stage::Waiting => ("Waiting", "Waiting"),
            Stage::Copying => ("Uploading", "Uploading"),
            Stage::Proving => ("Uploading", "Checking"),
        };
        json!({
            "BackupStatus": status,
            "BackupProgressStatus": progress_status,
            "StartTime": render_seconds(times.started),
            "Seconds": (times.took().as_secs_f64() * 1000.0).round() / 1000.0,
        })
    });
    json!({ "Stage": rows.collect::<Vec<_>>() })
}
