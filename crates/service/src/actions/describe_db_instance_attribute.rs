//! DescribeDBInstanceAttribute.

use catalog::{BackupSet, BackupSetFilter, Page};
use rpc::{ErrorCode, render_seconds};
use serde_json::{Value, json};

use super::describe_regions::zone;
use super::{ActionCall, words};
use crate::context::Context;
use crate::refusal::Refusal;

const GIBIBYTE: u64 = 1 << 30;

pub(super) async fn run(context: &Context, call: &ActionCall) -> Result<Value, Refusal> {
    let id = call.required_instance();
    let instance = context.catalog.find_instance(id).await?.ok_or(ErrorCode::InvalidDBInstanceIdNotFound)?;
    let newest = newest_set(context, call).await?;
    let record = match &newest {
        Some(set) => context.catalog.find_engine_record(set.origin.id).await?,
        None => None,
    };
    let system_identifier =
        record.as_ref().and_then(|record| record.get("system_identifier")).map(plain_text);
    let bytes = newest.map_or(0, |set| set.size_bytes);
    let version = instance.engine_version.as_deref();
    let region = &context.config.region;
    let mut attribute = cloud_fields();
    let own = json!({
        "ConnectionString": instance.host,
        "CreationTime": render_seconds(instance.created),
        "CurrentKernelVersion": version.unwrap_or_default(),
        "DBInstanceDescription": instance.description.as_deref().unwrap_or_default(),
        "DBInstanceDiskUsed": bytes.to_string(),
        "DBInstanceId": instance.id.to_string(),
        "DBInstanceStatus": "Running",
        "DBInstanceStorage": bytes.div_ceil(GIBIBYTE),
        "DBInstanceType": "Primary",
        "Engine": words::engine(instance.engine),
        "EngineVersion": words::major_version(instance.engine, version),
        "Port": instance.port.to_string(),
        "RegionId": region,
        "ZoneId": zone(region),
        "User": instance.user,
        "DataDirectory": instance.data_directory,
        "SslMode": instance.ssl_mode.as_str(),
        "SystemIdentifier": system_identifier,
    });
    if let (Value::Object(attribute), Value::Object(own)) = (&mut attribute, own) {
        attribute.extend(own);
    }
    Ok(json!({ "Items": { "DBInstanceAttribute": [attribute] } }))
}

/// What only a cloud's instances have, as clients expect it of an instance without.
fn cloud_fields() -> Value {
    json!({
        "BabelfishConfig": {},
        "Category": "Basic",
        "Collation": "",
        "ConnectionMode": "Standard",
        "DBClusterNodes": { "DBClusterNode": [] },
        "DBInstanceClass": "",
        "DBInstanceMemory": 0,
        "DBInstanceNetType": "Intranet",
        "DBInstanceStorageType": "",
        "DeletionProtection": false,
        "ExpireTime": "",
        "Extra": {},
        "InstanceNetworkType": "Classic",
        "LockMode": "Unlock",
        "LockReason": "",
        "MaintainTime": "",
        "MaxConnections": 0,
        "PayType": "Postpaid",
        "ReadOnlyDBInstanceIds": { "ReadOnlyDBInstanceId": [] },
        "ResourceGroupId": "",
        "ServerlessConfig": {},
        "SlaveZones": { "SlaveZone": [] },
        "TimeZone": "",
        "VSwitchId": "",
        "VpcId": "",
    })
}

async fn newest_set(context: &Context, call: &ActionCall) -> Result<Option<BackupSet>, Refusal> {
    let filter = BackupSetFilter { instance: call.instance.clone(), ..BackupSetFilter::default() };
    let page = Page::new(1, 1).expect("the first page of one row");
    Ok(context.catalog.list_sets(&filter, page).await?.rows.into_iter().next())
}

/// Identifiers are written as numbers or as text; the API has text.
fn plain_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
