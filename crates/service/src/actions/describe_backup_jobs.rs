//! DescribeBackupJobs, an extension: jobs in every state, with their times and failures.

mod wait;

use catalog::{Job, JobFilter, JobKind, JobPhase, JobStage, Paged};
use repository::BackupJobId;
use serde_json::{Value, json};

use super::{ActionCall, words};
use crate::context::Context;
use crate::refusal::Refusal;

pub(crate) use wait::JobWaits;

pub(super) async fn run(context: &Context, call: &ActionCall) -> Result<Value, Refusal> {
    if let Some(instance) = &call.instance {
        context.known.require(&context.catalog, instance).await?;
    }
    let filter = filter(call)?;
    wait::wait(context, call).await?;
    let Paged { rows, total } = context.catalog.list_jobs(&filter, call.page()?).await?;
    let items: Vec<Value> = rows.iter().map(row).collect();
    Ok(json!({
        "PageNumber": call.arguments.natural("PageNumber").unwrap_or(1),
        "PageRecordCount": items.len(),
        "TotalRecordCount": total,
        "Items": { "BackupJob": items },
    }))
}

fn row(job: &Job) -> Value {
    let mut fields = words::job_fields(job);
    let token = words::state_token(job.state.phase(), job.stage, job.process);
    fields.insert("StateToken".to_owned(), token.into());
    Value::Object(fields)
}

/// Which jobs the call asks for.
fn filter(call: &ActionCall) -> Result<JobFilter, Refusal> {
    let (created_start, created_end) = call.time_range()?;
    let (phase, stages): (_, Option<&[JobStage]>) = match call.arguments.text("BackupStatus") {
        None => (None, None),
        Some("NoStart") => (Some(JobPhase::Queued), None),
        Some("Finished") => (Some(JobPhase::Succeeded), None),
        Some("Failed") => (Some(JobPhase::Failed), None),
        Some("Checking") => (Some(JobPhase::Running), Some(&[JobStage::NoStart, JobStage::Checking])),
        Some("Preparing") => (Some(JobPhase::Running), Some(&[JobStage::Preparing])),
        Some("Waiting") => (Some(JobPhase::Running), Some(&[JobStage::Waiting])),
        Some(_) => (Some(JobPhase::Running), Some(&[JobStage::Uploading, JobStage::Proving])),
    };
    let restricted = call.caller.instances.as_ref().filter(|_| call.instance.is_none());
    Ok(JobFilter {
        instance: call.instance.clone(),
        instances: restricted.map(|instances| instances.to_vec()),
        kind: Some(JobKind::Backup),
        phases: phase.map(|phase| vec![phase]),
        stages: stages.map(<[JobStage]>::to_vec),
        mode: words::mode_of(call.arguments.text("BackupMode")),
        job: call.arguments.natural("BackupJobId").and_then(BackupJobId::new),
        created_start,
        created_end,
        ..JobFilter::default()
    })
}
