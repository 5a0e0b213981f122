//! Packs: many frames in one object, so that a database of 40,000 small files is not 40,000 objects.
//!
//! - A pack never changes once sealed; its name belongs to one attempt.
//! - Each frame opens and decompresses alone.
//! - This module does no I/O.

use crate::codec::Decompressor;
use crate::encode::{BlockHasher, EncodedFrame};
use crate::format::bytes::FormatError;
use crate::format::header::{HEADER_BYTES, Header, ObjectKind};
use crate::format::pack_index::{FrameBlocks, FrameView, PackIndex, TRAILER_BYTES, Trailer};
use crate::seal::{DataKey, ObjectSeal, TAG_BYTES};

/// Largest pack. Object stores take 5 GB in one request; 32 MiB keeps a retried upload cheap, and the
/// three in memory within 96 MiB.
pub(crate) const PACK_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Frames in a pack, at most: bounds its index to some 5 MiB of memory, however small the frames are.
const PACK_FRAMES_MAX: u32 = 64 * 1024;

/// A pack being filled, in one buffer of [`PACK_BYTES_MAX`].
#[derive(Debug)]
pub(crate) struct PackBuilder {
    seal: ObjectSeal,
    bytes: Vec<u8>,
    index: PackIndex,
    index_bytes: usize,
    frames: u32,
}

/// A whole pack; nothing can be appended.
#[derive(Debug)]
pub(crate) struct SealedPack {
    /// The object.
    pub(crate) bytes: Vec<u8>,
}

/// Bytes that one entry of the index may take beside its block hashes.
const ENTRY_BYTES_MAX: usize = 64;

