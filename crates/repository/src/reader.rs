//! Reading frames of any attempt, with a bounded cache of pack indexes.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Mutex};

use blobstore::ObjectKey;

use crate::codec::Decompressor;
use crate::encode::BlockHasher;
use crate::format::bytes::FormatError;
use crate::format::frame::{AttemptName, BlockHash, FrameId, PackId};
use crate::format::header::{HEADER_BYTES, Header, ObjectKind};
use crate::format::pack_index::{PackIndex, TRAILER_BYTES};
use crate::pack::{locate_index, open_frame, open_index};
use crate::seal::ObjectSeal;
use crate::{AttemptId, BackupSetId, DataKeyId, InstanceId, Place, Repository, RepositoryError};

/// Indexes kept in memory. One of a full pack of compressible data is some 100 KiB.
const INDEX_CACHE_BYTES: usize = 32 * 1024 * 1024;
/// The same for a reader that goes through a set in order and rarely comes back.
const ORDERED_CACHE_BYTES: usize = 4 * 1024 * 1024;

/// Reads frames of one instance. Used by many threads at once.
#[derive(Debug)]
pub struct FrameReader {
    repository: Repository,
    instance: InstanceId,
    /// The set that each attempt was to make, which is part of its folder's name.
    sets: HashMap<AttemptId, BackupSetId>,
    cache: Mutex<IndexCache>,
}

#[derive(Debug)]
struct IndexCache {
    packs: HashMap<PackId, Arc<OpenPack>>,
    order: VecDeque<PackId>,
    bytes: usize,
    bytes_max: usize,
}

/// A pack whose header and index were read and checked.
#[derive(Debug)]
pub struct OpenPack {
    object: ObjectKey,
    seal: ObjectSeal,
    key: DataKeyId,
    hasher: BlockHasher,
    index: PackIndex,
}

impl OpenPack {
    /// The frames.
    pub fn index(&self) -> &PackIndex {
        &self.index
    }

    /// The data key, on which block hashes depend.
    pub fn key(&self) -> DataKeyId {
        self.key
    }

    /// Hashes of some consecutive blocks of a frame; `None` when it has no such blocks.
    pub fn hashes(&self, frame: u32, blocks: Range<usize>) -> Option<&[BlockHash]> {
        self.index.find(frame)?.blocks?.hashes.get(blocks)
    }
}

impl FrameReader {
    pub(crate) fn new(
        repository: Repository,
        instance: InstanceId,
        sets: HashMap<AttemptId, BackupSetId>,
    ) -> Self {
        Self { repository, instance, sets, cache: Mutex::new(IndexCache::new(INDEX_CACHE_BYTES)) }
    }

    /// Another reader of the same, with a small cache of its own.
    pub(crate) fn in_order(&self) -> Self {
        let Self { repository, instance, sets, cache: _ } = self;
        let cache = Mutex::new(IndexCache::new(ORDERED_CACHE_BYTES));
        Self { repository: repository.clone(), instance: instance.clone(), sets: sets.clone(), cache }
    }

    /// The set that an attempt was to make; `None` for one that is not referred to.
    pub fn set_of(&self, attempt: AttemptId) -> Option<BackupSetId> {
        self.sets.get(&attempt).copied()
    }

    /// The object of a pack.
    ///
    /// # Errors
    /// Its attempt is not referred to.
    pub fn object(&self, pack: PackId) -> Result<ObjectKey, RepositoryError> {
        let set = self.sets.get(&pack.attempt);
        let what = || format!("attempt {}, to which the set refers without naming it,", pack.attempt);
        let set = *set.ok_or_else(|| RepositoryError::Absent { what: what() })?;
        let name = AttemptName { set, attempt: pack.attempt };
        Ok(Place { instance: self.instance.clone(), name }.pack(pack.number))
    }

