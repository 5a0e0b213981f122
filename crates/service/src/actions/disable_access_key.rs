//! DisableAccessKey: a key is refused from now on.

use rpc::ErrorCode;
use serde_json::{Value, json};

use super::ActionCall;
use crate::context::Context;
use crate::refusal::Refusal;

pub(super) async fn run(context: &Context, call: &ActionCall) -> Result<Value, Refusal> {
    call.require_all_instances()?;
    let id = call.arguments.required_text("AccessKeyId");
    let mut change = call.change(context).await?;
    if !change.disable_access_key(id).await? {
        return Err(ErrorCode::InvalidAccessKeyIdNotFound.into());
    }
    change.commit().await?;
    context.authentication.forget_key(id);
    Ok(json!({ "AccessKeyId": id }))
}
