//! What comes after the stop: WAL and the files written last go into the set, and it is proven and published.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;

use engine::{
    BackupError, BackupRequest, EntryKind, FinishedSet, JobControl, SetRecord, SetTimes, SetWriter,
    SourceEntry, SourceError,
};
use jiff::SignedDuration;
use repository::Totals;
use serde_json::{Value, json};

use super::prepare::Prepared;
use super::{Copied, StageClock, changed, stored};
use crate::bad_pages::bad_pages;
use crate::record::{
    BadPagesRecord, ENGINE_NAME, EngineRecord, RECORD_FORMAT, SettingsRecord, TablespaceRecord,
};

/// Settings whose values a server in recovery must not have lower (`CheckRequiredParameterValues` in `xlogrecovery.c`).
const RECOVERY_SETTINGS: [&str; 5] = [
    "max_connections",
    "max_locks_per_transaction",
    "max_prepared_transactions",
    "max_wal_senders",
    "max_worker_processes",
];

pub(super) fn finish(
    mut set: SetWriter<'_>,
    request: &BackupRequest,
    control: &dyn JobControl,
    prepared: &Prepared,
    copied: &Copied,
    clock: &StageClock,
) -> Result<FinishedSet, BackupError> {
    add_last_files(&mut set, prepared, copied)?;
    let pages = bad_pages(
        set.bad_blocks(),
        copied.source.suspect_pages(),
        copied.stopped.stop,
        copied.control_file.relation_segment_blocks(),
        &prepared.databases,
    );
    let record = engine_record(prepared, copied, pages.clone())?;
    let record = serde_json::to_value(record).map_err(|error| changed(error.to_string()))?;
    let times = SetTimes {
        started: copied.started,
        ended: copied.stopped.stopped,
        consistent: copied.stopped.stopped,
    };
    let (notes, parent) = (set.notes().to_vec(), set.parent().map(|parent| parent.set.get()));
    let elapsed = SignedDuration::try_from(clock.begin.elapsed()).unwrap_or_default();
    let proven = request.now.saturating_add(elapsed).unwrap_or(request.now);
    let manifest = set.prove_and_publish(
        SetRecord {
            engine: ENGINE_NAME.to_owned(),
            server_version: prepared.facts.version_text.clone(),
            record: record.clone(),
            times,
            proven,
        },
        control,
    )?;
    let mut report = report(prepared, copied, &pages, &manifest.totals, clock);
    report["parent"] = json!(parent);
    report["notes"] = json!(notes);
    Ok(FinishedSet {
        started: times.started,
        ended: times.ended,
        consistent: times.consistent,
        source_bytes: manifest.totals.source_bytes,
        stored_bytes: manifest.totals.stored_bytes,
        new_bytes: manifest.totals.new_bytes,
        server_version: manifest.server_version,
        report,
        record,
    })
}

/// WAL with the timeline's history, then label, map and `pg_control`, in the order of stored paths.
fn add_last_files(set: &mut SetWriter<'_>, prepared: &Prepared, copied: &Copied) -> Result<(), BackupError> {
    let owner = data_owner(prepared)?;
    let entry = |path: &str, bytes: u64| SourceEntry {
        path: stored(path),
        kind: EntryKind::File { bytes },
        mode: 0o600,
        owner: owner.0,
        group: owner.1,
    };
    // `.` sorts before the digits of the timeline's segments.
    if let Some(history) = &copied.history {
        let path = format!("wal/{:08X}.history", copied.label.timeline.as_u32());
        set.add_bytes(&entry(&path, history.content.len() as u64), &history.content)?;
    }
    for segment in &copied.segments {
        set.add_streamed(&entry(&format!("wal/{}", segment.name), segment.file.bytes()), &segment.file)?;
    }
    let label = copied.stopped.label.as_bytes();
    set.add_bytes(&entry("written-last/backup_label", label.len() as u64), label)?;
    set.add_bytes(&copied.control_entry, copied.control_file.as_bytes())?;
    if !copied.stopped.map.is_empty() {
        let map = copied.stopped.map.as_bytes();
        set.add_bytes(&entry("written-last/tablespace_map", map.len() as u64), map)?;
    }
    Ok(())
}

fn data_owner(prepared: &Prepared) -> Result<(u32, u32), BackupError> {
    let path = &prepared.directory.path;
    let metadata = fs::metadata(path).map_err(|source| SourceError {
        action: "look at",
        path: path.display().to_string(),
        source,
    })?;
    Ok((metadata.uid(), metadata.gid()))
}

