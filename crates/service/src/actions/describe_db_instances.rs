//! DescribeDBInstances.

use catalog::{Instance, InstanceFilter, Page, Paged, SoughtTag};
use repository::InstanceId;
use rpc::{ApiError, ErrorCode, render_seconds};
use serde_json::{Map, Value, json};

use super::describe_regions::{is_elsewhere, zone};
use super::{ActionCall, words};
use crate::context::Context;
use crate::refusal::Refusal;

/// Rows read in one go where the catalog cannot apply every filter.
const SCAN_ROWS: u32 = 500;
/// Tags that one call may name.
const TAGS_MAX: usize = 5;
/// Filters on what no instance here has.
const OF_A_CLOUD: [&str; 5] =
    ["DBInstanceClass", "DedicatedHostGroupId", "DedicatedHostId", "VSwitchId", "VpcId"];

pub(super) async fn run(context: &Context, call: &ActionCall) -> Result<Value, Refusal> {
    let arguments = &call.arguments;
    let filter = filter(context, call)?;
    if let Some(instance) = &call.instance
        && !is_elsewhere(context, call, "RegionId")
    {
        context.known.require(&context.catalog, instance).await?;
    }
    let by_token = arguments.natural("MaxResults").is_some() || arguments.text("NextToken").is_some();
    let mut next = None;
    let paged = match filter {
        None => Paged { rows: Vec::new(), total: 0 },
        Some(filter) if by_token => {
            let (paged, more) = by_next_token(context, call, filter).await?;
            next = paged.rows.last().filter(|_| more).map(|last| last.id.to_string());
            paged
        }
        Some(filter) => {
            let (first, count) = call.window();
            rows(context, call, &filter, first as u64, u32::try_from(count).unwrap_or(u32::MAX)).await?
        }
    };
    let region = &context.config.region;
    let items: Vec<Value> =
        paged.rows.iter().map(|instance| Value::Object(instance_fields(instance, region))).collect();
    Ok(json!({
        "NextToken": next,
        "PageNumber": arguments.natural("PageNumber").unwrap_or(1),
        "PageRecordCount": items.len(),
        "TotalRecordCount": paged.total,
        "Items": { "DBInstance": items },
    }))
}

/// The catalog's filter; `None` when nothing can match: every instance here is the same in many ways.
fn filter(context: &Context, call: &ActionCall) -> Result<Option<InstanceFilter>, Refusal> {
    let arguments = &call.arguments;
    let after = arguments.text("NextToken").map(str::parse::<InstanceId>).transpose();
    let after = after.map_err(|_| malformed("NextToken", "that of an answer before is expected"))?;
    let tags = arguments.text("Tags").map(tags).transpose()?.unwrap_or_default();
    let zone = zone(&context.config.region);
    let every = [
        ("DBInstanceStatus", "Running"),
        ("DBInstanceType", "Primary"),
        ("InstanceNetworkType", "Classic"),
        ("PayType", "Postpaid"),
        ("ZoneId", zone.as_str()),
    ];
    let engine = arguments.text("Engine").map(words::engine_of);
    if is_elsewhere(context, call, "RegionId")
        || every.iter().any(|(name, only)| arguments.text(name).is_some_and(|word| word != *only))
        || OF_A_CLOUD.iter().any(|name| arguments.text(name).is_some())
        || arguments.boolean("Expired") == Some(true)
        || engine == Some(None)
    {
        return Ok(None);
    }
    let ids = match (&call.instance, &call.caller.instances) {
        (Some(instance), _) => Some(vec![instance.clone()]),
        (None, Some(instances)) => Some(instances.to_vec()),
        (None, None) => None,
    };
    Ok(Some(InstanceFilter {
        ids,
        engine: engine.flatten(),
        text: arguments.text("SearchKey").map(str::to_owned),
        host: arguments.text("ConnectionString").map(str::to_owned),
        tags,
        after,
    }))
}

/// The tags of a JSON object of texts.
fn tags(text: &str) -> Result<Vec<SoughtTag>, Refusal> {
    let parsed = serde_json::from_str::<std::collections::BTreeMap<String, String>>(text);
    let parsed = parsed.ok().filter(|tags| tags.len() <= TAGS_MAX);
    let reason = "a JSON object of up to 5 texts is expected";
    let tags = parsed.ok_or_else(|| malformed("Tags", reason))?.into_iter();
    Ok(tags.map(|(name, value)| SoughtTag { name, value: Some(value) }).collect())
}

fn malformed(parameter: &str, reason: &str) -> ApiError {
    ApiError::about_because(ErrorCode::ParamMalformed, parameter, reason)
}

/// The rows after the token's, the total of all, and whether there are more.
async fn by_next_token(
    context: &Context,
    call: &ActionCall,
    filter: InstanceFilter,
) -> Result<(Paged<Instance>, bool), Refusal> {
    let count = call.arguments.natural("MaxResults").unwrap_or(30);
    let mut paged = rows(context, call, &filter, 0, count).await?;
    let more = paged.total > paged.rows.len() as u64;
    if filter.after.is_some() {
        let all = InstanceFilter { after: None, ..filter };
        paged.total = rows(context, call, &all, 0, 1).await?.total;
    }
    Ok((paged, more))
}

/// The rows from `first` on.
async fn rows(
    context: &Context,
    call: &ActionCall,
    filter: &InstanceFilter,
    first: u64,
    count: u32,
) -> Result<Paged<Instance>, Refusal> {
    let Some(version) = call.arguments.text("EngineVersion") else {
        return Ok(context.catalog.list_instances(filter, Page::rows(first, count)).await?);
    };
    let found = of_version(context, version, filter).await?;
    let total = found.len() as u64;
    let skipped = usize::try_from(first).unwrap_or(usize::MAX);
    Ok(Paged { rows: found.into_iter().skip(skipped).take(count as usize).collect(), total })
}

/// All of that major version, which the catalog does not know apart from the rest of the version.
async fn of_version(
    context: &Context,
    sought: &str,
    filter: &InstanceFilter,
) -> Result<Vec<Instance>, Refusal> {
    let mut filter = filter.clone();
    let mut found = Vec::new();
    loop {
        let rows = context.catalog.list_instances(&filter, Page::rows(0, SCAN_ROWS)).await?.rows;
        let last = rows.last().map(|row| row.id.clone()).filter(|_| rows.len() == SCAN_ROWS as usize);
        let version = |row: &Instance| words::major_version(row.engine, row.engine_version.as_deref());
        found.extend(rows.into_iter().filter(|row| version(row) == sought));
        if last.is_none() {
            return Ok(found);
        }
        filter.after = last;
    }
}

/// What both descriptions of an instance tell alike.
pub(super) fn instance_fields(instance: &Instance, region: &str) -> Map<String, Value> {
    let version = instance.engine_version.as_deref();
    let fields = json!({
        "ConnectionString": instance.host,
        "CreateTime": render_seconds(instance.created),
        "DBInstanceDescription": instance.description,
        "DBInstanceId": instance.id.to_string(),
        "DBInstanceStatus": "Running",
        "DBInstanceType": "Primary",
        "DeletionProtection": false,
        "Engine": words::engine(instance.engine),
        "EngineVersion": version.map(|version| words::major_version(instance.engine, Some(version))),
        "InstanceNetworkType": "Classic",
        "LockMode": "Unlock",
        "PayType": "Postpaid",
        "RegionId": region,
        "ZoneId": zone(region),
    });
    let Value::Object(fields) = fields else { unreachable!("it was written as an object") };
    fields
}
