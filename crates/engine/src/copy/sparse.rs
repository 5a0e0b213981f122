//! Older packs of which the parent uses so little that what it uses is copied anew, so that they can go.
//!
//! A pack goes as a whole, when no set reaches it: a few blocks that never change would keep it for ever. Only packs
//! of attempts before the parent's own are looked at, for of its own it uses all.

use std::collections::{HashMap, HashSet};

use repository::{BLOCK_BYTES, FrameBuffers, PackId, RepositoryError};

use crate::set_writer::Parent;
use crate::{BackupError, JobControl};

/// Looks through the parent's block maps, and chooses packs of which it uses less than half, worst first, as long as
/// `bytes_left` lasts. That is lowered by what is to be copied. Where the parent's tables are damaged nothing is chosen.
pub(super) fn sparse_packs(
    parent: &Parent,
    bytes_left: &mut u64,
    control: &dyn JobControl,
) -> Result<HashSet<PackId>, BackupError> {
    let own = parent.ancestor();
    if *bytes_left == 0 || parent.set().manifest().references.iter().all(|reference| reference.of == own) {
        return Ok(HashSet::new());
    }
    let used = match used_blocks(parent, control)? {
        Ok(used) => used,
        Err(error) if error.is_damage() => return Ok(HashSet::new()),
        Err(error) => return Err(BackupError::repository("read the parent set", error)),
    };
    let mut sparse = Vec::new();
    for (pack, used) in used {
        control.check()?;
        let opened = match parent.set().reader().pack(pack) {
            Ok(opened) => opened,
            // What cannot be compared is copied anyway.
            Err(error) if error.is_damage() => continue,
            Err(error) => return Err(BackupError::repository("read the index of an older pack", error)),
        };
        let blocks = opened.index().frames().filter_map(|frame| frame.blocks);
        let stored: u64 = blocks.map(|blocks| blocks.hashes.len() as u64).sum();
        if used * 2 < stored {
            sparse.push((used.saturating_mul(1 << 20) / stored, pack, used * BLOCK_BYTES as u64));
        }
    }
    Ok(choose(sparse, bytes_left))
}

/// The blocks that the parent uses of each pack of older attempts.
fn used_blocks(
    parent: &Parent,
    control: &dyn JobControl,
) -> Result<Result<HashMap<PackId, u64>, RepositoryError>, BackupError> {
    let own = parent.ancestor().attempt;
    let buffers = FrameBuffers::new();
    let mut buffers = buffers.map_err(|e| BackupError::repository("prepare the compression", e))?;
    let mut used = HashMap::new();
    let entries = parent.set().entries().map_err(|e| BackupError::repository("read the parent set", e))?;
    for entry in entries {
        control.check()?;
        let runs = entry.and_then(|entry| parent.set().runs(&entry, &mut buffers));
        let runs = match runs {
            Ok(runs) => runs,
            Err(error) => return Ok(Err(error)),
        };
        for run in runs.iter().filter(|run| run.frame.pack.attempt != own && parent.has(run.frame)) {
            *used.entry(run.frame.pack).or_default() += u64::from(run.count);
        }
    }
    Ok(Ok(used))
}

/// The worst ones (share used, pack, bytes used) that fit.
fn choose(mut sparse: Vec<(u64, PackId, u64)>, bytes_left: &mut u64) -> HashSet<PackId> {
    sparse.sort_unstable();
    let mut chosen = HashSet::new();
    for (_, pack, bytes) in sparse {
        if bytes > *bytes_left {
            break;
        }
        *bytes_left -= bytes;
        chosen.insert(pack);
    }
    chosen
}

#[cfg(test)]
mod tests {
    use repository::AttemptId;

    use super::*;

    #[test]
    fn the_worst_come_first_and_no_more_than_fits() {
        let pack = |number| PackId { attempt: AttemptId::from_bytes([1; 16]), number };
        let sparse = vec![(300, pack(0), 50), (100, pack(1), 60), (200, pack(2), 30), (400, pack(3), 1)];
        let mut left = 100;
        assert_eq!(choose(sparse, &mut left), HashSet::from([pack(1), pack(2)]));
        assert_eq!(left, 10);
    }
}
