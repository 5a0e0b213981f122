//! ModifyBackupPolicy: what is sent is taken over, the rest stays.
//!
//! With a `BackupPolicyMode` only the parameters of that mode count; without one, all that are sent.

mod echo;

use catalog::{BackupPolicy, PolicyCompression, Weekdays};
use rpc::{ApiError, Arguments, ErrorCode};
use serde_json::{Value, json};

use super::policy_fields::{policy_fields, released_keep_of};
use super::{ActionCall, known_fields};
use crate::context::Context;
use crate::policy::Schedule;
use crate::refusal::Refusal;

/// What a data policy is made of, sent together.
const NEEDED: [&str; 3] = ["PreferredBackupTime", "PreferredBackupPeriod", "BackupRetentionPeriod"];

pub(super) async fn run(context: &Context, call: &ActionCall) -> Result<Value, Refusal> {
    let instance = call.required_instance();
    context.catalog.find_instance(instance).await?.ok_or(ErrorCode::InvalidDBInstanceIdNotFound)?;
    let mut change = call.change(context).await?;
    let present = change.policy_for_update(instance).await?.map(|(policy, _)| policy);
    let present = present.unwrap_or_default();
    let policy = changed(&call.arguments, &present)?;
    if Schedule::of(instance, &policy) == Schedule::of(instance, &present) {
        change.put_policy_of_same_times(instance, &policy).await?;
    } else {
        change.put_policy(instance, &policy).await?;
    }
    if policy.retention_days != present.retention_days {
        let followed = change.follow_retention(instance).await?;
        let (from, to) = (present.retention_days, policy.retention_days);
        tracing::info!(%instance, from, to, followed, "the retention period changes");
    }
    change.commit().await?;
    let mut fields = policy_fields(context, instance, &policy, call.now);
    fields.insert("DBInstanceID".to_owned(), json!(instance.as_str()));
    Ok(known_fields(call.action, fields))
}

/// The policy as the call leaves it.
fn changed(arguments: &Arguments, present: &BackupPolicy) -> Result<BackupPolicy, ApiError> {
    let mode = arguments.text("BackupPolicyMode");
    let mut policy = present.clone();
    if mode != Some("LogBackupPolicy") {
        require_needed(arguments, mode.is_some())?;
        change_schedule(arguments, &mut policy)?;
        change_data(arguments, &mut policy)?;
        echo::take_over(arguments, &echo::OF_DATA, &mut policy.echoed);
    }
    if mode != Some("DataBackupPolicy") {
        if mode.is_some() && arguments.text("EnableBackupLog").is_none() {
            return Err(ApiError::about(ErrorCode::MissingParam, "EnableBackupLog"));
        }
        change_log(arguments, &mut policy)?;
        echo::take_over(arguments, &echo::OF_LOG, &mut policy.echoed);
    }
    match arguments.natural("LogBackupRetentionPeriod") {
        Some(days) if days > policy.retention_days => {
            let reason = format!("at most BackupRetentionPeriod, {}, is expected", policy.retention_days);
            let error = ErrorCode::ParamMalformed;
            return Err(ApiError::about_because(error, "LogBackupRetentionPeriod", reason));
        }
        Some(days) => policy.log_retention_days = days,
        // Logs are of no use without a set before them.
        None => policy.log_retention_days = policy.log_retention_days.min(policy.retention_days),
    }
    if policy.echoed.get("EnablePitrProtection") == Some(&json!(true)) && !policy.log_backup {
        return Err(incorrect("EnablePitrProtection needs BackupLog=Enable"));
    }
    Ok(policy)
}

/// The three are sent together: whenever the mode is named, one of them is sent, or nothing else is.
fn require_needed(arguments: &Arguments, mode_is_named: bool) -> Result<(), ApiError> {
    let missing = NEEDED.iter().find(|name| !arguments.is_sent(name));
    let all_missing = !NEEDED.iter().any(|name| arguments.is_sent(name));
    match missing {
        Some(name) if mode_is_named || !all_missing || !changes_anything(arguments) => {
            Err(ApiError::about(ErrorCode::MissingParam, name))
        }
        Some(_) | None => Ok(()),
    }
}

fn changes_anything(arguments: &Arguments) -> bool {
    let parameters = arguments.action().parameters.iter();
    let mut settings =
        parameters.filter(|parameter| !["DBInstanceId", "BackupPolicyMode"].contains(&parameter.name));
    settings.any(|parameter| arguments.is_sent(parameter.name))
}

fn change_schedule(arguments: &Arguments, policy: &mut BackupPolicy) -> Result<(), ApiError> {
    if let Some(start) = arguments.natural("PreferredBackupTime") {
        policy.window_start_minutes = start;
    }
    let numbers = arguments.integers("PreferredBackupPeriod").iter();
    if let Some(days) = Weekdays::new(numbers.filter_map(|number| u8::try_from(*number).ok())) {
        policy.weekdays = days;
    }
    if let Some(days) = arguments.natural("BackupRetentionPeriod") {
        policy.retention_days = days;
    }
    if let Some(days) = arguments.natural("FullBackupIntervalDays") {
        policy.full_interval_days = days;
    }
    let interval = arguments.natural("IncBackupInterval");
    if let Some(incremental) = arguments.boolean("EnableIncrementDataBackup") {
        policy.incremental = incremental;
        policy.incremental_interval_minutes = interval;
    }
    if interval.is_some() {
        if !policy.incremental {
            return Err(incorrect("IncBackupInterval needs EnableIncrementDataBackup=True"));
        }
        policy.incremental_interval_minutes = interval;
    }
    Ok(())
}

fn change_data(arguments: &Arguments, policy: &mut BackupPolicy) -> Result<(), ApiError> {
    if arguments.text("BackupMethod").is_some_and(|method| method != "Physical") {
        return Err(ApiError::new(ErrorCode::OperationDeniedNotSupportedBackupMethod));
    }
    if let Some(word) = arguments.text("CompressType") {
        policy.compression = if word == "0" { PolicyCompression::None } else { PolicyCompression::Zstd };
    }
    if let Some(word) = arguments.text("ReleasedKeepPolicy") {
        policy.released_keep = released_keep_of(word);
    }
    if let Some(word) = arguments.text("BackupLog") {
        policy.log_backup = word == "Enable";
    }
    let by_week = arguments.text("ArchiveBackupKeepPolicy") == Some("ByWeek");
    if by_week && arguments.natural("ArchiveBackupKeepCount").is_some_and(|count| count > 7) {
        return Err(incorrect("ArchiveBackupKeepCount is at most 7 with ArchiveBackupKeepPolicy=ByWeek"));
    }
    Ok(())
}

fn change_log(arguments: &Arguments, policy: &mut BackupPolicy) -> Result<(), ApiError> {
    let Some(word) = arguments.text("EnableBackupLog") else { return Ok(()) };
    let enable = word == "1";
    let mode_counts = arguments.text("BackupPolicyMode").is_some();
    let data_word = arguments.text("BackupLog").filter(|_| !mode_counts);
    if data_word.is_some_and(|word| (word == "Enable") != enable) {
        return Err(incorrect("BackupLog and EnableBackupLog contradict each other"));
    }
    policy.log_backup = enable;
    Ok(())
}

fn incorrect(reason: &str) -> ApiError {
    ApiError::because(ErrorCode::IncorrectBackupPolicy, reason)
}
