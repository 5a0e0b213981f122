//! Where a backup's files come from, whatever the database.

use std::fmt::Debug;
use std::io;
use std::sync::Arc;

use repository::StoredPath;

/// The files of one backup, listed and read by the pipeline. Used by many threads at once.
pub trait Source: Send + Sync + Debug {
    /// All entries, in the order of [`StoredPath`], listed as the iterator goes on; no more than one
    /// folder's names are held. A file or folder that vanishes meanwhile is left out.
    fn entries(&self) -> Box<dyn Iterator<Item = Result<SourceEntry, SourceError>> + Send + '_>;

    /// Opens a file for reading; `None` when it is gone and may be (a dropped relation).
    ///
    /// # Errors
    /// Not readable, or gone though every source must have it.
    fn open(&self, entry: &SourceEntry) -> Result<Option<Arc<dyn SourceFile>>, SourceError>;

    /// Tests the blocks in `bytes`, which begin at `offset` of `file`; those that fail are read again
    /// into `bytes`, for a page being written while it was read is torn, not bad. What still fails is
    /// returned as it is kept: copied all the same, and reported.
    ///
    /// # Errors
    /// Reading again fails.
    fn prove(
        &self,
        entry: &SourceEntry,
        file: &dyn SourceFile,
        offset: u64,
        bytes: &mut [u8],
    ) -> Result<BadBlocks, SourceError>;
}

/// An open file of a source. Reads may come from many threads at once.
pub trait SourceFile: Send + Sync + Debug {
    /// Size when it was opened, which is how much of it is copied.
    fn bytes(&self) -> u64;

    /// Reads at `offset` until `buffer` is full or the file ends; returns the bytes read.
    ///
    /// # Errors
    /// As the operating system or server says.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
}

/// One entry of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceEntry {
    /// Its path in the set.
    pub path: StoredPath,
    /// What it is.
    pub kind: EntryKind,
    /// Permission bits.
    pub mode: u32,
    /// Numeric owner.
    pub owner: u32,
    /// Numeric group.
    pub group: u32,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// A directory.
    Directory,
    /// A file of so many bytes when it was listed.
    File {
        /// Size when listed; what counts is the size when opened.
        bytes: u64,
    },
    /// A symbolic link, kept as it is.
    Symlink {
        /// What it points to.
        target: Vec<u8>,
    },
}

/// Blocks of a file that fail their own check; block numbers count from the start of the stored file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BadBlocks(pub Vec<u64>);

/// A file of the source that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{action} {path}")]
pub struct SourceError {
    /// What was being done, as a verb.
    pub action: &'static str,
    /// The file or directory, where it lies.
    pub path: String,
    /// The cause.
    #[source]
    pub source: io::Error,
}
