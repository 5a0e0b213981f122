//! What a backup job is asked to do, as the catalog keeps it.

use serde::{Deserialize, Serialize};

/// The parameters of a backup job. Field names are the stored form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BackupParameters {
    /// Refer to no older set.
    pub(crate) full: bool,
    /// Days to keep the set; `None`: for ever.
    pub(crate) retention_days: Option<u32>,
}

impl BackupParameters {
    pub(crate) fn to_json(self) -> serde_json::Value {
        serde_json::to_value(self).expect("a switch and a number are always JSON")
    }

    /// What a job was asked; `None` when another release wrote it.
    pub(crate) fn of(parameters: &serde_json::Value) -> Option<Self> {
        Self::deserialize(parameters).ok()
    }
}
