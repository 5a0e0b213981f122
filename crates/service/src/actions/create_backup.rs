//! CreateBackup: asks for a backup; the runner makes it.

use catalog::{BackupMode, EnqueueError, NewBackupJob};
use rpc::{ApiError, ErrorCode};
use serde_json::{Value, json};

use super::ActionCall;
use crate::backup_parameters::{BackupParameters, RETENTION_DAYS};
use crate::context::Context;
use crate::refusal::Refusal;

pub(super) async fn run(context: &Context, call: &ActionCall) -> Result<Value, Refusal> {
    let parameters = parameters(call)?;
    let instance = call.required_instance();
    let registered = context.catalog.find_instance(instance).await?;
    let registered = registered.ok_or(ErrorCode::InvalidDBInstanceIdNotFound)?;
    if !context.engines.supports(registered.engine) {
        return Err(ErrorCode::IncorrectDBInstanceEngine.into());
    }
    let mut change = call.change(context).await?;
    let job = NewBackupJob {
        instance: instance.clone(),
        repository: context.repository.id(),
        mode: BackupMode::Manual,
        parameters: parameters.to_json(),
        due: call.now,
    };
    let job = change.enqueue_backup(job).await.map_err(refused)?;
    change.commit().await?;
    tracing::info!(%job, %instance, "backup asked for");
    Ok(json!({ "BackupJobId": job.to_string() }))
}

fn parameters(call: &ActionCall) -> Result<BackupParameters, ApiError> {
    let arguments = &call.arguments;
    if arguments.required_text("BackupMethod") != "Physical" {
        return Err(ApiError::about(ErrorCode::ParamValueNotSupport, "BackupMethod"));
    }
    if arguments.required_text("BackupStrategy") != "instance" {
        let error = ApiError::new(ErrorCode::InvalidParameterCombination);
        return Err(error.with_message("BackupStrategy=db needs BackupMethod=Logical."));
    }
    if arguments.text("DBName").is_some() {
        let error = ApiError::new(ErrorCode::InvalidParameterCombination);
        return Err(error.with_message("DBName needs BackupStrategy=db."));
    }
    let retention_days = match arguments.integer("BackupRetentionPeriod") {
        None => Some(RETENTION_DAYS),
        Some(days) => u32::try_from(days).ok(),
    };
    Ok(BackupParameters { full: arguments.required_text("BackupType") == "FullBackup", retention_days })
}

fn refused(error: EnqueueError) -> Refusal {
    match error {
        EnqueueError::JobExists { .. } => ErrorCode::BackupJobExists.into(),
        EnqueueError::InstanceNotFound { .. } => ErrorCode::InvalidDBInstanceIdNotFound.into(),
        EnqueueError::Catalog(error) => error.into(),
        other => Refusal::internal(other.to_string()),
    }
}
