//! DescribeHistoryTasks: jobs of all instances, asked for in a range of time.

use catalog::{Instance, Job, JobFilter, Paged};
use jiff::SignedDuration;
use repository::{BackupJobId, InstanceId};
use rpc::{ApiError, ErrorCode, render_seconds};
use serde_json::{Value, json};

use super::describe_regions::is_elsewhere;
use super::{ActionCall, task_words, words};
use crate::context::Context;
use crate::refusal::Refusal;

/// Instances that one call may name.
const INSTANCES_MAX: usize = 30;

pub(super) async fn run(context: &Context, call: &ActionCall) -> Result<Value, Refusal> {
    let filter = filter(call)?.filter(|_| !is_elsewhere(context, call, "RegionId"));
    let paged = match filter {
        Some(filter) => context.catalog.list_jobs(&filter, call.page()?).await?,
        None => Paged { rows: Vec::new(), total: 0 },
    };
    let instances = paged.rows.iter().filter_map(|job| job.instance.as_ref());
    let instances = context.catalog.find_instances_ever(instances).await?;
    let row = |job: &Job| {
        let instance = job.instance.as_ref().and_then(|id| instances.get(id));
        row(job, instance, &context.config.region)
    };
    let items: Vec<Value> = paged.rows.iter().map(row).collect();
    Ok(json!({
        "Items": items,
        "PageNumber": call.arguments.natural("PageNumber").unwrap_or(1),
        "PageSize": call.arguments.natural("PageSize").unwrap_or(10),
        "TotalCount": paged.total,
    }))
}

/// The catalog's filter; `None` when nothing can match.
fn filter(call: &ActionCall) -> Result<Option<JobFilter>, Refusal> {
    let arguments = &call.arguments;
    let (start, end) = (arguments.time("FromStartTime"), arguments.time("ToStartTime"));
    if end <= start {
        return Err(ErrorCode::InvalidParameterCombination.into());
    }
    let numbers = arguments.integers("TaskId").iter();
    let jobs =
        numbers.filter_map(|id| u32::try_from(*id).ok().and_then(BackupJobId::new)).collect::<Vec<_>>();
    let seconds =
        |name| arguments.integer(name).filter(|seconds| *seconds > 0).map(SignedDuration::from_secs);
    let filter = JobFilter {
        instances: instances(call)?,
        jobs: Some(jobs).filter(|jobs| !jobs.is_empty()),
        created_start: start,
        created_end: end,
        took_min: seconds("FromExecTime"),
        took_max: seconds("ToExecTime"),
        ..JobFilter::default()
    };
    if arguments.text("InstanceType").is_some_and(|kind| kind != "Instance") {
        return Ok(None);
    }
    let filter = match arguments.text("Status") {
        Some(word) => task_words::of_status(filter, word),
        None => filter,
    };
    Ok(match arguments.text("TaskType") {
        Some(word) => task_words::of_action(filter, word),
        None => Some(filter),
    })
}

/// Those that the call names, else those that the caller may see; `None`: all.
fn instances(call: &ActionCall) -> Result<Option<Vec<InstanceId>>, Refusal> {
    let Some(text) = call.arguments.text("InstanceId") else {
        return Ok(call.caller.instances.as_ref().map(|instances| instances.to_vec()));
    };
    if text.split(',').count() > INSTANCES_MAX {
        let reason = format!("at most {INSTANCES_MAX} are expected");
        return Err(ApiError::about_because(ErrorCode::ParamMalformed, "InstanceId", reason).into());
    }
    // A text that cannot be an id is not the id of any instance.
    let instances: Vec<InstanceId> = text.split(',').filter_map(|id| id.trim().parse().ok()).collect();
    for instance in &instances {
        call.caller.require_instance(call.action, instance)?;
    }
    Ok(Some(instances))
}

fn row(job: &Job, instance: Option<&Instance>, region: &str) -> Value {
    json!({
        "CurrentStepName": task_words::step(job.stage),
        "DbType": instance.map(|instance| words::engine(instance.engine)),
        "EndTime": job.ended().map(render_seconds),
        "InstanceId": job.instance.as_ref().map(ToString::to_string),
        "InstanceName": instance.and_then(|instance| instance.description.as_deref()),
        "InstanceType": "Instance",
        "Product": "rds",
        "Progress": job.process.get(),
        "ReasonCode": task_words::failure(job).map(|failure| &failure.code),
        "RegionId": region,
        "StartTime": render_seconds(job.created),
        "Status": task_words::status(job),
        "TaskId": job.id.to_string(),
        "TaskType": task_words::action(job.kind, job.mode),
    })
}
