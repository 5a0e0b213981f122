//! DescribeBinlogFiles: none, until logs are archived continuously.

use serde_json::{Value, json};

use super::ActionCall;
use crate::context::Context;
use crate::refusal::Refusal;

pub(super) async fn run(context: &Context, call: &ActionCall) -> Result<Value, Refusal> {
    context.known.require(&context.catalog, call.required_instance()).await?;
    call.time_range()?;
    Ok(json!({
        "Items": { "BinLogFile": [] },
        "PageNumber": call.arguments.natural("PageNumber").unwrap_or(1),
        "PageRecordCount": 0,
        "TotalFileSize": 0,
        "TotalRecordCount": 0,
    }))
}
