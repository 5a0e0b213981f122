//! Proving: a pack fetched back from the medium, its seals, compression and hashes checked.

use blobstore::{ObjectKey, StoreError};

use crate::codec::Decompressor;
use crate::encode::BlockHasher;
use crate::format::bytes::FormatError;
use crate::format::header::Header;
use crate::format::pack_index::FrameView;
use crate::pack::{PACK_BYTES_MAX, open_frame, open_pack};
use crate::seal::{ObjectSeal, SealError};
use crate::{Repository, RepositoryError};

/// How much of a pack is proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Every frame's seal; every n-th frame's content too. What a job does with what it stored.
    Sample(u32),
    /// Every frame's seal, content and block hashes.
    Everything,
}

/// A pack that was read whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackProof {
    /// Its size.
    pub bytes: u64,
    /// Its frames.
    pub frames: u32,
    /// Those that are broken, with the problem.
    pub broken: Vec<(u32, String)>,
}

impl Repository {
    /// Reads a pack from the medium and proves it. Broken frames are listed, not an error.
    ///
    /// # Errors
    /// The pack is absent, or its header, trailer or index is damaged: then nothing in it can be found.
    pub fn prove_pack(&self, object: &ObjectKey, depth: Depth) -> Result<PackProof, RepositoryError> {
        let mut bytes = match self.store().get_from_medium(object, PACK_BYTES_MAX as u64) {
            Ok(bytes) => bytes,
            Err(StoreError::Absent { .. }) => {
                return Err(RepositoryError::Absent { what: object.to_string() });
            }
            Err(error) => return Err(error.into()),
        };
        let damaged = |source: FormatError| RepositoryError::Damaged { object: object.clone(), source };
        let header = Header::decode(&bytes).map_err(damaged)?;
        let key = self.key(header.key)?;
        let (seal, index) = open_pack(&key, &header, &mut bytes).map_err(damaged)?;
        let hasher = BlockHasher::new(key.block_hash_key());
        let decompressor = Decompressor::new();
        let decompressor =
            decompressor.map_err(|source| RepositoryError::Compress { what: "nothing yet", source })?;
        let mut check = FrameCheck { seal, hasher, decompressor, content: Vec::new() };
        let mut broken = Vec::new();
        for (entry, number) in index.frames().zip(0..) {
            let start = usize::try_from(entry.offset).expect("an offset in memory");
            let length = usize::try_from(entry.stored_bytes).expect("a length in memory");
            let sealed = &mut bytes[start..start + length];
            if let Err(problem) = check.frame(number, &entry, sealed, depth) {
                broken.push((number, problem));
            }
        }
        Ok(PackProof { bytes: bytes.len() as u64, frames: index.frame_count(), broken })
    }
}

struct FrameCheck {
    seal: ObjectSeal,
    hasher: BlockHasher,
    decompressor: Decompressor,
    content: Vec<u8>,
}

impl FrameCheck {
    fn frame(
        &mut self,
        number: u32,
        entry: &FrameView<'_>,
        sealed: &mut [u8],
        depth: Depth,
    ) -> Result<(), String> {
        let whole = match depth {
            Depth::Everything => true,
            Depth::Sample(every) => number.is_multiple_of(every),
        };
        if !whole {
            return self.seal.open(number, sealed).map(|_| ()).map_err(|e: SealError| e.to_string());
        }
        let Self { seal, hasher, decompressor, content } = self;
        open_frame(seal, hasher, decompressor, number, entry, sealed, content).map_err(|e| e.problem)
    }
}
