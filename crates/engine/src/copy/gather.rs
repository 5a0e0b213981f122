//! Blocks that are not kept elsewhere, gathered until they fill a frame.

use repository::{
    BLOCK_BYTES, BlockDigest, FRAME_BLOCKS_MAX, FRAME_BYTES_MAX, HashedBlocks, Run, ShortBlock,
};

use super::frame_writer::FrameWriter;
use crate::BackupError;

/// The open frame of one worker.
#[derive(Debug)]
pub(super) struct Gather {
    buffer: Vec<u8>,
    digests: Vec<BlockDigest>,
    short: Vec<ShortBlock>,
    owners: Vec<Owner>,
}

/// Some consecutive blocks in the open frame.
#[derive(Debug)]
struct Owner {
    slot: usize,
    first_block: u64,
    count: u16,
    first_in_frame: u16,
}

impl Gather {
    pub(super) fn new() -> Self {
        let buffer = Vec::with_capacity(FRAME_BYTES_MAX);
        Self { buffer, digests: Vec::new(), short: Vec::new(), owners: Vec::new() }
    }

    pub(super) fn is_full(&self) -> bool {
        self.digests.len() == FRAME_BLOCKS_MAX
    }

    /// Adds block `number` of the file in `slot`. The caller has emptied a full frame.
    pub(super) fn push(&mut self, slot: usize, number: u64, block: &[u8], digest: BlockDigest) {
        debug_assert!(!self.is_full() && block.len() <= BLOCK_BYTES);
        let position = u16::try_from(self.digests.len()).expect("a frame has at most 128 blocks");
        self.buffer.extend_from_slice(block);
        self.digests.push(digest);
        if block.len() < BLOCK_BYTES {
            let bytes = u16::try_from(block.len()).expect("a block has at most 8192 bytes");
            self.short.push(ShortBlock { position, bytes });
        }
        match self.owners.last_mut() {
            Some(last) if last.slot == slot && last.first_block + u64::from(last.count) == number => {
                last.count += 1;
            }
            Some(_) | None => {
                self.owners.push(Owner { slot, first_block: number, count: 1, first_in_frame: position });
            }
        }
    }

    /// Stores what was gathered; gives each run to `place` with its file's slot.
    pub(super) fn store(
        &mut self,
        frames: &mut FrameWriter,
        mut place: impl FnMut(usize, Run),
    ) -> Result<(), BackupError> {
        if self.digests.is_empty() {
            return Ok(());
        }
        let blocks = HashedBlocks::new(&self.digests, std::mem::take(&mut self.short));
        let frame = frames.write(&self.buffer, blocks)?;
        self.buffer.clear();
        self.digests.clear();
        for Owner { slot, first_block, count, first_in_frame } in self.owners.drain(..) {
            place(slot, Run { first_block, count, frame, first_in_frame });
        }
        Ok(())
    }
}
