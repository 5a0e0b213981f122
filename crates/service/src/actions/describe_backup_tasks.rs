//! DescribeBackupTasks: the most frequent call, so one statement once the instance is known, and mostly none, for
//! the catalog remembers jobs.

use catalog::{BackupJobQuery, JobPhase, JobSummary};
use repository::BackupJobId;
use serde_json::{Value, json};

use super::{ActionCall, words};
use crate::context::Context;
use crate::refusal::Refusal;

pub(super) async fn run(context: &Context, call: &ActionCall) -> Result<Value, Refusal> {
    let instance = call.required_instance();
    context.known.require(&context.catalog, instance).await?;
    let job = call.arguments.natural("BackupJobId").and_then(BackupJobId::new);
    let phase = match call.arguments.text("BackupJobStatus") {
        Some("NoStart") => Some(JobPhase::Queued),
        Some(_) => Some(JobPhase::Running),
        None => None,
    };
    let mode = words::mode_of(call.arguments.text("BackupMode"));
    let query = BackupJobQuery { instance: instance.clone(), job, phase, mode };
    let jobs = context.catalog.watch_backup_jobs(&query).await?;
    let rows: Vec<Value> = jobs.iter().map(|summary| row(summary, job.is_some())).collect();
    Ok(json!({ "Items": { "BackupJob": rows } }))
}

/// The set's id appears only where one job was asked for, as the API has it.
fn row(job: &JobSummary, asked_by_id: bool) -> Value {
    let (status, progress_status) = words::statuses(job.phase, job.stage);
    let set = job.set.filter(|_| asked_by_id).map(|set| set.to_string());
    json!({
        "BackupId": set,
        "BackupJobId": job.id.to_string(),
        "BackupProgressStatus": progress_status,
        "BackupStatus": status,
        "JobMode": words::mode(job.mode),
        "Process": job.process.get().to_string(),
        "TaskAction": words::task_action(job.mode),
    })
}
