//! ListAccessKeys: all keys, without their secrets.

use catalog::{AccessKey, AccessKeyStatus};
use jiff::Timestamp;
use repository::InstanceId;
use rpc::render_seconds;
use serde_json::{Value, json};

use super::ActionCall;
use super::key_words::key_type;
use crate::context::Context;
use crate::refusal::Refusal;

pub(super) async fn run(context: &Context, call: &ActionCall) -> Result<Value, Refusal> {
    call.require_all_instances()?;
    let keys = context.catalog.list_access_keys().await?;
    let (first, count) = call.window();
    let total = keys.len();
    let rows: Vec<Value> = keys.iter().skip(first).take(count).map(|key| row(key, call.now)).collect();
    Ok(json!({
        "PageNumber": call.arguments.natural("PageNumber"),
        "PageRecordCount": rows.len(),
        "TotalRecordCount": total,
        "Items": { "AccessKey": rows },
    }))
}

fn row(key: &AccessKey, now: Timestamp) -> Value {
    let expired = key.expires.is_some_and(|expires| expires <= now);
    let status = match key.status {
        AccessKeyStatus::Disabled => "Inactive",
        AccessKeyStatus::Active if expired => "Expired",
        AccessKeyStatus::Active => "Active",
    };
    json!({
        "AccessKeyId": key.id,
        "CreateTime": render_seconds(key.created),
        "DBInstanceIds": key.instances.as_ref().map(|ids| ids.iter().map(InstanceId::as_str).collect::<Vec<_>>()),
        "Expiration": key.expires.map(render_seconds),
        "KeyType": key_type(key.kind),
        "Role": key.role.as_str(),
        "Status": status,
    })
}
