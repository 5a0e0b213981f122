//! TagResources: all the tags for all the instances, or none.

use catalog::TagError;
use repository::InstanceId;
use rpc::ErrorCode;
use serde_json::{Value, json};

use super::ActionCall;
use crate::context::Context;
use crate::refusal::Refusal;

pub(super) async fn run(context: &Context, call: &ActionCall) -> Result<Value, Refusal> {
    let instances = resources(call)?;
    let tags = call.arguments.objects("Tag").iter();
    let tags = tags.map(|tag| {
        let text = |name| tag.get(name).cloned().unwrap_or_default();
        (text("Key"), text("Value"))
    });
    let tags = tags.collect::<Vec<_>>();
    let mut change = call.change(context).await?;
    for instance in &instances {
        change.tag_instance(instance, &tags).await.map_err(refused)?;
    }
    change.commit().await?;
    Ok(json!({}))
}

/// The instances that the call names, each once and in order, so that two calls that lock the same ones wait for
/// each other and not crosswise.
pub(super) fn resources(call: &ActionCall) -> Result<Vec<InstanceId>, Refusal> {
    let mut instances = Vec::new();
    for text in call.arguments.texts("ResourceId") {
        // A text that cannot be an id is not the id of any instance.
        let instance: InstanceId = text.parse().map_err(|_| ErrorCode::InvalidDBInstanceIdNotFound)?;
        call.caller.require_instance(call.action, &instance)?;
        instances.push(instance);
    }
    instances.sort_unstable();
    instances.dedup();
    Ok(instances)
}

pub(super) fn refused(error: TagError) -> Refusal {
    match error {
        TagError::InstanceNotFound { .. } => ErrorCode::InvalidDBInstanceIdNotFound.into(),
        TagError::TooMany { .. } => ErrorCode::NumberExceedTags.into(),
        TagError::Catalog(error) => error.into(),
        other => Refusal::internal(other.to_string()),
    }
}
