//! CancelBackupJob, an extension: the job becomes Failed, cause Cancelled, once its worker has stopped.

use catalog::CancelOutcome;
use rpc::ErrorCode;
use serde_json::{Value, json};

use super::ActionCall;
use super::describe_backup_job_report::visible_job;
use crate::context::Context;
use crate::refusal::Refusal;

pub(super) async fn run(context: &Context, call: &ActionCall) -> Result<Value, Refusal> {
    let job = visible_job(context, call).await?.id;
    let mut change = call.change(context).await?;
    match change.cancel_job(job).await? {
        CancelOutcome::Cancelled | CancelOutcome::Requested => {}
        CancelOutcome::Ended => return Err(ErrorCode::IncorrectBackupJobState.into()),
        CancelOutcome::NotFound => return Err(ErrorCode::InvalidBackupJobIdNotFound.into()),
    }
    change.commit().await?;
    tracing::info!(%job, "cancel asked for");
    Ok(json!({ "BackupJobId": job.to_string() }))
}