impl PackBuilder {
    /// An empty pack in `buffer`, whose content is dropped.
    pub(crate) fn new(key: &DataKey, mut buffer: Vec<u8>) -> Self {
        let (header, seal) = key.begin(ObjectKind::Pack);
        buffer.clear();
        buffer.extend_from_slice(&header.encode());
        Self { seal, bytes: buffer, index: PackIndex::default(), index_bytes: 0, frames: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.frames == 0
    }

    pub(crate) fn has_room(&self, frame: &EncodedFrame<'_>) -> bool {
        let end = self.bytes.len() + frame.stored.len() + TAG_BYTES;
        self.frames < PACK_FRAMES_MAX
            && end + self.index_bytes + index_bytes(frame) + TAG_BYTES + TRAILER_BYTES <= PACK_BYTES_MAX
    }

    /// Seals `frame` behind the others and returns its number. The caller has asked for room.
    pub(crate) fn append(&mut self, frame: EncodedFrame<'_>) -> u32 {
        debug_assert!(self.has_room(&frame));
        self.index_bytes += index_bytes(&frame);
        let EncodedFrame { codec, stored, plain_bytes, digest, blocks } = frame;
        let start = self.bytes.len();
        self.bytes.extend_from_slice(stored);
        let tag = self.seal.seal(self.frames, &mut self.bytes[start..]);
        self.bytes.extend_from_slice(&tag);
        let narrow = |n: usize| u32::try_from(n).expect("a pack has at most 32 MiB");
        let (offset, stored_bytes) = (narrow(start), narrow(stored.len() + TAG_BYTES));
        let blocks = blocks.as_ref().map(FrameBlocks::view);
        self.index.push(&FrameView { offset, stored_bytes, codec, plain_bytes, digest: &digest, blocks });
        self.frames += 1;
        self.frames - 1
    }

    pub(crate) fn seal(self) -> SealedPack {
        let Self { seal, mut bytes, index, index_bytes: _, frames } = self;
        let mut sealed = index.encode();
        let tag = seal.seal(frames, &mut sealed);
        bytes.extend_from_slice(&sealed);
        bytes.extend_from_slice(&tag);
        let index_bytes = u32::try_from(sealed.len() + TAG_BYTES).expect("a pack has at most 32 MiB");
        bytes.extend_from_slice(&Trailer { index_bytes, frames }.encode());
        debug_assert!(bytes.len() <= PACK_BYTES_MAX);
        SealedPack { bytes }
    }
}

fn index_bytes(frame: &EncodedFrame<'_>) -> usize {
    ENTRY_BYTES_MAX + frame.blocks.as_ref().map_or(0, |b| b.hashes.len() * 8 + b.short.len() * 4)
}

/// Where a pack's sealed index lies: its offset and length, from the object's size and last bytes.
///
/// # Errors
/// The trailer is damaged, or points outside of the pack.
pub(crate) fn locate_index(object_bytes: u64, tail: &[u8]) -> Result<(u64, Trailer), FormatError> {
    let trailer = Trailer::decode(tail)?;
    let after = u64::from(trailer.index_bytes) + TRAILER_BYTES as u64;
    let offset = object_bytes.checked_sub(after).filter(|offset| *offset >= HEADER_BYTES as u64);
    let offset = offset.ok_or_else(|| FormatError::new("pack trailer", "it points outside of the pack"))?;
    Ok((offset, trailer))
}

/// Opens a sealed index.
///
/// # Errors
/// Its seal does not match, or it is damaged.
pub(crate) fn open_index(
    seal: &ObjectSeal,
    trailer: Trailer,
    offset: u64,
    sealed: &mut [u8],
) -> Result<PackIndex, FormatError> {
    let content =
        seal.open(trailer.frames, sealed).map_err(|e| FormatError::new("pack index", e.to_string()))?;
    PackIndex::decode(content, trailer.frames, offset)
}

/// Opens frame `number` in place and fills `content`, whose digest and blocks are compared.
///
/// # Errors
/// Seal, compression, digest or the hash of a block do not match.
pub(crate) fn open_frame(
    seal: &ObjectSeal,
    hasher: &BlockHasher,
    decompressor: &mut Decompressor,
    number: u32,
    entry: &FrameView<'_>,
    sealed: &mut [u8],
    content: &mut Vec<u8>,
) -> Result<(), FormatError> {
    let error = |problem: String| FormatError::new("frame", problem);
    let stored = seal.open(number, sealed).map_err(|e| error(e.to_string()))?;
    content.resize(usize::try_from(entry.plain_bytes).expect("a frame holds at most 1 MiB"), 0);
    decompressor.decompress(entry.codec, stored, content).map_err(|e| error(e.to_string()))?;
    match entry.blocks {
        Some(blocks) => hasher.check(content, entry.digest, blocks).map_err(error),
        None if blake3::hash(content).as_bytes() == entry.digest => Ok(()),
        None => Err(error("its content does not have the digest that the index gives".to_owned())),
    }
}

/// Opens a whole pack that lies in memory: its index, and the seal of its frames.
///
/// # Errors
/// Header, trailer or index are damaged, or it is no pack.
pub(crate) fn open_pack(
    key: &DataKey,
    header: &Header,
    pack: &mut [u8],
) -> Result<(ObjectSeal, PackIndex), FormatError> {
    if header.kind != ObjectKind::Pack {
        return Err(FormatError::new("pack", "the object is of another kind"));
    }
    let seal = key.object(header);
    let (offset, trailer) = locate_index(pack.len() as u64, pack)?;
    let start = usize::try_from(offset).expect("an offset in memory");
    let end = start + usize::try_from(trailer.index_bytes).expect("a length in memory");
    let index = open_index(&seal, trailer, offset, &mut pack[start..end])?;
    Ok((seal, index))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Compression;
    use crate::encode::{FrameEncoder, HashedBlocks};

    /// A frame that is sealed and decompresses is refused all the same when it is not what the index says: that is how
    /// memory that failed between hashing and compressing is found.
    #[test]
    fn a_well_sealed_frame_of_other_content_is_refused() {
        let key = DataKey::random();
        let hasher = BlockHasher::new(key.block_hash_key());
        let (meant, stored) = (vec![1; 8192], vec![2; 8192]);
        let open = |content: &[u8]| {
            let mut encoder = FrameEncoder::new(Compression::Zstd(1)).expect("encoder");
            let blocks = HashedBlocks::new(&[hasher.digest(&meant)], Vec::new());
            let mut builder = PackBuilder::new(&key, Vec::new());
            builder.append(encoder.data(content, blocks).expect("a frame"));
            let mut pack = builder.seal().bytes;
            let header = Header::decode(&pack).expect("a header");
            let (seal, index) = open_pack(&key, &header, &mut pack).expect("a pack");
            let entry = index.find(0).expect("a frame");
            let start = usize::try_from(entry.offset).expect("small");
            let sealed = &mut pack[start..start + usize::try_from(entry.stored_bytes).expect("small")];
            let mut decompressor = Decompressor::new().expect("decompressor");
            open_frame(&seal, &hasher, &mut decompressor, 0, &entry, sealed, &mut Vec::new())
        };
        open(&meant).expect("the content that was hashed");
        open(&stored).expect_err("other content");
    }
}