    /// The pack's index, from the cache or the store.
    ///
    /// # Errors
    /// The pack is absent or damaged.
    pub fn pack(&self, pack: PackId) -> Result<Arc<OpenPack>, RepositoryError> {
        if let Some(found) = self.cache().packs.get(&pack) {
            return Ok(Arc::clone(found));
        }
        let opened = Arc::new(self.open(pack)?);
        let mut cache = self.cache();
        cache.insert(pack, &opened);
        Ok(opened)
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, IndexCache> {
        self.cache.lock().expect("no thread panics while it holds the cache")
    }

    fn open(&self, pack: PackId) -> Result<OpenPack, RepositoryError> {
        let object = self.object(pack)?;
        let store = self.repository.store();
        let damaged = |source: FormatError| RepositoryError::Damaged { object: object.clone(), source };
        let size =
            store.size(&object)?.ok_or_else(|| RepositoryError::Absent { what: object.to_string() })?;
        let short = || damaged(FormatError::new("pack", "it is shorter than any pack"));
        let tail_start = size.checked_sub(TRAILER_BYTES as u64).filter(|s| *s >= HEADER_BYTES as u64);
        let tail = store.get_range(&object, tail_start.ok_or_else(short)?..size)?;
        let (offset, trailer) = locate_index(size, &tail).map_err(damaged)?;
        let header = Header::decode(&store.get_range(&object, 0..HEADER_BYTES as u64)?).map_err(damaged)?;
        if header.kind != ObjectKind::Pack {
            return Err(damaged(FormatError::new("pack", "the object is of another kind")));
        }
        let key = self.repository.key(header.key)?;
        let seal = key.object(&header);
        let mut sealed = store.get_range(&object, offset..offset + u64::from(trailer.index_bytes))?;
        let index = open_index(&seal, trailer, offset, &mut sealed).map_err(damaged)?;
        let hasher = BlockHasher::new(key.block_hash_key());
        Ok(OpenPack { object, seal, key: header.key, hasher, index })
    }

    /// Reads some frames that lie one after the other in a pack, in one request, and gives each
    /// content to `take`.
    ///
    /// # Errors
    /// Absent or damaged; `take` has had the frames before.
    pub fn read_frames<E: From<RepositoryError>>(
        &self,
        pack: PackId,
        frames: Range<u32>,
        buffers: &mut FrameBuffers,
        mut take: impl FnMut(u32, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let opened = self.pack(pack)?;
        let absent = |number| RepositoryError::Absent { what: FrameId { pack, number }.to_string() };
        let first = opened.index.find(frames.start).ok_or_else(|| absent(frames.start))?;
        let last = frames.end.saturating_sub(1);
        let last = opened.index.find(last).ok_or_else(|| absent(last))?;
        let range = u64::from(first.offset)..u64::from(last.offset) + u64::from(last.stored_bytes);
        let mut stored =
            self.repository.store().get_range(&opened.object, range).map_err(RepositoryError::from)?;
        let mut rest = stored.as_mut_slice();
        for number in frames {
            let entry = opened.index.find(number).ok_or_else(|| absent(number))?;
            let length = usize::try_from(entry.stored_bytes).expect("a length in memory");
            let (sealed, behind) = rest.split_at_mut(length);
            rest = behind;
            let FrameBuffers { decompressor, content } = &mut *buffers;
            let OpenPack { seal, hasher, .. } = &*opened;
            open_frame(seal, hasher, decompressor, number, &entry, sealed, content).map_err(
                |mut source| {
                    source.problem = format!("{}: {}", FrameId { pack, number }, source.problem);
                    RepositoryError::Damaged { object: opened.object.clone(), source }
                },
            )?;
            take(number, content)?;
        }
        Ok(())
    }

    /// Reads one frame.
    ///
    /// # Errors
    /// Absent or damaged.
    pub fn read_frame(&self, frame: FrameId, buffers: &mut FrameBuffers) -> Result<Vec<u8>, RepositoryError> {
        let mut out = Vec::new();
        self.read_frames(frame.pack, frame.number..frame.number + 1, buffers, |_, content| {
            out = content.to_vec();
            Ok::<(), RepositoryError>(())
        })?;
        Ok(out)
    }
}

impl IndexCache {
    fn new(bytes_max: usize) -> Self {
        Self { packs: HashMap::new(), order: VecDeque::new(), bytes: 0, bytes_max }
    }

    fn insert(&mut self, pack: PackId, opened: &Arc<OpenPack>) {
        if self.packs.insert(pack, Arc::clone(opened)).is_some() {
            return;
        }
        self.order.push_back(pack);
        self.bytes += opened.index.memory_bytes();
        while self.bytes > self.bytes_max && self.order.len() > 1 {
            let oldest = self.order.pop_front().and_then(|oldest| self.packs.remove(&oldest));
            self.bytes -= oldest.map_or(0, |oldest| oldest.index.memory_bytes());
        }
    }
}

/// One thread's buffers for reading frames.
#[derive(Debug)]
pub struct FrameBuffers {
    decompressor: Decompressor,
    content: Vec<u8>,
}

impl FrameBuffers {
    /// # Errors
    /// The compression library has no memory.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self { decompressor: Decompressor::new()?, content: Vec::new() })
    }
}
