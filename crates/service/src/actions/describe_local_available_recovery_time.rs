//! DescribeLocalAvailableRecoveryTime: the moment of the newest set, until logs are archived continuously.

use rpc::render_seconds;
use serde_json::{Value, json};

use super::{ActionCall, restorable};
use crate::context::Context;
use crate::refusal::Refusal;

pub(super) async fn run(context: &Context, call: &ActionCall) -> Result<Value, Refusal> {
    let instance = call.required_instance();
    context.known.require(&context.catalog, instance).await?;
    let newest = restorable::newest(context, instance).await?;
    let moment = newest.map(|set| render_seconds(restorable::moment(&set)));
    Ok(json!({
        "DBInstanceId": instance.as_str(),
        "RecoveryBeginTime": moment,
        "RecoveryEndTime": moment,
    }))
}
