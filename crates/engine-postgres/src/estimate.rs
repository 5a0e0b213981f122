//! The first walk: how much there is to copy, and which relation is how large.

use std::collections::HashMap;

use engine::{BackupError, EntryKind, JobControl, Source};

use crate::data_directory::{DataDirectory, relative_path};
use crate::relation_file::{RelationFile, holds_relations};

/// Relations whose sizes are kept; a cluster with more has its largest part told, and the memory stays bounded
/// (32 bytes each).
const RELATIONS_MAX: usize = 500_000;

/// What the first walk found.
#[derive(Debug, Default)]
pub(crate) struct Estimate {
    pub(crate) bytes: u64,
    pub(crate) files: u64,
    databases: HashMap<u32, u64>,
    relations: HashMap<(u32, u32), u64>,
}

impl Estimate {
    /// Walks `source` once.
    pub(crate) fn of(source: &DataDirectory, control: &dyn JobControl) -> Result<Self, BackupError> {
        let mut estimate = Self::default();
        for (count, entry) in source.entries().enumerate() {
            if count % 1024 == 0 {
                control.check()?;
            }
            let entry = entry?;
            if let EntryKind::File { bytes } = entry.kind {
                estimate.bytes += bytes;
                estimate.files += 1;
                estimate.add_relation(&relative_path(&entry.path).unwrap_or_default(), bytes);
            }
        }
        Ok(estimate)
    }

    fn add_relation(&mut self, relative: &[u8], bytes: u64) {
        let Some(slash) = relative.iter().rposition(|byte| *byte == b'/') else { return };
        let (folder, name) = (&relative[..slash], &relative[slash + 1..]);
        let Some(file) = holds_relations(folder).then(|| RelationFile::parse(name)).flatten() else { return };
        let database = database_of(folder);
        *self.databases.entry(database).or_default() += bytes;
        let key = (database, file.relation);
        if self.relations.len() < RELATIONS_MAX || self.relations.contains_key(&key) {
            *self.relations.entry(key).or_default() += bytes;
        }
    }

    /// Bytes of all relations of a database; 0 stands for what all databases share.
    pub(crate) fn database_bytes(&self, database: u32) -> u64 {
        self.databases.get(&database).copied().unwrap_or(0)
    }

    /// Bytes of a relation with all its forks.
    pub(crate) fn relation_bytes(&self, database: u32, relation: u32) -> u64 {
        self.relations.get(&(database, relation)).copied().unwrap_or(0)
    }
}

/// The database whose relations lie in `folder`; 0 for `global`.
pub(crate) fn database_of(folder: &[u8]) -> u32 {
    let last = folder.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    std::str::from_utf8(last).ok().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}
