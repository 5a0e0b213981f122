//! DescribeCrossRegionBackups: none, until sets can be copied to another region.

use rpc::{ApiError, ErrorCode, render_seconds};
use serde_json::{Value, json};

use super::ActionCall;
use crate::context::Context;
use crate::refusal::Refusal;

pub(super) async fn run(context: &Context, call: &ActionCall) -> Result<Value, Refusal> {
    context.known.require(&context.catalog, call.required_instance()).await?;
    let (start, end) = call.time_range()?;
    if call.arguments.natural("CrossBackupId").is_none() {
        for (name, time) in [("StartTime", start), ("EndTime", end)] {
            if time.is_none() {
                return Err(ApiError::about(ErrorCode::MissingParam, name).into());
            }
        }
    }
    Ok(json!({
        "StartTime": start.map(render_seconds),
        "EndTime": end.map(render_seconds),
        "Items": { "Item": [] },
        "PageNumber": call.arguments.natural("PageNumber").unwrap_or(1),
        "PageRecordCount": 0,
        "RegionId": context.config.region,
        "TotalRecordCount": 0,
    }))
}
