//! DescribeInstanceCrossBackupPolicy: disabled, until sets can be copied to another region.

use rpc::ErrorCode;
use serde_json::{Value, json};

use super::{ActionCall, words};
use crate::context::Context;
use crate::refusal::Refusal;

pub(super) async fn run(context: &Context, call: &ActionCall) -> Result<Value, Refusal> {
    let id = call.required_instance();
    let instance = context.catalog.find_instance(id).await?.ok_or(ErrorCode::InvalidDBInstanceIdNotFound)?;
    let version = instance.engine_version.as_deref();
    Ok(json!({
        "BackupEnabled": "Disable",
        "DBInstanceDescription": instance.description,
        "DBInstanceId": id.as_str(),
        "DBInstanceStatus": "Running",
        "Engine": words::engine(instance.engine),
        "EngineVersion": version.map(|version| words::major_version(instance.engine, Some(version))),
        "LockMode": "Unlock",
        "LogBackupEnabled": "Disable",
        "RegionId": context.config.region,
    }))
}
