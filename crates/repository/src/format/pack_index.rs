//! The index at the end of a pack: for each frame where it lies, how it is compressed, its digest and
//! its blocks' hashes. Sealed as the frame that follows the last; a clear trailer of 16 bytes finds it.
//!
//! ```text
//! pack    = header (64) · sealed frames end to end · sealed index · trailer (16)
//! trailer = index length u32 · frame count u32 · magic "BSPKIDX1"
//! index   = per frame: stored bytes · class · codec · plain bytes · digest (32) ·
//!           [data: block count · short blocks: count, (position, bytes)… · hash (8) per block]
//! ```
//! Numbers are varints unless a width is given. Stored bytes include the 16-byte tag.

use super::bytes::{FormatError, Reader, put_varint};
use super::frame::{BLOCK_BYTES, BlockHash, Codec, FRAME_BLOCKS_MAX, FRAME_BYTES_MAX};
use super::header::HEADER_BYTES;

/// Length of the clear trailer.
pub(crate) const TRAILER_BYTES: usize = 16;
const TRAILER_MAGIC: &[u8; 8] = b"BSPKIDX1";
const DATA: u8 = 0;
const METADATA: u8 = 1;

/// A block shorter than [`BLOCK_BYTES`]: the last of its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShortBlock {
    /// Which block of the frame.
    pub position: u16,
    /// How many bytes it has.
    pub bytes: u16,
}

/// The blocks of a data frame that is being made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FrameBlocks {
    /// Keyed hash of each block.
    pub hashes: Vec<BlockHash>,
    /// Those that are not whole, in order.
    pub short: Vec<ShortBlock>,
}

impl FrameBlocks {
    /// As a view.
    pub fn view(&self) -> BlocksView<'_> {
        BlocksView { hashes: &self.hashes, short: &self.short }
    }
}

/// The blocks of a data frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlocksView<'a> {
    /// Keyed hash of each block.
    pub hashes: &'a [BlockHash],
    /// Those that are not whole, in order.
    pub short: &'a [ShortBlock],
}

impl BlocksView<'_> {
    /// Bytes of the content of all blocks.
    pub fn plain_bytes(&self) -> usize {
        self.offset(self.hashes.len())
    }

    /// Where block `position` begins in the content; for `position` = block count, where the content ends.
    pub fn offset(&self, position: usize) -> usize {
        let before = self.short.iter().filter(|s| usize::from(s.position) < position);
        let missing: usize = before.map(|s| BLOCK_BYTES - usize::from(s.bytes)).sum();
        (position * BLOCK_BYTES).saturating_sub(missing)
    }
}

/// What the index says of one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameView<'a> {
    /// Where it begins in the pack.
    pub offset: u32,
    /// Length in the pack, with its tag.
    pub stored_bytes: u32,
    /// How the content is compressed.
    pub codec: Codec,
    /// Length of the content.
    pub plain_bytes: u32,
    /// BLAKE3 of the blocks' keyed digests; of the content for a frame of the format's own tables.
    pub digest: &'a [u8; 32],
    /// The blocks; `None` for a frame of the format's own tables.
    pub blocks: Option<BlocksView<'a>>,
}

/// The whole index of a pack: some 70 bytes of memory for each frame, and 8 for each block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackIndex {
    frames: Vec<Frame>,
    hashes: Vec<BlockHash>,
    short: Vec<ShortBlock>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Frame {
    digest: [u8; 32],
    offset: u32,
    stored_bytes: u32,
    plain_bytes: u32,
    /// Its first block in `hashes`.
    first_hash: u32,
    /// Its first short block in `short`.
    first_short: u32,
    block_count: u16,
    short_count: u16,
    codec: Codec,
    is_data: bool,
}

impl PackIndex {
    /// Number of frames.
    pub fn frame_count(&self) -> u32 {
        u32::try_from(self.frames.len()).expect("a pack has at most 32 MiB")
    }

