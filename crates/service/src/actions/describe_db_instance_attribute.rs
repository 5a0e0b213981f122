//! DescribeDBInstanceAttribute.

use rpc::ErrorCode;
use serde_json::{Value, json};

use super::describe_db_instances::instance_fields;
use super::{ActionCall, restorable};
use crate::context::Context;
use crate::refusal::Refusal;

pub(super) async fn run(context: &Context, call: &ActionCall) -> Result<Value, Refusal> {
    let id = call.required_instance();
    let instance = context.catalog.find_instance(id).await?.ok_or(ErrorCode::InvalidDBInstanceIdNotFound)?;
    let newest = restorable::newest(context, id).await?;
    let record = match &newest {
        Some(set) => context.catalog.find_engine_record(set.origin.id).await?,
        None => None,
    };
    let mut attribute = instance_fields(&instance, &context.config.region);
    if let Some(created) = attribute.remove("CreateTime") {
        attribute.insert("CreationTime".to_owned(), created);
    }
    let own = json!({
        "CurrentKernelVersion": instance.engine_version,
        "DBInstanceDiskUsed": newest.map(|set| set.size_bytes.to_string()),
        "Port": instance.port.to_string(),
        "User": instance.user,
        "DataDirectory": instance.data_directory,
        "SslMode": instance.ssl_mode.as_str(),
        "SystemIdentifier": record.as_ref().and_then(|record| record.get("system_identifier")).map(plain_text),
    });
    if let Value::Object(own) = own {
        attribute.extend(own);
    }
    Ok(json!({ "Items": { "DBInstanceAttribute": [attribute] } }))
}

/// Identifiers are written as numbers or as text; the API has text.
fn plain_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
