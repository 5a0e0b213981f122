//! ListTagResources: by instance, a page being some instances with all of their tags.

use catalog::{SoughtTag, Tag, TagFilter};
use rpc::{ApiError, ErrorCode};
use serde_json::{Value, json};

use super::ActionCall;
use super::describe_regions::is_elsewhere;
use super::tag_resources::resources;
use crate::context::Context;
use crate::refusal::Refusal;

/// Instances on a page: with 20 tags each, a thousand rows.
const INSTANCES_MAX: u32 = 50;

pub(super) async fn run(context: &Context, call: &ActionCall) -> Result<Value, Refusal> {
    let filter = filter(context, call).await?;
    let (tags, more) = if is_elsewhere(context, call, "RegionId") {
        (Vec::new(), false)
    } else {
        context.catalog.list_tags(&filter, INSTANCES_MAX).await?
    };
    let next = tags.last().filter(|_| more).map(|tag| tag.instance.to_string());
    let rows: Vec<Value> = tags.iter().map(row).collect();
    Ok(json!({ "NextToken": next, "TagResources": { "TagResource": rows } }))
}

async fn filter(context: &Context, call: &ActionCall) -> Result<TagFilter, Refusal> {
    let asked = resources(call)?;
    for instance in &asked {
        context.known.require(&context.catalog, instance).await?;
    }
    let instances = match (asked, &call.caller.instances) {
        (asked, _) if !asked.is_empty() => Some(asked),
        (_, Some(instances)) => Some(instances.to_vec()),
        (_, None) => None,
    };
    let having = call.arguments.objects("Tag").iter();
    let having = having.filter_map(|tag| Some((tag.get("Key")?.clone(), tag.get("Value").cloned())));
    let having = having.map(|(name, value)| SoughtTag { name, value }).collect();
    let after = call.arguments.text("NextToken").map(str::parse).transpose();
    let after = after.map_err(|_| {
        ApiError::about_because(
            ErrorCode::ParamMalformed,
            "NextToken",
            "that of an answer before is expected",
        )
    })?;
    Ok(TagFilter { instances, having, after })
}

fn row(tag: &Tag) -> Value {
    json!({
        "ResourceId": tag.instance.to_string(),
        "ResourceType": "ALIYUN::RDS::INSTANCE",
        "TagKey": tag.name,
        "TagValue": tag.value,
    })
}