    /// One frame.
    pub fn find(&self, frame: u32) -> Option<FrameView<'_>> {
        let frame = self.frames.get(usize::try_from(frame).ok()?)?;
        let Frame { digest, offset, stored_bytes, plain_bytes, codec, .. } = frame;
        let first = usize::try_from(frame.first_hash).ok()?;
        let hashes = self.hashes.get(first..first + usize::from(frame.block_count))?;
        let first = usize::try_from(frame.first_short).ok()?;
        let short = self.short.get(first..first + usize::from(frame.short_count))?;
        Some(FrameView {
            offset: *offset,
            stored_bytes: *stored_bytes,
            codec: *codec,
            plain_bytes: *plain_bytes,
            digest,
            blocks: frame.is_data.then_some(BlocksView { hashes, short }),
        })
    }

    /// All frames, in order.
    pub fn frames(&self) -> impl Iterator<Item = FrameView<'_>> + '_ {
        (0..self.frame_count()).map_while(|frame| self.find(frame))
    }

    /// Bytes this index takes in memory, about.
    pub fn memory_bytes(&self) -> usize {
        self.frames.len() * size_of::<Frame>()
            + self.hashes.len() * 8
            + self.short.len() * size_of::<ShortBlock>()
    }

    pub(crate) fn push(&mut self, frame: &FrameView<'_>) {
        let FrameView { offset, stored_bytes, codec, plain_bytes, digest, blocks } = *frame;
        let narrow = |n: usize| u32::try_from(n).expect("a pack has at most 32 MiB");
        let (first_hash, first_short) = (narrow(self.hashes.len()), narrow(self.short.len()));
        let count = |n: usize| u16::try_from(n).expect("a frame has at most 128 blocks");
        let BlocksView { hashes, short } = blocks.unwrap_or(BlocksView { hashes: &[], short: &[] });
        self.hashes.extend_from_slice(hashes);
        self.short.extend_from_slice(short);
        self.frames.push(Frame {
            digest: *digest,
            offset,
            stored_bytes,
            plain_bytes,
            first_hash,
            first_short,
            block_count: count(hashes.len()),
            short_count: count(short.len()),
            codec,
            is_data: blocks.is_some(),
        });
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.memory_bytes());
        for frame in self.frames() {
            let FrameView { offset: _, stored_bytes, codec, plain_bytes, digest, blocks } = frame;
            put_varint(&mut out, u64::from(stored_bytes));
            out.push(if blocks.is_some() { DATA } else { METADATA });
            out.push(codec.code());
            put_varint(&mut out, u64::from(plain_bytes));
            out.extend_from_slice(digest);
            let Some(BlocksView { hashes, short }) = blocks else { continue };
            put_varint(&mut out, hashes.len() as u64);
            put_varint(&mut out, short.len() as u64);
            for ShortBlock { position, bytes } in short {
                put_varint(&mut out, u64::from(*position));
                put_varint(&mut out, u64::from(*bytes));
            }
            for hash in hashes {
                out.extend_from_slice(&hash.0.to_le_bytes());
            }
        }
        out
    }

    /// Reads the index of a pack of `frames` frames whose sealed index begins at `index_offset`.
    ///
    /// # Errors
    /// Damaged, or its frames do not fill the pack exactly.
    pub(crate) fn decode(bytes: &[u8], frames: u32, index_offset: u64) -> Result<Self, FormatError> {
        let mut reader = Reader::new("pack index", bytes);
        let mut index = Self::default();
        let mut offset = HEADER_BYTES as u64;
        let mut blocks = FrameBlocks::default();
        for _ in 0..frames {
            let start = u32::try_from(offset).map_err(|_| reader.error("a frame lies too far"))?;
            offset += u64::from(decode_frame(&mut reader, &mut index, start, &mut blocks)?);
        }
        reader.end()?;
        if offset != index_offset {
            return Err(reader.error(format!("its frames end at {offset}, not at {index_offset}")));
        }
        Ok(index)
    }
}

/// Reads one frame into the index and returns its length in the pack.
fn decode_frame(
    reader: &mut Reader<'_>,
    index: &mut PackIndex,
    offset: u32,
    blocks: &mut FrameBlocks,
) -> Result<u32, FormatError> {
    let stored_bytes = reader.number()?;
    let class = reader.byte()?;
    let code = reader.byte()?;
    let codec = Codec::from_code(code).ok_or_else(|| reader.error(format!("codec {code} is unknown")))?;
    let plain_bytes: u32 = reader.number()?;
    let digest = reader.array()?;
    let blocks = match class {
        DATA => {
            decode_blocks(reader, blocks)?;
            Some(blocks.view())
        }
        METADATA => None,
        other => return Err(reader.error(format!("class {other} is unknown"))),
    };
    let plain = usize::try_from(plain_bytes).unwrap_or(usize::MAX);
    if plain > FRAME_BYTES_MAX || blocks.is_some_and(|b| b.plain_bytes() != plain) {
        return Err(reader.error(format!("a frame cannot hold {plain_bytes} bytes")));
    }
    index.push(&FrameView { offset, stored_bytes, codec, plain_bytes, digest: &digest, blocks });
    Ok(stored_bytes)
}

