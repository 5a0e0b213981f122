//! DescribeBackupJobReport, an extension: what one job did, in figures.

use catalog::{Job, JobKind};
use repository::BackupJobId;
use rpc::ErrorCode;
use serde_json::{Map, Value};

use super::{ActionCall, words};
use crate::context::Context;
use crate::refusal::Refusal;

pub(super) async fn run(context: &Context, call: &ActionCall) -> Result<Value, Refusal> {
    let job = visible_job(context, call).await?;
    let mut fields = words::job_fields(&job);
    if let Some(Value::Object(report)) = context.catalog.find_job_report(job.id).await? {
        add_report(call, &mut fields, report);
    }
    Ok(super::known_fields(call.action, fields))
}

/// The backup job that the call names, where the caller may see its instance.
pub(super) async fn visible_job(context: &Context, call: &ActionCall) -> Result<Job, Refusal> {
    let id = call.arguments.natural("BackupJobId").and_then(BackupJobId::new);
    let id = id.ok_or(ErrorCode::InvalidBackupJobIdNotFound)?;
    let job = context.catalog.find_job(id).await?;
    let visible = |job: &Job| {
        let asked = |instance| call.instance.as_ref().is_none_or(|asked| asked == instance);
        job.kind == JobKind::Backup
            && job.instance.as_ref().is_some_and(|instance| call.caller.sees(instance) && asked(instance))
    };
    job.filter(visible).ok_or_else(|| ErrorCode::InvalidBackupJobIdNotFound.into())
}

/// Adds what the engine and the runner reported, as far as the operation has such fields. One that is of
/// another type than the operation says was written by another release, and is left out.
fn add_report(call: &ActionCall, fields: &mut Map<String, Value>, report: Map<String, Value>) {
    for (name, value) in report {
        if value.is_null()
            || fields.contains_key(&name)
            || !call.action.response.iter().any(|field| field.name == name)
        {
            continue;
        }
        let alone = Value::Object(Map::from_iter([(name.clone(), value.clone())]));
        match call.action.check_response(&alone) {
            Ok(()) => drop(fields.insert(name, value)),
            Err(mismatch) => tracing::debug!("a job's report is not shown whole: {mismatch}"),
        }
    }
}