fn engine_record(
    prepared: &Prepared,
    copied: &Copied,
    bad_pages: Vec<BadPagesRecord>,
) -> Result<EngineRecord, BackupError> {
    let Prepared { facts, directory, .. } = prepared;
    let control = &copied.control_file;
    let owner = data_owner(prepared)?;
    let history = copied.history.as_ref().map(|file| String::from_utf8_lossy(&file.content).into_owned());
    Ok(EngineRecord {
        format: RECORD_FORMAT,
        system_identifier: facts.system_identifier.to_string(),
        server_version: facts.version_text.clone(),
        major_version: facts.version.major,
        control_version: control.control_version(),
        catalog_version: control.catalog_version(),
        block_bytes: control.block_bytes(),
        relation_segment_blocks: control.relation_segment_blocks(),
        wal_segment_bytes: control.wal_segment_size().bytes(),
        data_checksums: prepared.has_checksums(),
        wal_level: facts.setting("wal_level").to_owned(),
        from_standby: copied.label.from_standby,
        timeline: copied.label.timeline.as_u32(),
        timeline_history: history,
        checkpoint: copied.label.checkpoint.to_string(),
        start: copied.label.start.to_string(),
        stop: copied.stopped.stop.to_string(),
        started: copied.started.to_string(),
        stopped: copied.stopped.stopped.to_string(),
        backup_label: copied.stopped.label.clone(),
        tablespace_map: copied.stopped.map.clone(),
        data_directory: directory.path.display().to_string(),
        owner: owner.0,
        group: owner.1,
        tablespaces: tablespaces(prepared),
        settings: settings(prepared),
        recovery_settings: RECOVERY_SETTINGS
            .iter()
            .map(|name| ((*name).to_owned(), facts.setting(name).to_owned()))
            .collect::<BTreeMap<_, _>>(),
        locale: prepared.locale.clone(),
        databases: prepared.databases.clone(),
        bad_pages,
    })
}

fn tablespaces(prepared: &Prepared) -> Vec<TablespaceRecord> {
    let name = |oid: u32| {
        let found = prepared.tablespace_names.iter().find(|(known, _)| *known == oid);
        found.map(|(_, name)| name.clone()).unwrap_or_default()
    };
    let all = prepared.directory.tablespaces.iter();
    all.map(|tablespace| TablespaceRecord {
        oid: tablespace.oid,
        name: name(tablespace.oid),
        location: tablespace.location.as_ref().map(|location| location.display().to_string()),
    })
    .collect()
}

fn settings(prepared: &Prepared) -> SettingsRecord {
    let text = |name: &str| prepared.facts.setting(name).to_owned();
    let roots = &prepared.settings_roots;
    SettingsRecord {
        config_file: roots.config.display().to_string(),
        hba_file: roots.hba.display().to_string(),
        ident_file: roots.ident.display().to_string(),
        files: prepared.settings.files.iter().map(|file| file.path.display().to_string()).collect(),
        locations_set: prepared.settings.locations_set.iter().cloned().collect(),
        external_pid_file: text("external_pid_file"),
        stats_temp_directory: text("stats_temp_directory"),
    }
}

fn report(
    prepared: &Prepared,
    copied: &Copied,
    pages: &[BadPagesRecord],
    totals: &Totals,
    clock: &StageClock,
) -> Value {
    let bad_count: usize = pages.iter().map(|page| page.blocks.len()).sum();
    let mut warnings = prepared.warnings.clone();
    warnings.extend(copied.source.warnings());
    warnings.sort();
    warnings.dedup();
    if bad_count > 0 {
        warnings.push(format!("{bad_count} pages do not fit their checksum; they were copied as they are"));
    }
    if !prepared.has_checksums() {
        warnings.push(
            "the cluster has no data checksums, so that damaged pages go unseen; \
             stop it and run `pg_checksums --enable`"
                .to_owned(),
        );
    }
    json!({
        "stage_seconds": clock.seconds(),
        "files_planned": prepared.files_planned,
        "bytes_planned": prepared.bytes_planned,
        "source_bytes": totals.source_bytes,
        "new_bytes": totals.new_bytes,
        "reused_bytes": totals.reused_bytes,
        "wal_bytes": copied.segments.iter().map(|segment| segment.file.bytes()).sum::<u64>(),
        "pages_checked": copied.source.pages_checked(),
        "bad_pages": pages,
        "warnings": warnings,
    })
}