fn decode_blocks(reader: &mut Reader<'_>, blocks: &mut FrameBlocks) -> Result<(), FormatError> {
    blocks.hashes.clear();
    blocks.short.clear();
    let count = reader.count(8)?;
    let short_count = reader.count(2)?;
    if count > FRAME_BLOCKS_MAX || short_count > count {
        return Err(reader.error(format!("a frame cannot hold {count} blocks, {short_count} of them short")));
    }
    for _ in 0..short_count {
        let block = ShortBlock { position: reader.number()?, bytes: reader.number()? };
        let sorted = blocks.short.last().is_none_or(|last| last.position < block.position);
        if !sorted || usize::from(block.position) >= count || usize::from(block.bytes) >= BLOCK_BYTES {
            return Err(reader.error("a short block is not where one can be"));
        }
        blocks.short.push(block);
    }
    for _ in 0..count {
        blocks.hashes.push(BlockHash(u64::from_le_bytes(reader.array()?)));
    }
    Ok(())
}

/// The clear end of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trailer {
    /// Length of the sealed index, with its tag.
    pub(crate) index_bytes: u32,
    /// Number of frames, which is also the index's own frame number.
    pub(crate) frames: u32,
}

impl Trailer {
    pub(crate) fn encode(self) -> [u8; TRAILER_BYTES] {
        let mut out = [0; TRAILER_BYTES];
        out[..4].copy_from_slice(&self.index_bytes.to_le_bytes());
        out[4..8].copy_from_slice(&self.frames.to_le_bytes());
        out[8..].copy_from_slice(TRAILER_MAGIC);
        out
    }

    /// Reads the trailer from the last bytes of a pack.
    ///
    /// # Errors
    /// Too short, or another magic.
    pub(crate) fn decode(tail: &[u8]) -> Result<Self, FormatError> {
        let start = tail.len().saturating_sub(TRAILER_BYTES);
        let mut reader = Reader::new("pack trailer", &tail[start..]);
        let index_bytes = u32::from_le_bytes(reader.array()?);
        let frames = u32::from_le_bytes(reader.array()?);
        if &reader.array::<8>()? != TRAILER_MAGIC {
            return Err(reader.error("its magic is another"));
        }
        Ok(Self { index_bytes, frames })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame() -> impl Strategy<Value = (u32, [u8; 32], Option<FrameBlocks>)> {
        (1u32..2_000_000, 0usize..=FRAME_BLOCKS_MAX, any::<[u8; 32]>(), any::<bool>()).prop_map(
            |(stored_bytes, blocks, digest, data)| {
                let hashes = (0..blocks as u64).map(|n| BlockHash(n * 77)).collect();
                let last = u16::try_from(blocks).expect("at most 128").checked_sub(1);
                let short = last.map(|position| ShortBlock { position, bytes: 3 }).into_iter().collect();
                (stored_bytes, digest, data.then_some(FrameBlocks { hashes, short }))
            },
        )
    }

    proptest! {
        #[test]
        fn an_index_reads_back_as_written(frames in prop::collection::vec(frame(), 0..20)) {
            let mut index = PackIndex::default();
            let mut offset = u32::try_from(HEADER_BYTES).expect("64");
            for (stored_bytes, digest, blocks) in &frames {
                let blocks = blocks.as_ref().map(FrameBlocks::view);
                let plain_bytes = blocks.map_or(5, |b| u32::try_from(b.plain_bytes()).expect("at most 1 MiB"));
                let stored_bytes = *stored_bytes;
                index.push(&FrameView { offset, stored_bytes, codec: Codec::Zstd, plain_bytes, digest, blocks });
                offset += stored_bytes;
            }
            let read = PackIndex::decode(&index.encode(), index.frame_count(), u64::from(offset)).expect("index");
            prop_assert_eq!(read, index);
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>, frames in 0u32..100) {
            let _ = PackIndex::decode(&bytes, frames, 64);
            let _ = Trailer::decode(&bytes);
        }
    }

    #[test]
    fn a_block_lies_after_the_short_ones_before_it() {
        let short = vec![ShortBlock { position: 0, bytes: 3 }, ShortBlock { position: 2, bytes: 10 }];
        let blocks = FrameBlocks { hashes: vec![BlockHash(0); 4], short };
        let offsets: Vec<usize> = (0..=4).map(|p| blocks.view().offset(p)).collect();
        assert_eq!(offsets, [0, 3, 3 + 8192, 3 + 8192 + 10, 3 + 8192 + 10 + 8192]);
    }
}
