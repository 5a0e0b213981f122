//! From content to a frame that a pack can take: hashed, compressed, not yet sealed.

use std::io;

use crate::codec::{Compression, Compressor};
use crate::format::frame::{BLOCK_BYTES, BlockHash, Codec, FRAME_BYTES_MAX};
use crate::format::pack_index::FrameBlocks;

/// Hashes blocks for comparison; the key is the data key's, so hashes tell nothing without it.
#[derive(Clone)]
pub struct BlockHasher {
    key: [u8; 32],
}

impl std::fmt::Debug for BlockHasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BlockHasher([redacted])")
    }
}

impl BlockHasher {
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// The hash of one block of at most [`BLOCK_BYTES`].
    pub fn hash(&self, block: &[u8]) -> BlockHash {
        debug_assert!(block.len() <= BLOCK_BYTES);
        let hash = blake3::keyed_hash(&self.key, block);
        let (first, _) = hash.as_bytes().split_first_chunk().expect("a hash has 32 bytes");
        BlockHash(u64::from_le_bytes(*first))
    }
}

/// BLAKE3 of a frame's content.
pub fn frame_digest(content: &[u8]) -> [u8; 32] {
    *blake3::hash(content).as_bytes()
}

/// One thread's encoder; reuses its buffers.
#[derive(Debug)]
pub struct FrameEncoder {
    compressor: Compressor,
}

/// A frame ready to be sealed into a pack.
#[derive(Debug)]
pub struct EncodedFrame<'a> {
    pub(crate) codec: Codec,
    pub(crate) stored: &'a [u8],
    pub(crate) plain_bytes: u32,
    pub(crate) digest: [u8; 32],
    pub(crate) blocks: Option<FrameBlocks>,
}

impl FrameEncoder {
    /// # Errors
    /// The compression library has no memory or does not know the level.
    pub fn new(compression: Compression) -> io::Result<Self> {
        Ok(Self { compressor: Compressor::new(compression)? })
    }

    /// A frame of `content`, whose BLAKE3 is `digest` and whose blocks are `blocks`.
    ///
    /// # Errors
    /// The compression library fails.
    pub fn data<'a>(
        &'a mut self,
        content: &'a [u8],
        digest: [u8; 32],
        blocks: FrameBlocks,
    ) -> io::Result<EncodedFrame<'a>> {
        debug_assert_eq!(blocks.view().plain_bytes(), content.len());
        self.encode(content, digest, Some(blocks))
    }

    /// A frame of one of the format's own tables.
    ///
    /// # Errors
    /// The compression library fails.
    pub(crate) fn metadata<'a>(&'a mut self, content: &'a [u8]) -> io::Result<EncodedFrame<'a>> {
        self.encode(content, *blake3::hash(content).as_bytes(), None)
    }

    fn encode<'a>(
        &'a mut self,
        content: &'a [u8],
        digest: [u8; 32],
        blocks: Option<FrameBlocks>,
    ) -> io::Result<EncodedFrame<'a>> {
        assert!(content.len() <= FRAME_BYTES_MAX, "a frame holds at most 1 MiB");
        let plain_bytes = u32::try_from(content.len()).expect("a frame holds at most 1 MiB");
        let (codec, stored) = self.compressor.compress(content)?;
        Ok(EncodedFrame { codec, stored, plain_bytes, digest, blocks })
    }
}
