//! DescribeAvailableRecoveryTime: the moment of one set.

use rpc::{ErrorCode, render_seconds};
use serde_json::{Value, json};

use super::{ActionCall, restorable};
use crate::context::Context;
use crate::refusal::Refusal;

pub(super) async fn run(context: &Context, call: &ActionCall) -> Result<Value, Refusal> {
    if let Some(instance) = &call.instance {
        context.known.require(&context.catalog, instance).await?;
    }
    let number = call.arguments.natural("CrossBackupId").expect("the operation requires it");
    let set = restorable::find(context, call.instance.as_ref(), number).await?;
    if !call.caller.sees(&set.origin.instance) {
        return Err(ErrorCode::InvalidBackupSetIdNotFound.into());
    }
    let moment = render_seconds(restorable::moment(&set));
    Ok(json!({
        "CrossBackupId": number,
        "RecoveryBeginTime": moment,
        "RecoveryEndTime": moment,
        "RegionId": context.config.region,
    }))
}
