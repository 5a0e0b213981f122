//! From content to a frame that a pack can take: hashed, compressed, not yet sealed.

use std::io;

use crate::codec::{Compression, Compressor};
use crate::format::frame::{BLOCK_BYTES, BlockHash, Codec, FRAME_BYTES_MAX};
use crate::format::pack_index::{BlocksView, FrameBlocks, ShortBlock};

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

    /// The digest of one block of at most [`BLOCK_BYTES`].
    pub fn digest(&self, block: &[u8]) -> BlockDigest {
        debug_assert!(block.len() <= BLOCK_BYTES);
        BlockDigest(*blake3::keyed_hash(&self.key, block).as_bytes())
    }

    /// Compares `content` with what a pack's index says of it.
    ///
    /// # Errors
    /// Which part of it is another.
    pub(crate) fn check(
        &self,
        content: &[u8],
        digest: &[u8; 32],
        blocks: BlocksView<'_>,
    ) -> Result<(), String> {
        let mut digests = Vec::with_capacity(blocks.hashes.len());
        for (position, hash) in blocks.hashes.iter().enumerate() {
            let block = content.get(blocks.offset(position)..blocks.offset(position + 1));
            let block = block.filter(|block| block.len() <= BLOCK_BYTES).map(|block| self.digest(block));
            match block {
                Some(block) if block.hash() == *hash => digests.push(block),
                Some(_) | None => {
                    return Err(format!("block {position} does not have the hash that the index gives"));
                }
            }
        }
        if digest_of(&digests) == *digest {
            Ok(())
        } else {
            Err("its blocks do not have the digest that the index gives".to_owned())
        }
    }
}

/// A block's keyed BLAKE3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockDigest([u8; 32]);

impl BlockDigest {
    /// The part of it that a pack's index keeps for comparing.
    pub fn hash(&self) -> BlockHash {
        let (first, _) = self.0.split_first_chunk().expect("a digest has 32 bytes");
        BlockHash(u64::from_le_bytes(*first))
    }
}

/// BLAKE3 of the digests of a frame's blocks: the content was hashed once for both.
fn digest_of(blocks: &[BlockDigest]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for block in blocks {
        hasher.update(&block.0);
    }
    *hasher.finalize().as_bytes()
}

/// The blocks of a data frame that is being made, and the frame's digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashedBlocks {
    digest: [u8; 32],
    blocks: FrameBlocks,
}

impl HashedBlocks {
    /// Blocks of these digests, those in `short` with fewer bytes than [`BLOCK_BYTES`].
    pub fn new(digests: &[BlockDigest], short: Vec<ShortBlock>) -> Self {
        let hashes = digests.iter().map(BlockDigest::hash).collect();
        Self { digest: digest_of(digests), blocks: FrameBlocks { hashes, short } }
    }

    /// What tells the frame from any other: BLAKE3 of the digests of its blocks.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The blocks.
    pub fn view(&self) -> BlocksView<'_> {
        self.blocks.view()
    }
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

    /// A frame of `content`, which consists of `blocks`.
    ///
    /// # Errors
    /// The compression library fails.
    pub fn data<'a>(&'a mut self, content: &'a [u8], blocks: HashedBlocks) -> io::Result<EncodedFrame<'a>> {
        debug_assert_eq!(blocks.view().plain_bytes(), content.len());
        let HashedBlocks { digest, blocks } = blocks;
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Two blocks, the second one short, with what an index would say of them.
    fn blocks() -> (BlockHasher, Vec<u8>, HashedBlocks) {
        let hasher = BlockHasher::new([7; 32]);
        let content: Vec<u8> =
            (0..BLOCK_BYTES + 100).map(|n| u8::try_from(n % 251).expect("small")).collect();
        let digests: Vec<_> = content.chunks(BLOCK_BYTES).map(|block| hasher.digest(block)).collect();
        (hasher, content, HashedBlocks::new(&digests, vec![ShortBlock { position: 1, bytes: 100 }]))
    }

    #[test]
    fn what_a_frame_holds_is_compared_with_the_index() {
        let (hasher, content, blocks) = blocks();
        assert_eq!(hasher.check(&content, blocks.digest(), blocks.view()), Ok(()));
        for at in [0, BLOCK_BYTES - 1, BLOCK_BYTES, content.len() - 1] {
            let mut other = content.clone();
            other[at] ^= 1;
            assert!(hasher.check(&other, blocks.digest(), blocks.view()).is_err(), "byte {at}");
        }
        assert!(hasher.check(&content[..content.len() - 1], blocks.digest(), blocks.view()).is_err(), "cut");
        let other_key = BlockHasher::new([8; 32]);
        assert!(other_key.check(&content, blocks.digest(), blocks.view()).is_err(), "another key");
    }

    #[test]
    fn the_digest_counts_where_the_hashes_agree() {
        let (hasher, content, blocks) = blocks();
        let mut digest = *blocks.digest();
        digest[31] ^= 1;
        let problem = hasher.check(&content, &digest, blocks.view());
        assert_eq!(problem.as_ref().map_err(|text| text.contains("digest")), Err(true), "{problem:?}");
    }
}
