//! Bad pages by relation and block, as an operator looks for them.

use std::collections::BTreeMap;

use pgwal::Lsn;
use repository::StoredPath;

use crate::data_directory::{SuspectPage, relative_path};
use crate::estimate::database_of;
use crate::record::{BadPagesRecord, DatabaseRecord};
use crate::relation_file::RelationFile;

/// Pages that a set's record lists; the record is read into memory.
const PAGES_MAX: usize = 100_000;

/// Joins what failed its check with suspects that claim a change after the stop, which no page can bear.
pub(crate) fn bad_pages(
    failed: &[(StoredPath, Vec<u64>)],
    suspects: Vec<SuspectPage>,
    stop: Lsn,
    segment_blocks: u32,
    databases: &[DatabaseRecord],
) -> Vec<BadPagesRecord> {
    let mut by_path: BTreeMap<StoredPath, Vec<u64>> = BTreeMap::new();
    for (path, blocks) in failed {
        by_path.entry(path.clone()).or_default().extend(blocks);
    }
    for suspect in suspects.into_iter().filter(|suspect| suspect.lsn > stop) {
        by_path.entry(suspect.path).or_default().push(suspect.block);
    }
    let mut room = PAGES_MAX;
    let mut records = Vec::new();
    for (path, mut blocks) in by_path {
        let relative = relative_path(&path).unwrap_or_default();
        let Some(slash) = relative.iter().rposition(|byte| *byte == b'/') else { continue };
        let Some(file) = RelationFile::parse(&relative[slash + 1..]) else { continue };
        blocks.sort_unstable();
        blocks.dedup();
        blocks.truncate(room);
        room -= blocks.len();
        if blocks.is_empty() {
            continue;
        }
        let database = database_of(&relative[..slash]);
        let known = databases.iter().find(|known| known.oid == database);
        let table = known.and_then(|known| known.tables.iter().find(|table| table.relation == file.relation));
        let first = u64::from(file.first_block(segment_blocks));
        records.push(BadPagesRecord {
            path: path.to_string(),
            database,
            database_name: known.map(|known| known.name.clone()),
            relation: file.relation,
            table: table.map(|table| format!("{}.{}", table.schema, table.name)),
            fork: file.fork.to_string(),
            blocks: blocks.into_iter().map(|block| first + block).collect(),
        });
    }
    records
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str) -> StoredPath {
        StoredPath::new(format!("data/base/5/{name}")).expect("a path")
    }

    #[test]
    fn a_suspect_is_bad_only_beyond_the_stop() {
        let suspect = |block, lsn| SuspectPage { path: path("16384.1"), block, lsn: Lsn::new(lsn) };
        let failed = [(path("16384.1"), vec![9, 3]), (path("PG_VERSION"), vec![0])];
        let suspects = vec![suspect(7, 100), suspect(8, 101), suspect(3, 102)];
        let found = bad_pages(&failed, suspects, Lsn::new(100), 1_000, &[]);
        let blocks: Vec<_> =
            found.iter().map(|file| (file.relation, file.fork.as_str(), &file.blocks[..])).collect();
        assert_eq!(blocks, [(16384, "main", &[1_003, 1_008, 1_009][..])]);
    }
}
