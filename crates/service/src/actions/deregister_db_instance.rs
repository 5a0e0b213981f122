//! DeregisterDBInstance, an extension, and DeleteDBInstance, which is the same by the API's name: no further
//! backups of an instance. The server is not asked and not changed.

use std::sync::Arc;

use catalog::{DeregisterError, ReleasedKeep};
use rpc::ErrorCode;
use serde_json::{Value, json};

use super::{ActionCall, delete_backup};
use crate::context::Context;
use crate::refusal::Refusal;

pub(super) async fn run(context: &Arc<Context>, call: &ActionCall) -> Result<Value, Refusal> {
    let instance = call.required_instance();
    let mut change = call.change(context).await?;
    change.deregister_instance(instance).await.map_err(refused)?;
    let keep = match call.arguments.text("ReleasedKeepPolicy") {
        Some("None") => ReleasedKeep::None,
        Some("Lastest") => ReleasedKeep::Latest,
        Some(_) => ReleasedKeep::All,
        None => {
            let policy = change.policy_for_update(instance).await?;
            policy.map_or(ReleasedKeep::All, |(policy, _)| policy.released_keep)
        }
    };
    let released = change.sets_to_release(instance, keep).await?;
    let released: Vec<_> = released.iter().map(|set| set.origin.id).collect();
    delete_backup::delete(context, call, change, &released).await?;
    context.known.forget(instance);
    let answer = json!({ "RegionId": context.config.region });
    let Value::Object(fields) = answer else { unreachable!("it was written as an object") };
    Ok(super::known_fields(call.action, fields))
}

fn refused(error: DeregisterError) -> Refusal {
    match error {
        DeregisterError::NotFound { .. } => ErrorCode::InvalidDBInstanceIdNotFound.into(),
        DeregisterError::JobActive { .. } => ErrorCode::OperationDeniedBackupJobRunning.into(),
        DeregisterError::Catalog(error) => error.into(),
        other => Refusal::internal(other.to_string()),
    }
}
