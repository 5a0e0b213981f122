//! DescribeDBInstances.

use catalog::{Instance, InstanceFilter, Page, Paged};
use repository::InstanceId;
use rpc::render_seconds;
use serde_json::{Value, json};

use super::describe_regions::zone;
use super::{ActionCall, words};
use crate::context::Context;
use crate::refusal::Refusal;

/// Rows read in one go where the catalog cannot apply every filter.
const SCAN_ROWS: u32 = 500;

pub(super) async fn run(context: &Context, call: &ActionCall) -> Result<Value, Refusal> {
    let arguments = &call.arguments;
    if let Some(instance) = &call.instance {
        context.known.require(&context.catalog, instance).await?;
    }
    let by_token = arguments.natural("MaxResults").is_some() || arguments.text("NextToken").is_some();
    let paged = match filter(call) {
        None => Paged { rows: Vec::new(), total: 0 },
        Some(filter) if by_token => by_next_token(context, call, filter).await?,
        Some(filter) => by_page(context, call, filter).await?,
    };
    let region = &context.config.region;
    let items: Vec<Value> = paged.rows.iter().map(|instance| row(instance, region)).collect();
    let more = by_token && paged.total > paged.rows.len() as u64;
    let next = paged.rows.last().filter(|_| more).map(|last| last.id.to_string());
    Ok(json!({
        "NextToken": next,
        "PageNumber": arguments.natural("PageNumber").unwrap_or(1),
        "PageRecordCount": items.len(),
        "TotalRecordCount": paged.total,
        "Items": { "DBInstance": items },
    }))
}

/// The catalog's filter; `None` when nothing can match: every instance here is Running and Primary.
fn filter(call: &ActionCall) -> Option<InstanceFilter> {
    let arguments = &call.arguments;
    let is = |name, only| arguments.text(name).is_none_or(|word| word == only);
    if !is("DBInstanceStatus", "Running") || !is("DBInstanceType", "Primary") {
        return None;
    }
    let engine = match arguments.text("Engine") {
        Some(word) => Some(words::engine_of(word)?),
        None => None,
    };
    let ids = match (&call.instance, &call.caller.instances) {
        (Some(instance), _) => Some(vec![instance.clone()]),
        (None, Some(instances)) => Some(instances.to_vec()),
        (None, None) => None,
    };
    // A token is the last id of the answer before; any other text only sorts somewhere.
    let after = arguments.text("NextToken").and_then(|token| token.parse::<InstanceId>().ok());
    Some(InstanceFilter { ids, engine, text: arguments.text("SearchKey").map(str::to_owned), after })
}

async fn by_page(
    context: &Context,
    call: &ActionCall,
    filter: InstanceFilter,
) -> Result<Paged<Instance>, Refusal> {
    if call.arguments.text("EngineVersion").is_none() {
        return Ok(context.catalog.list_instances(&filter, call.page()?).await?);
    }
    let rows = of_version(context, call, &filter).await?;
    let total = rows.len() as u64;
    let (first, count) = call.window();
    Ok(Paged { rows: rows.into_iter().skip(first).take(count).collect(), total })
}

/// The total is that of the rows that are left, this page among them.
async fn by_next_token(
    context: &Context,
    call: &ActionCall,
    filter: InstanceFilter,
) -> Result<Paged<Instance>, Refusal> {
    let count = call.arguments.natural("MaxResults").unwrap_or(30);
    if call.arguments.text("EngineVersion").is_none() {
        let page = Page::new(1, count).expect("the operation limits MaxResults from 1");
        return Ok(context.catalog.list_instances(&filter, page).await?);
    }
    let mut rows = of_version(context, call, &filter).await?;
    let total = rows.len() as u64;
    rows.truncate(count as usize);
    Ok(Paged { rows, total })
}

async fn of_version(
    context: &Context,
    call: &ActionCall,
    filter: &InstanceFilter,
) -> Result<Vec<Instance>, Refusal> {
    let sought = call.arguments.text("EngineVersion").unwrap_or_default();
    let mut found = Vec::new();
    for number in 1.. {
        let page = Page::new(number, SCAN_ROWS).expect("pages from 1, of some rows");
        let rows = context.catalog.list_instances(filter, page).await?.rows;
        let last = rows.len() < SCAN_ROWS as usize;
        let version = |row: &Instance| words::major_version(row.engine, row.engine_version.as_deref());
        found.extend(rows.into_iter().filter(|row| version(row) == sought));
        if last {
            break;
        }
    }
    Ok(found)
}

fn row(instance: &Instance, region: &str) -> Value {
    json!({
        "Category": "Basic",
        "ConnectionMode": "Standard",
        "ConnectionString": instance.host,
        "CreateTime": render_seconds(instance.created),
        "DBInstanceClass": "",
        "DBInstanceDescription": instance.description.as_deref().unwrap_or_default(),
        "DBInstanceId": instance.id.to_string(),
        "DBInstanceNetType": "Intranet",
        "DBInstanceStatus": "Running",
        "DBInstanceStorageType": "",
        "DBInstanceType": "Primary",
        "DeletionProtection": false,
        "Engine": words::engine(instance.engine),
        "EngineVersion": words::major_version(instance.engine, instance.engine_version.as_deref()),
        "ExpireTime": "",
        "InstanceNetworkType": "Classic",
        "LockMode": "Unlock",
        "LockReason": "",
        "MutriORsignle": false,
        "PayType": "Postpaid",
        "ReadOnlyDBInstanceIds": { "ReadOnlyDBInstanceId": [] },
        "RegionId": region,
        "ResourceGroupId": "",
        "VSwitchId": "",
        "VpcId": "",
        "ZoneId": zone(region),
    })
}
