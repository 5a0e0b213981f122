//! DeregisterDBInstance, an extension: no further backups of an instance. Its sets stay.

use catalog::DeregisterError;
use rpc::ErrorCode;
use serde_json::{Value, json};

use super::ActionCall;
use crate::context::Context;
use crate::refusal::Refusal;

pub(super) async fn run(context: &Context, call: &ActionCall) -> Result<Value, Refusal> {
    let instance = call.required_instance();
    let mut change = call.change(context).await?;
    change.deregister_instance(instance).await.map_err(refused)?;
    change.commit().await?;
    context.known.forget(instance);
    Ok(json!({}))
}

fn refused(error: DeregisterError) -> Refusal {
    match error {
        DeregisterError::NotFound { .. } => ErrorCode::InvalidDBInstanceIdNotFound.into(),
        DeregisterError::JobActive { .. } => ErrorCode::OperationDeniedBackupJobRunning.into(),
        DeregisterError::Catalog(error) => error.into(),
        other => Refusal::internal(other.to_string()),
    }
}
