//! The data directory of a running cluster, read on its own host.
//!
//! ```text
//! config/<absolute path>      settings files that lie elsewhere
//! data/<path>                 the data directory
//! tablespace/<oid>/<path>     what the links in pg_tblspc lead to: this server's own folder there, no other
//! ```
//!
//! `wal/` and `written-last/` are not here: they come from the server, when the copy is done.
//!
//! - Files are listed and read while the server changes them. What is dropped meanwhile is left out; what grows is
//!   copied up to the size that it had when opened; WAL makes it whole again.
//! - Links are followed: a set holds what they lead to. A link that leads into the data directory, to a place that
//!   another link leads to, or to a folder around it, is refused, for its content would be there twice or without end.
//!   A link that leads nowhere is kept as a link.
//! - The kernel's cache is left as it is: nothing is evicted, which would slow down the server.

mod links;
mod pages;
mod walk;

use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use engine::{BadBlocks, EntryKind, Source, SourceEntry, SourceError, SourceFile};
use repository::StoredPath;

pub(crate) use links::overlap;
pub use pages::{PageChecks, SuspectPage};

use crate::exclusion::Exclusion;
use crate::settings_files::SettingsFile;
use pages::PageProof;
use walk::Walk;

/// Warnings kept of one walk; more of the same kind help nobody.
const WARNINGS_MAX: usize = 100;

/// Where a cluster's files lie, and the rules for copying them.
#[derive(Debug, Clone)]
pub struct DataDirectoryOptions {
    /// The data directory.
    pub root: PathBuf,
    /// Name of this server's folder in a tablespace, such as `PG_15_202209061`.
    pub tablespace_folder: String,
    /// What is not copied.
    pub exclusion: Exclusion,
    /// Settings files outside of the data directory.
    pub settings_files: Vec<SettingsFile>,
}

/// A data directory as a source of files.
#[derive(Debug)]
pub struct DataDirectory {
    options: DataDirectoryOptions,
    canonical_root: PathBuf,
    proof: Option<PageProof>,
    warnings: Mutex<Vec<String>>,
}

/// A tablespace, as its link shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tablespace {
    /// Its number.
    pub oid: u32,
    /// Where the link leads; `None` for one in place, a plain folder in `pg_tblspc`.
    pub location: Option<PathBuf>,
}

impl DataDirectory {
    /// The source for the cluster whose files lie as `options` say.
    ///
    /// # Errors
    /// The data directory is not there or not accessible.
    pub fn open(options: DataDirectoryOptions) -> Result<Self, SourceError> {
        let resolved = options.root.canonicalize();
        let canonical_root = resolved.map_err(|error| failure("open", &options.root, error))?;
        Ok(Self { options, canonical_root, proof: None, warnings: Mutex::default() })
    }

    /// The same source, with pages proven from here on; the backup has started.
    #[must_use]
    pub fn with_page_checks(self, checks: PageChecks) -> Self {
        Self { proof: Some(PageProof::new(checks)), ..self }
    }

    /// The tablespaces, sorted by number.
    ///
    /// # Errors
    /// `pg_tblspc` cannot be read.
    pub fn tablespaces(&self) -> Result<Vec<Tablespace>, SourceError> {
        links::tablespaces(&self.options.root)
    }

    /// What the last walk found odd.
    pub fn warnings(&self) -> Vec<String> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Pages proven so far.
    pub fn pages_checked(&self) -> u64 {
        self.proof.as_ref().map_or(0, PageProof::pages_checked)
    }

    /// Pages that did not fit their checksum, but said that they were changed after the backup's start. Below the
    /// stop position such a page is torn, and replay mends it; one that claims a position after it is garbage.
    pub fn suspect_pages(&self) -> Vec<SuspectPage> {
        self.proof.as_ref().map_or_else(Vec::new, PageProof::suspects)
    }

    /// Where the entry at `path` lies on this host.
    fn place(&self, path: &StoredPath) -> PathBuf {
        if let Some(rest) = path.within("config") {
            return Path::new("/").join(std::ffi::OsStr::from_bytes(rest));
        }
        match relative_path(path) {
            Some(relative) => self.options.root.join(std::ffi::OsStr::from_bytes(&relative)),
            None => self.options.root.clone(),
        }
    }

    fn warn(&self, text: String) {
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        if warnings.len() < WARNINGS_MAX && !warnings.contains(&text) {
            warnings.push(text);
        }
    }
}

impl Source for DataDirectory {
    fn entries(&self) -> Box<dyn Iterator<Item = Result<SourceEntry, SourceError>> + Send + '_> {
        Box::new(Walk::new(self))
    }

    fn open(&self, entry: &SourceEntry) -> Result<Option<Arc<dyn SourceFile>>, SourceError> {
        let place = self.place(&entry.path);
        let file = match File::open(&place) {
            Ok(file) => file,
            Err(error) if is_gone(&error) && !is_required(&entry.path) => return Ok(None),
            Err(error) => return Err(failure("open", &place, error)),
        };
        // Advice only: without it the kernel reads ahead less.
        let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::Sequential);
        let bytes = file.metadata().map_err(|error| failure("read the size of", &place, error))?.len();
        Ok(Some(Arc::new(OpenFile { file, bytes })))
    }

    fn prove(
        &self,
        entry: &SourceEntry,
        file: &dyn SourceFile,
        offset: u64,
        bytes: &mut [u8],
    ) -> Result<BadBlocks, SourceError> {
        let (Some(proof), EntryKind::File { .. }) = (&self.proof, &entry.kind) else {
            return Ok(BadBlocks::default());
        };
        let Some(relative) = relative_path(&entry.path) else { return Ok(BadBlocks::default()) };
        proof
            .prove(entry, &relative, file, offset, bytes)
            .map_err(|error| failure("read again", &self.place(&entry.path), error))
    }
}

/// The path in the data directory, with tablespaces reached through their links; `None` for the top and for what lies
/// elsewhere.
pub(crate) fn relative_path(path: &StoredPath) -> Option<Vec<u8>> {
    if let Some(rest) = path.within("tablespace") {
        return Some([b"pg_tblspc/".as_slice(), rest].concat());
    }
    path.within("data").map(<[u8]>::to_vec)
}

/// Files without which there is no cluster; all others may be dropped while we copy.
fn is_required(path: &StoredPath) -> bool {
    path.within("config").is_some() || path.as_bytes() == b"data/PG_VERSION"
}

/// Whether a path ended to exist: the name is gone, or a folder on the way is.
fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn failure(action: &'static str, path: &Path, source: io::Error) -> SourceError {
    SourceError { action, path: path.display().to_string(), source }
}

#[derive(Debug)]
struct OpenFile {
    file: File,
    bytes: u64,
}

impl SourceFile for OpenFile {
    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, offset + done as u64) {
                Ok(0) => break,
                Ok(bytes) => done += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests;
