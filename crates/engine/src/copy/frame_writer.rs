//! One thread's way from content to a frame in a pack.

use std::sync::Arc;

use repository::{AttemptWriter, FrameEncoder, FrameId, HashedBlocks};

use crate::BackupError;
use crate::dead_frames::DeadFrames;

/// Compresses frames and appends them to the attempt, unless a dead attempt has stored them already.
#[derive(Debug)]
pub(super) struct FrameWriter {
    attempt: Arc<AttemptWriter>,
    encoder: FrameEncoder,
    dead: Arc<DeadFrames>,
}

impl FrameWriter {
    pub(super) fn new(attempt: Arc<AttemptWriter>, encoder: FrameEncoder, dead: Arc<DeadFrames>) -> Self {
        Self { attempt, encoder, dead }
    }

    pub(super) fn write(&mut self, content: &[u8], blocks: HashedBlocks) -> Result<FrameId, BackupError> {
        if !self.dead.is_empty()
            && let Some(frame) = self.dead.get(&blocks)
        {
            return Ok(frame);
        }
        let encoded = self.encoder.data(content, blocks);
        let encoded = encoded.map_err(|e| BackupError::repository("compress a frame", e))?;
        self.attempt.append(encoded).map_err(BackupError::attempt)
    }
}
