//! The pipeline's own limit: the frames of a data directory, already in memory, through hashing,
//! compression and sealing into packs that nobody keeps.

use std::fs;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use blobstore::{BlobStore, Listing, ObjectKey, Space, StoreError};
use jiff::Timestamp;
use repository::{
    AttemptId, BLOCK_BYTES, BackupJobId, BackupSetId, Begin, BeginKind, CatalogId, Compression,
    FRAME_BYTES_MAX, FencingEpoch, FrameEncoder, HashedBlocks, KeySecret, Origin, Repository,
};

/// Content kept in memory; enough that start and end do not count.
const CONTENT_BYTES_MAX: usize = 1536 * 1024 * 1024;

/// What was measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    bytes: u64,
    stored_bytes: u64,
    seconds: f64,
}

impl Limit {
    /// Content per second, in 10⁶ bytes.
    pub(crate) fn megabytes_per_second(&self) -> f64 {
        as_f64(self.bytes) / 1e6 / self.seconds
    }

    /// Packs' bytes over content's bytes.
    pub(crate) fn stored_share(&self) -> f64 {
        as_f64(self.stored_bytes) / as_f64(self.bytes)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn as_f64(bytes: u64) -> f64 {
    bytes as f64
}

/// Measures the limit over the files below `root`.
pub(crate) fn measure(root: &Path, threads: NonZeroUsize, level: i32) -> anyhow::Result<Limit> {
    let frames = load(root)?;
    let store = Arc::new(Discarding::default());
    let catalog = CatalogId::random();
    let repository =
        Repository::create(store.clone(), KeySecret::random_file(), catalog, Timestamp::UNIX_EPOCH)?;
    let number = |n| BackupSetId::new(n).expect("small");
    let origin = Origin {
        instance: "bench".parse()?,
        set: number(1),
        attempt: AttemptId::random(),
        job: BackupJobId::new(1).expect("small"),
        epoch: FencingEpoch::new(1),
        catalog,
    };
    let begin =
        Begin { origin, started: Timestamp::UNIX_EPOCH, kind: BeginKind::Backup, ancestors: Vec::new() };
    let attempt = repository.begin(&begin, None)?;
    let next = AtomicUsize::new(0);
    let start = Instant::now();
    std::thread::scope(|scope| {
        let work = || -> anyhow::Result<()> {
            let hasher = repository.new_block_hasher();
            let mut encoder = FrameEncoder::new(Compression::Zstd(level))?;
            while let Some(frame) = frames.get(next.fetch_add(1, Ordering::Relaxed)) {
                let digests: Vec<_> = frame.chunks(BLOCK_BYTES).map(|block| hasher.digest(block)).collect();
                attempt.append(encoder.data(frame, HashedBlocks::new(&digests, Vec::new()))?)?;
            }
            Ok(())
        };
        let threads: Vec<_> = (0..threads.get()).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("no panic"))
    })?;
    attempt.flush()?;
    let seconds = start.elapsed().as_secs_f64();
    let stored_bytes = attempt.pack_sizes().iter().map(|bytes| u64::from(*bytes)).sum();
    Ok(Limit { bytes: frames.iter().map(|frame| frame.len() as u64).sum(), stored_bytes, seconds })
}

/// Reads whole blocks of the files below `root`, in frames.
fn load(root: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut folders = vec![root.join("base")];
    let mut files: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() { folders.push(entry.path()) } else { files.push(entry.path()) }
        }
    }
    files.sort();
    let mut frames = Vec::new();
    let mut loaded = 0;
    // Spread over all files, so that what is kept is like the whole.
    let total: u64 = files.iter().filter_map(|file| Some(file.metadata().ok()?.len())).sum();
    let keep_of_ten = (CONTENT_BYTES_MAX as u64 * 10 / total.max(1)).clamp(1, 10);
    for file in files {
        let content = fs::read(&file)?;
        for (frame, number) in content.chunks(FRAME_BYTES_MAX).zip(0u64..) {
            let whole = frame.len() / BLOCK_BYTES * BLOCK_BYTES;
            if whole > 0 && number % 10 < keep_of_ten && loaded < CONTENT_BYTES_MAX {
                loaded += whole;
                frames.push(frame[..whole].to_vec());
            }
        }
    }
    Ok(frames)
}

/// A store that keeps nothing but what a repository needs to open.
#[derive(Debug, Default)]
struct Discarding {
    kept: std::sync::Mutex<std::collections::BTreeMap<ObjectKey, Vec<u8>>>,
}

impl Discarding {
    fn absent(key: &ObjectKey) -> StoreError {
        StoreError::Absent { key: key.clone(), location: "nowhere".to_owned() }
    }
}

impl BlobStore for Discarding {
    fn put(&self, key: &ObjectKey, parts: &[&[u8]]) -> Result<(), StoreError> {
        if !key.as_str().contains("/pack-") {
            self.kept.lock().expect("not poisoned").insert(key.clone(), parts.concat());
        }
        Ok(())
    }

    fn get(&self, key: &ObjectKey, _bytes_max: u64) -> Result<Vec<u8>, StoreError> {
        self.kept.lock().expect("not poisoned").get(key).cloned().ok_or_else(|| Self::absent(key))
    }

    fn get_range(&self, key: &ObjectKey, _range: Range<u64>) -> Result<Vec<u8>, StoreError> {
        Err(Self::absent(key))
    }

    fn get_from_medium(&self, key: &ObjectKey, bytes_max: u64) -> Result<Vec<u8>, StoreError> {
        self.get(key, bytes_max)
    }

    fn size(&self, key: &ObjectKey) -> Result<Option<u64>, StoreError> {
        Ok(self.kept.lock().expect("not poisoned").get(key).map(|bytes| bytes.len() as u64))
    }

    fn list(&self, _prefix: &str, _after: Option<&ObjectKey>) -> Result<Listing, StoreError> {
        Ok(Listing { entries: Vec::new(), more: false })
    }

    fn list_folder(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let kept = self.kept.lock().expect("not poisoned");
        let prefix = format!("{prefix}/");
        Ok(kept.keys().filter_map(|key| key.as_str().strip_prefix(&prefix).map(str::to_owned)).collect())
    }

    fn delete(&self, _key: &ObjectKey) -> Result<(), StoreError> {
        Ok(())
    }

    fn space(&self) -> Result<Option<Space>, StoreError> {
        Ok(None)
    }

    fn clock_seconds(&self) -> Result<u64, StoreError> {
        Ok(0)
    }

    fn location(&self) -> String {
        "nowhere".to_owned()
    }
}
