//! DescribeDetachedBackups: what was kept of instances that are not registered any more.

use catalog::{BackupSet, BackupSetFilter, Instance, Paged};
use serde_json::{Value, json};

use super::ActionCall;
use super::describe_backups::{set_fields, set_filter};
use super::describe_regions::is_elsewhere;
use crate::context::Context;
use crate::refusal::Refusal;

pub(super) async fn run(context: &Context, call: &ActionCall) -> Result<Value, Refusal> {
    let range = call.time_range()?;
    let instances = call.caller.instances.as_ref().map(|instances| instances.to_vec());
    let filter = BackupSetFilter {
        instance: call.instance.clone(),
        instances,
        detached: true,
        ..set_filter(call, range)
    };
    let paged = if is_elsewhere(context, call, "Region") {
        Paged { rows: Vec::new(), total: 0 }
    } else {
        context.catalog.list_sets(&filter, call.page()?).await?
    };
    // A catalog that was rebuilt knows sets of instances that it never knew.
    let instances = paged.rows.iter().map(|set| &set.origin.instance);
    let instances = context.catalog.find_instances_ever(instances).await?;
    let items = paged.rows.iter().map(|set| row(context, call, set, instances.get(&set.origin.instance)));
    let items = items.collect::<Vec<Value>>();
    Ok(json!({
        "PageNumber": call.arguments.natural("PageNumber").unwrap_or(1),
        "PageRecordCount": items.len(),
        "TotalRecordCount": paged.total,
        "Items": { "Backup": items },
    }))
}

fn row(context: &Context, call: &ActionCall, set: &BackupSet, instance: Option<&Instance>) -> Value {
    let host = set.host_instance.or(instance.map(|instance| instance.host_instance));
    let mut fields = set_fields(context, call, set, host.unwrap_or_default());
    if let Some(comment) = instance.and_then(|instance| instance.description.as_deref()) {
        fields.insert("DBInstanceComment".to_owned(), comment.into());
    }
    Value::Object(fields)
}
