//! DescribeMetaList: the databases in a set, and the tables of one.

use catalog::BackupSet;
use rpc::{ApiError, ErrorCode};
use serde_json::{Value, json};

use super::set_databases::{self, SetDatabase};
use super::{ActionCall, restorable};
use crate::context::Context;
use crate::refusal::Refusal;

pub(super) async fn run(context: &Context, call: &ActionCall) -> Result<Value, Refusal> {
    let instance = call.required_instance();
    context.known.require(&context.catalog, instance).await?;
    let set = set(context, call).await?;
    let mut databases = set_databases::of(context, &set).await?;
    let exact = call.arguments.text("GetDbName");
    if let Some(name) = exact {
        databases.retain(|database| database.name == name);
    }
    if let Some(pattern) = call.arguments.text("Pattern") {
        let pattern = pattern.to_lowercase();
        databases.retain(|database| database.name.to_lowercase().contains(&pattern));
    }
    let total = databases.len();
    let (number, size) = page(call, total);
    let first = (number - 1).saturating_mul(size);
    let shown = databases.iter().skip(first).take(size).map(|database| row(database, exact.is_some()));
    let items: Vec<Value> = shown.collect();
    Ok(json!({
        "DBInstanceName": instance.as_str(),
        "Items": { "Meta": items },
        "PageNumber": number,
        "PageRecordCount": items.len(),
        "TotalPageCount": total.div_ceil(size),
        "TotalRecordCount": total,
    }))
}

/// The set that the call means.
async fn set(context: &Context, call: &ActionCall) -> Result<BackupSet, Refusal> {
    let instance = call.required_instance();
    if call.arguments.required_text("RestoreType") == "BackupSetID" {
        let number = call.arguments.natural("BackupSetID");
        let number = number.ok_or_else(|| ApiError::about(ErrorCode::MissingParam, "BackupSetID"))?;
        return restorable::find(context, Some(instance), number).await;
    }
    let time = call.arguments.time("RestoreTime");
    let time = time.ok_or_else(|| ApiError::about(ErrorCode::MissingParam, "RestoreTime"))?;
    let newest = restorable::newest_by(context, instance, Some(time)).await?;
    newest.ok_or_else(|| ErrorCode::InvalidBackupSetIdNotFound.into())
}

/// Number and size of the page; one page of everything unless both are given.
fn page(call: &ActionCall, total: usize) -> (usize, usize) {
    let natural = |name| call.arguments.natural(name).and_then(|number| usize::try_from(number).ok());
    natural("PageIndex").zip(natural("PageSize")).unwrap_or((1, total.max(1)))
}

fn row(database: &SetDatabase, with_tables: bool) -> Value {
    let tables = || {
        let names = database.tables.iter().map(|table| format!("{}.{}", table.schema, table.name));
        names.collect::<Vec<_>>().join(",")
    };
    json!({
        "Database": database.name,
        "Size": database.bytes.div_ceil(1024).to_string(),
        "Tables": with_tables.then(tables),
    })
}
