//! DescribeBackups: the sets, and for thirty days a row for each failed job.

use std::collections::HashMap;

use catalog::{
    BackupSet, BackupSetFilter, FailedBackup, FailedBackupFilter, Instance, Job, JobFilter, Page, Paged,
    SetStatus,
};
use jiff::{SignedDuration, Timestamp};
use repository::{BackupJobId, BackupSetId};
use rpc::{ErrorCode, render_seconds};
use serde_json::{Map, Value, json};

use super::{ActionCall, words};
use crate::context::Context;
use crate::refusal::Refusal;

/// How long a failed job is shown among the sets.
const FAILED_SHOWN: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A row of the answer, before it is rendered.
#[derive(Debug)]
enum Row {
    Set(Box<BackupSet>),
    Failed(FailedBackup),
}

impl Row {
    /// What rows are ordered by.
    fn key(&self) -> (Timestamp, BackupSetId) {
        match self {
            Self::Set(set) => (set.ended, set.origin.id),
            Self::Failed(failed) => (failed.ended, failed.set),
        }
    }
}

pub(super) async fn run(context: &Context, call: &ActionCall) -> Result<Value, Refusal> {
    let id = call.required_instance();
    let instance = context.catalog.find_instance(id).await?.ok_or(ErrorCode::InvalidDBInstanceIdNotFound)?;
    let (start, end) = call.time_range()?;
    let (first, count) = call.window();
    // Every set restores alone, so none is an IncrementalBackup.
    let any = call.arguments.text("BackupType") != Some("IncrementalBackup");
    let wants = |status| any && call.arguments.text("BackupStatus").is_none_or(|sought| sought == status);
    let failed =
        if wants("Failed") { failed_backups(context, call, (start, end)).await? } else { Vec::new() };
    let filter = BackupSetFilter { instance: call.instance.clone(), ..set_filter(call, (start, end)) };
    let window = Window { first, count, failed: failed.len() };
    let sets = if any {
        context.catalog.list_sets(&filter, window.of_sets()).await?
    } else {
        Paged { rows: Vec::new(), total: 0 }
    };
    let total = sets.total + failed.len() as u64;
    let sets = sets.rows.into_iter().map(|set| Row::Set(Box::new(set))).collect();
    let rows = window.cut(sets, failed.into_iter().map(Row::Failed).collect());
    let jobs = failed_jobs(context, &rows).await?;
    let items = rows.iter().filter_map(|row| match row {
        Row::Set(set) => {
            let mut fields =
                set_fields(context, call, set, set.host_instance.unwrap_or(instance.host_instance));
            fields.extend(further_fields(set));
            Some(fields)
        }
        Row::Failed(failed) => Some(failed_fields(failed, jobs.get(&failed.job)?, &instance)),
    });
    let items: Vec<Value> = items.map(Value::Object).collect();
    Ok(json!({
        "PageNumber": call.arguments.natural("PageNumber").unwrap_or(1),
        "PageRecordCount": items.len(),
        "TotalRecordCount": total,
        "TotalEcsSnapshotSize": 0,
        "Items": { "Backup": items },
    }))
}

/// One page of two lists, newest first, of which the second, of failed jobs, is short and known whole.
#[derive(Debug, Clone, Copy)]
struct Window {
    first: usize,
    count: usize,
    failed: usize,
}

impl Window {
    /// The sets that may be on the page: every failed job may come before it, or on it.
    fn of_sets(self) -> Page {
        let before = self.first.saturating_sub(self.failed);
        let count = self.count + self.first.min(self.failed);
        Page::rows(before as u64, u32::try_from(count).unwrap_or(u32::MAX))
    }

    /// The page's rows, from the sets of [`Window::of_sets`] and all failed jobs.
    fn cut(self, sets: Vec<Row>, mut failed: Vec<Row>) -> Vec<Row> {
        let before = self.first.saturating_sub(self.failed);
        let mut skipped = before;
        if before > 0 {
            // What is newer than the first of these sets comes with the sets before it.
            let Some(newest) = sets.first().map(Row::key) else { return Vec::new() };
            let kept = failed.split_off(failed.partition_point(|row| row.key() > newest));
            skipped += failed.len();
            failed = kept;
        }
        let mut rows: Vec<Row> = sets.into_iter().chain(failed).collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.key()));
        rows.into_iter().skip(self.first - skipped).take(self.count).collect()
    }
}

/// What every list of sets is filtered by.
pub(super) fn set_filter(
    call: &ActionCall,
    (ended_start, ended_end): (Option<Timestamp>, Option<Timestamp>),
) -> BackupSetFilter {
    BackupSetFilter {
        set: call.arguments.natural("BackupId").and_then(BackupSetId::new),
        mode: words::mode_of(call.arguments.text("BackupMode")),
        status: match call.arguments.text("BackupStatus") {
            Some("Success") => Some(SetStatus::Success),
            Some(_) => Some(SetStatus::Failed),
            None => None,
        },
        ended_start,
        ended_end,
        ..BackupSetFilter::default()
    }
}

