//! Frames that dead attempts of the same job have stored. One is used again only where the bytes read
//! now have the same digest: that saves compression and upload, never reading.

use std::collections::HashMap;

use repository::{
    Ancestor, AttemptId, AttemptName, BLOCK_BYTES, BlocksView, FrameId, HashedBlocks, InstanceId, PackId,
    Place, Repository, RepositoryError,
};

use crate::{BackupError, BackupRequest};

/// Frames remembered, at most: 96 bytes each make 48 MiB.
const FRAMES_MAX: usize = 512 * 1024;

/// What dead attempts have left.
#[derive(Debug, Default)]
pub(crate) struct DeadFrames {
    frames: HashMap<[u8; 32], FrameId>,
    packs: HashMap<PackId, u32>,
    ancestors: Vec<Ancestor>,
}

impl DeadFrames {
    /// Reads the indexes of the packs that the request's dead attempts have stored. What cannot be
    /// read is not used.
    pub(crate) fn find(repository: &Repository, request: &BackupRequest) -> Result<Self, BackupError> {
        let mut found = Self::default();
        for attempt in &request.dead_attempts {
            found.add_attempt(
                repository,
                &request.instance,
                Ancestor { set: request.set, attempt: *attempt },
            )?;
        }
        Ok(found)
    }

    /// Forgets attempts that have a tombstone, for the sweep may take them. To be asked once `begin` is there.
    pub(crate) fn drop_buried(
        &mut self,
        repository: &Repository,
        instance: &InstanceId,
    ) -> Result<(), BackupError> {
        for of in std::mem::take(&mut self.ancestors) {
            let name = AttemptName { set: of.set, attempt: of.attempt };
            let buried = repository.has_tombstone(&Place { instance: instance.clone(), name });
            if buried.map_err(|e| BackupError::repository("look for tombstones", e))? {
                self.frames.retain(|_, frame| frame.pack.attempt != of.attempt);
                self.packs.retain(|pack, _| pack.attempt != of.attempt);
            } else {
                self.ancestors.push(of);
            }
        }
        Ok(())
    }

    /// The attempts that may be referred to.
    pub(crate) fn ancestors(&self) -> &[Ancestor] {
        &self.ancestors
    }

    pub(crate) fn ancestor(&self, attempt: AttemptId) -> Option<Ancestor> {
        self.ancestors.iter().copied().find(|ancestor| ancestor.attempt == attempt)
    }

    pub(crate) fn pack_bytes(&self, pack: PackId) -> Option<u32> {
        self.packs.get(&pack).copied()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// The frame that holds these very blocks.
    pub(crate) fn get(&self, blocks: &HashedBlocks) -> Option<FrameId> {
        if is_plain(blocks.view()) { self.frames.get(blocks.digest()).copied() } else { None }
    }

    fn add_attempt(
        &mut self,
        repository: &Repository,
        instance: &InstanceId,
        of: Ancestor,
    ) -> Result<(), BackupError> {
        let failed =
            |e: RepositoryError| BackupError::repository("look at what a dead attempt has stored", e);
        let name = AttemptName { set: of.set, attempt: of.attempt };
        let place = Place { instance: instance.clone(), name };
        let reader = repository.frame_reader(instance.clone(), [(of.attempt, of.set)]);
        for (number, bytes) in repository.pack_sizes(&place).map_err(failed)? {
            let pack = PackId { attempt: of.attempt, number };
            let opened = match reader.pack(pack) {
                Ok(opened) => opened,
                Err(RepositoryError::Damaged { .. } | RepositoryError::Absent { .. }) => continue,
                Err(error) => return Err(failed(error)),
            };
            let Ok(bytes) = u32::try_from(bytes) else { continue };
            self.packs.insert(pack, bytes);
            for (frame, number) in opened.index().frames().zip(0..) {
                if frame.blocks.is_some_and(is_plain) && self.frames.len() < FRAMES_MAX {
                    self.frames.insert(*frame.digest, FrameId { pack, number });
                }
            }
        }
        self.ancestors.push(of);
        Ok(())
    }
}

/// Are all blocks whole, but perhaps the last? Then the content alone says where each begins.
fn is_plain(blocks: BlocksView<'_>) -> bool {
    match blocks.short {
        [] => true,
        [one] => usize::from(one.position) + 1 == blocks.hashes.len() && usize::from(one.bytes) < BLOCK_BYTES,
        _ => false,
    }
}
