//! DescribeDBInstanceNetInfo: the address under which the service reaches a server.

use std::net::IpAddr;

use rpc::ErrorCode;
use serde_json::{Value, json};

use super::ActionCall;
use crate::context::Context;
use crate::refusal::Refusal;

pub(super) async fn run(context: &Context, call: &ActionCall) -> Result<Value, Refusal> {
    let id = call.required_instance();
    let instance = context.catalog.find_instance(id).await?.ok_or(ErrorCode::InvalidDBInstanceIdNotFound)?;
    let address = instance.host.parse::<IpAddr>().ok().map(|address| address.to_string());
    let info = json!({
        "ConnectionString": instance.host,
        "ConnectionStringType": "Normal",
        "IPAddress": address,
        "Port": instance.port.to_string(),
    });
    let sought = call.arguments.text("DBInstanceNetRWSplitType").is_none_or(|kind| kind == "Normal");
    let infos = if sought { vec![info] } else { Vec::new() };
    Ok(json!({ "DBInstanceNetInfos": { "DBInstanceNetInfo": infos }, "InstanceNetworkType": "Classic" }))
}
