//! DescribeTasks: every job of an instance.

use catalog::{Job, JobFilter, Paged};
use rpc::render_minutes;
use serde_json::{Value, json};

use super::{ActionCall, task_words};
use crate::context::Context;
use crate::refusal::Refusal;

pub(super) async fn run(context: &Context, call: &ActionCall) -> Result<Value, Refusal> {
    context.known.require(&context.catalog, call.required_instance()).await?;
    let (created_start, created_end) = call.time_range()?;
    let filter =
        JobFilter { instance: call.instance.clone(), created_start, created_end, ..JobFilter::default() };
    let filter = match call.arguments.text("TaskAction") {
        Some(word) => task_words::of_action(filter, word),
        None => Some(filter),
    };
    let paged = match filter {
        Some(filter) => context.catalog.list_jobs(&filter, call.page()?).await?,
        None => Paged { rows: Vec::new(), total: 0 },
    };
    let items: Vec<Value> = paged.rows.iter().map(row).collect();
    Ok(json!({
        "PageNumber": call.arguments.natural("PageNumber").unwrap_or(1),
        "PageRecordCount": items.len(),
        "TotalRecordCount": paged.total,
        "Items": { "TaskProgressInfo": items },
    }))
}

fn row(job: &Job) -> Value {
    let failure = task_words::failure(job);
    json!({
        "BeginTime": render_minutes(job.created),
        "CurrentStepName": task_words::step(job.stage),
        "FinishTime": job.ended().map(render_minutes),
        "Progress": job.process.get().to_string(),
        "Status": task_words::status(job),
        "TaskAction": task_words::action(job.kind, job.mode),
        "TaskErrorCode": failure.map(|failure| &failure.code),
        "TaskErrorMessage": failure.map(|failure| &failure.message),
        "TaskId": job.id.to_string(),
    })
}
