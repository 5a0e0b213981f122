//! One set being written: its attempt, its table, and the older set it may refer to.
//!
//! The order of work is the protocol: `begin`, the packs, the table's frames, the proof of all that
//! was stored, the list of older packs, then the manifest. Dropping a writer leaves garbage, no set.

mod parent;
mod publish;

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;
use repository::{
    Ancestor, AttemptError, AttemptWriter, Begin, BeginKind, Content, EntryHead, FrameBuffers, FrameEncoder,
    Origin, PackId, Repository, StoredPath, TableError, TableWriter, Totals,
};

pub(crate) use self::parent::Parent;
pub use self::publish::SetRecord;
use crate::copy::OlderCursor;
use crate::dead_frames::DeadFrames;
use crate::file_stream::{FileStream, StreamedFile};
use crate::{BackupError, BackupRequest, EntryKind, Reuse, SourceEntry};

/// A set being written.
#[derive(Debug)]
pub struct SetWriter<'r> {
    pub(crate) repository: &'r Repository,
    pub(crate) request: BackupRequest,
    pub(crate) attempt: Arc<AttemptWriter>,
    pub(crate) table: TableWriter,
    pub(crate) parent: Option<Parent>,
    pub(crate) bad_blocks: Vec<(StoredPath, Vec<u64>)>,
    pub(crate) reused_bytes: u64,
    /// The place in the parent's table; `None` without a parent, or once its table proved damaged.
    pub(crate) older: Option<OlderCursor>,
    /// What the job's report should say beside the figures.
    pub(crate) notes: Vec<String>,
    /// Bytes that may yet be copied only to keep the set together.
    pub(crate) anew_bytes_left: u64,
    /// Packs of which nothing is referred to any more; `None` until they were looked for.
    pub(crate) sparse: Option<HashSet<PackId>>,
    pub(crate) dead: Arc<DeadFrames>,
}

impl<'r> SetWriter<'r> {
    /// Chooses the parent, writes `begin`, and opens the first pack.
    ///
    /// # Errors
    /// The repository fails.
    pub fn begin(repository: &'r Repository, request: &BackupRequest) -> Result<Self, BackupError> {
        let parent = match request.reuse {
            Reuse::Nothing => None,
            Reuse::Parent => Parent::choose(repository, &request.instance)?,
        };
        let mut dead = DeadFrames::find(repository, request)?;
        let mut ancestors = parent.as_ref().map(Parent::ancestors).unwrap_or_default();
        ancestors.extend(dead.ancestors());
        let begin =
            Begin { origin: origin(request), started: request.now, kind: BeginKind::Backup, ancestors };
        let floor = free_space_floor(repository, request)?;
        let attempt =
            repository.begin(&begin, floor).map_err(|e| BackupError::repository("begin the set", e))?;
        // A tombstone put between the choice and `begin` would let the sweep take what is referred to.
        let parent = match parent {
            Some(parent) if parent.is_live(repository)? => Some(parent),
            Some(_) | None => None,
        };
        dead.drop_buried(repository, &request.instance)?;
        let table_frames = parent.as_ref().map(Parent::table_frames).unwrap_or_default();
        let table =
            TableWriter::new(table_frames).map_err(|e| BackupError::repository("begin the file table", e))?;
        let older = match &parent {
            Some(parent) => Some(older_cursor(parent)?),
            None => None,
        };
        Ok(Self {
            repository,
            request: request.clone(),
            attempt: Arc::new(attempt),
            table,
            parent,
            bad_blocks: Vec::new(),
            reused_bytes: 0,
            older,
            notes: Vec::new(),
            anew_bytes_left: 0,
            sparse: None,
            dead: Arc::new(dead),
        })
    }

    /// The set compared with, if any.
    pub fn parent(&self) -> Option<Ancestor> {
        self.parent.as_ref().map(Parent::ancestor)
    }

    /// Tells the set how large the source is: a tenth of it may be copied only to keep the set together.
    pub fn plan(&mut self, bytes_planned: u64) {
        self.anew_bytes_left = bytes_planned / 10;
    }

    /// What the job's report should say beside the figures.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Blocks that failed their check so far, by file.
    pub fn bad_blocks(&self) -> &[(StoredPath, Vec<u64>)] {
        &self.bad_blocks
    }

    /// A file whose content arrives while others are copied. It goes into the table later, in its order.
    ///
    /// # Errors
    /// The compression library has no memory.
    pub fn file_stream(&self) -> Result<FileStream, BackupError> {
        let hasher = self.repository.new_block_hasher();
        Ok(FileStream::new(Arc::clone(&self.attempt), hasher, self.encoder()?))
    }

