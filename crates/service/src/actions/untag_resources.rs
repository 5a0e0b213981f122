//! UntagResources.

use rpc::{ApiError, ErrorCode};
use serde_json::{Value, json};

use super::ActionCall;
use super::tag_resources::{refused, resources};
use crate::context::Context;
use crate::refusal::Refusal;

pub(super) async fn run(context: &Context, call: &ActionCall) -> Result<Value, Refusal> {
    let instances = resources(call)?;
    let keys = call.arguments.texts("TagKey");
    let all = call.arguments.boolean("All").unwrap_or(false);
    let names = match (keys, all) {
        ([], false) => return Err(ApiError::about(ErrorCode::MissingParam, "TagKey").into()),
        ([], true) => None,
        // As the API has it: keys go before All.
        (keys, _) => Some(keys),
    };
    let mut change = call.change(context).await?;
    for instance in &instances {
        change.untag_instance(instance, names).await.map_err(refused)?;
    }
    change.commit().await?;
    Ok(json!({}))
}
