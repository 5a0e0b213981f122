//! DescribeBackupPolicy.

use rpc::ErrorCode;
use serde_json::Value;

use super::policy_fields::{policy_fields, policy_of};
use super::{ActionCall, known_fields};
use crate::context::Context;
use crate::refusal::Refusal;

pub(super) async fn run(context: &Context, call: &ActionCall) -> Result<Value, Refusal> {
    let instance = call.required_instance();
    context.catalog.find_instance(instance).await?.ok_or(ErrorCode::InvalidDBInstanceIdNotFound)?;
    let policy = policy_of(context, instance, call.now).await?;
    Ok(known_fields(call.action, policy_fields(context, instance, &policy, call.now)))
}
