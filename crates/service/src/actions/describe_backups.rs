//! DescribeBackups: the sets, and for thirty days a row for each failed job.

use catalog::{BackupSet, BackupSetFilter, Job, JobFilter, JobKind, JobPhase, JobState, Page, SetStatus};
use jiff::{SignedDuration, Timestamp};
use repository::BackupSetId;
use rpc::{ErrorCode, render_seconds};
use serde_json::{Value, json};

use super::{ActionCall, words};
use crate::context::Context;
use crate::refusal::Refusal;

/// How long a failed job is shown among the sets.
const FAILED_SHOWN: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Rows read in one go.
const SCAN_ROWS: u32 = 100;

/// A row of the answer, with what it is ordered by.
struct Row {
    ended: Timestamp,
    id: u32,
    fields: Value,
}

pub(super) async fn run(context: &Context, call: &ActionCall) -> Result<Value, Refusal> {
    let id = call.required_instance();
    let instance = context.catalog.find_instance(id).await?.ok_or(ErrorCode::InvalidDBInstanceIdNotFound)?;
    let range = call.time_range()?;
    let (first, count) = call.window();
    let mut total = 0;
    let mut rows = Vec::new();
    // Every set restores alone, so none is an IncrementalBackup.
    if call.arguments.text("BackupType") != Some("IncrementalBackup") {
        if call.arguments.text("BackupStatus") != Some("Failed") {
            total +=
                newest_sets(context, call, range, first.saturating_add(count), &mut rows, &instance).await?;
        }
        if call.arguments.text("BackupStatus") != Some("Success") {
            let failed = failed_jobs(context, call, range, &instance).await?;
            total += failed.len() as u64;
            rows.extend(failed);
        }
    }
    rows.sort_by_key(|row| std::cmp::Reverse((row.ended, row.id)));
    let items: Vec<Value> = rows.into_iter().skip(first).take(count).map(|row| row.fields).collect();
    Ok(json!({
        "PageNumber": call.arguments.natural("PageNumber").unwrap_or(1),
        "PageRecordCount": items.len(),
        "TotalRecordCount": total,
        "TotalEcsSnapshotSize": 0,
        "Items": { "Backup": items },
    }))
}

/// The newest sets, as many as the page may need, and how many there are.
async fn newest_sets(
    context: &Context,
    call: &ActionCall,
    (ended_start, ended_end): (Option<Timestamp>, Option<Timestamp>),
    needed: usize,
    rows: &mut Vec<Row>,
    instance: &catalog::Instance,
) -> Result<u64, Refusal> {
    let filter = BackupSetFilter {
        instance: Some(instance.id.clone()),
        set: call.arguments.natural("BackupId").and_then(BackupSetId::new),
        mode: words::mode_of(call.arguments.text("BackupMode")),
        status: None,
        backup_type: None,
        ended_start,
        ended_end,
    };
    for number in 1.. {
        let page = Page::new(number, SCAN_ROWS).expect("pages from 1, of some rows");
        let paged = context.catalog.list_sets(&filter, page).await?;
        let last = paged.rows.len() < SCAN_ROWS as usize;
        rows.extend(paged.rows.iter().map(|set| set_row(set, instance)));
        if last || rows.len() >= needed {
            return Ok(paged.total);
        }
    }
    unreachable!("some page is the last one")
}