    /// Sees that everything written so far is durably stored.
    ///
    /// # Errors
    /// The store fails.
    pub fn flush(&self) -> Result<(), BackupError> {
        self.attempt.flush().map_err(BackupError::attempt)
    }

    /// Adds a file that arrived as a stream.
    ///
    /// # Errors
    /// The entry is out of order, or the store fails.
    pub fn add_streamed(&mut self, entry: &SourceEntry, file: &StreamedFile) -> Result<(), BackupError> {
        let pushed = self.table.push_file(&self.attempt, head(entry), file.bytes(), file.runs(), None);
        pushed.map_err(BackupError::table)
    }

    /// Adds a small file of this content.
    ///
    /// # Errors
    /// The entry is out of order, or the store fails.
    pub fn add_bytes(&mut self, entry: &SourceEntry, bytes: &[u8]) -> Result<(), BackupError> {
        let mut stream = self.file_stream()?;
        stream.write(bytes)?;
        let file = stream.finish()?;
        self.add_streamed(entry, &file)
    }

    /// Adds a folder or a symbolic link.
    ///
    /// # Errors
    /// The entry is out of order, or the store fails.
    ///
    /// # Panics
    /// The entry is a file.
    pub fn add_entry(&mut self, entry: &SourceEntry) -> Result<(), BackupError> {
        let content = match &entry.kind {
            EntryKind::Directory => Content::Directory,
            EntryKind::Symlink { target } => Content::Symlink { target: target.clone() },
            EntryKind::File { .. } => unreachable!("files are added with their content"),
        };
        self.table.push(&self.attempt, head(entry), content).map_err(BackupError::table)
    }

    /// Sums so far; what only publishing knows is 0.
    pub fn totals(&self) -> Totals {
        let new_bytes = self.attempt.pack_sizes().iter().map(|bytes| u64::from(*bytes)).sum();
        Totals {
            new_frames: self.attempt.frames(),
            new_bytes,
            reused_bytes: self.reused_bytes,
            ..Totals::default()
        }
    }

    pub(crate) fn encoder(&self) -> Result<FrameEncoder, BackupError> {
        let encoder = FrameEncoder::new(self.request.compression);
        encoder.map_err(|e| BackupError::repository("prepare the compression", e))
    }
}

fn older_cursor(parent: &Parent) -> Result<OlderCursor, BackupError> {
    let entries = parent.set().entries().map_err(|e| BackupError::repository("read the parent set", e))?;
    let buffers = FrameBuffers::new().map_err(|e| BackupError::repository("prepare the compression", e))?;
    Ok(OlderCursor::new(entries, buffers))
}

pub(crate) fn head(entry: &SourceEntry) -> EntryHead {
    let SourceEntry { path, kind: _, mode, owner, group } = entry;
    EntryHead { path: path.clone(), mode: *mode, owner: *owner, group: *group }
}

pub(crate) fn origin(request: &BackupRequest) -> Origin {
    Origin {
        instance: request.instance.clone(),
        set: request.set,
        attempt: request.attempt,
        job: request.job,
        epoch: request.epoch,
        catalog: request.catalog,
    }
}

/// The room that must be left in the repository; `None` where it has no end or the floor is off.
fn free_space_floor(repository: &Repository, request: &BackupRequest) -> Result<Option<u64>, BackupError> {
    const FLOOR_BYTES: u64 = 1 << 30;
    let space = repository
        .store()
        .space()
        .map_err(|e| BackupError::repository("measure the repository's space", e))?;
    Ok(match (request.free_space_floor_bytes, space) {
        (Some(0), _) | (_, None) => None,
        (Some(bytes), Some(_)) => Some(bytes),
        (None, Some(space)) => Some(FLOOR_BYTES.max(space.total_bytes / 50)),
    })
}

impl BackupError {
    pub(crate) fn repository(action: &str, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Repository { action: action.to_owned(), source: Box::new(source) }
    }

    pub(crate) fn attempt(error: AttemptError) -> Self {
        if let AttemptError::NoSpace { location, free_bytes, floor_bytes } = error {
            return Self::NoSpace { location, free_bytes, floor_bytes };
        }
        Self::repository("store what was read", error)
    }

    pub(crate) fn table(error: TableError) -> Self {
        if let TableError::Attempt(error) = error {
            return Self::attempt(error);
        }
        Self::repository("write the file table", error)
    }
}

/// The moments that a set records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetTimes {
    /// When the copy began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// The moment the set restores to.
    pub consistent: Timestamp,
}
