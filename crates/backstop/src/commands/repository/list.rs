//! `backstop repository list`: the sets, from their manifests.

use repository::{InstanceId, JobMode, Manifest, Repository};
use serde_json::{Value, json};

use crate::command_line::OutputFormat;
use crate::failure::Outcome;
use crate::output::{self, Column};

const COLUMNS: [Column; 8] = [
    Column::plain("BACKUP", "BackupId"),
    Column::plain("INSTANCE", "DBInstanceId"),
    Column::plain("START", "BackupStartTime"),
    Column::plain("END", "BackupEndTime"),
    Column::bytes("DATABASE", "SourceBytes"),
    Column::bytes("STORED", "BackupSize"),
    Column::bytes("ADDED", "NewBytes"),
    Column::plain("VERSION", "EngineVersion"),
];

pub(super) fn run(
    repository: &Repository,
    id: Option<&InstanceId>,
    format: OutputFormat,
) -> anyhow::Result<Outcome> {
    let mut sets = Vec::new();
    let mut outcome = Outcome::Done;
    for instance in repository.instances()? {
        if id.is_some_and(|id| *id != instance) {
            continue;
        }
        let found = repository.readable_sets(&instance)?;
        // One damaged manifest must not hide the other sets.
        for error in &found.damaged {
            eprintln!("error: {}", service::error_chain(error));
            outcome = Outcome::Failed;
        }
        sets.extend(found.sets.iter().rev().map(set_object));
    }
    let count = sets.len();
    let object = json!({
        "Items": {"Backup": sets}, "PageNumber": 1, "PageRecordCount": count, "TotalRecordCount": count,
    });
    output::rows(format, &object, crate::client::rows(&object, "Backup"), &COLUMNS)?;
    Ok(outcome)
}

/// A set with the field names of DescribeBackups; what only we know has names of the job's report.
fn set_object(manifest: &Manifest) -> Value {
    let Manifest { origin, mode, started, ended, consistent, engine, server_version, parent, totals, .. } =
        manifest;
    let mode = match mode {
        JobMode::Manual => "Manual",
        JobMode::Automated => "Automated",
    };
    let mut set = json!({
        "BackupId": origin.set.to_string(),
        "DBInstanceId": origin.instance.as_str(),
        "BackupStatus": "Success",
        "BackupStartTime": rpc::render_seconds(*started),
        "BackupEndTime": rpc::render_seconds(*ended),
        "BackupMode": mode,
        "BackupSize": totals.stored_bytes,
        "BackupJobId": origin.job.to_string(),
        "ConsistentTime": consistent.as_second(),
        "Engine": engine,
        "EngineVersion": server_version,
        "Files": totals.files,
        "SourceBytes": totals.source_bytes,
        "NewBytes": totals.new_bytes,
    });
    if let Some(parent) = parent {
        set["ParentBackupId"] = parent.set.to_string().into();
    }
    set
}