fn set_row(set: &BackupSet, instance: &catalog::Instance) -> Row {
    let good = set.status == SetStatus::Success;
    let host = set.host_instance.unwrap_or(instance.host_instance);
    let encryption = if set.encrypted { r#"{"Algorithm":"AES-256-GCM"}"# } else { "{}" };
    let fields = json!({
        "BackupId": set.origin.id.to_string(),
        "DBInstanceId": set.origin.instance.to_string(),
        "HostInstanceID": host.to_string(),
        "BackupStatus": if good { "Success" } else { "Failed" },
        "BackupStartTime": render_seconds(set.started),
        "BackupEndTime": render_seconds(set.ended),
        "BackupType": "FullBackup",
        "BackupMode": words::mode(set.origin.mode),
        "BackupMethod": words::method(set.method),
        "BackupInitiator": initiator(set.origin.mode),
        "BackupSize": set.size_bytes,
        "BackupDownloadURL": "",
        "BackupIntranetDownloadURL": "",
        "BackupDownloadLinkByDB": { "BackupDownloadLinkByDB": [] },
        "StoreStatus": "Enabled",
        "MetaStatus": "",
        "IsAvail": u8::from(good),
        "ConsistentTime": 0,
        "StorageClass": "0",
        "Encryption": encryption,
        "Checksum": "",
        "Engine": words::engine(set.engine),
        "EngineVersion": words::major_version(set.engine, Some(&set.engine_version)),
        "ExpectExpireTime": set.expires.map(render_seconds),
    });
    Row { ended: set.ended, id: set.origin.id.get(), fields }
}

async fn failed_jobs(
    context: &Context,
    call: &ActionCall,
    (start, end): (Option<Timestamp>, Option<Timestamp>),
    instance: &catalog::Instance,
) -> Result<Vec<Row>, Refusal> {
    let oldest = call.now.saturating_sub(FAILED_SHOWN).unwrap_or(Timestamp::MIN);
    let asked = call.arguments.natural("BackupId");
    let filter = JobFilter {
        instance: Some(instance.id.clone()),
        kind: Some(JobKind::Backup),
        phases: Some(vec![JobPhase::Failed]),
        mode: words::mode_of(call.arguments.text("BackupMode")),
        job: None,
    };
    let mut rows = Vec::new();
    for number in 1.. {
        let page = Page::new(number, SCAN_ROWS).expect("pages from 1, of some rows");
        let jobs = context.catalog.list_jobs(&filter, page).await?.rows;
        // Newest first; no job that matters was asked for more than a day before it is forgotten.
        let done = jobs.len() < SCAN_ROWS as usize
            || jobs.last().is_some_and(|job| job.created < oldest - SignedDuration::from_hours(24));
        let shown = |row: &Row| {
            row.ended >= oldest
                && start.is_none_or(|start| row.ended >= start)
                && end.is_none_or(|end| row.ended < end)
                && asked.is_none_or(|asked| asked == row.id)
        };
        rows.extend(jobs.iter().filter_map(|job| failed_row(job, instance)).filter(shown));
        if done {
            break;
        }
    }
    Ok(rows)
}

/// A failed job in the form of a set that is none. Its number was reserved for the job and is no set's.
fn failed_row(job: &Job, instance: &catalog::Instance) -> Option<Row> {
    let JobState::Failed { ended, .. } = job.state else { return None };
    let id = job.reserved_set?;
    let fields = json!({
        "BackupId": id.to_string(),
        "DBInstanceId": instance.id.to_string(),
        "HostInstanceID": instance.host_instance.to_string(),
        "BackupStatus": "Failed",
        "BackupStartTime": render_seconds(job.started.unwrap_or(job.created)),
        "BackupEndTime": render_seconds(ended),
        "BackupType": "FullBackup",
        "BackupMode": words::mode(job.mode),
        "BackupMethod": "Physical",
        "BackupInitiator": initiator(job.mode),
        "BackupSize": 0,
        "BackupDownloadURL": "",
        "BackupIntranetDownloadURL": "",
        "BackupDownloadLinkByDB": { "BackupDownloadLinkByDB": [] },
        "StoreStatus": "Disabled",
        "MetaStatus": "EMPTY",
        "IsAvail": 0,
        "ConsistentTime": 0,
        "StorageClass": "0",
        "Encryption": "{}",
        "Checksum": "",
        "Engine": words::engine(instance.engine),
        "EngineVersion": words::major_version(instance.engine, instance.engine_version.as_deref()),
    });
    Some(Row { ended, id: id.get(), fields })
}

fn initiator(mode: catalog::BackupMode) -> &'static str {
    match mode {
        catalog::BackupMode::Automated => "System",
        catalog::BackupMode::Manual => "User",
    }
}
