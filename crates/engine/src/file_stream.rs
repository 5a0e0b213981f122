//! A file whose content arrives piece by piece, like WAL from a server.

use std::collections::VecDeque;
use std::sync::Arc;

use repository::{
    AttemptWriter, BLOCK_BYTES, BlockDigest, BlockHasher, FRAME_BYTES_MAX, FrameEncoder, FrameId,
    HashedBlocks, Run, ShortBlock,
};

use crate::BackupError;

/// Takes a file's bytes in order and stores them in frames of up to 1 MiB.
#[derive(Debug)]
pub struct FileStream {
    attempt: Arc<AttemptWriter>,
    hasher: BlockHasher,
    encoder: FrameEncoder,
    buffer: Vec<u8>,
    /// Bytes in frames already.
    framed_bytes: u64,
    runs: Vec<Run>,
    /// Frames not known to be stored, each with the file's length up to its end.
    unstored: VecDeque<(FrameId, u64)>,
    stored_bytes: u64,
}

/// A whole file that was streamed.
#[derive(Debug, Clone)]
pub struct StreamedFile {
    bytes: u64,
    runs: Vec<Run>,
}

impl StreamedFile {
    /// Its size.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn runs(&self) -> &[Run] {
        &self.runs
    }
}

impl FileStream {
    pub(crate) fn new(attempt: Arc<AttemptWriter>, hasher: BlockHasher, encoder: FrameEncoder) -> Self {
        Self {
            attempt,
            hasher,
            encoder,
            buffer: Vec::new(),
            framed_bytes: 0,
            runs: Vec::new(),
            unstored: VecDeque::new(),
            stored_bytes: 0,
        }
    }

    /// Appends `bytes`.
    ///
    /// # Errors
    /// The store fails.
    pub fn write(&mut self, mut bytes: &[u8]) -> Result<(), BackupError> {
        while !bytes.is_empty() {
            let room = FRAME_BYTES_MAX - self.buffer.len();
            let (taken, rest) = bytes.split_at(room.min(bytes.len()));
            self.buffer.extend_from_slice(taken);
            bytes = rest;
            if self.buffer.len() == FRAME_BYTES_MAX {
                self.frame(FRAME_BYTES_MAX)?;
            }
        }
        Ok(())
    }

    /// Bytes taken so far.
    pub fn written(&self) -> u64 {
        self.framed_bytes + self.buffer.len() as u64
    }

    /// Bytes from the start that are durably stored.
    pub fn stored(&mut self) -> u64 {
        while let Some((frame, end)) = self.unstored.front() {
            if !self.attempt.is_stored(*frame) {
                break;
            }
            self.stored_bytes = *end;
            self.unstored.pop_front();
        }
        self.stored_bytes
    }

    /// Ends the open frame: all but the last incomplete block.
    ///
    /// # Errors
    /// The store fails.
    pub fn end_frame(&mut self) -> Result<(), BackupError> {
        let whole = self.buffer.len() / BLOCK_BYTES * BLOCK_BYTES;
        if whole > 0 { self.frame(whole) } else { Ok(()) }
    }

    /// Ends the open frame, so that all but the last incomplete block can be stored, and asks that the
    /// open pack be stored soon.
    ///
    /// # Errors
    /// The store fails.
    pub fn seal_partial(&mut self) -> Result<(), BackupError> {
        self.end_frame()?;
        self.attempt.flush_soon().map_err(BackupError::attempt)
    }

    /// The whole file; stored once the set's writer was flushed.
    ///
    /// # Errors
    /// The store fails.
    pub fn finish(mut self) -> Result<StreamedFile, BackupError> {
        if !self.buffer.is_empty() {
            self.frame(self.buffer.len())?;
        }
        Ok(StreamedFile { bytes: self.framed_bytes, runs: self.runs })
    }

    /// Ends the file and begins the next one of the same set, with the same buffers.
    ///
    /// # Errors
    /// The store fails.
    pub fn finish_file(&mut self) -> Result<StreamedFile, BackupError> {
        if !self.buffer.is_empty() {
            self.frame(self.buffer.len())?;
        }
        self.unstored.clear();
        self.stored_bytes = 0;
        let bytes = std::mem::take(&mut self.framed_bytes);
        Ok(StreamedFile { bytes, runs: std::mem::take(&mut self.runs) })
    }

    /// Whether all of a file that was streamed into the same set is durably stored.
    pub fn is_stored(&self, file: &StreamedFile) -> bool {
        file.runs.iter().all(|run| self.attempt.is_stored(run.frame))
    }

    /// Makes a frame of the first `length` bytes of the buffer: whole blocks, unless the file ends there.
    fn frame(&mut self, length: usize) -> Result<(), BackupError> {
        let content = &self.buffer[..length];
        let blocks = blocks_of(&self.hasher, content);
        let count = u16::try_from(blocks.view().hashes.len()).expect("a frame has at most 128 blocks");
        let encoded = self.encoder.data(content, blocks);
        let encoded = encoded.map_err(|e| BackupError::repository("compress a frame", e))?;
        let frame = self.attempt.append(encoded).map_err(BackupError::attempt)?;
        let first_block = self.framed_bytes / BLOCK_BYTES as u64;
        self.runs.push(Run { first_block, count, frame, first_in_frame: 0 });
        self.framed_bytes += length as u64;
        self.unstored.push_back((frame, self.framed_bytes));
        self.buffer.drain(..length);
        Ok(())
    }
}

/// The blocks of one file's content: all whole but the last.
fn blocks_of(hasher: &BlockHasher, content: &[u8]) -> HashedBlocks {
    let digests: Vec<BlockDigest> = content.chunks(BLOCK_BYTES).map(|block| hasher.digest(block)).collect();
    let short = short_last(digests.len(), content.len() % BLOCK_BYTES);
    HashedBlocks::new(&digests, short.into_iter().collect())
}

/// The short block at the end of `count` blocks, if `rest` bytes make one.
pub(crate) fn short_last(count: usize, rest: usize) -> Option<ShortBlock> {
    let position = u16::try_from(count.checked_sub(1)?).expect("a frame has at most 128 blocks");
    let bytes = u16::try_from(rest).expect("a block has 8192 bytes");
    (rest > 0).then_some(ShortBlock { position, bytes })
}
