//! DescribeCrossRegionLogBackupFiles: none, until log files can be copied to another region.

use rpc::render_seconds;
use serde_json::{Value, json};

use super::ActionCall;
use crate::context::Context;
use crate::refusal::Refusal;

pub(super) async fn run(context: &Context, call: &ActionCall) -> Result<Value, Refusal> {
    let instance = call.required_instance();
    context.known.require(&context.catalog, instance).await?;
    let (start, end) = call.time_range()?;
    Ok(json!({
        "DBInstanceId": instance.as_str(),
        "StartTime": start.map(render_seconds),
        "EndTime": end.map(render_seconds),
        "Items": { "Item": [] },
        "PageNumber": call.arguments.natural("PageNumber").unwrap_or(1),
        "PageRecordCount": 0,
        "RegionId": context.config.region,
        "TotalRecordCount": 0,
    }))
}
