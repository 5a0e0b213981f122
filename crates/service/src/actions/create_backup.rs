//! CreateBackup: asks for a backup; the runner makes it.

use catalog::{BackupMode, EnqueueError, NewBackupJob};
use jiff::Timestamp;
use rpc::{ApiError, ErrorCode};
use serde_json::{Value, json};

use super::ActionCall;
use super::policy_fields::policy_of;
use crate::backup_parameters::BackupParameters;
use crate::context::Context;
use crate::refusal::Refusal;

const SECONDS_PER_DAY: i64 = 24 * 60 * 60;

pub(super) async fn run(context: &Context, call: &ActionCall) -> Result<Value, Refusal> {
    check(call)?;
    let instance = call.required_instance();
    let registered = context.catalog.find_instance(instance).await?;
    let registered = registered.ok_or(ErrorCode::InvalidDBInstanceIdNotFound)?;
    if !context.engines.supports(registered.engine) {
        return Err(ErrorCode::IncorrectDBInstanceEngine.into());
    }
    if call.arguments.required_text("BackupMethod") != "Physical" {
        let reason = "backups read the server's files, so use BackupMethod=Physical";
        return Err(ApiError::because(ErrorCode::OperationDeniedNotSupported, reason).into());
    }
    let retention_days = match call.arguments.integer("BackupRetentionPeriod") {
        None => Some(policy_of(context, instance, call.now).await?.retention_days),
        // -1: for ever.
        Some(days) => u32::try_from(days).ok(),
    };
    let full = call.arguments.required_text("BackupType") == "FullBackup";
    let parameters = BackupParameters { full, retention_days };
    let mut change = call.change(context).await?;
    let job = NewBackupJob {
        instance: instance.clone(),
        repository: context.repository.id(),
        mode: BackupMode::Manual,
        parameters: parameters.to_json(),
        due: call.now,
    };
    let job = change.enqueue_backup(job).await.map_err(refused)?;
    if let Some(limit) = context.config.backups_per_day_max {
        let asked = change.manual_backups_since(instance, start_of_day(call.now)).await?;
        if asked > u64::from(limit.get()) {
            change.undo().await?;
            return Err(ErrorCode::BackupTimesExceeded.into());
        }
    }
    change.commit().await?;
    tracing::info!(%job, %instance, "backup asked for");
    Ok(json!({ "BackupJobId": job.to_string() }))
}

/// In UTC, as the limit counts days.
fn start_of_day(now: Timestamp) -> Timestamp {
    let seconds = now.as_second().div_euclid(SECONDS_PER_DAY) * SECONDS_PER_DAY;
    Timestamp::from_second(seconds).unwrap_or(now)
}

fn check(call: &ActionCall) -> Result<(), ApiError> {
    let arguments = &call.arguments;
    let of_databases = arguments.required_text("BackupStrategy") == "db";
    let rule = match (of_databases, arguments.text("DBName").is_some()) {
        (true, _) if arguments.required_text("BackupMethod") != "Logical" => {
            "BackupStrategy=db needs BackupMethod=Logical."
        }
        (true, false) => "BackupStrategy=db needs DBName.",
        (false, true) => "DBName needs BackupStrategy=db.",
        (true, true) | (false, false) => "",
    };
    if !rule.is_empty() {
        return Err(ApiError::new(ErrorCode::InvalidParameterCombination).with_message(rule));
    }
    Ok(())
}

fn refused(error: EnqueueError) -> Refusal {
    match error {
        EnqueueError::JobExists { .. } => ErrorCode::BackupJobExists.into(),
        EnqueueError::InstanceNotFound { .. } => ErrorCode::InvalidDBInstanceIdNotFound.into(),
        EnqueueError::Catalog(error) => error.into(),
        other => Refusal::internal(other.to_string()),
    }
}
