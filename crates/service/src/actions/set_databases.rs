//! The databases in a set, as its engine recorded them.

use catalog::BackupSet;
use serde::Deserialize;

use crate::context::Context;
use crate::refusal::Refusal;

/// One database.
#[derive(Debug, Deserialize)]
pub(super) struct SetDatabase {
    pub(super) name: String,
    /// Bytes of its files.
    #[serde(default)]
    pub(super) bytes: u64,
    #[serde(default)]
    pub(super) tables: Vec<SetTable>,
}

/// One table.
#[derive(Debug, Deserialize)]
pub(super) struct SetTable {
    pub(super) schema: String,
    pub(super) name: String,
}

/// The part of an engine record that every engine writes alike.
#[derive(Debug, Default, Deserialize)]
struct Databases {
    #[serde(default)]
    databases: Vec<SetDatabase>,
}

/// The databases in a set, by name.
pub(super) async fn of(context: &Context, set: &BackupSet) -> Result<Vec<SetDatabase>, Refusal> {
    let Some(record) = context.catalog.find_engine_record(set.origin.id).await? else {
        return Ok(Vec::new());
    };
    let Databases { mut databases } = Databases::deserialize(record)
        .map_err(|error| Refusal::internal(format!("engine record of set {}: {error}", set.origin.id)))?;
    databases.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(databases)
}
