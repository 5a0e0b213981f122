//! Operations of the API that this service does not do. Their parameters are checked as those of any other, so
//! that a caller hears of a mistake first; then they are refused, and nothing is changed.

use rpc::{ApiError, ErrorCode};
use serde_json::Value;

use super::{ActionCall, restorable};
use crate::context::Context;
use crate::refusal::Refusal;

/// The operations, and what to do instead.
const OPERATIONS: &[(&str, &str)] = &[
    ("CloneDBInstance", RESTORE),
    ("CreateDBInstance", "servers are not made here; RegisterDBInstance makes an existing one known"),
    ("CreateTempDBInstance", RESTORE),
    ("ModifyInstanceCrossBackupPolicy", "sets are not copied to another region yet"),
    ("RecoveryDBInstance", RESTORE),
    ("RestoreTable", RESTORE),
];

const RESTORE: &str = "a set is restored into a new data directory with `backstop restore`";

/// Whether the operation is one of these.
pub(super) fn covers(action: &str) -> bool {
    OPERATIONS.iter().any(|(name, _)| *name == action)
}

pub(super) async fn run(context: &Context, call: &ActionCall) -> Result<Value, Refusal> {
    if let Some(instance) = &call.instance {
        context.known.require(&context.catalog, instance).await?;
    }
    let has = |name| call.action.parameter(name).is_some();
    if has("BackupId") && has("RestoreTime") {
        check_source(context, call).await?;
    }
    if has("TableMeta") {
        check_tables(call)?;
    }
    if has("PayType") && has("Period") && call.arguments.text("PayType") == Some("Prepaid") {
        require(call, "Period", call.arguments.text("Period").is_some())?;
    }
    let instead = OPERATIONS.iter().find(|(name, _)| *name == call.action.name);
    let reason = instead.map_or(RESTORE, |(_, reason)| reason);
    Err(ApiError::because(ErrorCode::OperationDeniedNotSupported, reason).into())
}

/// A set that there is, or a moment of an instance.
async fn check_source(context: &Context, call: &ActionCall) -> Result<(), Refusal> {
    if let Some(number) = call.arguments.natural("BackupId") {
        let set = restorable::find(context, call.instance.as_ref(), number).await?;
        if !call.caller.sees(&set.origin.instance) {
            return Err(ErrorCode::InvalidBackupSetIdNotFound.into());
        }
        return Ok(());
    }
    require(call, "BackupId", call.arguments.time("RestoreTime").is_some())?;
    require(call, "DBInstanceId", call.instance.is_some())
}

fn check_tables(call: &ActionCall) -> Result<(), Refusal> {
    let whole =
        call.action.parameter("RestoreTable").is_some() && call.arguments.text("RestoreTable") != Some("1");
    let Some(text) = call.arguments.text("TableMeta") else {
        return require(call, "TableMeta", whole);
    };
    let tables = serde_json::from_str::<Vec<serde_json::Map<String, Value>>>(text).unwrap_or_default();
    let named = |entry: &serde_json::Map<String, Value>| entry.get("name").is_some_and(Value::is_string);
    if tables.is_empty() || !tables.iter().all(named) {
        let reason = "a JSON list of objects with a name is expected";
        return Err(ApiError::about_because(ErrorCode::ParamMalformed, "TableMeta", reason).into());
    }
    Ok(())
}

fn require(call: &ActionCall, parameter: &str, is_there: bool) -> Result<(), Refusal> {
    debug_assert!(call.action.parameter(parameter).is_some(), "{} has no {parameter}", call.action.name);
    if is_there { Ok(()) } else { Err(ApiError::about(ErrorCode::MissingParam, parameter).into()) }
}
