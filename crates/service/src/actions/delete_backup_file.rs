//! DeleteBackupFile: sets by id or by age, but never the newest that can be restored.

use std::sync::Arc;

use catalog::{BackupSet, ReleasedKeep};
use rpc::{ApiError, ErrorCode};
use serde_json::{Value, json};

use super::{ActionCall, delete_backup, restorable};
use crate::context::Context;
use crate::refusal::Refusal;

pub(super) async fn run(context: &Arc<Context>, call: &ActionCall) -> Result<Value, Refusal> {
    let instance = call.required_instance();
    context.known.require(&context.catalog, instance).await?;
    let asked = call.arguments.integers("BackupId");
    let time = call.arguments.time("BackupTime");
    if asked.is_empty() && time.is_none() {
        return Err(ApiError::about(ErrorCode::MissingParam, "BackupId").into());
    }
    let mut change = call.change(context).await?;
    let mut sets = if call.arguments.text("DBName").is_some() {
        Vec::new()
    } else {
        change.sets_to_release(instance, ReleasedKeep::Latest).await?
    };
    if !asked.is_empty() {
        if call.arguments.text("DBName").is_none() {
            refuse_others(context, call, &sets).await?;
        }
        sets.retain(|set| asked.contains(&i64::from(set.origin.id.get())));
    }
    if let Some(time) = time {
        sets.retain(|set| set.ended < time);
    }
    let ids: Vec<_> = sets.iter().map(|set| set.origin.id).collect();
    delete_backup::delete(context, call, change, &ids).await?;
    let ids: Vec<u32> = ids.iter().map(|id| id.get()).collect();
    Ok(json!({ "DeletedBaksetIds": { "DeletedBaksetIds": ids } }))
}

/// Refuses ids that are none of these sets: of no set, or of the one that is kept.
async fn refuse_others(context: &Context, call: &ActionCall, sets: &[BackupSet]) -> Result<(), Refusal> {
    for asked in call.arguments.integers("BackupId") {
        if sets.iter().any(|set| i64::from(set.origin.id.get()) == *asked) {
            continue;
        }
        let number = u32::try_from(*asked).map_err(|_| ErrorCode::InvalidBackupSetIdNotFound)?;
        let kept = restorable::find(context, call.instance.as_ref(), number).await?;
        let reason =
            format!("{} is the newest set that can be restored; DeleteBackup deletes it", kept.origin.id);
        return Err(ApiError::because(ErrorCode::OperationDeniedBackupInUse, reason).into());
    }
    Ok(())
}