/// What every list of sets tells of one that was read from `host`.
pub(super) fn set_fields(
    context: &Context,
    call: &ActionCall,
    set: &BackupSet,
    host: u32,
) -> Map<String, Value> {
    let good = set.status == SetStatus::Success;
    let link = call.download_link(context, set, host);
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
        "BackupSize": set.download_bytes.unwrap_or(set.size_bytes),
        "BackupDownloadURL": &link,
        "BackupIntranetDownloadURL": &link,
        "StoreStatus": "Enabled",
        "MetaStatus": "",
        "IsAvail": u8::from(good),
        "ConsistentTime": 0,
    });
    object(fields)
}

fn further_fields(set: &BackupSet) -> Map<String, Value> {
    let encryption = if set.encrypted { r#"{"Algorithm":"AES-256-GCM"}"# } else { "{}" };
    object(json!({
        "BackupInitiator": initiator(set.origin.mode),
        "BackupDownloadLinkByDB": { "BackupDownloadLinkByDB": [] },
        "StorageClass": "0",
        "Encryption": encryption,
        "Checksum": "",
        "Engine": words::engine(set.engine),
        "EngineVersion": words::major_version(set.engine, Some(&set.engine_version)),
        "ExpectExpireTime": set.expires.map(render_seconds),
    }))
}

/// The failed jobs asked for, of which few are on any page.
async fn failed_backups(
    context: &Context,
    call: &ActionCall,
    (start, ended_end): (Option<Timestamp>, Option<Timestamp>),
) -> Result<Vec<FailedBackup>, Refusal> {
    let oldest = call.now.saturating_sub(FAILED_SHOWN).unwrap_or(Timestamp::MIN);
    let filter = FailedBackupFilter {
        instance: call.required_instance().clone(),
        ended_start: start.map_or(oldest, |start| start.max(oldest)),
        ended_end,
        mode: words::mode_of(call.arguments.text("BackupMode")),
        set: call.arguments.natural("BackupId").and_then(BackupSetId::new),
    };
    Ok(context.catalog.list_failed_backups(&filter).await?)
}

/// The jobs of the failed rows.
async fn failed_jobs(context: &Context, rows: &[Row]) -> Result<HashMap<BackupJobId, Job>, Refusal> {
    let failed = rows.iter().filter_map(|row| match row {
        Row::Set(_) => None,
        Row::Failed(failed) => Some(failed.job),
    });
    let jobs: Vec<BackupJobId> = failed.collect();
    if jobs.is_empty() {
        return Ok(HashMap::new());
    }
    let page = Page::rows(0, u32::try_from(jobs.len()).unwrap_or(u32::MAX));
    let filter = JobFilter { jobs: Some(jobs), ..JobFilter::default() };
    let jobs = context.catalog.list_jobs(&filter, page).await?.rows;
    Ok(jobs.into_iter().map(|job| (job.id, job)).collect())
}

/// A failed job in the form of a set that is none. Its number was reserved for the job and is no set's.
fn failed_fields(failed: &FailedBackup, job: &Job, instance: &Instance) -> Map<String, Value> {
    let version = instance.engine_version.as_deref();
    object(json!({
        "BackupId": failed.set.to_string(),
        "DBInstanceId": instance.id.to_string(),
        "HostInstanceID": instance.host_instance.to_string(),
        "BackupStatus": "Failed",
        "BackupStartTime": render_seconds(job.started.unwrap_or(job.created)),
        "BackupEndTime": render_seconds(failed.ended),
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
        "EngineVersion": version.map(|version| words::major_version(instance.engine, Some(version))),
    }))
}

fn initiator(mode: catalog::BackupMode) -> &'static str {
    match mode {
        catalog::BackupMode::Automated => "System",
        catalog::BackupMode::Manual => "User",
    }
}

fn object(fields: Value) -> Map<String, Value> {
    let Value::Object(fields) = fields else { unreachable!("it was written as an object") };
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(keys: &[u32]) -> Vec<Row> {
        let row = |key: &u32| {
            Row::Failed(FailedBackup {
                job: BackupJobId::new(*key).expect("a number"),
                set: BackupSetId::new(*key).expect("a number"),
                ended: Timestamp::from_second(i64::from(*key)).expect("a time"),
            })
        };
        keys.iter().map(row).collect()
    }

    /// Every page of every mixture is what the whole list sorted has there.
    #[test]
    fn pages_of_two_lists_are_those_of_their_merge() {
        for mixture in 0_u32..1 << 8 {
            let is_failed = |key: &u32| mixture & (1 << (key - 1)) != 0;
            let all: Vec<u32> = (1..=8).rev().collect();
            let failed: Vec<u32> = all.iter().copied().filter(is_failed).collect();
            let sets: Vec<u32> = all.iter().copied().filter(|key| !is_failed(key)).collect();
            for count in 1..=9 {
                for first in (0..=18).step_by(count) {
                    let window = Window { first, count, failed: failed.len() };
                    let before = first.saturating_sub(failed.len());
                    let needed = u32::try_from(count + first.min(failed.len())).expect("small");
                    assert_eq!(window.of_sets(), Page::rows(before as u64, needed));
                    let shown: Vec<u32> =
                        sets.iter().copied().skip(before).take(count + first.min(failed.len())).collect();
                    let page = window.cut(rows(&shown), rows(&failed));
                    let page: Vec<u32> = page.iter().map(|row| row.key().1.get()).collect();
                    let expect: Vec<u32> = all.iter().copied().skip(first).take(count).collect();
                    assert_eq!(page, expect, "{mixture:b} {first} {count}");
                }
            }
        }
    }
}
