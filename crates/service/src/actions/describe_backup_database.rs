//! DescribeBackupDatabase: the names of the databases in a set.

use rpc::ErrorCode;
use serde_json::{Value, json};

use super::{ActionCall, restorable, set_databases};
use crate::context::Context;
use crate::refusal::Refusal;

pub(super) async fn run(context: &Context, call: &ActionCall) -> Result<Value, Refusal> {
    let instance = call.required_instance();
    context.known.require(&context.catalog, instance).await?;
    let set = if let Some(number) = call.arguments.natural("BackupId") {
        restorable::find(context, Some(instance), number).await?
    } else {
        let newest = restorable::newest(context, instance).await?;
        newest.ok_or(ErrorCode::InvalidBackupSetIdNotFound)?
    };
    let databases = set_databases::of(context, &set).await?;
    let names: Vec<String> = databases.into_iter().map(|database| database.name).collect();
    Ok(json!({ "DatabaseNames": names.join(",") }))
}
